// One digest over a fixed set of products for every path, and the record of what ran:
//   REPRO_WRITE_RESULTS=docs/results/kernel-paths.json kernels_gemm_test --gtest_filter=Record.*
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "artifacts/base/digest.h"
#include "tests/train/kernels/emulated/emulated_paths.h"
#include "tests/train/kernels/gemm_reference.h"
#include "train/kernels/cpu/gemm_paths.h"
#include "train/kernels/parallel.h"

namespace repro::train {
namespace {

std::vector<GemmCase> fixed_products() {
  std::vector<GemmCase> cases;
  for (int kind = 0; kind < 3; ++kind) {
    for (int digits = 0; digits < 7; ++digits) {
      for (const std::int64_t depth : {63, 1025}) {
        GemmCase shape;
        shape.m = 37;
        shape.n = 70;
        shape.k = depth;
        shape.kind = static_cast<GemmOutput::Kind>(kind);
        shape.digits = static_cast<GemmCase::Digits>(digits);
        shape.two_digits = digits % 3 == 1;
        shape.causal = digits % 2 == 1;
        shape.a_transposed = kind == 1;
        shape.exponent_low = -4;
        shape.exponent_high = 0;
        shape.seed = static_cast<std::uint64_t>(cases.size()) + 1;
        cases.push_back(shape);
      }
    }
  }
  return cases;
}

std::string digest_of(const std::vector<GemmCase>& cases,
                      const std::function<OutputBits(const GemmProblem&)>& compute) {
  Sha256 hash;
  for (const GemmCase& shape : cases) {
    const OutputBits bits = compute(GemmProblem(shape));
    hash.update(std::as_bytes(std::span(bits)));
  }
  return hash.digest().hex();
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

TEST(Record, EveryPathHasTheReferencesDigest) {
  const std::vector<GemmCase> cases = fixed_products();
  const std::string expected =
      digest_of(cases, [](const GemmProblem& problem) { return problem.expected(); });
  nlohmann::json paths = nlohmann::json::object();
  Parallel parallel(2);
  for (const GemmPath* path : tested_gemm_paths()) {
    const std::string digest = digest_of(
        cases, [&](const GemmProblem& problem) { return problem.computed(*path, parallel); });
    EXPECT_EQ(digest, expected) << path->name();
    paths[std::string(path->name())] = digest;
  }
  const char* file = std::getenv("REPRO_WRITE_RESULTS");
  if (file == nullptr) return;
  const nlohmann::json record = {{"schema", "repro.kernel_paths/1"},
                                 {"cpu", cpu_name()},
                                 {"products", cases.size()},
                                 {"reference", expected},
                                 {"paths", paths}};
  std::ofstream(file) << record.dump(2) << "\n";
}

}  // namespace
}  // namespace repro::train
