"""Rounding: bit patterns, rne, rne32, rn64 and fma of docs/arithmetic.md, section "Rounding".

numpy's float32 and float64 give `+ - * / sqrt`, each one IEEE 754 operation. What numpy lacks is
here: a single rounding of an exact integer, and the fused multiply-add.
"""
import struct
from fractions import Fraction

import numpy as np

NAN32 = np.uint32(0x7FC00000).view(np.float32)
ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)


def rn(value):
    """rn: rounds a number or array (binary64, or an integer below 2^53) to binary32."""
    return np.asarray(value, np.float64).astype(np.float32)[()]


def hex32(text):
    """A binary32 constant written as a hexadecimal float, which must be exact."""
    value = np.float32(float.fromhex(text))
    assert float(value) == float.fromhex(text), text
    return value


def bits32(x):
    """Bit pattern of binary32 values as int64."""
    return np.asarray(x, np.float32).view(np.int32).astype(np.int64)


def from_bits32(bits):
    return np.asarray(bits).astype(np.int64).astype(np.uint32).view(np.float32)


def power_of_two(k):
    """2^k in binary32."""
    return np.ldexp(1.0, np.asarray(k).astype(np.int32)).astype(np.float32)


def ldexp64(x, e):
    """x * 2^e in binary64, for integer arrays e. Exact but where it leaves binary64's range."""
    return np.ldexp(np.asarray(x, np.float64), np.asarray(e).astype(np.int32))


def rne_real(x):
    """rne of exact binary64 values below 2^63, as int64."""
    return np.rint(x).astype(np.int64)


def floor2(x):
    """floor(log2 |x|) of binary32 values that are not zero."""
    return np.frexp(np.asarray(x, np.float64))[1].astype(np.int64) - 1


def magnitude(v):
    """|v| of int64 as uint64; -2^63 included."""
    u = np.asarray(v, np.int64).view(np.uint64)
    with np.errstate(over="ignore"):  # negation modulo 2^64
        return np.where(np.asarray(v) < 0, ~u + np.uint64(1), u)


def bit_length(a):
    """Bits of uint64 values; 0 for 0."""
    high, low = a >> np.uint64(32), a & np.uint64(0xFFFFFFFF)
    return np.where(high > 0, np.frexp(high.astype(np.float64))[1] + 32,
                    np.frexp(low.astype(np.float64))[1]).astype(np.int64)


def shift_right_even(a, s):
    """rne(a / 2^s) of uint64 a <= 2^63, for s >= 0."""
    safe = np.clip(s, 1, 63).astype(np.uint64)
    whole, half = a >> safe, np.uint64(1) << (safe - np.uint64(1))
    rest = a & ((np.uint64(1) << safe) - np.uint64(1))
    up = (rest > half) | ((rest == half) & (whole & np.uint64(1) == 1))
    rounded = np.where(s == 0, a, whole + up.astype(np.uint64))
    return np.where(s >= 64, np.uint64(0), rounded)  # at most one half, and a tie goes to 0


def shift_left(a, s):
    """a * 2^s of uint64, 0 <= s < 64; an overflow is an error."""
    assert np.all((s == 0) | (bit_length(a) + s <= 63)), "an exact sum leaves int64"
    return a << np.clip(s, 0, 63).astype(np.uint64)


def rne_scaled(v, e):
    """rne(v * 2^e) of int64 v, as int64: one rounding of the exact value."""
    v, e = np.broadcast_arrays(np.asarray(v, np.int64), np.asarray(e, np.int64))
    a = magnitude(v)
    left = np.where(a == 0, 0, np.maximum(e, 0))
    result = np.where(e >= 0, shift_left(a, left), shift_right_even(a, np.maximum(-e, 0)))
    result = result.astype(np.int64)
    return np.where(v < 0, -result, result)


def rne32(v, e):
    """rne32(v * 2^e) of int64 v: one rounding of the exact value to binary32."""
    v, e = np.broadcast_arrays(np.asarray(v, np.int64), np.asarray(e, np.int64))
    a = magnitude(v)
    unit = np.maximum(bit_length(a) + e - 24, -149)  # exponent of the result's last place
    left = np.where(a == 0, 0, np.maximum(e - unit, 0))
    digits = np.where(e >= unit, shift_left(a, left), shift_right_even(a, np.maximum(unit - e, 0)))
    result = ldexp64(digits, np.clip(unit, -149, 1000)).astype(np.float32)
    return np.where(v < 0, -result, result)[()]


def rn64(v):
    """rn64 of a Python integer of any size."""
    return float(v)


def fma32(a, b, c):
    """a * b + c in binary32, rounded once.

    The product is exact in binary64. The sum is rounded to odd there: where it is inexact (the
    error of the two-sum is not zero) its last bit is made 1 on the side of the exact value. 53 bits
    rounded to odd carry all that the rounding to 24 bits needs.
    """
    a, b, c = (np.asarray(operand, np.float64) for operand in (a, b, c))
    p = a * b
    s = p + c
    back = s - p
    error = (p - (s - back)) + (c - back)
    inexact = np.isfinite(s) & (error != 0)
    pattern = np.asarray(s).view(np.int64)
    outward = (error > 0) == (s > 0)
    step = np.where(inexact & (pattern & 1 == 0), np.where(outward, 1, -1), 0)
    return (pattern + step).view(np.float64).astype(np.float32)[()]


def horner32(x, coefficients):
    """Horner(x; c_k, ..., c_0) in binary32."""
    p = coefficients[0]
    for c in coefficients[1:]:
        p = fma32(p, x, c)
    return p


def fma64(a, b, c):
    """a * b + c in binary64, rounded once (Python's division of integers rounds once)."""
    plain = a * b + c
    if not np.isfinite(plain):
        return plain
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return exact.numerator / exact.denominator if exact else plain


def horner64(x, coefficients):
    p = coefficients[0]
    for c in coefficients[1:]:
        p = fma64(p, x, c)
    return p


def bits64(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def from_bits64(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]
