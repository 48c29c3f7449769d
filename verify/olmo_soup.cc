#include "verify/olmo_soup.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "artifacts/tensor/convert.h"
#include "artifacts/tensor/mean.h"
#include "manifests/shape_check.h"
#include "verify/element_compare.h"
#include "verify/tensor_bytes.h"

namespace repro::verify {
namespace {

using artifacts::MeanFormula;
using Ingredients = std::vector<const OlmoCheckpoint*>;
using Bytes = std::span<const std::byte>;

constexpr std::size_t kMaxReordered = 4;
constexpr std::size_t kShownCandidates = 4;
constexpr std::array<const char*, 4> kFormulas = {"exact", "olmo", "olmo-core", "hf"};
constexpr const char* kAllFormulas = "exact, olmo, olmo-core or hf";

struct Candidate {
  MeanFormula formula = MeanFormula::exact;
  std::string formula_name;
  std::vector<std::size_t> order;  // of ingredients
  std::uint64_t num_different = 0;
  double max_absolute = 0;
  std::uint64_t max_ulp = 0;
  std::size_t num_unequal_tensors = 0;
};

bool is_nearer(const Candidate& a, const Candidate& b) {
  return std::tie(a.num_different, a.max_absolute) < std::tie(b.num_different, b.max_absolute);
}

// Two orders of which the one is the other with its first two exchanged are one where the formula
// begins with a sum of two; where a single rounding gives all, so are all orders.
bool is_canonical(MeanFormula formula, const std::vector<std::size_t>& order) {
  if (order.size() == 1) return formula == MeanFormula::exact;  // the ingredient itself
  if (formula == MeanFormula::exact) return std::is_sorted(order.begin(), order.end());
  return formula == MeanFormula::olmo_core || order[0] < order[1];
}

void add_orders(std::vector<std::size_t> order, bool all, std::vector<Candidate>& candidates) {
  do {
    for (const char* name : kFormulas) {
      const MeanFormula formula = artifacts::find_mean_formula(name).value();
      if (is_canonical(formula, order)) candidates.push_back({formula, name, order});
    }
  } while (all && std::next_permutation(order.begin(), order.end()));
}

std::vector<Candidate> make_candidates(std::size_t count) {
  std::vector<Candidate> candidates;
  if (count > kMaxReordered) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    add_orders(std::move(order), false, candidates);
    return candidates;
  }
  for (unsigned members = 1U << count; members-- > 1;) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < count; ++i) {
      if ((members >> i & 1U) != 0) order.push_back(i);
    }
    add_orders(std::move(order), true, candidates);
  }
  return candidates;
}

std::string list_of(const Ingredients& ingredients, const std::vector<std::size_t>& order) {
  std::string text;
  for (const std::size_t i : order) text += (text.empty() ? "" : ", ") + ingredients[i]->label;
  return text;
}

std::string describe(const Candidate& candidate, const Ingredients& ingredients) {
  const std::string list = list_of(ingredients, candidate.order);
  return candidate.order.size() == 1 ? list + " itself"
                                     : "the mean `" + candidate.formula_name + "` of " + list;
}

class SoupCheck {
 public:
  SoupCheck(FileSystem& files, const OlmoCheckpoint& main, Ingredients ingredients)
      : bytes_(files),
        main_(main),
        ingredients_(std::move(ingredients)),
        candidates_(make_candidates(ingredients_.size())) {}

  // One, or what the tensors of an ingredient differ in.
  std::vector<Finding> run() {
    for (const OlmoCheckpoint* ingredient : ingredients_) {
      std::vector<Finding> findings;
      for (const std::string& line :
           manifests::list_shape_differences(shapes_of(main_), shapes_of(*ingredient))) {
        findings.push_back(
            finding(Severity::mismatch, ingredient->label + " does not have its tensors: " + line));
      }
      if (!findings.empty()) return findings;
    }
    return {compare_means()};
  }

 private:
  Finding compare_means() {
    for (const auto& [name, tensor] : main_.weights()) tensors_.push_back(&tensor);
    std::stable_sort(tensors_.begin(), tensors_.end(), [](const auto* a, const auto* b) {
      return a->info.end - a->info.begin < b->info.end - b->info.begin;
    });
    for (const OlmoCheckpoint::Tensor* tensor : tensors_) {
      if (auto found = take(*tensor)) return *std::move(found);
      drop_candidates();
    }
    return verdict();
  }

  Finding finding(Severity severity, std::string message) const {
    return {severity, "checkpoint", main_.path, "", {}, std::move(message)};
  }

  // The dtype is each file's own: numbers are compared.
  static std::vector<manifests::NamedShape> shapes_of(const OlmoCheckpoint& checkpoint) {
    std::vector<manifests::NamedShape> shapes;
    for (const auto& [name, tensor] : checkpoint.weights()) {
      shapes.push_back({name, "", tensor.info.shape});
    }
    return shapes;
  }

  // What of a tensor no mean can be taken of, or compared with.
  std::optional<Finding> take(const OlmoCheckpoint::Tensor& tensor) {
    const std::string& name = tensor.info.name;
    if (tensor.info.dtype != "float32" && tensor.info.dtype != "bfloat16") {
      return finding(Severity::warning, "tensor " + name + " is " + tensor.info.dtype +
                                            "; means are float32 or bfloat16 and not compared");
    }
    std::deque<ElementComparer> comparers;
    for (std::size_t i = 0; i < candidates_.size(); ++i) comparers.emplace_back(tensor.info.dtype);
    const Bytes wanted = bytes_.of(tensor);
    const std::size_t size = artifacts::dtype_size(tensor.info.dtype);
    for (std::size_t at = 0; at * size < wanted.size(); at += kPieceElements) {
      const Bytes piece = piece_of(wanted, at, size);
      inputs_.assign(ingredients_.size(), std::vector<float>(piece.size() / size));
      for (std::size_t i = 0; i < ingredients_.size(); ++i) {
        if (auto found = read_input(i, name, at)) return found;
      }
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        compare(candidates_[i], piece, tensor.info.dtype, comparers[i]);
      }
    }
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const ElementDifference& difference = comparers[i].result();
      candidates_[i].num_different += difference.num_different;
      candidates_[i].max_absolute = std::max(candidates_[i].max_absolute, difference.max_absolute);
      candidates_[i].max_ulp = std::max(candidates_[i].max_ulp, difference.max_ulp);
      candidates_[i].num_unequal_tensors += difference.num_different > 0 ? 1 : 0;
    }
    num_elements_ += wanted.size() / size;
    return std::nullopt;
  }

  std::optional<Finding> read_input(std::size_t number, const std::string& name, std::size_t at) {
    const OlmoCheckpoint& ingredient = *ingredients_[number];
    const OlmoCheckpoint::Tensor& tensor = ingredient.weights().at(name);
    const std::string& dtype = tensor.info.dtype;
    if (!artifacts::is_weight_dtype(dtype)) {
      return finding(Severity::warning, "tensor " + name + " of " + ingredient.label + " is " +
                                            dtype + "; no mean is taken of it");
    }
    const Bytes piece = piece_of(bytes_.of(tensor), at, artifacts::dtype_size(dtype));
    const Bytes wide = artifacts::widen_to_float32(dtype, piece, scratch_);
    std::vector<float>& values = inputs_[number];
    REPRO_CHECK(wide.size() == values.size() * sizeof(float));
    std::memcpy(values.data(), wide.data(), wide.size());
    const auto bad = artifacts::find_non_finite(values);
    if (!bad) return std::nullopt;
    return finding(Severity::mismatch, "element " + std::to_string(at + *bad) + " of tensor " +
                                           name + " of " + ingredient.label +
                                           " is not finite: there is no mean");
  }

  void compare(const Candidate& candidate, Bytes wanted, const std::string& dtype,
               ElementComparer& comparer) {
    std::vector<std::span<const float>> inputs;
    for (const std::size_t i : candidate.order) inputs.emplace_back(inputs_[i]);
    mean_.resize(inputs[0].size());
    artifacts::mean(candidate.formula, inputs, mean_);
    Bytes made = std::as_bytes(std::span(mean_));
    if (dtype != "float32") {
      rounded_.clear();
      artifacts::round_to_bfloat16(made, rounded_);
      made = rounded_;
    }
    if (std::memcmp(made.data(), wanted.data(), wanted.size()) != 0) comparer.update(made, wanted);
  }

  // What fits so far goes on; where nothing does, the nearest alone: most of the time goes into
  // measuring how far it is.
  void drop_candidates() {
    const auto nearest = std::min_element(candidates_.begin(), candidates_.end(), is_nearer);
    if (nearest->num_different != 0) {
      candidates_ = {*nearest};
      return;
    }
    std::erase_if(candidates_, [](const auto& candidate) { return candidate.num_different != 0; });
  }

  Finding verdict() const {
    std::string fitting;
    std::size_t count = 0;
    for (const Candidate& candidate : candidates_) {
      if (candidate.num_different != 0 || ++count > kShownCandidates) continue;
      fitting += (fitting.empty() ? "" : "; ") + describe(candidate, ingredients_);
    }
    if (count > kShownCandidates) {
      fitting += "; and by " + std::to_string(count - kShownCandidates) + " other ways";
    }
    if (count > 0) return finding(Severity::note, "has the weights of " + fitting);
    const Candidate& nearest = candidates_[0];
    std::vector<std::size_t> all(ingredients_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return finding(
        Severity::mismatch,
        "is no mean (" + std::string(kAllFormulas) + ") of " + list_of(ingredients_, all) +
            (all.size() > kMaxReordered ? " in this order"
                                        : " or of some of them, in whatever order") +
            "; the nearest is " + describe(nearest, ingredients_) + ": " +
            std::to_string(nearest.num_different) + " of " + std::to_string(num_elements_) +
            " elements differ, in " + std::to_string(nearest.num_unequal_tensors) + " of " +
            std::to_string(tensors_.size()) + " tensors, by up to " +
            decimal_text(nearest.max_absolute) + " or " + std::to_string(nearest.max_ulp) +
            " units in the last place");
  }

  TensorBytes bytes_;
  const OlmoCheckpoint& main_;
  Ingredients ingredients_;
  std::vector<Candidate> candidates_;
  std::vector<const OlmoCheckpoint::Tensor*> tensors_;  // of main, smallest first
  std::uint64_t num_elements_ = 0;
  std::vector<std::vector<float>> inputs_;
  std::vector<float> mean_;
  std::vector<std::byte> rounded_;
  std::vector<std::byte> scratch_;
};

// The last of each ingredient, by its number.
Ingredients last_ingredients(std::span<const OlmoCheckpoint* const> checkpoints) {
  std::map<std::int64_t, const OlmoCheckpoint*> last;
  for (const OlmoCheckpoint* checkpoint : checkpoints) {
    if (!checkpoint->name || checkpoint->name->ingredient == 0) continue;
    const OlmoCheckpoint*& place = last[checkpoint->name->ingredient];
    if (place == nullptr || place->name->step < checkpoint->name->step) place = checkpoint;
  }
  Ingredients ingredients;
  for (const auto& [number, checkpoint] : last) ingredients.push_back(checkpoint);
  return ingredients;
}

}  // namespace

std::size_t check_soup(FileSystem& files, std::span<const OlmoCheckpoint* const> checkpoints,
                       std::vector<Finding>& findings) {
  const auto main = std::find_if(checkpoints.begin(), checkpoints.end(),
                                 [](const auto* other) { return other->label == kMainName; });
  Ingredients ingredients = last_ingredients(checkpoints);
  if (main == checkpoints.end() || ingredients.size() < 2) return 0;
  const std::size_t count = ingredients.size() + 1;
  for (Finding& finding : SoupCheck(files, **main, std::move(ingredients)).run()) {
    findings.push_back(std::move(finding));
  }
  return count;
}

}  // namespace repro::verify
