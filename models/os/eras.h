// SPDX-License-Identifier: Apache-2.0
/// Kernels and policies as rows: which steps an mm's release and an unbind consist of, and when the PASID goes back. Each list
/// names its evidence in facts/linux-sva.md.
#pragma once
#include "base/param.h"

#include <span>
#include <string_view>

namespace quiesce::os {

enum class Policy : u8 { QuietUnbind, MmExit };
constexpr auto enum_names(Policy) {
    return base::name_table<Policy>({{Policy::QuietUnbind, "quiet-unbind"}, {Policy::MmExit, "mm-exit"}});
}
enum class KernelVersion : u8 { V2018, V6_1, V6_12 };
constexpr auto enum_names(KernelVersion) {
    return base::name_table<KernelVersion>({{KernelVersion::V2018, "2018"}, {KernelVersion::V6_1, "6.1"}, {KernelVersion::V6_12, "6.12"}});
}
enum class Suppression : u8 { Hardware };
constexpr auto enum_names(Suppression) { return base::name_table<Suppression>({{Suppression::Hardware, "hardware"}}); }

enum class TeardownStep : u8 {
    QuietContext,    ///< the PASID's context stays valid and empty; fence
    ClearContext,    ///< the PASID's context is gone; fence
    InvalidateSpace, ///< every translation of the address space that the IOMMU keeps; fence
    InvalidateAtc,   ///< every translation of the PASID that the devices keep, those that have an ATC; fence
    DrainPageRequests, ///< page requests of the PASID that are in the hardware's queue or the OS's are answered
    DriverMmExit,    ///< the device driver stops DMA and waits for the device
    FreePasid,       ///< the PASID may be handed out again
    FreeAsid,        ///< the IOMMU's tag of the address space may be handed out again
    PutNotifier,     ///< the mmu notifier goes; mm_count drops after a grace period
};
constexpr auto enum_names(TeardownStep) {
    return base::name_table<TeardownStep>({{TeardownStep::QuietContext, "quiet-context"}, {TeardownStep::ClearContext, "clear-context"},
                                           {TeardownStep::InvalidateSpace, "invalidate-space"}, {TeardownStep::InvalidateAtc, "invalidate-atc"},
                                           {TeardownStep::DrainPageRequests, "drain-page-requests"},
                                           {TeardownStep::DriverMmExit, "mm-exit"},
                                           {TeardownStep::FreePasid, "free-pasid"}, {TeardownStep::FreeAsid, "free-asid"},
                                           {TeardownStep::PutNotifier, "put-notifier"}});
}

enum class PasidLife : u8 { Detach, MmDrop };

struct Era {
    Policy policy;
    KernelVersion kernel;
    std::span<const TeardownStep> on_release;        ///< in the mm's notifier release: each step over all bonds, then the next
    std::span<const TeardownStep> on_unbind;         ///< of a bond whose mm is alive
    std::span<const TeardownStep> on_unbind_exited;  ///< of a bond whose mm was released before
    std::span<const TeardownStep> on_last;           ///< after it, when the domain has no other bond
    PasidLife pasid;
    bool domain_per_device = false;                  ///< each device has a notifier of its own; releases are serial. False: one per mm
    bool drain_on_unbind = false;                    ///< before on_unbind, page requests are drained
    bool drain_stalls = false;                       ///< where page requests are drained, stalled requests are, too
    bool resolve_at_report = false;                  ///< a page request finds its bond when it is reported; false: when it is handled
    bool defer_mmput = false;                        ///< a page fault worker leaves the last mmput to somebody else
    bool quiet_irqs_off = false;                     ///< the driver holds a spinlock over the rewriting of all contexts
    std::string_view evidence;
};
const Era* find_era(Policy policy, KernelVersion kernel);

struct PolicyRow {
    std::string_view name, help;
};
std::span<const PolicyRow> policy_rows();

/// Deliberate mistakes of the operating system, as `os.bugs`.
struct BugRow {
    std::string_view name, help, scenario;
    std::string_view set;
    std::string_view kinds; ///< comma-separated
};
std::span<const BugRow> bug_rows();

} // namespace quiesce::os
