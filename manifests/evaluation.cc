#include "manifests/evaluation.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"

namespace repro::manifests {
namespace {

double nats(std::int64_t units) { return static_cast<double>(units) * 0x1p-30; }

// How much likelier a is than b, by its sign: -1, 0, 1.
int compare(const TextScore& a, const TextScore& b) {
  return (a.units > b.units) - (a.units < b.units);
}

// Units may need 63 bits and bytes 30, so the products are wider than 64.
int compare_per_byte(const TextScore& a, const TextScore& b) {
  const __int128 left = static_cast<__int128>(a.units) * b.bytes;
  const __int128 right = static_cast<__int128>(b.units) * a.bytes;
  return (left > right) - (left < right);
}

template <class Compare>
Chosen choose(const ItemScore& item, const Compare& compare_scores) {
  REPRO_CHECK(!item.scores.empty());
  Chosen chosen;
  for (std::size_t i = 1; i < item.scores.size(); ++i) {
    const int sign = compare_scores(item.scores[i], item.scores[chosen.index]);
    if (sign > 0) chosen = {i, false};
    if (sign == 0) chosen.tie = true;
  }
  return chosen;
}

Json score_json(const TextScore& score) {
  return {{"bytes", score.bytes},
          {"dropped", score.dropped},
          {"tokens", score.tokens},
          {"units", score.units}};
}

Json item_json(const Evaluation& evaluation, const ItemScore& item) {
  if (evaluation.kind == TaskKind::texts) return score_json(item.scores.front());
  Json choices = Json::array();
  for (const TextScore& score : item.scores) choices.push_back(score_json(score));
  return {{"answer", item.answer},
          {"choices", std::move(choices)},
          {"likeliest", likeliest(item).index},
          {"likeliest_per_byte", likeliest_per_byte(item).index}};
}

Json measures_json(const Evaluation& evaluation) {
  const Measures sums = measure(evaluation);
  Json json = {{"bytes", sums.bytes},
               {"dropped", sums.dropped},
               {"items", sums.items},
               {"tokens", sums.tokens},
               {"units", sums.units}};
  if (evaluation.kind == TaskKind::choices) {
    json["correct"] = sums.correct;
    json["correct_per_byte"] = sums.correct_per_byte;
    json["ties"] = sums.ties;
  }
  return json;
}

}  // namespace

std::string_view task_kind_name(TaskKind kind) {
  return kind == TaskKind::choices ? "choices" : "texts";
}

Chosen likeliest(const ItemScore& item) { return choose(item, compare); }

Chosen likeliest_per_byte(const ItemScore& item) { return choose(item, compare_per_byte); }

double bits_per_byte(std::int64_t units, std::int64_t bytes) {
  return bytes > 0 ? -nats(units) / std::numbers::ln2 / static_cast<double>(bytes) : 0;
}

double perplexity(std::int64_t units, std::int64_t tokens) {
  return tokens > 0 ? std::exp(-nats(units) / static_cast<double>(tokens)) : 0;
}

double Measures::log_likelihood() const { return nats(units); }

Measures measure(const Evaluation& evaluation) {
  Measures sums;
  for (const ItemScore& item : evaluation.items) {
    const TextScore& answer = item.scores.at(item.answer);
    const Chosen chosen = likeliest(item);
    ++sums.items;
    if (chosen.index == item.answer) ++sums.correct;
    if (likeliest_per_byte(item).index == item.answer) ++sums.correct_per_byte;
    if (chosen.tie) ++sums.ties;
    for (const TextScore& score : item.scores) {
      if (score.dropped > 0) ++sums.dropped;
    }
    sums.units += answer.units;
    sums.tokens += answer.tokens;
    sums.bytes += answer.bytes;
  }
  return sums;
}

std::string encode_evaluation(const Evaluation& evaluation) {
  Json items = Json::array();
  for (const ItemScore& item : evaluation.items) items.push_back(item_json(evaluation, item));
  Json json = {{"items", std::move(items)},       {"kind", task_kind_name(evaluation.kind)},
               {"model", evaluation.model.hex()}, {"positions", evaluation.positions},
               {"schema", kEvaluationSchema},     {"sums", measures_json(evaluation)},
               {"task", evaluation.task.hex()},   {"tokenizer", evaluation.tokenizer}};
  if (evaluation.profile != "exact") {  // there was no other when the format was made
    json["profile"] = evaluation.profile;
    json["held_constant"] = evaluation.held_constant;
  }
  return encode_json(json);
}

}  // namespace repro::manifests
