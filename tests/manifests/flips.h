// Every single-bit flip of some bytes.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "artifacts/base/error.h"

namespace repro::manifests {

// Calls `parse` with each flipped text. It must throw Error(corruption) - or, where a schema's
// version became another digit, Error(unsupported) - or return.
template <class Parse>
void for_each_flip(const std::string& sound, const Parse& parse) {
  std::string text = sound;
  for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
    const char mask = static_cast<char>(1 << (bit % 8));
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ mask);
    try {
      parse(text);
    } catch (const Error& error) {
      const bool expected = error.code() == Code::corruption || error.code() == Code::unsupported;
      EXPECT_TRUE(expected) << "bit " << bit << ": " << error.what();
    }
    text[bit / 8] = sound[bit / 8];
  }
}

}  // namespace repro::manifests
