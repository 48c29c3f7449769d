// AMX-INT8 tiles on plain memory: what a CPU without the unit runs in its place, in tests. After
// Intel's Software Developer's Manual, volume 1, chapter 18, and the operation sections of
// LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TILERELEASE and TDPBSSD. What would fault throws
// std::logic_error.
//
// State is per thread, as the registers are.
#pragma once

#include <cstdint>

namespace repro::train::amx_model {

inline constexpr int kTiles = 8;
inline constexpr int kMaxLines = 16;
inline constexpr int kMaxLineBytes = 64;

// `config` is the 64-byte operand of LDTILECFG; palette 1 only. Zeroes all tiles.
void load_config(const void* config);
void release();

void zero(int tile);
// Lines of the configured size; line i at base + i * stride bytes. Other bytes of the tile become
// 0.
void load(int tile, const void* base, std::int64_t stride);
void store(int tile, void* base, std::int64_t stride);
// sums[m][n] += sum over k and i of a[m][4k + i] * b[k][4n + i]: signed bytes into int32, wrapping.
void dot_signed_bytes(int sums, int a, int b);

}  // namespace repro::train::amx_model
