#!/usr/bin/env python3
"""Tests of the second implementation itself: its roundings, and that it finds what differs."""
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest
from fractions import Fraction
from pathlib import Path

try:
    import numpy as np
except ImportError:
    print(f"skipped: {sys.executable} has no numpy (Debian: python3-numpy)")
    sys.exit(1 if os.environ.get("CI") else 77)

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden" / "exact1"
sys.path.insert(0, str(HERE))
from exact1_bits import fma32, fma64, from_bits32, rne32, rne_scaled  # noqa: E402


def exact_fraction_to_binary32(x):
    """One rounding of a rational to binary32, by the definition."""
    if x == 0:
        return 0.0
    unit = Fraction(2) ** max(exponent_of(abs(x)) - 23, -149)
    value = float(round(x / unit) * unit)  # round() of a Fraction: ties to even
    return float("inf") * (1 if x > 0 else -1) if abs(value) >= 2.0**128 else value


def exponent_of(x):
    e = x.numerator.bit_length() - x.denominator.bit_length()
    return e if Fraction(2) ** e <= x else e - 1


def random_floats(generator, count):
    """Values with few and with many digits, near each other and far apart, subnormals too."""
    words = [generator.getrandbits(32) for _ in range(count)]
    words = [w & generator.choice([0xFFFFFFFF, 0xFFFFF000, 0xFF800000, 0x807FFFFF, 0xC0FFFFFF])
             for w in words]
    x = from_bits32(np.array(words))
    return np.where(np.isfinite(x), x, np.float32(1.5))


class Rounding(unittest.TestCase):
    def test_fma32_rounds_once(self):
        generator = random.Random(1)
        a, b, c = (random_floats(generator, 20000) for _ in range(3))
        with np.errstate(all="ignore"):
            near = -(a * b)  # cancellation
        c = np.where((np.arange(20000) % 3 == 0) & np.isfinite(near), near, c)
        with np.errstate(all="ignore"):
            result = fma32(a, b, c)
        for x, y, z, r in zip(a.tolist(), b.tolist(), c.tolist(), result.tolist()):
            exact = Fraction(x) * Fraction(y) + Fraction(z)
            self.assertEqual(r, exact_fraction_to_binary32(exact), (x, y, z))

    def test_fma32_halfway_cases(self):
        one, tiny = np.float32(1), np.float32(2.0**-126)
        half = np.float32(2.0**-12)
        # 1 + 2^-24 is halfway between 1 and its neighbour; the smallest addend decides.
        self.assertEqual(fma32(half, half, one), 1)
        above = np.float32(1 + 2.0**-23)
        self.assertEqual(fma32(half, half + np.float32(2.0**-35), one), above)
        self.assertEqual(fma32(-half, half, above), 1)
        self.assertEqual(fma32(tiny, tiny, above), above)

    def test_rne32_and_rne_round_the_exact_value(self):
        generator = random.Random(2)
        for _ in range(5000):
            v = generator.getrandbits(generator.randint(1, 63)) * generator.choice([1, -1])
            e = generator.randint(-220, 70)
            exact = Fraction(v) * Fraction(2) ** e
            self.assertEqual(float(rne32(v, e)), exact_fraction_to_binary32(exact), (v, e))
            if abs(exact) < 2**62:
                self.assertEqual(int(rne_scaled(v, e)), round(exact), (v, e))

    def test_signs_of_zero(self):
        self.assertFalse(np.signbit(rne32(0, 5)))
        self.assertTrue(np.signbit(rne32(-1, -200)))

    def test_fma64_rounds_once(self):
        a = 1 + 2.0**-30
        self.assertEqual(fma64(a, a, -(1 + 2.0**-29)), 2.0**-60)
        self.assertEqual(fma64(2.0**-600, 2.0**-600, 1.0), 1.0)


class Program(unittest.TestCase):
    def call(self, *arguments, python=(sys.executable,), environment=()):
        env = {k: v for k, v in os.environ.items() if k != "CI"}
        done = subprocess.run([*python, str(HERE / "exact1.py"), *arguments], text=True,
                              capture_output=True, env={**env, **dict(environment)})
        return done.returncode, done.stdout + done.stderr

    def check(self, document, command="vectors"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file.json"
            path.write_text(document if isinstance(document, str) else json.dumps(document))
            return self.call(command, str(path))

    def test_a_flipped_bit_is_found_and_named(self):
        document = json.loads((GOLDEN / "rounding.json").read_text())
        case = next(c for c in document["cases"] if c["operation"] == "rne32")
        words = case["out"]["y"]["bits"].split()
        flipped = f"{int(words[3], 16) ^ 1:08x}"
        case["out"]["y"]["bits"] = " ".join(words[:3] + [flipped] + words[4:])
        status, text = self.check(document)
        self.assertEqual(status, 1)
        self.assertIn(f"rne32 '{case['name']}': y[3]: computed {words[3]}, file {flipped}", text)

    def test_an_unknown_operation_is_a_finding(self):
        case = {"operation": "exp33", "name": "n", "in": {}, "out": {}}
        status, text = self.check({"schema": "repro.vectors/1", "cases": [case]})
        self.assertEqual(status, 1)
        self.assertIn("exp33", text)

    def test_no_cases_and_another_schema_are_findings(self):
        self.assertEqual(self.check({"schema": "repro.vectors/1", "cases": []})[0], 1)
        self.assertEqual(self.check({"schema": "repro.vectors/2", "cases": []})[0], 1)

    def test_a_changed_run_is_found(self):
        document = json.loads((GOLDEN / "run-olmo2-tiny.json").read_text())
        document["steps"] = document["steps"][:1]
        document["steps"][0]["loss_sum"] += 1
        status, text = self.check(document, "run")
        self.assertEqual(status, 1)
        self.assertIn("step 1: loss sum", text)

    def test_other_files_are_refused(self):
        self.assertEqual(self.call("vectors", "/nonexistent.json")[0], 2)
        self.assertEqual(self.check("{")[0], 2)
        self.assertEqual(self.check({"schema": "repro.vectors-run/1"}, "run")[0], 2)

    def test_without_numpy_it_skips_but_fails_in_ci(self):
        bare = (sys.executable, "-I", "-S")
        self.assertEqual(self.call("vectors", str(GOLDEN), python=bare)[0], 77)
        ci = {"CI": "true"}
        self.assertEqual(self.call("vectors", str(GOLDEN), python=bare, environment=ci)[0], 1)


if __name__ == "__main__":
    unittest.main()
