// The AMX product as it stands, on the model of tiles and SIMDe's functions.
#define kAmxKernels kEmulatedAmxKernels
#include "train/kernels/cpu/gemm_amx.cc"  // NOLINT(bugprone-suspicious-include)
