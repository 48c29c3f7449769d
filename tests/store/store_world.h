// A store in a temporary folder, on a file system that can fail, and texts to put into it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>

#include "artifacts/base/error.h"
#include "artifacts/store/store.h"
#include "tests/support/corrupt.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temporary_folder.h"

namespace repro::artifacts {

class StoreWorld : public ::testing::Test {
 protected:
  support::TemporaryFolder folder;
  support::FaultyFileSystem files{system_file_system()};
  Store store = Store::init(files, folder / ".repro");
};

// Bytes that no codec shortens: a xorshift stream.
inline std::string noise(std::size_t size, std::uint64_t seed = 1) {
  std::string bytes(size, '\0');
  std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
  for (char& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state >> 32);
  }
  return bytes;
}

inline std::string prose(std::size_t size) {
  std::string text;
  for (std::uint64_t i = 0; text.size() < size; ++i) {
    text += "line " + std::to_string(i * i) + " of a text that says little\n";
  }
  text.resize(size);
  return text;
}

// The Error that `act` throws; a failure where it throws none.
inline Error error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return Error(Code::internal, "none");
}

}  // namespace repro::artifacts
