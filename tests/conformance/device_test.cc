// A run on a device gives the bits of the CPU: every built-in recipe's smoke size reaches its
// golden root there, and when it begins on one and ends on the other. The device is an emulated
// one, or a GPU (tests/gpu), whichever is linked.
#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "artifacts/base/file_system.h"
#include "artifacts/base/json.h"
#include "tests/conformance/golden_roots.h"
#include "tests/conformance/smoke_run.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/device/test_device.h"

namespace repro::train {
namespace {

Variant on_device(std::int64_t micro_batch, std::int64_t padding) {
  Variant variant;
  variant.micro_batch = micro_batch;
  variant.padding = padding;
  variant.begin = Where::device;
  variant.end = Where::device;
  variant.make_device = make_test_device;
  return variant;
}

std::vector<Variant> variants() {
  std::vector<Variant> list = {on_device(4, 0), on_device(1, 5), on_device(2, 0)};
  list[1].resume_at = 37;
  list[1].end = Where::cpu;
  list[1].recompute = true;
  list[2].resume_at = 62;
  list[2].begin = Where::cpu;
  return list;
}

class DeviceConformance : public testing::TestWithParam<std::string> {};

TEST_P(DeviceConformance, ReachesTheGoldenRoot) {
  const support::TemporaryFolder folder;
  artifacts::Store store = artifacts::Store::init(system_file_system(), folder.path() + "/.repro");
  const SmokeInputs inputs = smoke_inputs(GetParam(), store);
  const std::string path = golden_path(GetParam());
  const Json golden = parse_json(system_file_system().read_file(path), path);
  for (const Variant& variant : variants()) {
    const SmokeResult result = run_smoke(inputs, store, variant);
    ASSERT_EQ(golden_of(inputs, result), golden) << variant.text();
  }
  std::printf("%s on %s: %s\n", GetParam().c_str(), std::string(make_test_device()->name()).c_str(),
              golden.at("state").get<std::string>().c_str());
}

INSTANTIATE_TEST_SUITE_P(Recipes, DeviceConformance, testing::ValuesIn(recipe_names()),
                         [](const auto& recipe) { return test_name(recipe.param); });

}  // namespace
}  // namespace repro::train
