// Two objects read side by side, in bounded memory.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "artifacts/store/store.h"

namespace repro::verify {

// A source of bytes that pushes them in pieces, as `Store::read` does; it throws at the end if the
// bytes are not sound.
using ByteSource = std::function<void(const std::function<void(std::span<const std::byte>)>&)>;

// Hands over the bytes of both from the start, in pieces of equal length (a multiple of 8 except
// the last); stops at the end of the shorter, which `both` learns by no further call. The sources
// run to their ends, so their digests are verified; what `both` made of the bytes counts only after
// return. `a` runs in a second thread.
void read_pair(
    const ByteSource& a, const ByteSource& b,
    const std::function<void(std::span<const std::byte>, std::span<const std::byte>)>& both);

ByteSource object_source(const artifacts::Store& store, const Digest& digest);

}  // namespace repro::verify
