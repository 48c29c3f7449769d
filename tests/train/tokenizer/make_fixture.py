#!/usr/bin/env python3
"""Writes the tokenizers of tests/golden/tokenizer and the ids that the `tokenizers` library gives.

    python3 tests/train/tokenizer/make_fixture.py

Needs the version of `tokenizers` in scripts/interop-requirements.txt. Each tokenizer is trained on
generated text (tests/interop/mixed_text.py) and differs from the others in what its file has:
  cl100k  dolma2's layout: Split Removed and inverted, merges as "a b", added tokens of the model
  llama3  Split Isolated, merges as pairs, ignore_merges, added tokens beyond the model, a template
  gpt2    ByteLevel with its own regex and a prefix blank; added tokens of every kind
"""
import json
import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers import Regex

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/interop"))
from mixed_text import MixedText  # noqa: E402

GOLDEN = ROOT / "tests/golden/tokenizer"
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
EDGE_CASES = [
    b"", b" ", b"a", b"hello world", b"Hello, World!  It's 12345678 o'clock.\n\n\tYou'LL see",
    b"  two  spaces\n\nnew\tline ", b"\xff", b"a\xe2\x82",
    b"\xe2\x82\xac\xf0\x9f\x98\x80\xf0\x9f\x98",
    b"\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80", "\u1C89\uA7CB\U00016D40\U00010D40x\u0558".encode(),
    "a\u180Eb \u180E c\u0085d\u2028e".encode(), b"x" * 300, b"ab" * 200, b" " * 100 + b"x",
    b"<|endoftext|>", b"a <|endoftext|> b<|endoftext|", b"<|<|endoftext|>|>", b"unreachable",
    b" unreachable unreachables", b"<a><b><c> <a> <ab>", b"end <mask> of <mask>\n\t <mask>x",
    b"<r>   x <r>\n\n<r> <mask>", b"word aword worda word\xc3\xa9 (word) _word word", b"word",
    "\u24B6word wordx\u0301 word\u200D word\u2028".encode(), b"[N] a[N]b <a>[N]",
    b"\n\n<r>\n\nword", "\u00E9t\u00E9 et\u00E9".encode()]


def train(pre_tokenizer, seed, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    source = MixedText(seed, [])
    lines = (source.line().decode(errors="replace") for _ in range(3000))
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=size, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return json.loads(tokenizer.to_str())


def add(tokenizer, contents, in_model=False, **flags):
    size = max(tokenizer["model"]["vocab"].values()) + 1
    for content in contents:
        number = max([size - 1] + [token["id"] for token in tokenizer["added_tokens"]]) + 1
        token = {"id": number, "content": content, "single_word": False, "lstrip": False,
                 "rstrip": False, "normalized": False, "special": False, **flags}
        tokenizer["added_tokens"].append(token)
        if in_model:
            tokenizer["model"]["vocab"][content] = number


def add_unreachable(model):
    """Tokens that no merges make."""
    for token in ["unreachable", "\u0120unreachable"]:
        model["vocab"][token] = len(model["vocab"])


def make_cl100k():
    tokenizer = train(pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(CL100K), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), 1, 900)
    model = tokenizer["model"]
    model["merges"] = [" ".join(merge) for merge in model["merges"]]
    del model["ignore_merges"]
    add_unreachable(model)
    add(tokenizer, ["<|endoftext|>", "<|pad|>"], in_model=True, special=True)
    add(tokenizer, ["|||PHONE_NUMBER|||"], in_model=True)
    return tokenizer


def make_llama3():
    tokenizer = train(pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(CL100K), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]), 2, 700)
    model = tokenizer["model"]
    model["ignore_merges"] = True
    add_unreachable(model)
    add(tokenizer, ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"], special=True)
    begin = tokenizer["added_tokens"][0]
    tokenizer["post_processor"] = {"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
        {"type": "TemplateProcessing",
         "single": [{"SpecialToken": {"id": begin["content"], "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
         "special_tokens": {begin["content"]: {"id": begin["content"], "ids": [begin["id"]],
                                               "tokens": [begin["content"]]}}}]}
    return tokenizer


def make_gpt2():
    tokenizer = train(pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True), 3, 500)
    add(tokenizer, ["<|endoftext|>"], special=True)
    add(tokenizer, ["<mask>"], lstrip=True, special=True)
    add(tokenizer, ["<r>"], rstrip=True)
    add(tokenizer, ["word"], single_word=True)
    add(tokenizer, ["<a>", "<a><b>", "<b><c>", "\u00E9t\u00E9"])
    add(tokenizer, ["[N]", "a[N", "\n\n"], normalized=True)
    return tokenizer


def make_gaps(behavior, invert):
    """cl100k's vocabulary with splits that leave gaps, and a prefix blank after them."""
    tokenizer = json.loads((GOLDEN / "cl100k.json").read_text())
    tokenizer["pre_tokenizer"]["pretokenizers"] = [
        {"type": "Split", "pattern": {"Regex": r"\p{N}"}, "behavior": "Isolated", "invert": False},
        {"type": "Split", "pattern": {"Regex": r"[\p{L}\p{N}]+"}, "behavior": behavior,
         "invert": invert},
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}]
    return tokenizer


def dump(value, path):
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def cases_of(file, seed, count):
    tokenizer = Tokenizer.from_str(file)
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    source = MixedText(seed, added)
    texts = EDGE_CASES + [source.line() for _ in range(count)]
    return [{"bytes": text.hex(), "ids": tokenizer.encode(
        text.decode(errors="replace"), add_special_tokens=False).ids} for text in texts]


def main():
    GOLDEN.mkdir(exist_ok=True)
    cases = {}
    for name, make in [("cl100k", make_cl100k), ("llama3", make_llama3), ("gpt2", make_gpt2)]:
        dump(make(), GOLDEN / f"{name}.json")
        cases[name] = cases_of((GOLDEN / f"{name}.json").read_text(), 100 + len(cases), 90)
    cases["gaps removed"] = cases_of(json.dumps(make_gaps("Removed", True)), 103, 10)
    cases["gaps kept"] = cases_of(json.dumps(make_gaps("Isolated", False)), 104, 10)
    dump(cases, GOLDEN / "cases.json")


if __name__ == "__main__":
    main()
