// SPDX-License-Identifier: Apache-2.0
/// Random programs against a fabric of PCIe: see random_driver.h.
#include "fuzz/random_driver.h"
#include "fuzz/tlp_program.h"

int sc_main(int argc, char** argv) {
    return quiesce::fuzz::drive(argc, argv, "fuzz.tlp", quiesce::fuzz::run_tlp_program);
}
