"""Reads golden vectors (tests/golden/exact1/README.md) and checks each case."""
import json
import os

import numpy as np

from exact1_operations import OPERATIONS
from exact1_products import EMPTY, is_empty

WIDTHS = {"f32": (8, np.uint32, np.float32), "f64": (16, np.uint64, np.float64)}
INTEGERS = {"i16": np.int64, "i32": np.int64, "i64": np.int64, "u32": np.uint32, "u64": np.uint64}


def read_value(value):
    """A tensor as an array of its shape (integers as int64 unless unsigned), or a text."""
    if isinstance(value, str):
        return value
    dtype, shape = value["dtype"], value["shape"]
    if dtype in WIDTHS:
        _, pattern, real = WIDTHS[dtype]
        words = [int(word, 16) for word in value["bits"].split()]
        return np.array(words, pattern).view(real).reshape(shape)
    numbers = [EMPTY if v is None else v for v in value["values"]]
    return np.array(numbers, INTEGERS[dtype]).reshape(shape)


def comparable(value, dtype):
    """One text an element, in the file's own notation."""
    if dtype in WIDTHS:
        digits, pattern, real = WIDTHS[dtype]
        patterns = np.asarray(value).astype(real).reshape(-1).view(pattern)
        return [f"{word:0{digits}x}" for word in patterns.tolist()]
    flat = np.asarray(value).reshape(-1)
    flat = flat.astype(np.uint64) if dtype in ("u32", "u64") else flat.astype(np.int64)
    signed = dtype not in ("u32", "u64")
    return ["null" if signed and is_empty(v) and dtype == "i32" else str(v) for v in flat.tolist()]


def expected_words(value):
    if value["dtype"] in WIDTHS:
        return value["bits"].split()
    return ["null" if v is None else str(v) for v in value["values"]]


def difference(name, value, expected):
    """What differs in one output, or None."""
    if isinstance(expected, str):
        return None if value == expected else f"{name}: computed {value}, file {expected}"
    if list(np.shape(value)) != expected["shape"]:
        return f"{name}: computed shape {list(np.shape(value))}, file {expected['shape']}"
    mine, words = comparable(value, expected["dtype"]), expected_words(expected)
    for i, (a, b) in enumerate(zip(mine, words)):
        if a != b:
            count = sum(p != q for p, q in zip(mine, words))
            at = [int(k) for k in np.unravel_index(i, expected["shape"])]
            return f"{name}{at}: computed {a}, file {b} ({count} of {len(words)} differ)"
    return None


def check_case(case):
    """Findings of one case."""
    operation = OPERATIONS.get(case["operation"])
    if operation is None:
        return ["the twin does not know this operation"]
    inputs = {name: read_value(value) for name, value in case["in"].items()}
    try:
        outputs = operation(inputs)
    except Exception as error:  # a finding like any other: the remaining cases are still checked
        return [f"{type(error).__name__}: {error}"]
    if set(outputs) != set(case["out"]):
        return [f"computed outputs {sorted(outputs)}, file {sorted(case['out'])}"]
    found = [difference(name, outputs[name], expected) for name, expected in case["out"].items()]
    return [f for f in found if f]


def vector_files(paths):
    """The vector files named, or found in the folders named."""
    for path in paths:
        if os.path.isdir(path):
            yield from (os.path.join(path, name) for name in sorted(os.listdir(path))
                        if name.endswith(".json") and not name.startswith("run-"))
        else:
            yield path


def check_vectors(paths):
    """Checks all cases, prints findings; returns how many there are."""
    findings = cases = 0
    operations = set()
    for path in vector_files(paths):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        if document.get("schema") != "repro.vectors/1":
            print(f"{path}: schema {document.get('schema')}, want repro.vectors/1")
            findings += 1
            continue
        for case in document["cases"]:
            cases += 1
            operations.add(case["operation"])
            for finding in check_case(case):
                print(f"{path}: {case['operation']} '{case['name']}': {finding}")
                findings += 1
    print(f"{cases} cases of {len(operations)} operations, {findings} findings")
    return findings if cases else 1
