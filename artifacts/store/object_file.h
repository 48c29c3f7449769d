// The bytes of an object's file: payload, then a trailer of 128 bytes (docs/store-format.md).
//
// The trailer stands behind the payload so that a file can be written in one pass, or cloned from
// the source copy-on-write. It carries a check over itself, so every size is trusted before it is
// used. Thread rules: pure functions and values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"

namespace repro::artifacts {

// On disk: never renumber.
enum class Codec : std::uint32_t {
  raw = 0,     // the payload is the object
  zstd = 1,    // one zstd frame
  linked = 2,  // absolute path, newline, size: the bytes lie in that file
};

struct ObjectTrailer {
  static constexpr std::size_t kSize = 128;

  Codec codec = Codec::raw;
  std::uint64_t raw_size = 0;
  std::uint64_t stored_size = 0;
  Digest raw_digest;     // the object's name
  Digest stored_digest;  // of the payload as stored

  bool operator==(const ObjectTrailer&) const = default;
};

std::array<std::byte, ObjectTrailer::kSize> encode_trailer(const ObjectTrailer& trailer);

// Where an object lies, for messages.
struct ObjectPlace {
  Digest digest;
  std::string path;
};

// The error every damage of an object is reported by: digest, file, what is wrong, what to do.
Error object_corruption(const ObjectPlace& place, const std::string& why);

// An open object file whose trailer is sound, belongs to the name, and agrees with the file's size.
struct OpenObject {
  std::unique_ptr<File> file;  // positioned at the payload
  ObjectTrailer trailer;
};

// Error(not_found) where there is none, Error(corruption) for a damaged trailer, a wrong size or a
// symlink, Error(unsupported) for a sound trailer with a codec or flag of a later version.
OpenObject open_object(FileSystem& files, const ObjectPlace& place);

// "PATH\nSIZE", the payload of codec `linked`.
struct LinkTarget {
  std::string path;
  std::uint64_t size = 0;
};
std::string encode_link(const LinkTarget& target);
// Reads and checks the payload. Error(corruption).
LinkTarget read_link(OpenObject& object, const ObjectPlace& place);

// Fills `into` as far as the file reaches; returns the count.
std::size_t read_fully(File& file, std::span<std::byte> into);

}  // namespace repro::artifacts
