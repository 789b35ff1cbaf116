// SPDX-License-Identifier: Apache-2.0
/// A fuzzer's programs from a seed instead of from coverage, under every compiler and without libFuzzer:
/// `<what>_random [SECONDS [SEED]]` runs programs for so long, `<what>_random =N [SEED]` runs N of them; each failure
/// says which seed repeats it (`<what>_random =1 SEED`).
#pragma once
#include "base/types.h"
#include "sim/calendar.h"
#include "sim/random.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <systemc>
#include <vector>

namespace quiesce::fuzz {

inline u64 running_seed = 1; ///< of the program that runs
extern "C" inline void say_seed(int) {
    std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(running_seed));
    std::_Exit(1);
}

inline std::vector<u8> random_program(u64 seed, std::string_view what) {
    sim::Random random{seed, what};
    std::vector<u8> bytes(64 + random.below(1500));
    for (u8& b : bytes) b = static_cast<u8>(random.next());
    return bytes;
}

/// `run(calendar, bytes)` gives what was done; `print(all of it, seconds)`.
template <class Run, class Print>
int drive(int argc, char** argv, std::string_view what, Run run, Print print) {
    using Clock = std::chrono::steady_clock;
    const std::string much = argc > 1 ? argv[1] : "1";
    const bool counted = much.front() == '=';
    const u64 programs = counted ? std::stoull(much.substr(1)) : ~u64{0};
    const double seconds = counted ? 1e9 : std::stod(much);
    if (argc > 2) running_seed = std::stoull(argv[2]);
    std::signal(SIGABRT, say_seed);
    auto& calendar = *new sim::Calendar{"calendar"}; // as long as SystemC's kernel
    const auto begun = Clock::now();
    const auto spent = [&] { return std::chrono::duration<double>(Clock::now() - begun).count(); };
    auto all = decltype(run(calendar, std::vector<u8>{})){};
    for (; all.programs < programs && spent() < seconds; ++running_seed)
        all += run(calendar, random_program(running_seed, what));
    print(all, spent());
    return 0;
}

} // namespace quiesce::fuzz
