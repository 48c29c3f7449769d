// REPRO_HD: marks a numeric function for host and device.
//
// On the host such functions are always inlined, on purpose: the same header is compiled once per
// instruction set, and an out-of-line copy could be merged by the linker with one that uses
// instructions this CPU lacks. The wrappers below exist because library templates would have the
// same problem.
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define REPRO_HD __host__ __device__ __forceinline__
#else
#define REPRO_HD [[gnu::always_inline]] inline
#endif

// Before a loop whose iterations touch only their own elements, so that in-place use vectorises
// too. Clang warns where it then cannot, so it gets the hint only where the row tables are made.
#if defined(__clang__) && !defined(REPRO_ROW_TABLE)
#define REPRO_INDEPENDENT_LOOP
#elif defined(__clang__)
#define REPRO_INDEPENDENT_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__) && !defined(__CUDACC__)
#define REPRO_INDEPENDENT_LOOP _Pragma("GCC ivdep")
#else
#define REPRO_INDEPENDENT_LOOP
#endif

// Before a loop that must be unrolled whole, so that the arrays it indexes stay in registers. There
// is no such pragma that nvcc's host pass and the compiler behind it both accept; nothing runs from
// there.
#if defined(__CUDA_ARCH__) || (defined(__clang__) && !defined(__CUDACC__))
#define REPRO_UNROLL _Pragma("unroll")
#elif defined(__GNUC__) && !defined(__CUDACC__)
#define REPRO_UNROLL _Pragma("GCC unroll 64")
#else
#define REPRO_UNROLL
#endif

namespace repro::train {

// round to nearest even of the exact a * b + c.
REPRO_HD float fma32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
REPRO_HD double fma64(double a, double b, double c) { return __builtin_fma(a, b, c); }

// Correctly rounded square roots.
REPRO_HD float sqrt32(float x) { return __builtin_sqrtf(x); }
REPRO_HD double sqrt64(double x) { return __builtin_sqrt(x); }

template <class T>
REPRO_HD T larger(T a, T b) {
  return a < b ? b : a;
}
template <class T>
REPRO_HD T smaller(T a, T b) {
  return b < a ? b : a;
}

}  // namespace repro::train
