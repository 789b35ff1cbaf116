// SPDX-License-Identifier: Apache-2.0
/// Kernels, policies and IOMMU drivers as rows: which steps an mm's release and an unbind consist of, and when the
/// PASID goes back. Each list names its evidence in facts/linux-sva.md.
#pragma once
#include "base/param.h"

#include <span>
#include <string>
#include <string_view>

namespace quiesce::os {

enum class Policy : u8 { PinMm, MmExit, NotifyUnbind, QuietUnbind, ParkRefcount, LazyMmdrop, AmdIommuV2 };
constexpr auto enum_names(Policy) {
    return base::name_table<Policy>({{Policy::PinMm, "pin-mm"}, {Policy::MmExit, "mm-exit"},
                                     {Policy::NotifyUnbind, "notify-unbind"}, {Policy::QuietUnbind, "quiet-unbind"},
                                     {Policy::ParkRefcount, "park-refcount"}, {Policy::LazyMmdrop, "lazy-mmdrop"},
                                     {Policy::AmdIommuV2, "amd-iommu-v2"}});
}
/// In order of time.
enum class KernelVersion : u8 { V2018, V5_8, V5_11, V5_18, V6_1, V6_12 };
constexpr auto enum_names(KernelVersion) {
    return base::name_table<KernelVersion>({{KernelVersion::V2018, "2018"}, {KernelVersion::V5_8, "5.8"},
                                            {KernelVersion::V5_11, "5.11"}, {KernelVersion::V5_18, "5.18"},
                                            {KernelVersion::V6_1, "6.1"}, {KernelVersion::V6_12, "6.12"}});
}
/// Whose driver it is.
enum class IommuArch : u8 { Smmuv3, Vtd, Amdvi };
constexpr auto enum_names(IommuArch) {
    return base::name_table<IommuArch>({{IommuArch::Smmuv3, "smmuv3"}, {IommuArch::Vtd, "vtd"}, {IommuArch::Amdvi, "amdvi"}});
}
/// Hardware: as the architecture's driver of that kernel does it. DummyRoot: the context leads to a root table without a
/// valid entry. DriverFilter: the context goes, and the driver's handler drops what is recorded of a bond whose mm is
/// dead. None: the context goes, and the handler prints.
enum class Suppression : u8 { Hardware, DummyRoot, DriverFilter, None };
constexpr auto enum_names(Suppression) {
    return base::name_table<Suppression>({{Suppression::Hardware, "hardware"}, {Suppression::DummyRoot, "dummy-root"},
                                          {Suppression::DriverFilter, "driver-filter"}, {Suppression::None, "none"}});
}

enum class TeardownStep : u8 {
    QuietContext,    ///< the PASID's context stays valid and empty; fence
    ClearContext,    ///< the PASID's context is gone; fence
    RedirectContext, ///< the PASID's context stays as it is, but leads to an empty root table; fence
    BlockContext,    ///< the PASID's context is not present, and all else of it stays; fence
    SilenceContext,  ///< of a context that is not present nothing is left but that its faults are not reported
    ForgetContext,   ///< of a context that is not present nothing is left
    InvalidateSpace, ///< every translation of the address space that the IOMMU keeps; fence
    InvalidateAtc,   ///< every translation of the PASID that the devices keep, those that have an ATC; fence
    DrainPageRequests, ///< page requests of the PASID that are in the hardware's queue or the OS's are answered
    DrainWorkers,    ///< page requests that the OS has taken in are answered, whatever is in the hardware's queue
    DriverMmExit,    ///< the device driver stops DMA and waits for the device
    InformDriver,    ///< the device driver is told that the mm died, and does not keep it waiting
    FreePasid,       ///< the PASID may be handed out again
    FreeAsid,        ///< the IOMMU's tag of the address space may be handed out again
    PutNotifier,     ///< the mmu notifier goes; mm_count drops after a grace period
    UnregisterNotifier, ///< the same, and the grace period is waited for
    PutMm,           ///< the bonds' user of the mm goes, and is often the last
};
constexpr auto enum_names(TeardownStep) {
    return base::name_table<TeardownStep>({{TeardownStep::QuietContext, "quiet-context"}, {TeardownStep::ClearContext, "clear-context"},
                                           {TeardownStep::RedirectContext, "redirect-context"},
                                           {TeardownStep::BlockContext, "block-context"},
                                           {TeardownStep::SilenceContext, "silence-context"},
                                           {TeardownStep::ForgetContext, "forget-context"},
                                           {TeardownStep::InvalidateSpace, "invalidate-space"}, {TeardownStep::InvalidateAtc, "invalidate-atc"},
                                           {TeardownStep::DrainPageRequests, "drain-page-requests"},
                                           {TeardownStep::DrainWorkers, "drain-workers"},
                                           {TeardownStep::DriverMmExit, "mm-exit"}, {TeardownStep::InformDriver, "inform-driver"},
                                           {TeardownStep::FreePasid, "free-pasid"}, {TeardownStep::FreeAsid, "free-asid"},
                                           {TeardownStep::PutNotifier, "put-notifier"},
                                           {TeardownStep::UnregisterNotifier, "unregister-notifier"},
                                           {TeardownStep::PutMm, "put-mm"}});
}

/// When the PASID may be handed out again (6.6). Detach: in release, which detaches the bonds; LastUnbind: with the
/// mm's last bond; MmDrop: with the mm.
enum class PasidLife : u8 { Detach, LastUnbind, MmDrop };
/// When an unbind drains page requests, if it does: while the PASID's context still leads somewhere, or afterwards,
/// when nothing that is drained can be asked again (R2 is the difference).
enum class UnbindDrain : u8 { None, BeforeSteps, AfterSteps };

struct Era {
    Policy policy;
    KernelVersion kernel;
    IommuArch iommu = IommuArch::Smmuv3;
    std::span<const TeardownStep> on_release;        ///< in the mm's notifier release: each step over all bonds, then the next
    std::span<const TeardownStep> on_unbind;         ///< of a bond whose mm is alive
    std::span<const TeardownStep> on_unbind_exited;  ///< of a bond whose mm was released before
    std::span<const TeardownStep> on_last;           ///< after it, when the domain has no other bond
    PasidLife pasid;
    bool domain_per_device = false;                  ///< each device has a notifier of its own; releases are serial. False: one per mm
    bool bond_by_bond = false;                       ///< on_release goes over one bond to its end, then over the next
    UnbindDrain drain_on_unbind = UnbindDrain::None; ///< of page requests; before or behind on_unbind
    bool drain_stalls = false;                       ///< where page requests are drained, stalled requests are, too
    bool resolve_at_report = false;                  ///< a page request finds its bond when it is reported; false: when it is handled
    bool finds_by_pasid = false;                     ///< a page request finds its bond through what the allocator keeps at its PASID (ioasid_find)
    bool defer_mmput = false;                        ///< a page fault worker leaves the last mmput to somebody else
    bool workers_hold_mm = true;                     ///< of page faults: each takes a user, or finds the mm dead; false: the release waits for it
    bool quiet_irqs_off = false;                     ///< the driver holds a spinlock over the rewriting of all contexts
    bool release_irqs_off = false;                   ///< the driver holds a spinlock over all of on_release
    bool pins_mm = false;                            ///< the bonds of a domain hold a user of the mm: no exit_mmap before the last unbind
    bool informs_driver = false;                     ///< the release ends with InformDriver; the driver's worker stops and unbinds
    bool counts_pasids = false;                      ///< who uses a PASID holds it; what ends while others do is parked
    bool lazy_tlb = false;                           ///< a CPU that a dying thread ran on keeps the mm until it runs another
    std::string_view evidence;
};
/// Those that kernels had, and mm-exit where it would have been theirs.
std::span<const Era> kernel_eras();
/// What every policy makes of them (policies.cpp).
const Era* find_era(Policy policy, KernelVersion kernel, IommuArch iommu);
/// Why there is none, and what there is instead.
std::string why_no_era(Policy policy, KernelVersion kernel, IommuArch iommu);
/// The same with another way of keeping a dying bond's faults quiet.
Era suppressed(Era era, Suppression suppression);

/// Whether a dying process's devices reach nothing that is not its own, whatever they do; and why.
struct SafetyClaim {
    bool safe;
    std::string_view why;
    bool safe_unasked = false; ///< what is not safe would be, if no device asked for pages
};
SafetyClaim safety_of(const Era& era);

struct PolicyRow {
    Policy policy;
    std::string_view name, help;
};
std::span<const PolicyRow> policy_rows();

} // namespace quiesce::os
