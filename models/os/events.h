// SPDX-License-Identifier: Apache-2.0
/// Facts that the operating system model states.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "base/names.h"
#include "sim/time.h"

#include <string_view>

namespace quiesce::os {

/// facts/linux-sva.md 1.4.
enum class BondState : u8 { Unbound, Bound, Exited, Draining };

/// A bond, an address space on a device, came to be, was left by its process, is being drained, or ended.
struct BondChanged {
    static constexpr std::string_view event_name = "BondChanged";
    BondId bond;
    MmId mm;
    base::Name process;
    base::Name device;
    DeviceId device_id;
    Pasid pasid;
    BondState state;
};
DESCRIBE(BondChanged, bond, mm, process, device, device_id, pasid, state)

/// A reason to tear down: kill, exit, exec, close, unbind, pasid-free, oom-victim, device-removed. Emitted per bond and
/// reason; the first of a bond is its T0, later ones are listed in `also`.
struct TeardownTriggered {
    static constexpr std::string_view event_name = "TeardownTriggered";
    BondId bond;
    base::Name trigger;
    u64 span;                ///< the span in which it happened, 0 if the scenario itself
};
DESCRIBE(TeardownTriggered, bond, trigger, span)

/// A waiting CPU saw a fence complete. Until the next one for the same pages, the OS may rely on it. `blocks`: after it no
/// DMA of the bond can succeed (its context is quiet and its translations are invalidated, or its context is gone).
struct FenceObserved {
    static constexpr std::string_view event_name = "FenceObserved";
    BondId bond;             ///< 0: every bond of the mm
    MmId mm;
    Va first;                ///< the pages it covers; none if it ends the rewriting of a context
    u64 bytes;
    bool blocks;
    u64 issued_sequence;     ///< OS-wide number of the invalidation it completes
    u64 span;
};
DESCRIBE(FenceObserved, bond, mm, first, bytes, blocks, issued_sequence, span)

/// A device's ATC was emptied while it could be filled again: the device's own context stopped walks only, and that of
/// `by`, with the same ASID, went on walking. Hits in the IOMMU's translation cache are granted.
struct AtcLeftOpen {
    static constexpr std::string_view event_name = "AtcLeftOpen";
    BondId bond;
    BondId by;
};
DESCRIBE(AtcLeftOpen, bond, by)

/// A step of a teardown's list began or ended in a kernel context; one event for each bond that it is done for.
struct TeardownStepChanged {
    static constexpr std::string_view event_name = "TeardownStepChanged";
    BondId bond;
    u64 context;             ///< its number
    base::Name by;           ///< its name
    base::Name step;
    bool ended;
};
DESCRIBE(TeardownStepChanged, bond, context, by, step, ended)

/// A hypervisor gave a device's function to a guest; 0: it took it from whoever had it.
struct FunctionAssigned {
    static constexpr std::string_view event_name = "FunctionAssigned";
    base::Name device;
    u32 guest;
};
DESCRIBE(FunctionAssigned, device, guest)

/// A driver put a command into a queue of its IOMMU.
struct IommuCommandIssued {
    static constexpr std::string_view event_name = "IommuCommandIssued";
    u64 context;             ///< number of the kernel context
    base::Name unit;
    base::Name command;      ///< the manual's name
    base::Name by{};         ///< the kernel context
    Spa entry{};             ///< where the command stands in memory: CommandConsumed names it, too
};
DESCRIBE(IommuCommandIssued, context, unit, command, by, entry)

/// The OS began an invalidation that a later FenceObserved with this number completes.
struct InvalidationIssued {
    static constexpr std::string_view event_name = "InvalidationIssued";
    u64 issued_sequence;
    BondId bond;
    MmId mm;
    Va first;
    u64 bytes;
};
DESCRIBE(InvalidationIssued, issued_sequence, bond, mm, first, bytes)

/// A fence was waited for and did not come in time; the caller goes on.
struct FenceTimedOut {
    static constexpr std::string_view event_name = "FenceTimedOut";
    base::Name driver;
    u64 issued_sequence;
};
DESCRIBE(FenceTimedOut, driver, issued_sequence)

/// The device driver saw the device idle for the bond, or gave up waiting.
struct StopSeen {
    static constexpr std::string_view event_name = "StopSeen";
    BondId bond;
    bool gave_up;
    u64 span;
};
DESCRIBE(StopSeen, bond, gave_up, span)

/// The driver began to reset a device that did not do what it was asked for.
struct DeviceReset {
    static constexpr std::string_view event_name = "DeviceReset";
    DeviceId device;
    base::Name driver;
    BondId guilty;           ///< for which it should have stopped
};
DESCRIBE(DeviceReset, device, driver, guilty)

/// Work that was under way for a bond is gone, by no wish of its process, which is told.
struct WorkLost {
    static constexpr std::string_view event_name = "WorkLost";
    DeviceId device;
    BondId bond;
};
DESCRIBE(WorkLost, device, bond)

/// A process came to be, is dying, is dead, or was reaped.
struct ProcessChanged {
    static constexpr std::string_view event_name = "ProcessChanged";
    base::Name process;
    MmId mm;
    base::Name state;        ///< running, dying, zombie, reaped
};
DESCRIBE(ProcessChanged, process, mm, state)

/// The exit path's mmput returned in the last thread of the dying process.
struct MmputReturned {
    static constexpr std::string_view event_name = "MmputReturned";
    base::Name process;
    MmId mm;
    bool last;               ///< it ran exit_mmap itself
    u64 span;
};
DESCRIBE(MmputReturned, process, mm, last, span)

/// The address space is taken down: its pages and tables went back.
struct ExitMmapReturned {
    static constexpr std::string_view event_name = "ExitMmapReturned";
    MmId mm;
    u64 span;
};
DESCRIBE(ExitMmapReturned, mm, span)

/// An allocation found no room and waited in the allocator's slow path. `served`: it got its page.
struct AllocationDelayed {
    static constexpr std::string_view event_name = "AllocationDelayed";
    base::Name context;
    MmId mm;                 ///< whose page it is for
    sim::Time since;
    bool served;
};
DESCRIBE(AllocationDelayed, context, mm, since, served)

/// The OOM killer chose a process, and has sent it SIGKILL unless it was dying already.
struct OomVictimMarked {
    static constexpr std::string_view event_name = "OomVictimMarked";
    base::Name process;
    MmId mm;
    base::Name asked_by;     ///< the context whose allocation failed
    i64 points;              ///< badness
    u64 pages, tables;       ///< that it has
    bool was_dying;
    u64 held_by_earlier;     ///< pages that earlier victims have not given back
    bool enough;             ///< with them the allocation would have had room
};
DESCRIBE(OomVictimMarked, process, mm, asked_by, points, pages, tables, was_dying, held_by_earlier, enough)

/// The OOM killer found no process that it could kill. `comes`: memory of a dead one is on its way back.
struct OomFoundNobody {
    static constexpr std::string_view event_name = "OomFoundNobody";
    base::Name asked_by;
    bool comes;
};
DESCRIBE(OomFoundNobody, asked_by, comes)

/// How a try to reap a victim's address space ended. Busy: somebody has the mmap lock, or waits for it, as a writer.
/// Refused: a notifier would have had to wait; other mappings may have been reaped. Gone: nothing to do any more.
enum class OomReap : u8 { Reaped, Busy, Refused, Gone };
constexpr auto enum_names(OomReap) {
    return base::name_table<OomReap>({{OomReap::Reaped, "reaped"}, {OomReap::Busy, "busy"}, {OomReap::Refused, "refused"},
                                      {OomReap::Gone, "gone"}});
}
/// Somebody tried to take the pages of an OOM victim.
struct OomReapTried {
    static constexpr std::string_view event_name = "OomReapTried";
    MmId mm;
    base::Name by;           ///< oom_reaper, or whoever called process_mrelease
    OomReap how;
};
DESCRIBE(OomReapTried, mm, by, how)

/// The pages of a mapping were taken from an OOM victim.
struct OomMappingReaped {
    static constexpr std::string_view event_name = "OomMappingReaped";
    MmId mm;
    base::Name by;
    base::Name mapping;
    u64 pages;
};
DESCRIBE(OomMappingReaped, mm, by, mapping, pages)

/// A mapping that the reaper leaves. Why: shared, hugetlb, pfn-mapped, refused.
struct OomMappingSkipped {
    static constexpr std::string_view event_name = "OomMappingSkipped";
    MmId mm;
    base::Name by;
    base::Name mapping;
    base::Name why;
    u64 pages;
};
DESCRIBE(OomMappingSkipped, mm, by, mapping, why, pages)

/// The reaper is through with an address space, or gives it up: the OOM killer may choose another (MMF_OOM_SKIP).
struct OomVictimHidden {
    static constexpr std::string_view event_name = "OomVictimHidden";
    MmId mm;
    u64 tries;
    bool given_up;
};
DESCRIBE(OomVictimHidden, mm, tries, given_up)

/// Parked: in its grace time. FreePending: given back, and still held by others.
enum class PasidState : u8 { Free, Allocated, Parked, FreePending };

/// A PASID was given out, was parked, waits to be free, or is free.
struct PasidChanged {
    static constexpr std::string_view event_name = "PasidChanged";
    Pasid pasid;
    MmId mm;
    PasidState state;        ///< Free: it may be handed out again
};
DESCRIBE(PasidChanged, pasid, mm, state)

/// No PASID was left for an address space, or for a set of PASIDs without one.
struct PasidRefused {
    static constexpr std::string_view event_name = "PasidRefused";
    MmId mm;
    base::Name set;
};
DESCRIBE(PasidRefused, mm, set)

/// A bind failed, with the kernel's error.
struct BindRefused {
    static constexpr std::string_view event_name = "BindRefused";
    base::Name process;
    MmId mm;
    base::Name device;
    base::Name error;
};
DESCRIBE(BindRefused, process, mm, device, error)

/// A page stays in its frame; a bond's device was given the frame's own address, and the bond reaches no other page. no_bond:
/// the process had it pinned for itself.
struct PagePinned {
    static constexpr std::string_view event_name = "PagePinned";
    BondId bond;
    MmId mm;
    Va page;
    Spa frame;
};
DESCRIBE(PagePinned, bond, mm, page, frame)

/// Who, besides bonds, can hold a PASID (Vfio, Kvm, Mdev) or an address space (Procfs).
enum class Holder : u8 { Vfio, Kvm, Mdev, Procfs };
constexpr auto enum_names(Holder) {
    return base::name_table<Holder>(
        {{Holder::Vfio, "vfio"}, {Holder::Kvm, "kvm"}, {Holder::Mdev, "mdev"}, {Holder::Procfs, "procfs"}});
}

/// `counted`: the kernel knows of it, and keeps what is held as long as it is.
struct HolderChanged {
    static constexpr std::string_view event_name = "HolderChanged";
    base::Name process;
    MmId mm;
    Holder by;
    bool counted;
    bool holds;
};
DESCRIBE(HolderChanged, process, mm, by, counted, holds)

/// The driver read a fault record from the hardware's queue. `shown`: printed; otherwise rate-limited or dropped.
struct FaultHandled {
    static constexpr std::string_view event_name = "FaultHandled";
    base::Name driver;
    u16 code;
    StreamId stream;
    bool has_pasid;
    Pasid pasid;
    bool shown;
};
DESCRIBE(FaultHandled, driver, code, stream, has_pasid, pasid, shown)

/// How a page request that the driver took out of the hardware's queue ended.
enum class PageRequestFate : u8 {
    Handled,    ///< the page is there
    NoBond,     ///< nobody is bound to that PASID
    MmDead,     ///< the address space is gone, its bond is not
    BadAddress, ///< nothing is mapped there, or not for that access
    NoMemory,
    Skipped,    ///< one before it in its group could not be handled
    Discarded,  ///< the hardware lost requests: its group may never become whole
    StopMarker, ///< asked for nothing
    Reaped,     ///< the OOM reaper has begun to take the address space's pages: none comes back
};

/// The OS is through with one page request. `mm`: whose page was asked for, as the OS sees it; 0: nobody's.
struct PageRequestEnded {
    static constexpr std::string_view event_name = "PageRequestEnded";
    StreamId stream;
    bool has_pasid;
    Pasid pasid;
    Va at;
    u16 group;
    MmId mm;
    PageRequestFate fate;
};
DESCRIBE(PageRequestEnded, stream, has_pasid, pasid, at, group, mm, fate)

enum class PageAnswer : u8 { Success, Invalid, Failure };

/// The OS decided the answer to a group of page requests; the command to the hardware follows.
struct PageGroupAnswered {
    static constexpr std::string_view event_name = "PageGroupAnswered";
    StreamId stream;
    bool has_pasid;
    Pasid pasid;
    u16 group;
    PageAnswer code;
};
DESCRIBE(PageGroupAnswered, stream, has_pasid, pasid, group, code)

/// How a thread's attempt to give a device work from user space ended. Full: the device answered Retry as often as the
/// thread tried. NoPortal: the thread has no mapping of the device's portal (SIGBUS). NoPasid: its PASID register is
/// not valid and the kernel has nothing to load it with (#GP, SIGSEGV). Failed: no answer came, or Unsupported Request.
/// Dying: it is being killed.
enum class UserSubmission : u8 { Accepted, Full, NoPortal, NoPasid, Failed, Dying };

/// A thread of user space submitted a descriptor: what came of it, as the thread sees it.
struct UserSubmitted {
    static constexpr std::string_view event_name = "UserSubmitted";
    base::Name thread;
    base::Name device;
    MmId mm;
    BondId bond;             ///< of the address space with the device, be it unbound by now; 0: there never was one
    bool has_pasid;
    Pasid pasid;             ///< what the thread's register says
    UserSubmission how;
};
DESCRIBE(UserSubmitted, thread, device, mm, bond, has_pasid, pasid, how)

/// A thread did what its process dies of.
struct FatalSignal {
    static constexpr std::string_view event_name = "FatalSignal";
    base::Name process;
    MmId mm;
    base::Name signal;       ///< SIGSEGV, SIGBUS
    base::Name cause;        ///< what the thread did
};
DESCRIBE(FatalSignal, process, mm, signal, cause)

/// The kernel loaded a thread's PASID register, because the thread wanted to use it.
struct PasidLoaded {
    static constexpr std::string_view event_name = "PasidLoaded";
    base::Name thread;
    MmId mm;
    Pasid pasid;
};
DESCRIBE(PasidLoaded, thread, mm, pasid)

/// A thread has polled for a completion record. `status`: its first byte; 0: none came while the thread waited.
struct RecordAwaited {
    static constexpr std::string_view event_name = "RecordAwaited";
    base::Name thread;
    base::Name device;
    BondId bond;
    u8 status;
    sim::Time since;         ///< when the device took the descriptor
};
DESCRIBE(RecordAwaited, thread, device, bond, status, since)

/// A driver read what its device recorded about a descriptor that it could not complete.
struct DeviceErrorSeen {
    static constexpr std::string_view event_name = "DeviceErrorSeen";
    base::Name driver;
    u8 code;
    Pasid pasid;
    Va at;
    bool others;             ///< the device had more than it could record
};
DESCRIBE(DeviceErrorSeen, driver, code, pasid, at, others)

/// A driver learned that its device has halted, and what it would need.
struct DeviceHaltSeen {
    static constexpr std::string_view event_name = "DeviceHaltSeen";
    base::Name driver;
    u8 needs;
};
DESCRIBE(DeviceHaltSeen, driver, needs)

/// A driver did not give its device a command, because that has halted. `bond`: for whom it would have been.
struct CommandSkipped {
    static constexpr std::string_view event_name = "CommandSkipped";
    base::Name driver;
    u8 command;
    BondId bond;
};
DESCRIBE(CommandSkipped, driver, command, bond)

/// A CPU began to run a kernel context (or none: idle).
struct CpuRuns {
    static constexpr std::string_view event_name = "CpuRuns";
    u32 cpu;
    base::Name context;
};
DESCRIBE(CpuRuns, cpu, context)

/// CPU time was used.
struct CpuSpent {
    static constexpr std::string_view event_name = "CpuSpent";
    base::Name context;
    base::Name on;
    u64 ps;
};
DESCRIBE(CpuSpent, context, on, ps)

/// An OS invariant was broken: use-after-free, illegal-state, sleep-in-atomic, deadlock.
struct OsViolation {
    static constexpr std::string_view event_name = "OsViolation";
    base::Name kind;
    base::Name object;
    BondId bond;
};
DESCRIBE(OsViolation, kind, object, bond)

} // namespace quiesce::os
