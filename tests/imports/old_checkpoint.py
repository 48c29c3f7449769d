#!/usr/bin/env python3
"""Writes a checkpoint as OLMo's old trainer does, of random weights, without torch.

    old_checkpoint.py FOLDER [--twin] [--evil] [--seed N]

FOLDER/checkpoint: config.yaml, model.pt, optim.pt, train.pt (--twin: model.safetensors and
optim.safetensors instead of the first two). FOLDER/expected: NAME.bin, what each of our tensors
must be. --evil: model.pt names os.system instead of a tensor.

The pickles are Python's own: classes of the names that torch has, and the same __reduce__.
"""
import base64
import collections
import io
import json
import pathlib
import pickle
import random
import struct
import sys
import types
import zipfile

D, KV, F, V, LAYERS, STEP, BATCH, LENGTH = 8, 4, 6, 320, 2, 12, 4, 32

torch = types.ModuleType("torch")
utils = types.ModuleType("torch._utils")
torch._utils = utils
sys.modules.update({"torch": torch, "torch._utils": utils})


def make_class(name):
    made = type(name, (), {"__module__": "torch"})
    setattr(torch, name, made)
    return made


FloatStorage, ByteStorage = make_class("FloatStorage"), make_class("ByteStorage")


def _rebuild_tensor_v2(*_):
    raise NotImplementedError


_rebuild_tensor_v2.__module__ = "torch._utils"
utils._rebuild_tensor_v2 = _rebuild_tensor_v2


class Storage:
    def __init__(self, kind, data, count):
        self.kind, self.data, self.count = kind, data, count


class Tensor:
    def __init__(self, shape, data, kind=FloatStorage):
        self.shape = shape
        count = 1
        for extent in shape:
            count *= extent
        self.storage = Storage(kind, data, count)

    def strides(self):
        strides, step = [], 1
        for extent in reversed(self.shape):
            strides.insert(0, step)
            step *= extent
        return tuple(strides)

    def __reduce__(self):
        return _rebuild_tensor_v2, (self.storage, 0, tuple(self.shape), self.strides(), False,
                                    collections.OrderedDict())


class Pickler(pickle.Pickler):
    def __init__(self, file):
        super().__init__(file, protocol=2)
        self.storages = []

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        if value not in self.storages:
            self.storages.append(value)
        return ("storage", value.kind, str(self.storages.index(value)), "cpu", value.count)


def torch_save(value, path):
    body = io.BytesIO()
    pickler = Pickler(body)
    pickler.dump(value)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        name = path.stem
        archive.writestr(f"{name}/data.pkl", body.getvalue())
        archive.writestr(f"{name}/byteorder", "little")
        for i, storage in enumerate(pickler.storages):
            archive.writestr(f"{name}/data/{i}", storage.data)
        archive.writestr(f"{name}/version", "3\n")


def flatten(value, keys=()):
    for key, item in value.items():
        if isinstance(item, Tensor):
            yield (keys + (key,), False), item
        elif isinstance(item, dict):
            yield from flatten(item, keys + (key,))
        else:
            data = pickle.dumps(item, protocol=4)
            yield (keys + (key,), True), Tensor((len(data),), data, ByteStorage)


def save_twin(value, path):
    header, data = {}, b""
    for key, tensor in flatten(value):
        name = base64.urlsafe_b64encode(pickle.dumps(key, protocol=4)).decode()
        kind = "U8" if tensor.storage.kind is ByteStorage else "F32"
        header[name] = {"dtype": kind, "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(tensor.storage.data)]}
        data += tensor.storage.data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


CONFIG = f"""model:
  d_model: {D}
  n_heads: 4
  n_kv_heads: 2
  n_layers: {LAYERS}
  mlp_hidden_size: {2 * F}
  vocab_size: {V}
  embedding_size: {V}
  max_sequence_length: {LENGTH}
  weight_tying: false
  rope: true
  rope_theta: 500000
  attention_dropout: 0
  residual_dropout: 0
  embedding_dropout: 0
  include_bias: false
  layer_norm_type: rms
  layer_norm_eps: 1e-6
  attention_layer_norm: true
  norm_after: true
  activation_type: swiglu
optimizer:
  name: adamw
max_duration: 1ep
global_train_batch_size: {BATCH}
"""

# Old name -> shape, and our names with their rows.
LAYER = {"att_proj": (D + 2 * KV, D, [("self_attn.q_proj", D), ("self_attn.k_proj", KV),
                                      ("self_attn.v_proj", KV)]),
         "attn_out": (D, D, [("self_attn.o_proj", D)]),
         "ff_proj": (2 * F, D, [("mlp.up_proj", F), ("mlp.gate_proj", F)]),
         "ff_out": (D, F, [("mlp.down_proj", D)]),
         "q_norm": (D, 0, [("self_attn.q_norm", D)]),
         "k_norm": (KV, 0, [("self_attn.k_norm", KV)]),
         "attn_norm": (D, 0, [("post_attention_layernorm", D)]),
         "ff_norm": (D, 0, [("post_feedforward_layernorm", D)])}
MODEL = {"wte": (V, D, [("model.embed_tokens", V)]), "ff_out": (V, D, [("lm_head", V)]),
         "ln_f": (D, 0, [("model.norm", D)])}


def layout():
    for name, item in MODEL.items():
        yield f"transformer.{name}.weight", "", item
    for layer in range(LAYERS):
        for name, item in LAYER.items():
            yield f"transformer.blocks.{layer}.{name}.weight", f"model.layers.{layer}.", item


def draw(rng, rows, columns, prefix, parts, moment, expected):
    width = columns or 1
    values = [rng.uniform(-1, 1) if moment != "exp_avg_sq/" else rng.uniform(0, 1)
              for _ in range(rows * width)]
    at = 0
    for name, count in parts:
        part = values[at:at + count * width]
        path = expected / f"{moment}{prefix}{name}.weight.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack(f"<{len(part)}f", *part))
        at += count * width
    shape = (rows, columns) if columns else (rows,)
    return Tensor(shape, struct.pack(f"<{len(values)}f", *values))


def main():
    folder = pathlib.Path(sys.argv[1])
    checkpoint, expected = folder / "checkpoint", folder / "expected"
    checkpoint.mkdir(parents=True)
    seed = int(sys.argv[sys.argv.index("--seed") + 1]) if "--seed" in sys.argv else 7
    rng = random.Random(seed)
    model, state = collections.OrderedDict(), {}
    for name, prefix, (rows, columns, parts) in layout():
        model[name] = draw(rng, rows, columns, prefix, parts, "", expected)
        state[name] = {"step": Tensor((), struct.pack("<f", STEP))}
        for moment in ("exp_avg", "exp_avg_sq"):
            state[name][moment] = draw(rng, rows, columns, prefix, parts, moment + "/", expected)
    (expected / "trainer").mkdir()
    (expected / "trainer/step.bin").write_bytes(struct.pack("<q", STEP))
    if "--evil" in sys.argv:
        import os
        model = {"transformer.wte.weight": type("Evil", (), {
            "__reduce__": lambda self: (os.system, ("touch executed",))})()}
    optim = {"state": state, "param_groups": [
        {"params": list(state), "lr": 0.1, "betas": (0.9, 0.95), "sharded": None}]}
    (checkpoint / "config.yaml").write_text(CONFIG)
    if "--twin" in sys.argv:
        save_twin(model, checkpoint / "model.safetensors")
        save_twin(optim, checkpoint / "optim.safetensors")
    else:
        torch_save(model, checkpoint / "model.pt")
        torch_save(optim, checkpoint / "optim.pt")
    torch_save({"epoch": 0, "global_step": STEP, "global_train_tokens_seen": STEP * BATCH * LENGTH,
                "world_size": 2, "checkpoints": [pathlib.PosixPath("/a/step10")],
                "rng": {"python": random.Random(1).getstate(), "numpy": None,
                        "torch": Tensor((4,), b"abcd", ByteStorage)}}, checkpoint / "train.pt")


if __name__ == "__main__":
    main()
