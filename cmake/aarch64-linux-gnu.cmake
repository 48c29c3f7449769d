# Cross build for AArch64 with Debian's compiler, on libraries that scripts/deps-aarch64 unpacks; tests
# run under qemu-user. REPRO_SYSROOT: that folder (scripts/deps-aarch64 prints it).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(REPRO_SYSROOT "$ENV{REPRO_SYSROOT}" CACHE PATH "Folder that scripts/deps-aarch64 printed")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES REPRO_SYSROOT)
set(CMAKE_FIND_ROOT_PATH ${REPRO_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${REPRO_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${REPRO_SYSROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${REPRO_SYSROOT})

# Headers that are found by no package: nlohmann/json, rapidcheck, OpenSSL's per-architecture ones.
include_directories(SYSTEM ${REPRO_SYSROOT}/usr/include ${REPRO_SYSROOT}/usr/include/aarch64-linux-gnu)
add_link_options(-L${REPRO_SYSROOT}/usr/lib/aarch64-linux-gnu
                 -Wl,-rpath-link,${REPRO_SYSROOT}/usr/lib/aarch64-linux-gnu)

set(CMAKE_CROSSCOMPILING_EMULATOR
  qemu-aarch64;-L;/usr/aarch64-linux-gnu;-E;LD_LIBRARY_PATH=${REPRO_SYSROOT}/usr/lib/aarch64-linux-gnu)
