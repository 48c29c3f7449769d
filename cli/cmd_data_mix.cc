#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/base/error.h"
#include "artifacts/store/store.h"
#include "cli/commands.h"
#include "cli/data_source.h"
#include "cli/mixture.h"
#include "manifests/licence.h"

namespace repro::cli {
namespace {

constexpr const char* kDetails =
    "The dataset is the sources one behind the other, as often as they are given: NAME:x3 is three "
    "times\nall of it, NAME:50e9 (NAME:50B) exactly so many tokens from its beginning, and from "
    "there again where it\nis shorter. Shards are not copied, but the last one of a source where "
    "it is cut. The sources are tokenised\nalike.\n\n--licences names what is permitted, by SPDX "
    "identifiers with commas between them or one a line in a file.\nA source under another "
    "licence, or with none recorded (`repro data add --licence`), is refused.";

constexpr std::uint64_t kMaxListBytes = std::uint64_t{1} << 20;

MixtureInput load_source(Context& context, const std::string& text) {
  const MixtureSource source = parse_mixture_source(text);
  auto found = find_dataset(context, source.dataset);
  if (!found) {
    throw Error(Code::not_found, fmt::format("there is no dataset '{}'", source.dataset),
                "`repro data add NAME PATH...` makes one; `repro status` lists them");
  }
  MixtureInput input;
  input.name = found->dataset.name;
  input.dataset = std::move(found->dataset);
  const std::int64_t available = input.dataset.num_tokens();
  const bool too_many =
      source.tokens == 0 && available > 0 && source.passes > INT64_MAX / available;
  input.tokens = source.tokens != 0 ? source.tokens
                 : too_many         ? INT64_MAX
                                    : source.passes * available;
  return input;
}

// A line's text without spaces at its ends and what follows '#'.
std::string_view trimmed(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const std::size_t begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
}

std::vector<std::string> read_licences(Context& context, const std::string& list) {
  const bool file = context.files().exists(list);
  const std::string text = file ? context.files().read_file(list, kMaxListBytes) : list;
  std::vector<std::string> ids;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(file ? '\n' : ','), rest.size());
    const std::string_view id = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (id.empty()) continue;
    if (!manifests::is_licence(id) || id.find(' ') != std::string_view::npos) {
      throw Error(
          Code::invalid_argument,
          fmt::format("--licences: '{}' is no SPDX identifier and no file", id.substr(0, 80)),
          "write Apache-2.0,CC0-1.0 or the name of a file with one identifier a line");
    }
    ids.emplace_back(id);
  }
  return ids;
}

int run_data_mix(const Arguments& arguments, Context& context) {
  const std::string& name = arguments.text("NAME");
  artifacts::check_name(name, "dataset name");
  std::vector<MixtureInput> inputs;
  for (const std::string& text : arguments.all("--source")) {
    inputs.push_back(load_source(context, text));
  }
  if (inputs.empty()) {
    throw Error(Code::invalid_argument, "a mixture needs sources", "give --source DATASET[:xN]");
  }
  if (const auto list = arguments.find("--licences")) {
    check_licences(inputs, read_licences(context, *list));
  }
  Mixture mixture = compose_mixture(context.store(), inputs);
  mixture.dataset.name = name;
  for (const std::string& note : mixture.notes) context.io().note(note);
  const LoadedDataset mixed = publish_dataset(context, std::move(mixture.dataset));
  const std::string root = manifests::dataset_root(mixed.dataset).hex();
  Io& io = context.io();
  io.note(fmt::format("dataset {}: {}", name, dataset_text(mixed.dataset)));
  io.line("dataset  " + name);
  io.line("root     " + root);
  print_parts(io, mixed.dataset);
  io.emit("dataset", {{"name", name},
                      {"manifest", mixed.manifest.hex()},
                      {"root", root},
                      {"tokens", mixed.dataset.num_tokens()},
                      {"documents", mixed.dataset.num_documents()},
                      {"sources", mixed.dataset.sources.size()},
                      {"licence", mixed.dataset.licence},
                      {"parts", part_records(mixed.dataset)}});
  return 0;
}

}  // namespace

Command make_data_mix_command() {
  return {.name = "data mix",
          .group = "Data",
          .summary = "make a dataset of other datasets, with repetition and exact budgets",
          .details = kDetails,
          .needs = Needs::store,
          .options = {{"NAME", ValueKind::one, "", "name of the mixture", Required::yes},
                      {"--source", ValueKind::many, "DATASET[:xN|:TOKENS]",
                       "what it is made of, in this order; may be repeated"},
                      {"--licences", ValueKind::one, "LIST|FILE",
                       "refuse sources under any other licence"}},
          .run = run_data_mix};
}

}  // namespace repro::cli
