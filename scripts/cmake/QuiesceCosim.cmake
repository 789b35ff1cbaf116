# SPDX-License-Identifier: Apache-2.0
# The C interface: libquiesce_cosim.so has all of the models and of the platform library inside and shows qsc_* only.
if(NOT TARGET quiesce_platform)
  return()
endif()

set(cosim "${PROJECT_SOURCE_DIR}/platform/cosim")
file(GLOB cosim_sources CONFIGURE_DEPENDS "${cosim}/*.cpp")
add_library(quiesce_cosim SHARED ${cosim_sources})
add_library(quiesce::cosim ALIAS quiesce_cosim)
set_target_properties(quiesce_cosim PROPERTIES EXPORT_NAME cosim DEFINE_SYMBOL "" VERSION ${PROJECT_VERSION} SOVERSION 1
  LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}" LINK_DEPENDS "${cosim}/exports.map")
target_link_libraries(quiesce_cosim PRIVATE quiesce_platform)
target_compile_options(quiesce_cosim PRIVATE ${platform_options})
target_precompile_headers(quiesce_cosim REUSE_FROM quiesce_platform)
target_include_directories(quiesce_cosim INTERFACE
  "$<BUILD_INTERFACE:${cosim}/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_link_options(quiesce_cosim PRIVATE "LINKER:--version-script=${cosim}/exports.map" LINKER:--as-needed)
if(NOT QUIESCE_SANITIZE)
  target_link_options(quiesce_cosim PRIVATE LINKER:--no-undefined)  # a sanitizer's runtime is in the program
endif()
