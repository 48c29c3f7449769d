// The seam for the process environment: variables, host facts, where our own program lies.
// The only place that may call getenv.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace repro {

std::optional<std::string> find_environment(const std::string& name);

// Cores that this process may use; 1 where that cannot be told.
int usable_cores();

// Facts of the machine, for telemetry and manifests' notes; never hashed into a derivation.
struct HostFacts {
  std::string host;    // node name
  std::string system;  // "Linux 6.1.0 x86_64"
  std::string cpu;     // model name
  int cores = 0;       // usable_cores()
  std::int64_t memory_bytes = 0;
};
HostFacts read_host_facts();

// Folder of the running executable.
std::string executable_folder();

}  // namespace repro
