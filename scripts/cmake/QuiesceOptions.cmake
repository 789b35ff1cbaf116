# SPDX-License-Identifier: Apache-2.0
# Language, warnings, sanitizers, compiler cache: what holds for every target of this tree.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

add_compile_options(-Wall -Wextra)
if(QUIESCE_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # gcc 12 sees std::string's inlined moves and appends reach past their own buffer, in TLM's socket headers among others
  # (gcc bugs 105329 and 105651). The sanitizer build looks for the real thing.
  add_compile_options(-Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()
# Several files in one compilation (presets release and asan) halve the time of a clean build: most of it goes into headers.
# Batches of at most so many files, so that two cores have something to do.
set(CMAKE_UNITY_BUILD_BATCH_SIZE 6)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)  # takes an included .cpp for a header
endif()
# The libraries of the rooms also go into a shared library. Nobody replaces one of their functions at load time, so that
# inlining and direct calls stay.
set(QUIESCE_SHARED_CODE -fPIC -fno-semantic-interposition)
# Contracting a*b+c differs between compilers and machines; results must not.
add_compile_options(-ffp-contract=off)

if(QUIESCE_SANITIZE)
  add_compile_options(-fsanitize=${QUIESCE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${QUIESCE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # gcc documents false alarms with -fsanitize; <regex> has some
  else()
    add_compile_options(-fno-sanitize=function)  # what it puts before a function, clang 14 loses when it splits a coroutine
  endif()
endif()

if(QUIESCE_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(LANGUAGES CXX)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

# ccache can cache a compile with a precompiled header only if it may ignore what the header hides from it: macros and
# time macros (we use neither __DATE__ nor __TIME__), and if gcc names the header in its preprocessed output.
find_program(QUIESCE_CCACHE ccache)
mark_as_advanced(QUIESCE_CCACHE)
if(QUIESCE_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros "${QUIESCE_CCACHE}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  else()
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()
