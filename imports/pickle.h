// Pickles as torch.save and pickle.dumps write them, read into plain values. Nothing is executed:
// opcodes and classes that a checkpoint does not need are refused by name and place, and those that
// are allowed (tensors, OrderedDict, torch.Size, paths, numpy arrays and scalars, sets) become the
// values below. Source: CPython, Lib/pickletools.py; PyTorch, torch/serialization.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace repro::imports {

using PickleId = std::uint32_t;

enum class PickleKind : std::uint8_t {
  none,
  boolean,  // integer: 0 or 1
  integer,  // integer
  real,     // real
  text,     // text: UTF-8, unchecked; paths too
  bytes,    // text
  list,     // items; sets too
  tuple,    // items; torch.Size too
  dict,     // items: key, value, key, value ...; OrderedDict too
  global,   // text: "module.name", an allowed class
  storage,  // text: its key in the file; dtype; integer: number of elements
  tensor,   // items[0]: its storage; integer: offset; shape and strides, in elements
  opaque,   // text: what it is ("numpy.ndarray", a long integer); its content is not kept
};

struct PickleValue {
  PickleKind kind = PickleKind::none;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::string dtype;  // of a storage, as in artifacts/tensor/dtype.h; of numpy.dtype its code "f4"
  std::vector<PickleId> items;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
};

// Values may be shared, but no value holds itself, and none is nested deeper than 64.
class Pickle {
 public:
  Pickle(std::vector<PickleValue> values, PickleId root)
      : values_(std::move(values)), root_(root) {}
  const PickleValue& root() const { return values_[root_]; }
  const PickleValue& at(PickleId id) const { return values_.at(id); }
  // The value of a text key; nullptr where `dict` is none or lacks it. The last one of equal keys.
  const PickleValue* find(const PickleValue& dict, std::string_view key) const;

 private:
  std::vector<PickleValue> values_;
  PickleId root_;
};

// Error(unsupported) for a foreign opcode or class, Error(corruption) for what is no pickle, both
// "WHAT, byte N: ..."; at most 64 MiB, a million values and as many memo entries.
Pickle read_pickle(std::span<const std::byte> bytes, const std::string& what);

}  // namespace repro::imports
