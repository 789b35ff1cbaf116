# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where. Headers keep their room: include/quiesce/<room>/<file>.h.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/quiesce")

install(TARGETS ${QUIESCE_MODEL_TARGETS} EXPORT quiesceModels)
install(EXPORT quiesceModels NAMESPACE quiesce:: DESTINATION "${package_dir}")
if(TARGET quiesce_observe)
  install(TARGETS quiesce_observe EXPORT quiesceObserve)
  install(EXPORT quiesceObserve NAMESPACE quiesce:: DESTINATION "${package_dir}")
endif()
install(DIRECTORY models/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/quiesce" FILES_MATCHING PATTERN "*.h")

if(TARGET quiesce_cosim)
  install(TARGETS quiesce_cosim EXPORT quiesceCosim)
  install(EXPORT quiesceCosim NAMESPACE quiesce:: DESTINATION "${package_dir}")
  install(DIRECTORY platform/cosim/include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  file(RELATIVE_PATH quiesce_pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  configure_file(scripts/cmake/quiesce-cosim.pc.in "${PROJECT_BINARY_DIR}/quiesce-cosim.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/quiesce-cosim.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endif()
if(TARGET quiesce)
  install(TARGETS quiesce)
endif()
foreach(data IN ITEMS testbenches/scenarios testbenches/sweeps platform/presets)
  if(IS_DIRECTORY "${PROJECT_SOURCE_DIR}/${data}")
    install(DIRECTORY "${data}" DESTINATION "${CMAKE_INSTALL_DATADIR}/quiesce" FILES_MATCHING PATTERN "*.yaml")
  endif()
endforeach()
if(IS_DIRECTORY "${PROJECT_SOURCE_DIR}/scripts/wireshark")
  install(DIRECTORY scripts/wireshark DESTINATION "${CMAKE_INSTALL_DATADIR}/quiesce")
endif()
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file(scripts/cmake/quiesceConfig.cmake.in "${PROJECT_BINARY_DIR}/quiesceConfig.cmake"
  INSTALL_DESTINATION "${package_dir}" PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/quiesceConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/quiesceConfig.cmake" "${PROJECT_BINARY_DIR}/quiesceConfigVersion.cmake"
  scripts/cmake/QuiesceSystemC.cmake DESTINATION "${package_dir}")
