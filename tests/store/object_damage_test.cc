// Whatever happens to an object's file, reading it is an error that names digest and file.
#include <zstd.h>

#include <filesystem>
#include <fstream>

#include "artifacts/store/object_file.h"
#include "tests/store/store_world.h"

namespace repro::artifacts {
namespace {

using ::testing::HasSubstr;

class DamagedObject : public StoreWorld {
 protected:
  struct Subject {
    Digest digest;
    std::string path;
  };

  Subject raw() { return subject(store.put(noise(1000))); }
  Subject zstd() { return subject(store.put(prose(3000))); }
  Subject linked() {
    return subject(store.put_file(folder.write("linked", noise(2000)), Intake::in_place));
  }

  void expect_corruption(const Subject& object, const std::string& situation) {
    const Error error = error_of([&] { store.get(object.digest); });
    EXPECT_EQ(error.code(), Code::corruption) << situation << ": " << error.what();
    EXPECT_THAT(error.message(), HasSubstr(object.digest.hex())) << situation;
    EXPECT_THAT(error.message(), HasSubstr(object.path)) << situation;
    EXPECT_THAT(error.hint(), HasSubstr("repro fsck")) << situation;
  }

  // A file under the name `digest` with a trailer that is sound in itself.
  Subject forge(const Digest& digest, const std::string& payload, ObjectTrailer trailer) {
    trailer.raw_digest = digest;
    const auto bytes = encode_trailer(trailer);
    const std::string hex = digest.hex();
    folder.write(".repro/objects/" + hex.substr(0, 2) + "/" + hex.substr(2),
                 payload + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    return {digest, store.object_path(digest)};
  }

 private:
  Subject subject(const ObjectInfo& info) { return {info.digest, store.object_path(info.digest)}; }
};

TEST_F(DamagedObject, EveryFlippedBitIsFound) {
  for (const Subject& object : {raw(), zstd(), linked()}) {
    const std::uint64_t bits = support::bits_of_file(object.path);
    const std::uint64_t trailer_begin = bits - 8 * ObjectTrailer::kSize;
    for (std::uint64_t bit = 0; bit < bits; bit += bit < trailer_begin ? 7 : 1) {
      support::flip_bit(object.path, bit);
      expect_corruption(object, "bit " + std::to_string(bit));
      support::flip_bit(object.path, bit);
    }
    EXPECT_NO_THROW(store.get(object.digest));
  }
}

TEST_F(DamagedObject, EveryLengthButTheRightOneIsFound) {
  for (const Subject& object : {raw(), zstd(), linked()}) {
    const std::string bytes = support::read_text(object.path);
    for (std::size_t size = 0; size < bytes.size(); size += size < 200 ? 1 : 13) {
      support::truncate_file(object.path, size);
      expect_corruption(object, "size " + std::to_string(size));
      std::ofstream(object.path, std::ios::binary) << bytes;
    }
    support::append_to_file(object.path, "x");
    expect_corruption(object, "one byte more");
    std::ofstream(object.path, std::ios::binary) << "x" << bytes;
    expect_corruption(object, "one byte before");
  }
}

TEST_F(DamagedObject, MissingObjectIsNotFound) {
  const Digest digest = sha256("never put");
  for (const auto& act : std::vector<std::function<void()>>{
           [&] { store.get(digest); }, [&] { store.size_of(digest); },
           [&] { store.read(digest, [](std::span<const std::byte>) {}); }}) {
    const Error error = error_of(act);
    EXPECT_EQ(error.code(), Code::not_found);
    EXPECT_THAT(error.message(), HasSubstr(digest.hex()));
  }
  EXPECT_FALSE(store.contains(digest));
}

TEST_F(DamagedObject, AnotherObjectUnderTheNameIsFound) {
  const Subject object = raw();
  std::filesystem::copy_file(zstd().path, object.path,
                             std::filesystem::copy_options::overwrite_existing);
  expect_corruption(object, "another object");
}

TEST_F(DamagedObject, SymlinksAreNotFollowed) {
  const Subject object = raw();
  std::filesystem::rename(object.path, folder / "moved");
  std::filesystem::create_symlink(folder / "moved", object.path);
  expect_corruption(object, "symlink to the object");
  std::filesystem::remove(object.path);
  std::filesystem::create_directory(object.path);
  expect_corruption(object, "folder");
}

TEST_F(DamagedObject, SymlinkedFolderIsNotFollowed) {
  const Subject object = raw();
  const std::string parent = parent_path(object.path);
  std::filesystem::rename(parent, folder / "moved");
  std::filesystem::create_directory_symlink(folder / "moved", parent);
  expect_corruption(object, "symlinked folder");
  EXPECT_EQ(error_of([&] { store.put(noise(1000)); }).code(), Code::corruption);
}

TEST_F(DamagedObject, LaterCodecOrFlagIsUnsupported) {
  const Digest digest = sha256("x");
  ObjectTrailer trailer{static_cast<Codec>(3), 1, 1, digest, digest};
  forge(digest, "x", trailer);
  const Error error = error_of([&] { store.get(digest); });
  EXPECT_EQ(error.code(), Code::unsupported);
  EXPECT_THAT(error.message(), HasSubstr("codec 3"));
}

TEST_F(DamagedObject, ForgedSizesAreRefusedBeforeAnythingIsAllocated) {
  const Digest name = sha256("claimed");
  const std::string payload = "payload";
  const Digest stored = sha256(payload);
  const std::uint64_t huge = std::uint64_t{1} << 62;
  expect_corruption(forge(name, payload, {Codec::raw, huge, 7, name, name}), "raw, huge");
  expect_corruption(forge(name, payload, {Codec::raw, 7, 7, name, stored}), "raw, two digests");
  expect_corruption(forge(name, payload, {Codec::raw, 7, 7, name, name}), "raw, other bytes");
  expect_corruption(forge(name, payload, {Codec::raw, 7, huge, name, name}), "stored, huge");
  expect_corruption(forge(name, payload, {Codec::zstd, huge, 7, name, stored}), "zstd, huge");
  expect_corruption(forge(name, payload, {Codec::zstd, 9, 7, name, stored}), "zstd, no frame");
  const std::string long_link = "/" + std::string(5000, 'x') + "\n1";
  expect_corruption(
      forge(name, long_link, {Codec::linked, 1, long_link.size(), name, sha256(long_link)}),
      "link, too long");
}

TEST_F(DamagedObject, ForgedZstdFramesAreRefused) {
  const std::string text = prose(3000);
  std::string frame(ZSTD_compressBound(text.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), text.data(), text.size(), 3));
  const Digest name = sha256(text);
  const auto forge_zstd = [&](const std::string& payload, std::uint64_t raw_size,
                              const Digest& digest) {
    return forge(digest, payload, {Codec::zstd, raw_size, payload.size(), digest, sha256(payload)});
  };
  forge_zstd(frame, 3000, name);
  EXPECT_EQ(store.get(name), text);
  expect_corruption(forge_zstd(frame, 2999, name), "decodes to more than claimed");
  expect_corruption(forge_zstd(frame, 3001, name), "decodes to less than claimed");
  expect_corruption(forge_zstd(frame.substr(0, frame.size() - 1), 3000, name), "unfinished");
  expect_corruption(forge_zstd(frame + frame, 6000, sha256(text + text)), "two frames");
  expect_corruption(forge_zstd(frame + "x", 3000, name), "bytes after the frame");
  expect_corruption(forge_zstd("", 0, sha256("")), "empty payload");
  expect_corruption(forge_zstd(frame, 3000, sha256("other")), "another name");
}

TEST_F(DamagedObject, ForgedLinksAreRefused) {
  const std::string path = folder.write("target", "abc");
  const Digest name = sha256("abc");
  const auto forge_link = [&](const std::string& payload) {
    return forge(name, payload, {Codec::linked, 3, payload.size(), name, sha256(payload)});
  };
  forge_link(path + "\n3");
  EXPECT_EQ(store.get(name), "abc");
  for (const std::string& payload : {path, path + "\n", path + "\n4", path + "\n3\n", path + "\n03",
                                     std::string("target\n3"), std::string("\n3"), std::string()}) {
    expect_corruption(forge_link(payload), payload);
  }
}

TEST_F(DamagedObject, LinkedFileMustStayAsItWas) {
  const Subject object = linked();
  const std::string path = folder / "linked";
  support::flip_bit(path, 77);
  expect_corruption(object, "flipped bit");
  EXPECT_THAT(error_of([&] { store.get(object.digest); }).message(), HasSubstr(path));
  support::flip_bit(path, 77);
  support::append_to_file(path, "x");
  expect_corruption(object, "longer");
  support::truncate_file(path, 2000);
  EXPECT_NO_THROW(store.get(object.digest));
  std::filesystem::rename(path, folder / "moved");
  expect_corruption(object, "gone");
  std::filesystem::create_symlink(folder / "moved", path);
  expect_corruption(object, "symlink");
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  expect_corruption(object, "folder");
}

TEST_F(DamagedObject, PutRepairsADamagedTrailer) {
  for (const auto& [object, text] :
       {std::pair(raw(), noise(1000)), std::pair(zstd(), prose(3000))}) {
    support::flip_bit(object.path, support::bits_of_file(object.path) - 5);
    store.put(text);
    EXPECT_EQ(store.get(object.digest), text);
    support::truncate_file(object.path, 10);
    store.put_file(folder.write("again", text));
    EXPECT_EQ(store.get(object.digest), text);
  }
}

}  // namespace
}  // namespace repro::artifacts
