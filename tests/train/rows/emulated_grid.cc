// A launch's warps on the CPU: 32 lanes as threads, warp after warp in a shuffled order.
#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "tests/train/rows/lane_team.h"
#include "tests/train/rows/run_grid.h"

namespace repro::train {
namespace {

// Satisfies the contract of row_programs.h.
class EmulatedWarp : public LaneTeam::Lane {
 public:
  EmulatedWarp(const LaneTeam::Lane& lane, std::int64_t warp, std::int64_t warps)
      : LaneTeam::Lane(lane), warp_(warp), warps_(warps) {}
  std::int64_t warp() const { return warp_; }
  std::int64_t warps() const { return warps_; }
  static void lower(std::int64_t* least, std::int64_t value) {
    std::atomic_ref<std::int64_t> shared(*least);
    std::int64_t seen = shared.load();
    while (value < seen && !shared.compare_exchange_weak(seen, value)) {
    }
  }
  static void raise(std::int32_t* most, std::int32_t value) {
    std::atomic_ref<std::int32_t> shared(*most);
    std::int32_t seen = shared.load();
    while (value > seen && !shared.compare_exchange_weak(seen, value)) {
    }
  }

 private:
  std::int64_t warp_;
  std::int64_t warps_;
};

}  // namespace

void run_grid(const Program& program, std::uint32_t blocks, std::uint32_t seed) {
  const std::int64_t warps = warp_place(0, blocks, 0).warps;
  std::vector<std::int64_t> order(static_cast<std::size_t>(warps));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  LaneTeam().run([&](const LaneTeam::Lane& lane) {
    for (std::int64_t warp : order) {
      const EmulatedWarp group(lane, warp, warps);
      std::visit([&](const auto& args) { run_units(group, args); }, program);
    }
  });
}

}  // namespace repro::train
