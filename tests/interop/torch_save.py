#!/usr/bin/env python3
"""Checkpoints that torch.save writes, and means that torch computes; started by scripts/interop.
Prints one JSON object.

Models of random weights with the names of OLMo's old trainer are stepped by torch's AdamW and saved
as model.pt, optim.pt (keyed by names, as FSDP saves it, and by numbers) and train.pt, and as
safetensors twins. After `repro import olmo-checkpoint` every bit must be where it belongs, and
`repro merge` must give the bits of the programs by which models were averaged.
"""
import argparse
import base64
import json
import pathlib
import pickle
import random
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import save_file

LENGTH, BATCH, STEPS = 32, 4, 3
# Width, KV width, one branch of the MLP, vocabulary, layers, heads, KV heads.
SHAPES = ((8, 4, 6, 16, 2, 4, 2), (64, 64, 96, 320, 3, 4, 4))


def config(shape):
    width, _, inner, vocab, layers, heads, kv_heads = shape
    return f"""model: {{
  d_model: {width}, n_heads: {heads}, n_kv_heads: {kv_heads}, n_layers: {layers},
  mlp_hidden_size: {2 * inner}, vocab_size: {vocab}, embedding_size: {vocab},
  max_sequence_length: {LENGTH}, weight_tying: false, rope: true, rope_theta: 500000,
  attention_dropout: 0, residual_dropout: 0, embedding_dropout: 0, include_bias: false,
  layer_norm_type: rms, layer_norm_eps: 1e-6, attention_layer_norm: true, norm_after: true,
  activation_type: swiglu}}
optimizer: {{name: adamw}}
max_duration: 1ep
global_train_batch_size: {BATCH}
"""


def layout(shape):
    """Old name -> shape, and our names with their rows."""
    d, kv, f, v, layers, *_ = shape
    yield "transformer.wte.weight", (v, d), [("model.embed_tokens", v)]
    yield "transformer.ff_out.weight", (v, d), [("lm_head", v)]
    yield "transformer.ln_f.weight", (d,), [("model.norm", d)]
    for i in range(layers):
        old, new = f"transformer.blocks.{i}.", f"model.layers.{i}."
        yield (old + "att_proj.weight", (d + 2 * kv, d),
               [(new + "self_attn.q_proj", d), (new + "self_attn.k_proj", kv),
                (new + "self_attn.v_proj", kv)])
        yield old + "attn_out.weight", (d, d), [(new + "self_attn.o_proj", d)]
        yield (old + "ff_proj.weight", (2 * f, d),
               [(new + "mlp.up_proj", f), (new + "mlp.gate_proj", f)])
        yield old + "ff_out.weight", (d, f), [(new + "mlp.down_proj", d)]
        yield old + "q_norm.weight", (d,), [(new + "self_attn.q_norm", d)]
        yield old + "k_norm.weight", (kv,), [(new + "self_attn.k_norm", kv)]
        yield old + "attn_norm.weight", (d,), [(new + "post_attention_layernorm", d)]
        yield old + "ff_norm.weight", (d,), [(new + "post_feedforward_layernorm", d)]


class Trained:
    """Random weights after some steps of torch's AdamW."""

    def __init__(self, shape, seed):
        torch.manual_seed(seed)
        self.shape = shape
        self.weights = {name: torch.nn.Parameter(torch.randn(size) * 0.02)
                        for name, size, _ in layout(shape)}
        optimizer = torch.optim.AdamW(self.weights.values(), lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
        for _ in range(STEPS):
            for parameter in self.weights.values():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()
        self.optim = optimizer.state_dict()

    def optimizer_state(self, by_name):
        names = list(self.weights)
        group = dict(self.optim["param_groups"][0])
        if by_name:
            group["params"] = names
            return {"state": {names[i]: s for i, s in self.optim["state"].items()},
                    "param_groups": [group]}
        group["param_names"] = names
        return {"state": self.optim["state"], "param_groups": [group]}

    def expected(self):
        """Name of ours -> bytes."""
        names = list(self.weights)
        for name, _, parts in layout(self.shape):
            moments = self.optim["state"][names.index(name)]
            for prefix, tensor in (("", self.weights[name].detach()),
                                   ("exp_avg/", moments["exp_avg"]),
                                   ("exp_avg_sq/", moments["exp_avg_sq"])):
                at = 0
                for part, rows in parts:
                    yield f"{prefix}{part}.weight", tensor[at:at + rows].numpy().tobytes()
                    at += rows
        yield "trainer/step", np.int64(STEPS).tobytes()

    def save(self, folder, kind):
        folder.mkdir()
        (folder / "config.yaml").write_text(config(self.shape))
        model = {name: parameter.detach() for name, parameter in self.weights.items()}
        if kind == "twin":
            save_file(twin(model), folder / "model.safetensors")
            save_file(twin(self.optimizer_state(True)), folder / "optim.safetensors")
        else:
            torch.save(model, folder / "model.pt")
            torch.save(self.optimizer_state(kind == "named"), folder / "optim.pt")
        torch.save({"epoch": 0, "global_step": STEPS, "world_size": 1,
                    "global_train_tokens_seen": STEPS * BATCH * LENGTH,
                    "checkpoints": [pathlib.PosixPath("/a/step1")], "unsharded_checkpoints": [],
                    "rng": {"python": random.getstate(), "numpy": np.random.get_state(),
                            "torch": torch.random.get_rng_state()}}, folder / "train.pt")


def twin(nested, keys=()):
    """The tensors of a nested dict by pickled keys; other leaves are pickled."""
    flat = {}
    for key, value in nested.items():
        path = keys + (key,)
        if isinstance(value, dict):
            flat.update(twin(value, path))
            continue
        pickled = not isinstance(value, torch.Tensor)
        if pickled:
            value = torch.frombuffer(bytearray(pickle.dumps(value)), dtype=torch.uint8)
        name = base64.urlsafe_b64encode(pickle.dumps((path, pickled))).decode()
        flat[name] = value.contiguous()
    return flat


class Store:
    def __init__(self, programs, folder):
        self.program, self.folder = programs / "repro", folder
        self.run("init")

    def run(self, *words):
        done = subprocess.run([self.program, "-C", self.folder, *map(str, words)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{words}: {done.returncode} {done.stderr}")

    def tensors(self, model):
        out = self.folder / f"out-{model}"
        self.run("checkout", model, "-o", out, "--format", "raw")
        return {str(path.relative_to(out))[:-len(".bin")]: path.read_bytes()
                for path in out.rglob("*.bin")}


def soup(formula, tensors):
    """As OLMo's script, torch.add with alpha, and merges of Hugging Face checkpoints compute it."""
    n = len(tensors)
    if formula == "hf":
        total = tensors[0].clone()
        for tensor in tensors[1:]:
            total += tensor
        return total / n
    total = torch.zeros_like(tensors[0])
    for tensor in tensors:
        if formula == "olmo":
            total += tensor / n
        else:
            total.add_(tensor, alpha=1.0 / n)
    return total


def check_imports(store, trained, folder, label):
    different, tensors = [], 0
    for kind in ("named", "numbered", "twin"):
        source = folder / f"{label}-{kind}"
        trained.save(source, kind)
        store.run("import", "olmo-checkpoint", source)
        found = store.tensors(source.name)
        expected = dict(trained.expected())
        tensors += len(expected)
        different += [f"{source.name}: {name}" for name in expected.keys() | found.keys()
                      if expected.get(name) != found.get(name)]
    return tensors, different


def check_means(store, models, labels):
    different, tensors = [], 0
    for formula in ("olmo", "olmo-core", "hf"):
        name = f"{labels[0]}-{formula}"
        store.run("merge", *labels, "--as", formula, "--name", name)
        found = store.tensors(name)
        for old, _, parts in layout(models[0].shape):
            mean = soup(formula, [model.weights[old].detach() for model in models])
            at = 0
            for part, rows in parts:
                tensors += 1
                if found[f"{part}.weight"] != mean[at:at + rows].numpy().tobytes():
                    different.append(f"{name}: {part}")
                at += rows
    return tensors, different


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    result = {"imported_tensors": 0, "merged_tensors": 0, "different": []}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        store = Store(options.programs.resolve(), folder)
        for number, shape in enumerate(SHAPES[:1] if options.quick else SHAPES):
            models = [Trained(shape, seed) for seed in range(3)]
            for seed, model in enumerate(models):
                count, different = check_imports(store, model, folder, f"m{number}-{seed}")
                result["imported_tensors"] += count
                result["different"] += different
            labels = [f"m{number}-{seed}-named" for seed in range(3)]
            count, different = check_means(store, models, labels)
            result["merged_tensors"] += count
            result["different"] += different
    result["result"] = "failed" if result["different"] else "passed"
    print(json.dumps(result))
    return 1 if result["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
