#include <cstddef>
#include <span>
#include <vector>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/resolve.h"
#include "manifests/recipe.h"

namespace repro::cli {
namespace {

int cat_path(Context& context, const std::string& path) {
  const auto file = context.files().open(path, OpenMode::read);
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  while (const std::size_t count = file->read(buffer)) {
    context.io().raw({reinterpret_cast<const char*>(buffer.data()), count});
  }
  return 0;
}

int run_cat(const Arguments& arguments, Context& context) {
  const Resolved resolved = resolve(context, arguments.text("X"));
  if (resolved.noun == Noun::path) return cat_path(context, resolved.path);
  if (resolved.noun == Noun::recipe) {
    context.io().raw(manifests::find_builtin_recipe(resolved.name)->yaml);
    return 0;
  }
  if (!resolved.stored) {
    throw Error(Code::not_found, "'" + resolved.text + "' is not stored, so it has no manifest",
                "`repro checkout` re-derives it");
  }
  // Two passes: nothing is written before the whole object is known to be sound.
  context.store().read(resolved.digest, [](std::span<const std::byte>) {});
  context.store().read(resolved.digest, [&](std::span<const std::byte> piece) {
    context.io().raw({reinterpret_cast<const char*>(piece.data()), piece.size()});
  });
  return 0;
}

}  // namespace

Command make_cat_command() {
  return {.name = "cat",
          .group = "Look",
          .summary = "write the raw bytes of an object or manifest",
          .details = "",
          .needs = Needs::nothing,
          .options = {{"X", ValueKind::one, "", "object, run, RUN@STEP, dataset, recipe or file",
                       Required::yes}},
          .run = run_cat};
}

}  // namespace repro::cli
