// Parts of a program that are shared libraries, loaded only when they are asked for: each exports
// one function that returns a table of functions (train/models/native_api.h).
//
//   const NativeApi& api = load_part<NativeApi>(kNativePart);
//
// A part is loaded once and never unloaded: what it links keeps threads and static state. Thread
// rules: any thread.
#pragma once

#include <string>

namespace repro {

struct Part {
  const char* what;      // for messages: "LibTorch's part"
  const char* file;      // beside this program: "librepro_native.so"
  const char* variable;  // of the environment, which names another path
  const char* entry;     // extern "C" const Api* entry()
  int version;           // of the table; another one belongs to another build
  const char* hint;      // what to do where it cannot be loaded
};

std::string part_path(const Part& part);
bool part_available(const Part& part);  // whether the file is there

namespace detail {
void* part_entry(const Part& part);
[[noreturn]] void refuse_part(const Part& part);
}  // namespace detail

// Error(environment) naming the file where it cannot be loaded, or belongs to another build.
template <class Api>
const Api& load_part(const Part& part) {
  const auto entry = reinterpret_cast<const Api* (*)()>(detail::part_entry(part));
  const Api* api = entry == nullptr ? nullptr : entry();
  if (api == nullptr || api->version != part.version) detail::refuse_part(part);
  return *api;
}

}  // namespace repro
