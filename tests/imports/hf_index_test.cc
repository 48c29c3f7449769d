#include "imports/hf_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "artifacts/base/error.h"

namespace repro::imports {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kWhat = "index.json";

void expect_error(const std::function<void()>& act, Code code, const std::string& message) {
  try {
    act();
    ADD_FAILURE() << "no error: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(message));
    EXPECT_THAT(error.what(), HasSubstr(kWhat));
  }
}

void refuse(const std::string& text, Code code, const std::string& message) {
  expect_error([&] { parse_hf_index(text, kWhat); }, code, message);
}

std::string map_of(const std::string& shard) {
  return "{\"weight_map\":{\"a\":\"" + shard + "\"}}";
}

artifacts::TensorInfo tensor(const std::string& name, std::uint64_t bytes) {
  return {name, "uint8", {static_cast<std::int64_t>(bytes)}, 0, bytes};
}

TEST(HfIndex, ReadsShards) {
  const HfIndex index =
      parse_hf_index(R"({"metadata":{"total_size":7,"more":1},"weight_map":{"b":"2.safetensors",)"
                     R"("a":"1.safetensors","c":"1.safetensors"}})",
                     kWhat);
  EXPECT_THAT(index.shards, ElementsAre("1.safetensors", "2.safetensors"));
  EXPECT_EQ(index.total_size, 7U);
  EXPECT_EQ(index.weight_map.at("c"), "1.safetensors");
}

TEST(HfIndex, NoNameLeavesTheFolder) {
  for (const char* name :
       {"../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", "..safetensors", "",
        ".safetensors", ".hidden.safetensors", "x.bin", "x\\\\y.safetensors",
        "x\\u0000.safetensors", "x y.safetensors", "\\u00e9.safetensors"}) {
    refuse(map_of(name), Code::corruption, "no file name in this folder");
  }
  refuse(map_of(std::string(300, 'a') + ".safetensors"), Code::corruption, "no file name");
  refuse(R"({"weight_map":{"a":1}})", Code::corruption, "no file name");
}

TEST(HfIndex, RefusesOtherShapes) {
  refuse(R"({"weight_map":{"a":"x.safetensors","a":"x.safetensors"}})", Code::invalid_argument, "");
  refuse(R"({"weight_map":{}})", Code::corruption, "names no tensor");
  refuse(R"({"weight_map":[]})", Code::corruption, "weight_map");
  refuse(R"({"metadata":{}})", Code::corruption, "weight_map");
  refuse(R"({"weight_map":{"a":"x.safetensors"},"other":1})", Code::corruption, "other");
  refuse(R"({"weight_map":{"a":"x.safetensors"},"metadata":{"total_size":-1}})", Code::corruption,
         "total_size");
  refuse("[]", Code::corruption, "");
  refuse("{", Code::invalid_argument, "");
}

TEST(HfIndex, TheShardsMustHoldWhatItSays) {
  HfIndex index;
  index.weight_map = {{"a", "1.safetensors"}, {"b", "2.safetensors"}};
  index.total_size = 5;
  const auto check = [&](std::vector<HfShard> shards) { check_hf_index(index, shards, kWhat); };
  const HfShard one{"1.safetensors", {tensor("a", 2)}};
  const HfShard two{"2.safetensors", {tensor("b", 3)}};
  check({one, two});
  const auto wrong = [&](std::vector<HfShard> shards, const std::string& message) {
    expect_error([&] { check(shards); }, Code::corruption, message);
  };
  wrong({one, {"2.safetensors", {}}}, "says that tensor b is in 2.safetensors, but it is not");
  wrong({one, {"2.safetensors", {tensor("a", 2), tensor("b", 3)}}}, "two files that hold tensor a");
  wrong({one, {"2.safetensors", {tensor("b", 3), tensor("c", 1)}}}, "does not name tensor c");
  wrong({{"1.safetensors", {tensor("b", 3)}}, {"2.safetensors", {tensor("a", 2)}}},
        "tensor b is in 2.safetensors, but it is in 1.safetensors");
  wrong({one, {"2.safetensors", {tensor("b", 4)}}}, "have 5 bytes, but they have 6");
  index.total_size.reset();
  check({one, two});
}

TEST(HfIndex, AllThatDoesNotFitIsListed) {
  HfIndex index;
  index.weight_map = {{"a", "1.safetensors"}, {"b", "2.safetensors"}, {"gone", "1.safetensors"}};
  index.total_size = 5;
  const std::vector<HfShard> shards = {{"1.safetensors", {tensor("b", 2), tensor("c", 2)}},
                                       {"2.safetensors", {tensor("a", 2), tensor("b", 2)}}};
  EXPECT_THAT(find_hf_index_faults(index, shards),
              ElementsAre("says that tensor b is in 2.safetensors, but it is in 1.safetensors",
                          "does not name tensor c of 1.safetensors",
                          "says that tensor a is in 1.safetensors, but it is in 2.safetensors",
                          "has two files that hold tensor b: 1.safetensors and 2.safetensors",
                          "says that tensor gone is in 1.safetensors, but it is not",
                          "says that the tensors have 5 bytes, but they have 8"));
}

TEST(HfIndex, OfEachKindTheFirstAreListedAndTheOthersCounted) {
  HfIndex index;
  std::vector<HfShard> shards = {{"1.safetensors", {}}, {"2.safetensors", {}}};
  for (int i = 0; i < 25; ++i) {
    const std::string number = std::to_string(i);
    index.weight_map["gone" + number] = "1.safetensors";
    index.weight_map["moved" + number] = "1.safetensors";
    shards[0].tensors.push_back(tensor("new" + number, 1));
    shards[1].tensors.push_back(tensor("moved" + number, 1));
    shards[1].tensors.push_back(tensor("new" + number, 1));
  }
  const auto faults = find_hf_index_faults(index, shards);
  ASSERT_EQ(faults.size(), 84U);
  EXPECT_THAT(std::vector(faults.end() - 4, faults.end()),
              ElementsAre("has two files for each of 5 more tensors",
                          "does not name 5 more tensors of its files",
                          "says of 5 more tensors that they are in another file than they are in",
                          "says of 5 more tensors that they are in files, but they are not"));
  for (int i = 20; i < 25; ++i) index.weight_map.erase("gone" + std::to_string(i));
  EXPECT_THAT(find_hf_index_faults(index, shards),
              AllOf(Contains("says that tensor gone19 is in 1.safetensors, but it is not"),
                    Not(Contains(HasSubstr("more tensors that they are in files")))));
}

TEST(HfIndex, TensorsAreDealtInOrder) {
  const std::vector<SizedTensor> tensors = {{"a", 4}, {"b", 4}, {"c", 9}, {"d", 1}};
  const HfPlan one = plan_hf_files(tensors, 0);
  ASSERT_EQ(one.files.size(), 1U);
  EXPECT_EQ(one.files[0].name, "model.safetensors");
  EXPECT_EQ(one.index, "");
  EXPECT_EQ(plan_hf_files(tensors, 18).index, "");
  const HfPlan plan = plan_hf_files(tensors, 8);
  ASSERT_EQ(plan.files.size(), 3U);
  EXPECT_EQ(plan.files[0].name, "model-00001-of-00003.safetensors");
  EXPECT_THAT(plan.files[0].tensors, ElementsAre("a", "b"));
  EXPECT_THAT(plan.files[1].tensors, ElementsAre("c"));  // larger than a file: alone in one
  EXPECT_THAT(plan.files[2].tensors, ElementsAre("d"));
  const HfIndex index = parse_hf_index(plan.index, kWhat);
  EXPECT_EQ(index.total_size, 18U);
  EXPECT_EQ(index.weight_map.at("c"), "model-00002-of-00003.safetensors");
}

}  // namespace
}  // namespace repro::imports
