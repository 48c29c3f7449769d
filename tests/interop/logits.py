#!/usr/bin/env python3
"""Imported and exported models against transformers; started by scripts/interop. Prints one JSON
object.

transformers makes random small Olmo2ForCausalLM and saves them as it does; `repro import hf` takes
them in. Then the log-probabilities of `repro score`, in both profiles, are compared with the
log-softmax of transformers' float32 logits, and what `repro export hf` writes is loaded again:
every tensor must have the same bits, every value of the configuration must be equal.

The difference is given as a part of the logits' spread: largest less smallest logit of a position,
of which the mean over positions is taken.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
import transformers  # noqa: E402

LIMITS = {"exact": 2e-3, "native": 1e-5}  # of the spread, by profile
TEXTS, LENGTH = 4, 96
SHAPES = {
    "mha": dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
                intermediate_size=160, vocab_size=512),
    "gqa": dict(hidden_size=96, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2,
                intermediate_size=256, vocab_size=1000),
    "wide": dict(hidden_size=512, num_hidden_layers=1, num_attention_heads=4,
                 num_key_value_heads=1, intermediate_size=1408, vocab_size=4096),
    "deep": dict(hidden_size=128, num_hidden_layers=12, num_attention_heads=2,
                 num_key_value_heads=2, intermediate_size=320, vocab_size=640),
}
# What says nothing of the model, and what transformers itself fills in when it loads.
NOT_COMPARED = {"_name_or_path", "transformers_version", "dtype", "torch_dtype"}


def make_model(shape, seed, dtype):
    torch.manual_seed(seed)
    config = transformers.Olmo2Config(
        **shape, max_position_embeddings=128, rms_norm_eps=1e-6, bos_token_id=None,
        eos_token_id=shape["vocab_size"] - 2, pad_token_id=shape["vocab_size"] - 1,
        initializer_range=0.08, tie_word_embeddings=False)
    model = transformers.Olmo2ForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)  # ones would hide a norm that is left out
    return model.to(dtype)


class Repro:
    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        self("init")

    def __call__(self, *words):
        done = subprocess.run([self.programs / "repro", *map(str, words)], cwd=self.folder,
                              env={**os.environ, "REPRO_TRAIN": str(self.programs / "repro-train")},
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"repro {' '.join(map(str, words))} ended with {done.returncode}\n"
                             f"{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def compare_scores(repro, name, folder):
    """The spread, and of each profile the largest difference of a log-probability."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.randint(model.config.vocab_size, (TEXTS, LENGTH),
                        generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = model(input_ids=ids).logits.double()
    words = [word for text in ids.tolist() for word in ("--ids", ",".join(map(str, text)))]
    theirs = logits.log_softmax(-1)[:, :-1].gather(-1, ids[:, 1:, None])[..., 0]
    spread = (logits.amax(-1) - logits.amin(-1)).mean().item()
    result = {"tokens": theirs.numel(), "spread": round(spread, 4)}
    for profile in LIMITS:
        lines = repro("score", name, *words, "--profile", profile, "--per-token", "--json")
        assert [line["profile"] for line in lines if line["type"] == "model"] == [profile]
        ours = torch.tensor([line["log_probabilities"] for line in lines
                             if line["type"] == "scored"], dtype=torch.float64)
        difference = (ours - theirs).abs().max().item()
        result[profile] = {"difference": difference, "of_spread": difference / spread}
    return result


def compare_folder(folder, exported, dtype):
    """What differs between the saved model and the exported one, as transformers loads them."""
    one, two = (transformers.AutoModelForCausalLM.from_pretrained(path, dtype="auto")
                for path in (folder, exported))
    integers = {torch.float32: torch.int32, torch.bfloat16: torch.int16}[dtype]
    left, right = one.state_dict(), two.state_dict()
    wrong = sorted(left.keys() ^ right.keys())
    for name in left.keys() & right.keys():
        same = (left[name].dtype == right[name].dtype == dtype
                and torch.equal(left[name].view(integers), right[name].view(integers)))
        wrong += [] if same else [name]
    a, b = one.config.to_dict(), two.config.to_dict()
    wrong += [f"config: {key} {a.get(key)!r} {b.get(key)!r}" for key in sorted(a.keys() | b.keys())
              if key not in NOT_COMPARED and a.get(key) != b.get(key)]
    return {"tensors": len(left), "different": wrong}


def check(repro, root, shape, seed, dtype, sharded):
    name = f"{shape}-{str(dtype).split('.')[1]}-{'shards' if sharded else 'file'}"
    folder = root / name
    make_model(SHAPES[shape], seed, dtype).save_pretrained(
        folder, **({"max_shard_size": "100KB"} if sharded else {}))
    files = len(list(folder.glob("*.safetensors")))
    assert (files > 1) == sharded, f"{name}: {files} files"
    repro("import", "hf", folder, "--name", name)
    repro("export", "hf", name, "-o", root / f"{name}-out",
          *(["--shard-size", 100000] if sharded else []))
    result = {"files": files, **compare_scores(repro, name, folder),
              "export": compare_folder(folder, root / f"{name}-out", dtype)}
    passed = (all(result[profile]["of_spread"] <= limit for profile, limit in LIMITS.items())
              and not result["export"]["different"])
    print(f"logits: {name}: {json.dumps(result)}", file=sys.stderr, flush=True)
    return name, {"result": "passed" if passed else "failed", **result}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    models = {}
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "project").mkdir()
        repro = Repro(options.programs, root / "project")
        for seed, shape in enumerate(list(SHAPES)[:2] if options.quick else SHAPES):
            for dtype in (torch.float32, torch.bfloat16):
                for sharded in (False, True):
                    name, result = check(repro, root, shape, seed, dtype, sharded)
                    models[name] = result
    failed = [name for name, result in models.items() if result["result"] != "passed"]
    print(json.dumps({
        "result": "failed" if failed else "passed", "limits_of_spread": LIMITS, "models": models}))


if __name__ == "__main__":
    main()
