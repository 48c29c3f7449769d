"""docs/arithmetic.md, sections "Functions" and "Binary64 programs".

The binary32 functions take arrays, the binary64 programs Python floats.
"""
import math

import numpy as np

from exact1_bits import (NAN32, ONE, TWO, ZERO, bits32, bits64, fma32, fma64, from_bits32,
                         from_bits64, hex32, horner32, horner64, ldexp64, power_of_two, rn)


def constants(text):
    return [hex32(word) for word in text.replace(",", " ").split()]


LOG2E = hex32("0x1.715476p+0")
SHIFTER = hex32("0x1.8p+23")
LN2_HIGH, LN2_LOW = hex32("0x1.62e43p-1"), hex32("0x1.05c61p-29")
HALF = np.float32(0.5)

EXP = constants("0x1.6a496ap-10 0x1.1239ap-7 0x1.5558b4p-5 0x1.555492p-3 0x1.fffffcp-2 1 1")
LOG = constants("0x1.148134p-4, -0x1.de0decp-4, 0x1.e6c0cp-4, -0x1.fc2708p-4, 0x1.233b76p-3,"
                "-0x1.555c4cp-3, 0x1.99a478p-3, -0x1.000006p-2, 0x1.555548p-2")
TANH = constants("-0x1.75619ap-8, 0x1.5207b8p-6, -0x1.b83738p-5, 0x1.1106fcp-3, -0x1.555532p-2")
ERF_P = constants("0x1.4f3fdap-14, -0x1.a60288p-11, 0x1.5449a6p-8, -0x1.b80116p-6, 0x1.ce2d64p-4,"
                  "-0x1.81274p-2, 0x1.06eba8p-3")
ERF_Q = constants("0x1.9a6886p-13, -0x1.8e93dap-9, 0x1.6c0448p-6, -0x1.a9a092p-4, -0x1.463f86p-1,"
                  "-0x1.20ae88p+0, -0x1.a0ad92p-13")
EXP_PARTS = constants("0x1.6d4e78p-10, 0x1.120c38p-7, 0x1.5554e8p-5, 0x1.5554dcp-3, 0x1p-1")
NORMAL_P = constants("-0x1.ab8bf8p-27, 0x1.4ffd26p-22, -0x1.77b3e2p-19, 0x1.7bd494p-18,"
                     "0x1.07e9b2p-14, -0x1.799756p-13, -0x1.b0bc5p-9, 0x1.0b977p-6, 0x1.4ffde8p-2")
NORMAL_Q = constants("-0x1.107b3p-15, 0x1.cd7a74p-12, -0x1.4b8e8ep-9, 0x1.fe0f1ap-8,"
                     "-0x1.96443cp-7, 0x1.829a4p-9, 0x1.f81cb4p-6, -0x1.2df8d4p-4, 0x1.7f8efp-4,"
                     "0x1.5aae84p+0")
GELU_Q = constants("-0x1.0d411ap-17, 0x1.dfa3ccp-14, -0x1.372bfcp-10, 0x1.46d022p-7,"
                   "-0x1.105838p-4, -0x1.857936p-27")
GELU_P = constants("-0x1.1e7eecp-11, -0x1.54e02ap-15, 0x1.03fe6ap-8, -0x1.c78d56p-10,"
                   "-0x1.d8d2e2p-6, 0x1.764776p-4, -0x1.1e04a4p-3, 0x1.c20d32p-4, -0x1.cb5216p-27")


def keep_nan(x, result):
    """The result, with the one NaN of the text where it or x is a NaN."""
    return np.where(np.isnan(x) | np.isnan(result), NAN32, result).astype(np.float32)


def scale(x, k):
    """scale(x, k): times 2^k in two steps, each rounded."""
    h = k // 2
    return (x * power_of_two(h)) * power_of_two(k - h)


def exp_with_low(x, low):
    """E(x, low) = exp(x + low); section exp32."""
    b = np.minimum(np.maximum(x, np.float32(-104)), np.float32(89))
    b = np.where(np.isnan(b), ZERO, b)  # the caller returns NaN
    t = fma32(b, LOG2E, SHIFTER)
    n, k = t - SHIFTER, bits32(t) - bits32(SHIFTER)
    r = fma32(n, -LN2_HIGH, b)
    r = fma32(n, LN2_LOW, r) + low
    return scale(horner32(r, EXP), k)


def exp32(x):
    return keep_nan(x, exp_with_low(x, ZERO))


def log_parts(y):
    """f, K (an integer array) and t of section log32."""
    k = (bits32(y) - 0x3F3504F3) >> 23
    f = from_bits32(bits32(y) - (k << 23)) - ONE
    return f, k


def log_tail(f, K):
    z = f * f
    p = horner32(f, LOG)
    t = fma32(K, -LN2_LOW, (z * f) * p)
    return fma32(-HALF, z, t)


def log32(x):
    small = x < hex32("0x1p-126")
    y = np.where(small, x * hex32("0x1p+23"), x)
    y = np.where((x > 0) & (x < np.inf), y, ONE)
    f, k = log_parts(y)
    K = rn(k - np.where(small, 23, 0))
    result = fma32(K, LN2_HIGH, f + log_tail(f, K))
    result = np.where(x == 0, -np.float32(np.inf), np.where(x == np.inf, x, result))
    return keep_nan(np.where(x < 0, NAN32, x), result)


def tanh32(x):
    a = np.abs(x)
    p = horner32(a * a, TANH)
    m = np.where(a < np.float32(0.625), fma32(a * (a * a), p, a),
                 ONE - TWO / (exp_with_low(a + a, ZERO) + ONE))
    return keep_nan(x, np.copysign(m, x))


def erf32(x):
    a = np.minimum(np.abs(x), np.float32(4))
    p, q = horner32(a * a, ERF_P), horner32(a, ERF_Q)
    m = np.where(a < np.float32(0.921875), fma32(a, p, a), ONE - exp_with_low(q, ZERO))
    return keep_nan(x, np.copysign(m, x))


def exp_parts(x, low):
    """EP(x, low): (m, k) with e^(x + low) = (1 + m) * 2^k."""
    t = fma32(x, LOG2E, SHIFTER)
    n, k = t - SHIFTER, bits32(t) - bits32(SHIFTER)
    h = fma32(n, -LN2_HIGH, x)
    l = fma32(n, LN2_LOW, low)
    r = h + l
    d = (h - r) + l
    return r + fma32(r * r, horner32(r, EXP_PARTS), d), k


def log_pair(y):
    """LP(y): (v, low) with ln y = v + low."""
    f, k = log_parts(y)
    K = rn(k)
    u = f + log_tail(f, K)
    v = fma32(K, LN2_HIGH, u)
    return v, u - fma32(-K, LN2_HIGH, v)


def sigmoid32(x):
    e = exp_with_low(-np.abs(x), ZERO)
    top = np.where(x < 0, e, ONE)
    s = ONE + e
    l, c = e - (s - ONE), ONE / s
    y = top * c
    d = fma32(-y, l, fma32(-y, s, top))
    return keep_nan(x, fma32(d, c, y))


def silu32(x):
    big = x > np.float32(64)
    b = np.maximum(np.where(big | np.isnan(x), ZERO, x), np.float32(-110))
    m, k = exp_parts(np.maximum(-np.abs(b), np.float32(-110)), ZERO)
    p = ONE + m
    pl = m - (p - ONE)
    two_k = power_of_two(np.maximum(k, -126))
    e = p * two_k
    s = ONE + e
    l, c = fma32(pl, two_k, e - (s - ONE)), ONE / s
    top, tl = np.where(x < 0, p, ONE), np.where(x < 0, pl, ZERO)
    y = top * c
    d = fma32(-y, l, fma32(-y, s, top)) + tl
    h = b * y
    result = scale(h + fma32(b * c, d, fma32(b, y, -h)), np.where(x < 0, k, 0))
    return keep_nan(x, np.where(big, x, np.copysign(result, x)))


def normal32(word):
    word = np.asarray(word).astype(np.int64)
    j = 2 * (word % 2**31) + 1
    unit = hex32("0x1p-32")
    x, y = rn(j) * unit, rn(2**32 - j) * unit
    xh, xl = rn(j - j % 256) * unit, rn(j % 256) * unit
    v, low = log_pair(y * (ONE + x))
    w = -v
    r = np.sqrt(w)
    b = r - np.float32(2.25)
    g = hex32("0x1.333334p-2")
    centre = fma32(w, horner32(w, NORMAL_P), (ZERO - low) * g)
    d = fma32(-r, r, w) - low
    tail = fma32(b, horner32(b, NORMAL_Q), d * fma32(b, np.float32(-0.0625), g))
    near = w < np.float32(5)
    c = np.where(near, hex32("0x1.40d932p+0"), hex32("0x1.7ae622p+1"))
    t = np.where(near, centre, tail)
    result = fma32(xh, c, fma32(xl, c, x * t))
    return np.where(word >= 2**31, -result, result)


def gelu32(x):
    a = np.minimum(np.abs(x), np.float32(15))
    a = np.where(np.isnan(x), ONE, a)
    result = np.where(a < ONE, gelu_near(a, np.copysign(a, x)), gelu_far(a, x))
    return keep_nan(x, result)


def gelu_near(a, v):
    q = horner32(a * a, GELU_Q)
    slope = hex32("0x1.988454p-2")
    t = v * slope
    h = HALF + t
    l = (t - (h - HALF)) + fma32(v, slope, -t)
    return fma32(v, h, v * fma32(v, q, l))


def gelu_far(a, x):
    s = a * a
    m, k = exp_parts(-HALF * s, -HALF * fma32(a, a, -s))
    u = (a - np.float32(3)) / (a + np.float32(3))
    p = horner32(u, GELU_P)
    base = hex32("0x1.754a76p-2")
    g = base + p
    gl = p - (g - base)
    t = scale(g + fma32(g, m, fma32(gl, m, gl)), k)
    return np.where(x < 0, -t, x - t)


# --- Binary64 programs ---------------------------------------------------------------------------

INVERSE_FACTORIAL = [1.0 / math.factorial(n) for n in range(19)]
SINE = [s * INVERSE_FACTORIAL[n] for n, s in zip(range(17, 2, -2), [1, -1] * 4)]
COSINE = [s * INVERSE_FACTORIAL[n] for n, s in zip(range(18, 1, -2), [-1, 1] * 5)]


def circular(x, d):
    if not abs(x) <= 2.0**30:
        return math.nan
    n = round(x * float.fromhex("0x1.45f306dc9c883p-1"))
    r = fma64(-float(n), float.fromhex("0x1.921fb54442d18p+0"), x)
    r = fma64(-float(n), float.fromhex("0x1.1a62633145c07p-54"), r)
    r = fma64(-float(n), float.fromhex("-0x1.f1976b7ed8fbcp-110"), r)
    z = r * r
    if (n + d) % 2:
        v = fma64(horner64(z, COSINE), z, 1.0)
    else:
        v = fma64(r * z, horner64(z, SINE), r)
    return -v if (n + d) % 4 >= 2 else v


def sin64(x):
    return circular(x, 0)


def cos64(x):
    return circular(x, 1)


def exp64(x):
    if not abs(x) <= 708:
        return math.nan
    n = round(x * float.fromhex("0x1.71547652b82fep+0"))
    r = fma64(-float(n), float.fromhex("0x1.62e42fefa39efp-1"), x)
    r = fma64(-float(n), float.fromhex("0x1.abc9e3b39803fp-56"), r)
    return math.ldexp(horner64(r, INVERSE_FACTORIAL[13::-1]), n)


def log64(x):
    if not 2.0**-1022 <= x < math.inf:
        return math.nan
    k = (bits64(x) - 0x3FE6A09E667F3BCD) >> 52
    m = from_bits64(bits64(x) - (k << 52))
    f = m - 1
    s = f / (m + 1)
    z = s * s
    p = horner64(z, [1.0 / n for n in range(23, 2, -2)])
    t = s * ((2 * z) * p - f)
    low = fma64(float(k), float.fromhex("0x1.abc9e3b39803fp-56"), t)
    return fma64(float(k), float.fromhex("0x1.62e42fefa39efp-1"), f + low)


def power_int(b, n):
    result, square = 1.0, b
    while n:
        if n & 1:
            result = result * square
        n >>= 1
        if n:
            square = square * square
    return result


def rope_frequencies(theta, head_dim):
    """frequency_i, i in [0, H/2), as Python floats."""
    log_theta = log64(theta)
    return [exp64(-(float(2 * i) / float(head_dim) * log_theta)) for i in range(head_dim // 2)]


def rope_table(theta, head_dim, positions):
    """(cosines, sines), binary32 [positions, H/2]."""
    angles = [[float(p) * f for f in rope_frequencies(theta, head_dim)] for p in positions]
    table = [np.array([[function(a) for a in row] for row in angles], np.float64)
             for function in (cos64, sin64)]
    shape = (len(positions), head_dim // 2)
    return tuple(t.reshape(shape).astype(np.float32) for t in table)
