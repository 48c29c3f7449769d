// What a person asks a model for, and how the answers are shown; the answers are the stand-in's.
#include "tests/cli/cli_fixture.h"

namespace repro::cli_test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class Inference : public CliTest {
 protected:
  Inference() {
    make_store();
    train("one", 8);
  }
  // Expects exit code 2 and `what` in the message.
  void refuse(std::vector<std::string> words, const std::string& what, int code = 2) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, code) << outcome.error;
    EXPECT_TRUE(contains(outcome.error, what)) << outcome.error;
    EXPECT_EQ(outcome.out, "");
  }
};

TEST_F(Inference, PromptsAreTextsThenFilesThenIds) {
  folder_.write("prompt.txt", "from a file\n");
  const Outcome outcome = must({"generate", "one", "--ids", "256, 72", "--prompt-file",
                                "prompt.txt", "--prompt", "once", "--prompt", "twice", "--json"});
  EXPECT_EQ(outcome.json_of("generated").at("prompt"), 3);
  EXPECT_EQ(outcome.json_of("generated").at("ids"), (Json{256, 72}));
  EXPECT_EQ(outcome.json_of("model").at("step"), 8);
  const Outcome text = must({"generate", "one", "--ids", "256, 72", "--prompt-file", "prompt.txt",
                             "--prompt", "once", "--prompt", "twice"});
  const std::size_t once = text.out.find("once and so on");
  const std::size_t twice = text.out.find("twice and so on");
  const std::size_t file = text.out.find("from a file\n and so on");
  EXPECT_LT(once, twice);
  EXPECT_LT(twice, file);
  EXPECT_NE(file, std::string::npos);
}

TEST_F(Inference, OptionsReachTheWorker) {
  const std::string text =
      must({"generate", "one@8", "--prompt", "a", "--temperature", "0.7", "--top-k", "9", "--top-p",
            "0.5", "--seed", "11", "--max-tokens", "3", "--batch", "2"})
          .out;
  EXPECT_TRUE(contains(text,
                       "a and so on, temperature '0.7', top-k 9, top-p '0.5', seed 11, at most 3, "
                       "batch 2\n"))
      << text;
}

TEST_F(Inference, OneSequenceIsTextAloneAndMoreHaveHeadings) {
  EXPECT_FALSE(contains(must({"generate", "one", "--prompt", "a"}).out, "sample"));
  const std::string two = must({"generate", "one", "--prompt", "a", "--samples", "2"}).out;
  EXPECT_TRUE(contains(two, "prompt 1, sample 2: 0 tokens, max_tokens\n")) << two;
}

TEST_F(Inference, BytesThatAreNoTextAreWrittenAsTheyAreButNotToATerminal) {
  EXPECT_EQ(must({"generate", "one", "--prompt", "!"}).out, "!\x1b[\xff\na\n");
  const Outcome terminal = run_on_terminal({"generate", "one", "--prompt", "!"});
  EXPECT_EQ(terminal.out, "!\\x1b[\\xff\na\n");
}

TEST_F(Inference, TheProfileReachesTheWorkerAndNativeIsSaid) {
  const Outcome native = must({"generate", "one", "--prompt", "a", "--profile", "native"});
  EXPECT_TRUE(contains(native.error,
                       "profile native: what comes out holds for this environment alone "
                       "(LibTorch, CPU, threads)\n"))
      << native.error;
  for (const char* profile : {"exact", "native"}) {
    const Json model =
        must({"score", "one", "ab", "--profile", profile, "--json"}).json_of("model");
    EXPECT_EQ(model.at("profile"), profile);
  }
  const Outcome exact = must({"score", "one", "ab"});
  EXPECT_FALSE(contains(exact.error, "profile")) << exact.error;
}

TEST_F(Inference, AnyNameOfAStateIsAnswered) {
  must({"tag", "kept", "one@4"});
  EXPECT_EQ(must({"generate", "kept", "--prompt", "a", "--json"}).json_of("model").at("step"), 4);
  EXPECT_EQ(must({"score", "one@-2", "ab", "--json"}).json_of("model").at("step"), 4);
  EXPECT_EQ(must({"score", "last@3", "ab", "--json"}).json_of("model").at("step"), 3);
  must({"rm", "one"});
  refuse({"generate", "kept", "--prompt", "a"}, "no run of the store has the state", 3);
}

TEST_F(Inference, ScoresAreATableAndTokensAnother) {
  folder_.write("b.txt", "text");
  const std::string plain = must({"score", "one", "some text", "--file", "b.txt"}).out;
  EXPECT_TRUE(contains(plain, "1       2       -2.000000       -1.000000  2.7183      some text\n"))
      << plain;
  EXPECT_TRUE(contains(plain, "b.txt\n")) << plain;
  EXPECT_FALSE(contains(plain, "POSITION"));
  const std::string all = must({"score", "one", "hij", "--per-token"}).out;
  EXPECT_TRUE(contains(all, "1       2         106  -1.500000\n")) << all;
}

TEST_F(Inference, WhatCannotBeAskedIsRefused) {
  refuse({"generate", "one"}, "no prompt");
  refuse({"score", "one"}, "no text");
  refuse({"generate", "nine", "--prompt", "a"}, "nothing is called 'nine'", 3);
  refuse({"generate", "one@9", "--prompt", "a"}, "no state at step 9", 3);
  refuse({"generate", "letters", "--prompt", "a"}, "is a dataset");
  refuse({"generate", "one", "--prompt-file", "none.txt"}, "none.txt", 3);
  refuse({"score", "one", "--file", "none.txt"}, "none.txt", 3);
  for (const char* list : {"1,x", "-1", "4294967296", "1.5", "0x10"}) {
    refuse({"generate", "one", "--ids", list}, "no list of token ids");
  }
  for (const char* option : {"--batch", "--samples", "--max-tokens", "--top-k", "--threads"}) {
    refuse({"generate", "one", "--prompt", "a", option, "-1"}, option);
    refuse({"generate", "one", "--prompt", "a", option, "many"}, option);
    refuse({"generate", "one", "--prompt", "a", option, "4294967297"}, option);
  }
  for (const char* option : {"--batch", "--samples", "--max-tokens", "--top-k"}) {
    refuse({"generate", "one", "--prompt", "a", option, "0"}, option);
  }
  refuse({"generate", "one", "--prompt", "a", "--seed", "-1"}, "--seed");
  refuse({"score", "one", "ab", "--kernels", "sse9"}, "--kernels");
  for (const char* profile : {"fast", "", "Native"}) {
    refuse({"score", "one", "ab", "--profile", profile},
           "--profile: profile is \"" + std::string(profile) + "\"");
    refuse({"generate", "one", "--prompt", "a", "--profile", profile}, "exact|native");
  }
}

}  // namespace
}  // namespace repro::cli_test
