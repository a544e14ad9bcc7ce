# SPDX-License-Identifier: Apache-2.0
# Build helpers: libraries and tests with the project's warnings, and code for guests by cross compilers.

# Designated initialisers leave the other members at their defaults on purpose.
set(KEXLAB_WARNINGS -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)
if(KEXLAB_WERROR)
  list(APPEND KEXLAB_WARNINGS -Werror)
endif()

function(kexlab_options target)
  target_compile_options(${target} PRIVATE ${KEXLAB_WARNINGS})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
  if(KEXLAB_FUZZERS)
    # Coverage counters for what a fuzzer drives; the fuzzer's own main comes with its target.
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(KEXLAB_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${KEXLAB_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
    target_link_options(${target} PUBLIC -fsanitize=${KEXLAB_SANITIZE})
  endif()
endfunction()

# kexlab_library(NAME SOURCES a.cpp … LINK lib …): a static library of the harness.
function(kexlab_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  kexlab_options(${name})
  target_link_libraries(${name} PUBLIC ${arg_LINK})
endfunction()

# kexlab_test(NAME SOURCES a_test.cpp … LINK lib … LABELS l …): a GoogleTest binary, its tests known to ctest.
# The label "unit" is the default; tests that boot guests carry "guest" instead.
function(kexlab_test name)
  if(NOT KEXLAB_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  kexlab_options(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
endfunction()

# kexlab_fuzzer(NAME SOURCES … LINK … CORPUS dir): a libFuzzer target (clang only). Without clang's fuzzer the same
# entry point is built into a replayer that runs the seed corpus as a test, so the corpus is exercised everywhere.
function(kexlab_fuzzer name)
  cmake_parse_arguments(arg "" "CORPUS" "SOURCES;LINK" ${ARGN})
  if(KEXLAB_FUZZERS)
    add_executable(${name} ${arg_SOURCES})
    kexlab_options(${name})
    target_link_libraries(${name} PRIVATE ${arg_LINK})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  elseif(KEXLAB_TESTS)
    add_executable(${name}_replay ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/loader/fuzz/replay.cpp)
    kexlab_options(${name}_replay)
    target_link_libraries(${name}_replay PRIVATE ${arg_LINK})
    add_test(NAME corpus.${name} COMMAND ${name}_replay ${arg_CORPUS})
    set_tests_properties(corpus.${name} PROPERTIES LABELS unit TIMEOUT 120)
  endif()
endfunction()

# kexlab_suite_folder(OUT suite package): where `kexlab images --toolchain` unpacks a package of another Debian suite
# (harness/images/programs.cpp: ProgramSet::key); its programs need not be there.
function(kexlab_suite_folder out suite package)
  set(cache $ENV{XDG_CACHE_HOME})
  if(NOT IS_ABSOLUTE "${cache}")
    set(cache $ENV{HOME}/.cache)
  endif()
  set(${out} ${cache}/kexlab/programs/${CMAKE_HOST_SYSTEM_PROCESSOR}-${suite}-${package}/usr/bin PARENT_SCOPE)
endfunction()

# Reads the table of targets: KEXLAB_TARGETS (those with a compiler), KEXLAB_TARGETS_LEFT_OUT (those whose compiler has to be
# fetched first), and for each KEXLAB_TRIPLET_<target>, KEXLAB_TESTED_<target>, KEXLAB_ABIS_<target>, and KEXLAB_TRIPLET_<target>-<abi> for
# each of these. KEXLAB_COMPILERS_<triplet> is the folder of a compiler that is not the machine's own.
macro(kexlab_read_targets file)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${file})
  file(STRINGS ${PROJECT_SOURCE_DIR}/${file} _kexlab_rows REGEX "^(- name|  triplet|  tested|  compiler_suite|    - {abi):")
  set(KEXLAB_TARGETS "")
  set(KEXLAB_TARGETS_LEFT_OUT "")
  foreach(_row IN LISTS _kexlab_rows)
    string(REGEX REPLACE "^[^:]*: *([^ ]+).*$" "\\1" _value "${_row}")
    if(_row MATCHES "^    - {abi: ([a-z0-9_]+), triplet: ([a-z0-9_-]+)")
      list(APPEND KEXLAB_ABIS_${_name} ${CMAKE_MATCH_1})
      set(KEXLAB_TRIPLET_${_name}-${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
    elseif(_row MATCHES "^- name")
      set(_name ${_value})
      set(KEXLAB_TESTED_${_name} named)
      set(KEXLAB_ABIS_${_name} "")
    elseif(_row MATCHES "^  tested")
      set(KEXLAB_TESTED_${_name} ${_value})
    elseif(_row MATCHES "^  compiler_suite")
      set(_triplet ${KEXLAB_TRIPLET_${_name}})
      string(REPLACE "_" "-" _package "g++-${_triplet}")
      kexlab_suite_folder(KEXLAB_COMPILERS_${_triplet} ${_value} ${_package})
      if(NOT EXISTS ${KEXLAB_COMPILERS_${_triplet}}/${_triplet}-g++)
        list(REMOVE_ITEM KEXLAB_TARGETS ${_name})
        list(APPEND KEXLAB_TARGETS_LEFT_OUT ${_name})
        message(STATUS "No programs for guests of ${_name}: its compiler, of Debian ${_value}, is not in the cache; `kexlab images --toolchain ${_name}` fetches it, then run cmake again")
      endif()
    else()
      list(APPEND KEXLAB_TARGETS ${_name})
      set(KEXLAB_TRIPLET_${_name} ${_value})
    endif()
  endforeach()
endmacro()

# kexlab_tool(OUT triplet tool): a program of the compiler's for that triplet, from where the table of targets has it. Until that is fetched
# the machine's own serves, for entry stubs: its assembler does, whatever is wrong with its compiler; programs for guests are left out then.
function(kexlab_tool out triplet tool)
  set(found KEXLAB_${triplet}_${tool})
  if(KEXLAB_COMPILERS_${triplet} AND EXISTS ${KEXLAB_COMPILERS_${triplet}})
    set(found KEXLAB_${triplet}_suite_${tool}) # another name, so that one that was found before is not taken for it
    set(only PATHS ${KEXLAB_COMPILERS_${triplet}} NO_DEFAULT_PATH)
  endif()
  find_program(${found} ${triplet}-${tool} ${only})
  if(NOT ${found})
    string(REPLACE "_" "-" package "${triplet}")
    string(REPLACE "objcopy" "binutils" kind "${tool}")
    message(FATAL_ERROR "${triplet}-${tool} is missing; Debian package: ${kind}-${package} (ci/demo installs it)")
  endif()
  set(${out} ${${found}} PARENT_SCOPE)
endfunction()

# kexlab_cross(OUTPUT file TARGET t[-abi] LANGUAGE C|CXX|ASM SOURCES … FLAGS … DEPENDS … LINK …): compiles each file and links them with the
# target's cross compiler; DEPENDS is what else the output is made from. A missing compiler is a configure-time error that names the package.
function(kexlab_cross)
  cmake_parse_arguments(arg "" "OUTPUT;TARGET;LANGUAGE" "SOURCES;FLAGS;DEPENDS;LINK" ${ARGN})
  set(triplet ${KEXLAB_TRIPLET_${arg_TARGET}})
  if(arg_LANGUAGE STREQUAL "CXX")
    set(tool g++)
  else()
    set(tool gcc)
  endif()
  kexlab_tool(compiler ${triplet} ${tool})
  # File by file, so that a change compiles what it touches, on all cores, and ccache knows the rest.
  set(objects "")
  foreach(source IN LISTS arg_SOURCES)
    file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${source})
    set(object ${arg_OUTPUT}.objects/${name}.o)
    get_filename_component(folder ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${compiler} ${arg_FLAGS} -MD -MF ${object}.d -MT ${object} -c -o ${object} ${source}
      DEPENDS ${source} ${arg_DEPENDS}
      DEPFILE ${object}.d
      COMMENT "${arg_TARGET}: ${name}"
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(
    OUTPUT ${arg_OUTPUT}
    COMMAND ${compiler} ${arg_FLAGS} -o ${arg_OUTPUT} ${objects} ${arg_LINK}
    DEPENDS ${objects} ${arg_DEPENDS}
    COMMENT "${arg_TARGET}: ${arg_OUTPUT}"
    VERBATIM)
endfunction()
