// AVX-512 functions that the kernels use and SIMDe 0.7.2 lacks, lane by lane after Intel's
// Intrinsics Guide. Included by immintrin.h beside this file only. SIMDe's functions are macros
// under the native names, so a newer version's own are preferred.
#pragma once

#include <simde/x86/avx512.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace repro::train::avx512_gaps {

template <class Lane, int kLanes>
struct Lanes {
  Lane lane[kLanes];
};

template <class Lane, int kLanes, class Vector>
Lanes<Lane, kLanes> lanes_of(const Vector& vector) {
  Lanes<Lane, kLanes> lanes;
  static_assert(sizeof(lanes) == sizeof(vector));
  std::memcpy(&lanes, &vector, sizeof(lanes));
  return lanes;
}

template <class Vector, class Lane, int kLanes>
Vector vector_of(const Lanes<Lane, kLanes>& lanes) {
  Vector vector;
  static_assert(sizeof(lanes) == sizeof(vector));
  std::memcpy(&vector, &lanes, sizeof(vector));
  return vector;
}

using Mask8 = std::uint8_t;

inline simde__m512d maskz_loadu_pd(Mask8 mask, const void* from) {
  Lanes<double, 8> lanes = {};
  for (int i = 0; i < 8; ++i) {
    if ((mask >> i & 1) != 0) std::memcpy(&lanes.lane[i], static_cast<const double*>(from) + i, 8);
  }
  return vector_of<simde__m512d>(lanes);
}
inline simde__m512i maskz_loadu_epi64(Mask8 mask, const void* from) {
  Lanes<std::int64_t, 8> lanes = {};
  for (int i = 0; i < 8; ++i) {
    if ((mask >> i & 1) != 0) lanes.lane[i] = static_cast<const std::int64_t*>(from)[i];
  }
  return vector_of<simde__m512i>(lanes);
}
inline void mask_storeu_epi64(void* to, Mask8 mask, const simde__m512i& vector) {
  const auto lanes = lanes_of<std::int64_t, 8>(vector);
  for (int i = 0; i < 8; ++i) {
    if ((mask >> i & 1) != 0) static_cast<std::int64_t*>(to)[i] = lanes.lane[i];
  }
}
inline void mask_storeu_ps(void* to, Mask8 mask, const simde__m256& vector) {
  const auto lanes = lanes_of<float, 8>(vector);
  for (int i = 0; i < 8; ++i) {
    if ((mask >> i & 1) != 0) static_cast<float*>(to)[i] = lanes.lane[i];
  }
}
inline simde__m512d cvtepi32_pd(const simde__m256i& vector) {
  const auto from = lanes_of<std::int32_t, 8>(vector);
  Lanes<double, 8> lanes;
  for (int i = 0; i < 8; ++i) lanes.lane[i] = from.lane[i];
  return vector_of<simde__m512d>(lanes);
}
inline simde__m512d cvtepu32_pd(const simde__m256i& vector) {
  const auto from = lanes_of<std::uint32_t, 8>(vector);
  Lanes<double, 8> lanes;
  for (int i = 0; i < 8; ++i) lanes.lane[i] = from.lane[i];
  return vector_of<simde__m512d>(lanes);
}
// Rounds as the environment says: to nearest, ties to even.
inline simde__m256 cvtpd_ps(const simde__m512d& vector) {
  const auto from = lanes_of<double, 8>(vector);
  Lanes<float, 8> lanes;
  for (int i = 0; i < 8; ++i) lanes.lane[i] = static_cast<float>(from.lane[i]);
  return vector_of<simde__m256>(lanes);
}
// For |x| < 2^63, as the kernels have made sure.
inline simde__m512i cvtpd_epi64(const simde__m512d& vector) {
  const auto from = lanes_of<double, 8>(vector);
  Lanes<std::int64_t, 8> lanes;
  for (int i = 0; i < 8; ++i) {
    lanes.lane[i] = static_cast<std::int64_t>(std::nearbyint(from.lane[i]));
  }
  return vector_of<simde__m512i>(lanes);
}
template <int kHow>
inline Mask8 mask_compare(Mask8 mask, const simde__m512d& a, const simde__m512d& b) {
  static_assert(kHow == SIMDE_CMP_LT_OQ, "the one comparison in use");
  const auto x = lanes_of<double, 8>(a);
  const auto y = lanes_of<double, 8>(b);
  unsigned result = 0;
  for (int i = 0; i < 8; ++i) result |= static_cast<unsigned>(x.lane[i] < y.lane[i]) << i;
  return static_cast<Mask8>(result & mask);
}
inline simde__m512i srai_epi32(const simde__m512i& vector, int count) {
  auto lanes = lanes_of<std::int32_t, 16>(vector);
  for (std::int32_t& lane : lanes.lane) lane >>= count;
  return vector_of<simde__m512i>(lanes);
}

}  // namespace repro::train::avx512_gaps

#ifndef __mmask8
#define __mmask8 repro::train::avx512_gaps::Mask8
#endif
#ifndef _mm512_maskz_loadu_pd
#define _mm512_maskz_loadu_pd repro::train::avx512_gaps::maskz_loadu_pd
#endif
#ifndef _mm512_maskz_loadu_epi64
#define _mm512_maskz_loadu_epi64 repro::train::avx512_gaps::maskz_loadu_epi64
#endif
#ifndef _mm512_mask_storeu_epi64
#define _mm512_mask_storeu_epi64 repro::train::avx512_gaps::mask_storeu_epi64
#endif
#ifndef _mm256_mask_storeu_ps
#define _mm256_mask_storeu_ps repro::train::avx512_gaps::mask_storeu_ps
#endif
#ifndef _mm512_cvtepi32_pd
#define _mm512_cvtepi32_pd repro::train::avx512_gaps::cvtepi32_pd
#endif
#ifndef _mm512_cvtepu32_pd
#define _mm512_cvtepu32_pd repro::train::avx512_gaps::cvtepu32_pd
#endif
#ifndef _mm512_cvtpd_ps
#define _mm512_cvtpd_ps repro::train::avx512_gaps::cvtpd_ps
#endif
#ifndef _mm512_cvtpd_epi64
#define _mm512_cvtpd_epi64 repro::train::avx512_gaps::cvtpd_epi64
#endif
#ifndef _mm512_mask_cmp_pd_mask
#define _mm512_mask_cmp_pd_mask(mask, a, b, how) \
  repro::train::avx512_gaps::mask_compare<how>(mask, a, b)
#endif
#ifndef _mm512_srai_epi32
#define _mm512_srai_epi32 repro::train::avx512_gaps::srai_epi32
#endif
