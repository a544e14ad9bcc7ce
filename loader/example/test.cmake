# SPDX-License-Identifier: Apache-2.0
# Installs the loader into a fresh prefix, builds the example against it as a user would, runs it on saved machines.
# Arguments: BUILD (the build tree), SOURCE (this folder), WORK (scratch), CXX, SANITIZE.
set(prefix ${WORK}/prefix)
set(build ${WORK}/build)
file(REMOVE_RECURSE ${prefix} ${build})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_VARIABLE out ECHO_OUTPUT_VARIABLE)
  set(out "${out}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} --component kexlab_loader)
set(flags "")
if(SANITIZE)
  set(flags "-fsanitize=${SANITIZE}")
endif()
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${build} -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${CXX}
  "-DCMAKE_CXX_FLAGS=${flags}")
run(${CMAKE_COMMAND} --build ${build})

function(expect_plan profile kernel)
  run(${build}/show_plan ${SOURCE}/../arch/testdata/${profile} ${SOURCE}/../fuzz/corpus/image/${kernel} "console=ttyS0 quiet")
  foreach(text IN LISTS ARGN)
    string(FIND "${out}" "${text}" found)
    if(found EQUAL -1)
      message(FATAL_ERROR "the plan on ${profile} does not say \"${text}\"")
    endif()
  endforeach()
endfunction()
expect_plan(x86_64-6.1-512m.json bzimage-gzip "bzImage for x86_64" KEXEC_ARCH_X86_64 kernel cmdline)
expect_plan(arm64-6.1-512m.json arm64 "arm64 Image for arm64" KEXEC_ARCH_AARCH64 kernel dtb)

# An image for another machine is refused with both names.
execute_process(COMMAND ${build}/show_plan ${SOURCE}/../arch/testdata/arm64-6.1-512m.json
  ${SOURCE}/../fuzz/corpus/image/bzimage-gzip "" RESULT_VARIABLE code ERROR_VARIABLE error)
if(NOT code EQUAL 1 OR NOT error MATCHES "x86_64" OR NOT error MATCHES "arm64")
  message(FATAL_ERROR "exit code ${code} and \"${error}\" for an image of another architecture")
endif()
