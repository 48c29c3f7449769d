#include "imports/hf_index.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "artifacts/base/error.h"
#include "artifacts/base/json.h"

namespace repro::imports {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxShards = 10000;
constexpr std::size_t kMaxShardName = 200;
constexpr std::size_t kShownBytes = 80;
constexpr std::size_t kToldFaults = 20;
constexpr std::string_view kSuffix = ".safetensors";
constexpr std::string_view kNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

std::string shown(std::string_view text) {
  std::string printable(text.substr(0, kShownBytes));
  for (char& c : printable) {
    if (c < ' ' || c > '~') c = '?';
  }
  return printable + (text.size() > kShownBytes ? "..." : "");
}

[[noreturn]] void fail(const std::string& what, const std::string& why) {
  throw Error(Code::corruption, what + " " + why, "fetch the folder again, all of its files");
}

bool is_shard_name(std::string_view name) {
  return name.size() <= kMaxShardName && name.size() > kSuffix.size() && !name.starts_with('.') &&
         name.ends_with(kSuffix) &&
         name.find_first_not_of(kNameCharacters) == std::string_view::npos;
}

void parse_weight_map(const Json& json, HfIndex& index, const std::string& what) {
  std::set<std::string> shards;
  for (const auto& item : json.items()) {
    const std::string shard = item.value().is_string() ? item.value().get<std::string>() : "";
    if (!is_shard_name(shard)) {
      fail(what, "names \"" + shown(shard) + "\" for tensor " + shown(item.key()) +
                     ", which is no file name in this folder");
    }
    index.weight_map[item.key()] = shard;
    shards.insert(shard);
  }
  if (shards.empty()) fail(what, "names no tensor");
  if (shards.size() > kMaxShards) fail(what, "names more than 10000 files");
  index.shards.assign(shards.begin(), shards.end());
}

// Faults of one kind: the first are told, the others counted.
class FaultCounter {
 public:
  explicit FaultCounter(fmt::format_string<std::size_t> others) : others_(others) {}

  template <class... Values>
  void add(std::vector<std::string>& faults, fmt::format_string<const Values&...> text,
           const Values&... values) {
    if (++count_ <= kToldFaults) faults.push_back(fmt::format(text, values...));
  }
  void add_others(std::vector<std::string>& faults) const {
    if (count_ > kToldFaults) faults.push_back(fmt::format(others_, count_ - kToldFaults));
  }

 private:
  fmt::format_string<std::size_t> others_;
  std::size_t count_ = 0;
};

}  // namespace

HfIndex parse_hf_index(std::string_view text, const std::string& what) {
  const Json json = parse_json(text, what, kMaxBytes);
  check_json_keys(json, {"weight_map"}, {"metadata"}, what);
  HfIndex index;
  parse_weight_map(json_object(json, "weight_map", what), index, what);
  if (json.contains("metadata")) {
    const Json& metadata = json_object(json, "metadata", what);
    const auto size = metadata.find("total_size");
    if (size != metadata.end()) {
      if (!size->is_number_unsigned()) fail(what, "has a total_size that is no count of bytes");
      index.total_size = size->get<std::uint64_t>();
    }
  }
  return index;
}

std::vector<std::string> find_hf_index_faults(const HfIndex& index,
                                              std::span<const HfShard> shards) {
  std::vector<std::string> faults;
  FaultCounter twice("has two files for each of {} more tensors");
  FaultCounter unnamed("does not name {} more tensors of its files");
  FaultCounter elsewhere("says of {} more tensors that they are in another file than they are in");
  FaultCounter nowhere("says of {} more tensors that they are in files, but they are not");
  std::map<std::string, std::string> found;
  std::uint64_t bytes = 0;
  for (const HfShard& shard : shards) {
    for (const artifacts::TensorInfo& tensor : shard.tensors) {
      bytes += tensor.end - tensor.begin;
      const auto [there, first] = found.emplace(tensor.name, shard.name);
      const auto claim = index.weight_map.find(tensor.name);
      const std::string name = shown(tensor.name);
      if (!first) {
        twice.add(faults, "has two files that hold tensor {}: {} and {}", name, there->second,
                  shard.name);
      } else if (claim == index.weight_map.end()) {
        unnamed.add(faults, "does not name tensor {} of {}", name, shard.name);
      } else if (claim->second != shard.name) {
        elsewhere.add(faults, "says that tensor {} is in {}, but it is in {}", name, claim->second,
                      shard.name);
      }
    }
  }
  for (const auto& [name, shard] : index.weight_map) {
    if (found.contains(name)) continue;
    nowhere.add(faults, "says that tensor {} is in {}, but it is not", shown(name), shard);
  }
  for (const FaultCounter* counter : {&twice, &unnamed, &elsewhere, &nowhere}) {
    counter->add_others(faults);
  }
  if (index.total_size && *index.total_size != bytes) {
    faults.push_back(fmt::format("says that the tensors have {} bytes, but they have {}",
                                 *index.total_size, bytes));
  }
  return faults;
}

void check_hf_index(const HfIndex& index, std::span<const HfShard> shards,
                    const std::string& what) {
  const std::vector<std::string> faults = find_hf_index_faults(index, shards);
  if (!faults.empty()) fail(what, faults[0]);
}

HfPlan plan_hf_files(std::span<const SizedTensor> tensors, std::uint64_t max_bytes) {
  HfPlan plan;
  std::uint64_t total = 0;
  std::uint64_t used = 0;
  for (const SizedTensor& tensor : tensors) {
    const bool full = max_bytes != 0 && used + tensor.bytes > max_bytes && used != 0;
    if (plan.files.empty() || full) {
      plan.files.emplace_back();
      used = 0;
    }
    plan.files.back().tensors.push_back(tensor.name);
    used += tensor.bytes;
    total += tensor.bytes;
  }
  if (plan.files.size() <= 1) {
    for (HfPlan::File& file : plan.files) file.name = kHfWeightsName;
    return plan;
  }
  Json weight_map = Json::object();
  for (std::size_t i = 0; i < plan.files.size(); ++i) {
    plan.files[i].name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, plan.files.size());
    for (const std::string& name : plan.files[i].tensors) weight_map[name] = plan.files[i].name;
  }
  const Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", weight_map}};
  plan.index = index.dump(2) + "\n";
  return plan;
}

}  // namespace repro::imports
