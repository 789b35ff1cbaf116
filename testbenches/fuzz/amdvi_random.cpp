// SPDX-License-Identifier: Apache-2.0
/// Random programs against an AMD-Vi unit: see random_driver.h.
#include "fuzz/amdvi_program.h"
#include "fuzz/random_driver.h"

namespace {

using namespace quiesce;

void print(const fuzz::Tally& t, double seconds) {
    const auto n = [](u64 value) { return static_cast<unsigned long long>(value); };
    std::printf("%llu programs: %llu accesses (%llu of devices, %llu page requests), %llu commands, %llu granted, "
                "%llu refused, %llu records; at most %llu steps for one; %.0f accesses per second\n",
                n(t.programs), n(t.accesses()), n(t.device_accesses), n(t.page_requests), n(t.commands), n(t.granted),
                n(t.refused), n(t.records), n(t.most_work), static_cast<double>(t.accesses()) / seconds);
}

} // namespace

int sc_main(int argc, char** argv) { return fuzz::drive(argc, argv, "fuzz.amdvi", fuzz::run_amdvi_program, print); }

int main(int argc, char** argv) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    return sc_core::sc_elab_and_sim(argc, argv);
}
