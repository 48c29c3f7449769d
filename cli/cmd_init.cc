#include <nlohmann/json.hpp>

#include "cli/commands.h"

namespace repro::cli {
namespace {

int run_init(const Arguments& arguments, Context& context) {
  const std::string folder = absolute_path(arguments.find("--store").value_or(".repro"));
  const bool was_there = context.files().exists(join_path(folder, "format"));
  if (was_there) {
    artifacts::Store::open(context.files(), folder);
  } else {
    artifacts::Store::init(context.files(), folder);
  }
  context.io().line((was_there ? "this is a store already: " : "made a store in ") + folder);
  context.io().emit("init", {{"store", folder}, {"created", !was_there}});
  return 0;
}

}  // namespace

Command make_init_command() {
  return {.name = "init",
          .group = "Start",
          .summary = "make a store here",
          .details =
              "Makes the folder .repro in the current folder; commands find it from any folder "
              "below. With --store\nDIR, DIR itself becomes the store; use it with -C DIR or "
              "REPRO_STORE=DIR. An existing store is left as it is.",
          .needs = Needs::nothing,
          .options = {{"--store", ValueKind::one, "DIR", "make DIR the store"}},
          .run = run_init};
}

}  // namespace repro::cli
