#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "artifacts/base/error.h"
#include "artifacts/base/number_text.h"
#include "artifacts/store/store.h"
#include "cli/commands.h"
#include "cli/data_source.h"
#include "cli/intake_option.h"
#include "manifests/licence.h"

namespace repro::cli {
namespace {

std::optional<std::int64_t> find_token_id(const Arguments& arguments, const char* option) {
  const auto text = arguments.find(option);
  if (!text) return std::nullopt;
  const auto id = find_integer(*text);
  if (!id || *id < 0 || *id > UINT32_MAX) {
    throw Error(Code::invalid_argument,
                fmt::format("{} is '{}'; expected a token id", option, *text));
  }
  return id;
}

int run_data_add(const Arguments& arguments, Context& context) {
  manifests::RunSpec spec;
  spec.name = arguments.text("NAME");
  artifacts::check_name(spec.name, "dataset name");
  spec.paths = arguments.all("PATH");
  spec.tokenizer = arguments.text("--tokenizer");
  spec.intake = parse_intake(arguments).name;
  spec.end_of_text = find_token_id(arguments, "--end-of-text");
  const std::string licence = arguments.text("--licence");
  if (!licence.empty() && !manifests::is_licence(licence)) {
    throw Error(Code::invalid_argument,
                fmt::format("--licence is '{}'; expected an SPDX identifier", licence),
                "for example CC0-1.0, Apache-2.0, LicenseRef-mine, or \"MIT AND CC-BY-4.0\"");
  }
  const LoadedDataset added = add_dataset(context, std::move(spec), licence);
  context.io().line("dataset  " + arguments.text("NAME"));
  context.io().line("root     " + manifests::dataset_root(added.dataset).hex());
  return 0;
}

}  // namespace

Command make_data_add_command() {
  std::vector<OptionSpec> options = {
      {"NAME", ValueKind::one, "", "name of the dataset", Required::yes},
      {"PATH", ValueKind::many, "", "files, folders or builtin:... sources", Required::yes},
      {"--tokenizer", ValueKind::one, "NAME",
       "byte, ids or a tokenizer.json (default: by the files)"}};
  options.push_back({"--end-of-text", ValueKind::one, "ID",
                     "token files: a document ends behind each ID (default: a file is one)"});
  options.push_back({"--licence", ValueKind::one, "SPDX-ID",
                     "under which all of it may be used; `data mix` asks for it"});
  for (auto& option : intake_options()) options.push_back(std::move(option));
  return {
      .name = "data add",
      .group = "Data",
      .summary = "make a dataset of text, JSONL or token files",
      .details =
          "Text files are one document each, *.jsonl one a line (\"text\"); *.npy, *.u16 and "
          "*.u32 hold token ids.\nFolders are walked in the order of names; symlinks are "
          "passed over, and said. The dataset's root depends on\nnothing but the tokens and "
          "documents. A path that ends in .json names a tokenizer of Hugging Face's\n"
          "`tokenizers` (byte-level BPE); the file goes into the store with the dataset. Beside "
          "token files it\ntells what their ids stand for: its end of text ends their documents.",
      .needs = Needs::store,
      .options = std::move(options),
      .run = run_data_add};
}

}  // namespace repro::cli
