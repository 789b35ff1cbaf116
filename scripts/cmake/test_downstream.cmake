# SPDX-License-Identifier: Apache-2.0
# cmake -DBUILD=... -DSOURCE=... -DWORK=... -DGENERATOR=... -DCOMPILER=... -DC_COMPILER=... -DBUILD_TYPE=...
#   -DHOSTS=... -DREADME=... -P this file
# Installs BUILD below WORK, builds the project SOURCE against that and nothing else, and runs it. Then the same with
# SOURCE/c, a project in C alone: the hosts of the C interface in HOSTS, and the example in the text README. With Verilator,
# SOURCE/../rtl, too.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${WORK}")

function(step what)
  message(STATUS "${what}")
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${what} failed (${result}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

step("install" "${CMAKE_COMMAND}" --install "${BUILD}" --config "${BUILD_TYPE}" --prefix "${WORK}/prefix")
foreach(file IN ITEMS man/man1/quiesce.1 man/man1/quiesce-run.1 man/man5/quiesce-scenario.5 bash-completion/completions/quiesce
    zsh/site-functions/_quiesce fish/vendor_completions.d/quiesce.fish quiesce/scenarios/mm-exit-under-load.yaml)
  if(NOT EXISTS "${WORK}/prefix/share/${file}")
    message(FATAL_ERROR "share/${file} was not installed")
  endif()
endforeach()
step("configure" "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK}/build" -G "${GENERATOR}"
  "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix")
step("build" "${CMAKE_COMMAND}" --build "${WORK}/build" --config "${BUILD_TYPE}")
step("run" "${WORK}/build/downstream")
message(STATUS "${output}")
step("run the SystemC host of the C interface" "${WORK}/build/cosim_host")
message(STATUS "${output}")

find_program(verilator verilator)
if(verilator)
  step("configure RTL" "${CMAKE_COMMAND}" -S "${SOURCE}/../rtl" -B "${WORK}/build-rtl" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}"
    "-DCMAKE_C_COMPILER=${C_COMPILER}" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix")
  step("build RTL" "${CMAKE_COMMAND}" --build "${WORK}/build-rtl")
  step("run RTL" "${CMAKE_CTEST_COMMAND}" --test-dir "${WORK}/build-rtl" -C "${BUILD_TYPE}" --output-on-failure)
endif()
file(GLOB hosts "${HOSTS}/*.c" "${HOSTS}/*_host.h")
file(COPY ${hosts} DESTINATION "${WORK}/hosts")
file(READ "${README}" readme)
if(NOT readme MATCHES "\n```c\n([^`]+)\n```\n")
  message(FATAL_ERROR "${README} has no example in C")
endif()
file(WRITE "${WORK}/hosts/readme_example.c" "${CMAKE_MATCH_1}\n")
step("configure C" "${CMAKE_COMMAND}" -S "${SOURCE}/c" -B "${WORK}/build-c" -G "${GENERATOR}" "-DSOURCES=${WORK}/hosts"
  "-DCMAKE_C_COMPILER=${C_COMPILER}" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix")
step("build C" "${CMAKE_COMMAND}" --build "${WORK}/build-c" --config "${BUILD_TYPE}")
step("run C" "${CMAKE_CTEST_COMMAND}" --test-dir "${WORK}/build-c" -C "${BUILD_TYPE}" --output-on-failure)
message(STATUS "${output}")

# And once more as somebody does it who has no CMake.
find_program(pkg_config pkg-config)
if(pkg_config)
  file(GLOB_RECURSE pc "${WORK}/prefix/*/quiesce-cosim.pc")
  get_filename_component(library_dir "${pc}" DIRECTORY)
  get_filename_component(library_dir "${library_dir}" DIRECTORY)
  step("flags" "${CMAKE_COMMAND}" -E env "PKG_CONFIG_PATH=${library_dir}/pkgconfig" "${pkg_config}" --cflags --libs quiesce-cosim)
  string(STRIP "${output}" flags)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  step("compile with pkg-config" "${C_COMPILER}" -o "${WORK}/example" "${WORK}/hosts/readme_example.c" ${flags})
  step("run the example" "${CMAKE_COMMAND}" -E env "LD_LIBRARY_PATH=${library_dir}" "${WORK}/example")
  message(STATUS "${output}")
endif()
