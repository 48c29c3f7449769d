#include "tests/conformance/vector_file.h"

#include <cstdio>
#include <sstream>
#include <stdexcept>

#include "artifacts/base/environment.h"
#include "train/numerics/float_bits.h"

namespace repro::train {
namespace {

Shape vector_shape(std::size_t count) { return {static_cast<std::int64_t>(count)}; }

template <class Bits>
void append_hex(std::string& text, Bits bits) {
  constexpr int kDigits = 2 * sizeof(Bits);
  constexpr char kHex[] = "0123456789abcdef";
  if (!text.empty()) text += ' ';
  for (int digit = kDigits - 1; digit >= 0; --digit) text += kHex[(bits >> (4 * digit)) & 15];
}

Json bits_json(std::string_view dtype, Shape shape, std::string bits) {
  return {{"dtype", dtype}, {"shape", std::move(shape)}, {"bits", std::move(bits)}};
}

std::string quoted(std::string_view name) { return "golden vectors: " + std::string(name); }

const Json& find_tensor(const Json& in, std::string_view name, std::string_view dtype) {
  const auto found = in.find(std::string(name));
  if (found == in.end()) throw std::runtime_error(quoted(name) + " is missing");
  if (found->at("dtype") != dtype) {
    throw std::runtime_error(quoted(name) + " is not " + std::string(dtype));
  }
  return *found;
}

void check_count(const Json& in, std::string_view name, std::size_t count) {
  std::int64_t expected = 1;
  for (const std::int64_t size : shape_of(in, name)) expected *= size;
  if (static_cast<std::size_t>(expected) != count) {
    throw std::runtime_error(quoted(name) + " has not as many elements as its shape says");
  }
}

std::vector<std::uint64_t> get_bits(const Json& in, std::string_view name, std::string_view dtype) {
  std::istringstream words(find_tensor(in, name, dtype).at("bits").get<std::string>());
  std::vector<std::uint64_t> bits;
  for (std::string word; words >> word;) bits.push_back(std::stoull(word, nullptr, 16));
  check_count(in, name, bits.size());
  return bits;
}

}  // namespace

Json floats(const std::vector<float>& values, Shape shape) {
  std::string bits;
  for (const float value : values) append_hex(bits, to_bits(value));
  return bits_json("f32", std::move(shape), std::move(bits));
}
Json floats(const std::vector<float>& values) {
  return floats(values, vector_shape(values.size()));
}
Json float_scalar(float value) { return floats({value}, {}); }

Json doubles(const std::vector<double>& values) {
  std::string bits;
  for (const double value : values) append_hex(bits, to_bits64(value));
  return bits_json("f64", vector_shape(values.size()), std::move(bits));
}
Json double_scalar(double value) {
  Json json = doubles({value});
  json["shape"] = Json::array();
  return json;
}

Json exponents(const std::vector<std::int32_t>& values, Shape shape) {
  Json list = Json::array();
  for (const std::int32_t value : values) {
    list.push_back(value == kEmptyExponent ? Json() : Json(value));
  }
  return {{"dtype", "i32"}, {"shape", std::move(shape)}, {"values", std::move(list)}};
}
Json exponents(const std::vector<std::int32_t>& values) {
  return exponents(values, vector_shape(values.size()));
}

Shape shape_of(const Json& in, std::string_view name) {
  return in.at(std::string(name)).at("shape").get<Shape>();
}

std::vector<float> get_floats(const Json& in, std::string_view name) {
  std::vector<float> values;
  for (const std::uint64_t bits : get_bits(in, name, "f32")) {
    values.push_back(from_bits(static_cast<std::uint32_t>(bits)));
  }
  return values;
}
float get_float(const Json& in, std::string_view name) { return get_floats(in, name).at(0); }

std::vector<double> get_doubles(const Json& in, std::string_view name) {
  std::vector<double> values;
  for (const std::uint64_t bits : get_bits(in, name, "f64")) values.push_back(from_bits64(bits));
  return values;
}
double get_double(const Json& in, std::string_view name) { return get_doubles(in, name).at(0); }

const Json& find_values(const Json& in, std::string_view name, std::string_view dtype) {
  const Json& values = find_tensor(in, name, dtype).at("values");
  check_count(in, name, values.size());
  return values;
}

std::vector<std::int32_t> get_exponents(const Json& in, std::string_view name) {
  std::vector<std::int32_t> values;
  for (const Json& value : find_values(in, name, "i32")) {
    values.push_back(value.is_null() ? kEmptyExponent : value.get<std::int32_t>());
  }
  return values;
}

std::string golden_file(const std::string& name) {
  return find_environment("REPRO_SOURCE_DIR").value_or(".") + "/tests/golden/exact1/" + name;
}

std::string encode_cases(const std::vector<Json>& cases) {
  std::string text = "{\"schema\":\"repro.vectors/1\",\"cases\":[";
  for (std::size_t i = 0; i < cases.size(); ++i) {
    text += (i == 0 ? "\n" : ",\n") + cases[i].dump();
  }
  return text + "\n]}\n";
}

}  // namespace repro::train
