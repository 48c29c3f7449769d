#!/usr/bin/env python3
"""merge/1 a second time, in exact fractions (docs/arithmetic.md, "The mean of weights").

    mean_twin.py GOLDEN          compares the stored means with its own; exit status 1: they differ
    mean_twin.py GOLDEN --write  writes them
"""
import json
import math
import random
import struct
import sys
from fractions import Fraction

FORMULAS = ("exact", "olmo", "olmo-core", "hf")


def value_of(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def bits_of(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def rounded(x, negative_zero=False):
    """The fraction x rounded once to binary32; `negative_zero` is the sign of a zero x."""
    if x == 0:
        return -0.0 if negative_zero else 0.0
    size = abs(x)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if size < Fraction(2) ** exponent:
        exponent -= 1  # now floor(log2(size))
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    scaled = size / unit
    whole = scaled.numerator // scaled.denominator
    rest = scaled - whole
    whole += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)
    value = float(whole * unit)
    return -value if x < 0 else value


def negative(x):
    return math.copysign(1, x) < 0


def plus(a, b):
    return rounded(Fraction(a) + Fraction(b), a == 0 and b == 0 and negative(a) and negative(b))


def over(a, n):
    return rounded(Fraction(a) / n, negative(a))


def fma(a, b, c):
    """a > 0."""
    return rounded(Fraction(a) * Fraction(b) + Fraction(c),
                   b == 0 and c == 0 and negative(b) and negative(c))


def mean(formula, values):
    n = len(values)
    if formula == "exact":
        return rounded(sum(map(Fraction, values)) / n, all(v == 0 and negative(v) for v in values))
    if formula == "hf":
        total = values[0]
        for value in values[1:]:
            total = plus(total, value)
        return over(total, n)
    alpha = struct.unpack("<f", struct.pack("<f", 1.0 / n))[0]
    total = 0.0
    for value in values:
        total = plus(total, over(value, n)) if formula == "olmo" else fma(alpha, value, total)
    return total


def draw(rng, kind):
    sign = rng.getrandbits(1) << 31
    mantissa = rng.getrandbits(23)
    if kind == "weights":  # a few exponents, as weights of one tensor have
        return sign | (rng.randrange(114, 124) << 23) | mantissa
    if kind == "wide":  # every exponent; the greatest would overflow in hf's sum of 64
        return sign | (rng.randrange(0, 247) << 23) | mantissa
    if kind == "subnormal":
        return sign | (rng.randrange(0, 3) << 23) | mantissa
    if kind == "coarse":  # few bits: many sums in the middle between two values
        return sign | (rng.randrange(120, 124) << 23) | (mantissa & 0x3) | 0x100000
    return rng.choice([0, 1 << 31, 1, 0x80000001, 0x3F800000, 0xBF800000, 0x33800000, 0x3F800001])


def cases():
    rng = random.Random(7201)
    for kind in ("weights", "wide", "subnormal", "coarse", "special"):
        for n in (1, 2, 3, 4, 5, 6, 7, 12, 64):
            inputs = [[draw(rng, kind) for _ in range(12)] for _ in range(n)]
            case = {"kind": kind, "n": n,
                    "inputs": [" ".join(f"{bits:08x}" for bits in row) for row in inputs]}
            columns = [[value_of(row[i]) for row in inputs] for i in range(12)]
            for formula in FORMULAS:
                case[formula] = " ".join(f"{bits_of(mean(formula, c)):08x}" for c in columns)
            yield case


def main():
    content = {"made_by": "tests/tensor/mean_twin.py", "cases": list(cases())}
    text = json.dumps(content, indent=1) + "\n"
    if "--write" in sys.argv:
        with open(sys.argv[1], "w", encoding="ascii") as file:
            file.write(text)
        return 0
    with open(sys.argv[1], encoding="ascii") as file:
        same = file.read() == text
    print("the means are", "as stored" if same else "NOT as stored")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
