// SPDX-License-Identifier: Apache-2.0
/// The fuzzer's programs from a seed instead of from coverage, under every compiler and without libFuzzer:
/// `smmuv3_random [SECONDS [SEED]]` runs programs for so long, `smmuv3_random =N [SEED]` runs N of them; each failure
/// says which seed repeats it (`smmuv3_random =1 SEED`).
#include "fuzz/smmuv3_program.h"
#include "sim/random.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <systemc>
#include <vector>

namespace {

using namespace quiesce;
using Clock = std::chrono::steady_clock;

std::vector<u8> program_of(u64 seed) {
    sim::Random random{seed, "fuzz.smmuv3"};
    std::vector<u8> bytes(64 + random.below(1500));
    for (u8& b : bytes) b = static_cast<u8>(random.next());
    return bytes;
}

u64 seed = 1; ///< of the program that runs
extern "C" void say_seed(int) {
    std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
    std::_Exit(1);
}

void print(const fuzz::Tally& t, double seconds) {
    std::printf("%llu programs: %llu accesses (%llu of devices, %llu of registers, %llu page requests), %llu commands, "
                "%llu granted, %llu refused, %llu records; at most %llu steps for one; %.0f accesses per second\n",
                static_cast<unsigned long long>(t.programs), static_cast<unsigned long long>(t.accesses()),
                static_cast<unsigned long long>(t.device_accesses),
                static_cast<unsigned long long>(t.register_accesses), static_cast<unsigned long long>(t.page_requests),
                static_cast<unsigned long long>(t.commands), static_cast<unsigned long long>(t.granted),
                static_cast<unsigned long long>(t.refused), static_cast<unsigned long long>(t.records),
                static_cast<unsigned long long>(t.most_work), static_cast<double>(t.accesses()) / seconds);
}

} // namespace

int sc_main(int argc, char** argv) {
    const std::string much = argc > 1 ? argv[1] : "1";
    const bool counted = much.front() == '=';
    const u64 programs = counted ? std::stoull(much.substr(1)) : ~u64{0};
    const double seconds = counted ? 1e9 : std::stod(much);
    if (argc > 2) seed = std::stoull(argv[2]);
    std::signal(SIGABRT, say_seed);
    auto& calendar = *new sim::Calendar{"calendar"}; // as long as SystemC's kernel
    const auto begun = Clock::now();
    const auto spent = [&] { return std::chrono::duration<double>(Clock::now() - begun).count(); };
    fuzz::Tally all;
    for (; all.programs < programs && spent() < seconds; ++seed)
        all += fuzz::run_smmuv3_program(calendar, program_of(seed));
    print(all, spent());
    return 0;
}

int main(int argc, char** argv) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    return sc_core::sc_elab_and_sim(argc, argv);
}
