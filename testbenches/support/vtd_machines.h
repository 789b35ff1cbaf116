// SPDX-License-Identifier: Apache-2.0
/// VT-d units of machines, as their kernels' boot logs show them.
#pragma once
#include "iommu/vtd/config.h"

namespace quiesce::testbench {

struct VtdMachine {
    std::string_view name, what, source;
    iommu::vtd::IdentityValues values;
};
constexpr VtdMachine vtd_machines[] = {
    {"broadwell", "Xeon E5 v4: legacy mode, ATS", "Linux boot logs of several boards: DRHD of the root ports",
     {0x10, 0x00d2'078c'106f'0466, 0x00f0'20df, 46}},
    {"skylake", "Xeon Scalable of the first generations: legacy mode, ATS",
     "Linux boot log in github.com/utcs-scea/LAKE/issues/10", {0x10, 0x08d2'078c'106f'0466, 0x00f0'20df, 46}},
    {"sapphire-rapids", "Xeon Scalable of the fourth generation: scalable mode, nested, five levels, ATS; no PASIDs or "
     "page requests in the units of the root ports",
     "Linux boot log in github.com/intel/intel-device-plugins-for-kubernetes/issues/1836",
     {0x60, 0x19ed'008c'4078'0c66, 0x0003'ee9e'86f0'50df, 52}},
    {"qemu", "QEMU's with scalable mode and first stages, as in data/vectors", "data/vectors/vtd.jsonl",
     {0x10, 0x01d2'008c'222f'0606, 0x0000'8800'0000'0f42, 48}},
};
constexpr const VtdMachine& broadwell = vtd_machines[0];

} // namespace quiesce::testbench
