// 32 lanes of one group, as threads that meet at barriers: the row functors run on them as they
// would on a GPU's warp, so a test can show that the number of lanes changes no bit.
#pragma once

#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace repro::train {

class LaneTeam {
 public:
  static constexpr int kLanes = 32;

  // One lane's view; satisfies the contract of train/kernels/generic/lanes.h.
  class Lane {
   public:
    Lane(LaneTeam& team, int index) : team_(&team), index_(index) {}
    std::int64_t first() const { return index_; }
    std::int64_t stride() const { return kLanes; }
    std::int64_t sum(std::int64_t value) const {
      std::int64_t total = 0;
      for (std::int64_t other : team_->exchange(index_, value)) total += other;
      return total;
    }
    std::int32_t max(std::int32_t value) const {
      std::int64_t most = value;
      for (std::int64_t other : team_->exchange(index_, value)) most = std::max(most, other);
      return static_cast<std::int32_t>(most);
    }
    static void add(std::int64_t* total, std::int64_t value) {
      std::atomic_ref<std::int64_t>(*total).fetch_add(value, std::memory_order_relaxed);
    }

   private:
    LaneTeam* team_;
    int index_;
  };

  // Runs work(lane) on every lane and waits.
  void run(const std::function<void(const Lane&)>& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kLanes; ++i) {
      threads.emplace_back([this, i, &work] { work(Lane(*this, i)); });
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  std::array<std::int64_t, kLanes> exchange(int index, std::int64_t value) {
    slots_[static_cast<std::size_t>(index)] = value;
    barrier_.arrive_and_wait();
    const std::array<std::int64_t, kLanes> values = slots_;
    barrier_.arrive_and_wait();
    return values;
  }

  std::array<std::int64_t, kLanes> slots_{};
  std::barrier<> barrier_{kLanes};
};

}  // namespace repro::train
