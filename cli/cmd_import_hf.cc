#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "cli/commands.h"
#include "cli/data_source.h"
#include "cli/findings.h"
#include "cli/hf_settings.h"
#include "cli/hf_source.h"
#include "cli/new_model.h"
#include "cli/progress.h"
#include "cli/show.h"

namespace repro::cli {
namespace {

constexpr const char* kOperation = "import-hf/1";

constexpr const char* kDetails =
    "DIR holds an Olmo2ForCausalLM as transformers saves it: config.json, model.safetensors (or "
    "an\n"
    "index and its shards), and generation_config.json and tokenizer.json where they are there. "
    "The\n"
    "weights become float32, of which each bfloat16 and float16 number is one, so `export hf` can\n"
    "give the same bits back. Every file is hashed, and the tensors must be those of the\n"
    "configuration. The model is named last: what fails leaves no name. The same folder again "
    "changes\n"
    "nothing; another under a name that exists is refused.";

// Byte-level BPE is the one kind that the trainer may be able to read; whether it is one is checked
// where text is first encoded, which a model of ids alone never asks for.
bool is_bpe(const std::string& tokenizer, const std::string& what) {
  const Json json = parse_json(tokenizer, what);
  if (!json.is_object() || !json.contains("model") || !json["model"].is_object()) return false;
  return json["model"].value("type", Json()) == "BPE";
}

void take_tokenizer(Context& context, const HfSource& source, manifests::Model& model) {
  const std::string& text = source.tokenizer();
  if (text.empty()) return;
  if (!is_bpe(text, "tokenizer.json")) {
    return context.io().note(
        "tokenizer.json is not BPE, so the model is asked with ids: tokenizer ids/1");
  }
  model.tokenizer = "bpe/1";
  model.tokenizer_file = context.store().put(std::string_view(text)).digest;
}

std::vector<manifests::StateTensor> put_weights(Context& context, const HfSource& source,
                                                std::vector<manifests::ModelFile>& files) {
  std::vector<manifests::StateTensor> tensors;
  ProgressBar bar(context.io(), context.clock(), "importing", "bytes");
  std::uint64_t done = 0;
  const std::uint64_t all = source.model_bytes();
  files = source.read([&](const manifests::NamedShape& shape, std::span<const std::byte> bytes) {
    tensors.push_back(put_tensor(context.store(), shape, bytes));
    done += bytes.size();
    bar.update(done, all);
  });
  return tensors;
}

int run_import_hf(const Arguments& arguments, Context& context) {
  const std::string& folder = arguments.text("DIR");
  manifests::Model model;
  model.name = arguments.find("--name").value_or(dataset_name_of(folder));
  artifacts::check_name(model.name, "model");
  artifacts::Store& store = context.store();
  const HfSource source(context.files(), folder);
  model.model = source.config().model;
  model.positions = source.config().positions;
  model.end_of_text = source.config().end_of_text;
  model.origin.operation = kOperation;
  model.origin.settings =
      make_hf_settings(source.config(), source.dtype(), arguments.text("--revision"));
  if (store.find_ref("models", model.name)) {
    // Hashing alone tells whether it is the same, before anything is written.
    model.origin.files = source.read({});
    refuse_other_model(context, model.name, model.origin);
  }
  take_tokenizer(context, source, model);
  std::vector<manifests::StateTensor> tensors = put_weights(context, source, model.origin.files);
  const LoadedModel made = publish_model(context, std::move(model), std::move(tensors));
  for (const std::string& name : source.others()) {
    context.io().note("not read: " + printable(name));
  }
  show_model(context, made);
  return 0;
}

}  // namespace

Command make_import_hf_command() {
  return {.name = "import hf",
          .group = "Start",
          .summary = "take in a model as transformers saves it",
          .details = kDetails,
          .needs = Needs::store,
          .options = {{"DIR", ValueKind::one, "", "the folder", Required::yes},
                      {"--name", ValueKind::one, "NAME", "name of the model (default: DIR's)"},
                      {"--revision", ValueKind::one, "TEXT",
                       "which revision the folder is, kept with the model's origin"}},
          .run = run_import_hf};
}

}  // namespace repro::cli
