"""The operations of tests/golden/exact1/README.md: name to a function from inputs to outputs."""
import numpy as np

import exact1_bits as bits
import exact1_functions as functions
import exact1_products as products
from exact1_products import Quantised

OPERATIONS = {}


def operation(name):
    def register(function):
        OPERATIONS[name] = function
        return function
    return register


def register_pointwise():
    for name in ("exp32", "log32", "tanh32", "erf32", "sigmoid32", "silu32", "gelu32"):
        function = getattr(functions, name)
        OPERATIONS[name] = lambda i, function=function: {"y": function(i["x"])}
    for name in ("sin64", "cos64", "exp64", "log64"):
        function = getattr(functions, name)
        OPERATIONS[name] = lambda i, function=function: {
            "y": np.array([function(x) for x in i["x"].tolist()], np.float64)}
    OPERATIONS["normal32"] = lambda i: {"y": functions.normal32(i["word"])}


register_pointwise()


@operation("rne32")
def _(i):
    return {"y": bits.rne32(i["v"], i["e"])}


@operation("rn64")
def _(i):
    rows = i["limbs"].tolist()
    return {"y": np.array([bits.rn64(a + (b << 64) + (c << 128)) for a, b, c in rows])}


@operation("floor2")
def _(i):
    return {"e": bits.floor2(i["x"])}


@operation("ex")
def _(i):
    return {"e": products.ex(i["x"])}


@operation("q15")
def _(i):
    digits, exponents = products.q15(i["x"], i.get("fold", 0))
    return {"digits": digits, "exponents": exponents}


@operation("q29")
def _(i):
    digits, low, exponents = products.q29(i["x"], i.get("fold", 0))
    return {"digits": digits, "low": low, "exponents": exponents}


@operation("q15_columns")
def _(i):
    digits, exponents = products.q15(np.transpose(i["x"]), i.get("fold", 0))
    return {"digits": np.transpose(digits), "exponents": exponents}


@operation("hat")
def _(i):
    return {"y": products.hat(i["digits"], i["exponent"])}


@operation("q31")
def _(i):
    digits, exponent = products.q31(i["x"])
    return {"digits": digits, "exponent": exponent}


@operation("sum31")
def _(i):
    return {"y": products.sum31(i["x"])}


@operation("sumsq")
def _(i):
    return {"y": products.sumsq(i["x"])}


@operation("mean")
def _(i):
    return {"y": products.mean31(i["x"])}


@operation("dot15")
def _(i):
    return {"y": products.dot15(i["a"], i["a_exponents"], i["b"], i["b_exponents"])}


@operation("dotb")
def _(i):
    sums = products.dotb_sums(i["x"], i["fold"], i["other"], i["bounds"], int(i["block"]),
                              bool(i["second"]))
    return {"sums": sums, "y": products.dotb_result(sums, i["bounds"])}


@operation("linear")
def _(i):
    return {"y": products.linear(Quantised(i["x"]), Quantised(i["w"]))}


@operation("linear_dx")
def _(i):
    return {"dx": products.linear_dx(i["dy"], Quantised(i["w"]))}


@operation("linear_dw")
def _(i):
    dw, _ = products.linear_dw(i["dy"], Quantised(i["x"]), i["groups"].tolist(), int(i["unit"]))
    return {"dw": dw}


@operation("power_int")
def _(i):
    pairs = zip(i["base"].tolist(), i["n"].tolist())
    return {"y": np.array([functions.power_int(b, n) for b, n in pairs])}


@operation("rope_frequency")
def _(i):
    return {"frequency": np.array(functions.rope_frequencies(float(i["theta"]), int(i["head_dim"])))}


@operation("rope_table")
def _(i):
    cosines, sines = functions.rope_table(float(i["theta"]), int(i["head_dim"]),
                                          i["positions"].tolist())
    return {"cosines": cosines, "sines": sines}
