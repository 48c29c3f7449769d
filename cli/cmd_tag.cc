#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/resolve.h"

namespace repro::cli {
namespace {

int list_tags(Context& context) {
  for (const artifacts::Ref& ref : context.store().list_refs("tags")) {
    context.io().line(ref.target.short_hex() + "  " + ref.name);
    context.io().emit("tag", {{"name", ref.name}, {"digest", ref.target.hex()}});
  }
  return 0;
}

int set_tag(Context& context, const std::string& name, const std::string& target, bool force) {
  artifacts::check_name(name, "tag");
  const Resolved resolved = resolve(context, target);
  if (resolved.noun == Noun::path || resolved.noun == Noun::recipe) {
    throw Error(
        Code::invalid_argument,
        fmt::format("'{}' is a {}, which is not in the store", target, noun_name(resolved.noun)),
        "`repro add PATH` puts files into the store and prints their digests");
  }
  if (!resolved.stored) {
    throw Error(Code::not_found, "'" + target + "' is not stored, so it cannot be tagged",
                "tag the run, or a step that `repro show RUN` lists as stored");
  }
  const auto old = context.store().find_ref("tags", name);
  if (old && old->target != resolved.digest && !force) {
    throw Error(Code::already_exists,
                fmt::format("tag {} exists and names {}", name, old->target.short_hex()),
                "give --force to move it");
  }
  context.store().set_ref({"tags", name, resolved.digest});
  context.io().line(
      fmt::format("{} is {} {}", name, noun_name(resolved.noun), resolved.digest.short_hex()));
  context.io().emit("tag", {{"name", name}, {"digest", resolved.digest.hex()}});
  return 0;
}

int run_tag(const Arguments& arguments, Context& context) {
  if (const auto name = arguments.find("--delete")) {
    if (!context.store().find_ref("tags", *name)) {
      throw Error(Code::not_found, "there is no tag " + *name, "`repro tag` lists the tags");
    }
    context.store().remove_ref("tags", *name);
    context.io().line("removed tag " + *name);
    return 0;
  }
  if (!arguments.has("NAME")) return list_tags(context);
  if (!arguments.has("X")) {
    throw Error(Code::invalid_argument, "`repro tag` needs NAME and what it shall name",
                "`repro tag NAME RUN@STEP`");
  }
  return set_tag(context, arguments.text("NAME"), arguments.text("X"), arguments.has("--force"));
}

}  // namespace

Command make_tag_command() {
  return {.name = "tag",
          .group = "Look",
          .summary = "list tags, or give something a name",
          .details =
              "A tag names one manifest or object for good: a run as it is now, a stored state, "
              "a dataset, a file.",
          .needs = Needs::store,
          .options = {{"NAME", ValueKind::one, "", "the tag"},
                      {"X", ValueKind::one, "", "run, RUN@STEP, dataset or object"},
                      {"-d,--delete", ValueKind::one, "NAME", "remove a tag"},
                      {"-f,--force", ValueKind::flag, "", "move an existing tag"}},
          .run = run_tag};
}

}  // namespace repro::cli
