// SPDX-License-Identifier: Apache-2.0
/// A fuzzer's programs from a seed instead of from coverage, under every compiler and without libFuzzer:
/// `<what>_random [SECONDS [SEED]]` runs programs for so long, `<what>_random =N [SEED]` runs N of them; each failure
/// says which seed repeats it (`<what>_random =1 SEED`).
#pragma once
#include "base/types.h"
#include "sim/calendar.h"

#include <chrono>
#include <string_view>
#include <vector>

namespace quiesce::fuzz {

extern u64 running_seed; ///< of the program that runs
/// How much of it, whichever is over first.
struct Order {
    u64 programs = ~u64{0};
    double seconds = 1e9;
};
/// From the command line, with the first seed.
Order take_order(int argc, char** argv);
std::vector<u8> random_program(std::string_view what);

/// `run(calendar, bytes)` gives what was done, which `print(all of it, seconds)` says.
template <class Run>
int drive(int argc, char** argv, std::string_view what, Run run) {
    using Clock = std::chrono::steady_clock;
    const Order order = take_order(argc, argv);
    auto& calendar = *new sim::Calendar{"calendar"}; // as long as SystemC's kernel
    const auto begun = Clock::now();
    const auto spent = [&] { return std::chrono::duration<double>(Clock::now() - begun).count(); };
    auto all = decltype(run(calendar, std::vector<u8>{})){};
    for (; all.programs < order.programs && spent() < order.seconds; ++running_seed)
        all += run(calendar, random_program(what));
    print(all, spent());
    return 0;
}

} // namespace quiesce::fuzz
