// SPDX-License-Identifier: Apache-2.0
/// What a fuzzer's machine says when something does not hold.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <string>

namespace quiesce::fuzz {

/// Ends the process with a word on what is broken: a crash, for a fuzzer.
[[noreturn]] inline void broken(const std::string& what) {
    std::fprintf(stderr, "broken: %s\n", what.c_str());
    std::abort();
}
inline void must(bool holds, const char* what) {
    if (!holds) broken(what);
}

} // namespace quiesce::fuzz
