#include <cmath>
#include <cstring>
#include <filesystem>
#include <thread>

#include "artifacts/store/object_file.h"
#include "tests/store/store_world.h"

namespace repro::artifacts {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kLarge = std::size_t{3} << 20;  // above what put_file reads whole

using Objects = StoreWorld;

Codec codec_of(Store& store, const Digest& digest) {
  return open_object(store.files(), {digest, store.object_path(digest)}).trailer.codec;
}

TEST_F(Objects, AreNamedByTheirRawBytes) {
  for (const std::string& text : {std::string(), std::string("x"), prose(300), prose(200000),
                                  noise(200000), std::string(kLarge, '\0')}) {
    const ObjectInfo info = store.put(text);
    EXPECT_EQ(info.digest, sha256(text));
    EXPECT_EQ(info.size, text.size());
    EXPECT_EQ(store.get(info.digest), text);
    EXPECT_EQ(store.size_of(info.digest), text.size());
    EXPECT_TRUE(store.contains(info.digest));
  }
}

TEST_F(Objects, ABeginOfAnotherIsAnObjectOfItsOwn) {
  for (const std::string& text : {prose(200000), noise(kLarge)}) {
    const Digest whole = store.put(text).digest;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, text.size() - 1, text.size()}) {
      const ObjectInfo begin = store.put_prefix(whole, size);
      EXPECT_EQ(begin.digest, sha256(text.substr(0, size)));
      EXPECT_EQ(begin.size, size);
      EXPECT_EQ(store.get(begin.digest), text.substr(0, size));
    }
  }
}

TEST_F(Objects, TheBeginOfADamagedObjectIsNotTaken) {
  const std::string text = noise(kLarge);
  const Digest whole = store.put(text).digest;
  support::flip_bit(store.object_path(whole), 8 * (kLarge - 1));  // far behind the begin
  EXPECT_EQ(error_of([&] { store.put_prefix(whole, 100); }).code(), Code::corruption);
  EXPECT_FALSE(store.contains(sha256(text.substr(0, 100))));
  EXPECT_TRUE(files.list(store.folder() + "/tmp").empty());
}

TEST_F(Objects, TextIsCompressedAndNoiseIsNot) {
  EXPECT_EQ(codec_of(store, store.put(prose(100000)).digest), Codec::zstd);
  EXPECT_EQ(codec_of(store, store.put(noise(100000)).digest), Codec::raw);
  EXPECT_EQ(codec_of(store, store.put("short").digest), Codec::raw);
}

TEST_F(Objects, FloatTensorsStayRaw) {
  std::string bytes(400000, '\0');
  const std::string bits = noise(bytes.size());
  for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {  // weights of scale 0.02
    std::int32_t integer = 0;
    std::memcpy(&integer, bits.data() + i, 4);
    const float value = 0.02F * static_cast<float>(integer) / 2147483648.0F;
    std::memcpy(bytes.data() + i, &value, 4);
  }
  EXPECT_EQ(codec_of(store, store.put(bytes).digest), Codec::raw);
}

TEST_F(Objects, MisleadingSampleDoesNotStoreMoreBytes) {
  std::string bytes = noise(std::size_t{1} << 20);
  bytes.replace(0, 65536, std::string(65536, 'a'));  // the first sample alone compresses
  const Digest digest = store.put(bytes).digest;
  EXPECT_EQ(codec_of(store, digest), Codec::raw);
  EXPECT_EQ(store.get(digest), bytes);
  EXPECT_TRUE(files.list(store.folder() + "/tmp").empty());
}

TEST_F(Objects, PutOfSameBytesWritesOnce) {
  store.put(prose(3000));
  files.heal();
  store.put(prose(3000));
  EXPECT_EQ(files.num_writes(), 0U);
  EXPECT_EQ(store.list_objects().size(), 1U);
}

TEST_F(Objects, PutFileTakesSmallAndLargeFiles) {
  for (const std::string& text : {std::string(), prose(1000), noise(kLarge), prose(kLarge)}) {
    const ObjectInfo info = store.put_file(folder.write("file", text));
    EXPECT_EQ(info.digest, sha256(text));
    EXPECT_EQ(store.get(info.digest), text);
  }
  EXPECT_TRUE(files.list(store.folder() + "/tmp").empty());
}

TEST_F(Objects, LargeFileAddedTwiceLeavesNothingBehind) {
  const std::string path = folder.write("file", noise(kLarge));
  const std::string object = store.object_path(store.put_file(path).digest);
  const auto before = files.find_status(object);
  store.put_file(path);
  EXPECT_EQ(files.find_status(object), before);
  EXPECT_TRUE(files.list(store.folder() + "/tmp").empty());
}

TEST_F(Objects, PutFileRefusesWhatIsNoRegularFile) {
  const std::string path = folder.write("file", "x");
  std::filesystem::create_symlink(path, folder / "link");
  for (Intake intake : {Intake::copy, Intake::reflink, Intake::in_place}) {
    EXPECT_EQ(error_of([&] { store.put_file(folder / "link", intake); }).code(),
              Code::invalid_argument);
    EXPECT_EQ(error_of([&] { store.put_file(folder.path(), intake); }).code(),
              Code::invalid_argument);
    EXPECT_EQ(error_of([&] { store.put_file(folder / "none", intake); }).code(), Code::not_found);
  }
}

// Appends to a file after its first piece was read.
class GrowingFile final : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::string& path, OpenMode mode) override {
    auto file = system_file_system().open(path, mode);
    if (path.ends_with("growing")) support::append_to_file(path, "more");
    return file;
  }
  std::unique_ptr<Mapping> map(const std::string& path) override {
    return system_file_system().map(path);
  }
  std::optional<FileStatus> find_status(const std::string& path) override {
    return system_file_system().find_status(path);
  }
  std::vector<std::string> list(const std::string& path) override {
    return system_file_system().list(path);
  }
  void make_directories(const std::string& path) override {
    system_file_system().make_directories(path);
  }
  void rename(const std::string& from, const std::string& to) override {
    system_file_system().rename(from, to);
  }
  void remove(const std::string& path) override { system_file_system().remove(path); }
  void truncate(const std::string& path, std::uint64_t size) override {
    system_file_system().truncate(path, size);
  }
  void sync_directory(const std::string& path) override {
    system_file_system().sync_directory(path);
  }
  std::unique_ptr<FileLock> find_lock(const std::string& path) override {
    return system_file_system().find_lock(path);
  }
};

TEST_F(Objects, FileThatChangesWhileItIsReadIsAConflict) {
  GrowingFile growing;
  Store other = Store::open(growing, store.folder());
  const std::string path = folder.write("growing", "text");
  for (Intake intake : {Intake::copy, Intake::in_place}) {
    const Error error = error_of([&] { other.put_file(path, intake); });
    EXPECT_EQ(error.code(), Code::conflict);
    EXPECT_THAT(error.message(), HasSubstr(path));
  }
  EXPECT_TRUE(store.list_objects().empty());
}

TEST_F(Objects, InPlaceStoresOnlyThePath) {
  const std::string path = folder.write("file", noise(5000));
  const Digest digest = store.put_file(path, Intake::in_place).digest;
  EXPECT_EQ(codec_of(store, digest), Codec::linked);
  EXPECT_LT(std::filesystem::file_size(store.object_path(digest)), 500U);
  EXPECT_EQ(store.get(digest), noise(5000));
  EXPECT_EQ(store.size_of(digest), 5000U);
}

TEST_F(Objects, PartsAreReadWhereTheBytesLieAsTheyAre) {
  const std::string path = folder.write("file", noise(5000));
  for (const Intake intake : {Intake::in_place, Intake::copy}) {
    const Digest digest = store.put_file(path, intake).digest;
    const auto plain = store.find_plain_file(digest);
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->path, intake == Intake::copy ? store.object_path(digest) : path);
    EXPECT_EQ(store.find_link(digest).has_value(), intake == Intake::in_place);
    std::string part(100, ' ');
    const auto read = store.read_range(digest, 4900, std::as_writable_bytes(std::span(part)));
    EXPECT_EQ(part, noise(5000).substr(4900));
    EXPECT_EQ(read.status, plain->status);
    EXPECT_EQ(error_of([&] {
                store.read_range(digest, 4901, std::as_writable_bytes(std::span(part)));
              }).code(),
              Code::internal);
  }
  EXPECT_FALSE(store.find_plain_file(store.put(std::string(100'000, 'a')).digest));
}

TEST_F(Objects, APartOfALinkThatIsGoneNamesItsFile) {
  const std::string path = folder.write("file", noise(5000));
  const Digest digest = store.put_file(path, Intake::in_place).digest;
  std::filesystem::remove(path);
  EXPECT_EQ(store.find_link(digest), path);
  for (const Error& error : {error_of([&] { store.find_plain_file(digest); }),
                             error_of([&] { store.read_range(digest, 0, {}); })}) {
    EXPECT_EQ(error.code(), Code::corruption);
    EXPECT_THAT(error.message(), HasSubstr(path + ", does not exist any more"));
  }
}

TEST_F(Objects, InPlaceRefusesAPathWithALineBreak) {
  const std::string path = folder.write("a\nb", "x");
  EXPECT_EQ(error_of([&] { store.put_file(path, Intake::in_place); }).code(),
            Code::invalid_argument);
}

TEST_F(Objects, CopyReplacesALink) {
  const std::string path = folder.write("file", noise(5000));
  const Digest digest = store.put_file(path, Intake::in_place).digest;
  store.put_file(path, Intake::in_place);
  EXPECT_EQ(codec_of(store, digest), Codec::linked);
  store.put_file(path);
  EXPECT_EQ(codec_of(store, digest), Codec::raw);
  store.put_file(path, Intake::in_place);
  EXPECT_EQ(codec_of(store, digest), Codec::raw);
}

TEST_F(Objects, LinkToAMovedFileIsReplacedByTheNextAdd) {
  const std::string path = folder.write("file", noise(5000));
  const Digest digest = store.put_file(path, Intake::in_place).digest;
  std::filesystem::rename(path, folder / "moved");
  EXPECT_EQ(error_of([&] { store.get(digest); }).code(), Code::corruption);
  store.put_file(folder / "moved", Intake::in_place);
  EXPECT_EQ(store.get(digest), noise(5000));
}

TEST_F(Objects, ReflinkSharesOrSaysThatItCannot) {
  const std::string path = folder.write("file", noise(5000));
  try {
    EXPECT_EQ(store.get(store.put_file(path, Intake::reflink).digest), noise(5000));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::environment);
    EXPECT_THAT(error.hint(), HasSubstr("--copy"));
  }
  EXPECT_TRUE(files.list(store.folder() + "/tmp").empty());
}

TEST_F(Objects, ReflinkedFileIsAnObjectLikeAnyOther) {
  files.emulate_clones();
  for (const std::string& text : {std::string(), prose(5000), noise(kLarge)}) {
    const Digest digest = store.put_file(folder.write("file", text), Intake::reflink).digest;
    EXPECT_EQ(digest, sha256(text));
    EXPECT_EQ(codec_of(store, digest), Codec::raw);
    EXPECT_EQ(store.get(digest), text);
  }
}

TEST_F(Objects, ReadHandsOverPiecesOfAtMostOneMebibyte) {
  for (const std::string& text : {noise(kLarge), prose(kLarge)}) {
    const Digest digest = store.put(text).digest;
    std::string all;
    store.read(digest, [&](std::span<const std::byte> piece) {
      EXPECT_LE(piece.size(), std::size_t{1} << 20);
      all.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    });
    EXPECT_TRUE(all == text);
  }
}

TEST_F(Objects, GetKeepsToTheCallersLimit) {
  const Digest digest = store.put(prose(5000)).digest;
  EXPECT_EQ(store.get(digest, 5000).size(), 5000U);
  const Error error = error_of([&] { store.get(digest, 4999); });
  EXPECT_EQ(error.code(), Code::io);
  EXPECT_THAT(error.message(), HasSubstr(digest.hex()));
}

TEST_F(Objects, AreFoundByPrefix) {
  const Digest digest = store.put("a").digest;
  store.put("b");
  EXPECT_EQ(store.find_objects(digest.short_hex(4)), std::vector{digest});
  EXPECT_EQ(store.find_objects(digest.hex()), std::vector{digest});
  EXPECT_TRUE(store.find_objects("0000").empty());
  for (const std::string& bad : {std::string("ca9"), std::string(65, 'a'), std::string("CA97"),
                                 std::string("../.."), std::string("xyzw")}) {
    EXPECT_EQ(error_of([&] { store.find_objects(bad); }).code(), Code::invalid_argument) << bad;
  }
}

TEST_F(Objects, ListIsInOrderAndSkipsForeignFiles) {
  for (int i = 0; i < 20; ++i) store.put(std::to_string(i));
  folder.write(".repro/objects/ab/README", "x");
  folder.write(".repro/objects/zz/x", "x");
  folder.write(".repro/objects/file", "x");
  const auto digests = store.list_objects();
  EXPECT_EQ(digests.size(), 20U);
  EXPECT_TRUE(std::is_sorted(digests.begin(), digests.end()));
}

TEST_F(Objects, ManyThreadsPutTheSameBytes) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) store.put(prose(static_cast<std::size_t>(1000 + j)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store.list_objects().size(), 20U);
  for (const Digest& digest : store.list_objects()) EXPECT_NO_THROW(store.get(digest));
  EXPECT_TRUE(files.list(store.folder() + "/tmp").empty());
}

}  // namespace
}  // namespace repro::artifacts
