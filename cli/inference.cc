#include "cli/inference.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "cli/findings.h"
#include "cli/progress.h"
#include "cli/recipe_source.h"
#include "cli/resolve.h"
#include "cli/worker.h"
#include "manifests/config_keys.h"

namespace repro::cli {
namespace {

constexpr const char* kWhat = "event of the worker";
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 28;
constexpr std::size_t kLabelBytes = 32;

// A state named by tag or digest says nothing of its run or model, whose configuration and
// tokenizer are needed.
void find_weights(Context& context, Resolved state, manifests::RunSpec& spec) {
  if (state.model) {
    spec.model = state.model->manifest;
    return;
  }
  if (state.run) {
    spec.run = std::move(*state.run);
    spec.last = *state.step;
    return;
  }
  for (LoadedRun& loaded : load_runs(context)) {
    for (const manifests::StoredState& stored : loaded.run.states) {
      if (stored.manifest != state.digest) continue;
      spec.last = stored.step;
      spec.run = std::move(loaded.run);
      return;
    }
  }
  throw Error(Code::not_found,
              "no run of the store has the state " + state.digest.short_hex() +
                  ", so its model and tokenizer are not known",
              "write RUN@STEP, or the name of a model");
}

[[noreturn]] void fail_ids(const std::string& list) {
  throw Error(Code::invalid_argument, "--ids '" + printable(list) + "' is no list of token ids",
              "write whole numbers with commas between them: --ids 256,72,105");
}

manifests::ModelText parse_ids(const std::string& list) {
  constexpr std::string_view kBetween = ", ";
  manifests::ModelText text;
  text.as_ids = true;
  for (std::size_t at = list.find_first_not_of(kBetween); at != std::string::npos;) {
    const std::size_t end = std::min(list.find_first_of(kBetween, at), list.size());
    const auto id = find_integer(std::string_view(list).substr(at, end - at));
    if (!id || *id < 0 || *id > std::numeric_limits<std::uint32_t>::max()) fail_ids(list);
    text.ids.push_back(static_cast<std::uint32_t>(*id));
    at = list.find_first_not_of(kBetween, end);
  }
  return text;
}

std::string label_of(std::string_view text) {
  if (text.size() <= kLabelBytes) return printable(text);
  return printable(text.substr(0, kLabelBytes)) + "...";
}

void show_model(Io& io, const Json& event) {
  const std::string of_run =
      json_at(event, "run", kWhat).is_null()
          ? ""
          : fmt::format("run {}, step {}: ", json_string(event, "run", kWhat).substr(0, 12),
                        json_int(event, "step", kWhat));
  io.note(fmt::format("{}model {}, {} parameters, {} positions", of_run,
                      json_string(event, "model", kWhat).substr(0, 12),
                      count_text(json_int(event, "parameters", kWhat)),
                      count_text(json_int(event, "positions", kWhat))));
  if (json_string(event, "profile", kWhat) == "native") {
    io.note(
        "profile native: what comes out holds for this environment alone (LibTorch, CPU, threads)");
  }
  Json record = event;
  record["model"] = {{"digest", json_string(event, "model", kWhat)}};
  io.emit("model", std::move(record));
}

// Where a re-derivation begins.
std::int64_t start_of(const manifests::RunSpec& spec) {
  const auto* nearest = manifests::nearest_state(spec.run, spec.last);
  return nearest ? nearest->step : spec.run.segments.front().first_step;
}

}  // namespace

std::vector<OptionSpec> inference_options() {
  return {{"--profile", ValueKind::one, "NAME",
           "exact or native (default: that of the run; of a model, exact)"},
          {"--batch", ValueKind::one, "N", "sequences at once (default 8); changes no bit"},
          {"--threads", ValueKind::one, "N", "threads (default: all cores)"},
          {"--kernels", ValueKind::one, "PATH", "kernels (default: the best of this machine)"}};
}

std::int64_t count_option(const Arguments& arguments, std::string_view key, std::int64_t least,
                          std::int64_t otherwise) {
  const std::int64_t count = arguments.find_count(key, least).value_or(otherwise);
  if (count <= manifests::kMaxInferenceCount) return count;
  throw Error(Code::invalid_argument, fmt::format("{} is {}; expected at most {}", key, count,
                                                  manifests::kMaxInferenceCount));
}

std::string profile_option(const Arguments& arguments) {
  const auto profile = arguments.find("--profile");
  if (!profile) return "";
  manifests::Config config;
  manifests::set_config_value(config, "profile", *profile, "--profile");
  return config.profile;
}

manifests::RunSpec make_inference_spec(Context& context, const std::string& x,
                                       manifests::SpecCommand command) {
  manifests::RunSpec spec;
  find_weights(context, resolve_state(context, x), spec);
  spec.command = command;
  spec.store = context.store().folder();
  spec.inference.emplace();
  return spec;
}

manifests::RunSpec make_inference_spec(Context& context, const Arguments& arguments,
                                       manifests::SpecCommand command) {
  manifests::RunSpec spec = make_inference_spec(context, arguments.text("X"), command);
  spec.running = running_choices(arguments, {"--threads", "--kernels"});
  spec.inference->profile = profile_option(arguments);
  spec.inference->batch = count_option(arguments, "--batch", 1, spec.inference->batch);
  return spec;
}

std::vector<NamedText> read_texts(Context& context, const std::vector<std::string>& texts,
                                  const std::vector<std::string>& files,
                                  const std::vector<std::string>& ids) {
  std::vector<NamedText> all;
  for (const std::string& text : texts) all.push_back({label_of(text), {text, {}, false}});
  for (const std::string& file : files) {
    all.push_back({printable(file), {context.files().read_file(file, kMaxFileBytes), {}, false}});
  }
  for (const std::string& list : ids) all.push_back({label_of(list), parse_ids(list)});
  return all;
}

void run_inference(Context& context, const manifests::RunSpec& spec,
                   const std::function<void(const std::string& type, const Json&)>& on_event) {
  ProgressBar bar(context.io(), context.clock(), "re-deriving step " + std::to_string(spec.last),
                  "steps");
  const std::int64_t start = spec.model ? 0 : start_of(spec);
  run_worker(context, spec, [&](const Json& event) {
    const std::string type = json_string(event, "type", kWhat);
    if (type == "progress") {
      bar.update(static_cast<std::uint64_t>(json_int(event, "step", kWhat) - start),
                 static_cast<std::uint64_t>(spec.last - start));
    } else if (type == "model") {
      bar.clear();
      show_model(context.io(), event);
      on_event(type, event);
    } else {
      on_event(type, event);
    }
  });
}

}  // namespace repro::cli
