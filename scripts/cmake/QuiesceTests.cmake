# SPDX-License-Identifier: Apache-2.0
# quiesce_discover_tests(TARGET ROOM): after every link, asks the Catch2 executable for its TEST_CASEs and registers each
# as ctest `ROOM/<name>` with label ROOM. It does what Catch2's own catch_discover_tests does, and two things more: a
# name may contain `;` and brackets, and an executable that dies while listing fails the build instead of passing for one
# without tests. This file is both the function and the script that runs after the link.
cmake_minimum_required(VERSION 3.25)
set(quiesce_tests_file "${CMAKE_CURRENT_LIST_FILE}")

function(quiesce_discover_tests target room)
  set(list "${CMAKE_CURRENT_BINARY_DIR}/${target}.tests.cmake")
  add_custom_command(TARGET ${target} POST_BUILD BYPRODUCTS "${list}" VERBATIM COMMAND "${CMAKE_COMMAND}"
    -D "EXECUTABLE=$<TARGET_FILE:${target}>" -D "ROOM=${room}" -D "LIST=${list}" -P "${quiesce_tests_file}")
  set(include "${CMAKE_CURRENT_BINARY_DIR}/${target}.include.cmake")
  file(CONFIGURE OUTPUT "${include}" @ONLY CONTENT
    "if(EXISTS [==[@list@]==])\n  include([==[@list@]==])\nelse()\n  add_test(@target@_not_built @target@_not_built)\nendif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${include}")
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  return()
endif()

file(REMOVE "${LIST}")
execute_process(COMMAND "${EXECUTABLE}" --list-test-names-only
  OUTPUT_VARIABLE names ERROR_VARIABLE errors RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${EXECUTABLE} --list-test-names-only ended with ${result}:\n${names}${errors}")
endif()

set(script "")
set(count 0)
while(names MATCHES "^([^\n]*)\n(.*)$")  # line by line: a CMake list would fall apart at `;` and hold together at `[`
  set(name "${CMAKE_MATCH_1}")
  set(names "${CMAKE_MATCH_2}")
  if(name STREQUAL "")
    continue()
  endif()
  string(REGEX REPLACE "([][,*\"\\])" "\\\\\\1" spec "${name}")  # what Catch2 would read as syntax
  string(APPEND script "add_test([==[${ROOM}/${name}]==] [==[${EXECUTABLE}]==] [==[${spec}]==])\n"
    "set_tests_properties([==[${ROOM}/${name}]==] PROPERTIES TIMEOUT 180 LABELS ${ROOM})\n")
  math(EXPR count "${count} + 1")
endwhile()
if(count EQUAL 0)
  message(FATAL_ERROR "${EXECUTABLE} has no tests")
endif()
file(WRITE "${LIST}" "${script}")
