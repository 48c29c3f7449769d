#include "verify/olmo_indices.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "artifacts/base/error.h"

namespace repro::verify {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{8} << 20;
constexpr std::int64_t kMaxInstances = (std::int64_t{1} << 32) - 2;

class Reader {
 public:
  // Instances 0 .. most - 1.
  explicit Reader(std::int64_t most) : seen_(static_cast<std::size_t>(most), false) {}

  // What is wrong with the first index that is; "" for none.
  std::string take(std::span<const std::byte> piece) {
    for (; !piece.empty(); piece = piece.subspan(sizeof(std::uint32_t))) {
      std::uint32_t index = 0;
      std::memcpy(&index, piece.data(), sizeof index);
      const std::string where =
          "place " + std::to_string(place_) + " holds index " + std::to_string(index);
      if (index >= seen_.size()) {
        return where + ", which points outside: there are at most " + std::to_string(seen_.size()) +
               " instances";
      }
      if (seen_[index]) return where + ", which stands at another place before";
      seen_[index] = true;
      largest_ = std::max(largest_, static_cast<std::int64_t>(index));
      ++place_;
    }
    return "";
  }
  std::int64_t largest() const { return largest_; }

 private:
  std::vector<bool> seen_;
  std::int64_t place_ = 0;
  std::int64_t largest_ = 0;
};

std::string read_all(FileSystem& files, const std::string& path, std::uint64_t size,
                     Reader& reader) {
  const auto file = files.open(path, OpenMode::read);
  std::vector<std::byte> piece(kPieceBytes);
  while (size > 0) {
    const std::size_t wanted = std::min<std::uint64_t>(size, piece.size());
    std::size_t used = 0;
    while (used < wanted) {
      const std::size_t count = file->read(std::span(piece).subspan(used, wanted - used));
      if (count == 0) throw Error(Code::conflict, path + " changed while it was read");
      used += count;
    }
    std::string fault = reader.take(std::span(piece).first(wanted));
    if (!fault.empty()) return fault;
    size -= wanted;
  }
  return "";
}

}  // namespace

std::string find_olmo_indices(FileSystem& files, const std::string& folder) {
  for (const char* name : {"train_data/global_indices.npy", "global_indices.npy"}) {
    std::string path = join_path(folder, name);
    const auto status = files.find_status(path);
    const auto parent = files.find_status(parent_path(path));
    const bool inside = parent && parent->kind != FileKind::symlink;
    if (inside && status && status->kind == FileKind::regular) return path;
  }
  return "";
}

std::optional<OlmoIndices> read_olmo_indices(FileSystem& files, const std::string& path,
                                             const OlmoRun& run, std::vector<Finding>& findings) {
  const auto fail = [&](Severity severity, std::string message) {
    findings.push_back({severity, "order", path, "", {}, std::move(message)});
    return std::nullopt;
  };
  const auto status = files.find_status(path);
  const std::uint64_t size = status ? status->size : 0;
  if (size == 0 || size % sizeof(std::uint32_t) != 0) {
    return fail(Severity::corruption,
                "has " + std::to_string(size) + " bytes, which are no 32-bit indices");
  }
  if (size / sizeof(std::uint32_t) + static_cast<std::uint64_t>(run.batch_size) > kMaxInstances) {
    return fail(Severity::mismatch, "has more indices than an order can have");
  }
  OlmoIndices indices;
  indices.path = path;
  indices.length = static_cast<std::int64_t>(size / sizeof(std::uint32_t));
  indices.seed = run.seed;
  indices.epoch = run.epoch;
  indices.most = indices.length + run.batch_size - 1;
  Reader reader(indices.most);
  std::string fault = read_all(files, path, size, reader);
  if (!fault.empty()) return fail(Severity::mismatch, std::move(fault));
  indices.least = std::max(reader.largest() + 1, indices.length);
  return indices;
}

}  // namespace repro::verify
