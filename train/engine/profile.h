// Records where the time of some steps goes and tells it: a file for a trace viewer, a share of
// each operation for people (docs/profiling.md). Telemetry: neither the log nor the derivation
// knows of it, and no bit depends on it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "artifacts/base/file_system.h"
#include "manifests/run_spec.h"
#include "train/kernels/parallel.h"

namespace repro::train {

// Everything of one name.
struct OperationShare {
  std::string name;
  std::int64_t calls = 0;
  double seconds = 0;           // of the calling thread, without operations inside
  double share = 0;             // of the recorded time
  double busy = 0;              // of all threads meanwhile; 1 where none waited
  std::int64_t operations = 0;  // useful multiplications and additions of products
};

struct ProfileSummary {
  std::int64_t steps = 0;                  // recorded
  double seconds = 0;                      // of the calling thread
  std::int64_t spans = 0;                  // kept
  std::int64_t dropped = 0;                // did not fit the memory reserved for them
  std::vector<OperationShare> operations;  // largest share first
};
ProfileSummary summarize(const Trace& trace);

// The trace as JSON of the trace-event format, times from the first span in microseconds.
void write_trace(const Trace& trace, File& file);

class Profile {
 public:
  // Creates the file at once, so that a bad path is known before the training: Error(io). Memory
  // is reserved when the first step of the range begins. `parallel` outlives the profile.
  Profile(const manifests::ProfileRequest& request, FileSystem& files, Parallel& parallel);
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  const std::string& path() const { return request_.path; }
  // Around everything that belongs to a step, its log lines, evaluation and checkpoint included.
  void begin_step(std::int64_t step);
  void end_step();
  // Writes the file. Error(io) leaves the training as it is.
  ProfileSummary finish();

 private:
  manifests::ProfileRequest request_;
  std::unique_ptr<File> file_;
  Parallel& parallel_;
  std::unique_ptr<Trace> trace_;
};

}  // namespace repro::train
