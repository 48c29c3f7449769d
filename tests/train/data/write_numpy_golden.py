#!/usr/bin/env python3
"""Writes tests/golden/numpy_random.json with the numpy at hand: what train/data/numpy_random.h
must give.

`write_numpy_golden.py FILE`; with `--large` also the order of OLMo 2's first epoch (4 GB, minutes),
else the one in FILE is kept. Integers above 2^53 stand as hexadecimal text.
"""
import hashlib
import json
import sys

import numpy

SEEDS = [0, 1, 42, 6198, 6199, 34522, 2**32 - 1, 2**32, 2**63 + 6198]
COUNTS = [63, 64, 65, 66, 1000, 65536, 65537, 1000000]
# Windows that 7B's first stage passed over in 928,646 steps of 1024: as many as whole batches hold.
OLMO_INSTANCES = 928646 * 1024


def shuffled(count, seed):
    values = numpy.arange(count, dtype=numpy.uint32)
    numpy.random.Generator(numpy.random.PCG64(seed)).shuffle(values)
    return values


def digest(values):
    return hashlib.sha256(values.astype("<u4", copy=False)).hexdigest()


def seed_case(seed):
    words = numpy.random.SeedSequence(seed).generate_state(4, numpy.uint64)
    return {"seed": f"{seed:x}",
            "seed_words": [f"{w:016x}" for w in words.tolist()],
            "outputs": [f"{w:016x}" for w in numpy.random.PCG64(seed).random_raw(4).tolist()],
            "shuffles": [shuffled(n, seed).tolist() for n in (0, 1, 2, 10, 20)]}


def digest_case(seed, count):
    return {"seed": f"{seed:x}", "count": count, "sha256": digest(shuffled(count, seed))}


def main(path, large):
    try:
        with open(path) as file:
            olmo = json.load(file)["olmo"]
    except FileNotFoundError:
        olmo = None
    if large or olmo is None:
        values = shuffled(OLMO_INSTANCES, 6198)
        olmo = {"seed": 6198, "instances": OLMO_INSTANCES, "head": values[:4].tolist(),
                "tail": values[-4:].tolist(), "sha256": digest(values)}
    golden = {"made_by": f"numpy {numpy.__version__}",
              "seeds": [seed_case(seed) for seed in SEEDS],
              "digests": [digest_case(seed, count) for seed in SEEDS for count in COUNTS],
              "olmo": olmo}
    with open(path, "w") as file:
        for key, value in golden.items():  # a case a line
            rows = value if isinstance(value, list) else [value]
            text = ",\n  ".join(json.dumps(row) for row in rows)
            file.write(f'{"{" if key == "made_by" else ","}\n "{key}": ' +
                       (f"[\n  {text}]" if isinstance(value, list) else text))
        file.write("\n}\n")


if __name__ == "__main__":
    main(sys.argv[1], "--large" in sys.argv[2:])
