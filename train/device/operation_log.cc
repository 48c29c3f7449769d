#include "train/device/operation_log.h"

namespace repro::train {

void OperationLog::enter(const DeviceOperation& operation) {
  now_.step = operation.step;
  now_.tensor = operation.tensor;
}

std::int64_t OperationLog::add(std::string_view name, bool tells) {
  ++last_;
  Entry& entry = ring_[static_cast<std::size_t>(last_ % kKept)];
  entry.name = name;
  entry.number = last_;
  entry.step = now_.step;
  entry.tensor = now_.tensor;  // keeps its memory: no allocation in steady state
  entry.tells = tells;
  return last_;
}

std::string OperationLog::describe(std::int64_t started) const {
  std::string all;
  if (started > 0) {
    const Entry& entry = at(started);
    all = entry.number == started ? text(entry) : "operation " + std::to_string(started);
  }
  for (std::int64_t next = started + 1; next <= last_ && next < started + kKept; ++next) {
    const Entry& entry = at(next);
    if (entry.number != next || entry.tells) break;
    all += (all.empty() ? "" : " or ") + text(entry);
  }
  return all.empty() ? "before the first kernel" : all;
}

std::string OperationLog::describe_now(std::string_view name) const {
  Entry entry = now_;
  entry.name = name;
  return text(entry);
}

std::string OperationLog::text(const Entry& entry) {
  std::string all = std::string(entry.name) + ", step " + std::to_string(entry.step);
  if (!entry.tensor.empty()) all += ", " + entry.tensor;
  return all;
}

}  // namespace repro::train
