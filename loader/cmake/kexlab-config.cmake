# SPDX-License-Identifier: Apache-2.0
# What find_package(kexlab) reads: the target kexlab::loader and the libraries it needs.
include(${CMAKE_CURRENT_LIST_DIR}/kexlab-dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/kexlab-targets.cmake)
