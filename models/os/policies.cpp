// SPDX-License-Identifier: Apache-2.0
/// The policies of the debate: what each makes of a kernel's driver, where it exists, and where it is claimed to be safe.
#include "os/eras.h"

#include <algorithm>
#include <vector>

namespace quiesce::os {
namespace {
using enum TeardownStep;
using Steps = std::span<const TeardownStep>;

constexpr PolicyRow policy_table[] = {
    {Policy::PinMm, "pin-mm",
     "a bond is a user of the address space: nothing of it goes before the last unbind, and DMA is legal until then (VT-d's first "
     "driver)"},
    {Policy::MmExit, "mm-exit",
     "release calls the driver's mm_exit, which stops the device and waits; the PASID is freed there (2018 proposal)"},
    {Policy::NotifyUnbind, "notify-unbind",
     "release makes the PASID's context quiet, informs the driver and returns; a worker of the driver stops the device and unbinds, "
     "and the PASID is freed there (2018 counter-proposal)"},
    {Policy::QuietUnbind, "quiet-unbind",
     "release makes the PASID's context quiet and returns; the driver stops the device at unbind (kernels from 5.8 on)"},
    {Policy::ParkRefcount, "park-refcount",
     "as quiet-unbind, and PASIDs are counted: a bond that ends while VFIO, KVM or a mediated device holds its PASID is blocked and "
     "parked, nobody is told, and the last of them gives the PASID back (2021 proposal)"},
    {Policy::LazyMmdrop, "lazy-mmdrop",
     "as quiet-unbind, and the PASID goes with the last reference to the address space: CPUs keep one as long as they have not run "
     "another (kernels from 5.18 on)"},
    {Policy::AmdIommuV2, "amd-iommu-v2",
     "release calls the driver's inv_ctx_cb, which stops the device, then clears the GCR3 entry and waits for page request workers; "
     "PASIDs are the caller's, who frees them after the unbind (AMD's first driver, up to 6.6, in the order that it meant: what shipped "
     "had R-E1's order and R-E3's, R26-amd's answer)"},
};

// ---- what a policy makes of a kernel's own list ---------------------------------------------------------------------

// Where the PASID goes with the last bond: before the notifier, as ioasid_free did.
constexpr TeardownStep smmu_last_6_12[] = {InvalidateSpace, FreePasid, FreeAsid, PutNotifier};
constexpr TeardownStep smmu_last_6_1[] = {FreePasid, FreeAsid, PutNotifier};
constexpr TeardownStep vtd_last_6_12[] = {FreePasid, PutNotifier};
constexpr TeardownStep vtd_last_6_1[] = {FreePasid, UnregisterNotifier};
constexpr TeardownStep amd_last[] = {FreePasid, UnregisterNotifier};
// intel-svm.c of 4.3: the notifier, then the PASID, then the mm.
constexpr TeardownStep vtd_pinned_last[] = {UnregisterNotifier, FreePasid};
constexpr TeardownStep vtd_pinned_clear[] = {ClearContext, InvalidateSpace, InvalidateAtc};

Era with_last_unbind(Era e) {
    const bool newest = e.kernel == KernelVersion::V6_12;
    e.pasid = PasidLife::LastUnbind;
    if (e.iommu == IommuArch::Smmuv3) e.on_last = newest ? Steps{smmu_last_6_12} : Steps{smmu_last_6_1};
    else if (e.iommu == IommuArch::Amdvi) e.on_last = amd_last;
    else e.on_last = newest ? Steps{vtd_last_6_12} : Steps{vtd_last_6_1};
    return e;
}

Era pinned(Era e) {
    e = with_last_unbind(e);
    e.pins_mm = true;
    e.evidence = "VT-d's first order (linux 4.3, intel-svm.c: get_task_mm for the life of a bond) on this driver; prediction, no such "
                 "kernel";
    return e;
}

Era informing(Era e) {
    e = with_last_unbind(e);
    e.informs_driver = true;
    e.evidence = "C. Koenig and J. Pan in the thread of the 2018 iommu-sva series: mm_exit informs, unbind frees; on this driver: "
                 "prediction, no such kernel";
    return e;
}

Era counting(Era e) {
    e = with_last_unbind(e);
    e.counts_pasids = true;
    e.evidence = "J. Pan, iommu/ioasid: Redefine IOASID set and allocation APIs, and J. Gunthorpe's answer of 2021-03-31; on this "
                 "driver: prediction, no such kernel";
    return e;
}

Era lazy(Era e) {
    e.lazy_tlb = true;
    e.evidence = "as quiet-unbind of this kernel; kernel/sched/core.c: context_switch, mmgrab_lazy_tlb; kernel/fork.c: __mmdrop, "
                 "mm_pasid_drop (2667ed10d9f0)";
    if (e.iommu == IommuArch::Amdvi && e.kernel != KernelVersion::V6_12)
        e.evidence = "as quiet-unbind on this kernel's core, with its lazy TLBs; prediction, no such kernel";
    return e;
}

/// 4.3 had neither scalable mode nor a drain of page requests. MODEL: in scalable mode's tables, as the row of 4.4 to 4.20.
constexpr Era first_vtd{.policy = Policy::PinMm,
                        .kernel = KernelVersion::V2018,
                        .iommu = IommuArch::Vtd,
                        .on_release = vtd_pinned_clear,
                        .on_unbind = vtd_pinned_clear,
                        .on_unbind_exited = vtd_pinned_clear,
                        .on_last = vtd_pinned_last,
                        .pasid = PasidLife::LastUnbind,
                        .bond_by_bond = true,
                        .pins_mm = true,
                        .evidence = "linux 4.3 intel-svm.c: intel_svm_bind_mm (get_task_mm), intel_svm_unbind_mm (unregister, idr_remove, mmput)"};

/// Which kernels' quiet-unbind a policy is derived from, and how.
struct Derivation {
    Policy policy;
    KernelVersion first;
    Era (*make)(Era quiet);
};
constexpr Derivation derivations[] = {
    {Policy::PinMm, KernelVersion::V6_1, pinned},
    {Policy::NotifyUnbind, KernelVersion::V6_1, informing},
    {Policy::ParkRefcount, KernelVersion::V6_1, counting},
    {Policy::LazyMmdrop, KernelVersion::V5_18, lazy},
};

std::vector<Era> make_all() {
    std::vector<Era> all(kernel_eras().begin(), kernel_eras().end());
    all.push_back(first_vtd);
    for (const Derivation& d : derivations)
        for (const Era& quiet : kernel_eras()) {
            if (quiet.policy != Policy::QuietUnbind || quiet.kernel < d.first) continue;
            Era made = d.make(quiet);
            made.policy = d.policy;
            all.push_back(made);
        }
    return all;
}

// ---- where faults are kept quiet ------------------------------------------------------------------------------------

constexpr TeardownStep redirect_release[] = {RedirectContext, InvalidateSpace, InvalidateAtc};
constexpr TeardownStep clear_release[] = {ClearContext, InvalidateSpace, InvalidateAtc};
constexpr TeardownStep amd_redirect_release[] = {RedirectContext};

/// The release bars a device that runs. AMD-Vi has nothing to keep it quiet with.
bool quiets(const Era& e) {
    if (e.iommu == IommuArch::Amdvi) return e.on_release.front() == ClearContext;
    return std::any_of(e.on_release.begin(), e.on_release.end(),
                       [](TeardownStep s) { return s == QuietContext || s == BlockContext; });
}

// ---- claims ---------------------------------------------------------------------------------------------------------

/// The first that fits. Unsafe is what a library scenario shows, or what the sources say themselves.
struct ClaimRow {
    bool (*fits)(const Era& e);
    SafetyClaim claim;
};
constexpr ClaimRow claim_table[] = {
    {[](const Era& e) { return e.pins_mm && e.drain_on_unbind == UnbindDrain::None; },
     {false, "page requests that are queued when a bond ends meet the next owner of its PASID: nothing drains them", true}},
    {[](const Era& e) { return e.pins_mm; }, {true, "no page goes as long as a bond lives, and an unbind stops the device first"}},
    {[](const Era& e) { return e.pasid == PasidLife::Detach; },
     {true, "the device is stopped, and its translations are gone, before a page or the PASID is freed"}},
    {[](const Era& e) { return e.policy == Policy::AmdIommuV2; },
     {false, "page requests that are in the unit's log when a bond ends meet the next owner of its PASID: the workers are drained, the log is "
             "not, and the notifier's grace period is all the time that there is to read it",
      true}},
    {[](const Era& e) { return e.domain_per_device; },
     {false, "a device's translations are invalidated when its own release comes; one that is released later refills the address space "
             "that they share (refill-through-sibling)"}},
    {[](const Era& e) { return e.drain_on_unbind == UnbindDrain::None; },
     {false, "page requests that are queued when a bond ends meet the next owner of its PASID: nothing drains them", true}},
    {[](const Era& e) { return e.counts_pasids; },
     {true, "pages go when no device can reach them any more, the PASID when nobody that may still use it is left"}},
    {[](const Era& e) { return e.pasid == PasidLife::MmDrop; },
     {true, "pages go when no device can reach them any more, the PASID when nothing refers to the address space"}},
    {[](const Era&) { return true; },
     {true, "pages go when no device can reach them any more, the PASID when its last bond is drained"}},
};
} // namespace

const Era* find_era(Policy policy, KernelVersion kernel, IommuArch iommu) {
    static const std::vector<Era> all = make_all();
    const auto its = [&](const Era& e) { return e.policy == policy && e.kernel == kernel && e.iommu == iommu; };
    const auto found = std::find_if(all.begin(), all.end(), its);
    return found == all.end() ? nullptr : &*found;
}

std::string why_no_era(Policy policy, KernelVersion kernel, IommuArch iommu) {
    switch (policy) {
    case Policy::QuietUnbind: break;
    case Policy::AmdIommuV2:
        return "amd-iommu-v2 was AMD's driver up to 6.6, which is there on amdvi; as a what-if on 6.12: set platform.iommu.kind";
    case Policy::MmExit: return "mm-exit was a proposal of 2018; as a what-if it is there on 6.1 and 6.12";
    case Policy::PinMm:
        return "pin-mm was the first VT-d driver's, which is there as kernel 2018 on vtd; as a what-if it is there on 6.1 and 6.12";
    case Policy::LazyMmdrop:
        return "PASIDs have gone with the address space since 5.18; set os.kernel to 6.1 or 6.12, or on vtd to 5.18";
    default:
        return std::string{base::enum_text(policy)} + " was a proposal, and never a kernel's; as a what-if it is there on 6.1 and 6.12";
    }
    if (iommu == IommuArch::Amdvi)
        return "AMD's driver has been one of the SVA core's since 6.7; set os.kernel to 6.12 (as a what-if 6.1), or os.policy to amd-iommu-v2";
    if (iommu == IommuArch::Smmuv3 && kernel == KernelVersion::V2018)
        return "quiet-unbind came with 5.8; set os.policy to mm-exit, or os.kernel to 6.1 or 6.12";
    if (iommu == IommuArch::Smmuv3 && kernel == KernelVersion::V5_8)
        return "the SMMUv3's driver has had shared address spaces since 5.11; set os.kernel to 6.1 or 6.12";
    return "of the SMMUv3's drivers those of 6.1 and 6.12 are modelled; set os.kernel to one of them";
}

/// An unbind behind a release finds a context that is there all the same, or one that is gone.
Era suppressed(Era e, Suppression suppression) {
    if (suppression == Suppression::Hardware || !quiets(e)) return e;
    const bool redirects = suppression == Suppression::DummyRoot;
    if (e.iommu != IommuArch::Amdvi) e.on_release = redirects ? Steps{redirect_release} : Steps{clear_release};
    else if (redirects) e.on_release = amd_redirect_release;
    if (redirects) e.on_unbind_exited = e.on_unbind;
    return e;
}

SafetyClaim safety_of(const Era& era) {
    return std::find_if(std::begin(claim_table), std::end(claim_table), [&](const ClaimRow& r) { return r.fits(era); })->claim;
}

std::span<const PolicyRow> policy_rows() { return policy_table; }

} // namespace quiesce::os
