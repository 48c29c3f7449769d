#include "artifacts/tensor/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "artifacts/base/digest.h"
#include "artifacts/base/error.h"
#include "tests/support/temporary_folder.h"

namespace repro::artifacts {
namespace {

using ::testing::HasSubstr;

// A file from a header text and data, with the right length in front.
std::string file_of(const std::string& header, const std::string& data) {
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>(header.size() >> (8 * i)));
  return file + header + data;
}

SafetensorsFile parse(const std::string& file) { return parse_safetensors(as_bytes(file), "file"); }

Error error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return Error(Code::internal, "none");
}

void expect_corruption(const std::string& file, const std::string& message) {
  const Error error = error_of([&] { parse(file); });
  EXPECT_EQ(error.code(), Code::corruption) << message;
  EXPECT_THAT(error.message(), HasSubstr(message));
  EXPECT_THAT(error.message(), HasSubstr("file"));
}

std::string write(std::vector<TensorToWrite> tensors,
                  const std::map<std::string, std::string>& metadata,
                  const std::map<std::string, std::string>& bytes) {
  const support::TemporaryFolder folder;
  {
    const auto file = system_file_system().open(folder / "file", OpenMode::create);
    write_safetensors(*file, std::move(tensors), metadata,
                      [&](const std::string& name, const TensorSink& sink) {
                        const std::string& all = bytes.at(name);
                        sink(as_bytes(all).first(all.size() / 2));
                        sink(as_bytes(all).subspan(all.size() / 2));
                      });
  }
  return support::read_text(folder / "file");
}

TEST(Safetensors, WritesCanonicalBytes) {
  const std::string file = write({{"b", "float32", {1, 2}}, {"a", "uint8", {3}}}, {{"k", "v"}},
                                 {{"a", "xyz"}, {"b", "12345678"}});
  const std::string header =
      R"({"__metadata__":{"k":"v"},"a":{"data_offsets":[0,3],"dtype":"U8","shape":[3]},)"
      R"("b":{"data_offsets":[3,11],"dtype":"F32","shape":[1,2]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(file, file_of(padded, "xyz12345678"));
}

TEST(Safetensors, OrderOfTensorsDoesNotMatter) {
  const std::map<std::string, std::string> bytes = {{"a", "x"}, {"b", "y"}, {"B", "z"}};
  EXPECT_EQ(write({{"a", "int8", {1}}, {"b", "int8", {1}}, {"B", "int8", {1}}}, {}, bytes),
            write({{"B", "int8", {1}}, {"b", "int8", {1}}, {"a", "int8", {1}}}, {}, bytes));
}

TEST(Safetensors, ReadsBackWhatItWrote) {
  const std::string file =
      write({{"w", "bfloat16", {2, 3}}, {"scalar", "float64", {}}, {"empty", "int64", {0, 7}}},
            {{"format", "pt"}}, {{"w", "abcdefghijkl"}, {"scalar", "12345678"}, {"empty", ""}});
  const SafetensorsFile parsed = parse(file);
  ASSERT_EQ(parsed.tensors.size(), 3U);
  EXPECT_EQ(parsed.metadata.at("format"), "pt");
  EXPECT_EQ(parsed.data_offset % 8, 0U);
  const TensorInfo& w = parsed.tensors[2];
  EXPECT_EQ(w.name, "w");
  EXPECT_EQ(w.dtype, "bfloat16");
  EXPECT_EQ(w.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(file.substr(parsed.data_offset + w.begin, w.end - w.begin), "abcdefghijkl");
  EXPECT_TRUE(parsed.tensors[1].shape.empty());
  EXPECT_EQ(parsed.tensors[0].begin, parsed.tensors[0].end);
}

TEST(Safetensors, EveryDtypeRoundTrips) {
  for (const char* dtype :
       {"bfloat16", "bool", "float16", "float32", "float64", "float8_e4m3fn", "float8_e5m2", "int8",
        "int16", "int32", "int64", "uint8", "uint16", "uint32"}) {
    const std::string bytes(3 * dtype_size(dtype), 'x');
    EXPECT_EQ(parse(write({{"t", dtype, {3}}}, {}, {{"t", bytes}})).tensors.at(0).dtype, dtype);
  }
  EXPECT_EQ(error_of([] { dtype_size("F32"); }).code(), Code::unsupported);
}

TEST(Safetensors, FileWithoutTensorsIsSound) {
  EXPECT_TRUE(parse(write({}, {}, {})).tensors.empty());
  EXPECT_TRUE(parse(file_of("{}", "")).tensors.empty());
}

TEST(Safetensors, ForeignOrderAndPaddingAreAccepted) {
  const SafetensorsFile parsed =
      parse(file_of(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}, )"
                    R"("a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}   )",
                    "xyz"));
  ASSERT_EQ(parsed.tensors.size(), 2U);
  EXPECT_EQ(parsed.tensors[0].name, "a");
  EXPECT_EQ(parsed.tensors[0].begin, 2U);
}

TEST(Safetensors, WriterRefusesWrongTensors) {
  const auto code = [](std::vector<TensorToWrite> tensors, const std::string& bytes) {
    return error_of([&] { write(std::move(tensors), {}, {{"a", bytes}}); }).code();
  };
  EXPECT_EQ(code({{"a", "int8", {1}}, {"a", "int8", {1}}}, "x"), Code::invalid_argument);
  EXPECT_EQ(code({{"__metadata__", "int8", {1}}}, "x"), Code::invalid_argument);
  EXPECT_EQ(code({{"a", "int8", {-1}}}, "x"), Code::invalid_argument);
  EXPECT_EQ(code({{"a", "float64", {INT64_MAX, 2}}}, "x"), Code::invalid_argument);
  EXPECT_EQ(code({{"a", "complex64", {1}}}, "x"), Code::unsupported);
  EXPECT_EQ(code({{"a", "int8", {2}}}, "x"), Code::internal);
  EXPECT_EQ(code({{"a", "int8", {2}}}, "xyz"), Code::internal);
}

TEST(Safetensors, WrongLengthsAreCorruption) {
  const std::string sound =
      file_of(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "xyz");
  parse(sound);
  for (std::size_t size = 0; size < sound.size(); ++size) {
    EXPECT_EQ(error_of([&] { parse(sound.substr(0, size)); }).code(), Code::corruption) << size;
  }
  expect_corruption(sound.substr(0, sound.size() - 1), "cut off");
  expect_corruption(sound + "x", "follow the last tensor");
  expect_corruption(std::string(8, '\xff') + "{}", "more than the");
  expect_corruption(std::string("\xff\0\0\0\0\0\0\0{}", 10), "the file has 10");
  expect_corruption(std::string("\0\0\0\x10\0\0\0\0{}", 10), "more than the");
}

TEST(Safetensors, BadHeadersAreCorruption) {
  expect_corruption(file_of("", ""), "does not begin");
  expect_corruption(file_of(" {}", ""), "does not begin");
  expect_corruption(file_of("{", ""), "header");
  expect_corruption(file_of("{}x", ""), "header");
  expect_corruption(file_of(R"({"__metadata__":{"a":1}})", ""), "no string");
  expect_corruption(file_of(R"({"__metadata__":7})", ""), "not an object");
  const std::string tensor = R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  expect_corruption(file_of("{" + tensor + "," + tensor + "}", ""), "twice");
  expect_corruption(file_of(R"({"__metadata__":{"k":"1","k":"2"}})", ""), "twice");
}

TEST(Safetensors, BadTensorsAreCorruption) {
  const auto with = [](const std::string& entry) {
    return file_of("{\"a\":" + entry + "}", "wxyz");
  };
  parse(with(R"({"dtype":"U8","shape":[2,2],"data_offsets":[0,4]})"));
  expect_corruption(with("7"), "\"a\"");
  expect_corruption(with(R"({"dtype":"U8","shape":[4]})"), "data_offsets");
  expect_corruption(with(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1})"), "unknown");
  expect_corruption(with(R"({"dtype":7,"shape":[4],"data_offsets":[0,4]})"), "dtype");
  expect_corruption(with(R"({"dtype":"U8","shape":4,"data_offsets":[0,4]})"), "shape");
  expect_corruption(with(R"({"dtype":"U8","shape":[-4],"data_offsets":[0,4]})"), "not a count");
  expect_corruption(with(R"({"dtype":"U8","shape":[4.0],"data_offsets":[0,4]})"), "not a count");
  expect_corruption(with(R"({"dtype":"U8","shape":[4],"data_offsets":[0]})"), "not two");
  expect_corruption(with(R"({"dtype":"U8","shape":[4],"data_offsets":[0,-4]})"), "not a count");
  expect_corruption(with(R"({"dtype":"U8","shape":[4],"data_offsets":[4,0]})"), "fit its shape");
  expect_corruption(with(R"({"dtype":"U8","shape":[3],"data_offsets":[0,4]})"), "fit its shape");
  expect_corruption(with(R"({"dtype":"F32","shape":[4],"data_offsets":[0,4]})"), "fit its shape");
  expect_corruption(
      with(R"({"dtype":"U8","shape":[4294967296,4294967296,4],"data_offsets":[0,0]})"),
      "fit its shape");
  expect_corruption(with(R"({"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4]})"),
                    "too large");
  std::string deep = "[1";
  for (int i = 0; i < 40; ++i) deep += ",1";
  expect_corruption(with(R"({"dtype":"U8","shape":)" + deep + R"(],"data_offsets":[0,1]})"),
                    "too many dimensions");
  const Error unknown =
      error_of([&] { parse(with(R"({"dtype":"C64","shape":[1],"data_offsets":[0,4]})")); });
  EXPECT_EQ(unknown.code(), Code::unsupported);
  EXPECT_THAT(unknown.message(), HasSubstr("C64"));
}

TEST(Safetensors, DataBelongsToExactlyOneTensor) {
  const auto two = [](int begin_a, int end_a, int begin_b, int end_b) {
    const auto entry = [](int begin, int end) {
      return R"({"dtype":"U8","shape":[)" + std::to_string(end - begin) + R"(],"data_offsets":[)" +
             std::to_string(begin) + "," + std::to_string(end) + "]}";
    };
    return file_of("{\"a\":" + entry(begin_a, end_a) + ",\"b\":" + entry(begin_b, end_b) + "}",
                   "wxyz");
  };
  parse(two(0, 2, 2, 4));
  parse(two(2, 4, 0, 2));
  parse(two(0, 4, 4, 4));
  expect_corruption(two(0, 3, 2, 4), "overlaps");
  expect_corruption(two(0, 4, 0, 4), "overlaps");
  expect_corruption(two(0, 4, 2, 2), "overlaps");
  expect_corruption(two(0, 1, 2, 4), "hole");
  expect_corruption(two(1, 2, 2, 4), "hole");
  expect_corruption(two(0, 2, 2, 3), "follow the last tensor");
  expect_corruption(two(0, 2, 2, 5), "cut off");
}

TEST(Safetensors, TheHeaderOfAnOpenFileIsReadAlone) {
  const std::string whole =
      write({{"a", "uint8", {3}}, {"b", "float32", {1, 2}}}, {}, {{"a", "123"}, {"b", "12345678"}});
  const support::TemporaryFolder folder;
  const auto read = [&](const std::string& bytes) {
    const auto file = system_file_system().open(folder.write("file", bytes), OpenMode::read);
    return read_safetensors_header(*file, "file");
  };
  const SafetensorsFile header = read(whole);
  const SafetensorsFile parsed = parse(whole);
  EXPECT_EQ(header.data_offset, parsed.data_offset);
  ASSERT_EQ(header.tensors.size(), 2U);
  EXPECT_EQ(header.tensors[1].begin, parsed.tensors[1].begin);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(error_of([&] { read(whole.substr(0, size)); }).code(), Code::corruption) << size;
  }
  EXPECT_EQ(error_of([&] { read(whole + "x"); }).code(), Code::corruption);
}

}  // namespace
}  // namespace repro::artifacts
