# The CUDA compiler that scripts/deps-cuda finds (nothing is downloaded here), cuBLASLt's headers, and how
# .cu files are compiled. CMake's own CUDA language is not used: this needs no driver and no trial program.
#
# ReproCuda_FOUND, REPRO_NVCC (its path), REPRO_CUDA_FLAGS, REPRO_CUDA_ARCHITECTURES
# repro_cudart: the static runtime with its headers, for C++ sources too
# ReproCuda_BLAS_FOUND, repro_cublaslt (headers only: it is loaded at run time), REPRO_CUBLASLT (the library,
# where it lies beside the headers)

set(REPRO_CUDA_ARCHITECTURES 80 90 100)
# The float rules of docs/arithmetic.md: nothing contracted, subnormals kept, division and square root
# rounded correctly. tests/gpu/compile_test.py looks at what comes out.
set(REPRO_CUDA_FLAGS -std=c++20 -O3 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
  -Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Wshadow,-Werror,-ffp-contract=off,-fPIC)
# Machine code for each architecture, which later GPUs of the same major number run too; for all others the
# driver compiles the PTX of the first (no rule for floats is left to it: docs/gpu.md).
set(repro_cuda_codes "")
foreach(number ${REPRO_CUDA_ARCHITECTURES})
  list(APPEND repro_cuda_codes -gencode arch=compute_${number},code=sm_${number})
endforeach()
list(TRANSFORM repro_cuda_codes REPLACE "code=sm_80$" "code=[sm_80,compute_80]")

function(repro_find_toolkit option result)
  execute_process(COMMAND ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../scripts/deps-cuda ${option}
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(${result} "${folder}" PARENT_SCOPE)
endfunction()

set(ReproCuda_FOUND FALSE)
set(ReproCuda_BLAS_FOUND FALSE)
if(NOT CMAKE_CROSSCOMPILING)
  repro_find_toolkit(--find repro_cuda_dir)
  repro_find_toolkit(--find-blas repro_blas_dir)
endif()
if(repro_cuda_dir AND EXISTS ${repro_cuda_dir}/bin/nvcc)
  set(ReproCuda_FOUND TRUE)
  set(REPRO_NVCC ${repro_cuda_dir}/bin/nvcc)
  if(NOT TARGET repro_cudart)
    add_library(repro_cudart INTERFACE)
    target_include_directories(repro_cudart SYSTEM INTERFACE ${repro_cuda_dir}/include)
    target_link_libraries(repro_cudart INTERFACE
      ${repro_cuda_dir}/lib64/libcudart_static.a ${CMAKE_DL_LIBS} rt pthread)
  endif()
elseif(ReproCuda_FIND_REQUIRED)
  message(FATAL_ERROR "There is no CUDA compiler. Run scripts/deps --cuda, which downloads one, or install a CUDA "
    "Toolkit 13 with nvcc on PATH.")
endif()
if(ReproCuda_FOUND AND repro_blas_dir AND EXISTS ${repro_blas_dir}/include/cublasLt.h)
  set(ReproCuda_BLAS_FOUND TRUE)
  file(GLOB REPRO_CUBLASLT ${repro_blas_dir}/lib*/libcublasLt.so.13)
  list(POP_FRONT REPRO_CUBLASLT REPRO_CUBLASLT)
  if(NOT TARGET repro_cublaslt)
    add_library(repro_cublaslt INTERFACE)
    target_include_directories(repro_cublaslt SYSTEM INTERFACE ${repro_blas_dir}/include)
    target_link_libraries(repro_cublaslt INTERFACE repro_cudart)
  endif()
elseif(ReproCuda_FIND_REQUIRED)
  message(FATAL_ERROR "There is no cublasLt.h. Run scripts/deps --cuda, which downloads cuBLASLt, or install a whole "
    "CUDA Toolkit 13 with nvcc on PATH.")
endif()

# repro_cuda_objects(RESULT SOURCES...): objects of .cu files of this folder; what nvcc makes on the way, PTX
# among it, is kept in kept/SOURCE for tests/gpu/compile_test.py.
function(repro_cuda_objects result)
  set(objects "")
  foreach(source ${ARGN})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${source}.o)
    file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${source})
    set(kept ${CMAKE_BINARY_DIR}/kept/${name})
    file(MAKE_DIRECTORY ${kept})
    add_custom_command(OUTPUT ${object}
      COMMAND ${REPRO_NVCC} -ccbin ${CMAKE_CXX_COMPILER} ${REPRO_CUDA_FLAGS} ${repro_cuda_codes}
              --keep --keep-dir ${kept} -I ${CMAKE_SOURCE_DIR} -MD -MF ${object}.d
              -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source} DEPFILE ${object}.d
      COMMENT "Compiling ${name} for GPUs" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${result} ${objects} PARENT_SCOPE)
endfunction()
