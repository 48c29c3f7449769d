// `import hf`, `export hf`, and models where states are asked for. What is written is compared byte
// for byte; what is refused leaves no name. Keys of config.json and of the index one by one:
// tests/imports.
#include <unistd.h>

#include <functional>

#include "artifacts/base/digest.h"
#include "artifacts/base/file_system.h"
#include "tests/cli/cli_fixture.h"
#include "tests/cli/hf_folder.h"

namespace repro::cli_test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class Hf : public CliTest {
 protected:
  Hf() { must({"init"}); }

  using Tensors = std::vector<artifacts::TensorToWrite>;
  void write_folder(const std::string& name, const std::string& dtype = "float32",
                    const std::function<void(Tensors&)>& change = {}) {
    write_hf_folder(folder_, name, dtype, change);
  }

  void refuse(const std::string& folder, int code, const std::string& what) {
    const Outcome outcome = run({"import", "hf", folder, "--name", "refused"});
    EXPECT_EQ(outcome.code, code) << outcome.error;
    EXPECT_TRUE(contains(outcome.error, what)) << outcome.error;
    EXPECT_EQ(run({"show", "refused"}).code, 3);
  }

  std::string text(const std::string& path) const { return support::read_text(folder_ / path); }
  void expect_same(const std::string& one, const std::string& two,
                   const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      EXPECT_FALSE(text(one + "/" + name).empty()) << name;
      EXPECT_EQ(text(one + "/" + name), text(two + "/" + name)) << name;
    }
  }
};

const std::vector<std::string> kFiles = {"config.json", "generation_config.json",
                                         "model.safetensors"};

TEST_F(Hf, AFolderComesBackByteForByte) {
  write_folder("one");
  const Json model =
      must({"import", "hf", "one", "--revision", "main", "--json"}).json_of("model_manifest");
  EXPECT_EQ(model.at("name"), "one");
  EXPECT_EQ(model.at("operation"), "import-hf/1");
  EXPECT_EQ(model.at("settings").at("dtype"), "float32");
  EXPECT_EQ(model.at("settings").at("revision"), "main");
  EXPECT_EQ(model.at("tokenizer"), "ids/1");
  ASSERT_EQ(model.at("files").size(), 3U);
  EXPECT_EQ(model.at("files")[2].at("digest"), sha256(text("one/model.safetensors")).hex());
  must({"export", "hf", "one", "-o", "out"});
  expect_same("one", "out", kFiles);
  must({"verify", "out"});
  must({"checkout", "one", "-o", "out2"});
  expect_same("out", "out2", {"config.json", "model.safetensors", "repro-state.json"});
  must({"checkout", "one", "-o", "raw", "--format", "raw"});
  EXPECT_EQ(text("raw/model.norm.weight.bin"), hf_numbers(8, "float32", 17));
  must({"checkout", "one", "-o", "state", "--format", "safetensors"});
  must({"verify", "state"});
  must({"fsck"});
}

TEST_F(Hf, Bfloat16IsWidenedAndComesBackByteForByte) {
  write_folder("wide");
  write_folder("narrow", "bfloat16");
  const auto root = [&](const std::string& name) {
    return must({"import", "hf", name, "--json"}).json_of("model_manifest").at("digest");
  };
  EXPECT_EQ(root("wide"), root("narrow"));
  must({"export", "hf", "narrow", "-o", "out"});
  expect_same("narrow", "out", kFiles);
  EXPECT_EQ(text("out/repro-state.json"), "");  // no file holds the state's bytes
  const Json lossless =
      must({"export", "hf", "wide", "-o", "out2", "--dtype", "bfloat16", "--json"})
          .json_of("export");
  EXPECT_EQ(lossless.at("rounded"), 0);
  expect_same("narrow", "out2", kFiles);
  must({"export", "hf", "narrow", "-o", "out3", "--dtype", "float32"});
  expect_same("wide", "out3", kFiles);
  EXPECT_EQ(run({"export", "hf", "wide", "-o", "out4", "--dtype", "int8"}).code, 2);
  EXPECT_FALSE(system_file_system().exists(folder_ / "out4"));
}

TEST_F(Hf, RoundingIsTold) {
  write_folder("one", "float32");
  std::string bytes = text("one/model.safetensors");
  bytes[bytes.size() - 4] = 1;
  folder_.write("one/model.safetensors", bytes);
  must({"import", "hf", "one"});
  const Outcome outcome = must({"export", "hf", "one", "-o", "out", "--dtype", "bfloat16"});
  EXPECT_TRUE(contains(outcome.out, "lossy  1 of its weights")) << outcome.out;
}

TEST_F(Hf, ShardsAreReadAndWritten) {
  write_folder("one");
  must({"import", "hf", "one"});
  must({"export", "hf", "one", "-o", "shards", "--shard-size", "4000"});
  EXPECT_FALSE(text("shards/model.safetensors.index.json").empty());
  EXPECT_TRUE(text("shards/model.safetensors").empty());
  must({"verify", "shards"});
  const Json model = must({"import", "hf", "shards", "--json"}).json_of("model_manifest");
  EXPECT_EQ(model.at("digest"),
            must({"show", "one", "--json"}).json_of("model_manifest").at("digest"));
  must({"export", "hf", "shards", "-o", "again", "--shard-size", "4000"});
  std::vector<std::string> names = {"config.json", "model.safetensors.index.json"};
  for (const std::string& name : system_file_system().list(folder_ / "shards")) {
    if (name.ends_with(".safetensors")) names.push_back(name);
  }
  EXPECT_EQ(names.size(), 5U);
  expect_same("shards", "again", names);
}

TEST_F(Hf, TheSameAgainIsQuietAndAnotherIsRefused) {
  write_folder("one");
  const auto import = [&] { return run({"import", "hf", "one", "--name", "m", "--json"}); };
  const Json first = import().json_of("model_manifest");
  EXPECT_EQ(import().json_of("model_manifest"), first);
  write_folder("one", "bfloat16");  // the same weights, of other files
  const Outcome other = import();
  EXPECT_EQ(other.code, 6);
  EXPECT_EQ(must({"show", "m", "--json"}).json_of("model_manifest"), first);
  EXPECT_EQ(run({"import", "hf", "one", "--name", "no/name"}).code, 2);
  EXPECT_EQ(run({"import", "hf", "nowhere"}).code, 3);
}

TEST_F(Hf, ATokenizerGoesAlong) {
  write_folder("one");
  folder_.write("one/tokenizer.json", R"({"model":{"type":"BPE"}})");
  const Json model = must({"import", "hf", "one", "--json"}).json_of("model_manifest");
  EXPECT_EQ(model.at("tokenizer"), "bpe/1");
  must({"export", "hf", "one", "-o", "out"});
  expect_same("one", "out", {"tokenizer.json"});
  folder_.write("one/tokenizer.json", R"({"model":{"type":"Unigram"}})");
  const Outcome other = must({"import", "hf", "one", "--name", "two"});
  EXPECT_TRUE(contains(other.error, "not BPE")) << other.error;
  folder_.write("one/tokenizer.json", "{");
  refuse("one", 2, "tokenizer.json");
}

TEST_F(Hf, AModelIsAsked) {
  write_folder("one");
  must({"import", "hf", "one"});
  const Outcome outcome = must({"score", "one", "--ids", "1,2,3", "--json"});
  EXPECT_EQ(outcome.json_of("scored").at("number"), 0);
  EXPECT_TRUE(outcome.json_of("model").at("run").is_null());
  must({"generate", "one", "--ids", "1,2"});
  must({"tag", "kept", "one"});
  must({"generate", "kept", "--ids", "1,2"});
}

TEST_F(Hf, TensorsMustBeThoseOfTheConfiguration) {
  write_folder("one", "float32", [](Tensors& tensors) {
    for (auto& tensor : tensors) {
      if (tensor.name == "lm_head.weight") tensor.name = "lm_head.bias";
      if (tensor.name == "model.norm.weight") tensor.shape = {9};
    }
  });
  const Outcome outcome = run({"import", "hf", "one"});
  EXPECT_EQ(outcome.code, 4);
  for (const char* line :
       {"missing lm_head.weight", "extra lm_head.bias", "model.norm.weight is [9], not [8]"}) {
    EXPECT_TRUE(contains(outcome.error, line)) << outcome.error;
  }
  write_folder("two", "int32");
  refuse("two", 5, "is int32");
}

TEST_F(Hf, BrokenFilesAreRefused) {
  write_folder("one");
  const std::string good = text("one/model.safetensors");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    bytes.replace(bytes.find(from), from.size(), to);
    folder_.write("one/model.safetensors", bytes);
  };
  folder_.write("one/model.safetensors", good + "x");
  refuse("one", 4, "bytes follow the last tensor");
  folder_.write("one/model.safetensors", good.substr(0, good.size() - 1));
  refuse("one", 4, "cut off");
  with("[0,9600]", "[0,9604]");
  refuse("one", 4, "byte range");
  with("model.layers.0.mlp.gate_proj", "model.layers.0.mlp.down_proj");
  refuse("one", 4, "model.layers.0.mlp.down_proj");
  folder_.write("one/model.safetensors", "");
  refuse("one", 4, "has only 0 bytes");
  folder_.write("one/model.safetensors", good);
  folder_.write("one/generation_config.json", "{");
  refuse("one", 2, "generation_config.json");
  system_file_system().remove(folder_ / "one/generation_config.json");
  must({"import", "hf", "one", "--name", "sound"});
  system_file_system().remove(folder_ / "one/config.json");
  refuse("one", 3, "config.json");
}

TEST_F(Hf, AnIndexIsNotBelieved) {
  write_folder("one");
  must({"import", "hf", "one"});
  must({"export", "hf", "one", "-o", "shards", "--shard-size", "4000"});
  const std::string path = "shards/model.safetensors.index.json";
  const std::string good = text(path);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    folder_.write(path, changed);
  };
  with("model-00001-of-00003.safetensors", "../one/model.safetensors");
  refuse("shards", 4, "no file name in this folder");
  with("model-00001-of-00003.safetensors", "nowhere.safetensors");
  refuse("shards", 3, "nowhere.safetensors");
  with("\"total_size\": ", "\"total_size\": 1");
  refuse("shards", 4, "bytes");
  folder_.write(path, good);
  folder_.write("shards/model.safetensors", text("one/model.safetensors"));
  refuse("shards", 4, "has both");
  system_file_system().remove(folder_ / "shards/model.safetensors");
  const std::string shard = folder_ / "shards/model-00001-of-00003.safetensors";
  system_file_system().rename(shard, folder_ / "elsewhere");
  ASSERT_EQ(::symlink((folder_ / "elsewhere").c_str(), shard.c_str()), 0);
  refuse("shards", 2, "not a regular file");
}

class HfRevisions : public CliTest {};

TEST_F(HfRevisions, EveryStoredStateIsAFolder) {
  make_store();
  train("one", 8);
  const Outcome outcome = run({"export", "hf", "one", "--revisions", "-o", "out"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  const auto names = system_file_system().list(folder_ / "out");
  ASSERT_GE(names.size(), 2U);
  EXPECT_EQ(names.back(), "stage1-step8-tokens1B");
  EXPECT_FALSE(support::read_text(folder_ / "out/stage1-step8-tokens1B/config.json").empty());
  must({"export", "hf", "one", "--revisions=stage2-ingredient1", "-o", "out2"});
  EXPECT_EQ(system_file_system().list(folder_ / "out2").back(),
            "stage2-ingredient1-step8-tokens1B");
  EXPECT_EQ(run({"export", "hf", "one@4", "--revisions", "-o", "out3"}).code, 2);
  EXPECT_EQ(run({"export", "hf", "one", "--revisions=../x", "-o", "out3"}).code, 2);
  EXPECT_EQ(run({"export", "hf", "one", "-o", "out"}).code, 6);
  EXPECT_FALSE(system_file_system().exists(folder_ / "out3"));
}

}  // namespace
}  // namespace repro::cli_test
