#!/usr/bin/env python3
"""bpe/1 against the `tokenizers` library; started by scripts/interop. Prints one JSON object.

Texts are generated (mixed_text.py), so they are the same everywhere; each tokenizer's differ by its
added tokens. Broken UTF-8 reaches the library as bytes.decode(errors="replace").
"""
import argparse
import array
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread
from tokenizers import Tokenizer  # noqa: E402

from mixed_text import MixedText  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = pathlib.Path(os.environ.get("REPRO_FIXTURES", ROOT.parent / "shared/fixtures"))
GOLDEN = ROOT / "tests/golden/tokenizer"
MOST, OTHERS, TIMED, ROUNDS = 1_000_000, 100_000, 50_000, 5
CHUNK = 20_000  # texts that the library gets at once
CODE_POINTS_A_TEXT = 256


class Encoder:
    """The program of ours, and the library, with one tokenizer."""

    def __init__(self, program, path, folder):
        self.program, self.path, self.folder = program, path, folder
        self.library = Tokenizer.from_file(str(path))
        self.added = [token.content for token in self.library.get_added_tokens_decoder().values()]

    def write(self, texts):
        path = self.folder / "texts"
        with path.open("wb") as file:
            for text in texts:
                file.write(struct.pack("<I", len(text)) + text)
        return path

    def run(self, path, *options):
        done = subprocess.run([self.program, self.path, path, *map(str, options)], check=True,
                              capture_output=True, text=True)
        return json.loads(done.stdout)

    def compare(self, texts):
        """Counts of the texts, and of those with other ids; the first of those go to stderr."""
        said = self.run(self.write(texts), "--threads", os.cpu_count(), "--output",
                        self.folder / "ids")
        ids, at, different = array.array("I"), 0, 0
        ids.frombytes((self.folder / "ids").read_bytes())
        for begin in range(0, len(texts), CHUNK):
            decoded = [text.decode(errors="replace") for text in texts[begin:begin + CHUNK]]
            for text, theirs in zip(decoded, self.library.encode_batch_fast(
                    decoded, add_special_tokens=False)):
                ours = ids[at + 1:at + 1 + ids[at]].tolist()
                at += 1 + ids[at]
                if ours != theirs.ids:
                    different += 1
                    if different <= 5:
                        print(f"{self.path.name}: {text!r}\n ours   {ours}\n theirs {theirs.ids}",
                              file=sys.stderr)
        return {"texts": len(texts), "bytes": said["bytes"], "ids": said["ids"],
                "different": different}

    def time(self, texts):
        """Seconds of a core for each MB, the least of several turns in which the programs take
        turns; they do not grow while others use the machine. Threads that wait for each other
        would show in the seconds of two threads."""
        path, decoded = self.write(texts), [text.decode(errors="replace") for text in texts]
        size = sum(map(len, texts)) / 1e6
        turns = {"ours": [], "ours_2_threads": [], "library": []}
        for _ in range(ROUNDS):
            turns["ours"].append(self.run(path)["cpu_seconds"])
            turns["ours_2_threads"].append(self.run(path, "--threads", 2)["cpu_seconds"])
            start = time.process_time()
            self.library.encode_batch_fast(decoded, add_special_tokens=False)
            turns["library"].append(time.process_time() - start)
        least = {name: min(seconds) / size for name, seconds in turns.items()}
        return {"megabytes": round(size, 3),
                "cpu_s_per_mb": {name: round(value, 4) for name, value in least.items()},
                "library_to_ours": round(least["library"] / least["ours"], 2)}


def code_point_texts():
    """Every code point among letters, digits, blanks, and after an apostrophe."""
    codes = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for begin in range(0, len(codes), CODE_POINTS_A_TEXT):
        yield "".join(f"a{c}b 1{c}2 {c}{c} '{c} {c}\n"
                      for c in codes[begin:begin + CODE_POINTS_A_TEXT]).encode()


def check(name, path, program, folder, count, seed):
    """Comparison and, for the one that gets most texts, the speed."""
    encoder = Encoder(program, path, folder)
    source = MixedText(seed, encoder.added)
    texts = [source.line() for _ in range(count)]
    result = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
              "mixed": encoder.compare(texts)}
    if seed == 0:
        plain = [source.pick([source.prose, source.code])().encode() for _ in range(TIMED)]
        result["speed"] = {"mixed": encoder.time(texts[:TIMED]), "prose and code":
                           encoder.time(plain)}
    result["code_points"] = encoder.compare(list(code_point_texts()))
    print(f"bpe: {name}: {json.dumps(result)}", file=sys.stderr, flush=True)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    paths = {name: GOLDEN / f"{name}.json" for name in ("cl100k", "llama3", "gpt2")}
    dolma2 = FIXTURES / "olmo2/allenai_dolma2.json"
    if dolma2.exists():
        paths = {"dolma2": dolma2, **paths}
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed, (name, path) in enumerate(paths.items()):
            count = (MOST if seed == 0 else OTHERS) // (50 if options.quick else 1)
            results[name] = check(name, path, options.programs / "encode_lines",
                                  pathlib.Path(folder), count, seed)
    different = sum(part["different"] for result in results.values()
                    for part in (result["mixed"], result["code_points"]))
    print(json.dumps({"result": "failed" if different else "passed", "tokenizers": results,
                      "not_there": [] if dolma2.exists() else ["dolma2"]}))


if __name__ == "__main__":
    main()
