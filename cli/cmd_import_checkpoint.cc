#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/data_source.h"
#include "cli/findings.h"
#include "cli/new_model.h"
#include "cli/olmo_folder.h"
#include "cli/progress.h"
#include "cli/show.h"

namespace repro::cli {
namespace {

constexpr const char* kOperation = "import-olmo-checkpoint/1";

constexpr const char* kDetails =
    "DIR is a checkpoint that OLMo's trainer wrote in one piece (stepN-unsharded): config.yaml, "
    "model.pt or\nmodel.safetensors, and where they are there optim and train.pt. Fused "
    "projections are split; moments and the\noptimizer's step go with the weights, so that "
    "`train --from NAME` goes on with them. Pickles are read without\nexecuting anything. Every "
    "file is hashed; the model is named last, so what fails leaves no name.";

void note_count(std::map<std::string, std::string>& settings, const char* name,
                const std::optional<std::int64_t>& count) {
  if (count) settings[name] = std::to_string(*count);
}

manifests::Model make_manifest(const OlmoFolder& folder, const std::string& name) {
  manifests::Model model;
  model.name = name;
  model.model = folder.config().model;
  model.positions = folder.config().data.sequence_length;
  model.origin.operation = kOperation;
  auto& settings = model.origin.settings;
  const imports::OlmoCounters& counters = folder.counters();
  note_count(settings, "epoch", counters.epoch);
  note_count(settings, "global_step", counters.global_step);
  note_count(settings, "optimizer_step", folder.checkpoint().optimizer_step());
  note_count(settings, "tokens", counters.tokens);
  note_count(settings, "world_size", counters.world_size);
  return model;
}

std::vector<manifests::StateTensor> put_tensors(Context& context, const OlmoFolder& folder,
                                                std::uint64_t total) {
  std::vector<manifests::StateTensor> tensors;
  ProgressBar bar(context.io(), context.clock(), "importing", "bytes");
  std::uint64_t done = 0;
  folder.checkpoint().for_each(
      [&](const manifests::NamedShape& shape, std::span<const std::byte> bytes) {
        tensors.push_back(put_tensor(context.store(), shape, bytes));
        done += bytes.size();
        bar.update(done, total);
      });
  if (const auto step = folder.checkpoint().optimizer_step()) {
    std::vector<std::byte> bytes(sizeof *step);
    std::memcpy(bytes.data(), &*step, bytes.size());
    tensors.push_back(put_tensor(context.store(), {"trainer/step", "int64", {1}}, bytes));
  }
  return tensors;
}

void print_notes(Io& io, const OlmoFolder& folder) {
  const manifests::Config& config = folder.config();
  const auto step = folder.checkpoint().optimizer_step();
  for (const std::string& finding : imports::check_counters(
           folder.counters(), step, config.train.batch_size, config.data.sequence_length)) {
    io.note("does not fit: " + finding);
  }
  if (!step) io.note("no optimizer: a training from this model begins with moments of zero");
  for (const std::string& name : folder.checkpoint().passed_over()) {
    io.note("not taken of the optimizer: " + printable(name));
  }
  for (const std::string& name : folder.others()) io.note("not read: " + printable(name));
}

int run_import_olmo_checkpoint(const Arguments& arguments, Context& context) {
  const std::string& path = arguments.text("DIR");
  const std::string name = arguments.find("--name").value_or(dataset_name_of(path));
  artifacts::check_name(name, "model");
  const OlmoFolder folder(context.files(), path);
  manifests::Model model = make_manifest(folder, name);
  model.origin.files = folder.digests();
  refuse_other_model(context, name, model.origin);
  std::uint64_t total = 0;
  for (const manifests::ModelFile& file : model.origin.files) {
    total += static_cast<std::uint64_t>(file.size);
  }
  std::vector<manifests::StateTensor> tensors = put_tensors(context, folder, total);
  folder.check_unchanged();
  const LoadedModel made = publish_model(context, std::move(model), std::move(tensors),
                                         folder.checkpoint().optimizer_step().value_or(0));
  print_notes(context.io(), folder);
  show_model(context, made);
  return 0;
}

}  // namespace

Command make_import_olmo_checkpoint_command() {
  return {.name = "import olmo-checkpoint",
          .group = "Start",
          .summary = "take in a checkpoint of OLMo's trainer",
          .details = kDetails,
          .needs = Needs::store,
          .options = {{"DIR", ValueKind::one, "", "the folder", Required::yes},
                      {"--name", ValueKind::one, "NAME", "name of the model (default: DIR's)"}},
          .run = run_import_olmo_checkpoint};
}

}  // namespace repro::cli
