// The AVX-512 product as it stands, on SIMDe's functions.
#define kAvx512Kernels kEmulatedAvx512Kernels
#include "train/kernels/cpu/gemm_avx512.cc"  // NOLINT(bugprone-suspicious-include)
