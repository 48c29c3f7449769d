// The unpickler: what it reads, and that everything else is refused by name and place.
#include "imports/pickle.h"

#include <gmock/gmock.h>

#include "artifacts/base/error.h"
#include "tests/imports/torch_bytes.h"

namespace repro::imports_test {
namespace {

using imports::Pickle;
using imports::PickleKind;
using imports::PickleValue;
using testing::HasSubstr;

Pickle read(const std::string& bytes) {
  return imports::read_pickle(std::as_bytes(std::span(bytes)), "a.pkl");
}

// "" where it is read; else code and message.
std::string refusal(const std::string& bytes) {
  try {
    read(bytes);
  } catch (const Error& error) {
    return std::string(code_name(error.code())) + ": " + error.message();
  }
  return "";
}

std::string latin1(const std::string& text) {
  return op_call("_codecs", "encode", {op_text(text), op_text("latin1")});
}

std::string numpy_scalar(const std::string& code, const std::string& bytes) {
  const std::string dtype = op_call("numpy", "dtype", {op_text(code), "\x89", "\x88"}) +
                            op_tuple({op_int(3), op_text("<"), "N"}) + "b";
  return op_call("numpy.core.multiarray", "scalar", {dtype, latin1(bytes)});
}

TEST(Pickle, ReadsPlainValues) {
  const Pickle pickle =
      read(pickled(op_dict({{op_text("none"), "N"},
                            {op_text("yes"), "\x88"},
                            {op_text("small"), "K\xff"},
                            {op_text("two"), std::string("M\x01\x02", 3)},
                            {op_text("negative"), op_int(-5)},
                            {op_text("long"), "\x8a\x05" + little(0x2BCDEF0123, 5)},
                            {op_text("minus"), "\x8a\x01\xff"},
                            {op_text("huge"), "\x8a\x09" + std::string(9, '\x7f')},
                            {op_text("real"), std::string("G\x3f\xf8\0\0\0\0\0\0", 9)},
                            {op_text("list"), "](K\x01K\x02" + std::string("e")},
                            {op_text("pair"), "K\x01K\x02\x86"},
                            {op_text("tuple"), op_tuple({"K\x01", "K\x02", "K\x03"})}})));
  const auto value = [&](const char* key) -> const PickleValue& {
    return *pickle.find(pickle.root(), key);
  };
  EXPECT_EQ(value("none").kind, PickleKind::none);
  EXPECT_EQ(value("yes").kind, PickleKind::boolean);
  EXPECT_EQ(value("yes").integer, 1);
  EXPECT_EQ(value("small").integer, 255);
  EXPECT_EQ(value("two").integer, 513);
  EXPECT_EQ(value("negative").integer, -5);
  EXPECT_EQ(value("long").integer, 0x2BCDEF0123);
  EXPECT_EQ(value("minus").integer, -1);
  EXPECT_EQ(value("huge").kind, PickleKind::opaque);
  EXPECT_EQ(value("real").real, 1.5);
  EXPECT_EQ(value("list").items.size(), 2U);
  EXPECT_EQ(value("pair").items.size(), 2U);
  EXPECT_EQ(pickle.at(value("tuple").items[2]).integer, 3);
  EXPECT_EQ(pickle.find(pickle.root(), "nothing"), nullptr);
  EXPECT_EQ(pickle.find(value("list"), "x"), nullptr);
}

TEST(Pickle, ReadsTheClassesOfACheckpoint) {
  const std::string ordered = op_call("collections", "OrderedDict", {}) + "(" + op_text("a") +
                              "K\x07u}" + op_text("_metadata") + "}sb";
  const Pickle pickle = read(pickled(
      op_dict({{op_text("ordered"), ordered},
               {op_text("size"), op_call("torch", "Size", {op_tuple({"K\x02", "K\x03"})})},
               {op_text("path"),
                op_call("pathlib", "PosixPath", {op_text("/"), op_text("a"), op_text("b")})},
               {op_text("set"), op_call("__builtin__", "set", {"](K\x05" + std::string("e")})},
               {op_text("bytes"), latin1("a\xc3\xbf")},
               {op_text("i8"), numpy_scalar("i8", std::string("\x05\0\0\0\0\0\0\0", 8))},
               {op_text("f4"), numpy_scalar("f4", std::string("\0\0\x40\x3f", 4))},
               {op_text("tensor"), op_tensor("BFloat16Storage", "3", 6, 1, {2, 2}, {1, 2})}})));
  const auto value = [&](const char* key) -> const PickleValue& {
    return *pickle.find(pickle.root(), key);
  };
  EXPECT_EQ(pickle.find(value("ordered"), "a")->integer, 7);
  EXPECT_EQ(value("size").items.size(), 2U);
  EXPECT_EQ(value("path").text, "/a/b");
  EXPECT_EQ(value("set").items.size(), 1U);
  EXPECT_EQ(value("bytes").text, "a\xff");
  EXPECT_EQ(value("i8").integer, 5);
  EXPECT_EQ(value("f4").real, 0.75);
  const PickleValue& tensor = value("tensor");
  EXPECT_EQ(tensor.kind, PickleKind::tensor);
  EXPECT_EQ(tensor.integer, 1);
  EXPECT_EQ(tensor.strides, (std::vector<std::int64_t>{1, 2}));
  const PickleValue& storage = pickle.at(tensor.items[0]);
  EXPECT_EQ(storage.dtype, "bfloat16");
  EXPECT_EQ(storage.text, "3");
  EXPECT_EQ(storage.integer, 6);
}

TEST(Pickle, ReadsTheNewerProtocolOfKeys) {
  // pickle.dumps((("state", 7), False)), protocol 4
  const std::string bytes = "\x80\x04\x95" + little(16, 8) + "\x8c\x05state\x94K\x07\x86\x94\x89" +
                            std::string("\x86\x94.");
  EXPECT_EQ(read(bytes).root().items.size(), 2U);
}

TEST(Pickle, ForeignClassesAreRefusedByName) {
  EXPECT_THAT(refusal(pickled("K\x01" + op_call("os", "system", {op_text("true")}))),
              testing::AllOf(HasSubstr("unsupported: a.pkl, byte 4"), HasSubstr("os.system")));
  EXPECT_THAT(refusal(pickled(op_text("os") + op_text("system") + "\x93")), HasSubstr("os.system"));
  for (const char* name : {"__builtin__\neval\n", "builtins\ngetattr\n", "torch\nload\n",
                           "torch._utils\n_rebuild_tensor\n", "collections\nOrderedDict.a\n"}) {
    EXPECT_THAT(refusal(pickled(std::string("c") + name)), HasSubstr("unsupported")) << name;
  }
  EXPECT_THAT(refusal(pickled("cos\n\x1b[31mevil\n")), HasSubstr("os.?[31mevil"));
}

TEST(Pickle, ForeignOpcodesAreRefusedByNameAndPlace) {
  for (const char code :
       std::string("0123FILPSVd.giloop|\x81\x82\x83\x84\x8b\x8d\x8e\x8f\x90\x91\x92\x96\x97\x98")) {
    if (code == '.') continue;
    EXPECT_THAT(refusal(pickled("N" + std::string(1, code))),
                HasSubstr("unsupported: a.pkl, byte 3: the opcode 0x"))
        << static_cast<int>(code);
  }
}

TEST(Pickle, WhatIsNoSoundPickleIsCorruption) {
  const std::string nested = std::string(100, ']') + std::string(99, 'a');
  const std::vector<std::string> bad = {
      "",
      "N.",
      std::string("\x80\x06N.", 4),
      pickled(""),
      pickled("NN"),
      pickled("(N"),
      pickled("N") + "N",
      pickled("Nq\x01h\x02\x86"),
      pickled("a"),
      pickled("N(Na"),
      pickled("](KKs"),
      pickled("}(K\x01u"),
      pickled("X" + little(0xFFFFFFFF, 4) + "abc"),
      pickled("\x8a\xffN"),
      pickled("\x95" + little(~std::uint64_t{0}, 8) + "N"),
      pickled("]q" + std::string(1, '\0') + "h" + std::string(1, '\0') + "a"),  // holds itself
      pickled(nested),
      pickled("(" + std::string(1'000'001, 'N') + "t"),
      pickled("N)R"),
      pickled(op_global("torch", "FloatStorage") + ")R"),
      pickled(op_call("collections", "OrderedDict", {"N"})),
      pickled(op_call("torch", "Size", {"N"})),
      pickled(op_call("_codecs", "encode", {op_text("\xc4\x80"), op_text("latin1")})),
      pickled(op_call("_codecs", "encode", {op_text("a"), op_text("utf-16")})),
      pickled(op_call("pathlib", "PosixPath", {op_text(std::string(5000, 'a'))})),
      pickled(op_tensor("FloatStorage", "0", -1, 0, {1}, {1})),
      pickled(op_tensor("FloatStorage", "0", 1, -1, {1}, {1})),
      pickled(op_tensor("FloatStorage", "0", 1, 0, {-1}, {1})),
      pickled(op_tensor("FloatStorage", "0", 1, 0, {1, 1}, {1})),
      pickled(op_tensor("Size", "0", 1, 0, {1}, {1})),
      pickled("NQ"),
      pickled("]]b"),
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_THAT(refusal(bad[i]), testing::StartsWith("corruption: a.pkl, byte ")) << i;
  }
}

// A small pickle that calls for much: each call gives what is there already.
TEST(Pickle, CallsDoNotMultiplyWhatIsThere) {
  const std::string zero(1, '\0');
  std::string bytes = "((" + std::string(100'000, 'N') + "t\x85q" + zero;
  for (int i = 0; i < 20'000; ++i) bytes += op_global("torch", "Size") + "h" + zero + "R";
  bytes += "t";
  EXPECT_EQ(refusal(pickled(bytes)), "");
}

TEST(Pickle, EveryPieceAndEveryFlippedByteIsReadOrRefused) {
  const std::string good =
      pickled(op_dict({{op_text("a"), op_tensor("FloatStorage", "0", 4, 0, {2, 2}, {2, 1})},
                       {op_text("b"), latin1("x\xc3\xbf")},
                       {op_text("c"), "](K\x01K\x02" + std::string("e")}}));
  ASSERT_EQ(refusal(good), "");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(refusal(good.substr(0, size)), "") << size;
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {1, 0x20, 0x80, 0xFF}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      refusal(bad);  // any outcome but a crash
    }
  }
}

}  // namespace
}  // namespace repro::imports_test
