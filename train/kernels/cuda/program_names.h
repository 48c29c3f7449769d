// What messages call each program. One without a name does not compile.
#pragma once

#include <string_view>

#include "train/kernels/cuda/program.h"

namespace repro::train {

template <class Args>
inline constexpr std::string_view kProgramName;

template <>
inline constexpr std::string_view kProgramName<RmsNormArgs> = "rms_norm";
template <>
inline constexpr std::string_view kProgramName<RmsNormBackwardBatch> = "rms_norm_backward";
template <>
inline constexpr std::string_view kProgramName<RopeArgs> = "rope";
template <>
inline constexpr std::string_view kProgramName<SwigluArgs> = "swiglu";
template <>
inline constexpr std::string_view kProgramName<SwigluBackwardArgs> = "swiglu_backward";
template <>
inline constexpr std::string_view kProgramName<SoftmaxBatch> = "softmax";
template <>
inline constexpr std::string_view kProgramName<AttentionBackwardBatch> = "attention_backward";
template <>
inline constexpr std::string_view kProgramName<CrossEntropyBatch> = "cross_entropy";
template <>
inline constexpr std::string_view kProgramName<FinishBlocksBatch> = "finish_blocks";
template <>
inline constexpr std::string_view kProgramName<AddScaledBatch> = "add_scaled_digits";
template <>
inline constexpr std::string_view kProgramName<AddUnitsBatch> = "add_units";
template <>
inline constexpr std::string_view kProgramName<PeaksBatch> = "peaks";
template <>
inline constexpr std::string_view kProgramName<AddBatch> = "add";
template <>
inline constexpr std::string_view kProgramName<AdamwArgs> = "adamw";
template <>
inline constexpr std::string_view kProgramName<SumSquaresBatch> = "sum_squares";
template <>
inline constexpr std::string_view kProgramName<SumPartsBatch> = "sum_parts";
template <>
inline constexpr std::string_view kProgramName<FindNonFiniteBatch> = "find_non_finite";
template <>
inline constexpr std::string_view kProgramName<JoinBatch> = "join_sums";
template <>
inline constexpr std::string_view kProgramName<FillExponents> = "fill_exponents";
template <>
inline constexpr std::string_view kProgramName<FillIndices> = "fill_indices";
template <>
inline constexpr std::string_view kProgramName<GatherBatch> = "gather";
template <>
inline constexpr std::string_view kProgramName<QuantizeHeadsBatch> = "quantize_heads";
template <>
inline constexpr std::string_view kProgramName<SplitHeadsBatch> = "split_heads";
template <>
inline constexpr std::string_view kProgramName<SplitColumnsBatch> = "split_columns";
template <>
inline constexpr std::string_view kProgramName<ColumnExponentsBatch> = "column_exponents";
template <>
inline constexpr std::string_view kProgramName<QuantizeColumnsSplitBatch> =
    "quantize_columns_split";
template <>
inline constexpr std::string_view kProgramName<QuantizeBlocksBatch> = "quantize_blocks";
template <>
inline constexpr std::string_view kProgramName<AddBlocksBatch> = "add_blocks";
template <>
inline constexpr std::string_view kProgramName<MaxExponentBatch> = "max_exponent";
template <>
inline constexpr std::string_view kProgramName<LossRowsBatch> = "loss_rows";
template <>
inline constexpr std::string_view kProgramName<JoinScoresBatch> = "join_scores";
template <>
inline constexpr std::string_view kProgramName<VisibleMaximaBatch> = "visible_maxima";
template <>
inline constexpr std::string_view kProgramName<QueryBoundsBatch> = "query_bounds";
template <>
inline constexpr std::string_view kProgramName<KeyBoundsBatch> = "key_bounds";
template <>
inline constexpr std::string_view kProgramName<LeafDigestsBatch> = "leaf_digests";

// Lives for ever.
inline std::string_view program_name(const Program& program) {
  return std::visit(
      []<class Args>(const Args&) {
        static_assert(!kProgramName<Args>.empty(), "name this program above");
        return kProgramName<Args>;
      },
      program);
}

}  // namespace repro::train
