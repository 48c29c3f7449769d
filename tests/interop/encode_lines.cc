// Encodes documents with bpe/1, for comparison with other programs (tests/interop/bpe.py).
//
//   encode_lines TOKENIZER DOCUMENTS [--threads N] [--runs R] [--output IDS]
//
// DOCUMENTS: for each one its number of bytes (little-endian uint32) and the bytes. IDS: for each
// document the number of ids, then the ids, all little-endian uint32. One line of JSON on standard
// output: documents, bytes, ids, and the least of R runs in seconds and in seconds of all cores.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"
#include "train/tokenizer/bpe.h"

namespace repro::train {
namespace {

constexpr std::size_t kBlock = 1024;  // documents that a thread takes at once

struct Options {
  std::string tokenizer;
  std::string documents;
  std::string output;
  int threads = 1;
  int runs = 1;
};

Options parse_options(int argc, char** argv) {
  Options options;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--threads" && has_value) {
      options.threads = std::stoi(argv[++i]);
    } else if (word == "--runs" && has_value) {
      options.runs = std::stoi(argv[++i]);
    } else if (word == "--output" && has_value) {
      options.output = argv[++i];
    } else {
      names.push_back(word);
    }
  }
  if (names.size() != 2 || options.threads < 1 || options.runs < 1) {
    throw Error(Code::invalid_argument,
                "usage: encode_lines TOKENIZER DOCUMENTS [--threads N] "
                "[--runs R] [--output IDS]");
  }
  options.tokenizer = names[0];
  options.documents = names[1];
  return options;
}

std::vector<std::string_view> cut_documents(std::string_view bytes) {
  std::vector<std::string_view> documents;
  while (!bytes.empty()) {
    std::uint32_t size = 0;
    REPRO_CHECK(bytes.size() >= sizeof(size));
    std::memcpy(&size, bytes.data(), sizeof(size));
    bytes.remove_prefix(sizeof(size));
    REPRO_CHECK(bytes.size() >= size);
    documents.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return documents;
}

using Ids = std::vector<std::uint32_t>;

// Each block's documents, every one with its number of ids before it.
std::vector<Ids> encode(const Tokenizer& tokenizer, const std::vector<std::string_view>& documents,
                        int threads) {
  std::vector<Ids> blocks((documents.size() + kBlock - 1) / kBlock);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t block = next++; block < blocks.size(); block = next++) {
      Ids& ids = blocks[block];
      const std::size_t end = std::min(documents.size(), (block + 1) * kBlock);
      for (std::size_t i = block * kBlock; i < end; ++i) {
        const std::size_t count = ids.size();
        ids.push_back(0);
        tokenizer.encode(documents[i], [&](std::span<const std::uint32_t> piece) {
          ids.insert(ids.end(), piece.begin(), piece.end());
        });
        ids[count] = static_cast<std::uint32_t>(ids.size() - count - 1);
      }
    }
  };
  std::vector<std::thread> pool;
  for (int i = 1; i < threads; ++i) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
  return blocks;
}

void write_ids(const std::string& path, const std::vector<Ids>& blocks) {
  const auto file = system_file_system().open(path, OpenMode::write);
  for (const Ids& ids : blocks) file->write(std::as_bytes(std::span(ids)));
}

void run(const Options& options) {
  const BpeTokenizer tokenizer(system_file_system().read_file(options.tokenizer),
                               options.tokenizer);
  const std::string bytes = system_file_system().read_file(options.documents);
  const std::vector<std::string_view> documents = cut_documents(bytes);
  std::vector<Ids> blocks;
  double best = 0;
  double best_cpu = 0;
  for (int i = 0; i < options.runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    blocks = encode(tokenizer, documents, options.threads);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
    best = i == 0 ? seconds.count() : std::min(best, seconds.count());
    best_cpu = i == 0 ? cpu : std::min(best_cpu, cpu);
  }
  std::size_t ids = 0;
  for (const Ids& block : blocks) ids += block.size();
  if (!options.output.empty()) write_ids(options.output, blocks);
  std::fputs(
      fmt::format(
          R"({{"documents": {}, "bytes": {}, "ids": {}, "seconds": {:.6f}, "cpu_seconds": {:.6f}}})"
          "\n",
          documents.size(), bytes.size() - 4 * documents.size(), ids - documents.size(), best,
          best_cpu)
          .c_str(),
      stdout);
}

}  // namespace
}  // namespace repro::train

int main(int argc, char** argv) {
  try {
    repro::train::run(repro::train::parse_options(argc, argv));
    return 0;
  } catch (const repro::Error& error) {
    std::fputs(fmt::format("encode_lines: {}\n", error.what()).c_str(), stderr);
    return 1;
  }
}
