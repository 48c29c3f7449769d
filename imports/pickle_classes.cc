#include "imports/pickle_classes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "artifacts/base/error.h"

namespace repro::imports {
namespace {

using Values = std::vector<PickleValue>;
using Ids = std::vector<PickleId>;
using Result = std::variant<PickleValue, PickleId>;
using Call = Result (*)(const Ids&, const Values&);

constexpr std::size_t kMaxRank = 16;
constexpr std::size_t kMaxPathBytes = 4096;

void need(bool condition, const char* why) {
  if (!condition) throw Error(Code::corruption, why);
}

const PickleValue& argument(const Ids& arguments, const Values& values, std::size_t index,
                            PickleKind kind) {
  need(index < arguments.size(), "a call lacks an argument");
  const PickleValue& value = values[arguments[index]];
  need(value.kind == kind, "a call has an argument of another type");
  return value;
}

PickleValue value_of(PickleKind kind, std::string text = "") {
  PickleValue value;
  value.kind = kind;
  value.text = std::move(text);
  return value;
}

std::vector<std::int64_t> counts(const PickleValue& tuple, const Values& values) {
  need(tuple.items.size() <= kMaxRank, "a tensor has too many dimensions");
  std::vector<std::int64_t> list;
  for (const PickleId id : tuple.items) {
    need(values[id].kind == PickleKind::integer && values[id].integer >= 0,
         "a tensor's shape or stride is no count");
    list.push_back(values[id].integer);
  }
  return list;
}

Result make_dict(const Ids& arguments, const Values&) {
  need(arguments.empty(), "an OrderedDict is made with arguments");
  return value_of(PickleKind::dict);
}

// (storage, offset, size, stride, requires_grad, hooks[, metadata])
Result make_tensor(const Ids& arguments, const Values& values) {
  argument(arguments, values, 0, PickleKind::storage);
  PickleValue tensor = value_of(PickleKind::tensor);
  tensor.items = {arguments[0]};
  tensor.integer = argument(arguments, values, 1, PickleKind::integer).integer;
  tensor.shape = counts(argument(arguments, values, 2, PickleKind::tuple), values);
  tensor.strides = counts(argument(arguments, values, 3, PickleKind::tuple), values);
  need(tensor.integer >= 0 && tensor.shape.size() == tensor.strides.size(),
       "a tensor's offset, shape and stride do not fit together");
  return tensor;
}

Result make_parameter(const Ids& arguments, const Values& values) {
  argument(arguments, values, 0, PickleKind::tensor);
  return arguments[0];
}

Result make_size(const Ids& arguments, const Values& values) {
  argument(arguments, values, 0, PickleKind::tuple);
  return arguments[0];
}

Result make_list(const Ids& arguments, const Values& values) {
  if (arguments.empty()) return value_of(PickleKind::list);
  argument(arguments, values, 0, PickleKind::list);
  return arguments[0];
}

// Joins the parts ("/", "a", "b").
Result make_path(const Ids& arguments, const Values& values) {
  std::string text;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!text.empty() && text.back() != '/') text += '/';
    text += argument(arguments, values, i, PickleKind::text).text;
    need(text.size() <= kMaxPathBytes, "a path is too long");
  }
  return value_of(PickleKind::text, text);
}

// Protocol 2 has no bytes: they are text of the characters U+0000 to U+00FF, in UTF-8.
Result make_bytes(const Ids& arguments, const Values& values) {
  const std::string& text = argument(arguments, values, 0, PickleKind::text).text;
  need(argument(arguments, values, 1, PickleKind::text).text == "latin1",
       "text is encoded as something else than latin1");
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      bytes += text[i];
      continue;
    }
    need((byte == 0xC2 || byte == 0xC3) && i + 1 < text.size(), "text is not latin1");
    bytes += static_cast<char>(((byte & 0x03) << 6) | (text[++i] & 0x3F));
  }
  return value_of(PickleKind::bytes, bytes);
}

Result make_array(const Ids&, const Values&) {
  return value_of(PickleKind::opaque, "numpy.ndarray");
}

Result make_dtype(const Ids& arguments, const Values& values) {
  PickleValue value = value_of(PickleKind::opaque, "numpy.dtype");
  value.dtype = argument(arguments, values, 0, PickleKind::text).text;
  return value;
}

template <class T>
T number_of(const std::string& bytes) {
  need(bytes.size() == sizeof(T), "a numpy scalar has another size than its type");
  T number;
  std::memcpy(&number, bytes.data(), sizeof(T));
  return number;
}

// (dtype, little-endian bytes)
Result make_scalar(const Ids& arguments, const Values& values) {
  const std::string& code = argument(arguments, values, 0, PickleKind::opaque).dtype;
  const std::string& bytes = argument(arguments, values, 1, PickleKind::bytes).text;
  PickleValue value = value_of(PickleKind::integer);
  if (code == "i8") {
    value.integer = number_of<std::int64_t>(bytes);
  } else if (code == "i4") {
    value.integer = number_of<std::int32_t>(bytes);
  } else if (code == "f8" || code == "f4") {
    value.kind = PickleKind::real;
    value.real = code == "f8" ? number_of<double>(bytes) : number_of<float>(bytes);
  } else {
    return value_of(PickleKind::opaque, "numpy scalar " + code.substr(0, 8));
  }
  return value;
}

struct Callable {
  std::string_view name;
  Call call;  // nullptr: a class that is only named
};

constexpr std::array<Callable, 17> kCallables = {{
    {"__builtin__.frozenset", make_list},
    {"__builtin__.set", make_list},
    {"_codecs.encode", make_bytes},
    {"builtins.frozenset", make_list},
    {"builtins.set", make_list},
    {"collections.OrderedDict", make_dict},
    {"numpy._core.multiarray._reconstruct", make_array},
    {"numpy._core.multiarray.scalar", make_scalar},
    {"numpy.core.multiarray._reconstruct", make_array},
    {"numpy.core.multiarray.scalar", make_scalar},
    {"numpy.dtype", make_dtype},
    {"numpy.ndarray", nullptr},
    {"pathlib.PosixPath", make_path},
    {"pathlib._local.PosixPath", make_path},
    {"torch.Size", make_size},
    {"torch._utils._rebuild_parameter", make_parameter},
    {"torch._utils._rebuild_tensor_v2", make_tensor},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kStorages = {{
    {"torch.BFloat16Storage", "bfloat16"},
    {"torch.BoolStorage", "bool"},
    {"torch.ByteStorage", "uint8"},
    {"torch.CharStorage", "int8"},
    {"torch.DoubleStorage", "float64"},
    {"torch.FloatStorage", "float32"},
    {"torch.HalfStorage", "float16"},
    {"torch.IntStorage", "int32"},
    {"torch.LongStorage", "int64"},
    {"torch.ShortStorage", "int16"},
}};

const Callable* find_callable(std::string_view global) {
  const auto* found = std::find_if(kCallables.begin(), kCallables.end(),
                                   [&](const Callable& entry) { return entry.name == global; });
  return found == kCallables.end() ? nullptr : found;
}

}  // namespace

std::string storage_dtype(std::string_view global) {
  for (const auto& [name, dtype] : kStorages) {
    if (name == global) return std::string(dtype);
  }
  return "";
}

bool is_allowed_global(std::string_view global) {
  return find_callable(global) != nullptr || !storage_dtype(global).empty();
}

Result call_global(const std::string& global, const Ids& arguments, const Values& values) {
  const Callable* found = find_callable(global);
  need(found != nullptr && found->call != nullptr, "a class is called that is only to be named");
  return found->call(arguments, values);
}

}  // namespace repro::imports
