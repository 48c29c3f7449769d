// Tensors of torch's archives and of their safetensors twins.
#include "imports/stored_tensors.h"

#include <gmock/gmock.h>

#include <cstring>
#include <span>

#include "artifacts/base/error.h"
#include "tests/imports/torch_bytes.h"

namespace repro::imports_test {
namespace {

using imports::StoredTensor;
using testing::ElementsAre;
using testing::HasSubstr;

std::string floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::string torch_file(const std::string& opcodes, std::vector<ZipEntry> storages) {
  storages.insert(storages.begin(), {"archive/data.pkl", pickled(opcodes)});
  storages.push_back({"archive/byteorder", "little"});
  return make_zip(storages);
}

std::vector<StoredTensor> read(const std::string& file) {
  return imports::TorchFile(std::as_bytes(std::span(file)), "m.pt").tensors();
}

std::string refusal(const std::string& file) {
  try {
    read(file);
  } catch (const Error& error) {
    return std::string(code_name(error.code())) + ": " + error.message();
  }
  return "";
}

std::vector<float> values_of(const StoredTensor& tensor) {
  std::vector<std::byte> room;
  const auto bytes = imports::elements_of(tensor, room);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

const ZipEntry kSix = {"archive/data/0", floats({0, 1, 2, 3, 4, 5})};

TEST(TorchFile, FindsTensorsByTheirKeysAndReadsViews) {
  const std::string file = torch_file(
      op_dict({{op_text("a"), op_tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1})},
               {op_text("turned"), op_tensor("FloatStorage", "0", 6, 0, {3, 2}, {1, 3})},
               {op_text("part"), op_tensor("FloatStorage", "0", 6, 2, {2}, {1})},
               {op_text("empty"), op_tensor("FloatStorage", "0", 6, 6, {0, 4}, {4, 1})},
               {op_text("state"),
                op_dict({{op_int(7), op_dict({{op_text("step"),
                                               op_tensor("LongStorage", "1", 1, 0, {}, {})}})}})},
               {op_text("other"), "N"}}),
      {kSix, {"archive/data/1", little(9, 8)}});
  const auto tensors = read(file);
  ASSERT_EQ(tensors.size(), 5U);
  EXPECT_THAT(values_of(tensors[0]), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(values_of(tensors[1]), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(values_of(tensors[2]), ElementsAre(2, 3));
  EXPECT_THAT(values_of(tensors[3]), ElementsAre());
  EXPECT_THAT(tensors[4].keys, ElementsAre("state", "7", "step"));
  EXPECT_EQ(tensors[4].dtype, "int64");
}

TEST(TorchFile, TensorsMustLieInTheirStorages) {
  const auto one = [](const std::string& tensor, const std::vector<ZipEntry>& storages) {
    return refusal(torch_file(op_dict({{op_text("a"), tensor}}), storages));
  };
  for (const std::string& tensor :
       {op_tensor("FloatStorage", "0", 6, 1, {6}, {1}),
        op_tensor("FloatStorage", "0", 6, 7, {0}, {1}),
        op_tensor("FloatStorage", "0", 6, 0, {2, 3}, {4, 1}),
        op_tensor("FloatStorage", "0", 6, 0, {INT32_MAX, INT32_MAX, INT32_MAX},
                  {INT32_MAX, INT32_MAX, INT32_MAX})}) {
    EXPECT_THAT(one(tensor, {kSix}), HasSubstr("tensor a reaches out of its storage"));
  }
  EXPECT_THAT(one(op_tensor("FloatStorage", "0", 5, 0, {5}, {1}), {kSix}),
              HasSubstr("another size than is said"));
  EXPECT_THAT(one(op_tensor("DoubleStorage", "0", 6, 0, {6}, {1}), {kSix}),
              HasSubstr("another size than is said"));
  EXPECT_THAT(one(op_tensor("FloatStorage", "1", 6, 0, {6}, {1}), {kSix}),
              HasSubstr("the storage data/1 is missing"));
  EXPECT_THAT(one(op_tensor("FloatStorage", "../0", 6, 0, {6}, {1}), {kSix}),
              HasSubstr("is missing"));
  ZipEntry damaged = kSix;
  damaged.crc = 7;
  EXPECT_THAT(one(op_tensor("FloatStorage", "0", 6, 0, {6}, {1}), {damaged}),
              HasSubstr("m.pt, storage 0: its bytes do not have the checksum"));
}

TEST(TorchFile, OtherFilesAreRefused) {
  EXPECT_THAT(refusal("\x80\x02\x8a\x0a" + std::string(40, 'l')), HasSubstr("before torch 1.6"));
  EXPECT_THAT(refusal(make_zip({{"archive/data/0", "x"}})), HasSubstr("no data.pkl"));
  EXPECT_THAT(refusal(make_zip({{"a/data.pkl", "x"}, {"b/data.pkl", "x"}})),
              HasSubstr("two pickles"));
  EXPECT_THAT(refusal(make_zip({{"a/data.pkl", pickled("}")}, {"a/byteorder", "big"}})),
              HasSubstr("unsupported: m.pt is not little-endian"));
  EXPECT_THAT(refusal(torch_file("]", {})), HasSubstr("it holds no dict"));
  EXPECT_THAT(refusal(torch_file(op_dict({{"N", "N"}}), {})), HasSubstr("is no text"));
  EXPECT_THAT(refusal(torch_file(op_call("os", "system", {op_text("true")}), {})),
              HasSubstr("m.pt, data.pkl, byte 2: it names os.system"));
  // Shared dicts: one value by 2^40 ways.
  const auto slot = [](const char* code, int i) {
    return code + std::string(1, static_cast<char>(i));
  };
  std::string shared = op_dict({{op_text("a"), "K\x01"}}) + slot("q", 0);
  for (int i = 1; i <= 40; ++i) {
    shared = op_dict({{op_text("x"), shared}, {op_text("y"), slot("h", i - 1)}}) + slot("q", i);
  }
  EXPECT_THAT(refusal(torch_file(shared, {})), HasSubstr("more than a million entries"));
}

std::string safetensors(const std::string& header, const std::string& data) {
  return little(header.size(), 8) + header + data;
}

std::vector<StoredTensor> read_twin(const std::string& file) {
  return imports::read_safetensors_twin(std::as_bytes(std::span(file)), "m.safetensors");
}

// Python: base64.urlsafe_b64encode(pickle.dumps((("state", "wte", "exp_avg"), False))), protocol 4.
constexpr const char* kTensorKey = "gASVHgAAAAAAAACMBXN0YXRllIwDd3RllIwHZXhwX2F2Z5SHlImGlC4=";
// The same of (("param_groups",), True).
constexpr const char* kPickledKey = "gASVFQAAAAAAAACMDHBhcmFtX2dyb3Vwc5SFlIiGlC4=";

TEST(SafetensorsTwin, KeysArePickles) {
  const std::string file =
      safetensors(std::string("{\"") + kTensorKey +
                      "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"" +
                      kPickledKey + "\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]}}",
                  floats({1, 2}) + "abc");
  const auto tensors = read_twin(file);
  ASSERT_EQ(tensors.size(), 1U);
  EXPECT_THAT(tensors[0].keys, ElementsAre("state", "wte", "exp_avg"));
  EXPECT_THAT(values_of(tensors[0]), ElementsAre(1, 2));
}

TEST(SafetensorsTwin, IsToldFromAModelsFileByItsKeys) {
  artifacts::SafetensorsFile header;
  EXPECT_FALSE(imports::is_safetensors_twin(header));
  header.tensors.resize(2);
  header.tensors[0].name = kTensorKey;
  header.tensors[1].name = kPickledKey;
  EXPECT_TRUE(imports::is_safetensors_twin(header));
  header.tensors[1].name = "model.norm.weight";
  EXPECT_FALSE(imports::is_safetensors_twin(header));
}

TEST(SafetensorsTwin, OtherKeysAreRefused) {
  for (const std::string key : {"model.norm.weight", "gASV", "Y29zCnN5c3RlbQou", "====", "TiB="}) {
    const std::string file = safetensors(
        "{\"" + key + "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", floats({1}));
    EXPECT_THROW(read_twin(file), Error) << key;
  }
}

}  // namespace
}  // namespace repro::imports_test
