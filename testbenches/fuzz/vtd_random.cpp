// SPDX-License-Identifier: Apache-2.0
/// Random programs against a VT-d unit: see random_driver.h.
#include "fuzz/random_driver.h"
#include "fuzz/vtd_program.h"

int sc_main(int argc, char** argv) {
    return quiesce::fuzz::drive(argc, argv, "fuzz.vtd", quiesce::fuzz::run_vtd_program);
}
