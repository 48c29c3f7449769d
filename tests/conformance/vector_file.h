// Golden vectors: their JSON values, and the groups of operations that tests/conformance computes
// (tests/golden/exact1/README.md has the format and every operation).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/json.h"
#include "train/nn/context.h"

namespace repro::train {

using Shape = std::vector<std::int64_t>;

// --- values --------------------------------------------------------------------------------------

// Without a shape: that of a vector.
Json floats(const std::vector<float>& values, Shape shape);
Json floats(const std::vector<float>& values);
Json doubles(const std::vector<double>& values);
Json float_scalar(float value);
Json double_scalar(double value);

// Exponents: kEmptyExponent is written as null, and read from it.
Json exponents(const std::vector<std::int32_t>& values, Shape shape);
Json exponents(const std::vector<std::int32_t>& values);

template <class Int>
std::string_view dtype_of() {
  constexpr std::string_view kSigned[] = {"", "", "i16", "", "i32", "", "", "", "i64"};
  constexpr std::string_view kUnsigned[] = {"", "", "u16", "", "u32", "", "", "", "u64"};
  return Int(-1) < Int(0) ? kSigned[sizeof(Int)] : kUnsigned[sizeof(Int)];
}
template <class Int>
Json integers(const std::vector<Int>& values, Shape shape) {
  return {{"dtype", dtype_of<Int>()}, {"shape", std::move(shape)}, {"values", values}};
}
template <class Int>
Json integers(const std::vector<Int>& values) {
  return integers(values, {static_cast<std::int64_t>(values.size())});
}
template <class Int>
Json scalar(Int value) {
  return integers(std::vector<Int>{value}, {});
}

// Readers of `in[name]`: throw std::runtime_error, naming it, for another dtype or a count that is
// not the shape's.
Shape shape_of(const Json& in, std::string_view name);
std::vector<float> get_floats(const Json& in, std::string_view name);
std::vector<double> get_doubles(const Json& in, std::string_view name);
std::vector<std::int32_t> get_exponents(const Json& in, std::string_view name);
const Json& find_values(const Json& in, std::string_view name, std::string_view dtype);
template <class Int>
std::vector<Int> get(const Json& in, std::string_view name) {
  return find_values(in, name, dtype_of<Int>()).template get<std::vector<Int>>();
}
template <class Int>
Int get_one(const Json& in, std::string_view name) {
  return get<Int>(in, name).at(0);
}
float get_float(const Json& in, std::string_view name);
double get_double(const Json& in, std::string_view name);

// --- groups --------------------------------------------------------------------------------------

// Computes the outputs of one case with the product's code, on the kernels of `context`.
using Compute = Json (*)(const Context& context, const Json& in);

struct Operation {
  std::string name;
  Compute compute = nullptr;
};

struct Case {
  std::string operation;
  std::string name;
  Json in;
};

// One file of vectors. `cases` makes the inputs anew, the same each time.
struct Group {
  std::string file;  // without ".json"
  std::vector<Operation> operations;
  std::vector<Case> (*cases)() = nullptr;
};

Group rounding_group();
Group function_group();
Group random_group();
Group quantisation_group();
Group product_group();
Group row_group();
Group attention_group();
Group head_group();
Group gradient_group();
Group optimiser_group();
Group sampling_group();
Group order_group();
Group root_group();

// tests/golden/exact1/ of the source tree, with `name` behind it.
std::string golden_file(const std::string& name);

// The file's text: one case a line.
std::string encode_cases(const std::vector<Json>& cases);

}  // namespace repro::train
