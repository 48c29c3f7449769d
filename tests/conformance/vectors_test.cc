// The golden vectors of exact/1: every case of every file, on every kernel path of this machine.
// REPRO_WRITE_GOLDEN=1 writes the files anew.
#include <gtest/gtest.h>

#include <cstdio>
#include <ostream>
#include <regex>
#include <set>
#include <sstream>

#include "artifacts/base/environment.h"
#include "artifacts/base/file_system.h"
#include "artifacts/base/json.h"
#include "tests/conformance/vector_file.h"

namespace repro::train {

void PrintTo(const Group& group, std::ostream* out) { *out << group.file; }  // by GoogleTest

namespace {

std::vector<Group> all_groups() {
  return {rounding_group(), function_group(),  random_group(),    quantisation_group(),
          product_group(),  row_group(),       attention_group(), head_group(),
          gradient_group(), optimiser_group(), sampling_group(),  order_group(),
          root_group()};
}

const Operation& find_operation(const Group& group, const std::string& name) {
  for (const Operation& operation : group.operations) {
    if (operation.name == name) return operation;
  }
  throw std::runtime_error(group.file + ".json: no operation " + name);
}

void write_group(const Group& group, const Context& context) {
  std::vector<Json> cases;
  for (const Case& one : group.cases()) {
    const Json out = find_operation(group, one.operation).compute(context, one.in);
    cases.push_back(
        {{"operation", one.operation}, {"name", one.name}, {"in", one.in}, {"out", out}});
  }
  system_file_system().write_file_atomically(golden_file(group.file + ".json"),
                                             encode_cases(cases));
}

Json read_golden(const std::string& name) {
  const std::string path = golden_file(name);
  return parse_json(system_file_system().read_file(path), path);
}

class Vectors : public testing::TestWithParam<Group> {};

TEST_P(Vectors, EveryKernelPathGivesTheGoldenOutputs) {
  const Group& group = GetParam();
  Parallel parallel(1);
  const std::vector<KernelPath> paths = available_paths();
  if (find_environment("REPRO_WRITE_GOLDEN")) {
    write_group(group, {choose_path("scalar", paths), &parallel});
  }
  const Json golden = read_golden(group.file + ".json");
  ASSERT_EQ(golden.at("schema"), "repro.vectors/1");
  std::set<std::string> operations;
  std::set<std::string> names;
  for (const Json& one : golden.at("cases")) {
    const auto operation = one.at("operation").get<std::string>();
    const std::string name = operation + " " + one.at("name").get<std::string>();
    operations.insert(operation);
    EXPECT_TRUE(names.insert(name).second) << "two cases " << name;
    for (const KernelPath& path : paths) {
      const Json out = find_operation(group, operation).compute({path, &parallel}, one.at("in"));
      EXPECT_TRUE(out == one.at("out"))
          << group.file << ".json, " << name << ", kernels " << path.name;
    }
  }
  for (const Operation& operation : group.operations) {
    EXPECT_EQ(operations.count(operation.name), 1U)
        << group.file << ".json has no case of " << operation.name;
  }
  std::printf("%s.json: %zu cases on %zu kernel paths\n", group.file.c_str(), names.size(),
              paths.size());
}

INSTANTIATE_TEST_SUITE_P(Files, Vectors, testing::ValuesIn(all_groups()),
                         [](const auto& group) { return group.param.file; });

// The names in the first column of the table "Operations".
std::set<std::string> listed_operations(const std::string& readme) {
  std::set<std::string> names;
  std::istringstream lines(readme);
  const std::regex name("`([a-z0-9_]+)`");
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("| `", 0) != 0) continue;
    const std::string cell = line.substr(0, line.find(" |", 1));
    for (std::sregex_iterator it(cell.begin(), cell.end(), name), end; it != end; ++it) {
      names.insert((*it)[1]);
    }
  }
  return names;
}

TEST(VectorFiles, HoldEveryOperationOfTheirReadme) {
  std::set<std::string> held;
  for (const Group& group : all_groups()) {
    const Json golden = read_golden(group.file + ".json");
    for (const Json& one : golden.at("cases")) held.insert(one.at("operation").get<std::string>());
  }
  const auto listed = listed_operations(system_file_system().read_file(golden_file("README.md")));
  EXPECT_GT(listed.size(), 60U);
  EXPECT_EQ(held, listed);
}

}  // namespace
}  // namespace repro::train
