// Tensors in files of OLMo's old trainer: torch.save's archives (model.pt, optim.pt, train.pt) and
// their safetensors twins, whose keys are pickled. Both are nested dicts; a tensor is found by the
// keys that lead to it: {"state", "transformer.wte.weight", "exp_avg"}.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifacts/tensor/safetensors.h"
#include "imports/pickle.h"
#include "imports/stored_zip.h"

namespace repro::imports {

struct StoredTensor {
  std::vector<std::string> keys;  // whole numbers as decimal text
  std::string dtype;              // as in artifacts/tensor/dtype.h
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;   // in elements; rows one after the other in most
  std::span<const std::byte> storage;  // from its first element on, of the file
};

// Its little-endian elements in row-major order, without a copy where they lie so: `room` holds
// them else.
std::span<const std::byte> elements_of(const StoredTensor& tensor, std::vector<std::byte>& room);

// What torch.save wrote: one pickle, and the storages that it names. Borrows the file.
class TorchFile {
 public:
  // Checks the archive, the pickle and its checksum; storages are checked by `tensors`. Errors of
  // stored_zip.h and pickle.h, and Error(unsupported) for big-endian files and those of before
  // torch 1.6.
  TorchFile(std::span<const std::byte> file, const std::string& what);

  const Pickle& pickle() const { return *pickle_; }
  // Every tensor in nested dicts, in their order. Error(corruption) for one that reaches out of its
  // storage, a storage that is missing or has another size or checksum.
  std::vector<StoredTensor> tensors() const;

 private:
  const StoredEntry& entry(const std::string& name) const;
  StoredTensor make_tensor(const PickleValue& value, std::vector<std::string> keys) const;

  std::string what_;
  std::string folder_;  // "archive/"
  std::map<std::string, StoredEntry> entries_;
  std::optional<Pickle> pickle_;
};

// Whether the tensors' names are such keys as a twin has, rather than names of a model.
bool is_safetensors_twin(const artifacts::SafetensorsFile& header);

// The twin: a safetensors file whose keys are base64 of a pickled (keys, is_pickled) pair. Leaves
// that are no tensors (is_pickled) are passed over. Error(corruption) for other keys.
std::vector<StoredTensor> read_safetensors_twin(std::span<const std::byte> file,
                                                const std::string& what);

// The tensors of a file of either form; its name's ending says which.
std::vector<StoredTensor> read_stored_tensors(std::span<const std::byte> file,
                                              const std::string& path);

}  // namespace repro::imports
