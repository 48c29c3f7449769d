"""The operations of tests/golden/exact1/README.md: name to a function from inputs to outputs."""
import numpy as np

import exact1_bits as bits
import exact1_functions as functions
import exact1_layers as layers
import exact1_products as products
import exact1_random as random
import exact1_sampling as sampling
import exact1_training as training
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
    frequencies = functions.rope_frequencies(float(i["theta"]), int(i["head_dim"]))
    return {"frequency": np.array(frequencies)}


@operation("rope_table")
def _(i):
    cosines, sines = functions.rope_table(float(i["theta"]), int(i["head_dim"]),
                                          i["positions"].tolist())
    return {"cosines": cosines, "sines": sines}


@operation("rmsnorm")
def _(i):
    y, r = layers.rmsnorm(i["x"], i["gain"], i["epsilon"], i.get("residual"))
    return {"y": y, "r": r}


@operation("rmsnorm_backward")
def _(i):
    dx, terms = layers.rmsnorm_backward(i["dy"], i["x"], i["gain"], i["r"])
    return {"dx": dx, "dgain": products.exact_sum(layers.units(terms, int(i["unit"])), axis=0)}


@operation("rope")
def _(i):
    return {"y": layers.rope(i["x"], int(i["head_dim"]), i["cosines"], i["sines"])}


@operation("rope_backward")
def _(i):
    return {"y": layers.rope_backward(i["x"], int(i["head_dim"]), i["cosines"], i["sines"])}


@operation("swiglu")
def _(i):
    return {"a": layers.swiglu(i["g"], i["u"])}


@operation("swiglu_backward")
def _(i):
    dg, du = layers.swiglu_backward(i["da"], i["g"], i["u"])
    return {"dg": dg, "du": du}


@operation("softmax")
def _(i):
    soft = layers.Softmax(i["s"])
    return {"m": soft.m, "p": soft.p, "L": soft.L, "P": soft.P}


@operation("loss")
def _(i):
    loss = layers.Loss(i["l"][None], i["target"].reshape(1), i["w"].reshape(1), i["c"])
    return {"ce_units": loss.ce_units[0], "loss_units": loss.loss_units[0],
            "correct": loss.correct[0], "z": loss.z[0], "a": loss.a[0], "abs_f": abs(loss.f[0]),
            "B": loss.B[0]}


def attention_of_sequences(i):
    """(rows of a sequence, its Attention) one after the other."""
    count = int(i["sequences"])
    length = i["q"].shape[0] // count
    for n in range(count):
        rows = slice(n * length, (n + 1) * length)
        yield rows, layers.Attention(i["q"][rows], i["k"][rows], i["v"][rows], int(i["heads"]),
                                     int(i["kv_heads"]))


@operation("attention")
def _(i):
    return {"o": np.concatenate([a.forward() for _, a in attention_of_sequences(i)])}


@operation("attention_backward")
def _(i):
    parts = [a.backward(i["d_o"][rows], i["o"][rows]) for rows, a in attention_of_sequences(i)]
    return {name: np.concatenate(p) for name, p in zip(("dq", "dk", "dv"), zip(*parts))}


@operation("head_loss")
def _(i):
    logits = products.linear(Quantised(i["x"]), Quantised(i["w"]))
    loss = layers.head_loss(logits, i["targets"], i["c"])
    return {"targets": np.sum(i["targets"] >= 0), "ce_units": np.sum(loss.ce_units),
            "z_units": np.sum(loss.loss_units - loss.ce_units), "correct": np.sum(loss.correct)}


@operation("head_loss_backward")
def _(i):
    x, w = Quantised(i["x"]), Quantised(i["w"])
    loss = layers.head_loss(products.linear(x, w), i["targets"], i["c"])
    dx, dw, _ = layers.head_backward(loss, i["targets"], x, w, i["groups"].tolist(),
                                     int(i["unit"]))
    return {"dx": dx, "dw": dw}


@operation("gradient_units")
def _(i):
    return {"units": layers.units(i["x"] * i["factor"], int(i["unit"]))}


@operation("gradient_limit")
def _(i):
    return {"limit": training.gradient_limit(int(i["batch_size"]), int(i["sequence_length"]))}


@operation("embedding_gradient")
def _(i):
    terms = layers.units(i["dh"], int(i["unit"]))
    return {"units": training.embedding_gradient(terms, i["ids"], int(i["vocab"]))}


@operation("gradient_groups")
def _(i):
    groups = training.gradient_groups(int(i["sequences"]), int(i["length"]), int(i["grad_group"]))
    return {"groups": np.array(groups)}


@operation("gradient_norm")
def _(i):
    return {"norm": training.gradient_norm([i["gradient"]], int(i["unit"]), int(i["N"]))}


@operation("clip")
def _(i):
    limit = float(i["clip_norm"])
    return {"clip": np.array([training.clip_factor(norm, limit) for norm in i["norm"].tolist()])}


@operation("update_constants")
def _(i):
    decimals = (float(i[name]) for name in ("beta1", "beta2", "rate", "weight_decay"))
    return training.update_constants(*decimals, int(i["t"]))


@operation("adamw")
def _(i):
    constants = {name: i[name] for name in ("b1", "n1", "b2", "n2", "c1", "c2", "lr", "ld")}
    w, m, v = training.adamw(i["w"], i["m"], i["v"], i["G"], int(i["unit"]), int(i["N"]),
                             i["clip"], i["epsilon"], constants)
    return {"w": w, "m": m, "v": v}


@operation("skip_step")
def _(i):
    flags = [training.skips_update(i["losses"], i["norms"], loss, norm, int(i["window"]),
                                   float(i["sigma"]))
             for loss, norm in zip(i["loss"], i["norm"])]
    return {"skipped": np.array(flags, np.int64)}


@operation("learning_rate")
def _(i):
    return {"rate": np.array([training.learning_rate(
        i["schedule"], float(i["peak"]), float(i["final_fraction"]), int(i["warmup"]),
        int(i["steps"]), t) for t in i["t"].tolist()])}


@operation("olmo_cosine")
def _(i):
    return {"rate": np.array([training.olmo_cosine(
        float(i["peak"]), float(i["final_fraction"]), int(i["warmup"]), int(i["total"]),
        int(i["tokens"]) * t) for t in i["t"].tolist()])}


@operation("philox")
def _(i):
    return {"words": random.philox(i["key"], i["counter"])}


@operation("stream_key")
def _(i):
    return {"key": np.uint64(random.stream_key(int(i["seed"]), i["purpose"]))}


@operation("random_word")
def _(i):
    return {"word": random.random_words(i["key"], i["index"], int(i["attempt"]), int(i["step"]))}


@operation("uniform")
def _(i):
    return {"y": random.uniform(i["word"])}


@operation("truncated_normal")
def _(i):
    return {"y": random.truncated_normal(i["key"], i["index"], i["cutoff"])}


@operation("permutation")
def _(i):
    places = [random.permutation(i["key"], k, int(i["n"])) for k in i["index"].tolist()]
    return {"place": np.array(places, np.uint64)}


@operation("sampling_word")
def _(i):
    pairs = zip(i["sequence"].tolist(), i["position"].tolist())
    words = [sampling.sampling_word(int(i["seed"]), n, p) for n, p in pairs]
    return {"word": np.array(words, np.uint64)}


@operation("sample")
def _(i):
    rule = sampling.SamplingRule(float(i["temperature"]), int(i["top_k"]), float(i["top_p"]),
                                 int(i["candidates"]))
    return {"token": np.array(rule.draw(i["l"], i["word"].tolist()), np.int64)}


@operation("log_probability")
def _(i):
    y, units = sampling.log_probability(i["l"], i["token"])
    return {"y": y, "units": units}


@operation("init")
def _(i):
    return {"values": random.initial_tensor(int(i["seed"]), i["name"], int(i["count"]),
                                            float(i["std"]), float(i["cutoff"]))}


@operation("olmo_order")
def _(i):
    order = random.OlmoOrder(i["order"], int(i["chunk"]), i["shard_tokens"].tolist(),
                             int(i["seed"]), int(i["sequence_length"]), int(i["holdout_every"]),
                             int(i["batch_size"]))
    samples = np.array([order.batch(b) for b in i["batches"].tolist()], np.int64)
    return {"epochs": samples[..., 0], "instances": samples[..., 1],
            "first_tokens": samples[..., 2]}


@operation("order")
def _(i):
    order = random.Order(int(i["num_tokens"]), i["root"], int(i["seed"]),
                         int(i["sequence_length"]), int(i["holdout_every"]),
                         int(i["batch_size"]), i["skip_batches"].tolist())
    cursor, batches = int(i["cursor"]), []
    for _ in range(int(i["updates"])):
        batch, cursor = order.next_batch(cursor)
        batches.append(batch)
    samples = np.array([order.batch(b) for b in batches], np.int64)
    samples = samples.reshape(len(batches), order.batch_size, 3)
    return {"batches": np.array(batches, np.int64), "epochs": samples[..., 0],
            "instances": samples[..., 1], "first_tokens": samples[..., 2], "cursor": cursor,
            "held_out": np.array(order.held_out(8), np.int64)}


@operation("repetitive")
def _(i):
    limits = (int(i[name]) for name in ("min_period", "max_period", "max_count"))
    return {"repetitive": np.int64(training.is_repetitive(i["ids"], *limits))}


@operation("batch_digest")
def _(i):
    return {"digest": random.batch_digest(i["ids"])}


@operation("tensor_root")
def _(i):
    k = np.arange(int(i["length"]))
    return {"root": random.tensor_root(((167 * k + 13 * (k // 256) + 5) % 256).astype(np.uint8)
                                       .tobytes())}


@operation("state_roots")
def _(i):
    model, state, _ = random.state_roots(i)
    return {"model_root": model, "state_root": state}
