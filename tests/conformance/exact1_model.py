"""docs/arithmetic.md, section "OLMo 2 in exact/1": one step's forward and backward pass.

Rows are the tokens of the step's sequences, one sequence after the other.
"""
import functools

import numpy as np

from exact1_functions import rope_table
from exact1_layers import (Attention, head_backward, head_loss, rmsnorm, rmsnorm_backward, rope,
                           rope_backward, swiglu, swiglu_backward, units)
from exact1_products import Quantised, exact_sum, linear, linear_dw, linear_dx
from exact1_training import (embedding_gradient, gradient_groups, gradient_limit,
                             without_loss)

EMBEDDING, FINAL_NORM, HEAD = "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"


def is_pre_norm(model):
    return model.get("norm", "post") == "pre"


def has_qk_norm(model):
    return model.get("qk_norm", True)


def branch_norms(model):
    """Names of the norms of attention and of the feed-forward branch."""
    if is_pre_norm(model):
        return "input_layernorm", "post_attention_layernorm"
    return "post_attention_layernorm", "post_feedforward_layernorm"


def weight_shapes(model):
    """Name to shape of every weight, for a `model` of a config."""
    width, ffn, vocab = model["hidden_size"], model["intermediate_size"], model["vocab_size"]
    kv = width // model["num_heads"] * model["num_kv_heads"]
    shapes = {EMBEDDING: (vocab, width), FINAL_NORM: (width,), HEAD: (vocab, width)}
    layer = {"self_attn.q_proj": (width, width), "self_attn.k_proj": (kv, width),
             "self_attn.v_proj": (kv, width), "self_attn.o_proj": (width, width),
             "mlp.gate_proj": (ffn, width), "mlp.up_proj": (ffn, width),
             "mlp.down_proj": (width, ffn)}
    layer.update({name: (width,) for name in branch_norms(model)})
    if has_qk_norm(model):
        layer.update({"self_attn.q_norm": (width,), "self_attn.k_norm": (kv,)})
    for n in range(model["num_layers"]):
        shapes.update({f"model.layers.{n}.{name}.weight": s for name, s in layer.items()})
    return shapes


class Gradients:
    """Gradients of all parameters, int64 in units of 2^-unit."""

    def __init__(self, unit, groups, limit):
        self.unit, self.groups, self.limit = unit, groups, limit
        self.by_name = {}

    def check(self, name, largest):
        if largest >= self.limit:
            raise OverflowError(f"the gradient of {name} has an addend of {largest} units")

    def add_map(self, names, sizes, dy, x):
        """Of linear maps with one input: dy holds their outputs side by side."""
        total, largest = linear_dw(dy, x, self.groups, self.unit)
        self.check(names[0], largest)
        self.by_name.update(zip(names, np.split(total, np.cumsum(sizes)[:-1])))

    def token_terms(self, name, terms):
        terms = units(terms, self.unit)
        self.check(name, int(np.max(np.abs(terms))))
        return terms

    def add_gain(self, name, terms):
        self.by_name[name] = exact_sum(self.token_terms(name, terms), axis=0)

    def add_embedding(self, dh, ids, vocab):
        self.by_name[EMBEDDING] = embedding_gradient(self.token_terms(EMBEDDING, dh), ids, vocab)


class Maps:
    """Linear maps that share an input, as one map with concatenated outputs."""

    def __init__(self, weights, *names):
        self.names = [f"{name}.weight" for name in names]
        self.sizes = [weights[name].shape[0] for name in self.names]
        self.w = Quantised(np.concatenate([weights[name] for name in self.names]))

    def forward(self, x):
        """The outputs of each map."""
        self.x = Quantised(x)
        return np.split(linear(self.x, self.w), np.cumsum(self.sizes)[:-1], axis=1)

    def backward(self, gradients, *dy):
        dy = np.concatenate(dy, axis=1)
        gradients.add_map(self.names, self.sizes, dy, self.x)
        return linear_dx(dy, self.w)


class Norm:
    def __init__(self, weights, epsilon, name):
        self.name, self.gain, self.epsilon = f"{name}.weight", weights[f"{name}.weight"], epsilon

    def forward(self, x, residual=None):
        self.x = x
        y, self.r = rmsnorm(x, self.gain, self.epsilon, residual)
        return y

    def backward(self, gradients, dy):
        dx, terms = rmsnorm_backward(dy, self.x, self.gain, self.r)
        gradients.add_gain(self.name, terms)
        return dx


class Branch:
    """What stands between the residual stream and a branch: the norm, before or after it."""

    def __init__(self, weights, config, name):
        self.pre = is_pre_norm(config["model"])
        self.norm = Norm(weights, float(config["model"]["rms_norm_eps"]), name)

    def forward(self, h):
        if self.pre:
            return h + self.inner(self.norm.forward(h))
        return self.norm.forward(self.inner(h), h)

    def backward(self, gradients, dh):
        if self.pre:
            return dh + self.norm.backward(gradients, self.inner_backward(gradients, dh))
        return dh + self.inner_backward(gradients, self.norm.backward(gradients, dh))


class NoNorm:
    def forward(self, x):
        return x

    def backward(self, gradients, dy):
        return dy


class AttentionBranch(Branch):
    def __init__(self, weights, config, prefix, tables, begins):
        model = config["model"]
        super().__init__(weights, config, f"{prefix}.{branch_norms(model)[0]}")
        self.heads, self.kv_heads = model["num_heads"], model["num_kv_heads"]
        self.width = model["hidden_size"] // self.heads
        self.tables, self.begins = tables, begins
        epsilon = float(model["rms_norm_eps"])
        self.qkv = Maps(weights, *(f"{prefix}.self_attn.{x}_proj" for x in "qkv"))
        self.q_norm, self.k_norm = (
            Norm(weights, epsilon, f"{prefix}.self_attn.{x}_norm") if has_qk_norm(model)
            else NoNorm() for x in "qk")
        self.o = Maps(weights, f"{prefix}.self_attn.o_proj")

    def rows(self, count):
        length = self.begins.shape[1]
        return [slice(b, b + length) for b in range(0, count, length)]

    def inner(self, x):
        q, k, v = self.qkv.forward(x)
        q = rope(self.q_norm.forward(q), self.width, *self.tables)
        k = rope(self.k_norm.forward(k), self.width, *self.tables)
        self.sequences = [Attention(q[r], k[r], v[r], self.heads, self.kv_heads, begins)
                          for r, begins in zip(self.rows(len(x)), self.begins)]
        self.out = np.concatenate([s.forward() for s in self.sequences])
        (y,) = self.o.forward(self.out)
        return y

    def inner_backward(self, gradients, dy):
        d_out = self.o.backward(gradients, dy)
        parts = [s.backward(d_out[r], self.out[r])
                 for s, r in zip(self.sequences, self.rows(len(dy)))]
        dq, dk, dv = (np.concatenate(part) for part in zip(*parts))
        dq = self.q_norm.backward(gradients, rope_backward(dq, self.width, *self.tables))
        dk = self.k_norm.backward(gradients, rope_backward(dk, self.width, *self.tables))
        return self.qkv.backward(gradients, dq, dk, dv)


class FeedForwardBranch(Branch):
    def __init__(self, weights, config, prefix):
        super().__init__(weights, config, f"{prefix}.{branch_norms(config['model'])[1]}")
        self.gate_up = Maps(weights, f"{prefix}.mlp.gate_proj", f"{prefix}.mlp.up_proj")
        self.down = Maps(weights, f"{prefix}.mlp.down_proj")

    def inner(self, x):
        self.gate, self.up = self.gate_up.forward(x)
        (y,) = self.down.forward(swiglu(self.gate, self.up))
        return y

    def inner_backward(self, gradients, dy):
        da = self.down.backward(gradients, dy)
        dg, du = swiglu_backward(da, self.gate, self.up)
        return self.gate_up.backward(gradients, dg, du)


class StepResult:
    """What a step's passes give: gradients by name, N, and the logged sums."""

    def __init__(self, gradients, loss, targets):
        self.gradients = gradients
        self.num_targets = int(np.sum(targets >= 0))
        self.loss_sum = int(exact_sum(loss.ce_units))
        self.z_loss_sum = int(exact_sum(loss.loss_units - loss.ce_units))


@functools.lru_cache(maxsize=None)
def rope_tables(theta, width, positions):
    return rope_table(theta, width, range(positions))


class Network:
    """The layers, for sequences in which documents begin where `begins` [sequences, T] says."""

    def __init__(self, weights, config, begins):
        model = config["model"]
        sequences, length = begins.shape
        width = model["hidden_size"] // model["num_heads"]
        tables = [np.tile(table[:length], (sequences, 1)) for table in
                  rope_tables(float(model["rope_theta"]), width, config["data"]["sequence_length"])]
        self.embedding, self.branches = weights[EMBEDDING], []
        for n in range(model["num_layers"]):
            prefix = f"model.layers.{n}"
            self.branches.append(AttentionBranch(weights, config, prefix, tables, begins))
            self.branches.append(FeedForwardBranch(weights, config, prefix))
        self.norm = Norm(weights, float(model["rms_norm_eps"]), "model.norm")
        self.head = Quantised(weights[HEAD])

    def logits(self, ids):
        h = self.embedding[ids]
        for branch in self.branches:
            h = branch.forward(h)
        self.x = Quantised(self.norm.forward(h))
        return linear(self.x, self.head)


def forward_backward(weights, config, ids, begins):
    """StepResult of ids [sequences, T]; token t predicts token t + 1 of its sequence.

    begins [sequences, T]: position where the document of each token begins, for attention.
    """
    sequences, length = ids.shape
    model, train = config["model"], config["train"]
    groups = gradient_groups(sequences, length, train["grad_group"])
    gradients = Gradients(train["gradient_unit"], groups,
                          gradient_limit(train["batch_size"], length))
    targets = np.concatenate([ids[:, 1:], np.full((sequences, 1), -1)], axis=1)
    targets[without_loss(ids, config["data"])] = -1
    targets = targets.reshape(-1)
    ids = ids.reshape(-1)

    network = Network(weights, config, begins)
    loss = head_loss(network.logits(ids), targets, float(config["loss"]["z_loss"]))

    dx, dw, largest = head_backward(loss, targets, network.x, network.head, groups, gradients.unit)
    gradients.check(HEAD, largest)
    gradients.by_name[HEAD] = dw
    dh = network.norm.backward(gradients, dx)
    for branch in reversed(network.branches):
        dh = branch.backward(gradients, dh)
    gradients.add_embedding(dh, ids, model["vocab_size"])
    return StepResult(gradients.by_name, loss, targets)
