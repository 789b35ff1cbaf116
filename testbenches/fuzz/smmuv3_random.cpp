// SPDX-License-Identifier: Apache-2.0
/// Random programs against an SMMUv3: see random_driver.h.
#include "fuzz/random_driver.h"
#include "fuzz/smmuv3_program.h"

int sc_main(int argc, char** argv) {
    return quiesce::fuzz::drive(argc, argv, "fuzz.smmuv3", quiesce::fuzz::run_smmuv3_program);
}
