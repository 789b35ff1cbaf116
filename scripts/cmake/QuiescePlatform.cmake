# SPDX-License-Identifier: Apache-2.0
# The platform library (everything but main) and the binary `quiesce`.
file(GLOB_RECURSE platform_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/platform/*.cpp")
list(REMOVE_ITEM platform_sources "${PROJECT_SOURCE_DIR}/platform/main.cpp")
list(FILTER platform_sources EXCLUDE REGEX "/platform/cosim/")  # the C interface is a library of its own
if(NOT platform_sources)
  return()
endif()

find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Threads REQUIRED)
find_package(yaml-cpp REQUIRED)

# --- which test shows what, and where models deviate: from the sources, again whenever one of them changes
if(NOT DEFINED Python3_ROOT_DIR)
  set(Python3_ROOT_DIR /usr)  # the interpreter that Debian's python3-* packages belong to, whatever else is in PATH
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
file(GLOB_RECURSE noted_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/models/*.h" "${PROJECT_SOURCE_DIR}/models/*.cpp"
  "${PROJECT_SOURCE_DIR}/platform/*.h" "${PROJECT_SOURCE_DIR}/platform/*.cpp" "${PROJECT_SOURCE_DIR}/testbenches/*.cpp")
set(coverage_notes "${PROJECT_BINARY_DIR}/coverage_notes.cpp")
add_custom_command(OUTPUT "${PROJECT_BINARY_DIR}/coverage_notes.stamp" BYPRODUCTS "${coverage_notes}" VERBATIM
  COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/scripts/coverage_notes.py" "${PROJECT_SOURCE_DIR}" "${coverage_notes}"
  COMMAND "${CMAKE_COMMAND}" -E touch "${PROJECT_BINARY_DIR}/coverage_notes.stamp"
  DEPENDS "${PROJECT_SOURCE_DIR}/scripts/coverage_notes.py" ${noted_sources}
  COMMENT "Collecting what tests show and where models deviate")
set_source_files_properties("${coverage_notes}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON)

add_library(quiesce_platform STATIC ${platform_sources} "${coverage_notes}" "${PROJECT_BINARY_DIR}/coverage_notes.stamp")
add_library(quiesce::platform ALIAS quiesce_platform)
target_include_directories(quiesce_platform PUBLIC "${PROJECT_SOURCE_DIR}")
target_link_libraries(quiesce_platform
  PUBLIC ${QUIESCE_ROOM_TARGETS} yaml-cpp CLI11::CLI11 nlohmann_json::nlohmann_json fmt::fmt Threads::Threads)
# An installed binary finds its scenarios in ../share/quiesce; one in a build tree, in the source tree.
target_compile_definitions(quiesce_platform PUBLIC
  QUIESCE_VERSION="${PROJECT_VERSION}" QUIESCE_SCENARIO_DIR="${PROJECT_SOURCE_DIR}/testbenches/scenarios")
# Reading files and printing results is not worth -O2: what is hot stands in the rooms.
set(platform_options $<$<CONFIG:Release>:-O1> ${QUIESCE_SHARED_CODE})
target_compile_options(quiesce_platform PRIVATE ${platform_options})
# A folder is compiled at once (nearly all of it is headers): what a new file meets does not depend on the alphabet.
set_target_properties(quiesce_platform PROPERTIES UNITY_BUILD_MODE GROUP)
foreach(source IN LISTS platform_sources)
  cmake_path(GET source PARENT_PATH folder)
  cmake_path(GET folder FILENAME folder)
  set_source_files_properties("${source}" PROPERTIES UNITY_GROUP "${folder}")
endforeach()
target_precompile_headers(quiesce_platform PRIVATE
  <algorithm> <filesystem> <fstream> <map> <set> <sstream> <variant> <fmt/format.h> <nlohmann/json.hpp>
  "${PROJECT_SOURCE_DIR}/platform/config.h")

if(EXISTS "${PROJECT_SOURCE_DIR}/platform/main.cpp")
  add_executable(quiesce platform/main.cpp)
  target_link_libraries(quiesce PRIVATE quiesce_platform)
  target_compile_options(quiesce PRIVATE ${platform_options})
  target_precompile_headers(quiesce REUSE_FROM quiesce_platform)
  set_target_properties(quiesce PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  # What it says of itself to a reader and to shells.
  add_custom_command(TARGET quiesce POST_BUILD VERBATIM COMMENT "Manual pages and completion"
    COMMAND quiesce man --out "${PROJECT_BINARY_DIR}/man"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/completion"
    COMMAND sh -c "for shell in bash zsh fish; do \"$1\" completion $shell >\"$2/$shell\" || exit 1; done" sh "$<TARGET_FILE:quiesce>" "${PROJECT_BINARY_DIR}/completion")
endif()
