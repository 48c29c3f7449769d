// `main` as a mean of its ingredients: each formula is told from the others, and from none.
#include "verify/olmo_soup.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "artifacts/tensor/mean.h"
#include "tests/verify/olmo_folder.h"

namespace repro::verify_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using verify::Severity;

constexpr const char* kOne = "stage2-ingredient1-step8-tokens1B";
constexpr const char* kTwo = "stage2-ingredient2-step8-tokens1B";
constexpr const char* kThree = "stage2-ingredient3-step9-tokens1B";

class OlmoSoup : public OlmoFolderTest {
 protected:
  void write_ingredients() {
    write_split(kOne, numbers(1));
    write_split(kTwo, numbers(2));
    write_original(kThree, numbers(3));  // in the other form
  }

  // The mean of the checkpoints that `numbers` makes of these seeds, in this order.
  static Values mean_of(const std::string& formula, std::vector<int> seeds) {
    return [=](const std::string& name, std::size_t index) {
      std::vector<float> values;
      for (const int seed : seeds) values.push_back(numbers(seed)(name, index));
      std::vector<std::span<const float>> inputs;
      for (const float& value : values) inputs.emplace_back(&value, 1);
      float mean = 0;
      artifacts::mean(artifacts::find_mean_formula(formula).value(), inputs, {&mean, 1});
      return mean;
    };
  }

  // What is said of main.
  std::vector<std::string> said() {
    std::vector<std::string> list;
    for (const verify::Finding& finding : verify().result.findings) {
      if (finding.path.ends_with("/main")) list.push_back(finding.message);
    }
    return list;
  }
};

TEST_F(OlmoSoup, EveryFormulaIsFoundInItsOrder) {
  write_ingredients();
  for (const char* formula : {"exact", "olmo", "olmo-core", "hf"}) {
    write_split("main", mean_of(formula, {2, 3, 1}));
    const std::string exact = std::string(formula) == "exact" ? "1, 2, 3" : "2, 3, 1";
    const std::string order = exact == "1, 2, 3" ? std::string(kOne) + ", " + kTwo + ", " + kThree
                                                 : std::string(kTwo) + ", " + kThree + ", " + kOne;
    EXPECT_THAT(said(), ElementsAre("has the weights of the mean `" + std::string(formula) +
                                    "` of " + order));
    EXPECT_EQ(status(verify()), 0);
  }
  EXPECT_THAT(verify().result.checked, Contains(HasSubstr("`main` is a mean of its ingredients by "
                                                          "one of the known formulas (4")));
}

TEST_F(OlmoSoup, SomeOfTheIngredientsMayBeAll) {
  write_ingredients();
  write_split("main", mean_of("hf", {1, 3}));
  EXPECT_THAT(said(), ElementsAre(AllOf(HasSubstr("`hf` of " + std::string(kOne) + ", " + kThree),
                                        Not(HasSubstr(kTwo)))));
  write_split("main", numbers(2));
  EXPECT_THAT(said(), ElementsAre("has the weights of " + std::string(kTwo) + " itself"));
}

TEST_F(OlmoSoup, WhatWasRoundedIsComparedRounded) {
  write_ingredients();
  write_split("main", mean_of("exact", {1, 2, 3}), "bfloat16");
  EXPECT_THAT(said(), ElementsAre(HasSubstr("the mean `exact` of")));
  EXPECT_EQ(status(verify()), 0);
}

TEST_F(OlmoSoup, TheNearestIsToldWhereNoneFits) {
  write_ingredients();
  const Values mean = mean_of("olmo", {1, 2, 3});
  write_split("main", [&](const std::string& name, std::size_t index) {
    const float value = mean(name, index);
    const bool other = name == "lm_head.weight" && index == 5;
    return other ? std::nextafter(value, std::numeric_limits<float>::infinity()) : value;
  });
  EXPECT_THAT(said(),
              ElementsAre(AllOf(HasSubstr("is no mean (exact, olmo, olmo-core or hf) of"),
                                HasSubstr("the nearest is the mean `olmo`"),
                                HasSubstr("1 of 840 elements differ, in 1 of 14 tensors, by up to"),
                                HasSubstr("or 1 units in the last place"))));
  EXPECT_EQ(status(verify()), 1);
}

TEST_F(OlmoSoup, AnIngredientsLastStepIsTaken) {
  write_ingredients();
  write_split("stage2-ingredient1-step4-tokens1B", numbers(4));
  write_split("main", mean_of("olmo", {1, 2, 3}));
  EXPECT_EQ(status(verify()), 0);
}

TEST_F(OlmoSoup, WhatHasNoMeanIsFound) {
  write_ingredients();
  write_split("main", mean_of("exact", {1, 2, 3}));
  write_split(kTwo, [](const std::string& name, std::size_t index) {
    return name == "model.norm.weight" && index == 3 ? std::numeric_limits<float>::quiet_NaN() : 1;
  });
  EXPECT_THAT(said(), ElementsAre("element 3 of tensor model.norm.weight of " + std::string(kTwo) +
                                  " is not finite: there is no mean"));
  Tensors tensors = all_tensors();
  tensors.pop_back();
  write_tensors(std::string(kTwo) + "/model.safetensors", tensors, numbers(2));
  const std::string differs = std::string(kTwo) + " does not have its tensors: ";
  EXPECT_THAT(said(), ElementsAre(differs + "missing model.norm.weight"));
  tensors.push_back(tensors.back());
  tensors.back().name = "other";
  write_tensors(std::string(kTwo) + "/model.safetensors", tensors, numbers(2));
  EXPECT_THAT(said(), ElementsAre(differs + "extra other", differs + "missing model.norm.weight"));
  EXPECT_EQ(status(verify()), 1);
}

TEST_F(OlmoSoup, WithoutMainOrWithOneIngredientNothingIsClaimed) {
  write_ingredients();
  const auto is_unchecked = [&] {
    const auto& list = verify().result.not_checked;
    return std::any_of(list.begin(), list.end(), [](const std::string& text) {
      return text.starts_with(
          "`main` is a mean of its ingredients by one of the known formulas: "
          "needs `main` and two ingredients");
    });
  };
  EXPECT_TRUE(is_unchecked());
  for (const char* name : {kTwo, kThree}) std::filesystem::remove_all(folder_ / name);
  write_split("main", numbers(1));
  EXPECT_TRUE(is_unchecked());
  EXPECT_THAT(said(), IsEmpty());
}

}  // namespace
}  // namespace repro::verify_test
