#include <filesystem>
#include <thread>

#include "tests/store/store_world.h"

namespace repro::artifacts {
namespace {

using ::testing::HasSubstr;

class Refs : public StoreWorld {
 protected:
  const Digest one = sha256("one");
  const Digest two = sha256("two");
  std::string path_of(const std::string& kind, const std::string& name) {
    return store.folder() + "/refs/" + kind + "/" + name;
  }
};

TEST_F(Refs, AreReadBack) {
  store.set_ref({"runs", "b", one});
  store.set_ref({"runs", "a", two});
  store.set_ref({"tags", "best", one});
  EXPECT_EQ(store.find_ref("runs", "b")->target, one);
  EXPECT_EQ(store.find_ref("runs", "c"), std::nullopt);
  EXPECT_EQ(store.find_ref("datasets", "c"), std::nullopt);
  EXPECT_EQ(store.list_ref_kinds(), (std::vector<std::string>{"runs", "tags"}));
  const auto runs = store.list_refs("runs");
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].name, "a");
  EXPECT_EQ(runs[1].kind, "runs");
}

TEST_F(Refs, AreReplaced) {
  store.set_ref({"tags", "best", one});
  store.set_ref({"tags", "best", two});
  EXPECT_EQ(store.find_ref("tags", "best")->target, two);
}

TEST_F(Refs, ExpectedTargetMustStand) {
  store.set_ref({"tags", "a", one}, std::nullopt);
  EXPECT_EQ(error_of([&] {
              store.set_ref({"tags", "a", two}, std::nullopt);
            }).code(),
            Code::conflict);
  EXPECT_EQ(error_of([&] { store.set_ref({"tags", "a", two}, two); }).code(), Code::conflict);
  EXPECT_EQ(store.find_ref("tags", "a")->target, one);
  store.set_ref({"tags", "a", two}, one);
  EXPECT_EQ(store.find_ref("tags", "a")->target, two);
  EXPECT_EQ(error_of([&] { store.set_ref({"tags", "b", two}, one); }).code(), Code::conflict);
  EXPECT_EQ(store.find_ref("tags", "b"), std::nullopt);
}

TEST_F(Refs, OneOfManyConcurrentCreationsWins) {
  std::atomic<int> wins{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      Store mine = Store::open(files, store.folder());
      try {
        mine.set_ref({"tags", "a", sha256(std::to_string(i))}, std::nullopt);
        ++wins;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::conflict);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wins, 1);
}

TEST_F(Refs, AreRemoved) {
  store.set_ref({"tags", "a", one});
  store.remove_ref("tags", "a");
  EXPECT_EQ(store.find_ref("tags", "a"), std::nullopt);
  EXPECT_EQ(error_of([&] { store.remove_ref("tags", "a"); }).code(), Code::not_found);
  EXPECT_EQ(error_of([&] { store.remove_ref("none", "a"); }).code(), Code::not_found);
}

TEST_F(Refs, NamesThatLeaveTheFolderAreRefused) {
  for (const char* bad : {"..", "../x", "", "a/b", ".hidden", "-x"}) {
    EXPECT_EQ(error_of([&] { store.set_ref({"tags", bad, one}); }).code(), Code::invalid_argument);
    EXPECT_EQ(error_of([&] { store.set_ref({bad, "a", one}); }).code(), Code::invalid_argument);
    EXPECT_EQ(error_of([&] { store.find_ref("tags", bad); }).code(), Code::invalid_argument);
    EXPECT_EQ(error_of([&] { store.list_refs(bad); }).code(), Code::invalid_argument);
    EXPECT_EQ(error_of([&] { store.remove_ref(bad, "a"); }).code(), Code::invalid_argument);
    EXPECT_EQ(error_of([&] { store.run_folder(bad); }).code(), Code::invalid_argument);
  }
}

TEST_F(Refs, EveryFlippedBitIsCorruption) {
  store.set_ref({"tags", "best", one});
  const std::string path = path_of("tags", "best");
  for (std::uint64_t bit = 0; bit < support::bits_of_file(path); ++bit) {
    support::flip_bit(path, bit);
    const Error error = error_of([&] { store.find_ref("tags", "best"); });
    EXPECT_EQ(error.code(), Code::corruption) << "bit " << bit;
    EXPECT_THAT(error.message(), HasSubstr(path));
    support::flip_bit(path, bit);
  }
  EXPECT_EQ(store.find_ref("tags", "best")->target, one);
}

TEST_F(Refs, OtherBytesAreCorruption) {
  store.set_ref({"tags", "best", one});
  const std::string text = support::read_text(path_of("tags", "best"));
  for (const std::string& bad :
       {std::string(), text + "\n", text.substr(0, text.size() - 1), " " + text, text + text,
        std::string("{}\n"), std::string(10000, 'x'), std::string("{\"target\":\"abc\"}\n")}) {
    folder.write(".repro/refs/tags/best", bad);
    EXPECT_EQ(error_of([&] { store.find_ref("tags", "best"); }).code(), Code::corruption) << bad;
    EXPECT_EQ(error_of([&] { store.list_refs("tags"); }).code(), Code::corruption) << bad;
  }
}

TEST_F(Refs, FileMovedToAnotherNameIsCorruption) {
  store.set_ref({"tags", "a", one});
  store.set_ref({"runs", "a", one});
  std::filesystem::rename(path_of("tags", "a"), path_of("tags", "b"));
  EXPECT_EQ(error_of([&] { store.find_ref("tags", "b"); }).code(), Code::corruption);
  std::filesystem::rename(path_of("tags", "b"), path_of("runs", "a"));
  EXPECT_EQ(error_of([&] { store.find_ref("runs", "a"); }).code(), Code::corruption);
}

TEST_F(Refs, SymlinksAreNotFollowed) {
  store.set_ref({"tags", "a", one});
  std::filesystem::rename(path_of("tags", "a"), folder / "a");
  std::filesystem::create_symlink(folder / "a", path_of("tags", "a"));
  EXPECT_EQ(error_of([&] { store.find_ref("tags", "a"); }).code(), Code::corruption);
  std::filesystem::create_directory_symlink(store.folder() + "/refs/tags",
                                            store.folder() + "/refs/other");
  EXPECT_EQ(error_of([&] { store.list_refs("other"); }).code(), Code::corruption);
}

TEST_F(Refs, DamagedRefCanBeSetAnewButNotComparedWith) {
  store.set_ref({"tags", "a", one});
  folder.write(".repro/refs/tags/a", "damaged");
  EXPECT_EQ(error_of([&] { store.set_ref({"tags", "a", two}, one); }).code(), Code::corruption);
  store.set_ref({"tags", "a", two});
  EXPECT_EQ(store.find_ref("tags", "a")->target, two);
}

TEST_F(Refs, FilesWithForeignNamesAreSkipped) {
  store.set_ref({"tags", "a", one});
  folder.write(".repro/refs/tags/.DS_Store", "x");
  folder.write(".repro/refs/.hidden/a", "x");
  EXPECT_EQ(store.list_refs("tags").size(), 1U);
  EXPECT_EQ(store.list_ref_kinds(), std::vector<std::string>{"tags"});
}

}  // namespace
}  // namespace repro::artifacts
