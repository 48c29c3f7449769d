#include "train/device/operation_log.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "train/kernels/cuda/program_names.h"

namespace repro::train {
namespace {

TEST(OperationLog, NamesWhatStartedLast) {
  const auto log = std::make_unique<OperationLog>();
  EXPECT_EQ(log->describe(0), "before the first kernel");
  log->enter({3, "lm_head"});
  EXPECT_EQ(log->add("gather", true), 1);
  log->enter({4, ""});
  EXPECT_EQ(log->add("rope", true), 2);
  EXPECT_EQ(log->describe(1), "gather, step 3, lm_head");
  EXPECT_EQ(log->describe(2), "rope, step 4");
  EXPECT_EQ(log->describe_now("an upload"), "an upload, step 4");
}

TEST(OperationLog, ProductsBehindItAreSuspectsToo) {
  const auto log = std::make_unique<OperationLog>();
  log->enter({1, "q"});
  log->add("product", false);
  log->add("gather", true);
  log->add("product", false);
  log->enter({1, "k"});
  log->add("product", false);
  log->add("rope", true);
  EXPECT_EQ(log->describe(0), "product, step 1, q");
  EXPECT_EQ(log->describe(2), "gather, step 1, q or product, step 1, q or product, step 1, k");
  EXPECT_EQ(log->describe(5), "rope, step 1, k");
}

TEST(OperationLog, WhatIsLongPastHasOnlyItsNumber) {
  const auto log = std::make_unique<OperationLog>();
  for (int i = 0; i < 20000; ++i) log->add("gather", true);
  EXPECT_EQ(log->describe(1), "operation 1");
  EXPECT_EQ(log->describe(20000), "gather, step 0");
  EXPECT_EQ(log->describe(20000 - 8191), "gather, step 0");
}

template <std::size_t... kIndex>
std::set<std::string_view> names_of_all(std::index_sequence<kIndex...>) {
  return {program_name(Program(std::in_place_index<kIndex>))...};
}

TEST(ProgramNames, DifferFromEachOther) {
  constexpr std::size_t kPrograms = std::variant_size_v<Program>;
  EXPECT_EQ(names_of_all(std::make_index_sequence<kPrograms>()).size(), kPrograms);
}

}  // namespace
}  // namespace repro::train
