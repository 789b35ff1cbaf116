// SPDX-License-Identifier: Apache-2.0
#include "os/eras.h"

namespace quiesce::os {
namespace {
using enum TeardownStep;

constexpr TeardownStep quiet_release[] = {QuietContext, InvalidateSpace};
constexpr TeardownStep quiet_unbind[] = {ClearContext, InvalidateSpace, PutNotifier};
constexpr TeardownStep quiet_unbind_exited_6_1[] = {ClearContext, PutNotifier};           // `cleared`: no second TLBI
constexpr TeardownStep quiet_unbind_exited_6_12[] = {ClearContext, InvalidateSpace, PutNotifier}; // the domain's free flushes again
constexpr TeardownStep exit_release[] = {DriverMmExit, ClearContext, InvalidateSpace, FreePasid, PutNotifier};
constexpr TeardownStep exit_unbind[] = {ClearContext, InvalidateSpace, FreePasid, PutNotifier};

constexpr Era eras[] = {
    {Policy::QuietUnbind, KernelVersion::V6_12, quiet_release, quiet_unbind, quiet_unbind_exited_6_12, PasidLife::MmDrop, true,
     "5.3 (quiet CD with S and R cleared, spinlock, two CFGI rounds), 6.6 (PASID until mmdrop)"},
    {Policy::QuietUnbind, KernelVersion::V6_1, quiet_release, quiet_unbind, quiet_unbind_exited_6_1, PasidLife::MmDrop, false,
     "5.2 (EPD0 only, R stays, mutex), 6.6 (PASID until mmdrop)"},
    // MODEL: 3.1 step 6 relied on broadcast TLB maintenance; no broadcast reaches this SMMU, so the TLBI is explicit.
    {Policy::MmExit, KernelVersion::V2018, exit_release, exit_unbind, exit_unbind, PasidLife::Detach, false,
     "3.1 (mm_exit in release, detach, PASID freed there), 3.2 (unbind)"},
    // What an mm_exit policy would cost on today's kernel: the same order on the 6.12 driver. A what-if, not a release.
    {Policy::MmExit, KernelVersion::V6_12, exit_release, exit_unbind, exit_unbind, PasidLife::Detach, false,
     "3.1 on the driver of 5.3; prediction, no such kernel"},
    {Policy::MmExit, KernelVersion::V6_1, exit_release, exit_unbind, exit_unbind, PasidLife::Detach, false,
     "3.1 on the driver of 5.2; prediction, no such kernel"},
};

constexpr PolicyRow rows[] = {
    {"quiet-unbind", "release makes the PASID's context quiet and returns; the driver stops the device at unbind (kernels from 5.8 on)"},
    {"mm-exit", "release calls the driver's mm_exit, which stops the device and waits; the PASID is freed there (2018 proposal)"},
};

constexpr BugRow bugs[] = {
    {"R8", "the driver returns before the completion of its last fence was seen (facts/linux-sva.md 14, R8)", "mm-exit-under-load", "os.bugs=[R8]",
     "freed-before-fenced"},
    {"forget-tlbi", "release leaves out the TLB invalidation: cached translations go on hitting", "mm-exit-under-load", "os.bugs=[forget-tlbi]",
     "stale-dma"},
};
} // namespace

const Era* find_era(Policy policy, KernelVersion kernel) {
    for (const Era& e : eras)
        if (e.policy == policy && e.kernel == kernel) return &e;
    return nullptr;
}
std::span<const PolicyRow> policy_rows() { return rows; }
std::span<const BugRow> bug_rows() { return bugs; }

} // namespace quiesce::os
