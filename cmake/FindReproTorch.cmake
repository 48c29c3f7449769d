# LibTorch as scripts/deps-libtorch lays it: the imported target repro_torch (headers, torch_cpu, c10), whose
# users find the libraries at run time in the same folder.
#
# REPRO_TORCH_DIR: another folder with include/ and lib/ of the same version.

set(REPRO_TORCH_DIR "" CACHE PATH "Folder of LibTorch; empty: where scripts/deps-libtorch lays it")
set(repro_torch_dir "${REPRO_TORCH_DIR}")
if(NOT repro_torch_dir)
  set(pins ${CMAKE_CURRENT_LIST_DIR}/../scripts/libtorch.txt)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
    set(pins ${CMAKE_CURRENT_LIST_DIR}/../scripts/libtorch-aarch64.txt)
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pins})
  file(SHA256 ${pins} pins_digest)
  string(SUBSTRING ${pins_digest} 0 12 pins_digest)
  file(STRINGS ${pins} torch_pin REGEX "^torch ")
  string(REGEX REPLACE "^torch ([^ ]+) .*" "\\1" torch_version "${torch_pin}")
  if(DEFINED ENV{REPRO_CACHE})
    set(repro_cache $ENV{REPRO_CACHE})
  else()
    set(repro_cache $ENV{HOME}/.cache/repro)
  endif()
  set(repro_torch_dir ${repro_cache}/libtorch-${torch_version}-${pins_digest})
endif()

if(EXISTS ${repro_torch_dir}/include/ATen/core/Tensor.h AND
   EXISTS ${repro_torch_dir}/lib/libtorch_cpu.so)
  set(ReproTorch_FOUND TRUE)
  if(NOT TARGET repro_torch)
    add_library(repro_torch_c10 SHARED IMPORTED)
    set_target_properties(repro_torch_c10 PROPERTIES
      IMPORTED_LOCATION ${repro_torch_dir}/lib/libc10.so)
    add_library(repro_torch SHARED IMPORTED)
    set_target_properties(repro_torch PROPERTIES
      IMPORTED_LOCATION ${repro_torch_dir}/lib/libtorch_cpu.so
      INTERFACE_INCLUDE_DIRECTORIES ${repro_torch_dir}/include
      INTERFACE_LINK_LIBRARIES repro_torch_c10)
  endif()
else()
  set(ReproTorch_FOUND FALSE)
  if(ReproTorch_FIND_REQUIRED)
    message(FATAL_ERROR "LibTorch is not at ${repro_torch_dir}.\n"
      "Run scripts/deps-libtorch, which downloads it; or set REPRO_TORCH_DIR to a folder with its include/ and "
      "lib/; or build without the native profile: -DREPRO_TORCH=OFF.")
  endif()
endif()
