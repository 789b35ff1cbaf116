// SPDX-License-Identifier: Apache-2.0
/// Random programs against a fabric of PCIe: see random_driver.h.
#include "fuzz/random_driver.h"
#include "fuzz/tlp_program.h"

namespace {

using namespace quiesce;

void print(const fuzz::TlpTally& t, double seconds) {
    std::printf("%llu programs: %llu packets of functions, %llu accesses of CPUs, %llu of the IOMMU and its software, "
                "%llu changes of links, %llu completed, %llu failed; at most %llu steps for one; "
                "%.0f packets per second\n",
                static_cast<unsigned long long>(t.programs), static_cast<unsigned long long>(t.packets),
                static_cast<unsigned long long>(t.register_accesses), static_cast<unsigned long long>(t.commands),
                static_cast<unsigned long long>(t.resets), static_cast<unsigned long long>(t.completed),
                static_cast<unsigned long long>(t.failed), static_cast<unsigned long long>(t.most_work),
                static_cast<double>(t.packets) / seconds);
}

} // namespace

int sc_main(int argc, char** argv) { return fuzz::drive(argc, argv, "fuzz.tlp", fuzz::run_tlp_program, print); }

int main(int argc, char** argv) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    return sc_core::sc_elab_and_sim(argc, argv);
}
