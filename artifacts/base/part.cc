#include "artifacts/base/part.h"

#include <dlfcn.h>

#include "artifacts/base/environment.h"
#include "artifacts/base/error.h"
#include "artifacts/base/file_system.h"

namespace repro {

std::string part_path(const Part& part) {
  if (const auto path = find_environment(part.variable)) return *path;
  return join_path(executable_folder(), part.file);
}

bool part_available(const Part& part) { return system_file_system().exists(part_path(part)); }

void* detail::part_entry(const Part& part) {
  void* library = ::dlopen(part_path(part).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(Code::environment, std::string("cannot load ") + part.what + ": " + ::dlerror(),
                part.hint);
  }
  return ::dlsym(library, part.entry);
}

void detail::refuse_part(const Part& part) {
  throw Error(Code::environment, part_path(part) + " belongs to another build of repro",
              "build both together");
}

}  // namespace repro
