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

// VT-d: intel_pasid_tear_down_entry, for one device after the other (6.2, 6.4). Its spaces are known by their PASIDs:
// there is no ASID to give back. From 5.13 ("Avoid unnecessary cache flush in pasid entry teardown") to 6.1 an entry that
// is not present is left as the release made it: FPD stays until the next bind. Before, the unbind tears it down once more.
constexpr TeardownStep vtd_clear[] = {ClearContext, InvalidateSpace, InvalidateAtc};
constexpr TeardownStep vtd_quiet[] = {QuietContext, InvalidateSpace, InvalidateAtc};
constexpr TeardownStep vtd_release_6_12[] = {BlockContext, InvalidateSpace, InvalidateAtc, SilenceContext};
constexpr TeardownStep vtd_unbind_6_12[] = {BlockContext, InvalidateSpace, InvalidateAtc, ForgetContext};
constexpr TeardownStep vtd_forget[] = {ForgetContext};
constexpr TeardownStep vtd_free_and_unregister[] = {FreePasid, UnregisterNotifier};
constexpr TeardownStep vtd_unregister[] = {UnregisterNotifier};
constexpr TeardownStep vtd_put[] = {PutNotifier};
constexpr TeardownStep vtd_exit_last[] = {FreePasid, PutNotifier};

// AMD-Vi: a GCR3 entry never changes without all of its PASID being invalidated, in the unit and in the device, under the
// same lock (update_gcr3): ClearContext is all that there is. What a release has cleared the unbind finds nothing of.
constexpr TeardownStep amd_clear[] = {ClearContext};
constexpr TeardownStep amd_unregister[] = {UnregisterNotifier};
constexpr TeardownStep amd_v2_release[] = {DriverMmExit, ClearContext, DrainWorkers};
constexpr TeardownStep amd_v2_unbind[] = {ClearContext, DrainWorkers};
constexpr TeardownStep amd_v2_last[] = {UnregisterNotifier, FreePasid};
constexpr TeardownStep amd_exit_release[] = {DriverMmExit, DrainPageRequests, ClearContext};
constexpr TeardownStep amd_exit_last[] = {FreePasid, PutNotifier};

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
            .drain_on_unbind = UnbindDrain::BeforeSteps,
            .drain_stalls = true,
            .defer_mmput = true,
            .evidence = evidence};
}

/// The same order on VT-d's driver, which that series never came to: every row is a what-if.
constexpr Era vtd_mm_exit_on(KernelVersion kernel) {
    return {.policy = Policy::MmExit,
            .kernel = kernel,
            .iommu = IommuArch::Vtd,
            .on_release = exit_release,
            .on_unbind = vtd_clear,
            .on_unbind_exited = vtd_clear,
            .on_last = vtd_exit_last,
            .pasid = PasidLife::Detach,
            .drain_on_unbind = UnbindDrain::BeforeSteps,
            .defer_mmput = true,
            .evidence = "the order of J.-P. Brucker's 2018 tree on VT-d's driver; prediction, no such kernel"};
}

/// 5.8 to 6.1 tear an entry down alike (6.2): P=0 and FPD=1 at once, then the invalidations; drain behind them.
constexpr Era vtd_quiet_on(KernelVersion kernel, std::span<const TeardownStep> on_unbind_exited, PasidLife pasid,
                           std::span<const TeardownStep> on_last, std::string_view evidence,
                           bool finds_by_pasid = false) {
    return {.policy = Policy::QuietUnbind,
            .kernel = kernel,
            .iommu = IommuArch::Vtd,
            .on_release = vtd_quiet,
            .on_unbind = vtd_clear,
            .on_unbind_exited = on_unbind_exited,
            .on_last = on_last,
            .pasid = pasid,
            .bond_by_bond = true,
            .drain_on_unbind = UnbindDrain::AfterSteps,
            .finds_by_pasid = finds_by_pasid,
            .evidence = evidence};
}

/// The order of 2018 on AMD's driver, which kept mm_exit up to 6.6 with PASIDs of its callers' (amd_iommu_v2): what-ifs.
constexpr Era amd_mm_exit_on(KernelVersion kernel) {
    return {.policy = Policy::MmExit,
            .kernel = kernel,
            .iommu = IommuArch::Amdvi,
            .on_release = amd_exit_release,
            .on_unbind = amd_clear,
            .on_unbind_exited = amd_clear,
            .on_last = amd_exit_last,
            .pasid = PasidLife::Detach,
            .drain_on_unbind = UnbindDrain::BeforeSteps,
            .defer_mmput = true,
            .evidence = "the order of J.-P. Brucker's 2018 tree on AMD's driver; prediction, no such kernel"};
}

/// 6.7 and later. Nothing drains page requests when a PASID goes: the device's driver has seen to it, or they meet whoever is
/// there then (facts/linux-sva.md 9.3, 9.4).
constexpr Era amd_quiet_on(KernelVersion kernel, bool resolve_at_report, std::string_view evidence) {
    return {.policy = Policy::QuietUnbind,
            .kernel = kernel,
            .iommu = IommuArch::Amdvi,
            .on_release = amd_clear,
            .on_unbind = amd_clear,
            .on_unbind_exited = {},
            .on_last = amd_unregister,
            .pasid = PasidLife::MmDrop,
            .bond_by_bond = true,
            .resolve_at_report = resolve_at_report,
            .release_irqs_off = true,
            .evidence = evidence};
}

/// amd_iommu_v2, 2011 to 6.6: mn_release has inv_ctx_cb stop the device, clears the GCR3 entry and waits for the workers; the
/// PASID is its caller's, who lets go of it behind the unbind (KFD: at the end of its worker). A worker takes no user of the
/// address space (do_fault): the entry's end refuses what comes from then on (pasid_state's invalid), and what was queued
/// before is waited for.
constexpr Era amd_v2_on(KernelVersion kernel, std::string_view evidence) {
    return {.policy = Policy::AmdIommuV2,
            .kernel = kernel,
            .iommu = IommuArch::Amdvi,
            .on_release = amd_v2_release,
            .on_unbind = amd_v2_unbind,
            .on_unbind_exited = {},
            .on_last = amd_v2_last,
            .pasid = PasidLife::LastUnbind,
            .domain_per_device = true,
            .resolve_at_report = true,
            .workers_hold_mm = false,
            .evidence = evidence};
}
constexpr std::string_view amd_v2_evidence =
    "linux 6.1 amd/iommu_v2.c: mn_release, unbind_pasid, amd_iommu_unbind_pasid; amd/iommu.c: __flush_pasid; "
    "amdkfd: kfd_process_wq_release (pasid_free last)";

constexpr Era eras[] = {
    {.policy = Policy::QuietUnbind,
     .kernel = KernelVersion::V6_12,
     .on_release = quiet_release,
     .on_unbind = unbind_6_12,
     .on_unbind_exited = unbind_6_12,
     .on_last = flush_and_put,
     .pasid = PasidLife::MmDrop,
     .drain_on_unbind = UnbindDrain::BeforeSteps,
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
     .drain_on_unbind = UnbindDrain::BeforeSteps,
     .evidence = "linux 6.1 arm-smmu-v3-sva.c: arm_smmu_mm_release (EPD0 only, R stays, mutex), "
                 "arm_smmu_mmu_notifier_put; 32784a9562fb; 2667ed10d9f0 (PASID until mmdrop)"},
    // MODEL: 2018 relied on broadcast TLB maintenance; no broadcast reaches this SMMU, so the TLBI is explicit.
    mm_exit_on(KernelVersion::V2018,
               "J.-P. Brucker's 2018 tree, drivers/iommu/iommu-sva.c: mm_exit in release, detach, PASID freed there"),
    // What an mm_exit policy would cost on later kernels: the same order on their drivers. What-ifs, not releases.
    mm_exit_on(KernelVersion::V6_12, "the 2018 order on the driver of 6.12; prediction, no such kernel"),
    mm_exit_on(KernelVersion::V6_1, "the 2018 order on the driver of 6.1; prediction, no such kernel"),
    // ---- VT-d
    // FPD comes last, when the invalidations are over: what faults before is reported. Bonds are torn down under
    // domain->lock, interrupts off; page requests are drained by the unbind alone, also behind a release.
    // MODEL: as 75ed00055c05 means it. In 6.12.117 intel_pasid_clear_entry asks for P after it was cleared: FPD is never
    // set, and the unbind behind a release drains nothing (read from its source; not reported as far as we know).
    {.policy = Policy::QuietUnbind,
     .kernel = KernelVersion::V6_12,
     .iommu = IommuArch::Vtd,
     .on_release = vtd_release_6_12,
     .on_unbind = vtd_unbind_6_12,
     .on_unbind_exited = vtd_forget,
     .on_last = vtd_put,
     .pasid = PasidLife::MmDrop,
     .bond_by_bond = true,
     .drain_on_unbind = UnbindDrain::AfterSteps,
     .resolve_at_report = true,
     .release_irqs_off = true,
     .evidence = "linux 6.12 intel/pasid.c: intel_pasid_tear_down_entry (75ed00055c05: P first, the rest behind the "
                 "invalidations); intel/svm.c: intel_mm_release; intel/prq.c; 2667ed10d9f0 (PASID until mmdrop)"},
    vtd_quiet_on(KernelVersion::V6_1, {}, PasidLife::MmDrop, vtd_unregister,
                 "linux 6.1 intel/svm.c: intel_mm_release, intel_svm_unbind_mm, intel_svm_drain_prq; 2667ed10d9f0"),
    vtd_quiet_on(KernelVersion::V5_18, {}, PasidLife::MmDrop, vtd_unregister,
                 "as 6.1; 2667ed10d9f0 (mm: Fix PASID use-after-free issue, 5.18: PASID until mmdrop)"),
    vtd_quiet_on(KernelVersion::V5_11, vtd_clear, PasidLife::LastUnbind, vtd_free_and_unregister,
                 "37e91bd4b399, 66ac4db36f4c; cfc78dfd9b36 (iommu_sva_free_pasid at the last unbind); prq_event_thread: ioasid_find", true),
    vtd_quiet_on(KernelVersion::V5_8, vtd_clear, PasidLife::LastUnbind, vtd_free_and_unregister,
                 "37e91bd4b399 (Disable non-recoverable fault processing before unbind), 66ac4db36f4c (page request "
                 "draining), both 5.8; ioasid_free before mmu_notifier_unregister; prq_event_thread: ioasid_find", true),
    // 4.4 to 4.20 had a release without mm_exit already: it clears the entry, which has no FPD, and nothing is drained.
    // MODEL: in scalable mode's tables, one for each device; those kernels had one for the unit, in another format.
    {.policy = Policy::QuietUnbind,
     .kernel = KernelVersion::V2018,
     .iommu = IommuArch::Vtd,
     .on_release = vtd_clear,
     .on_unbind = vtd_clear,
     .on_unbind_exited = vtd_clear,
     .on_last = vtd_free_and_unregister,
     .pasid = PasidLife::LastUnbind,
     .bond_by_bond = true,
     .evidence = "linux 4.4 to 4.20 intel-svm.c: intel_mm_release, intel_svm_unbind_mm (idr_remove, then unregister)"},
    vtd_mm_exit_on(KernelVersion::V2018),
    vtd_mm_exit_on(KernelVersion::V6_12),
    vtd_mm_exit_on(KernelVersion::V6_1),
    // ---- AMD-Vi
    amd_quiet_on(KernelVersion::V6_12, true,
                 "linux 6.12 amd/pasid.c: sva_mn_release, amd_iommu_remove_dev_pasid, iommu_sva_domain_free; amd/iommu.c: "
                 "update_gcr3; 2667ed10d9f0 (PASID until mmdrop)"),
    amd_quiet_on(KernelVersion::V6_1, false, "amd/pasid.c of 6.11 on the SVA core of 6.1; prediction, no such kernel"),
    amd_v2_on(KernelVersion::V2018, amd_v2_evidence),
    amd_v2_on(KernelVersion::V5_8, amd_v2_evidence),
    amd_v2_on(KernelVersion::V5_11, amd_v2_evidence),
    amd_v2_on(KernelVersion::V5_18, amd_v2_evidence),
    amd_v2_on(KernelVersion::V6_1, amd_v2_evidence),
    amd_v2_on(KernelVersion::V6_12, "the order of amd_iommu_v2, gone with 6.7, on the driver of 6.12; prediction, no such kernel"),
    amd_mm_exit_on(KernelVersion::V2018),
    amd_mm_exit_on(KernelVersion::V6_12),
    amd_mm_exit_on(KernelVersion::V6_1),
};

} // namespace

std::span<const Era> kernel_eras() { return eras; }

} // namespace quiesce::os
