// The worked bytes of docs/store-format.md are what the code writes.
#include <cstdio>
#include <sstream>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "tests/store/store_world.h"

namespace repro::artifacts {
namespace {

std::string document() {
  const auto source = find_environment("REPRO_SOURCE_DIR");
  return source ? support::read_text(*source + "/docs/store-format.md") : "";
}

// As `hexdump -C`: offset, sixteen bytes, printable characters.
std::string hexdump(std::string_view bytes) {
  std::string text;
  for (std::size_t line = 0; line < bytes.size(); line += 16) {
    char offset[24];
    std::snprintf(offset, sizeof offset, "%08zx", line);
    std::string hex;
    std::string characters;
    for (std::size_t i = line; i < line + 16; ++i) {
      if (i == line + 8) hex += " ";
      if (i >= bytes.size()) {
        hex += "   ";
        continue;
      }
      const auto byte = static_cast<unsigned char>(bytes[i]);
      hex += " " + hex_encode(std::span(&byte, 1));
      characters += byte >= 32 && byte < 127 ? static_cast<char>(byte) : '.';
    }
    text += std::string(offset) + " " + hex + "  |" + characters + "|\n";
  }
  return text;
}

class FormatExample : public StoreWorld {
 protected:
  void SetUp() override {
    text_ = document();
    if (text_.empty()) GTEST_SKIP() << "REPRO_SOURCE_DIR does not name the source tree";
  }
  void expect_in_document(const std::string& example) {
    EXPECT_NE(text_.find(example), std::string::npos) << "not in docs/store-format.md:\n"
                                                      << example;
  }

 private:
  std::string text_;
};

TEST_F(FormatExample, ObjectFile) {
  const Digest digest = store.put("hello\n").digest;
  expect_in_document(".repro/objects/" + digest.hex().substr(0, 2) + "/" + digest.hex().substr(2));
  expect_in_document(hexdump(support::read_text(store.object_path(digest))));
}

TEST_F(FormatExample, Ref) {
  store.set_ref({"tags", "best", sha256("hello\n")});
  expect_in_document(support::read_text(store.folder() + "/refs/tags/best"));
}

TEST_F(FormatExample, FormatFile) {
  expect_in_document(support::read_text(store.folder() + "/format"));
}

}  // namespace
}  // namespace repro::artifacts
