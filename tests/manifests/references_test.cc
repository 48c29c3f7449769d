#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "manifests/schema.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> list(std::string_view json) {
  std::vector<std::string> lines;
  for (const Reference& reference : find_references(json, "object")) {
    lines.push_back(reference.digest.short_hex(4) + " " + reference.role);
  }
  return lines;
}

TEST(References, OfARun) {
  const manifests::Run run = sample_run();
  const std::string config0 = run.segments[0].config.short_hex(4) + " config";
  const std::string config1 = run.segments[1].config.short_hex(4) + " config";
  const std::string dataset = run.segments[0].dataset.short_hex(4) + " dataset manifest";
  EXPECT_THAT(list(encode_run(run)),
              ElementsAre(config0, dataset, config1, dataset, "4141 parent state manifest",
                          "4141 state manifest of step 20", "4444 state manifest of step 40",
                          "5151 log", "5252 log", "5454 telemetry", "6161 recipe diff"));
}

TEST(References, OfARunToTheTasksThatItIsEvaluatedOn) {
  manifests::Run run = sample_run();
  Json& deciding = run.segments[0].content.deciding;
  const std::string digest = sha256("task").hex();
  deciding["eval"]["tasks"] = "sums@" + digest;
  run.segments[0].derivation = derivation_digest(run.segments[0].content);
  run.id = make_run_id(run.segments[0].derivation, run.nonce);
  EXPECT_THAT(list(encode_run(run)), Contains(digest.substr(0, 4) + " task sums"));
}

TEST(References, OfAStateAndADataset) {
  EXPECT_THAT(
      list(encode_state(sample_state())),
      ElementsAre("3232 tensor exp_avg/model.norm.weight", "3434 tensor model.embed_tokens.weight",
                  "3636 tensor model.norm.weight", "3838 tensor trainer/step"));
  EXPECT_THAT(list(encode_dataset(sample_dataset())),
              ElementsAre("1111 shard tokens", "1212 shard documents", "1313 shard tokens",
                          "1414 shard documents"));
  EXPECT_THAT(list(encode_dataset(sample_bpe_dataset())), Contains("1717 tokenizer file"));
  EXPECT_THAT(list(encode_imported_log(sample_imported_log())),
              ElementsAre("7171 file", "7272 records"));
}

TEST(References, NoneInConfigsAndOtherBytes) {
  EXPECT_THAT(list(encode_config(sample_config())), IsEmpty());
  for (const std::string_view bytes :
       {std::string_view(""), std::string_view("{}"), std::string_view("text\n"),
        std::string_view("{\"schema\":\"repro.run/1\""), std::string_view("{\"schema\":\"x\"}"),
        std::string_view("{ \"schema\":\"repro.run/1\"}"), std::string_view("\0\1\2", 3)}) {
    EXPECT_THAT(list(bytes), IsEmpty()) << bytes;
  }
}

TEST(References, ManifestThatBreaksItsSchemaIsCorruption) {
  const Failure failure =
      failure_of([] { find_references("{\"schema\":\"repro.run/1\"}", "object 3f2a"); });
  EXPECT_EQ(failure.code, "corruption");
  EXPECT_THAT(failure.message, HasSubstr("object 3f2a"));
}

TEST(Schema, IsFoundInCanonicalObjectsOnly) {
  EXPECT_EQ(find_schema(encode_run(sample_run())), kRunSchema);
  EXPECT_EQ(find_schema(encode_state(sample_state())), kStateSchema);
  EXPECT_EQ(find_schema(encode_dataset(sample_dataset())), kDatasetSchema);
  EXPECT_EQ(find_schema(encode_config(sample_config())), kConfigSchema);
  EXPECT_EQ(find_schema(encode_derivation(sample_run().segments[0].content)), kDerivationSchema);
  EXPECT_EQ(find_schema("{\"a\":{\"schema\":\"repro.run/1\"}}"), std::nullopt);
  EXPECT_EQ(find_schema("{\"schema\":1,\"x\":\"\\\"schema\\\":\\\"\"}"), std::nullopt);
  EXPECT_EQ(find_schema("[\"schema\":\"x\"]"), std::nullopt);
  EXPECT_EQ(find_schema("{\"schema\":\"" + std::string(100, '[') + "\"}"), std::string(100, '['));
}

// A run of 1,000 checkpoints is read in a few milliseconds; here only that it is read at all.
TEST(References, ManyStates) {
  manifests::Run run = sample_run();
  run.states.clear();
  for (int step = 1; step <= 1000; ++step) {
    run.states.push_back({step * 20, sample_digest(1), sample_digest(2), sample_digest(3)});
  }
  run.step = 20000;
  EXPECT_EQ(list(encode_run(run)).size(), 9U + 1000U);
}

}  // namespace
}  // namespace repro::manifests
