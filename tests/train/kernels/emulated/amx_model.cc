#include "tests/train/kernels/emulated/amx_model.h"

#include <cstring>
#include <stdexcept>
#include <string>

namespace repro::train::amx_model {
namespace {

struct Tile {
  int lines = 0;
  int line_bytes = 0;
  std::uint8_t bytes[kMaxLines][kMaxLineBytes] = {};
};

struct State {
  bool configured = false;
  Tile tiles[kTiles];
};

State& state() {
  thread_local State of_this_thread;
  return of_this_thread;
}

void require(bool holds, const std::string& what) {
  if (!holds) throw std::logic_error("AMX would fault: " + what);
}

Tile& configured_tile(int index) {
  require(state().configured, "no configuration is loaded");
  require(index >= 0 && index < kTiles, "no such tile");
  Tile& tile = state().tiles[index];
  require(tile.lines > 0 && tile.line_bytes > 0, "the tile is not configured");
  return tile;
}

template <class Value>
Value read(const std::uint8_t* from) {
  Value value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

}  // namespace

void load_config(const void* config) {
  const auto* bytes = static_cast<const std::uint8_t*>(config);
  require(bytes[0] == 1, "palette " + std::to_string(bytes[0]));
  for (int i = 2; i < 16; ++i) require(bytes[i] == 0, "a reserved byte is set");
  for (int i = kTiles; i < 16; ++i) {
    require(read<std::uint16_t>(bytes + 16 + 2 * i) == 0 && bytes[48 + i] == 0,
            "more than eight tiles");
  }
  State fresh;
  for (int i = 0; i < kTiles; ++i) {
    fresh.tiles[i].line_bytes = read<std::uint16_t>(bytes + 16 + 2 * i);
    fresh.tiles[i].lines = bytes[48 + i];
    require(fresh.tiles[i].lines <= kMaxLines, "more than 16 lines");
    require(fresh.tiles[i].line_bytes <= kMaxLineBytes, "more than 64 bytes a line");
    require((fresh.tiles[i].lines == 0) == (fresh.tiles[i].line_bytes == 0), "half a tile");
  }
  fresh.configured = true;
  state() = fresh;
}

void release() { state() = {}; }

void zero(int tile) {
  Tile& it = configured_tile(tile);
  std::memset(it.bytes, 0, sizeof(it.bytes));
}

void load(int tile, const void* base, std::int64_t stride) {
  zero(tile);
  Tile& it = configured_tile(tile);
  for (int line = 0; line < it.lines; ++line) {
    std::memcpy(it.bytes[line], static_cast<const std::uint8_t*>(base) + line * stride,
                static_cast<std::size_t>(it.line_bytes));
  }
}

void store(int tile, void* base, std::int64_t stride) {
  const Tile& it = configured_tile(tile);
  for (int line = 0; line < it.lines; ++line) {
    std::memcpy(static_cast<std::uint8_t*>(base) + line * stride, it.bytes[line],
                static_cast<std::size_t>(it.line_bytes));
  }
}

void dot_signed_bytes(int sums, int a, int b) {
  Tile& c = configured_tile(sums);
  const Tile& x = configured_tile(a);
  const Tile& y = configured_tile(b);
  require(sums != a && sums != b && a != b, "an operand is used twice");
  require(c.lines == x.lines && c.line_bytes == y.line_bytes && x.line_bytes == 4 * y.lines,
          "the shapes of the tiles do not fit");
  require(c.line_bytes % 4 == 0, "a part of an int32");
  for (int m = 0; m < c.lines; ++m) {
    std::uint32_t line[kMaxLineBytes / 4];
    std::memcpy(line, c.bytes[m], sizeof(line));
    for (int k = 0; k < x.line_bytes; ++k) {
      const auto p = static_cast<std::int8_t>(x.bytes[m][k]);
      for (int n = 0; n < c.line_bytes / 4; ++n) {
        const auto q = static_cast<std::int8_t>(y.bytes[k / 4][4 * n + k % 4]);
        line[n] += static_cast<std::uint32_t>(p * q);
      }
    }
    std::memcpy(c.bytes[m], line, sizeof(line));
  }
}

}  // namespace repro::train::amx_model
