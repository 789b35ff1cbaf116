// SPDX-License-Identifier: Apache-2.0
/// What the SVA core asks of an IOMMU driver. Each call returns when the hardware's fence has been seen by the calling CPU;
/// false if it was not (time-out, or a bug that does not wait).
#pragma once
#include "os/bond.h"
#include "os/events.h"

#include <optional>
#include <span>
#include <string>

namespace quiesce::os {
struct PageFault;
}

namespace quiesce::os::drivers {

/// What a device has, and the kernel will enable there once its stream may translate.
struct StreamFeatures {
    unsigned pasid_bits = 0;
    bool ats = false, pri = false;
    bool kernel_dma = false;     ///< its requests without a PASID are for the kernel's memory
    bool response_pasid = false; ///< it wants a PASID in the responses to its page requests
    bool can_stall = false;      ///< its faulting requests can wait for software: no PCI function's can
};

/// What a unit knows an mm's translations by: an ASID of its own, or the PASID itself.
struct MmTag {
    Asid asid{};
    Pasid pasid{};
    GuestId guest = first_guest; ///< whose
};

class IommuDriver {
public:
    virtual ~IommuDriver() = default;
    /// Programs the unit: queues, tables, interrupts, enable. False, with error() saying why, if the driver does not take it.
    virtual sim::Task<bool> init(KernelContext& ctx) = 0;
    /// The unit takes translation requests and translated requests; known after init().
    virtual bool has_ats() const = 0;
    /// It takes page requests, too.
    virtual bool has_pri() const = 0;
    /// Page requests that a function may have outstanding.
    virtual unsigned page_request_allocation() const = 0;
    /// A device's stream may translate: its stream table entry, and a context table for PASIDs of so many bits (fewer
    /// if the unit has fewer). With `ats` it may ask for translations. False, with error(), if it cannot.
    virtual sim::Task<bool> attach_device(KernelContext& ctx, StreamId stream, StreamFeatures features) = 0;
    /// The stream was attached with `ats`: what its device may keep has to be invalidated there, too.
    virtual bool ats_enabled(StreamId stream) const = 0;
    /// The stream was attached with `pri`: its device may ask for pages.
    virtual bool page_requests_enabled(StreamId stream) const = 0;
    /// Answers the group of which `last` is the last request. Returns when the command is on its way.
    virtual sim::Task<void> page_response(KernelContext& ctx, const PageFault& last, PageAnswer code) = 0;
    /// Returns when every page request of the bond that is in the hardware's queue has been reported.
    virtual sim::Task<void> flush_page_requests(KernelContext& ctx, const Bond& bond) = 0;
    /// After it, and after the OS has answered all: returns when no page request or answer of the bond is on its way
    /// any more, where a unit can tell.
    virtual sim::Task<void> drain_in_flight(KernelContext&, const Bond&) { co_return; }
    /// The stream was attached with `can_stall`, and the unit can: its faulting requests wait for page_response().
    virtual bool stalls_enabled(StreamId) const { return false; }
    /// As flush_page_requests(), for the records of stalled requests.
    virtual sim::Task<void> flush_stalls(KernelContext&) { co_return; }
    virtual std::string error() const = 0;
    /// PASIDs of a stream are below this; 0 if the stream is not attached.
    virtual u32 max_pasids(StreamId stream) const = 0;
    /// ASIDs are below this; 0: the unit has none, and address spaces are known by their PASIDs.
    virtual u32 max_asids() const = 0;
    /// PASIDs can be of the kernel's own address space.
    virtual bool takes_supervisor() const { return false; }
    /// PASIDs are a hypervisor's, each asked for by command and given back by command; known after init().
    virtual bool pasids_from_host() const { return false; }
    /// Nothing: the hypervisor has none left.
    virtual sim::Task<std::optional<Pasid>> allocate_pasid(KernelContext&) { co_return std::nullopt; }
    virtual sim::Task<void> free_pasid(KernelContext&, Pasid) { co_return; }
    /// The lowest that address spaces may have.
    virtual u32 first_asid() const { return 1; }
    /// There is memory for the context of that PASID; otherwise the error that a bind ends with.
    virtual sim::Task<base::Name> room_for_context(KernelContext&, StreamId, Pasid) { co_return base::Name{}; }
    /// Installs the bond's page tables at its PASID (set_dev_pasid).
    virtual sim::Task<bool> set_pasid(KernelContext& ctx, Bond& bond) = 0;
    /// The PASID's context stays valid and empty, and faults quietly where the kernel's generation does that.
    virtual sim::Task<bool> quiet_pasid(KernelContext&, Bond&) { co_return false; }
    /// The PASID's context is gone (remove_dev_pasid).
    virtual sim::Task<bool> clear_pasid(KernelContext& ctx, Bond& bond) = 0;
    /// Everything of the PASID's context stays, but it leads to an empty root table: os.suppression dummy-root.
    virtual sim::Task<bool> redirect_pasid(KernelContext&, Bond&) { co_return false; }
    // ---- the steps of a driver that takes a context away in two goes: only of eras that have them
    /// Its context is not present; everything else of it stays.
    virtual sim::Task<bool> block_pasid(KernelContext&, Bond&) { co_return false; }
    /// Of a context that is not present nothing stays but that faults are not reported. No fence.
    virtual sim::Task<void> silence_pasid(KernelContext&, Bond&) { co_return; }
    /// Of a context that is not present nothing stays. No fence.
    virtual sim::Task<void> forget_pasid(KernelContext&, Bond&) { co_return; }
    /// What its table says in memory: the PASID's context is there, be it quiet or not. Takes no time: for audits.
    virtual bool context_present(const Bond&) const { return false; }
    // ---- a hypervisor's (os/guests.h): functions that pass from guest to guest
    /// Who has the stream's function; it is the first guest's from attach_device() on.
    virtual GuestId guest_of(StreamId) const { return first_guest; }
    /// The stream leads nowhere.
    virtual sim::Task<void> take_from_guest(KernelContext&, StreamId) { co_return; }
    /// It leads through the guest's second stage. False: the unit knows no further guest.
    virtual sim::Task<bool> give_to_guest(KernelContext&, StreamId, GuestId) { co_return false; }
    /// No function is the guest's any more: its second stage goes, and the unit's number for it is free.
    virtual sim::Task<void> end_guest(KernelContext&, GuestId) { co_return; }
    /// Every device has a number of its own by which the unit knows translations: what it keeps of a bond's PASID, and what the
    /// bond's device does, go in one, whenever its context changes, too. Such a driver has flush_bond(); others the three below.
    virtual bool flushes_by_bond() const { return false; }
    /// A range of the bond's PASID, in the unit and in the ATC.
    virtual sim::Task<bool> flush_bond(KernelContext&, Bond&, Va /*first*/, u64 /*bytes*/) { co_return false; }
    /// Every translation of an address space that the unit keeps.
    virtual sim::Task<bool> invalidate_space(KernelContext&, MmTag) { co_return false; }
    /// Its translations of a range (secondary TLB invalidation).
    virtual sim::Task<bool> invalidate_range(KernelContext&, MmTag, Va /*first*/, u64 /*bytes*/) { co_return false; }
    /// What the bonds' devices keep of a range of their PASIDs in their ATCs; all bytes: of the whole PASID. One fence for all.
    virtual sim::Task<bool> invalidate_atc(KernelContext&, std::span<Bond* const>, Va /*first*/, u64 /*bytes*/) { co_return false; }
};

} // namespace quiesce::os::drivers
