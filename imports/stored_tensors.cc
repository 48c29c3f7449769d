#include "imports/stored_tensors.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/tensor/dtype.h"

namespace repro::imports {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kMaxVisits = 1'000'000;  // shared dicts may be met often

[[noreturn]] void fail(const std::string& what, const std::string& why) {
  throw Error(Code::corruption, what + ": " + why);
}

std::string joined(const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "" : ".") + key;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.substr(0, 200);
}

// Walks nested dicts depth-first; `found` gets every other value with its keys.
class Walk {
 public:
  using Found = std::function<void(const PickleValue&, const std::vector<std::string>&)>;
  Walk(const Pickle& pickle, const std::string& what, const Found& found)
      : pickle_(pickle), what_(what), found_(found) {}

  void visit(const PickleValue& dict) {
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      if (++visits_ > kMaxVisits) fail(what_, "it has more than a million entries");
      keys_.push_back(key_text(pickle_.at(dict.items[i])));
      const PickleValue& value = pickle_.at(dict.items[i + 1]);
      if (value.kind == PickleKind::dict) {
        visit(value);
      } else {
        found_(value, keys_);
      }
      keys_.pop_back();
    }
  }

 private:
  std::string key_text(const PickleValue& key) const {
    if (key.kind == PickleKind::text) return key.text;
    if (key.kind == PickleKind::integer) return std::to_string(key.integer);
    fail(what_, "a key in " + joined(keys_) + " is no text");
  }

  const Pickle& pickle_;
  const std::string& what_;
  const Found& found_;
  std::vector<std::string> keys_;
  std::size_t visits_ = 0;
};

// Number of elements from the first to behind the last; nullopt where it does not fit 63 bits.
std::optional<std::int64_t> extent_of(const PickleValue& tensor) {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] == 0) return 0;
    std::int64_t reach = 0;
    if (__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      return std::nullopt;
    }
  }
  if (last == INT64_MAX) return std::nullopt;
  return last + 1;
}

bool is_contiguous(const StoredTensor& tensor) {
  std::int64_t expected = 1;
  for (std::size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

// Text of base64 with the alphabet for URLs (RFC 4648, section 5), padded; nullopt for other text.
std::optional<std::string> find_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const int padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string bytes;
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool pad = i >= text.size() - static_cast<std::size_t>(padding);
    const std::size_t digit = pad ? 0 : kAlphabet.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    group = (group << 6) | static_cast<std::uint32_t>(digit);
    if (i % 4 != 3) continue;
    const int kept = i + 1 == text.size() ? 3 - padding : 3;
    for (int k = 0; k < kept; ++k) bytes += static_cast<char>(group >> (16 - 8 * k));
    group = 0;
  }
  return bytes;
}

struct TwinKey {
  std::vector<std::string> keys;
  bool is_pickled = false;
};

TwinKey parse_twin_key(const std::string& name, const std::string& what) {
  const auto bytes = find_base64(name);
  if (!bytes) {
    throw Error(Code::corruption,
                what + " has the key '" + joined({name}) + "', which is no base64 of a pickle",
                "only safetensors files of OLMo's old trainer have such keys");
  }
  const Pickle pickle =
      read_pickle(std::as_bytes(std::span(*bytes)), what + ", key " + joined({name}));
  const PickleValue& pair = pickle.root();
  const auto is = [&](PickleId id, PickleKind kind) { return pickle.at(id).kind == kind; };
  if (pair.kind != PickleKind::tuple || pair.items.size() != 2 ||
      !is(pair.items[0], PickleKind::tuple) || !is(pair.items[1], PickleKind::boolean)) {
    fail(what, "a key is no pair of keys and a truth value");
  }
  TwinKey key;
  key.is_pickled = pickle.at(pair.items[1]).integer != 0;
  for (const PickleId id : pickle.at(pair.items[0]).items) {
    const PickleValue& part = pickle.at(id);
    if (part.kind != PickleKind::text && part.kind != PickleKind::integer) {
      fail(what, "a part of a key is neither text nor a whole number");
    }
    key.keys.push_back(part.kind == PickleKind::text ? part.text : std::to_string(part.integer));
  }
  return key;
}

std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

}  // namespace

std::span<const std::byte> elements_of(const StoredTensor& tensor, std::vector<std::byte>& room) {
  const auto dtype = artifacts::find_dtype(tensor.dtype);
  REPRO_CHECK(dtype);
  const std::uint64_t total = artifacts::find_byte_count(*dtype, tensor.shape).value();
  if (total == 0) return {};
  if (is_contiguous(tensor)) return tensor.storage.first(total);
  room.resize(total);
  std::vector<std::int64_t> index(tensor.shape.size(), 0);
  std::int64_t from = 0;
  for (std::uint64_t at = 0; at < total; at += dtype->bytes) {
    const Bytes element =
        tensor.storage.subspan(static_cast<std::uint64_t>(from) * dtype->bytes, dtype->bytes);
    std::copy(element.begin(), element.end(), room.begin() + static_cast<std::ptrdiff_t>(at));
    for (std::size_t i = index.size(); i-- > 0;) {
      from += tensor.strides[i];
      if (++index[i] < tensor.shape[i]) break;
      from -= tensor.strides[i] * tensor.shape[i];
      index[i] = 0;
    }
  }
  return room;
}

TorchFile::TorchFile(Bytes file, const std::string& what) : what_(what) {
  constexpr std::string_view kOldMagic = "\x80\x02\x8a\x0a";
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.starts_with(kOldMagic)) {
    throw Error(Code::unsupported, what + " is of before torch 1.6, which is not read",
                "load it and save it again with a newer torch");
  }
  entries_ = read_stored_zip(file, what);
  constexpr std::string_view kPickle = "data.pkl";
  for (const auto& [name, stored] : entries_) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos || name.substr(slash + 1) != kPickle) continue;
    if (!folder_.empty()) fail(what, "it has two pickles");
    folder_ = name.substr(0, slash + 1);
  }
  if (folder_.empty()) fail(what, "it has no data.pkl, so torch.save did not write it");
  if (const auto order = entries_.find(folder_ + "byteorder"); order != entries_.end()) {
    const Bytes bytes = order->second.bytes;
    if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()) != "little") {
      throw Error(Code::unsupported, what + " is not little-endian");
    }
  }
  const StoredEntry& pickled = entry(std::string(kPickle));
  check_crc(pickled, what + ", data.pkl");
  pickle_ = read_pickle(pickled.bytes, what + ", data.pkl");
}

const StoredEntry& TorchFile::entry(const std::string& name) const {
  const auto found = entries_.find(folder_ + name);
  if (found == entries_.end()) fail(what_, "the storage " + joined({name}) + " is missing");
  return found->second;
}

StoredTensor TorchFile::make_tensor(const PickleValue& value, std::vector<std::string> keys) const {
  const PickleValue& storage = pickle_->at(value.items.at(0));
  const StoredEntry& stored = entry("data/" + storage.text);
  const std::string where = "tensor " + joined(keys);
  const std::uint64_t size = artifacts::find_dtype(storage.dtype).value().bytes;
  if (static_cast<std::uint64_t>(storage.integer) != stored.bytes.size() / size ||
      stored.bytes.size() % size != 0) {
    fail(what_, where + ": its storage has another size than is said");
  }
  const auto extent = extent_of(value);
  if (!extent || value.integer > storage.integer || *extent > storage.integer - value.integer) {
    fail(what_, where + " reaches out of its storage");
  }
  StoredTensor tensor;
  tensor.keys = std::move(keys);
  tensor.dtype = storage.dtype;
  tensor.shape = value.shape;
  tensor.strides = value.strides;
  tensor.storage = stored.bytes.subspan(static_cast<std::uint64_t>(value.integer) * size);
  return tensor;
}

std::vector<StoredTensor> TorchFile::tensors() const {
  if (pickle_->root().kind != PickleKind::dict) fail(what_, "it holds no dict");
  std::vector<StoredTensor> tensors;
  std::set<std::string> checked;
  const Walk::Found found = [&](const PickleValue& value, const std::vector<std::string>& keys) {
    if (value.kind != PickleKind::tensor) return;
    tensors.push_back(make_tensor(value, keys));
    const std::string& key = pickle_->at(value.items[0]).text;
    if (checked.insert(key).second) {
      check_crc(entry("data/" + key), what_ + ", storage " + joined({key}));
    }
  };
  Walk(*pickle_, what_, found).visit(pickle_->root());
  return tensors;
}

bool is_safetensors_twin(const artifacts::SafetensorsFile& header) {
  return !header.tensors.empty() &&
         std::all_of(header.tensors.begin(), header.tensors.end(),
                     [](const auto& tensor) { return find_base64(tensor.name).has_value(); });
}

std::vector<StoredTensor> read_safetensors_twin(Bytes file, const std::string& what) {
  const artifacts::SafetensorsFile parsed = artifacts::parse_safetensors(file, what);
  std::vector<StoredTensor> tensors;
  for (const artifacts::TensorInfo& info : parsed.tensors) {
    TwinKey key = parse_twin_key(info.name, what);
    if (key.is_pickled) continue;
    StoredTensor tensor;
    tensor.keys = std::move(key.keys);
    tensor.dtype = info.dtype;
    tensor.shape = info.shape;
    tensor.strides = row_major_strides(info.shape);
    tensor.storage = file.subspan(parsed.data_offset + info.begin, info.end - info.begin);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::vector<StoredTensor> read_stored_tensors(Bytes file, const std::string& path) {
  if (path.ends_with(".safetensors")) return read_safetensors_twin(file, path);
  return TorchFile(file, path).tensors();
}

}  // namespace repro::imports
