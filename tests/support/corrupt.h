// Damages files the way disks, people and crashes do. All act on the real file system.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace repro::support {

// Bit `bit % 8` of byte `bit / 8`. Twice restores the file.
void flip_bit(const std::string& path, std::uint64_t bit);
void truncate_file(const std::string& path, std::uint64_t size);
void append_to_file(const std::string& path, std::string_view bytes);
std::uint64_t bits_of_file(const std::string& path);

}  // namespace repro::support
