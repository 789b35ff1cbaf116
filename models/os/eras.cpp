// SPDX-License-Identifier: Apache-2.0
#include "os/eras.h"

namespace quiesce::os {
namespace {
using enum TeardownStep;

// InvalidateAtc comes before the domain's TLBI at an unbind of 6.12: safe, because the context is gone by then.
constexpr TeardownStep quiet_release[] = {QuietContext, InvalidateSpace, InvalidateAtc};
constexpr TeardownStep unbind_6_12[] = {ClearContext, InvalidateAtc};
constexpr TeardownStep clear[] = {ClearContext};
constexpr TeardownStep clear_and_flush[] = {ClearContext, InvalidateSpace, InvalidateAtc};
constexpr TeardownStep flush_and_put[] = {InvalidateSpace, FreeAsid, PutNotifier}; // the domain's free flushes whatever was before
constexpr TeardownStep put[] = {FreeAsid, PutNotifier};
constexpr TeardownStep exit_release[] = {DriverMmExit, DrainPageRequests, ClearContext, InvalidateSpace, InvalidateAtc};
constexpr TeardownStep exit_last[] = {FreePasid, FreeAsid, PutNotifier};

// Draining: MODEL: no kernel that is modelled here takes page requests of PCIe functions on an SMMUv3. What drains them
// is the patch that adds it (J.-P. Brucker, "iommu/arm-smmu-v3: Add support for PRI", 2018 to 2020): in unbind before the
// context is cleared, because the device has stopped and its requests are in the queue. In 2018 mm_exit came first, in
// release, with mmput_async in the workers (facts/linux-sva.md 3.1, 3.5).
// Stalled requests: the series of 2018 to 2020 flushed the event queue and the workers (arm_smmu_flush_evtq); what was
// merged in 2021 does neither when a PASID goes, and relies on a device that has drained (facts/linux-sva.md 9.3).
constexpr Era mm_exit_on(KernelVersion kernel, std::string_view evidence) {
    return {.policy = Policy::MmExit,
            .kernel = kernel,
            .on_release = exit_release,
            .on_unbind = clear_and_flush,
            .on_unbind_exited = clear_and_flush,
            .on_last = exit_last,
            .pasid = PasidLife::Detach,
            .domain_per_device = true,
            .drain_on_unbind = true,
            .drain_stalls = true,
            .defer_mmput = true,
            .evidence = evidence};
}

constexpr Era eras[] = {
    {.policy = Policy::QuietUnbind,
     .kernel = KernelVersion::V6_12,
     .on_release = quiet_release,
     .on_unbind = unbind_6_12,
     .on_unbind_exited = unbind_6_12,
     .on_last = flush_and_put,
     .pasid = PasidLife::MmDrop,
     .drain_on_unbind = true,
     .resolve_at_report = true,
     .quiet_irqs_off = true,
     .evidence = "linux 6.12 arm-smmu-v3-sva.c: arm_smmu_mm_release (quiet CD with S and R cleared, spinlock, two CFGI "
                 "rounds), arm_smmu_sva_domain_free; 2667ed10d9f0 (PASID until mmdrop)"},
    // 6.1 remembers that it `cleared`: no second TLBI at unbind. One arm_smmu_mmu_notifier per device and mm.
    // Each release empties its own device's ATC, and does not come back to it: a device that is released later has the
    // same ASID and fills the TLB meanwhile, of which quiet contexts still get hits (refill-through-sibling shows it).
    {.policy = Policy::QuietUnbind,
     .kernel = KernelVersion::V6_1,
     .on_release = quiet_release,
     .on_unbind = clear_and_flush,
     .on_unbind_exited = clear,
     .on_last = put,
     .pasid = PasidLife::MmDrop,
     .domain_per_device = true,
     .drain_on_unbind = true,
     .evidence = "linux 6.1 arm-smmu-v3-sva.c: arm_smmu_mm_release (EPD0 only, R stays, mutex), "
                 "arm_smmu_mmu_notifier_put; 32784a9562fb; 2667ed10d9f0 (PASID until mmdrop)"},
    // MODEL: 2018 relied on broadcast TLB maintenance; no broadcast reaches this SMMU, so the TLBI is explicit.
    mm_exit_on(KernelVersion::V2018,
               "J.-P. Brucker's 2018 tree, drivers/iommu/iommu-sva.c: mm_exit in release, detach, PASID freed there"),
    // What an mm_exit policy would cost on later kernels: the same order on their drivers. What-ifs, not releases.
    mm_exit_on(KernelVersion::V6_12, "the 2018 order on the driver of 6.12; prediction, no such kernel"),
    mm_exit_on(KernelVersion::V6_1, "the 2018 order on the driver of 6.1; prediction, no such kernel"),
};

constexpr PolicyRow rows[] = {
    {"quiet-unbind", "release makes the PASID's context quiet and returns; the driver stops the device at unbind (kernels from 5.8 on)"},
    {"mm-exit", "release calls the driver's mm_exit, which stops the device and waits; the PASID is freed there (2018 proposal)"},
};

constexpr BugRow bugs[] = {
    {"R8",
     "the driver returns before the completion of its last fence was seen (a CMD_SYNC time-out is ignored, or "
     "completion-wait returns early); atc-silent-timeout shows the ignored time-out without a switch",
     "mm-exit-under-load", "os.bugs=[R8]", "freed-before-fenced"},
    {"R6", "the driver leaves out every CMD_ATC_INV: devices go on with translations that they keep", "ats-teardown",
     "os.bugs=[R6]", "freed-before-fenced,stale-dma"},
    {"R-V4",
     "a mapping of a device's portal survives the unbind, and fork copies it: threads submit for a bond that is gone",
     "enqcmd-late-submit", "os.bugs=[R-V4]", "dma-after-unbind"},
    {"forget-page-response", "the driver answers no page request: devices wait for ever", "pri-storm-exit",
     "os.bugs=[forget-page-response]", "lost-page-request,deadlock"},
    {"forget-resume", "the driver answers no stalled request (CMD_RESUME is left out): devices wait for ever",
     "stall-master-exit", "os.bugs=[forget-resume]", "lost-page-request"},
    {"forget-tlbi", "the driver leaves out every TLB invalidation: cached translations go on hitting",
     "mm-exit-under-load", "os.bugs=[forget-tlbi]", "freed-before-fenced,stale-dma"},
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
