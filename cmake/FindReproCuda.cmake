# The CUDA compiler that scripts/deps-cuda finds (nothing is downloaded here) and how .cu files are
# compiled. CMake's own CUDA language is not used: this needs no driver and no trial program.
#
# ReproCuda_FOUND, REPRO_NVCC (its path), REPRO_CUDA_LIBRARY (the static runtime), REPRO_CUDA_FLAGS, REPRO_CUDA_ARCHITECTURES.

set(ReproCuda_FOUND FALSE)
if(NOT CMAKE_CROSSCOMPILING)
  execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../scripts/deps-cuda --find
    OUTPUT_VARIABLE repro_cuda_dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(repro_cuda_dir AND EXISTS ${repro_cuda_dir}/bin/nvcc)
    set(ReproCuda_FOUND TRUE)
    set(REPRO_NVCC ${repro_cuda_dir}/bin/nvcc)
    set(REPRO_CUDA_LIBRARY ${repro_cuda_dir}/lib64/libcudart_static.a)
  endif()
endif()
if(NOT ReproCuda_FOUND AND ReproCuda_FIND_REQUIRED)
  message(FATAL_ERROR "There is no CUDA compiler. Run scripts/deps --cuda, which downloads one, or install a CUDA "
    "Toolkit 13 with nvcc on PATH.")
endif()

# The float rules of docs/arithmetic.md: nothing contracted, subnormals kept, division and square root
# rounded correctly. tests/gpu/compile_test.py looks at what comes out.
set(REPRO_CUDA_FLAGS -std=c++20 -O3 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
  -Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Wshadow,-Werror,-ffp-contract=off)
set(REPRO_CUDA_ARCHITECTURES 80 90 100)
