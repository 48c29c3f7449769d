#include "verify/object_pair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "artifacts/base/error.h"
#include "verify/streaming_root.h"

namespace repro::verify {
namespace {

// Gives `size` counted bytes in pieces of `step`.
ByteSource counting(std::size_t size, std::size_t step) {
  return [=](const std::function<void(std::span<const std::byte>)>& piece) {
    for (std::size_t done = 0; done < size; done += step) {
      std::vector<std::byte> bytes(std::min(step, size - done));
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>((done + i) * 31 % 251);
      }
      piece(bytes);
      piece({});
    }
  };
}

TEST(ReadPair, LinesUpPiecesOfAnySize) {
  for (const std::size_t a : {1U, 7U, 64U, 1000U}) {
    for (const std::size_t b : {3U, 8U, 999U}) {
      std::size_t total = 0;
      read_pair(counting(4099, a), counting(4099, b), [&](auto x, auto y) {
        ASSERT_EQ(x.size(), y.size());
        EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin()));
        EXPECT_EQ(total % 8, 0U);
        total += x.size();
      });
      EXPECT_EQ(total, 4099U);
    }
  }
}

TEST(ReadPair, StopsAtTheEndOfTheShorter) {
  for (const auto& [a, b] :
       {std::pair<std::size_t, std::size_t>{100, 5000}, {5000, 100}, {0, 100}}) {
    std::size_t total = 0;
    read_pair(counting(a, 64), counting(b, 50), [&](auto x, auto) { total += x.size(); });
    EXPECT_EQ(total, std::min(a, b));
  }
}

TEST(ReadPair, ReportsTheErrorOfEitherSource) {
  const ByteSource bad = [](const std::function<void(std::span<const std::byte>)>& piece) {
    counting(1 << 16, 1024)(piece);
    throw Error(Code::corruption, "bad bytes");
  };
  const auto nothing = [](auto, auto) {};
  EXPECT_THROW(read_pair(bad, counting(1 << 16, 999), nothing), Error);
  EXPECT_THROW(read_pair(counting(1 << 16, 999), bad, nothing), Error);
  EXPECT_THROW(read_pair(bad, counting(10, 10), nothing), Error)
      << "a verdict after the end counts";
  EXPECT_THROW(read_pair(counting(10, 10), bad, nothing), Error);
}

TEST(StreamingRoot, IsTheTensorRootForAnyPieces) {
  for (const std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 200000U}) {
    std::vector<std::byte> whole;
    counting(size,
             1 << 20)([&](auto piece) { whole.insert(whole.end(), piece.begin(), piece.end()); });
    for (const std::size_t step : {777U, 65536U, 100000U}) {
      StreamingRoot root;
      counting(size, step)([&](auto piece) {
        // Same bytes as `whole`, cut elsewhere.
        root.update(piece);
      });
      EXPECT_EQ(root.finish(), tensor_root(whole)) << size << " " << step;
    }
  }
}

}  // namespace
}  // namespace repro::verify
