// Every kind of stored file, one flipped bit at a time: each flip is found, with exit code 4 and
// the file's name, or (in the catalogue) changes nothing. Small files are flipped in every bit,
// larger ones at seeded places, headers and trailers always whole. The table of kinds and counts is
// printed.
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "artifacts/base/clock.h"
#include "artifacts/base/error.h"
#include "artifacts/index/catalogue.h"
#include "tests/support/corrupt.h"
#include "tests/support/temporary_folder.h"
#include "tests/verify/store_builder.h"
#include "verify/fsck.h"

namespace repro::verify_test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kTrailerBits = 128 * 8;
constexpr std::uint64_t kSeed = 20261125;
constexpr int kMinimumFlips = 10000;

// The findings that count, as text; an unreadable store is one too.
std::string verdict_of(const std::string& folder) {
  std::string text;
  try {
    const auto store = artifacts::Store::open(system_file_system(), folder);
    for (const auto& finding : verify::check_store(store).findings) {
      if (finding.severity != verify::Severity::corruption) continue;
      text += finding.path + ": " + finding.message + "\n";
    }
  } catch (const Error& error) {
    if (exit_code(error.code()) == 4) text = error.what();
  }
  return text;
}

class BitFlips : public ::testing::Test {
 protected:
  BitFlips() : builder_(folder_ / "store") {
    RunPlan plan;
    plan.steps = 1;
    plan.checkpoint_every = 1;
    plan.status = manifests::RunStatus::running;  // killed: two steps are in the tails alone
    plan.tail_steps = 2;
    builder_.set_tag("best", builder_.add_run(plan).manifest);
    const std::string text(6000, 'a');  // compresses
    zstd_ = builder_.store().put(std::string_view(text)).digest;
    const std::string linked = folder_.write("data/linked.bin", "bytes that stay where they are");
    linked_ = builder_.store().put_file(linked, artifacts::Intake::in_place).digest;
    linked_file_ = linked;
    fill_catalogue();
  }

  std::string root() const { return builder_.store().folder(); }

  void fill_catalogue() {
    auto catalogue = artifacts::Catalogue::open(root() + "/index/catalogue.sqlite");
    for (int i = 0; i < 20; ++i) {
      const Digest digest = sha256(std::to_string(i));
      catalogue.remember_text("run", digest, "summary " + std::to_string(i));
      catalogue.remember_file("/data/" + std::to_string(i), {}, digest,
                              system_clock().now_ns() + std::int64_t{10'000'000'000});
    }
  }

  std::string kind_of(const std::string& path) const {
    const std::string name = path.substr(root().size() + 1);
    if (path == builder_.store().object_path(zstd_)) return "object, zstd";
    if (path == builder_.store().object_path(linked_)) return "object, linked";
    if (name.starts_with("objects/")) return object_kind(path);
    if (name.starts_with("refs/"))
      return "ref, " + fs::path(name).parent_path().filename().string();
    if (name.starts_with("index/")) return "catalogue";
    if (name.ends_with("log-tail.jsonl")) return "working tail, log";
    if (name.ends_with("telemetry-tail.jsonl")) return "working tail, telemetry";
    return name;
  }

  // By what it is and how it is coded.
  std::string object_kind(const std::string& path) const {
    const std::string name = path.substr(path.size() - 65);
    const auto digest = find_digest(name.substr(0, 2) + name.substr(3));
    const std::string text = digest ? builder_.store().get(*digest) : "";
    const auto has = [&](const char* part) { return text.find(part) != std::string::npos; };
    if (has("\"schema\":\"repro.run/1\"")) return "object, run manifest";
    if (has("\"schema\":\"repro.state/1\"")) return "object, state manifest";
    if (has("\"schema\":\"repro.dataset/1\"")) return "object, dataset manifest";
    if (has("\"schema\":\"repro.config/1\"")) return "object, config";
    if (has("\"chain\":")) return has("tokens_per_second") ? "object, telemetry" : "object, log";
    const bool coded = support::read_text(path).starts_with("(\xb5/\xfd");
    return coded ? "object, tensor or shard, zstd" : "object, tensor or shard, raw";
  }

  // Bits to flip in a file: every bit of a trailer for one object of each codec (and every bit of
  // the format file), else `sampled` places.
  std::set<std::uint64_t> choose_bits(const std::string& kind, std::uint64_t bits, bool first) {
    static const std::set<std::string> kWhole = {"format", "object, zstd", "object, linked",
                                                 "object, tensor or shard, raw"};
    const std::uint64_t sampled = first ? 450 : 90;
    const std::uint64_t whole = first && kWhole.contains(kind) ? kTrailerBits : 0;
    std::set<std::uint64_t> chosen;
    for (std::uint64_t bit = bits - std::min(bits, whole); bit < bits; ++bit) chosen.insert(bit);
    for (std::uint64_t i = 0; i < sampled; ++i) chosen.insert(random_() % bits);
    if (kind == "catalogue") {
      for (int i = 0; i < 600; ++i) chosen.insert(random_() % bits);
    }
    return chosen;
  }

  std::vector<std::string> files() const {
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      if (entry.is_regular_file() && entry.file_size() > 0) paths.push_back(entry.path().string());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  support::TemporaryFolder folder_;
  StoreBuilder builder_;
  Digest zstd_;
  Digest linked_;
  std::string linked_file_;
  std::mt19937_64 random_{kSeed};
};

TEST_F(BitFlips, EveryFlipIsFoundOrChangesNothing) {
  ASSERT_EQ(verdict_of(root()), "");
  struct Count {
    int files = 0;
    int flips = 0;
    int undetected = 0;
  };
  std::map<std::string, Count> table;
  int total = 0;
  for (const std::string& path : files()) {
    const std::string kind = kind_of(path);
    Count& count = table[kind];
    const std::set<std::uint64_t> chosen =
        choose_bits(kind, support::bits_of_file(path), count.files == 0);
    ++count.files;
    for (const std::uint64_t bit : chosen) {
      support::flip_bit(path, bit);
      const std::string verdict = verdict_of(root());
      support::flip_bit(path, bit);
      ++count.flips;
      ++total;
      const bool found = verdict.find(path) != std::string::npos;
      if (kind == "catalogue" ? verdict.empty() : found) continue;
      ++count.undetected;
      ADD_FAILURE() << kind << " bit " << bit << " of " << path << ": " << verdict;
    }
  }
  std::cout << "kind                          files   flips  undetected\n";
  for (const auto& [kind, count] : table) {
    std::cout << kind << std::string(30 - std::min<std::size_t>(29, kind.size()), ' ')
              << count.files << "  " << count.flips << "  " << count.undetected << "\n";
  }
  std::cout << "total flips " << total << ", seed " << kSeed << "\n";
  EXPECT_GE(total, kMinimumFlips);
  for (const char* kind :
       {"format", "object, tensor or shard, raw", "object, zstd", "object, linked", "object, log",
        "object, telemetry", "object, run manifest", "object, state manifest",
        "object, dataset manifest", "object, config", "ref, runs", "ref, tags", "ref, datasets",
        "working tail, log", "working tail, telemetry", "catalogue"}) {
    EXPECT_GT(table[kind].flips, 0) << kind;
  }
  EXPECT_EQ(verdict_of(root()), "") << "the files are not what they were";
}

TEST_F(BitFlips, InAFileLinkedInPlaceIsFoundWithBothNames) {
  for (std::uint64_t bit = 0; bit < support::bits_of_file(linked_file_); ++bit) {
    support::flip_bit(linked_file_, bit);
    const std::string verdict = verdict_of(root());
    support::flip_bit(linked_file_, bit);
    EXPECT_NE(verdict.find(builder_.store().object_path(linked_)), std::string::npos) << bit;
    EXPECT_NE(verdict.find(linked_file_), std::string::npos) << verdict;
  }
}

}  // namespace
}  // namespace repro::verify_test
