#include "train/data/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/train/data/bytes.h"

namespace repro::train {
namespace {

using testing::HasSubstr;

TokenLayout parse(SourceKind kind, std::string_view bytes) {
  const SourceFile source{
      .kind = kind, .name = "x", .path = "x.npy", .status = {}, .vocab = 0, .count = 0};
  return parse_token_layout(as_bytes(bytes), bytes.size(), source);
}

std::string parse_error(SourceKind kind, std::string_view bytes) {
  const Error error = catch_error([&] { parse(kind, bytes); });
  EXPECT_EQ(error.code(), Code::invalid_argument);
  EXPECT_THAT(error.message(), HasSubstr("x.npy"));
  return error.message();
}

TEST(TokenFile, BareFilesAreNothingButIds) {
  const TokenLayout narrow = parse(SourceKind::u16, std::string(10, 'x'));
  EXPECT_EQ(narrow.width, 2);
  EXPECT_EQ(narrow.offset, 0U);
  EXPECT_EQ(narrow.num_tokens, 5);
  EXPECT_EQ(parse(SourceKind::u32, std::string(8, 'x')).num_tokens, 2);
}

TEST(TokenFile, NumpyWithoutHeaderIsBareUint32AsInOlmo) {
  const TokenLayout layout = parse(SourceKind::npy, std::string(12, '\1'));
  EXPECT_EQ(layout.width, 4);
  EXPECT_EQ(layout.offset, 0U);
  EXPECT_EQ(layout.num_tokens, 3);
}

TEST(TokenFile, NumpyHeaderIsRead) {
  const TokenLayout layout = parse(SourceKind::npy, encode_numpy("<u2", "(3,)", "abcdef"));
  EXPECT_EQ(layout.width, 2);
  EXPECT_EQ(layout.offset % 64, 0U);
  EXPECT_EQ(layout.num_tokens, 3);
  EXPECT_EQ(parse(SourceKind::npy, encode_numpy("<u4", "(1,)", "abcd")).width, 4);
}

TEST(TokenFile, OtherArraysAreRefused) {
  const auto error = [](std::string_view type, std::string_view shape, std::string_view payload) {
    return parse_error(SourceKind::npy, encode_numpy(type, shape, payload));
  };
  EXPECT_THAT(error("<f4", "(1,)", "abcd"), HasSubstr("<f4"));
  EXPECT_THAT(error(">u2", "(2,)", "abcd"), HasSubstr(">u2"));
  EXPECT_THAT(error("<u2", "(1, 2)", "abcd"), HasSubstr("not one-dimensional"));
  EXPECT_THAT(error("<u2", "()", ""), HasSubstr("not one-dimensional"));
  EXPECT_THAT(error("<u2", "(-1,)", ""), HasSubstr("bad shape"));
  EXPECT_THAT(error("<u2", "(3,)", "abcd"), HasSubstr("says 3 ids"));
  EXPECT_THAT(error("<u2", "(9223372036854775807,)", "abcd"), HasSubstr("says"));
  EXPECT_THAT(error("<u2", "(0,)", ""), HasSubstr("no token id"));
  EXPECT_THAT(parse_error(SourceKind::npy, encode_numpy("<u2", "(1,)", "ab", "True")),
              HasSubstr("Fortran"));
}

TEST(TokenFile, DamagedHeadersAreRefused) {
  const std::string good = encode_numpy("<u2", "(2,)", "abcd");
  for (std::size_t size = 6; size < good.size(); ++size) {
    parse_error(SourceKind::npy, std::string_view(good).substr(0, size));
  }
  for (std::size_t at = 6; at < 64; ++at) {  // no flip may crash; most are refused
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      catch_error([&] { parse(SourceKind::npy, bad); });
    }
  }
}

TEST(TokenFile, SizesThatDoNotFitAreRefused) {
  EXPECT_THAT(parse_error(SourceKind::u16, "abc"), HasSubstr("no multiple of 2"));
  EXPECT_THAT(parse_error(SourceKind::u32, "abcdef"), HasSubstr("no multiple of 4"));
  EXPECT_THAT(parse_error(SourceKind::u32, ""), HasSubstr("no token id"));
}

TEST(TokenFile, TokenAtIsLittleEndian) {
  const std::string bytes("\x01\x02\x03\x04\xFF\xFE\xFD\xFC", 8);
  EXPECT_EQ(token_at(as_bytes(bytes), 2, 1), 0x0403U);
  EXPECT_EQ(token_at(as_bytes(bytes), 4, 1), 0xFCFDFEFFU);
}

TEST(TokenFile, TokenDigestIsOfLittleEndianUint32) {
  const std::vector<std::uint32_t> ids = {1, 0x01020304};
  EXPECT_EQ(token_digest(ids), sha256(std::string_view("\x01\x00\x00\x00\x04\x03\x02\x01", 8)));
}

}  // namespace
}  // namespace repro::train
