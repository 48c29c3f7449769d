"""docs/arithmetic.md: "Sequences without loss", "Gradients", "The optimiser", "Schedules"."""
import math

import numpy as np

from exact1_bits import fma32, rn, rn64, rne32
from exact1_functions import cos64, power_int
from exact1_products import sum31, summation_order


def is_repetitive(ids, min_period, max_period, max_count):
    """instance_filter/1: whether the sequence is without loss."""
    ids = np.asarray(ids)
    for p in range(min_period, min(max_period, len(ids) // 3) + 1):
        run = 0
        for equal in (ids[p:] == ids[:-p]).tolist():
            run = run + 1 if equal else 0
            if run >= (max_count - 1) * p:
                return True
    return False


def without_loss(ids, data):
    """Of each sequence of ids [sequences, T], by the keys `data` of a config."""
    limits = (data.get("repetition_min_period", 1), data.get("repetition_max_period", 0),
              data.get("repetition_max_count", 32))
    return np.array([is_repetitive(row, *limits) for row in ids], bool)


def loss_divisor(config, num_targets):
    """N."""
    if config["loss"].get("denominator", "targets") == "positions":
        return config["train"]["batch_size"] * config["data"]["sequence_length"]
    return max(1, num_targets)


def gradient_limit(batch_size, sequence_length):
    """An addend of this size or more stops the step."""
    return 2**61 // (batch_size * sequence_length)


def gradient_groups(sequences, length, grad_group):
    """Row ranges [begin, end) of the groups, rows numbered through the sequences."""
    g = grad_group or length
    if g >= length:
        run = g // length * length
        total = sequences * length
        return [(begin, min(begin + run, total)) for begin in range(0, total, run)]
    return [(first + begin, first + min(begin + g, length))
            for first in range(0, sequences * length, length) for begin in range(0, length, g)]


def embedding_gradient(terms, ids, vocab):
    """Adds the tokens' int64 terms into the rows of their ids."""
    rows = np.zeros((vocab, terms.shape[1]), np.int64)
    for t in summation_order(range(len(ids))):
        rows[ids[t]] += terms[t]
    return rows


def gradient_norm(gradients, unit, num_tokens):
    """Global norm, binary64; the sum of squares is exact (Python integers)."""
    flat = np.concatenate([np.asarray(g).reshape(-1) for g in gradients])
    total = sum(g * g for g in summation_order(flat.tolist()))
    return math.ldexp(math.sqrt(rn64(total)), -unit) / rn64(num_tokens)


def clip_factor(norm, clip_norm):
    return rn(min(1.0, clip_norm / (norm + 1e-6))) if clip_norm else np.float32(1)


def update_constants(beta1, beta2, rate, weight_decay, t):
    """Binary32 constants of update t. ld is that of a tensor that decays."""
    return {"b1": rn(beta1), "b2": rn(beta2), "n1": rn(1 - beta1), "n2": rn(1 - beta2),
            "c1": rn(1 - power_int(beta1, t)), "c2": rn(1 - power_int(beta2, t)),
            "lr": rn(rate), "ld": rn(rate * weight_decay)}


def adamw(w, m, v, gradient, unit, num_tokens, clip, epsilon, constants):
    """(w, m, v) after the update; gradient int64 in units of 2^-unit."""
    k = constants
    g = (rne32(gradient, -unit) / rn(num_tokens)) * clip
    m = fma32(k["b1"], m, k["n1"] * g)
    v = fma32(k["b2"], v, k["n2"] * (g * g))
    mh, vh = m / k["c1"], v / k["c2"]
    w = (w - k["ld"] * w) - (k["lr"] * mh) / (np.sqrt(vh) + epsilon)
    return w, m, v


def history_value(value):
    """A loss or norm as it is kept."""
    largest = float(np.finfo(np.float32).max)
    return rn(min(max(value, -largest), largest))


def is_far_above(previous, value, sigma):
    x = np.array(previous, np.float32)
    n = np.float32(len(x))
    mean = sum31(x) / n
    d = x - mean
    deviation = np.sqrt(sum31(d * d) / (n - np.float32(1)))
    return bool(value - mean > rn(sigma) * deviation)


def skips_update(losses, norms, loss, norm, window, sigma):
    """skip_step_adamw/1; losses and norms are those kept."""
    if len(losses) < max(2, window // 2):
        return False
    return is_far_above(losses, loss, sigma) or is_far_above(norms, norm, sigma)


def olmo_cosine(peak, final_fraction, warmup, total, tokens):
    """Rate of the update that has seen `tokens`, binary64."""
    end = peak * final_fraction
    k, w, t = float(tokens), float(warmup), float(total)
    if k < w:
        return (peak * k) / w
    if k >= t:
        return end
    angle = (float.fromhex("0x1.921fb54442d18p+1") * (k - w)) / (t - w)
    return end + ((peak - end) * (1 + cos64(angle))) / 2


def learning_rate(schedule, peak, final_fraction, warmup, steps, t):
    """Rate of update t, binary64."""
    end = peak * final_fraction
    if t < warmup:
        return (peak * float(t)) / float(warmup)
    if schedule == "constant":
        return peak
    if t >= steps:
        return end
    x = float(t - warmup) / float(steps - warmup)
    if schedule == "linear":
        return peak - (peak - end) * x
    if schedule != "cosine":
        raise ValueError(f"unknown schedule {schedule}")
    return end + (peak - end) * ((1 + cos64(float.fromhex("0x1.921fb54442d18p+1") * x)) / 2)
