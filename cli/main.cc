#include <string>
#include <vector>

#include "cli/program.h"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  repro::cli::Io io = repro::cli::Io::standard();
  return repro::cli::run_program(words, io, repro::system_file_system(), repro::system_clock());
}
