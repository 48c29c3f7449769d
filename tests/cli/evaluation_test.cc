// Tasks as files, and the figures that come of scores; the scores are the stand-in's: half a nat a
// byte, and a nat more for each 'z'.
#include <gmock/gmock.h>

#include "artifacts/store/store.h"
#include "tests/cli/cli_fixture.h"

namespace repro::cli_test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kNat = std::int64_t{1} << 30;

class Evaluations : public CliTest {
 protected:
  Evaluations() {
    make_store();
    train("one", 8);
  }
  Json result(const std::string& task, const std::string& name = "t.jsonl") {
    folder_.write(name, task);
    return must({"eval", "one", name, "--json"}).json_of("eval_result");
  }
  Json record(const Json& result) {
    const auto store = artifacts::Store::open(system_file_system(), ".repro");
    return parse_canonical_json(
        store.get(parse_digest(result.at("record").get<std::string>(), "record")), "record");
  }
  // Expects exit code 2 with this text, and no answer.
  void refuse(const std::string& task, const std::string& what) {
    folder_.write("bad.jsonl", task);
    const Outcome outcome = run({"eval", "one", "bad.jsonl"});
    EXPECT_EQ(outcome.code, 2) << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr(what));
    EXPECT_THAT(outcome.error, HasSubstr("hint: "));
    EXPECT_EQ(outcome.out, "");
  }
};

TEST_F(Evaluations, TheLikeliestChoiceIsComparedWithTheAnswer) {
  const Json result = this->result(R"({"context":"q","choices":[" aaaa"," b"],"answer":1})"
                                   "\n\r\n"
                                   R"({"context":"q","choices":[" az"," bcd"],"answer":1,"id":7})"
                                   "\n"
                                   R"({"context":"q","choices":[" cccccc"," dz"],"answer":0})");
  // Halves of a nat: 5 against 2, 3 + 2 against 4, 7 against 3 + 2.
  EXPECT_EQ(result.at("kind"), "choices");
  EXPECT_EQ(result.at("items"), 3);
  EXPECT_EQ(result.at("correct"), 2);
  EXPECT_EQ(result.at("accuracy"), 2.0 / 3);
  // By the byte, without the first space: 5/4 against 2, 5/2 against 4/3, 7/6 against 5/2.
  EXPECT_EQ(result.at("correct_per_byte"), 2);
  EXPECT_EQ(result.at("ties"), 0);
  EXPECT_EQ(result.at("log_likelihood_units"), -(2 + 4 + 7) * kNat / 2);
  EXPECT_EQ(result.at("bytes"), 1 + 3 + 6);
  const Json items = record(result).at("items");
  EXPECT_EQ(items[0].at("likeliest"), 1);
  EXPECT_EQ(items[0].at("likeliest_per_byte"), 0);
  EXPECT_EQ(items[2].at("likeliest"), 1);
  EXPECT_EQ(items[2].at("choices")[1],
            (Json{{"bytes", 2}, {"dropped", 0}, {"tokens", 3}, {"units", -5 * kNat / 2}}));
}

TEST_F(Evaluations, OfEqualChoicesTheFirstCountsAndItIsSaid) {
  folder_.write("t.jsonl", R"({"context":"","choices":["ab","cd","ef"],"answer":1})");
  const Outcome outcome = must({"eval", "one", "t.jsonl"});
  EXPECT_THAT(outcome.error, HasSubstr("1 item where choices are equally likely"));
  EXPECT_THAT(outcome.out, HasSubstr("0.0000 (0/1)"));
}

TEST_F(Evaluations, TextsHaveBitsAByteAndPerplexity) {
  const Json result = this->result("{\"text\":\"abzz\"}\n{\"text\":\"cd\"}\n");
  EXPECT_EQ(result.at("kind"), "texts");
  EXPECT_EQ(result.at("log_likelihood"), -5.0);
  EXPECT_EQ(result.at("tokens"), 6);
  EXPECT_NEAR(result.at("bits_per_byte"), 5.0 / 6 / 0.6931471805599453, 1e-12);
  EXPECT_NEAR(result.at("perplexity"), 2.300975890892825, 1e-12);
  EXPECT_EQ(result.at("accuracy"), nullptr);
  EXPECT_EQ(
      record(result).at("sums"),
      (Json{{"bytes", 6}, {"dropped", 0}, {"items", 2}, {"tokens", 6}, {"units", -5 * kNat}}));
}

TEST_F(Evaluations, ARecordDependsOnModelAndTaskAlone) {
  const std::string task = R"({"text":"some text"})";
  const Json first = result(task);
  EXPECT_EQ(result(task, "other name.jsonl").at("record"), first.at("record"));
  EXPECT_EQ(first.at("task"), "t");
  EXPECT_EQ(first.at("task_digest"), sha256(task).hex());
  EXPECT_NE(result(task + "\n").at("record"), first.at("record"));
  EXPECT_EQ(record(first).at("model"), first.at("model").at("digest"));
  EXPECT_THAT(must({"show", first.at("record").get<std::string>()}).out, HasSubstr("repro.eval/1"));
  EXPECT_EQ(must({"fsck"}).code, 0);
}

TEST_F(Evaluations, ANativeRecordSaysSoAndOnWhatItDepends) {
  folder_.write("t.jsonl", R"({"text":"some text"})");
  const Json native =
      must({"eval", "one", "t.jsonl", "--profile", "native", "--json"}).json_of("eval_result");
  EXPECT_EQ(native.at("profile"), "native");
  EXPECT_EQ(record(native).at("profile"), "native");
  EXPECT_EQ(record(native).at("held_constant"), (Json{{"libtorch", "2.9"}, {"threads", "2"}}));
  const Json exact =
      must({"eval", "one", "t.jsonl", "--profile", "exact", "--json"}).json_of("eval_result");
  EXPECT_EQ(exact.at("profile"), "exact");
  EXPECT_EQ(exact.at("log_likelihood_units"), native.at("log_likelihood_units"));
  EXPECT_NE(exact.at("record"), native.at("record"));
  EXPECT_FALSE(record(exact).contains("profile"));
  EXPECT_EQ(result(R"({"text":"some text"})").at("record"), exact.at("record"));
}

TEST_F(Evaluations, SeveralModelsGiveOneTable) {
  folder_.write("a.jsonl", R"({"context":"q","choices":["a","bb"],"answer":0})");
  folder_.write("b.jsonl", R"({"text":"abcd"})");
  const std::string table = must({"eval", "one@4", "a.jsonl", "one@8", "b.jsonl"}).out;
  EXPECT_THAT(table, HasSubstr("TASK  FIGURE                  one@4         one@8"));
  EXPECT_THAT(table, HasSubstr("a     accuracy                1.0000 (1/1)  1.0000 (1/1)"));
  EXPECT_THAT(table, HasSubstr("b     bits a byte             0.7213        0.7213"));
  const auto lines = must({"eval", "one@4", "one@8", "a.jsonl", "b.jsonl", "--json"}).json();
  std::vector<std::string> order;
  for (const Json& line : lines) {
    if (line.at("type") != "eval_result") continue;
    order.push_back(line.at("x").get<std::string>() + " " + line.at("task").get<std::string>());
  }
  EXPECT_THAT(order, testing::ElementsAre("one@4 a", "one@4 b", "one@8 a", "one@8 b"));
}

// A line as oe-eval writes it.
std::string request(int document, int index, int label, const std::string& context,
                    const std::string& continuation) {
  return Json{{"request_type", "loglikelihood"},
              {"doc", {{"id", "x"}}},
              {"request", {{"context", context}, {"continuation", continuation}}},
              {"idx", index},
              {"task_name", "arc_easy"},
              {"doc_id", document},
              {"native_id", "N"},
              {"label", label}}
             .dump() +
         "\n";
}

TEST_F(Evaluations, RequestsOfOeEvalAreTaken) {
  const std::string task = request(0, 1, 0, "q", " bcd") + request(5, 0, 1, "x", " z") +
                           request(0, 0, 0, "q", " a") + request(5, 1, 1, "y", " z") +
                           request(1000000, 0, 0, "", " a");
  const Json result = this->result(task, "arc_easy/rc_5shot/requests.jsonl");
  EXPECT_EQ(result.at("task"), "arc_easy/rc_5shot");
  EXPECT_EQ(result.at("items"), 2);
  EXPECT_EQ(result.at("correct"), 1);  // the other is a tie, and its first is wrong
  EXPECT_EQ(result.at("ties"), 1);
  EXPECT_EQ(record(result).at("items")[0].at("choices")[0].at("bytes"), 1);
  EXPECT_THAT(run({"eval", "one", "arc_easy/rc_5shot/requests.jsonl"}).error,
              HasSubstr("1 request without a context passed over"));
}

TEST_F(Evaluations, LongContextsAreSaidToBeCut) {
  folder_.write(
      "t.jsonl",
      Json{{"context", std::string(200, 'c')}, {"choices", {"a", "bb"}}, {"answer", 0}}.dump());
  EXPECT_THAT(must({"eval", "one", "t.jsonl"}).error,
              HasSubstr("2 texts longer than the model's 136 positions"));
}

TEST_F(Evaluations, BadLinesAreNamed) {
  const std::string good = R"({"context":"q","choices":["a","b"],"answer":1})"
                           "\n";
  refuse(good + "{\"context\":", "bad.jsonl:2: ");
  refuse(good + "\n[1]\n", "bad.jsonl:3: it is no JSON object");
  refuse(good + "{}", "bad.jsonl:2: it has none of");
  refuse(good + R"({"text":"x"})", "bad.jsonl:2: the lines before it are of another kind");
  refuse("", "bad.jsonl has no items");
  refuse("\n \n", "bad.jsonl has no items");
  const auto line = [&](const char* text, const char* what) {
    refuse(std::string(text) + "\n" + good, std::string("bad.jsonl:1: ") + what);
  };
  line(R"({"text":""})", "the text is empty");
  line(R"({"text":1})", "\"text\" is no text");
  line(R"({"choices":["a"],"answer":0})", "\"context\" is missing");
  line(R"({"context":"q","choices":["a"]})", "\"answer\" is missing");
  line(R"({"context":"q","choices":["a"],"answer":1})", "\"answer\" is 1, not in 0..0");
  line(R"({"context":"q","choices":["a"],"answer":-1})", "\"answer\" is -1");
  line(R"({"context":"q","choices":["a"],"answer":"a"})", "\"answer\" is no whole number");
  line(R"({"context":"q","choices":[],"answer":0})", "\"choices\" is no list of texts");
  line(R"({"context":"q","choices":"ab","answer":0})", "\"choices\" is no list of texts");
  line(R"({"context":"q","choices":["a",1],"answer":0})", "\"choices\" is no list of texts");
  line(R"({"context":"q","choices":["a",""],"answer":0})", "choice 1 is empty");
  line(R"({"context":"q","context":"r","choices":["a"],"answer":0})", "");  // a key given twice
  const std::string many = Json(std::vector<std::string>(1001, "a")).dump();
  refuse("{\"context\":\"q\",\"answer\":0,\"choices\":" + many + "}", "more than 1000 choices");
}

TEST_F(Evaluations, BadRequestsAreNamed) {
  refuse(request(0, 0, 0, "q", " a") + request(0, 0, 0, "q", " b"),
         "bad.jsonl:2: doc_id 0 has idx 0");
  refuse(request(0, 0, 0, "q", " a") + request(0, 1, 1, "q", " b"),
         "bad.jsonl:2: doc_id 0 has another label");
  refuse(request(3, 0, 0, "q", " a") + request(3, 2, 0, "q", " b"),
         "bad.jsonl:1: doc_id 3 has no idx 1");
  refuse(request(3, 0, 1, "q", " a"), "the label of doc_id 3 is 1, but it has 1 requests");
  refuse(request(3, 0, 0, "q", ""), "bad.jsonl:1: choice 0 is empty");
  refuse(R"({"request_type":"generate_until","request":{},"doc_id":0})",
         "'generate_until' are not scored");
  refuse(R"({"request":[],"doc_id":0,"idx":0,"label":0})", "\"request\" is no JSON object");
  refuse(R"({"request":{"context":"q"},"doc_id":0,"idx":0,"label":0})",
         "\"continuation\" is missing");
  refuse(R"({"request":{"context":"q","continuation":" a"},"doc_id":0,"idx":0,"label":"A"})",
         "\"label\" is no whole number");
}

TEST_F(Evaluations, WhatCannotBeEvaluatedIsRefused) {
  folder_.write("t.jsonl", R"({"text":"x"})");
  const auto refused = [&](std::vector<std::string> words, const char* what, int code) {
    words.insert(words.begin(), "eval");
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, code) << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr(what));
    EXPECT_EQ(outcome.out, "");
  };
  refused({"one"}, "no task", 2);
  refused({"t.jsonl"}, "no model", 2);
  refused({"one", "one", "t.jsonl"}, "'one' is given twice", 2);
  refused({"one", "t.jsonl", "t.jsonl"}, "'t.jsonl' is given twice", 2);
  refused({"one", "none.jsonl"}, "none.jsonl", 3);
  refused({"one", "requests.jsonl.gz"}, "gunzip -k requests.jsonl.gz", 5);
  refused({"none", "t.jsonl"}, "nothing is called 'none'", 3);
  refused({"one", "one@9", "t.jsonl"}, "no state at step 9", 3);
  refused({"letters", "t.jsonl"}, "is a dataset", 2);
  refused({"one", "t.jsonl", "--batch", "0"}, "--batch", 2);
  refused({"one", "t.jsonl", "--profile", "fast"}, "--profile: profile is \"fast\"", 2);
  refused({"one", "t.jsonl", "--kernels", "sse9"}, "--kernels", 2);
}

}  // namespace
}  // namespace repro::cli_test
