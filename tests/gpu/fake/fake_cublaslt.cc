// What train/device/cuda asks of cuBLASLt, as its manual defines it, in plain loops. Anything it
// would not do on a GPU is refused: another form than transposed times plain, a type, an alignment
// of less than was promised to the choice of an algorithm.
#include <cublasLt.h>

#include <cstring>
#include <memory>

#include "tests/gpu/fake/fake_stream.h"

namespace {

struct Layout {
  cudaDataType type;
  std::int64_t rows, cols, ld;
  std::int32_t batch = 1;
  std::int64_t stride = 0;
};
struct Operation {
  cublasComputeType_t compute;
  cudaDataType scale;
  std::int32_t a = CUBLAS_OP_N;
};
struct Preference {
  std::uint32_t least_alignment = 256;
  std::uint64_t workspace = 0;
};

// The library's handles are pointers to structs of its own.
template <class T, class Handle>
cublasStatus_t create(Handle* handle, const T& value) {
  *handle = reinterpret_cast<Handle>(std::make_unique<T>(value).release());
  return CUBLAS_STATUS_SUCCESS;
}
template <class T, class Handle>
cublasStatus_t destroy(Handle handle) {
  const std::unique_ptr<T> owned(reinterpret_cast<T*>(handle));
  return CUBLAS_STATUS_SUCCESS;
}
template <class T>
cublasStatus_t set(T& field, const void* value, std::size_t bytes) {
  if (bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&field, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}
template <class Handle>
const Layout& layout(Handle handle) {
  return *reinterpret_cast<const Layout*>(handle);
}

bool possible(const Operation& operation, const Layout& a, const Layout& b, const Layout& d) {
  const bool types = operation.compute == CUBLAS_COMPUTE_32I && operation.scale == CUDA_R_32I &&
                     a.type == CUDA_R_8I && b.type == CUDA_R_8I && d.type == CUDA_R_32I;
  const bool shapes = a.rows == b.rows && d.rows == a.cols && d.cols == b.cols &&
                      a.batch == d.batch && b.batch == d.batch;
  const bool fours = a.rows % 4 == 0 && a.cols % 4 == 0 && a.ld % 4 == 0 && b.ld % 4 == 0;
  const bool whole = a.ld >= a.rows && b.ld >= b.rows && d.ld >= d.rows;
  return types && shapes && fours && whole && operation.a == CUBLAS_OP_T;
}

void multiply(const Layout& x, const std::int8_t* a, const Layout& y, const std::int8_t* b,
              const Layout& z, std::int32_t* d) {
  for (std::int64_t i = 0; i < z.batch; ++i) {
    for (std::int64_t c = 0; c < z.cols; ++c) {
      for (std::int64_t r = 0; r < z.rows; ++r) {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < x.rows; ++k) {
          sum += a[i * x.stride + r * x.ld + k] * b[i * y.stride + c * y.ld + k];
        }
        d[i * z.stride + c * z.ld + r] = sum;
      }
    }
  }
}

bool aligned(const void* address, std::uint64_t bytes) {
  return reinterpret_cast<std::uintptr_t>(address) % bytes == 0;
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) { return create(handle, 0); }
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return destroy<int>(handle); }
std::size_t cublasLtGetVersion() { return 130203; }
const char* cublasLtGetStatusString(cublasStatus_t) { return "what the stand-in says"; }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* operation,
                                        cublasComputeType_t compute, cudaDataType_t scale) {
  return create(operation, Operation{compute, scale});
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  return destroy<Operation>(operation);
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t bytes) {
  if (attribute != CUBLASLT_MATMUL_DESC_TRANSA) return CUBLAS_STATUS_NOT_SUPPORTED;
  return set(reinterpret_cast<Operation*>(operation)->a, value, bytes);
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* handle, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t cols, std::int64_t ld) {
  return create(handle,
                Layout{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(cols), ld});
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t handle) {
  return destroy<Layout>(handle);
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, std::size_t bytes) {
  auto* matrix = reinterpret_cast<Layout*>(handle);
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) return set(matrix->batch, value, bytes);
  if (attribute != CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET) return CUBLAS_STATUS_NOT_SUPPORTED;
  return set(matrix->stride, value, bytes);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* handle) {
  return create(handle, Preference());
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t handle) {
  return destroy<Preference>(handle);
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t bytes) {
  auto* preference = reinterpret_cast<Preference*>(handle);
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
    return set(preference->workspace, value, bytes);
  }
  return set(preference->least_alignment, value, bytes);
}

// An algorithm that wants what was promised.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int,
                                              cublasLtMatmulHeuristicResult_t* results,
                                              int* count) {
  const auto& wanted = *reinterpret_cast<const Preference*>(preference);
  *count = possible(*reinterpret_cast<const Operation*>(operation), layout(a), layout(b), layout(d))
               ? 1
               : 0;
  results->algo.data[0] = wanted.least_alignment;
  results->algo.data[1] = wanted.workspace;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void*,
                              cublasLtMatrixLayout_t, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t bytes, cudaStream_t stream) {
  if (*static_cast<const std::int32_t*>(alpha) != 1) return CUBLAS_STATUS_INVALID_VALUE;
  if (*static_cast<const std::int32_t*>(beta) != 0) return CUBLAS_STATUS_INVALID_VALUE;
  const std::uint64_t alignment = algorithm->data[0];
  const bool usable = aligned(a, alignment) && aligned(b, alignment) && aligned(d, alignment) &&
                      aligned(workspace, 256) && bytes >= algorithm->data[1];
  if (!usable) return CUBLAS_STATUS_INVALID_VALUE;
  // The library copies the layouts when it queues.
  stream->work.push_back([=, x = layout(a_layout), y = layout(b_layout), z = layout(d_layout)] {
    multiply(x, static_cast<const std::int8_t*>(a), y, static_cast<const std::int8_t*>(b), z,
             static_cast<std::int32_t*>(d));
  });
  return stream->failure == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
