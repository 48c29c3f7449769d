// Reads an object's raw bytes in pieces, whatever its codec, and verifies them.
// Thread rules: pure function; `files` may be shared.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "artifacts/store/object_file.h"

namespace repro::artifacts {

// Hands over pieces of at most 1 MiB. Errors as in store.h; thrown before the end or at it, so the
// pieces are worth nothing until this returns.
void read_object(FileSystem& files, const ObjectPlace& place, OpenObject& object,
                 const std::function<void(std::span<const std::byte>)>& piece);

// The file in which an object's raw bytes lie as they are, from its beginning on: the object's own,
// or that of a link. nullopt for a coded one. Error(corruption) where a link's file is gone or has
// another size.
std::optional<std::string> find_plain_path(FileSystem& files, const ObjectPlace& place,
                                           OpenObject& object);

// Whether the trailer of an object is sound and, for a link, its file stands where it stood.
bool is_object_usable(FileSystem& files, const ObjectPlace& place, bool allow_link);

}  // namespace repro::artifacts
