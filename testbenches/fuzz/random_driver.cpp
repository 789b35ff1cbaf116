// SPDX-License-Identifier: Apache-2.0
#include "fuzz/random_driver.h"

#include "sim/random.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <systemc>

namespace quiesce::fuzz {

u64 running_seed = 1;

extern "C" {
static void say_seed(int) {
    std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(running_seed));
    std::_Exit(1);
}
}

Order take_order(int argc, char** argv) {
    std::signal(SIGABRT, say_seed);
    const std::string much = argc > 1 ? argv[1] : "1";
    if (argc > 2) running_seed = std::stoull(argv[2]);
    Order order;
    if (much.front() == '=')
        order.programs = std::stoull(much.substr(1));
    else
        order.seconds = std::stod(much);
    return order;
}

std::vector<u8> random_program(std::string_view what) {
    sim::Random random{running_seed, what};
    std::vector<u8> bytes(64 + random.below(1500));
    for (u8& b : bytes) b = static_cast<u8>(random.next());
    return bytes;
}

} // namespace quiesce::fuzz

int main(int argc, char** argv) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    return sc_core::sc_elab_and_sim(argc, argv);
}
