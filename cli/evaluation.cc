#include "cli/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "artifacts/base/error.h"
#include "cli/inference.h"

namespace repro::cli {
namespace {

using manifests::EvalTask;
using manifests::EvalText;
using manifests::Evaluation;
using manifests::Measures;
using manifests::TaskKind;

constexpr const char* kWhat = "event of the worker";
// Texts that the worker is given at once: a spec has at most 64 MiB, and twice as many hex digits
// as bytes.
constexpr std::size_t kMaxSpecBytes = std::size_t{12} << 20;

// The place of a text's score in the results.
struct Place {
  std::size_t task = 0;
  std::size_t item = 0;
  std::size_t choice = 0;
};

// Asks for the scores of one model, in as few runs of the worker as its spec allows.
class Scoring {
 public:
  Scoring(Context& context, manifests::RunSpec spec, const std::vector<EvalTask>& tasks)
      : context_(context), spec_(std::move(spec)), tasks_(tasks) {}

  std::vector<Evaluation> run() {
    for (const EvalTask& task : tasks_) evaluations_.push_back(manifests::begin_evaluation(task));
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      for (std::size_t i = 0; i < tasks_[t].items.size(); ++i) {
        const std::vector<EvalText>& choices = tasks_[t].items[i].choices;
        for (std::size_t c = 0; c < choices.size(); ++c) ask(choices[c], {t, i, c});
      }
    }
    flush();
    return std::move(evaluations_);
  }

 private:
  void ask(const EvalText& text, const Place& place) {
    const std::size_t size = text.context.size() + text.text.size();
    if (size > kMaxSpecBytes - std::min(bytes_, kMaxSpecBytes)) flush();
    spec_.inference->texts.push_back({text.text, {}, false, text.context});
    places_.push_back(place);
    bytes_ += size;
  }

  void flush() {
    std::size_t scored = 0;
    if (places_.empty()) return;
    run_inference(context_, spec_, [&](const std::string& type, const Json& event) {
      if (type == "model") take_model(event);
      if (type == "scored") take_score(event, scored++);
    });
    if (scored != places_.size()) {
      throw Error(Code::internal, "the worker did not score every text");
    }
    spec_.inference->texts.clear();
    places_.clear();
    bytes_ = 0;
  }

  void take_model(const Json& event) {
    for (Evaluation& evaluation : evaluations_) {
      evaluation.model = parse_digest(json_string(event, "model", kWhat), kWhat);
      evaluation.tokenizer = json_string(event, "tokenizer", kWhat);
      evaluation.positions = json_int(event, "positions", kWhat);
      evaluation.profile = json_string(event, "profile", kWhat);
      evaluation.held_constant =
          json_at(event, "held_constant", kWhat).get<std::map<std::string, std::string>>();
    }
  }

  void take_score(const Json& event, std::size_t number) {
    const auto told = static_cast<std::size_t>(json_int(event, "number", kWhat));
    if (number >= places_.size() || told != number) {
      throw Error(Code::internal, "the worker scored a text that is not asked for");
    }
    const Place& place = places_[number];
    manifests::TextScore& score = evaluations_[place.task].items[place.item].scores[place.choice];
    score.units = json_int(event, "log_likelihood_units", kWhat);
    score.tokens = json_int(event, "tokens", kWhat);
    score.dropped = json_int(event, "dropped", kWhat);
  }

  Context& context_;
  manifests::RunSpec spec_;
  const std::vector<EvalTask>& tasks_;
  std::vector<Evaluation> evaluations_;
  std::vector<Place> places_;
  std::size_t bytes_ = 0;
};

double ratio(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

Json result_record(const EvalResult& result) {
  const Evaluation& evaluation = result.evaluation;
  const Measures sums = measure(evaluation);
  const bool choices = evaluation.kind == TaskKind::choices;
  const auto of_choices = [&](Json value) { return choices ? std::move(value) : Json(); };
  return {{"x", result.model},
          {"task", result.task},
          {"record", result.record.hex()},
          {"model", {{"digest", evaluation.model.hex()}}},
          {"task_digest", evaluation.task.hex()},
          {"kind", task_kind_name(evaluation.kind)},
          {"profile", evaluation.profile},
          {"items", sums.items},
          {"correct", of_choices(sums.correct)},
          {"correct_per_byte", of_choices(sums.correct_per_byte)},
          {"accuracy", of_choices(ratio(sums.correct, sums.items))},
          {"accuracy_per_byte", of_choices(ratio(sums.correct_per_byte, sums.items))},
          {"ties", of_choices(sums.ties)},
          {"dropped", sums.dropped},
          {"tokens", sums.tokens},
          {"bytes", sums.bytes},
          {"log_likelihood", sums.log_likelihood()},
          {"log_likelihood_units", sums.units},
          {"bits_per_byte", sums.bits_per_byte()},
          {"perplexity", sums.perplexity()}};
}

using Rows = std::vector<std::pair<std::string, std::string>>;  // figure, value

std::string share(std::int64_t part, std::int64_t whole) {
  return fmt::format("{:.4f} ({}/{})", ratio(part, whole), part, whole);
}

Rows figures(const Evaluation& evaluation) {
  const Measures sums = measure(evaluation);
  Rows rows;
  if (evaluation.kind == TaskKind::choices) {
    rows.emplace_back("accuracy", share(sums.correct, sums.items));
    rows.emplace_back("accuracy by the byte", share(sums.correct_per_byte, sums.items));
    rows.emplace_back("bits a byte of answers", fmt::format("{:.4f}", sums.bits_per_byte()));
  } else {
    rows.emplace_back("bits a byte", fmt::format("{:.4f}", sums.bits_per_byte()));
    rows.emplace_back("perplexity a token", fmt::format("{:.4f}", sums.perplexity()));
  }
  return rows;
}

void note_oddities(Io& io, const EvalResult& result) {
  const Measures sums = measure(result.evaluation);
  if (sums.dropped > 0) {
    io.note(fmt::format(
        "{}, {}: {} longer than the model's {} positions; the begin of the context "
        "was left out",
        result.model, result.task, plural_text(sums.dropped, "text"), result.evaluation.positions));
  }
  if (result.evaluation.kind == TaskKind::choices && sums.ties > 0) {
    io.note(fmt::format("{}, {}: {} where choices are equally likely; the first counts",
                        result.model, result.task, plural_text(sums.ties, "item")));
  }
}

}  // namespace

std::vector<EvalResult> evaluate(Context& context, const std::vector<std::string>& models,
                                 const std::vector<EvalTask>& tasks, const EvalSettings& settings) {
  for (const EvalTask& task : tasks) {
    if (task.passed_over == 0) continue;
    context.io().note(fmt::format("{}: {} without a context passed over", task.name,
                                  plural_text(task.passed_over, "request")));
  }
  std::vector<manifests::RunSpec> specs;
  for (const std::string& model : models) {
    specs.push_back(make_inference_spec(context, model, manifests::SpecCommand::score));
    specs.back().running = settings.running;
    specs.back().inference->batch = settings.batch;
    specs.back().inference->profile = settings.profile;
  }
  std::vector<EvalResult> results;
  for (std::size_t m = 0; m < models.size(); ++m) {
    std::vector<Evaluation> evaluations = Scoring(context, std::move(specs[m]), tasks).run();
    for (std::size_t t = 0; t < tasks.size(); ++t) {
      EvalResult& result = results.emplace_back();
      result.model = models[m];
      result.task = tasks[t].name;
      result.evaluation = std::move(evaluations[t]);
      result.record = context.store().put(manifests::encode_evaluation(result.evaluation)).digest;
      note_oddities(context.io(), result);
      context.io().emit("eval_result", result_record(result));
    }
  }
  return results;
}

void print_evaluations(Io& io, const std::vector<EvalResult>& results) {
  std::vector<std::string> heading = {"TASK", "FIGURE"};
  std::vector<std::vector<std::string>> rows;
  std::size_t tasks = 0;
  while (tasks < results.size() && results[tasks].model == results.front().model) ++tasks;
  for (std::size_t t = 0; t < tasks; ++t) {
    const Rows first = figures(results[t].evaluation);
    for (std::size_t f = 0; f < first.size(); ++f) {
      std::vector<std::string> row = {f == 0 ? results[t].task : "", first[f].first};
      for (std::size_t r = t; r < results.size(); r += tasks) {
        row.push_back(figures(results[r].evaluation)[f].second);
      }
      rows.push_back(std::move(row));
    }
    std::vector<std::string> row = {"", "record"};
    for (std::size_t r = t; r < results.size(); r += tasks) {
      row.push_back(results[r].record.short_hex());
    }
    rows.push_back(std::move(row));
  }
  for (std::size_t r = 0; r < results.size(); r += tasks) heading.push_back(results[r].model);
  rows.insert(rows.begin(), std::move(heading));
  io.table(rows);
}

}  // namespace repro::cli
