// SPDX-License-Identifier: Apache-2.0
/// Random programs against an AMD-Vi unit: see random_driver.h.
#include "fuzz/amdvi_program.h"
#include "fuzz/random_driver.h"

int sc_main(int argc, char** argv) {
    return quiesce::fuzz::drive(argc, argv, "fuzz.amdvi", quiesce::fuzz::run_amdvi_program);
}
