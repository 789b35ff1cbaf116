# SPDX-License-Identifier: Apache-2.0
# cmake -DBUILD=... -DSOURCE=... -DWORK=... -DGENERATOR=... -DCOMPILER=... -DBUILD_TYPE=... -DSANITIZE=... -P this file
# Installs BUILD below WORK, builds the project SOURCE against that and nothing else, and runs it.
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

if(SANITIZE)
  set(flags "-DCMAKE_CXX_FLAGS=-fsanitize=${SANITIZE}")
endif()
step("install" "${CMAKE_COMMAND}" --install "${BUILD}" --config "${BUILD_TYPE}" --prefix "${WORK}/prefix")
step("configure" "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK}/build" -G "${GENERATOR}"
  "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_BUILD_TYPE=${BUILD_TYPE}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix" ${flags})
step("build" "${CMAKE_COMMAND}" --build "${WORK}/build" --config "${BUILD_TYPE}")
step("run" "${WORK}/build/downstream")
message(STATUS "${output}")
