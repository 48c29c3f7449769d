#include "tests/train/numerics/run_record.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace repro::train {
namespace {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string today() {
  const std::chrono::year_month_day day(
      std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text;
}

nlohmann::json machine() {
  utsname system{};
  uname(&system);
  return {
    {"cpu", cpu_name()}, {"cores", std::thread::hardware_concurrency()},
        {"system", std::string(system.sysname) + "-" + system.release + "-" + system.machine},
#if defined(__clang__)
    {
      "compiler", __VERSION__
    }
  };
#else
    {
      "compiler", "GCC " __VERSION__
    }
  };
#endif
}

}  // namespace

bool write_record(nlohmann::json record) {
  const char* path = std::getenv("REPRO_WRITE_RESULTS");
  if (path == nullptr) return false;
  record["date"] = today();
  record["machine"] = machine();
  std::ofstream file(path);
  file << record.dump(2) << "\n";
  file.close();
  EXPECT_TRUE(file) << "cannot write " << path;
  return true;
}

}  // namespace repro::train
