#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "cli/commands.h"
#include "cli/worker.h"

namespace repro::cli {
namespace {

constexpr std::uintmax_t kLowSpaceBytes = std::uintmax_t{1} << 30;
// Nothing of this program is older than this: 2026-01-01 UTC.
constexpr std::int64_t kEarliestNs = 1'767'225'600'000'000'000;

enum class Health : std::uint8_t { ok, warn, fail };

struct Check {
  std::string name;
  Health health = Health::ok;
  std::string message;
};

std::string_view health_name(Health health) {
  switch (health) {
    case Health::ok:
      return "ok";
    case Health::warn:
      return "warn";
    case Health::fail:
      return "fail";
  }
  return "";
}

std::string joined(const Json& event, const char* key) {
  std::string text;
  const auto found = event.find(key);
  if (found == event.end() || !found->is_array()) return "unknown";
  for (const Json& item : *found) {
    if (item.is_string()) text += (text.empty() ? "" : " ") + item.get<std::string>();
  }
  return text;
}

// The GPU, or why --device cuda cannot be used: most machines have none, so nothing is broken.
Check gpu_check(const Json& event) {
  const auto cuda = event.find("cuda");
  if (cuda == event.end() || !cuda->is_object()) return {"gpu", Health::warn, "unknown"};
  if (cuda->contains("problem")) {
    return {"gpu", Health::warn,
            cuda->at("problem").get<std::string>() + ": " + cuda->at("hint").get<std::string>()};
  }
  std::string message = cuda->at("name").get<std::string>();
  for (const auto& [name, version] : cuda->at("versions").items()) {
    if (name == "device" || name == "capability") continue;  // the name has them
    message += "; " + name + " " + version.get<std::string>();
  }
  return {"gpu", Health::ok, message};
}

void check_worker(Context& context, std::vector<Check>& checks) {
  const auto worker = find_worker(context);
  if (!worker) {
    checks.push_back(
        {"trainer", Health::warn,
         "repro-train is not here: training, replay and re-derivation are not possible"});
    return;
  }
  manifests::RunSpec spec;
  spec.command = manifests::SpecCommand::probe;
  spec.running.device = "cuda";  // else it is not looked for
  try {
    run_worker(context, spec, [&](const Json& event) {
      if (event.at("type") != "probe") return;
      checks.push_back({"trainer", Health::ok, *worker});
      checks.push_back({"kernels", Health::ok, joined(event, "kernels")});
      checks.push_back({"profiles", Health::ok, joined(event, "profiles")});
      const auto blas = event.find("blas");
      const bool torch = blas != event.end() && blas->is_boolean() && blas->get<bool>();
      checks.push_back({"libtorch", torch ? Health::ok : Health::warn,
                        torch ? "loaded by the trainer"
                              : "not in this build: no native profile, no fp64 kernels"});
      checks.push_back({"devices", Health::ok, joined(event, "devices")});
      checks.push_back(gpu_check(event));
    });
  } catch (const Error& error) {  // a worker that cannot run is what this command is to find
    checks.push_back({"trainer", Health::fail, error.what()});
  }
}

void check_space(const std::string& name, const std::string& folder, std::vector<Check>& checks) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (error) {
    checks.push_back({name, Health::warn, folder + ": " + error.message()});
    return;
  }
  checks.push_back({name, space.available < kLowSpaceBytes ? Health::warn : Health::ok,
                    fmt::format("{} free in {}", bytes_text(space.available), folder)});
}

// Whether the store's disk can share bytes copy-on-write: tried with two small files.
void check_reflink(Context& context, const std::string& folder, std::vector<Check>& checks) {
  FileSystem& files = context.files();
  const std::string from =
      join_path(folder, fmt::format("doctor-{}", context.clock().monotonic_ns()));
  const std::string to = from + "-clone";
  try {
    bool cloned = false;
    {
      const auto target = files.open(to, OpenMode::create);
      files.open(from, OpenMode::create)->write(as_bytes("reflink"));
      cloned = target->clone_from(*files.open(from, OpenMode::read));
    }
    files.remove(from);
    files.remove(to);
    checks.push_back({"reflink", Health::ok,
                      cloned ? "add --reflink shares bytes here"
                             : "not on this disk; add copies, or --in-place only links"});
  } catch (const Error& error) {
    checks.push_back({"store", Health::warn, std::string("cannot be written: ") + error.what()});
  }
}

void check_store(Context& context, std::vector<Check>& checks) {
  try {
    if (!context.has_store()) {
      checks.push_back({"store", Health::warn, "none here; `repro init` makes one"});
      return check_space("disk", absolute_path("."), checks);
    }
  } catch (const Error& error) {  // a store that cannot be opened is what this command is to find
    checks.push_back({"store", Health::fail, error.what()});
    return;
  }
  const std::string folder = context.store().folder();
  checks.push_back({"store", Health::ok, folder});
  check_space("disk", folder, checks);
  check_reflink(context, join_path(folder, "tmp"), checks);
}

void check_machine(Context& context, std::vector<Check>& checks) {
  const HostFacts facts = read_host_facts();
  checks.push_back({"machine", Health::ok,
                    fmt::format("{}, {} cores, {}", facts.cpu, facts.cores,
                                bytes_text(static_cast<std::uint64_t>(facts.memory_bytes)))});
  checks.push_back({"system", Health::ok, facts.system});
  const std::int64_t now = context.clock().now_ns();
  checks.push_back({"clock", now < kEarliestNs ? Health::warn : Health::ok,
                    utc_text(now) + (now < kEarliestNs ? " is wrong; only notes suffer" : "")});
}

int run_doctor(const Arguments&, Context& context) {
  std::vector<Check> checks;
  check_machine(context, checks);
  check_worker(context, checks);
  check_store(context, checks);
  check_space("temporary", find_environment("TMPDIR").value_or("/tmp"), checks);
  Io& io = context.io();
  bool failed = false;
  for (const Check& check : checks) {
    const Paint paint = check.health == Health::ok     ? Paint::good
                        : check.health == Health::warn ? Paint::warn
                                                       : Paint::bad;
    const std::string name(health_name(check.health));
    io.line(io.paint(paint, fmt::format("{:<5}", name)) +
            fmt::format(" {:<10} {}", check.name, check.message));
    io.emit("check", {{"name", check.name}, {"health", name}, {"message", check.message}});
    failed = failed || check.health == Health::fail;
  }
  return failed ? exit_code(Code::environment) : 0;
}

}  // namespace

Command make_doctor_command() {
  return {.name = "doctor",
          .group = "Start",
          .summary = "check what this machine and build can do",
          .details =
              "Each check is ok, warn (something is not possible) or fail (something is broken: "
              "exit code 5).",
          .needs = Needs::nothing,
          .options = {},
          .run = run_doctor};
}

}  // namespace repro::cli
