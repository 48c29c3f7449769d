#include "manifests/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artifacts/base/error.h"
#include "tests/manifests/samples.h"

namespace repro::manifests {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kQuiz = R"({"context":"a","choices":[" bc","d"],"answer":1})";

TEST(Task, ALineIsAnItem) {
  const EvalTask task = parse_eval_task(std::string(kQuiz) + "\n\n", "x/my quiz.jsonl");
  EXPECT_EQ(task.name, "my_quiz");
  EXPECT_EQ(task.digest, sha256(std::string(kQuiz) + "\n\n"));
  ASSERT_EQ(task.items.size(), 1U);
  EXPECT_EQ(task.items[0].answer, 1U);
  EXPECT_EQ(task.items[0].choices[0].context, "a");
}

TEST(Task, HasAName) {
  for (const char* path : {".jsonl", "x/.jsonl"}) {
    EXPECT_EQ(failure_of([&] { parse_eval_task(kQuiz, path); }).code, "invalid_argument") << path;
  }
}

// One leading space of a choice is not counted, as with OLMo.
TEST(Task, ItsEvaluationBeginsWithTheBytesOfEveryText) {
  const Evaluation evaluation = begin_evaluation(parse_eval_task(kQuiz, "q.jsonl"));
  ASSERT_EQ(evaluation.items.size(), 1U);
  EXPECT_EQ(evaluation.items[0].scores[0].bytes, 2);
  EXPECT_EQ(evaluation.items[0].scores[1].bytes, 1);
  EXPECT_EQ(evaluation.items[0].answer, 1U);
  const Evaluation texts = begin_evaluation(parse_eval_task(R"({"text":" bc"})", "t.jsonl"));
  EXPECT_EQ(texts.items[0].scores[0].bytes, 3);
}

TEST(Task, WordsOfARecipeAreFilesAndThoseOfARunDigests) {
  EXPECT_THAT(task_words("  a.jsonl  b/c.jsonl "), ElementsAre("a.jsonl", "b/c.jsonl"));
  EXPECT_THAT(task_words(""), IsEmpty());
  const EvalTask task = parse_eval_task(kQuiz, "q@home.jsonl");
  const std::string word = stored_tasks_text({{task.name, task.digest}});
  EXPECT_TRUE(find_stored_task(word));
  for (const char* file : {"a.jsonl", "a@b.jsonl", "a@12", "@"}) {
    EXPECT_FALSE(find_stored_task(file)) << file;
  }
  EXPECT_FALSE(find_stored_task("@" + task.digest.hex()));
  const std::vector<StoredTask> stored = stored_tasks(word + " " + word, "config");
  ASSERT_EQ(stored.size(), 2U);
  EXPECT_EQ(stored[0].name, "q@home");
  EXPECT_EQ(stored[1].digest, task.digest);
  EXPECT_EQ(stored_tasks_text(stored), word + " " + word);
  const Failure failure = failure_of([] { stored_tasks("a.jsonl", "config x"); });
  EXPECT_EQ(failure.code, "corruption");
  EXPECT_THAT(failure.message, HasSubstr("config x: eval.tasks has a.jsonl"));
}

}  // namespace
}  // namespace repro::manifests
