#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/intake_option.h"

namespace repro::cli {
namespace {

class Adder {
 public:
  Adder(Context& context, artifacts::Intake intake) : context_(context), intake_(intake) {}

  void add(const std::string& path) {
    const auto status = context_.files().find_status(path);
    if (!status) throw Error(Code::not_found, "there is no file or folder " + path);
    switch (status->kind) {
      case FileKind::regular:
        return add_file(path, *status);
      case FileKind::directory:
        for (const std::string& name : context_.files().list(path)) {
          const std::string inside = join_path(path, name);
          // A folder that holds its own store must not swallow it.
          if (name == ".repro") {
            skip(inside, "store");
          } else {
            add(inside);
          }
        }
        return;
      case FileKind::symlink:
        return skip(path, "symlink");
      case FileKind::other:
        return skip(path, "special file");
    }
  }

  void finish() {
    context_.io().note(
        fmt::format("{}, {}{}", plural_text(num_files_, "file"), bytes_text(num_bytes_),
                    num_skipped_ == 0 ? "" : fmt::format(", {} passed over", num_skipped_)));
  }

 private:
  void add_file(const std::string& path, const FileStatus& status) {
    // A file that was only linked must still be copied when a copy is asked for.
    const bool linked = intake_ == artifacts::Intake::in_place;
    const std::string key = (linked ? "in-place:" : "") + absolute_path(path);
    auto digest = context_.catalogue().find_file(key, status);
    if (!digest || !context_.store().contains(*digest)) {
      const std::int64_t now = context_.clock().now_ns();
      digest = context_.store().put_file(path, intake_).digest;
      context_.catalogue().remember_file(key, status, *digest, now);
    }
    ++num_files_;
    num_bytes_ += status.size;
    context_.io().line(digest->hex() + "  " + path);
    context_.io().emit("object",
                       {{"path", path}, {"digest", digest->hex()}, {"size", status.size}});
  }

  void skip(const std::string& path, const std::string& reason) {
    ++num_skipped_;
    context_.io().note(fmt::format("passed over {}: {}", path, reason));
    context_.io().emit("skipped", {{"path", path}, {"reason", reason}});
  }

  Context& context_;
  artifacts::Intake intake_;
  std::int64_t num_files_ = 0;
  std::uint64_t num_bytes_ = 0;
  std::uint64_t num_skipped_ = 0;
};

int run_add(const Arguments& arguments, Context& context) {
  Adder adder(context, parse_intake(arguments).intake);
  for (const std::string& path : arguments.all("PATH")) adder.add(path);
  adder.finish();
  return 0;
}

}  // namespace

Command make_add_command() {
  std::vector<OptionSpec> options = {
      {"PATH", ValueKind::many, "", "files and folders", Required::yes}};
  for (auto& option : intake_options()) options.push_back(std::move(option));
  return {.name = "add",
          .group = "Data",
          .summary = "put files into the store",
          .details =
              "Prints the SHA-256 of each file, which is its name in the store. Symlinks and "
              "special files are passed\nover, and said. Files that did not change since they "
              "were added are not read again.",
          .needs = Needs::store,
          .options = std::move(options),
          .run = run_add};
}

}  // namespace repro::cli
