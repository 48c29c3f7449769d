// A fresh folder for one test, removed with everything in it at the end. It lies in memory
// (/dev/shm) where that has a GiB free and TMPDIR is not set.
#pragma once

#include <string>
#include <string_view>

namespace repro::support {

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  // Path of a file in it.
  std::string operator/(std::string_view name) const;
  // Writes a file in it (folders are made); returns its path.
  std::string write(std::string_view name, std::string_view bytes) const;

 private:
  std::string path_;
};

// Whole file as text; "" where there is none.
std::string read_text(const std::string& path);

}  // namespace repro::support
