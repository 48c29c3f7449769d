// What `generate` and `score` share: which state is asked, with which texts, and how.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/json.h"
#include "cli/arguments.h"
#include "cli/context.h"
#include "manifests/run_spec.h"

namespace repro::cli {

// --profile, --batch, --threads, --kernels.
std::vector<OptionSpec> inference_options();

// The value of an option that counts; Error(invalid_argument) names the option and its bounds.
std::int64_t count_option(const Arguments& arguments, std::string_view key, std::int64_t least,
                          std::int64_t otherwise);

// --profile, checked; "" where it is not given.
std::string profile_option(const Arguments& arguments);

// The spec for the weights that `X` names: a model, or any state of a run, stored or not.
// Error(not_found) where no run of the store has the state.
manifests::RunSpec make_inference_spec(Context& context, const std::string& x,
                                       manifests::SpecCommand command);
// The same for the argument X, with the options above.
manifests::RunSpec make_inference_spec(Context& context, const Arguments& arguments,
                                       manifests::SpecCommand command);

// Texts, then whole files, then lists of ids ("256,72 105"), with what to call each.
struct NamedText {
  std::string label;
  manifests::ModelText text;
};
std::vector<NamedText> read_texts(Context& context, const std::vector<std::string>& texts,
                                  const std::vector<std::string>& files,
                                  const std::vector<std::string>& ids);

// Runs the worker: the events `model` and `progress` are shown here; all but `progress` are
// `on_event`'s.
void run_inference(Context& context, const manifests::RunSpec& spec,
                   const std::function<void(const std::string& type, const Json&)>& on_event);

}  // namespace repro::cli
