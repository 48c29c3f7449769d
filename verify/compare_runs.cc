#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"
#include "manifests/config_keys.h"
#include "verify/compare.h"
#include "verify/run_logs.h"

namespace repro::verify {
namespace {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{16} << 20;

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : encode_json(value);
}

std::string class_name(manifests::KeyClass key_class) {
  switch (key_class) {
    case manifests::KeyClass::label:
      return "label";
    case manifests::KeyClass::deciding:
      return "deciding";
    case manifests::KeyClass::running:
      return "running";
  }
  return "";
}

void add(Comparison& result, Difference difference) {
  static const std::set<std::string> kHarmless = {"running", "label", "note", "code", "source"};
  if (difference.a == difference.b) return;
  if (!kHarmless.contains(difference.section)) result.identical = false;
  result.differences.push_back(std::move(difference));
}

void add_maps(Comparison& result, const std::string& section,
              const std::map<std::string, std::string>& a,
              const std::map<std::string, std::string>& b) {
  std::map<std::string, std::pair<std::string, std::string>> both;
  for (const auto& [name, value] : a) both[name].first = value;
  for (const auto& [name, value] : b) both[name].second = value;
  for (const auto& [name, values] : both) add(result, {section, name, values.first, values.second});
}

manifests::Config read_config(const Stored<manifests::Run>& run, const Digest& digest) {
  const std::string what = "config " + digest.short_hex();
  return manifests::parse_config(run.store.get(digest, kMaxConfigBytes), what);
}

// Keys of two segments that stand at the same place; `prefix` tells later segments apart.
void compare_segments(Comparison& result, const Stored<manifests::Run>& a,
                      const Stored<manifests::Run>& b, std::size_t index) {
  const auto& left = a.manifest.segments[index];
  const auto& right = b.manifest.segments[index];
  const std::string prefix = index == 0 ? "" : "segment " + std::to_string(index + 1) + ": ";
  add(result, {"segment", prefix + "first step", std::to_string(left.first_step),
               std::to_string(right.first_step)});
  if (left.config != right.config) {
    const Comparison keys =
        compare_configs(read_config(a, left.config), read_config(b, right.config));
    for (Difference difference : keys.differences) {
      difference.name.insert(0, prefix);
      add(result, std::move(difference));
    }
  }
  add(result, {"dataset", prefix + "root", left.content.dataset_root.hex(),
               right.content.dataset_root.hex()});
  add(result, {"state", prefix + "initial", left.content.initial, right.content.initial});
  add_maps(result, "operator", left.content.operators, right.content.operators);
  add_maps(result, "held constant", left.content.held_constant, right.content.held_constant);
}

void compare_code(Comparison& result, const manifests::CodeNotes& a,
                  const manifests::CodeNotes& b) {
  add(result, {"code", "recipe commit", a.recipe_commit, b.recipe_commit});
  add(result, {"code", "recipe changes", a.recipe_diff, b.recipe_diff});
  add(result, {"code", "repro version", a.repro_version, b.repro_version});
  add(result, {"code", "repro commit", a.repro_commit, b.repro_commit});
  add(result, {"code", "build", a.build_id, b.build_id});
  add_maps(result, "code", {a.submodules.begin(), a.submodules.end()},
           {b.submodules.begin(), b.submodules.end()});
}

// Keys that both lines tell, and tell differently. Roots are logged at every k-th step, k a running
// key, so a null contradicts nothing; neither does the chain, which tells of earlier lines, nor
// the derivation, which is compared by itself.
std::vector<std::string> differing_fields(const Json& a, const Json& b) {
  std::vector<std::string> fields;
  for (const auto& item : a.items()) {
    if (item.key() == "chain" || item.key() == "derivation") continue;
    const auto other = b.find(item.key());
    if (other == b.end() || other->is_null() || item.value().is_null()) continue;
    if (*other != item.value()) fields.push_back(item.key());
  }
  constexpr const char* kSkipped = "skipped";  // present where true
  if (a.contains(kSkipped) != b.contains(kSkipped)) fields.emplace_back(kSkipped);
  return fields;
}

std::string field_text(const Json& event, const std::string& key) {
  const auto found = event.find(key);
  return found == event.end() || found->is_null() ? "" : value_text(*found);
}

StepPair make_pair_of(std::int64_t step, const Json& a, const Json& b) {
  const auto root = [](const Json& event) {
    const std::string state = field_text(event, "state");
    return state.empty() ? field_text(event, "model") : state;
  };
  return {step,   differing_fields(a, b), field_text(a, "loss"), field_text(b, "loss"), root(a),
          root(b)};
}

bool names_root(const StepPair& pair) {
  return std::any_of(pair.fields.begin(), pair.fields.end(),
                     [](const std::string& field) { return field == "state" || field == "model"; });
}

// Step, and what there is one line of at most: a type, or a task by its name and digest.
using LineKey = std::pair<std::int64_t, std::string>;

std::string subject_of(const LogLine& line) {
  if (line.type != "task") return line.type;
  const Json event = parse_json(line.text, "log");
  return "task " + field_text(event, "name") + " " + field_text(event, "task");
}

std::map<LineKey, std::string_view> index_lines(std::string_view log) {
  std::map<LineKey, std::string_view> lines;
  for (LogLine& line : split_log(log)) lines.try_emplace({line.step, subject_of(line)}, line.text);
  return lines;
}

void compare_lines(Comparison& result, std::string_view log_a, std::string_view log_b) {
  const auto a = index_lines(log_a);
  const auto b = index_lines(log_b);
  const std::pair<const LineKey, std::string_view>* last = nullptr;
  for (const auto& line : a) {
    const auto other = b.find(line.first);
    if (other == b.end()) continue;
    const auto& [step, type] = line.first;
    if (type == "step") last = &line;
    const bool done = result.first_difference && result.first_root;
    if (!done && line.second != other->second &&
        without_chain(line.second) != without_chain(other->second)) {
      const StepPair pair =
          make_pair_of(step, parse_json(line.second, "log"), parse_json(other->second, "log"));
      if (!pair.fields.empty() && !result.first_difference) result.first_difference = pair;
      if (names_root(pair) && !result.first_root) result.first_root = pair;
    }
    if (type == "step" && !result.first_difference) result.num_equal_steps = step;
  }
  if (last != nullptr) {
    result.last_common = make_pair_of(last->first.first, parse_json(last->second, "log"),
                                      parse_json(b.at(last->first), "log"));
  }
}

void compare_logs(Comparison& result, const Stored<manifests::Run>& a,
                  const Stored<manifests::Run>& b) {
  const auto& left = a.manifest.log;
  const auto& right = b.manifest.log;
  if (left.head == right.head && left.lines == right.lines) {  // the head names every line
    result.num_equal_steps = a.manifest.step;
    return;
  }
  compare_lines(result, read_log(a.store, left), read_log(b.store, right));
  result.spikes.emplace(find_spikes(a.store, a.manifest), find_spikes(b.store, b.manifest));
  if (result.first_difference) result.identical = false;
}

// Long lists by number and digest.
std::map<std::string, std::string> note_texts(const manifests::Notes& notes) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, list] : notes) {
    const Json json(list);
    texts[name] = list.size() == 1 ? list.front()
                                   : std::to_string(list.size()) + " texts, sha256 " +
                                         sha256(encode_json(json)).short_hex();
  }
  return texts;
}

// What a mixture took, by the place of the source.
std::map<std::string, std::string> part_texts(const manifests::Dataset& dataset) {
  std::map<std::string, std::string> texts;
  for (std::size_t i = 0; i < dataset.parts.size(); ++i) {
    const manifests::Dataset::Part& part = dataset.parts[i];
    texts["part " + std::to_string(i + 1)] =
        part.name + ": " + std::to_string(part.tokens) + " tokens of " + part.root.short_hex();
  }
  return texts;
}

}  // namespace

Comparison compare_configs(const manifests::Config& a, const manifests::Config& b) {
  Comparison result;
  for (const auto& key : manifests::config_keys()) {
    add(result, {class_name(key.key_class), key.path, value_text(config_value(a, key.path)),
                 value_text(config_value(b, key.path))});
  }
  add_maps(result, "note", note_texts(a.notes), note_texts(b.notes));
  add_maps(result, "not computed", note_texts(a.not_computed), note_texts(b.not_computed));
  return result;
}

Comparison compare_datasets(const manifests::Dataset& a, const manifests::Dataset& b) {
  Comparison result;
  add(result,
      {"dataset", "root", manifests::dataset_root(a).hex(), manifests::dataset_root(b).hex()});
  add(result, {"dataset", "tokenizer", a.tokenizer, b.tokenizer});
  const auto file_of = [](const manifests::Dataset& dataset) {
    return dataset.tokenizer_file ? dataset.tokenizer_file->hex() : "";
  };
  add(result, {"dataset", "tokenizer_file", file_of(a), file_of(b)});
  add(result, {"dataset", "dtype", a.dtype, b.dtype});
  add(result,
      {"dataset", "vocab_size", std::to_string(a.vocab_size), std::to_string(b.vocab_size)});
  add(result,
      {"dataset", "tokens", std::to_string(a.num_tokens()), std::to_string(b.num_tokens())});
  add(result, {"dataset", "documents", std::to_string(a.num_documents()),
               std::to_string(b.num_documents())});
  add(result,
      {"dataset", "shards", std::to_string(a.shards.size()), std::to_string(b.shards.size())});
  for (std::size_t i = 0; i < std::min(a.shards.size(), b.shards.size()); ++i) {
    const std::string name = "shard " + std::to_string(i + 1);
    add(result, {"dataset", name + " tokens", a.shards[i].tokens.hex(), b.shards[i].tokens.hex()});
    add(result,
        {"dataset", name + " documents", a.shards[i].documents.hex(), b.shards[i].documents.hex()});
  }
  std::map<std::string, std::string> sources_a;
  std::map<std::string, std::string> sources_b;
  for (const auto& source : a.sources) sources_a[source.path] = source.digest.hex();
  for (const auto& source : b.sources) sources_b[source.path] = source.digest.hex();
  add_maps(result, "source", sources_a, sources_b);
  add(result, {"note", "licence", a.licence, b.licence});
  add_maps(result, "note", part_texts(a), part_texts(b));
  return result;
}

Comparison compare_runs(const Stored<manifests::Run>& a, const Stored<manifests::Run>& b) {
  Comparison result;
  const std::size_t segments = std::min(a.manifest.segments.size(), b.manifest.segments.size());
  add(result, {"segment", "segments", std::to_string(a.manifest.segments.size()),
               std::to_string(b.manifest.segments.size())});
  for (std::size_t i = 0; i < segments; ++i) compare_segments(result, a, b, i);
  compare_code(result, a.manifest.code, b.manifest.code);
  compare_logs(result, a, b);
  add(result, {"log", "steps", std::to_string(a.manifest.step), std::to_string(b.manifest.step)});
  return result;
}

}  // namespace repro::verify
