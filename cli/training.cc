#include "cli/training.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "artifacts/base/error.h"
#include "cli/profile.h"
#include "cli/progress.h"
#include "cli/run_record.h"
#include "cli/worker.h"

namespace repro::cli {
namespace {

constexpr const char* kWhat = "event of the worker";

double number(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_number() ? found->get<double>() : 0.0;
}

class TrainingView {
 public:
  TrainingView(Context& context, const TrainingOrder& order)
      : context_(context),
        bar_(context.io(), context.clock(), "training", "steps"),
        until_(order.until) {
    bar_.update(static_cast<std::uint64_t>(order.run.step), static_cast<std::uint64_t>(until_));
  }

  void show(const Json& event) {
    const std::string type = json_string(event, "type", kWhat);
    if (type == "start") return start(event);
    if (type == "step") return step(event);
    if (type == "eval") return eval(event);
    if (type == "task") return task(event);
    if (type == "checkpoint") return context_.io().emit(type, event);
    if (type == "profile") return profile(event);
    if (type == "done") return done(event);
  }

 private:
  void start(const Json& event) {
    Io& io = context_.io();
    bar_.clear();
    io.note(fmt::format("run {}: {} parameters, steps {}..{}, {} threads, kernels {}",
                        json_string(event, "run", kWhat).substr(0, 12),
                        count_text(json_int(event, "parameters", kWhat)),
                        json_int(event, "step", kWhat) + 1, until_,
                        json_int(event, "threads", kWhat), json_string(event, "kernels", kWhat)));
    io.emit("start", event);
  }

  void step(const Json& event) {
    context_.io().emit("step", event);
    bar_.update(static_cast<std::uint64_t>(json_int(event, "step", kWhat)),
                static_cast<std::uint64_t>(until_),
                fmt::format("loss {:.4f}  {:.0f} tokens/s", number(event, "loss"),
                            number(event, "tokens_per_second")));
    if (!event.contains("skipped")) return;
    bar_.clear();
    context_.io().note(fmt::format(
        "step {}: loss {:.4f} or gradient norm {:.4g} is far above the ones before; "
        "the update was skipped",
        json_int(event, "step", kWhat), number(event, "loss"), number(event, "grad_norm")));
  }

  void eval(const Json& event) {
    Io& io = context_.io();
    io.emit("eval", event);
    bar_.clear();
    io.note(fmt::format("step {}: held-out loss {:.4f}, accuracy {:.1f} %",
                        json_int(event, "step", kWhat), number(event, "loss"),
                        100 * number(event, "accuracy")));
  }

  void task(const Json& event) {
    Io& io = context_.io();
    io.emit("task", event);
    bar_.clear();
    const std::string what = fmt::format("step {}: {}, ", json_int(event, "step", kWhat),
                                         json_string(event, "task", kWhat));
    const std::string bits = fmt::format("{:.4f} bits a byte", number(event, "bits_per_byte"));
    if (json_at(event, "accuracy", kWhat).is_null()) return io.note(what + bits);
    io.note(what + fmt::format("accuracy {:.1f} %, by the byte {:.1f} %, {}",
                               100 * number(event, "accuracy"),
                               100 * number(event, "accuracy_per_byte"), bits));
  }

  void profile(const Json& event) {
    bar_.clear();
    print_profile(context_, event);
  }

  void done(const Json& event) {
    bar_.clear();
    print_outcome(context_, json_string(event, "run", kWhat));
  }

  Context& context_;
  ProgressBar bar_;
  std::int64_t until_;
};

}  // namespace

void train(Context& context, TrainingOrder order) {
  manifests::RunSpec spec;
  spec.command = manifests::SpecCommand::train;
  spec.store = context.store().folder();
  order.run.until = order.until;
  spec.run = order.run;
  spec.published = order.published;
  spec.until = order.until;
  spec.profile = order.profile;
  spec.running = order.running;
  TrainingView view(context, order);
  run_worker(context, spec, [&](const Json& event) { view.show(event); });
}

}  // namespace repro::cli
