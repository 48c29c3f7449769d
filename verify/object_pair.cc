#include "verify/object_pair.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace repro::verify {
namespace {

constexpr std::size_t kMaxQueued = 4;  // pieces of at most 1 MiB
constexpr std::size_t kGranule = 8;    // no element is larger, so none is ever cut

// Hands pieces from one thread to another.
class Channel {
 public:
  // Waits while the queue is full; dropped once the receiver has gone.
  void push(std::vector<std::byte> piece) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return queue_.size() < kMaxQueued || abandoned_; });
    if (abandoned_) return;
    queue_.push_back(std::move(piece));
    changed_.notify_all();
  }
  void close(std::exception_ptr error) {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
    closed_ = true;
    changed_.notify_all();
  }
  void abandon() {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
  }
  // Empty at the end; rethrows the sender's error.
  std::vector<std::byte> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !queue_.empty() || closed_; });
    if (queue_.empty()) {
      if (error_) std::rethrow_exception(error_);
      return {};
    }
    std::vector<std::byte> piece = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    return piece;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::vector<std::byte>> queue_;
  std::exception_ptr error_;
  bool closed_ = false;
  bool abandoned_ = false;
};

// Runs a source in a thread of its own; the destructor lets it go and waits.
class Sender {
 public:
  explicit Sender(const ByteSource& source)
      : thread_([this, &source] {
          std::exception_ptr error;
          try {
            source([&](std::span<const std::byte> piece) {
              if (piece.empty()) return;  // empty means the end
              channel_.push(std::vector<std::byte>(piece.begin(), piece.end()));
            });
          } catch (...) {
            error = std::current_exception();
          }
          channel_.close(error);
        }) {}
  ~Sender() {
    channel_.abandon();
    thread_.join();
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  Channel& channel() { return channel_; }

 private:
  Channel channel_;
  std::thread thread_;
};

using Both = std::function<void(std::span<const std::byte>, std::span<const std::byte>)>;

// Lines up bytes of `a`, pulled from the channel, with pieces of `b`, pushed by its source.
class Aligner {
 public:
  Aligner(Channel& channel, const Both& both) : channel_(channel), both_(both) {}

  void take(std::span<const std::byte> piece) {
    b_.insert(b_.end(), piece.begin(), piece.end());
    catch_up();
    hand_over(false);
    if (ended_ && b_.size() > a_.size()) b_.resize(a_.size());
  }
  void finish() {
    catch_up();
    hand_over(true);
    while (!ended_) ended_ = channel_.pop().empty();  // the source of `a` must reach its verdict
  }

 private:
  void catch_up() {
    while (!ended_ && a_.size() < b_.size()) {
      const std::vector<std::byte> piece = channel_.pop();
      ended_ = piece.empty();
      a_.insert(a_.end(), piece.begin(), piece.end());
    }
  }
  void hand_over(bool last) {
    std::size_t count = std::min(a_.size(), b_.size());
    if (!last) count -= count % kGranule;
    if (count == 0) return;
    both_(std::span(a_).first(count), std::span(b_).first(count));
    a_.erase(a_.begin(), a_.begin() + static_cast<long>(count));
    b_.erase(b_.begin(), b_.begin() + static_cast<long>(count));
  }

  Channel& channel_;
  const Both& both_;
  std::vector<std::byte> a_;
  std::vector<std::byte> b_;
  bool ended_ = false;
};

}  // namespace

void read_pair(const ByteSource& a, const ByteSource& b, const Both& both) {
  Sender sender(a);
  Aligner aligner(sender.channel(), both);
  b([&](std::span<const std::byte> piece) { aligner.take(piece); });
  aligner.finish();
}

ByteSource object_source(const artifacts::Store& store, const Digest& digest) {
  return [&store, digest](const std::function<void(std::span<const std::byte>)>& piece) {
    store.read(digest, piece);
  };
}

}  // namespace repro::verify
