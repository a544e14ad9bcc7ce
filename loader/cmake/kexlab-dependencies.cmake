# SPDX-License-Identifier: Apache-2.0
# The libraries that kexlab::loader links, found the same way by its own build and by every project that uses it.
find_package(PkgConfig REQUIRED)
foreach(_kexlab_module zlib libzstd liblzma liblz4)
  pkg_check_modules(kexlab_${_kexlab_module} REQUIRED QUIET IMPORTED_TARGET GLOBAL ${_kexlab_module})
endforeach()

# Debian's libfdt has neither a pkg-config file nor a CMake package.
find_path(KEXLAB_FDT_INCLUDE_DIR libfdt.h)
find_library(KEXLAB_FDT_LIBRARY fdt)
if(NOT KEXLAB_FDT_INCLUDE_DIR OR NOT KEXLAB_FDT_LIBRARY)
  message(FATAL_ERROR "libfdt is missing; Debian package: libfdt-dev")
endif()
if(NOT TARGET kexlab::fdt)
  add_library(kexlab::fdt UNKNOWN IMPORTED GLOBAL)
  set_target_properties(kexlab::fdt PROPERTIES
    IMPORTED_LOCATION ${KEXLAB_FDT_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${KEXLAB_FDT_INCLUDE_DIR})
endif()

# The headers use tl::expected (Debian package: libexpected-dev).
find_path(KEXLAB_EXPECTED_INCLUDE_DIR tl/expected.hpp)
if(NOT KEXLAB_EXPECTED_INCLUDE_DIR)
  message(FATAL_ERROR "tl/expected.hpp is missing; Debian package: libexpected-dev")
endif()
if(NOT TARGET kexlab::expected)
  add_library(kexlab::expected INTERFACE IMPORTED GLOBAL)
  set_target_properties(kexlab::expected PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${KEXLAB_EXPECTED_INCLUDE_DIR})
endif()
