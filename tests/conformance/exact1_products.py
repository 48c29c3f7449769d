"""docs/arithmetic.md, sections "Quantisation" and "Products".

Arrays of digits are float64 or int64 and hold integers. Exponents are int64; that of an empty
vector is EMPTY, so low that a maximum passes over it and that a sum with it is still recognised as
empty.
"""
import numpy as np

from exact1_bits import NAN32, ZERO, floor2, ldexp64, rn, rne32, rne_real, rne_scaled

EMPTY = -(1 << 24)
Q15_BITS, Q29_BITS = 13, 14
_reversed = False


def reverse_sums():
    """From here on every exact sum runs from the last addend to the first."""
    global _reversed
    _reversed = True


def summation_order(items):
    """The addends of an exact sum, in the order in which they are added."""
    items = list(items)
    return items[::-1] if _reversed else items


def exact_sum(values, axis=-1):
    """Sum of int64 over an axis."""
    return np.sum(np.flip(values, axis) if _reversed else values, axis=axis, dtype=np.int64)


def exact_matmul(a, b):
    """sum over k of a[..., k] * b[k, ...] of integers of at most 15 bits, as int64.

    Computed in binary64, where every partial sum in any order is an integer below 2^53.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    assert a.shape[-1] <= 1 << 24
    product = a[..., ::-1] @ b[::-1] if _reversed else a @ b
    return product.astype(np.int64)


def is_empty(exponent):
    return np.asarray(exponent) < EMPTY // 2


def check_finite(x, what="a tensor"):
    if not np.all(np.isfinite(x)):
        raise ArithmeticError(f"{what} has a value that is not finite")


# --- Quantisation --------------------------------------------------------------------------------

def ex(x):
    """ex(x) of q15; EMPTY for zeros."""
    x = np.asarray(x, np.float64)
    f = floor2(np.where(x == 0, 1.0, x))
    carried = np.rint(ldexp64(np.abs(x), Q15_BITS - f)) == 1 << 14
    return np.where(x == 0, EMPTY, f + carried)


def scaled_to_exponent(x, fold):
    """x_i * 2^(13 - E + e_i), exact in binary64, and E; vectors are along the last axis."""
    check_finite(x)
    x = np.asarray(x, np.float64)
    fold = np.broadcast_to(np.asarray(fold, np.int64), x.shape)
    kept = (x != 0) & ~is_empty(fold)
    candidates = np.where(kept, ex(x) + fold, EMPTY)
    exponent = np.max(candidates, axis=-1, initial=EMPTY)
    shift = np.where(kept, Q15_BITS - exponent[..., None] + fold, 0)
    return ldexp64(np.where(kept, x, 0.0), shift), exponent


def q15(x, fold=0):
    """(digits, E) of the vectors along the last axis, exponents `fold` added to the elements."""
    y, exponent = scaled_to_exponent(x, fold)
    return np.rint(y), exponent


def q29(x, fold=0):
    """(digits, second digits, E)."""
    y, exponent = scaled_to_exponent(x, fold)
    digits = np.rint(y)
    return digits, np.rint((y - digits) * 2.0**Q29_BITS), exponent


def hat(digits, exponent):
    """x^ = rne32(q * 2^(E - 13))."""
    return rne32(rne_real(digits), np.where(is_empty(exponent), 0, exponent) - Q15_BITS)


def q31(x):
    """(digits int64, E) of the vectors along the last axis."""
    largest = np.max(np.abs(np.asarray(x, np.float64)), axis=-1, initial=0.0)
    exponent = np.where(largest == 0, EMPTY, floor2(np.where(largest == 0, 1.0, largest)))
    shift = np.where(is_empty(exponent), 0, 29 - exponent)
    return rne_real(ldexp64(x, shift[..., None])), exponent


def sum31(x):
    """sum31 along the last axis."""
    x = np.asarray(x, np.float32)
    finite = np.all(np.isfinite(x), axis=-1)
    digits, exponent = q31(np.where(finite[..., None], x, ZERO))
    total = rne32(exact_sum(digits), np.where(is_empty(exponent), 0, exponent) - 29)
    return np.where(finite, total, NAN32)[()]


def sumsq(x):
    return sum31(x * x)


def mean31(x):
    return sum31(x) / rn(np.shape(x)[-1])


# --- Products ------------------------------------------------------------------------------------

def dot15(a, a_exponents, b, b_exponents):
    """dot15 of every row of a [m, k] with every row of b [n, k]: binary32 [m, n]."""
    total = exact_matmul(a, np.transpose(b))
    exponent = np.asarray(a_exponents)[:, None] + np.asarray(b_exponents)[None, :]
    empty = is_empty(exponent)
    return rne32(np.where(empty, 0, total), np.where(empty, 0, exponent) - 26)


def folded_product(x, fold, other):
    """rne32(S * 2^(E - 26)) for x [m, k] with exponents of the rows of `other` [k, n] folded in."""
    digits, exponent = q15(x, fold)
    safe = np.where(is_empty(exponent), 0, exponent)
    return rne32(exact_matmul(digits, other), safe[:, None] - 26)


def block_term(x, fold, other, bounds, second):
    """T_b of one block: x [m, k], other [k, n], bounds [m]; q29 if `second`."""
    if second:
        digits, low, exponent = q29(x, fold)
        total = exact_matmul(digits, other) * (1 << Q29_BITS) + exact_matmul(low, other)
        shift = exponent - bounds - 2
    else:
        digits, exponent = q15(x, fold)
        total = exact_matmul(digits, other)
        shift = exponent - bounds + 12
    skip = is_empty(exponent) | is_empty(bounds)
    return rne_scaled(np.where(skip[:, None], 0, total), np.where(skip, 0, shift)[:, None])


def dotb_sums(x, fold, other, bounds, block, second):
    """The sum of T_b over the blocks of the contraction, int64 [m, n]."""
    sums = np.zeros((x.shape[0], other.shape[1]), np.int64)
    for begin in summation_order(range(0, x.shape[1], block)):
        part = slice(begin, begin + block)
        sums += block_term(x[:, part], np.asarray(fold)[part], other[part], bounds, second)
    return sums


def dotb_result(sums, bounds):
    """rne32((sum of T_b) * 2^(U - 38)); +0 where U does not exist."""
    return rne32(sums, np.where(is_empty(bounds), 0, bounds)[:, None] - 38)


class Quantised:
    """A tensor [rows, n] quantised q15 once per row."""

    def __init__(self, x):
        self.digits, self.exponents = q15(x)


def linear(x, w):
    """Y = X W^T of two Quantised."""
    return dot15(x.digits, x.exponents, w.digits, w.exponents)


def linear_dx(dy, w):
    """dX, the exponents of W's rows folded into dy."""
    return folded_product(dy, w.exponents, w.digits)


def linear_dw(dy, x, groups, unit):
    """Gradient of W [out, in] in units of 2^-unit, summed over groups of tokens [begin, end).

    Returns (sum, the largest size of an addend).
    """
    total = np.zeros((dy.shape[1], x.digits.shape[1]), np.int64)
    largest = 0
    for begin, end in summation_order(groups):
        columns = np.transpose(dy[begin:end])
        digits, exponent = q15(columns, x.exponents[begin:end])
        safe = np.where(is_empty(exponent), 0, exponent - 26 + unit)
        addend = rne_scaled(exact_matmul(digits, x.digits[begin:end]), safe[:, None])
        largest = max(largest, int(np.max(np.abs(addend), initial=0)))
        total += addend
    return total, largest
