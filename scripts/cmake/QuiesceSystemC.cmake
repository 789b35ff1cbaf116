# SPDX-License-Identifier: Apache-2.0
# Finds SystemC and proves that it links. Used by the build and, installed, by quiesceConfig.cmake.
#
# A SystemC library exports one symbol, sc_api_version_<version>_cxx<standard>, made from the C++ standard it was built
# with, and its headers refer to the symbol of the including file's standard unless SC_CPLUSPLUS says otherwise. Debian's
# library was built as C++17; this project is C++20. SC_CPLUSPLUS therefore is set to whatever the library has.

# Sets QUIESCE_SYSTEMC_TARGET to the imported target, or QUIESCE_SYSTEMC_PROBLEM to a sentence.
macro(quiesce_find_systemc)
  unset(QUIESCE_SYSTEMC_TARGET)
  unset(QUIESCE_SYSTEMC_PROBLEM)
  if(NOT TARGET SystemC::systemc)
    find_package(SystemCLanguage CONFIG QUIET)  # upstream's CMake build installs this; Debian's package does not
  endif()
  if(TARGET SystemC::systemc)
    set(QUIESCE_SYSTEMC_TARGET SystemC::systemc)
  else()
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
      pkg_check_modules(systemc QUIET IMPORTED_TARGET GLOBAL systemc>=2.3.4)
    endif()
    if(TARGET PkgConfig::systemc)
      set(QUIESCE_SYSTEMC_TARGET PkgConfig::systemc)
    else()
      string(CONCAT QUIESCE_SYSTEMC_PROBLEM "SystemC 2.3.4 or newer was not found, neither as CMake package "
        "SystemCLanguage nor as pkg-config module systemc (Debian: apt install libsystemc-dev pkg-config).")
    endif()
  endif()
endmacro()

# Sets OUT to whether a program compiled with SC_CPLUSPLUS=VALUE links against the SystemC that was found.
function(quiesce_systemc_links out value)
  set(key "${QUIESCE_SYSTEMC_TARGET} ${value} ${CMAKE_CXX_COMPILER}")
  if(NOT QUIESCE_SYSTEMC_LINKS_KEY STREQUAL key)
    try_compile(links
      SOURCE_FROM_CONTENT probe.cpp "#include <systemc>\nint sc_main(int, char**) { return sc_core::sc_is_running(); }\n"
      COMPILE_DEFINITIONS -DSC_CPLUSPLUS=${value} -DSC_INCLUDE_DYNAMIC_PROCESSES
      LINK_LIBRARIES ${QUIESCE_SYSTEMC_TARGET}
      CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON NO_CACHE)
    if(links)
      set(QUIESCE_SYSTEMC_LINKS_KEY "${key}" CACHE INTERNAL "the SystemC that was last seen to link")
    endif()
  else()
    set(links TRUE)
  endif()
  set(${out} ${links} PARENT_SCOPE)
endfunction()

# Build side: finds the library's value of SC_CPLUSPLUS once; sets QUIESCE_SC_CPLUSPLUS or stops.
function(quiesce_probe_systemc_abi)
  if(QUIESCE_SYSTEMC_PROBLEM)
    message(FATAL_ERROR "${QUIESCE_SYSTEMC_PROBLEM}")
  endif()
  foreach(value IN ITEMS ${QUIESCE_SC_CPLUSPLUS} 201703L 202002L 201402L 201103L)
    quiesce_systemc_links(links ${value})
    if(links)
      set(QUIESCE_SC_CPLUSPLUS ${value} CACHE STRING "value of SC_CPLUSPLUS that the SystemC library was built with")
      mark_as_advanced(QUIESCE_SC_CPLUSPLUS)
      message(STATUS "SystemC: ${QUIESCE_SYSTEMC_TARGET}, SC_CPLUSPLUS=${value}")
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "A program that includes <systemc> does not link against ${QUIESCE_SYSTEMC_TARGET}, whatever "
    "SC_CPLUSPLUS says: look at the library's sc_api_version symbol with `nm -DC libsystemc.so`.")
endfunction()
