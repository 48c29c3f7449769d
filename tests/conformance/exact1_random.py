"""docs/arithmetic.md, section "Random numbers"; docs/order.md; roots of docs/formats.md."""
import hashlib
import json
import math

import numpy as np

from exact1_bits import hex32, rn
from exact1_functions import normal32

LOW32 = np.uint64(0xFFFFFFFF)


# --- Philox4x32-10 -------------------------------------------------------------------------------

def philox(key, counter):
    """The four words of the blocks: key uint64 (scalar or [n]), counter [n, 4]; uint64 [n, 4]."""
    key = np.asarray(key, np.uint64)
    k0, k1 = key & LOW32, key >> np.uint64(32)
    c0, c1, c2, c3 = (np.asarray(counter).astype(np.uint64)[:, j] for j in range(4))
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = ((b >> np.uint64(32)) ^ c1 ^ k0, b & LOW32,
                          (a >> np.uint64(32)) ^ c3 ^ k1, a & LOW32)
        k0 = (k0 + np.uint64(0x9E3779B9)) & LOW32
        k1 = (k1 + np.uint64(0xBB67AE85)) & LOW32
    return np.stack([c0, c1, c2, c3], axis=1)


def stream_key(seed, purpose):
    """seed XOR fnv1a64(purpose)."""
    digest = 0xCBF29CE484222325
    for byte in purpose.encode():
        digest = ((digest ^ byte) * 0x100000001B3) % 2**64
    return seed ^ digest


def random_words(key, index, attempt=0, step=0):
    """Word of element i, for an array of i."""
    index = np.asarray(index).astype(np.uint64)
    block = index >> np.uint64(2)
    counter = np.stack([block & LOW32, block >> np.uint64(32), np.full_like(block, attempt),
                        np.full_like(block, step)], axis=1)
    return philox(key, counter)[np.arange(len(index)), (index % np.uint64(4)).astype(np.int64)]


def uniform(word):
    return rn(np.asarray(word).astype(np.int64) >> 8) * hex32("0x1p-24")


def truncated_normal(key, index, cutoff):
    """z of the first attempt that passes; after 256 the cutoff with the sign of the last z."""
    cutoff = np.float32(cutoff)
    result = np.zeros(len(index), np.float32)
    left = np.arange(len(index))
    for attempt in range(256):
        z = normal32(random_words(key, np.asarray(index)[left], attempt))
        passed = np.abs(z) <= cutoff
        result[left] = np.where(passed, z, np.copysign(cutoff, z))
        left = left[~passed]
        if not len(left):
            break
    return result


def permutation(key, i, n):
    """Place of i in the keyed permutation of 0 ... n-1."""
    h = 1
    while 2 ** (2 * h) < n:
        h += 1
    while True:
        left, right = i >> h, i % 2**h
        for r in range(8):
            word = int(philox(key, np.array([[right, 0, r, 0]], np.uint64))[0, 0])
            left, right = right, left ^ (word % 2**h)
        i = (left << h) + right
        if i < n:
            return i


def initial_tensor(seed, name, count, std, cutoff):
    """init/1: the first `count` elements of a tensor that is no norm gain."""
    key = stream_key(seed, "init/1:" + name)
    return truncated_normal(key, np.arange(count), rn(cutoff)) * rn(std)


def initial_std(model, name, shape):
    """Standard deviation of a tensor's first values."""
    if model.get("init", "normal") == "normal":
        return float(model["init_std"])
    inputs = shape[1]
    if name.endswith(("self_attn.o_proj.weight", "mlp.down_proj.weight")):
        return 1 / math.sqrt(2 * inputs * (int(name.split(".")[2]) + 1))
    return 1 / math.sqrt(inputs)


# --- order/1 -------------------------------------------------------------------------------------

class Order:
    """Which samples are in which batch (docs/order.md)."""

    def __init__(self, num_tokens, root, seed, sequence_length, holdout_every, batch_size,
                 skip_batches):
        self.root, self.seed, self.batch_size = root, seed, batch_size
        self.length, self.k, self.skip = sequence_length, holdout_every, skip_batches
        self.num_instances = num_tokens // sequence_length
        held_out = self.num_instances // self.k if self.k else 0
        self.num_training = self.num_instances - held_out
        if self.num_training < 1:
            raise ValueError("the data has no training instance")

    def held_out(self, limit):
        count = self.num_instances // self.k if self.k else 0
        return [h * self.k + self.k - 1 for h in range(min(count, limit))]

    def epoch_key(self, epoch):
        text = f"order/1\n{self.seed}\n{epoch}\n{self.root}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")

    def sample(self, s):
        """(epoch, instance, first token) of sample s."""
        epoch, place = divmod(s, self.num_training)
        number = permutation(self.epoch_key(epoch), place, self.num_training)
        instance = number + number // (self.k - 1) if self.k else number
        return epoch, instance, instance * self.length

    def batch(self, b):
        return [self.sample(s) for s in range(b * self.batch_size, (b + 1) * self.batch_size)]

    def next_batch(self, cursor):
        """(batch index of the update, the cursor it leaves)."""
        while any(a <= cursor < b for a, b in self.skip):
            cursor += 1
        return cursor, cursor + 1


# --- olmo_order/1, olmo_core_order/1 -------------------------------------------------------------

class OlmoOrder:
    """Which samples are in which batch of OLMo's trainers; the shuffle is numpy's own."""

    def __init__(self, name, chunk, shard_tokens, seed, sequence_length, holdout_every, batch_size):
        self.seed = seed + (name == "olmo_core_order")
        self.chunk, self.batch_size = chunk, batch_size
        begins, first = [], 0
        for tokens in shard_tokens:
            windows = tokens // sequence_length // chunk * chunk
            begins += [first + w * sequence_length for w in range(windows)]
            first += tokens
        self.training = [(i, begin) for i, begin in enumerate(begins)
                         if not holdout_every or i % holdout_every != holdout_every - 1]
        self.per_epoch = len(self.training) // chunk * chunk // batch_size * batch_size

    def global_indices(self, epoch):
        chunks = np.arange(len(self.training) // self.chunk, dtype=np.uint32)
        np.random.Generator(np.random.PCG64(self.seed + epoch)).shuffle(chunks)
        return (chunks[:, None] * self.chunk + np.arange(self.chunk)).reshape(-1)

    def batch(self, b):
        """(epoch, instance, first token) of each sample."""
        epoch, place = divmod(b * self.batch_size, self.per_epoch)
        indices = self.global_indices(epoch)[place:place + self.batch_size]
        return [(epoch, *self.training[i]) for i in indices]


def batch_digest(ids):
    return hashlib.sha256(np.asarray(ids).astype("<u4").tobytes()).hexdigest()


# --- Roots ---------------------------------------------------------------------------------------

CHUNK = 65536


def canonical_json(value):
    """docs/formats.md, "Canonical JSON", for values whose text needs no rule beyond Python's."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def tree_root(digests):
    """Pairs from the left; an odd last digest goes up unchanged."""
    while len(digests) > 1:
        paired = [hashlib.sha256(b"\x01" + digests[i] + digests[i + 1]).digest()
                  for i in range(0, len(digests) - 1, 2)]
        digests = paired + digests[len(digests) - len(digests) % 2:]
    return digests[0].hex()


def tensor_root(data):
    chunks = [data[i:i + CHUNK] for i in range(0, len(data), CHUNK)] or [b""]
    return tree_root([hashlib.sha256(b"\x00" + chunk).digest() for chunk in chunks])


def tensor_roots(tensors):
    """name -> tensor root, for float32 and int64 arrays."""
    return {name: tensor_root(t.astype(t.dtype.newbyteorder("<")).tobytes())
            for name, t in tensors.items()}


def entries_root(tensors, roots):
    entries = []
    for name in sorted(tensors, key=str.encode):
        entry = {"dtype": str(tensors[name].dtype), "name": name, "root": roots[name],
                 "shape": list(tensors[name].shape)}
        entries.append(hashlib.sha256(b"\x02" + canonical_json(entry)).digest())
    return tree_root(entries)


def state_roots(tensors):
    """(model root, state root, name -> tensor root)."""
    roots = tensor_roots(tensors)
    weights = {name: t for name, t in tensors.items() if "/" not in name}
    return entries_root(weights, roots), entries_root(tensors, roots), roots
