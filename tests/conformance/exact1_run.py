"""Trains a run file (tests/golden/exact1/README.md, "Runs") and checks every value in it."""
import hashlib
import json
import math

import numpy as np

from exact1_bits import rn, rn64
from exact1_model import EMBEDDING, Network, forward_backward, weight_shapes
from exact1_random import (Order, batch_digest, canonical_json, initial_std, initial_tensor,
                           state_roots)
from exact1_sampling import SamplingRule, log_probability, sampling_word
from exact1_training import (adamw, clip_factor, gradient_norm, history_value, learning_rate,
                             loss_divisor, skips_update, update_constants)
from exact1_vectors import read_value

DOCUMENT_END = 256


class Mismatch(Exception):
    pass


def require(what, computed, expected):
    if computed != expected:
        raise Mismatch(f"{what}: computed {computed}, file {expected}")


def token_stream(documents):
    """byte/1: the bytes of each document, then the id 256. (ids, end offsets)."""
    ids, ends = [], []
    for text in documents:
        ids.extend(text.encode())
        ids.append(DOCUMENT_END)
        ends.append(len(ids))
    return np.array(ids, np.int64), ends


def check_dataset(run, ids, ends):
    """The data's content (docs/formats.md) has the root in the file."""
    dtype = {"uint16": "<u2", "uint32": "<u4"}[run["dataset"]["content"]["dtype"]]
    require("number of shards", len(run["dataset"]["content"]["shards"]), 1)
    shard = run["dataset"]["content"]["shards"][0]
    require("number of tokens", len(ids), shard["num_tokens"])
    require("number of documents", len(ends), shard["num_documents"])
    require("tokens", hashlib.sha256(ids.astype(dtype).tobytes()).hexdigest(), shard["tokens"])
    offsets = np.array(ends).astype("<u8").tobytes()
    require("documents", hashlib.sha256(offsets).hexdigest(), shard["documents"])
    root = hashlib.sha256(canonical_json(run["dataset"]["content"])).hexdigest()
    require("dataset root", root, run["dataset"]["root"])


class State:
    """Weights, moments and counters."""

    def __init__(self, config):
        model, self.weights = config["model"], {}
        for name, shape in weight_shapes(model).items():
            if len(shape) == 1:
                self.weights[name] = np.ones(shape, np.float32)
                continue
            values = initial_tensor(config["train"]["seed"], name, int(np.prod(shape)),
                                    initial_std(model, name, shape), float(model["init_cutoff"]))
            self.weights[name] = values.reshape(shape)
        self.m = {name: np.zeros_like(w) for name, w in self.weights.items()}
        self.v = {name: np.zeros_like(w) for name, w in self.weights.items()}
        self.step = self.batch = self.skipped = 0
        self.losses, self.norms = [], []  # of skip_step_adamw

    def tensors(self):
        moments = {f"exp_avg/{name}": m for name, m in self.m.items()}
        moments.update({f"exp_avg_sq/{name}": v for name, v in self.v.items()})
        counters = {"trainer/step": np.array([self.step], np.int64),
                    "trainer/batch": np.array([self.batch], np.int64)}
        if self.losses:
            counters.update({"trainer/losses": np.array(self.losses, np.float32),
                             "trainer/gradient_norms": np.array(self.norms, np.float32),
                             "trainer/skipped": np.array([self.skipped], np.int64)})
        return {**self.weights, **moments, **counters}

    def check(self, when, expected):
        model, state, roots = state_roots(self.tensors())
        listed = {name: root for name, root in roots.items() if not name.startswith("trainer/")}
        odd = sorted(listed.keys() ^ expected["tensors"].keys())
        require(f"{when}: names on one side only", odd, [])
        for name in sorted(listed):
            require(f"{when}: root of {name}", roots[name], expected["tensors"][name])
        require(f"{when}: model root", model, expected["model_root"])
        require(f"{when}: state root", state, expected["state_root"])


def decays(name, tensor, optimizer):
    if name == EMBEDDING:
        return optimizer["decay_embeddings"]
    return tensor.ndim > 1 or optimizer["decay_norms"]


def skip(state, config, result, norm):
    """Whether the update is left out; what is kept of the step is kept."""
    optimizer = config["optimizer"]
    if optimizer["name"] != "skip_step_adamw" or result.num_targets == 0:
        return False
    window, sigma = optimizer.get("skip_window", 128), float(optimizer.get("skip_sigma", 6))
    divisor = rn64(loss_divisor(config, result.num_targets))
    loss = history_value(math.ldexp(rn64(result.loss_sum), -30) / divisor)
    norm = history_value(norm)
    skipped = skips_update(state.losses, state.norms, loss, norm, window, sigma)
    state.losses = [*state.losses, loss][-window:]
    state.norms = [*state.norms, norm][-window:]
    state.skipped += skipped
    return skipped


def update(state, config, result):
    """One update of all parameters; (norm, rate) in binary64, and whether it was skipped."""
    optimizer, schedule, train = config["optimizer"], config["schedule"], config["train"]
    unit, count = train["gradient_unit"], loss_divisor(config, result.num_targets)
    norm = gradient_norm([result.gradients[name] for name in sorted(state.weights)], unit, count)
    clip = clip_factor(norm, float(train["clip_norm"]))
    state.step += 1
    rate = learning_rate(schedule["name"], float(optimizer["learning_rate"]),
                         float(schedule["final_fraction"]), schedule["warmup_steps"],
                         train["steps"],
                         max(state.step - schedule.get("start", 0), 1))
    if skip(state, config, result, norm):
        return norm, rate, True
    counted = state.step - state.skipped if optimizer.get("count_steps", True) else 1
    constants = update_constants(float(optimizer["beta1"]), float(optimizer["beta2"]), rate,
                                 float(optimizer["weight_decay"]), counted)
    epsilon = rn(float(optimizer["epsilon"]))
    for name, w in state.weights.items():
        used = constants if decays(name, w, optimizer) else {**constants, "ld": np.float32(0)}
        state.weights[name], state.m[name], state.v[name] = adamw(
            w, state.m[name], state.v[name], result.gradients[name], unit, count, clip, epsilon,
            used)
        if not np.all(np.isfinite(state.weights[name])):
            raise ArithmeticError(f"{name} is not finite after the update")
    return norm, rate, False


def bit_pattern(value):
    pattern = np.asarray(value).view(np.uint32 if np.asarray(value).itemsize == 4 else np.uint64)
    return f"{int(pattern):0{2 * np.asarray(value).itemsize}x}"


def document_begins(config, ends, first_token):
    """Where the document of each token of a sequence begins; zeros where attention crosses them."""
    positions = np.arange(config["data"]["sequence_length"])
    if not config["data"].get("mask_documents", False):
        return np.zeros_like(positions)
    ends = np.array([0] + ends)
    starts = ends[np.searchsorted(ends, first_token + positions, side="right") - 1]
    return np.maximum(starts - first_token, 0)


def train_step(state, config, order, stream, ends, expected):
    """One step, each value checked."""
    when = f"step {expected['step']}"
    batch, state.batch = order.next_batch(state.batch)
    require(f"{when}: batch", batch, expected["batch"])
    first = batch * order.batch_size
    samples = [[first + n, *sample] for n, sample in enumerate(order.batch(batch))]
    require(f"{when}: samples", samples, expected["samples"])
    ids = np.stack([stream[begin:begin + order.length] for *_, begin in samples])
    require(f"{when}: batch digest", batch_digest(ids), expected["batch_digest"])

    begins = np.stack([document_begins(config, ends, begin) for *_, begin in samples])
    result = forward_backward(state.weights, config, ids, begins)
    require(f"{when}: tokens", result.num_targets, expected["tokens"])
    require(f"{when}: loss sum", result.loss_sum, expected["loss_sum"])
    require(f"{when}: z-loss sum", result.z_loss_sum, expected["z_loss_sum"])
    norm, rate, skipped = update(state, config, result)
    require(f"{when}: skipped", skipped, expected.get("skipped", False))
    require(f"{when}: gradient norm", bit_pattern(np.float64(norm)), expected["grad_norm"]["bits"])
    require(f"{when}: learning rate", bit_pattern(rn(rate)), expected["learning_rate"]["bits"])
    require(f"{when}: number", state.step, expected["step"])
    state.check(when, expected)


def logits_of(state, config, tokens):
    """A row for each token, without a cache: the whole sequence is computed."""
    ids = np.array(tokens, np.int64)
    return Network(state.weights, config, np.zeros((1, len(ids)), np.int64)).logits(ids)


def continue_sequence(state, config, inference, n):
    """Sequence number n: (prompt, sample, new tokens, their log-probabilities, stop)."""
    prompt, sample = divmod(n, inference["samples"])
    rule = SamplingRule(float(read_value(inference["temperature"])), inference["top_k"],
                        float(read_value(inference["top_p"])), inference["candidates"])
    tokens, drawn, values = list(inference["prompts"][prompt]), [], []
    while True:
        row = logits_of(state, config, tokens)[-1]
        word = sampling_word(inference["seed"], n, len(tokens))
        (token,) = rule.draw(row, [word])
        tokens.append(token)
        drawn.append(token)
        values.append(log_probability(row, np.array([token]))[0][0])
        for stop, reached in (("end", token == inference["end"]),
                              ("max_tokens", len(drawn) == inference["max_tokens"]),
                              ("positions", len(tokens) == config["data"]["sequence_length"])):
            if reached:
                return prompt, sample, drawn, values, stop


def check_inference(state, config, inference):
    """What the trained model draws, and what it says of it."""
    for n, expected in enumerate(inference["sequences"]):
        prompt, sample, tokens, values, stop = continue_sequence(state, config, inference, n)
        when = f"sequence {n}"
        require(f"{when}: prompt and sample", [prompt, sample],
                [expected["prompt"], expected["sample"]])
        require(f"{when}: tokens", tokens, expected["tokens"])
        require(f"{when}: stop", stop, expected["stop"])
        require(f"{when}: log-probabilities", " ".join(map(bit_pattern, values)),
                expected["log_probabilities"]["bits"])
        text = inference["prompts"][prompt] + tokens
        rows = logits_of(state, config, text[:-1])
        units = sum(int(log_probability(row, np.array([token]))[1][0])
                    for row, token in zip(rows, text[1:]))
        require(f"{when}: score", units, inference["scores"][n])


def run(path):
    """Trains the file's steps; returns how many findings."""
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    try:
        require("schema", document.get("schema"), "repro.vectors-run/1")
        config = document["config"]
        stream, ends = token_stream(document["documents"])
        check_dataset(document, stream, ends)
        data, train = config["data"], config["train"]
        order = Order(len(stream), document["dataset"]["root"], train["seed"],
                      data["sequence_length"], data["holdout_every"], train["batch_size"],
                      data["skip_batches"])
        state = State(config)
        state.check("initial state", document["initial"])
        for expected in document["steps"]:
            train_step(state, config, order, stream, ends, expected)
            print(f"step {state.step}: {len(state.tensors())} tensors, state root "
                  f"{expected['state_root']}")
        if "inference" in document:
            check_inference(state, config, document["inference"])
            print(f"{len(document['inference']['sequences'])} sequences drawn and scored")
    except (Mismatch, ArithmeticError) as finding:  # OverflowError is an ArithmeticError
        print(f"{path}: {finding}")
        return 1
    return 0
