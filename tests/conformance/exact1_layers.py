"""docs/arithmetic.md: "Row operations", "Attention", "The gradient of the logits"."""
import numpy as np

from exact1_bits import ONE, TWO, ZERO, ldexp64, rn, rne32, rne_real
from exact1_functions import exp32, log32, sigmoid32
from exact1_products import (EMPTY, block_term, check_finite, dot15, dotb_result, dotb_sums, ex,
                             exact_sum, hat, is_empty, linear_dw, q15, sum31, summation_order,
                             sumsq)

SOFTMAX_UNIT = 40  # entries of a softmax are summed in units of 2^-40
LOSS_UNIT = 30     # losses are logged in units of 2^-30


def units(x, u):
    """rne(x * 2^u) of binary32 values, as int64."""
    check_finite(x, "a term of an integer sum")
    scaled = ldexp64(x, u)
    if np.any(np.abs(scaled) >= 2.0**63):
        raise OverflowError("a term does not fit int64")
    return rne_real(scaled)


def logged_units(x):
    """Section "Logged sums": what is beyond int64 counts as its nearest end."""
    check_finite(x, "a loss")
    scaled = ldexp64(x, LOSS_UNIT)
    inside = rne_real(np.where(np.abs(scaled) < 2.0**63, scaled, 0.0))
    ends = np.iinfo(np.int64)
    return np.where(scaled >= 2.0**63, ends.max, np.where(scaled < -2.0**63, ends.min, inside))


# --- Rows ----------------------------------------------------------------------------------------

def rmsnorm(x, gain, epsilon, residual=None):
    """(y, r) of the rows of x."""
    r = ONE / np.sqrt(sumsq(x) / rn(x.shape[1]) + rn(epsilon))
    y = (x * r[:, None]) * gain
    return (y if residual is None else residual + y), r


def rmsnorm_backward(dy, x, gain, r):
    """(dx, the tokens' terms of the gain's gradient)."""
    h, xh = dy * gain, x * r[:, None]
    c = sum31(h * xh) / rn(x.shape[1])
    return r[:, None] * (h - xh * c[:, None]), dy * xh


def by_heads(x, head_dim):
    """[T, heads * H] as the two halves of each head, [T, heads, H/2] each."""
    split = x.reshape(x.shape[0], -1, 2, head_dim // 2)
    return split[:, :, 0], split[:, :, 1]


def rope(x, head_dim, cosines, sines):
    a, b = by_heads(x, head_dim)
    c, s = cosines[:, None], sines[:, None]
    return np.stack([a * c - b * s, a * s + b * c], axis=2).reshape(x.shape)


def rope_backward(x, head_dim, cosines, sines):
    a, b = by_heads(x, head_dim)
    c, s = cosines[:, None], sines[:, None]
    return np.stack([a * c + b * s, b * c - a * s], axis=2).reshape(x.shape)


def swiglu(g, u):
    return (g * sigmoid32(g)) * u


def swiglu_backward(da, g, u):
    """(dg, du)."""
    s = sigmoid32(g)
    return (da * u) * (s * (ONE + g * (ONE - s))), da * (g * s)


def row_maximum(s):
    """Maximum of each row, +0 above -0."""
    m = np.max(s, axis=-1)
    positive_zero = np.any((s == 0) & ~np.signbit(s), axis=-1)
    return np.where(m == 0, np.where(positive_zero, ZERO, -ZERO), m)


class Softmax:
    """m, p, the sum l in units, L and P of rows; entries outside `mask` are no part of a row."""

    def __init__(self, s, mask=None):
        check_finite(s, "a row of a softmax")
        mask = np.ones(s.shape, bool) if mask is None else mask
        self.m = row_maximum(np.where(mask, s, -np.float32(np.inf)))
        self.p = np.where(mask, exp32(np.where(mask, s, ZERO) - self.m[..., None]), ZERO)
        self.l = exact_sum(units(self.p, SOFTMAX_UNIT))
        self.L = rne32(self.l, -SOFTMAX_UNIT)
        self.P = self.p / np.asarray(self.L)[..., None]
        self.logsumexp = self.m + log32(self.L)


class Loss:
    """Cross-entropy of rows of logits [T, V]: loss, and what the gradient needs.

    targets [T] (where w is 0 any id), w binary32 [T], c the configured weight of the z-loss.
    """

    def __init__(self, logits, targets, w, c):
        rows, c = np.arange(len(targets)), rn(c)
        soft = Softmax(logits)
        z = self.z = soft.logsumexp
        ce = (soft.m - logits[rows, targets]) + log32(soft.L)
        loss = ce + c * (z * z)
        counted = w != 0
        self.ce_units = np.where(counted, logged_units(ce), 0)
        self.loss_units = np.where(counted, logged_units(loss), 0)
        self.correct = counted & (np.argmax(logits, axis=1) == targets)
        z2 = (TWO * c) * z
        self.f = w * (ONE + z2)
        self.B = self.f[:, None] * soft.P
        self.B[rows, targets] = ZERO
        rest = rne32(soft.l - units(soft.p[rows, targets], SOFTMAX_UNIT), -SOFTMAX_UNIT)
        self.a = w * (z2 * soft.P[rows, targets] - rest / soft.L)


# --- Attention -----------------------------------------------------------------------------------

ATTENTION_BLOCK = 128


class Head:
    """One query head of one sequence: quantised operands, and softmax of its scores.

    q, k, v: (digits [T, H], exponents [T]) each. begins [T]: the first key that query i sees.
    """

    def __init__(self, q, k, v, begins):
        self.q, self.k, self.v = q, k, v
        length, self.width = q[0].shape
        self.scale = ONE / np.sqrt(rn(self.width))
        keys = np.arange(length)
        self.visible = (keys <= keys[:, None]) & (keys >= begins[:, None])
        self.soft = Softmax(dot15(*q, *k) * self.scale, self.visible)
        self.v_bound = self.maximum_of_keys(v[1])  # UV_i

    def maximum_of_keys(self, exponent):
        """max of exponent_j over the keys that query i sees, for every i."""
        return np.max(np.where(self.visible, normal_empty(exponent)[None, :], EMPTY), axis=1)

    def maximum_of_queries(self, exponent):
        """max of exponent_i over the queries that see key j, for every j."""
        return np.max(np.where(self.visible, normal_empty(exponent)[:, None], EMPTY), axis=0)

    def forward(self):
        sums = dotb_sums(self.soft.p, self.v[1], self.v[0], self.v_bound, ATTENTION_BLOCK, True)
        return dotb_result(sums, self.v_bound) / self.soft.L[:, None]

    def set_gradient(self, d_o, o):
        """dS, and the bounds of the products of the backward pass."""
        self.d = q15(d_o)
        d_hat = hat(self.d[0], self.d[1][:, None])
        row_term = sum31(np.where(is_empty(self.d[1])[:, None], ZERO, d_hat * o))
        slope = self.soft.P * (dot15(*self.d, *self.v) - row_term[:, None])
        self.ds = np.where(self.visible, slope * self.scale, ZERO)
        g = int(np.ceil(np.log2(self.width) / 2))
        extra = self.d[1] + self.v_bound + g + 1
        self.q_bound = extra + self.maximum_of_keys(self.k[1])
        self.k_terms = extra + self.q[1]  # per query; the bound of key j is a maximum over queries

    def dq(self):
        sums = dotb_sums(self.ds, self.k[1], self.k[0], self.q_bound, ATTENTION_BLOCK, False)
        return dotb_result(sums, self.q_bound)


def normal_empty(exponent):
    return np.where(is_empty(exponent), EMPTY, exponent)


def sum_over_queries(heads, matrix, other, bounds):
    """dotB over the queries of all heads of a group: [keys, H]."""
    length = len(bounds)
    sums = 0
    for head in summation_order(heads):
        digits, exponents = other(head)
        for begin in summation_order(range(0, length, ATTENTION_BLOCK)):
            part = slice(begin, begin + ATTENTION_BLOCK)
            columns = np.transpose(matrix(head)[part])
            sums = sums + block_term(columns, exponents[part], digits[part], bounds, False)
    return dotb_result(sums, bounds)


def split_heads(x, count):
    """[T, count * H] as `count` arrays [T, H]."""
    return np.split(x, count, axis=1)


class Attention:
    """Attention of one sequence: q [T, heads * H], k and v [T, kv_heads * H].

    begins [T]: where the document of each position begins; None: there is one.
    """

    def __init__(self, q, k, v, heads, kv_heads, begins=None):
        begins = np.zeros(len(q), np.int64) if begins is None else begins
        queries = [q15(x) for x in split_heads(q, heads)]
        keys = [q15(x) for x in split_heads(k, kv_heads)]
        values = [q15(x) for x in split_heads(v, kv_heads)]
        group = heads // kv_heads
        self.heads = [Head(x, keys[h // group], values[h // group], begins)
                      for h, x in enumerate(queries)]
        self.groups = [self.heads[n * group:(n + 1) * group] for n in range(kv_heads)]

    def forward(self):
        return np.concatenate([head.forward() for head in self.heads], axis=1)

    def backward(self, d_o, o):
        """(dq, dk, dv)."""
        count = len(self.heads)
        for head, d, out in zip(self.heads, split_heads(d_o, count), split_heads(o, count)):
            head.set_gradient(d, out)
        dq = [head.dq() for head in self.heads]
        dk, dv = [], []
        for group in self.groups:
            k_bound = np.max([head.maximum_of_queries(head.k_terms) for head in group], axis=0)
            v_bound = np.max([head.maximum_of_queries(head.d[1]) for head in group], axis=0)
            dk.append(sum_over_queries(group, lambda h: h.ds, lambda h: h.q, k_bound))
            dv.append(sum_over_queries(group, lambda h: h.soft.P, lambda h: h.d, v_bound))
        return tuple(np.concatenate(parts, axis=1) for parts in (dq, dk, dv))


# --- The head ------------------------------------------------------------------------------------

VOCABULARY_BLOCK = 1024


def head_loss(logits, targets, c):
    """Loss of every token; a target of -1 is none. Weights are 1."""
    has_target = targets >= 0
    return Loss(logits, np.where(has_target, targets, 0), has_target.astype(np.float32), c)


def head_backward(loss, targets, x, w, groups, unit):
    """dX, dW in units of 2^-unit and the largest addend; x and w are Quantised."""
    has_target = targets >= 0
    rows = np.where(has_target, targets, 0)
    B = np.where(has_target[:, None], loss.B, ZERO)
    a = np.where(has_target, loss.a, ZERO)
    f = np.where(has_target, np.abs(loss.f), ZERO)
    bounds = ex(f) + np.max(w.exponents)
    bounds = normal_empty(bounds)
    sums = dotb_sums(B, w.exponents, w.digits, bounds, VOCABULARY_BLOCK, True)
    w_hat = hat(w.digits[rows], w.exponents[rows][:, None])
    dx = dotb_result(sums, bounds) + a[:, None] * w_hat
    dx = np.where(has_target[:, None], dx, ZERO)
    dw, largest = linear_dw(B, x, groups, unit)
    terms = units(a[:, None] * hat(x.digits, x.exponents[:, None]), unit)
    for t in summation_order(np.nonzero(has_target)[0]):
        dw[rows[t]] += terms[t]
    return dx, dw, max(largest, int(np.max(np.abs(terms), initial=0)))
