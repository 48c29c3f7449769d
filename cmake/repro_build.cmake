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
  set(CMAKE_CXX_COMPILER_LAUNCHER ${REPRO_CCACHE})
endif()

# -ffp-contract=off: the compiler may never fuse a multiply and an add; docs/arithmetic.md says where
# an fma stands. Paths are mapped so that a build does not depend on where the tree lies.
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -ffp-contract=off
                    -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)

# repro_library(NAME SOURCES a.cc ... USES target ... PRIVATE target ...)
#   A static library. USES: what its headers need too; PRIVATE: what only its sources need.
function(repro_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_USES} PRIVATE ${ARG_PRIVATE})
endfunction()

# repro_test(NAME SOURCES a_test.cc ... USES target ... [LABEL fast|slow] [TIMEOUT s])
#   One GoogleTest program, one ctest entry.
function(repro_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;USES" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL fast)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_USES} GTest::gmock GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "REPRO_SOURCE_DIR=${CMAKE_SOURCE_DIR};REPRO_BINARY_DIR=${CMAKE_BINARY_DIR}")
endfunction()
