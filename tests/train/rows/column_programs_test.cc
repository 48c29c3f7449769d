// The geometry of column_blocks.h, and the programs of column_programs.h on an emulated grid,
// against the scalar row kernels block by block and plain loops.
#include "train/kernels/cuda/column_programs.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/train/rows/program_test.h"

namespace repro::train {
namespace {

// Blocks shorter than a unit's rows, as long, and longer; short last blocks; one block.
ColumnBlocks random_shape(const auto& below) {
  ColumnBlocks shape;
  shape.depth = below(300) + 1;
  shape.cols = below(2) == 0 ? below(30) + 1 : below(90) + 1;
  shape.block = below(2) == 0 ? 16 * (below(10) + 1) : below(200) + 1;
  shape.matrices = below(2) == 0 ? below(3) + 2 : 1;
  return shape;
}

TEST(ColumnBlocks, UnitsCoverEveryElementOfEveryOperandOnce) {
  std::mt19937 random(1);
  const auto below = [&](std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(bound));
  };
  for (int i = 0; i < 200; ++i) {
    const ColumnBlocks shape = random_shape(below);
    ASSERT_EQ(shape.blocks(), (shape.depth + shape.block - 1) / shape.block);
    std::vector<int> times(static_cast<std::size_t>(shape.split_size() / 2));
    for (std::int64_t u = 0; u < detail::column_units(shape); ++u) {
      const detail::ColumnUnit unit = detail::column_unit(shape, u);
      ASSERT_EQ(unit.operand, unit.block * shape.matrices + unit.matrix);
      ASSERT_TRUE(unit.matrix < shape.matrices && unit.operand < shape.operands());
      ASSERT_TRUE(unit.columns >= 1 && unit.columns <= kWarpLanes);
      ASSERT_LE(unit.column + unit.columns, shape.cols);
      // Rows are written 16 at a time.
      ASSERT_TRUE(unit.row % kSplitAlignment == 0 && unit.rows % kSplitAlignment == 0);
      ASSERT_LE(unit.row + unit.rows, shape.padded());
      for (std::int64_t c = unit.column; c < unit.column + unit.columns; ++c) {
        for (std::int64_t r = unit.row; r < unit.row + unit.rows; ++r) {
          ++times[static_cast<std::size_t>((unit.operand * shape.cols + c) * shape.padded() + r)];
        }
      }
    }
    for (const int time : times) ASSERT_EQ(time, 1);
  }
}

TEST(ColumnBlocks, NothingHasNoUnits) {
  EXPECT_EQ(detail::column_units(ColumnBlocks{0, 5, 64, 2}), 0);
  EXPECT_EQ(detail::column_units(ColumnBlocks{7, 0, 64, 2}), 0);
  EXPECT_EQ(detail::column_units(ColumnBlocks{7, 5, 64, 0}), 0);
}

class ColumnPrograms : public ProgramTest {
 protected:
  // Calls each(operand, matrix, first row, rows) for every block of every matrix.
  void for_each_operand(const auto& each) const {
    for (std::int64_t before = 0; before < shape_.depth; before += shape_.block) {
      for (std::int64_t matrix = 0; matrix < shape_.matrices; ++matrix) {
        each(before / shape_.block * shape_.matrices + matrix, matrix, before,
             std::min(shape_.block, shape_.depth - before));
      }
    }
  }
  WantedSplit wanted_split(bool low_first) const {
    return {shape_.operands() * shape_.cols, shape_.padded(), low_first};
  }

  ColumnBlocks shape_ = random_shape([this](std::int64_t bound) { return below(bound); });
};

TEST_P(ColumnPrograms, DigitsAreTurnedBlockByBlock) {
  const std::int64_t ld = shape_.matrices * shape_.cols + below(5);
  const std::vector<std::int16_t> q = digits(shape_.depth * ld);
  WantedSplit want = wanted_split(coin());
  for_each_operand(
      [&](std::int64_t operand, std::int64_t matrix, std::int64_t before, std::int64_t rows) {
        for (std::int64_t r = 0; r < rows; ++r) {
          const std::int16_t* row = q.data() + (before + r) * ld + matrix * shape_.cols;
          for (std::int64_t c = 0; c < shape_.cols; ++c)
            want.put(operand * shape_.cols + c, r, row[c]);
        }
      });
  Guarded<std::int8_t> split(shape_.split_size());
  run(SplitColumnsBatch{q.data(), ld, shape_, want.low_first, split.data()});
  EXPECT_EQ(split.values(), want.values);
  EXPECT_TRUE(split.intact());
}

// Matrices side by side or one after another, with columns that are empty, rows that are dropped,
// and now and then a whole block of those.
class FoldedColumnPrograms : public ColumnPrograms {
 protected:
  FoldedColumnPrograms() {
    const std::int64_t heads = shape_.matrices;
    const bool beside = coin();
    columns_.shape = shape_;
    columns_.ld = (beside ? heads * shape_.cols : shape_.cols) + below(5);
    columns_.x_stride = beside ? shape_.cols : shape_.depth * columns_.ld;
    columns_.fold_stride = shape_.depth + below(3);
    x_ = floats(beside ? shape_.depth * columns_.ld : heads * columns_.x_stride);
    for (std::size_t column = 0; column < static_cast<std::size_t>(columns_.ld); column += 7) {
      for (std::size_t i = column; i < x_.size(); i += static_cast<std::size_t>(columns_.ld)) {
        x_[i] = coin() ? 0.0F : -0.0F;
      }
    }
    fold_ = folds(heads * columns_.fold_stride);
    if (below(3) == 0) {
      std::fill_n(fold_.begin(), std::min(shape_.block, shape_.depth), kEmptyExponent);
    }
    columns_.x = x_.data();
    columns_.fold = fold_.data();
  }

  std::vector<float> x_;
  std::vector<std::int32_t> fold_;
  FoldedColumns columns_;
};

TEST_P(FoldedColumnPrograms, ColumnsAreQuantisedBlockByBlock) {
  WantedSplit want = wanted_split(false);
  std::vector<std::int32_t> want_exponents(
      static_cast<std::size_t>(shape_.operands() * shape_.cols));
  for_each_operand(
      [&](std::int64_t operand, std::int64_t matrix, std::int64_t before, std::int64_t rows) {
        std::vector<std::int16_t> q(static_cast<std::size_t>(rows * shape_.cols));
        scalar_row_kernels().quantize_columns(
            {columns_.row(matrix, before), rows, shape_.cols, columns_.ld,
             columns_.fold + matrix * columns_.fold_stride + before, q.data(), shape_.cols,
             want_exponents.data() + operand * shape_.cols});
        for (std::int64_t i = 0; i < rows * shape_.cols; ++i) {
          want.put(operand * shape_.cols + i % shape_.cols, i / shape_.cols,
                   q[static_cast<std::size_t>(i)]);
        }
      });
  Guarded<std::int32_t> exponents(shape_.operands() * shape_.cols, kEmptyExponent);
  Guarded<std::int8_t> split(shape_.split_size());
  columns_.exponents = exponents.data();
  run(ColumnExponentsBatch{columns_});
  EXPECT_EQ(exponents.values(), want_exponents);
  run(QuantizeColumnsSplitBatch{columns_, split.data()});
  EXPECT_EQ(exponents.values(), want_exponents);
  EXPECT_EQ(split.values(), want.values);
  EXPECT_TRUE(exponents.intact() && split.intact());
}

INSTANTIATE_TEST_SUITE_P(Shapes, ColumnPrograms, testing::Range(0U, 16U));
INSTANTIATE_TEST_SUITE_P(Shapes, FoldedColumnPrograms, testing::Range(0U, 24U));

}  // namespace
}  // namespace repro::train
