"""docs/arithmetic.md, sections "Inference" (log-probabilities) and "Sampling"."""
from fractions import Fraction

import numpy as np

from exact1_bits import rn
from exact1_functions import exp32, log32
from exact1_layers import Softmax, logged_units, units
from exact1_random import philox, stream_key

WEIGHT_UNIT = 40  # weights are in units of 2^-40
MASS_UNIT = 30    # top_p is taken in units of 2^-30


def log_probability(logits, tokens):
    """Of each token at one row of logits: (binary32 values, units of logged sums)."""
    row = Softmax(logits[None, :])
    value = (logits[tokens] - row.m[0]) - log32(row.L)[0]
    return value, logged_units(value)


def sampling_word(seed, sequence, position):
    """The 64 bits for the token that will stand at `position` of a sequence."""
    counter = [position % 2**32, position >> 32, sequence % 2**32, sequence >> 32]
    block = philox(stream_key(seed, "sample/1"), np.array([counter], np.uint64))[0]
    return int(block[0]) + (int(block[1]) << 32)


class SamplingRule:
    def __init__(self, temperature, top_k, top_p, candidates):
        self.temperature = rn(temperature)
        self.top_k, self.candidates = top_k, candidates
        # round() of a fraction: to nearest, ties to even.
        self.mass = max(1, round(Fraction(top_p) * 2**MASS_UNIT))

    def weights(self, logits):
        """The integer weights of the candidates, as Python integers; T is not 0."""
        shifted = (logits - np.max(logits)) / self.temperature
        weights = units(exp32(shifted), WEIGHT_UNIT).tolist()
        order = sorted(range(len(logits)), key=lambda j: (-float(logits[j]), j))
        if 0 < self.top_k < len(logits):
            for j in order[self.top_k:]:
                weights[j] = 0
        if self.mass < 2**MASS_UNIT:
            self.keep_mass(weights, order)
        return weights

    def keep_mass(self, weights, order):
        total, kept = sum(weights), 0
        for rank, j in enumerate(order):
            kept += weights[j]
            if kept << MASS_UNIT >= total * self.mass:
                for other in order[rank + 1:]:
                    weights[other] = 0
                return

    def draw(self, logits, words):
        """The token of each word."""
        logits = logits[:self.candidates] if self.candidates else logits
        if self.temperature == 0:
            return [int(np.argmax(logits))] * len(words)
        weights = self.weights(logits)
        return [token_at(weights, sum(weights) * word >> 64) for word in words]


def token_at(weights, target):
    """The smallest id for which the sum of weights up to it exceeds `target`."""
    reached = 0
    for token, weight in enumerate(weights):
        reached += weight
        if reached > target:
            return token
    raise ValueError("no token has any weight")
