#include "verify/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <span>
#include <string>

#include "artifacts/base/error.h"
#include "artifacts/tensor/safetensors.h"
#include "tests/support/corrupt.h"
#include "tests/support/temporary_folder.h"
#include "tests/verify/store_builder.h"

namespace repro::verify_test {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using verify::Finding;
using verify::Severity;
using verify::Verification;

class Verify : public ::testing::Test {
 protected:
  Verify() : builder_(folder_ / "store"), built_(builder_.add_run({})) {}

  artifacts::Store& store() { return builder_.store(); }
  Verification verify_run(const std::string& tensor = "") {
    return verify::verify_object(store(), built_.manifest, {tensor, {}});
  }
  manifests::State state(std::size_t index) {
    return manifests::parse_state(store().get(built_.run.states[index].manifest), "state");
  }
  // A state manifest that agrees with itself but lies about one tensor's root.
  Digest put_lie(manifests::State lie) {
    lie.tensors[2].root = sha256("lie");
    lie.model_root = manifests::compute_model_root(lie);
    lie.state_root = manifests::compute_state_root(lie);
    return store().put(std::string_view(manifests::encode_state(lie))).digest;
  }

  support::TemporaryFolder folder_;
  StoreBuilder builder_;
  BuiltRun built_;
};

TEST_F(Verify, ASoundRunIsConsistentNotAuthentic) {
  const Verification result = verify_run();
  EXPECT_TRUE(result.findings.empty()) << result.findings.front().message;
  EXPECT_EQ(verify::exit_status(result), 0);
  EXPECT_EQ(result.num_tensors, 10U);
  EXPECT_THAT(result.checked, Contains(HasSubstr("one unbroken chain")));
  EXPECT_THAT(result.not_checked, Contains(HasSubstr("consistent, not authentic")));
  EXPECT_THAT(result.not_checked, Contains(HasSubstr("--replay")));
}

TEST_F(Verify, ADamagedTensorIsCorruptionWithItsReferrers) {
  const auto tensor = state(1).tensors[2];
  support::flip_bit(store().object_path(tensor.digest), 99);
  const Verification result = verify_run();
  EXPECT_EQ(verify::exit_status(result), 4);
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_EQ(result.findings.front().path, store().object_path(tensor.digest));
  EXPECT_THAT(result.findings.front().referrers, Contains(HasSubstr("lm_head.weight")));
}

TEST_F(Verify, AMissingObjectIsCorruption) {
  std::filesystem::remove(store().object_path(built_.run.segments[0].config));
  EXPECT_EQ(verify::exit_status(verify_run()), 4);
}

TEST_F(Verify, ARootThatIsNotThatOfTheBytesIsAFalseClaim) {
  const Digest lie = put_lie(state(0));
  const Verification result = verify::verify_object(store(), lie, {});
  EXPECT_EQ(verify::exit_status(result), 1);
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_THAT(result.findings.front().message, HasSubstr("lm_head.weight"));
}

TEST_F(Verify, OneTensorAlone) {
  support::flip_bit(store().object_path(state(1).tensors[0].digest), 99);
  const Verification result = verify_run("model.norm.weight");
  EXPECT_EQ(verify::exit_status(result), 0);
  EXPECT_EQ(result.num_tensors, 2U);
  EXPECT_THAT(result.not_checked, Contains(HasSubstr("any tensor but")));
  EXPECT_THROW(verify_run("no.such"), Error);
}

TEST_F(Verify, ADatasetIsCheckedDownToItsTokens) {
  const Digest dataset = built_.run.segments[0].dataset;
  const Verification result = verify::verify_object(store(), dataset, {});
  EXPECT_EQ(verify::exit_status(result), 0);
  EXPECT_EQ(result.num_objects, 3U);
  EXPECT_THAT(result.checked, Contains(HasSubstr("token ids")));
}

TEST_F(Verify, AnyObjectByItsBytes) {
  const Digest object = store().put(std::string_view("just bytes")).digest;
  EXPECT_EQ(verify::exit_status(verify::verify_object(store(), object, {})), 0);
  support::flip_bit(store().object_path(object), 3);
  EXPECT_EQ(verify::exit_status(verify::verify_object(store(), object, {})), 4);
  EXPECT_THROW(verify::verify_object(store(), sha256("absent"), {}), Error);
}

TEST_F(Verify, AWholeStoreIncludesFsckAndRoots) {
  EXPECT_EQ(verify::exit_status(verify::verify_store(store(), {})), 0);
  store().set_ref({"tags", "lie", put_lie(state(0))});
  EXPECT_EQ(verify::exit_status(verify::verify_store(store(), {})), 1);
  folder_.write("store/objects/ab/foreign", "x");
  EXPECT_EQ(verify::exit_status(verify::verify_store(store(), {})), 4);
}

TEST_F(Verify, WritesNothing) {
  const auto listing = [&] {
    std::string text;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store().folder())) {
      text += entry.path().string() + " " +
              std::to_string(entry.last_write_time().time_since_epoch().count()) + "\n";
    }
    return text;
  };
  const std::string before = listing();
  verify::verify_store(store(), {});
  EXPECT_EQ(listing(), before);
}

class CheckedOut : public Verify {
 protected:
  CheckedOut() {
    const auto claim = state(1);
    folder_.write("out/" + std::string(verify::kStateFile), manifests::encode_state(claim));
    write_weights({"lm_head.weight", "model.norm.weight"});
  }
  void write_weights(const std::vector<std::string>& names) {
    const auto file = system_file_system().open(tensors(), OpenMode::write);
    std::vector<artifacts::TensorToWrite> list;
    for (const auto& name : names) list.push_back({name, "float32", {4, 8}});
    artifacts::write_safetensors(*file, list, {},
                                 [&](const std::string& name, const artifacts::TensorSink& sink) {
                                   const auto values = built_weights(name, {}, 6);
                                   sink(std::as_bytes(std::span(values)));
                                 });
  }
  std::string tensors() { return folder_ / "out/model.safetensors"; }
  Verification check(const std::string& tensor = "") {
    return verify::verify_folder(system_file_system(), folder_ / "out", {tensor, {}});
  }
};

TEST_F(CheckedOut, AWholeModelIsConsistent) {
  const Verification result = check();
  EXPECT_TRUE(result.findings.empty()) << result.findings.front().message;
  EXPECT_EQ(verify::exit_status(result), 0);
  EXPECT_EQ(result.num_tensors, 2U);
  EXPECT_THAT(result.not_checked, Contains(HasSubstr("optimiser")));
}

TEST_F(CheckedOut, EveryFlippedBitOfTheDataIsCorruption) {
  const std::uint64_t bits = support::bits_of_file(tensors());
  for (std::uint64_t bit = 0; bit < bits; bit += 11) {
    support::flip_bit(tensors(), bit);
    const Verification result = check();
    support::flip_bit(tensors(), bit);
    EXPECT_NE(verify::exit_status(result), 0) << bit;
    if (bit > bits - 2048) {
      EXPECT_EQ(verify::exit_status(result), 4) << bit;
    }
  }
}

TEST_F(CheckedOut, RawFilesOfTensorsAreCheckedToo) {
  std::filesystem::remove(tensors());
  for (const std::string name : {"lm_head.weight", "model.norm.weight"}) {
    const auto values = built_weights(name, {}, 6);
    const auto bytes = std::as_bytes(std::span(values));
    folder_.write("out/" + name + ".bin",
                  {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  EXPECT_EQ(verify::exit_status(check()), 0);
  support::flip_bit(folder_ / "out/lm_head.weight.bin", 77);
  EXPECT_EQ(verify::exit_status(check()), 4);
}

TEST_F(CheckedOut, AMissingWeightMakesTheVerdictPartial) {
  write_weights({"lm_head.weight"});
  EXPECT_EQ(verify::exit_status(check()), 5);
  EXPECT_EQ(verify::exit_status(check("lm_head.weight")), 0);
}

TEST_F(CheckedOut, ATensorThatIsNotOfTheStateIsAFalseClaim) {
  write_weights({"lm_head.weight", "model.norm.weight", "extra.weight"});
  EXPECT_EQ(verify::exit_status(check()), 1);
}

TEST_F(CheckedOut, AnEditedStateManifestIsCorruption) {
  const std::string path = folder_ / ("out/" + std::string(verify::kStateFile));
  support::flip_bit(path, 300);
  try {
    check();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::corruption);
  }
}

TEST_F(CheckedOut, WithoutAManifestThereIsNothingToCheckAgainst) {
  std::filesystem::remove(folder_ / ("out/" + std::string(verify::kStateFile)));
  try {
    check();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::not_found);
    EXPECT_FALSE(error.hint().empty());
  }
  EXPECT_THROW(check("x"), Error);
}

}  // namespace
}  // namespace repro::verify_test
