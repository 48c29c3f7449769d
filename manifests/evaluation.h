// What a model scored on the items of a task, schema "repro.eval/1" (docs/eval.md).
//
// Log-likelihoods are sums of rne(log_probability * 2^30), so a record is exact: in the profile
// exact it depends on model and task alone, in native on what it names besides. Figures for people
// follow from it (`measure`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/digest.h"

namespace repro::manifests {

inline constexpr std::string_view kEvaluationSchema = "repro.eval/1";

enum class TaskKind : std::uint8_t { choices, texts };
std::string_view task_kind_name(TaskKind kind);

// Of a choice behind its context, or of a text behind the end of a document.
struct TextScore {
  std::int64_t units = 0;    // of log-likelihood, 2^-30 nats
  std::int64_t tokens = 0;   // that were scored
  std::int64_t bytes = 0;    // of the text, at least 1; of a choice without one leading space
  std::int64_t dropped = 0;  // tokens of the context for which there was no position

  bool operator==(const TextScore&) const = default;
};

struct ItemScore {
  std::vector<TextScore> scores;  // of each choice; of a text: one
  std::size_t answer = 0;         // the right choice

  bool operator==(const ItemScore&) const = default;
};

struct Evaluation {
  Digest model;           // root
  Digest task;            // SHA-256 of the task's file
  std::string tokenizer;  // as in a dataset
  std::int64_t positions = 0;
  std::string profile = "exact";                     // that the model was asked in
  std::map<std::string, std::string> held_constant;  // what native bits depend on; exact: empty
  TaskKind kind = TaskKind::choices;
  std::vector<ItemScore> items;

  bool operator==(const Evaluation&) const = default;
};

// The likeliest choice, and that with the greatest log-likelihood a byte; the first of equal ones.
// Compared exactly, as integers and as fractions.
struct Chosen {
  std::size_t index = 0;
  bool tie = false;  // whether another is equal to it
};
Chosen likeliest(const ItemScore& item);
Chosen likeliest_per_byte(const ItemScore& item);

// Of a log-likelihood in units of 2^-30 nats; 0 of no bytes or tokens.
double bits_per_byte(std::int64_t units, std::int64_t bytes);
double perplexity(std::int64_t units, std::int64_t tokens);

struct Measures {
  std::int64_t items = 0;
  std::int64_t correct = 0;           // the likeliest choice is the answer
  std::int64_t correct_per_byte = 0;  // so is the likeliest by the byte
  std::int64_t ties = 0;              // items whose likeliest choice is not alone
  std::int64_t dropped = 0;           // scores whose context was cut
  // Over the answers (texts: over all):
  std::int64_t units = 0;
  std::int64_t tokens = 0;
  std::int64_t bytes = 0;

  double log_likelihood() const;  // nats
  double bits_per_byte() const { return manifests::bits_per_byte(units, bytes); }
  double perplexity() const { return manifests::perplexity(units, tokens); }  // of a token
};
Measures measure(const Evaluation& evaluation);

// Canonical JSON.
std::string encode_evaluation(const Evaluation& evaluation);

}  // namespace repro::manifests
