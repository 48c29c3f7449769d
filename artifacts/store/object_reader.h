// Reads an object's raw bytes in pieces, whatever its codec, and verifies them.
// Thread rules: pure function; `files` may be shared.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "artifacts/store/object_file.h"

namespace repro::artifacts {

// Hands over pieces of at most 1 MiB. Errors as in store.h; thrown before the end or at it, so the
// pieces are worth nothing until this returns.
void read_object(FileSystem& files, const ObjectPlace& place, OpenObject& object,
                 const std::function<void(std::span<const std::byte>)>& piece);

// Whether the trailer of an object is sound and, for a link, its file stands where it stood.
bool is_object_usable(FileSystem& files, const ObjectPlace& place, bool allow_link);

}  // namespace repro::artifacts
