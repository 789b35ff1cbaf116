// SPDX-License-Identifier: Apache-2.0
/// Random programs against an SMMUv3: see random_driver.h.
#include "fuzz/random_driver.h"
#include "fuzz/smmuv3_program.h"

namespace {

using namespace quiesce;

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
    return fuzz::drive(argc, argv, "fuzz.smmuv3", fuzz::run_smmuv3_program, print);
}

int main(int argc, char** argv) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    return sc_core::sc_elab_and_sim(argc, argv);
}
