// Stands in for the compiler's header of this name where the AVX2, AVX-512 and AMX sources are
// built to run on any machine: SIMDe's functions under the intrinsics' names, and the model of AMX
// tiles.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>

#include "tests/train/kernels/emulated/amx_model.h"
#include "tests/train/kernels/emulated/avx512_gaps.h"

#define _tile_loadconfig(config) repro::train::amx_model::load_config(config)
#define _tile_release() repro::train::amx_model::release()
#define _tile_zero(tile) repro::train::amx_model::zero(tile)
#define _tile_loadd(tile, base, stride) repro::train::amx_model::load(tile, base, stride)
#define _tile_stored(tile, base, stride) repro::train::amx_model::store(tile, base, stride)
#define _tile_dpbssd(sums, a, b) repro::train::amx_model::dot_signed_bytes(sums, a, b)
