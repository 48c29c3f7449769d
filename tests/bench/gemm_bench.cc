// Times exact products: one JSON object per shape and path on standard output.
//
//   gemm_bench [--threads N] [--runs R] [--float] [path ...]
//
// With --float only the two squares that start from binary32 operands and include their
// quantisation. "gops" counts 2*m*n*k operations as a float product would, packing included, over
// wall time; "cpu_gops" over the processor time of all threads, which a busy machine disturbs less.
// Both are the best of R short runs, because other programs only ever make a run slower.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "train/kernels/gemm.h"
#include "train/kernels/parallel.h"
#include "train/kernels/paths.h"

namespace repro::train {
namespace {

struct Shape {
  const char* name;
  std::int64_t m, n, k;
  GemmOutput::Kind kind;
  bool turned;   // both operands contiguous along their rows, as in a weight gradient
  bool uniform;  // digits whose norms do not allow long int32 sums
};

constexpr Shape kShapes[] = {
    {"square", 1024, 1024, 1024, GemmOutput::Kind::to_float, false, false},
    {"square_uniform", 1024, 1024, 1024, GemmOutput::Kind::to_float, false, true},
    {"deep", 512, 512, 8192, GemmOutput::Kind::to_float, false, false},
    {"projection", 512, 384, 384, GemmOutput::Kind::to_float, false, false},
    {"scores", 512, 512, 64, GemmOutput::Kind::to_float, false, false},
    {"values", 512, 64, 128, GemmOutput::Kind::add_blocks, false, false},
    {"values_turned", 512, 64, 128, GemmOutput::Kind::add_blocks, true, false},
    {"weight_gradient_384", 384, 384, 512, GemmOutput::Kind::add_units, true, false},
    {"weight_gradient_1024", 1024, 1024, 512, GemmOutput::Kind::add_units, true, false},
    {"vocabulary", 128, 16384, 384, GemmOutput::Kind::to_float, false, false},
    {"one_row", 1, 2048, 2048, GemmOutput::Kind::to_float, false, false},
};

std::vector<std::int16_t> digits(std::int64_t count, bool uniform, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::int16_t> result(static_cast<std::size_t>(count));
  for (std::int16_t& digit : result) {
    std::int64_t sum = 0;
    const int terms = uniform ? 1 : 12;
    for (int i = 0; i < terms; ++i) sum += static_cast<std::int64_t>(random() % 32767) - 16383;
    digit = static_cast<std::int16_t>(
        std::clamp<std::int64_t>(sum / terms * 3 / (uniform ? 3 : 2), -16383, 16383));
  }
  return result;
}

constexpr std::int64_t kFloatSides[] = {1024, 2048};

struct Times {
  double wall = 1e30;
  double cpu = 1e30;
};

// The best of `runs` runs of `repeats` calls each.
template <class Call>
Times best_time(int runs, int repeats, const Call& call) {
  Times best;
  for (int run = 0; run < runs; ++run) {
    const std::clock_t cpu = std::clock();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repeats; ++i) call();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    best.wall = std::min(best.wall, time.count() / repeats);
    best.cpu =
        std::min(best.cpu, static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC / repeats);
  }
  return best;
}

Times seconds_of_one(const Shape& shape, const GemmPath& path, Parallel& parallel, int runs) {
  const auto a = digits(shape.m * shape.k, shape.uniform, 1);
  const auto b = digits(shape.n * shape.k, shape.uniform, 2);
  const std::vector<std::int32_t> exponents(static_cast<std::size_t>(std::max(shape.m, shape.n)));
  const std::vector<std::int32_t> shift(exponents.size(), -10);
  std::vector<float> values(static_cast<std::size_t>(shape.m * shape.n));
  std::vector<std::int64_t> integers(values.size());
  GemmOutput output;
  output.kind = shape.kind;
  output.a_exponent = exponents.data();
  output.b_exponent = exponents.data();
  output.values = values.data();
  output.integers = integers.data();
  output.ld = shape.n;
  output.limit = std::int64_t{1} << 60;
  output.shift = shift.data();
  const DigitView view_a = {a.data(), shape.turned ? 1 : shape.k, shape.turned ? shape.m : 1};
  const DigitView view_b = {b.data(), shape.turned ? 1 : shape.k, shape.turned ? shape.n : 1};
  // A few milliseconds a run.
  const double work = 2e-9 * static_cast<double>(shape.m * shape.n * shape.k);
  const bool slow = path.name() == "scalar" || path.name() == "fp64";
  const int repeats = std::max(1, static_cast<int>((slow ? 0.1 : 0.5) / work));
  return best_time(runs, repeats,
                   [&] { path.run(shape.m, shape.n, shape.k, view_a, view_b, output, parallel); });
}

// A square product of binary32 matrices [side, side] with normal elements: q15 of both operands,
// packing, product, binary32 result.
Times seconds_of_float(std::int64_t side, const KernelPath& path, Parallel& parallel, int runs) {
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  const auto count = static_cast<std::size_t>(side * side);
  std::vector<float> values(count);
  std::vector<float> x[2] = {std::vector<float>(count), std::vector<float>(count)};
  std::vector<std::int16_t> q[2] = {std::vector<std::int16_t>(count),
                                    std::vector<std::int16_t>(count)};
  std::vector<std::int32_t> exponents[2];
  for (int i = 0; i < 2; ++i) {
    for (float& element : x[i]) element = normal(random);
    exponents[i].resize(static_cast<std::size_t>(side));
  }
  GemmOutput output;
  output.kind = GemmOutput::Kind::to_float;
  output.a_exponent = exponents[0].data();
  output.b_exponent = exponents[1].data();
  output.values = values.data();
  output.ld = side;
  return best_time(runs, 1, [&] {
    for (int i = 0; i < 2; ++i) {
      parallel.run_ranges(side, 32, [&](std::int64_t begin, std::int64_t end) {
        QuantizeRowsArgs args;
        args.x = x[i].data() + begin * side;
        args.rows = end - begin;
        args.cols = side;
        args.ld = side;
        args.digits = q[i].data() + begin * side;
        args.ld_digits = side;
        args.exponents = exponents[i].data() + begin;
        path.rows->quantize_rows(args);
      });
    }
    path.gemm->run(side, side, side, {q[0].data(), side, 1}, {q[1].data(), side, 1}, output,
                   parallel);
  });
}

void print(const KernelPath& path, int threads, const Shape& shape, const Times& time) {
  const double work = 2e-9 * static_cast<double>(shape.m * shape.n * shape.k);
  std::printf(
      "{\"bench\":\"gemm\",\"path\":\"%s\",\"threads\":%d,\"shape\":\"%s\",\"m\":%lld,"
      "\"n\":%lld,\"k\":%lld,\"microseconds\":%.1f,\"gops\":%.1f,\"cpu_gops\":%.1f}\n",
      std::string(path.name).c_str(), threads, shape.name, static_cast<long long>(shape.m),
      static_cast<long long>(shape.n), static_cast<long long>(shape.k), time.wall * 1e6,
      work / time.wall, work / time.cpu);
  std::fflush(stdout);
}

int bench(int threads, int runs, bool from_float, const std::vector<std::string_view>& names) {
  Parallel parallel(threads);
  for (const KernelPath& path : available_paths()) {
    const bool wanted =
        names.empty() || std::find(names.begin(), names.end(), path.name) != names.end();
    if (!wanted) continue;
    if (from_float) {
      for (const std::int64_t side : kFloatSides) {
        print(path, threads, {"float", side, side, side, GemmOutput::Kind::to_float, false, false},
              seconds_of_float(side, path, parallel, runs));
      }
      continue;
    }
    for (const Shape& shape : kShapes) {
      print(path, threads, shape, seconds_of_one(shape, *path.gemm, parallel, runs));
    }
  }
  return 0;
}

}  // namespace
}  // namespace repro::train

int main(int argc, char** argv) {
  int threads = 1;
  int runs = 15;
  bool from_float = false;
  std::vector<std::string_view> names;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const bool number = (arg == "--threads" || arg == "--runs") && i + 1 < argc;
    if (arg == "--float") {
      from_float = true;
    } else if (!number) {
      names.push_back(arg);
    } else {
      (arg == "--threads" ? threads : runs) = std::max(1, std::atoi(argv[++i]));
    }
  }
  return repro::train::bench(threads, runs, from_float, names);
}
