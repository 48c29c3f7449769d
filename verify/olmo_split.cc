#include "verify/olmo_split.h"

#include <algorithm>
#include <cstring>

#include "artifacts/base/error.h"
#include "artifacts/tensor/convert.h"
#include "verify/element_compare.h"
#include "verify/tensor_bytes.h"

namespace repro::verify {
namespace {

constexpr std::string_view kWide = "float32";
constexpr std::string_view kNarrow = "bfloat16";

// Of two tensors of one shape; "" where they are equal.
std::string difference(std::span<const std::byte> original, std::span<const std::byte> split,
                       const std::string& dtype) {
  const std::size_t bytes = artifacts::dtype_size(dtype);
  ElementComparer comparer(dtype);
  std::vector<std::byte> rounded;
  for (std::size_t at = 0; at * sizeof(float) < original.size(); at += kPieceElements) {
    auto wanted = piece_of(original, at, sizeof(float));
    if (dtype == kNarrow) {
      rounded.clear();
      artifacts::round_to_bfloat16(wanted, rounded);
      wanted = rounded;
    }
    comparer.update(wanted, piece_of(split, at, bytes));
  }
  const ElementDifference& found = comparer.result();
  if (found.num_different == 0) return "";
  return std::to_string(found.num_different) + " of " + std::to_string(found.num_elements) +
         " elements differ, the first at " + std::to_string(*found.first_index) + ": " +
         found.first_a + " there and " + found.first_b + " here";
}

std::string tensor_difference(TensorBytes& bytes, const OlmoCheckpoint::Tensor& original,
                              const OlmoCheckpoint& split) {
  const auto found = split.tensors.find(original.info.name);
  if (found == split.tensors.end()) return "it is missing";
  const artifacts::TensorInfo& info = found->second.info;
  if (info.shape != original.info.shape) return "it has another shape";
  return difference(bytes.of(original), bytes.of(found->second), info.dtype);
}

bool can_compare(const OlmoCheckpoint& split) {
  return std::all_of(split.tensors.begin(), split.tensors.end(), [](const auto& tensor) {
    const std::string& dtype = tensor.second.info.dtype;
    return dtype == kWide || dtype == kNarrow;
  });
}

// The stage that an original is of, as its name or its configuration says; 0 where neither does.
std::int64_t stage_of(const OlmoCheckpoint& original) {
  if (original.name->stage != 0) return original.name->stage;
  if (!original.run) return 0;
  const OlmoStart& start = original.run->start;
  if (start.fresh) return 1;
  return start.keeps_counters ? 0 : 2;
}

bool may_be_one(const OlmoCheckpoint& original, const OlmoCheckpoint& split) {
  if (&original == &split) return true;
  if (!original.name || !split.name || original.name->step != split.name->step) return false;
  const std::int64_t stage = stage_of(original);
  const bool early = split.name->stage == 0 && split.name->billions;  // of the first stage
  const std::int64_t split_stage = early ? 1 : split.name->stage;
  if (stage != 0 && split_stage != 0 && stage != split_stage) return false;
  const std::int64_t ingredient = original.name->ingredient;
  const std::int64_t split_ingredient = split.name->ingredient;
  return ingredient == 0 || split_ingredient == 0 || ingredient == split_ingredient;
}

std::vector<const OlmoCheckpoint*> partners_of(const OlmoCheckpoint& original,
                                               std::span<const OlmoCheckpoint* const> checkpoints,
                                               std::vector<Finding>& findings) {
  std::vector<const OlmoCheckpoint*> partners;
  for (const OlmoCheckpoint* other : checkpoints) {
    if (other->tensors.empty() || !may_be_one(original, *other)) continue;
    if (!can_compare(*other)) {
      findings.push_back({Severity::warning,
                          "checkpoint",
                          other->path,
                          "",
                          {},
                          "has tensors that are neither float32 nor bfloat16; they are not "
                          "compared with " +
                              original.label});
      continue;
    }
    if (other == &original) return {other};
    partners.push_back(other);
  }
  return partners;
}

}  // namespace

std::optional<std::string> find_split_difference(FileSystem& files, const OlmoCheckpoint& original,
                                                 const OlmoCheckpoint& split) {
  TensorBytes bytes(files);
  std::string first;
  std::size_t others = 0;
  for (const auto& [name, tensor] : original.originals) {
    const std::string how = tensor_difference(bytes, tensor, split);
    if (how.empty()) continue;
    if (first.empty()) {
      first = "tensor " + name + " is not that of " + original.label + ", split: " + how;
    } else {
      ++others;
    }
  }
  if (first.empty()) return std::nullopt;
  if (others > 0)
    first += "; " + std::to_string(others) +
             (others == 1 ? " other tensor differs" : " other tensors differ");
  return first;
}

std::size_t check_split(FileSystem& files, std::span<const OlmoCheckpoint* const> checkpoints,
                        std::vector<Finding>& findings) {
  std::size_t count = 0;
  for (const OlmoCheckpoint* original : checkpoints) {
    if (original->originals.empty()) continue;
    const auto partners = partners_of(*original, checkpoints, findings);
    if (partners.empty()) continue;
    ++count;
    std::vector<Finding> different;
    for (const OlmoCheckpoint* split : partners) {
      auto difference = find_split_difference(files, *original, *split);
      if (!difference) break;
      different.push_back(
          {Severity::mismatch, "checkpoint", split->path, "", {}, *std::move(difference)});
    }
    if (different.size() < partners.size()) continue;  // it is one of them
    findings.insert(findings.end(), different.begin(), different.end());
  }
  return count;
}

}  // namespace repro::verify
