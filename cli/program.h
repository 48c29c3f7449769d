// The whole program but for the process: words in, exit code out. main.cc and the tests call it.
#pragma once

#include <span>
#include <string>

#include "artifacts/base/clock.h"
#include "artifacts/base/file_system.h"
#include "cli/io.h"

namespace repro::cli {

// `words`: the arguments after the program's name. Catches everything; prints errors to standard
// error as text or, with --json, as
// {"type":"error","schema":"repro.error/1","code","message","hint"}.
int run_program(std::span<const std::string> words, Io& io, FileSystem& files, Clock& clock);

}  // namespace repro::cli
