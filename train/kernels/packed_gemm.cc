#include "train/kernels/packed_gemm.h"

#include <algorithm>
#include <cstddef>

#include "train/kernels/gemm_epilogue.h"
#include "train/kernels/scratch.h"

namespace repro::train {
namespace {

// Depth of one sweep over a tile: a panel of B (up to 64 bytes per unit of depth) stays in the
// first cache levels meanwhile.
constexpr std::int64_t kSweepDepth = 1024;
// Depth that is packed at a time.
constexpr std::int64_t kPackDepth = 8192;
// Digits of one packed operand: 4 MiB.
constexpr std::int64_t kPackDigits = std::int64_t{1} << 21;
// Rows that one packing task handles: whole panels of every instruction set.
constexpr std::int64_t kStripRows = 32;
static_assert(kStripRows % kMaxTileRows == 0 && kStripRows % kMaxTileCols == 0);
static_assert(kSweepDepth % (kBlocksPerWindow * kDepthPerBlock) == 0);

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return ceil_div(a, b) * b; }

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end - begin; }
};

DigitView at(const DigitView& view, std::int64_t row, std::int64_t depth) {
  DigitView part = view;
  part.data += row * view.row_stride + depth * view.depth_stride;
  return part;
}

// One operand, packed: for every sweep of the depth, all panels of all rows.
class PackedOperand {
 public:
  void shape(std::int64_t rows, std::int64_t depth, std::int64_t width, std::int64_t depth_unit) {
    width_ = width;
    depth_unit_ = depth_unit;
    rows_ = rows;
    depth_ = depth;
    padded_rows_ = round_up(rows, std::max(width, kRowUnit));
    const std::int64_t sweeps = ceil_div(depth, kSweepDepth);
    panels_ = panel_buffer_.reserve(padded_rows_ * round_up(depth, depth_unit) / 2);
    norms_ = norm_buffer_.reserve(sweeps * panel_count());
  }

  // Packs the strips [begin, end) of kStripRows rows.
  void pack(void (*kernel)(const PackArgs&), const DigitView& view, std::int64_t begin,
            std::int64_t end) {
    const std::int64_t first = begin * kStripRows;
    PackArgs args;
    args.row_stride = view.row_stride;
    args.depth_stride = view.depth_stride;
    args.rows = std::min(end * kStripRows, rows_) - first;
    for (std::int64_t sweep = 0; sweep * kSweepDepth < depth_; ++sweep) {
      args.source = at(view, first, sweep * kSweepDepth).data;
      args.depth = std::min(kSweepDepth, depth_ - sweep * kSweepDepth);
      args.panels = panel(sweep, first / width_);
      args.panel_stride = panel_stride(sweep);
      args.norms = norms_ + sweep * panel_count() + first / width_;
      kernel(args);
    }
  }

  std::int64_t strips() const { return ceil_div(rows_, kStripRows); }
  std::int64_t blocks(std::int64_t sweep) const {
    const std::int64_t depth = std::min(kSweepDepth, depth_ - sweep * kSweepDepth);
    return round_up(depth, depth_unit_) / kDepthPerBlock;
  }
  std::int32_t* panel(std::int64_t sweep, std::int64_t index) const {
    return panels_ + sweep * (kSweepDepth / 2) * padded_rows_ + index * panel_stride(sweep);
  }
  std::uint64_t norm(std::int64_t sweep, std::int64_t index) const {
    return norms_[sweep * panel_count() + index];
  }

 private:
  std::int64_t panel_count() const { return padded_rows_ / width_; }
  std::int64_t panel_stride(std::int64_t sweep) const {
    return blocks(sweep) * kPairsPerBlock * width_;
  }

  ScratchArray<std::int32_t> panel_buffer_;
  ScratchArray<std::uint32_t> norm_buffer_;
  std::int32_t* panels_ = nullptr;
  std::uint32_t* norms_ = nullptr;
  std::int64_t width_ = 1;
  std::int64_t depth_unit_ = kDepthPerBlock;
  std::int64_t rows_ = 0;
  std::int64_t depth_ = 0;
  std::int64_t padded_rows_ = 0;
};

struct Scratch {
  PackedOperand a;
  PackedOperand a_low;
  PackedOperand b;
  ScratchArray<double> sums;
};

// While it lives, this thread may run tiles.
class TileState {
 public:
  explicit TileState(const PackedKernels& kernels) : kernels_(kernels) {
    if (kernels_.enter != nullptr) kernels_.enter();
  }
  ~TileState() {
    if (kernels_.leave != nullptr) kernels_.leave();
  }
  TileState(const TileState&) = delete;
  TileState& operator=(const TileState&) = delete;

 private:
  const PackedKernels& kernels_;
};

// One call of run().
class Product {
 public:
  Product(const PackedKernels& kernels, std::int64_t k, const DigitView& a, const DigitView& b,
          const GemmOutput& output, GemmEpilogue& epilogue, Parallel& parallel, Scratch& scratch)
      : kernels_(kernels),
        k_(k),
        a_(a),
        b_(b),
        output_(output),
        epilogue_(epilogue),
        parallel_(parallel),
        scratch_(scratch) {}

  // The part of C in these rows and columns, which fits the packing buffers.
  void run(const Range& rows, const Range& cols) {
    rows_ = rows;
    cols_ = cols;
    choose_task_shape();
    // Only sums of products that are packed in several goes outlive a task.
    sums_ = k_ > kPackDepth ? scratch_.sums.reserve(padded_rows() * padded_cols()) : nullptr;
    std::int64_t depth = 0;
    do {
      depth_ = {depth, std::min(depth + kPackDepth, k_)};
      pack();
      const std::int64_t across = ceil_div(cols_.size(), task_cols_);
      const auto task = [this, across](std::int64_t i) { run_task(i / across, i % across); };
      parallel_.run(across * ceil_div(rows_.size(), task_rows_), std::ref(task));
      depth += kPackDepth;
    } while (depth < k_);
  }

 private:
  // Rectangles as large as the epilogue takes, smaller while there are too few for the threads.
  void choose_task_shape() {
    const std::int64_t wanted = parallel_.num_threads() > 1 ? 3 * parallel_.num_threads() : 1;
    task_rows_ = kMaxTaskRows;
    task_cols_ = kMaxTaskCols;
    const auto tasks = [this] {
      return ceil_div(rows_.size(), task_rows_) * ceil_div(cols_.size(), task_cols_);
    };
    while (tasks() < wanted && task_rows_ > kStripRows) {
      task_rows_ /= 2;
      if (tasks() < wanted) task_cols_ /= 2;
    }
  }

  std::int64_t padded_rows() const { return round_up(rows_.size(), kStripRows); }
  std::int64_t padded_cols() const { return round_up(cols_.size(), kStripRows); }

  void pack_operand(PackedOperand& packed, void (*kernel)(const PackArgs&), const DigitView& view,
                    const Range& rows, std::int64_t width) {
    packed.shape(rows.size(), depth_.size(), width, kernels_.depth_unit);
    const DigitView part = at(view, rows.begin, depth_.begin);
    const std::int64_t strips = packed.strips();
    const auto task = [&packed, kernel, &part](std::int64_t begin, std::int64_t end) {
      packed.pack(kernel, part, begin, end);
    };
    parallel_.run_ranges(strips, ceil_div(strips, 4 * parallel_.num_threads()), std::ref(task));
  }

  void pack() {
    pack_operand(scratch_.a, kernels_.pack_a, a_, rows_, kernels_.a_width);
    if (output_.a_low != nullptr) {
      DigitView low = a_;
      low.data = output_.a_low;
      pack_operand(scratch_.a_low, kernels_.pack_a, low, rows_, kernels_.a_width);
    }
    pack_operand(scratch_.b, kernels_.pack_b, b_, cols_, kernels_.b_width);
  }

  void run_task(std::int64_t row_task, std::int64_t col_task) {
    const Range rows = {row_task * task_rows_, std::min((row_task + 1) * task_rows_, rows_.size())};
    const Range cols = {col_task * task_cols_, std::min((col_task + 1) * task_cols_, cols_.size())};
    if (hidden(rows.end - 1, cols.begin)) return;
    TaskScales scales;
    epilogue_.prepare(rows_.begin + rows.begin, rows.size(), cols_.begin + cols.begin, cols.size(),
                      scales);
    const std::int64_t sweeps = std::max<std::int64_t>(ceil_div(depth_.size(), kSweepDepth), 1);
    const Sums sums = task_sums(rows, cols);
    const TileState state(kernels_);
    for (std::int64_t sweep = 0; sweep < sweeps; ++sweep) {
      const bool last = depth_.end == k_ && sweep + 1 == sweeps;
      for (std::int64_t c = cols.begin; c < cols.end; c += kernels_.b_width) {
        for (std::int64_t r = rows.begin; r < rows.end; r += kernels_.a_width) {
          run_tile(sweep, last, scales, sums, {r, std::min(r + kernels_.a_width, rows.end)},
                   {c, std::min(c + kernels_.b_width, cols.end)});
        }
      }
    }
  }

  // Where a task keeps S between sweeps; with one sweep, every tile uses the same few lines.
  struct Sums {
    double* data = nullptr;
    std::int64_t ld = 0;
    Range rows;
    Range cols;
    double* tile(std::int64_t row, std::int64_t col) const {
      return data + (row - rows.begin) * ld + (col - cols.begin);
    }
  };
  Sums task_sums(const Range& rows, const Range& cols) const {
    if (sums_ != nullptr) return {sums_, padded_cols(), {}, {}};
    thread_local ScratchArray<double> buffer;
    return {buffer.reserve(kMaxTaskRows * kMaxTaskCols), kMaxTaskCols, rows, cols};
  }

  // True where no column from `col` on is visible to `row` (and so to no row before it).
  bool hidden(std::int64_t row, std::int64_t col) const {
    return epilogue_.visible_columns(rows_.begin + row) <= cols_.begin + col;
  }

  void run_tile(std::int64_t sweep, bool last, const TaskScales& scales, const Sums& sums,
                const Range& rows, const Range& cols) {
    if (hidden(rows.end - 1, cols.begin)) return;
    TileArgs args;
    const bool kept = k_ > kSweepDepth;
    args.s = kept ? sums.tile(rows.begin, cols.begin) : sums.data;
    args.ld = kept ? sums.ld : kernels_.b_width;
    args.accumulate = depth_.begin > 0 || sweep > 0;
    const std::int64_t col_panel = cols.begin / kernels_.b_width;
    const std::int64_t row_panel = rows.begin / kernels_.a_width;
    if (output_.a_low != nullptr) {
      args.factor = 0x1p14;
      multiply(scratch_.a, sweep, row_panel, col_panel, args);
      args.factor = 1;
      args.accumulate = true;
      multiply(scratch_.a_low, sweep, row_panel, col_panel, args);
    } else {
      multiply(scratch_.a, sweep, row_panel, col_panel, args);
    }
    if (last) {
      epilogue_.apply(scales, rows_.begin + rows.begin, rows.size(), cols_.begin + cols.begin,
                      cols.size(), args.s, args.ld);
    }
  }

  void multiply(const PackedOperand& a, std::int64_t sweep, std::int64_t row_panel,
                std::int64_t col_panel, TileArgs& args) const {
    if (depth_.size() > 0) {
      args.a = a.panel(sweep, row_panel);
      args.b = scratch_.b.panel(sweep, col_panel);
      args.blocks = a.blocks(sweep);
      args.wide =
          a.norm(sweep, row_panel) * scratch_.b.norm(sweep, col_panel) < (std::uint64_t{1} << 54);
    }
    kernels_.tile(args);
  }

  const PackedKernels& kernels_;
  const std::int64_t k_;
  const DigitView& a_;
  const DigitView& b_;
  const GemmOutput& output_;
  GemmEpilogue& epilogue_;
  Parallel& parallel_;
  Scratch& scratch_;
  Range rows_;
  Range cols_;
  Range depth_;
  double* sums_ = nullptr;
  std::int64_t task_rows_ = kMaxTaskRows;
  std::int64_t task_cols_ = kMaxTaskCols;
};

// Up to so many rows are multiplied unpacked.
constexpr std::int64_t kFewRows = 8;

bool is_thin(const PackedKernels& kernels, std::int64_t m, const DigitView& a, const DigitView& b,
             const GemmOutput& output) {
  return kernels.dots != nullptr && m <= kFewRows && a.depth_stride == 1 && b.depth_stride == 1 &&
         output.a_low == nullptr;
}

// C of few rows, a piece of its columns at a time.
void run_thin(const PackedKernels& kernels, std::int64_t m, std::int64_t n, std::int64_t k,
              const DigitView& a, const DigitView& b, GemmEpilogue& epilogue, Parallel& parallel) {
  const std::int64_t visible = std::min(n, epilogue.visible_columns(m - 1));
  parallel.run(ceil_div(visible, kMaxTaskCols), [&](std::int64_t i) {
    const Range cols = {i * kMaxTaskCols, std::min((i + 1) * kMaxTaskCols, visible)};
    TaskScales scales;
    epilogue.prepare(0, m, cols.begin, cols.size(), scales);
    double sums[kFewRows * kMaxTaskCols];
    DotsArgs args = {a.data,       a.row_stride, m, at(b, cols.begin, 0).data,
                     b.row_stride, cols.size(),  k, sums,
                     kMaxTaskCols};
    kernels.dots(args);
    epilogue.apply(scales, 0, m, cols.begin, cols.size(), sums, kMaxTaskCols);
  });
}

}  // namespace

void PackedGemm::run(std::int64_t m, std::int64_t n, std::int64_t k, const DigitView& a,
                     const DigitView& b, const GemmOutput& output, Parallel& parallel) const {
  check_gemm(m, n, k, a, b, output);
  if (m == 0 || n == 0) return;
  thread_local Scratch scratch;
  GemmEpilogue epilogue(output, kernels_.epilogue, n);
  if (is_thin(kernels_, m, a, b, output)) {
    run_thin(kernels_, m, n, k, a, b, epilogue, parallel);
    return epilogue.throw_if_trapped();
  }
  Product product(kernels_, k, a, b, output, epilogue, parallel, scratch);
  const std::int64_t depth = std::clamp<std::int64_t>(k, 64, kPackDepth);
  const std::int64_t side = kPackDigits / depth / kMaxTaskRows * kMaxTaskRows;
  for (std::int64_t row = 0; row < m; row += side) {
    const Range rows = {row, std::min(row + side, m)};
    const std::int64_t visible = epilogue.visible_columns(rows.end - 1);
    for (std::int64_t col = 0; col < visible; col += side) {
      product.run(rows, {col, std::min(col + side, visible)});
    }
  }
  epilogue.throw_if_trapped();
}

}  // namespace repro::train
