# Settings that hold for every target, and the helper by which modules declare themselves.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)  # librepro_native.so takes the same archives
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2")  # REPRO_CHECK stays; assert is not used

find_program(REPRO_CCACHE ccache)
if(REPRO_CCACHE)
  # Without this ccache would not look at sources that use a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros ${REPRO_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()

# -ffp-contract=off: the compiler may never fuse a multiply and an add; docs/arithmetic.md says where
# an fma stands. Paths are mapped so that a build does not depend on where the tree lies.
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -ffp-contract=off
                    -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)

# Headers of other people that cost most to read (seconds a file), read once.
file(WRITE ${CMAKE_BINARY_DIR}/pch/empty.cc "")
function(repro_precompile name)
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/pch/empty.cc)
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()
repro_precompile(repro_json_headers <nlohmann/json.hpp> <string> <vector>)

# repro_library(NAME [JSON] SOURCES a.cc ... USES target ... PRIVATE target ...)
#   A static library. USES: what its headers need too; PRIVATE: what only its sources need. JSON: most
#   of its sources read nlohmann/json.hpp.
function(repro_library name)
  cmake_parse_arguments(ARG "JSON" "" "SOURCES;USES;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  if(ARG_JSON)
    target_precompile_headers(${name} REUSE_FROM repro_json_headers)
  endif()
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_USES} PRIVATE ${ARG_PRIVATE})
endfunction()

# repro_test(NAME [PLAIN] SOURCES a_test.cc ... USES target ... [LABEL fast|slow] [TIMEOUT s])
#   One GoogleTest program, one ctest entry. PLAIN: no numbers are crunched in its own sources, so they
#   are not optimised, which halves the time to compile them.
function(repro_test name)
  cmake_parse_arguments(ARG "PLAIN" "LABEL;TIMEOUT" "SOURCES;USES" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL fast)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_PLAIN)
    target_compile_options(${name} PRIVATE -O0)
    target_precompile_headers(${name} REUSE_FROM repro_plain_test_headers)
  endif()
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_USES} GTest::gmock GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "REPRO_SOURCE_DIR=${CMAKE_SOURCE_DIR};REPRO_BINARY_DIR=${CMAKE_BINARY_DIR}")
endfunction()
