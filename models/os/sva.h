// SPDX-License-Identifier: Apache-2.0
/// The SVA core: bind, unbind, and what an mm's release does to its bonds, as the era's list of steps says.
#pragma once
#include "base/leftovers.h"
#include "base/lowest_free.h"
#include "os/bond.h"
#include "os/bugs.h"
#include "os/drivers/device_driver.h"
#include "os/drivers/iommu_driver.h"
#include "os/eras.h"
#include "os/pasid.h"

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace quiesce::os {

class SvaDomain;
class IopfQueue;

class Sva {
public:
    Sva(base::EventBus& events, memory::Ownership& ledger, PasidAllocator& pasids, const Era& era, const Bugs& bugs)
        : events_(events), ledger_(ledger), pasids_(pasids), era_(era), bugs_(bugs) {}
    Sva(const Sva&) = delete;
    ~Sva();
    void set_iommu(drivers::IommuDriver* d) {
        iommu_ = d;
        if (d != nullptr) asids_ = base::LowestFree{d->first_asid()};
    }

    /// Null if the mm is dying, no PASID or ASID is left that the device and the IOMMU take, or the device is not attached.
    sim::Task<Bond*> bind(KernelContext& ctx, AddressSpace& mm, base::Name process, drivers::DeviceDriver& device);
    /// A device that is given addresses of memory: pages of the mm that are pinned for it. `tag`: a PASID that only its driver
    /// knows.
    Bond& attach_pinned(AddressSpace& mm, base::Name process, drivers::DeviceDriver& device, Pasid tag, std::vector<PinnedPage> pages);
    /// Whose work that number is the tag of.
    std::vector<const Bond*> tagged(Pasid pasid) const;
    /// Drops one reference; the last one tears the bond down and returns when it is UNBOUND. The device must have been stopped.
    sim::Task<void> unbind(KernelContext& ctx, Bond& bond);
    /// Where PASIDs are counted, and others hold this one: its DMA is blocked as by a release, with the device as it is.
    /// The PASID goes back as far as the bonds are concerned.
    sim::Task<void> park(KernelContext& ctx, Bond& bond);
    const std::vector<Bond*>& bonds_of(const AddressSpace& mm) const;
    /// Somebody is bound to it.
    bool in_use(const drivers::DeviceDriver& device) const;
    Bond* find(const AddressSpace& mm, const drivers::DeviceDriver& device);
    /// The bond that a stream's PASID belongs to: from before its context is set until after it is cleared.
    Bond* bond_at(StreamId stream, Pasid pasid) const;
    /// The one that a page request is for, as this kernel's handler finds it.
    Bond* asked_by(StreamId stream, Pasid pasid) const;
    /// Who answers page requests; asked to drain by the steps of a teardown.
    void set_page_faults(IopfQueue* queue) { page_faults_ = queue; }
    /// mm_pasid_drop: the mm is gone.
    void mm_dropped(AddressSpace& mm);
    /// Its pages are gone. R1: its PASID goes here already.
    void mm_exited(AddressSpace& mm);
    /// mm_valid_pasid: the PASID that the mm has at this time.
    /// Of several (os.pasid.private) that for its first device.
    std::optional<Pasid> pasid_of(const AddressSpace& mm) const;
    std::vector<Pasid> pasids_of(const AddressSpace& mm) const;
    /// The latest bond of the mm with the device, be it unbound by now; null if there never was one.
    const Bond* latest(const AddressSpace& mm, const drivers::DeviceDriver& device) const;
    /// A bond of this mm is not UNBOUND.
    bool any_bond(const AddressSpace& mm) const { return !bonds_of(mm).empty(); }
    /// How many bonds are being unbound.
    unsigned draining() const { return draining_; }
    /// Tells whoever is the bond's driver that the mm died; the span in which it is told.
    std::function<void(Bond& b, u64 span)> on_inform;
    /// Bonds, their notifiers, ASIDs, and contexts that lead somewhere.
    void left_behind(base::Leftovers& out) const;
    const Era& era() const { return era_; }

private:
    friend class SvaDomain;
    /// An invalidation on its way: which bonds it is for, under which number each.
    using Issued = std::vector<std::pair<Bond*, u64>>;
    /// One PASID and one ASID for all bonds of an mm, or for those with one device.
    struct Ids {
        u32 device;                                  ///< its number, or one that stands for all
        std::optional<Pasid> pasid{};
        std::optional<Asid> asid{};
        unsigned domains = 0;                        ///< that use the ASID
    };
    /// What an mm has of the IOMMU.
    struct MmState {
        std::vector<Ids> ids;
        std::vector<Bond*> bonds;                    ///< not UNBOUND, in the order in which they were bound
        std::vector<const Bond*> former;             ///< the latest with each device, if UNBOUND
        std::vector<SvaDomain*> linked;              ///< whose notifiers were not put
    };
    /// A stream's PASID.
    static u64 key(StreamId stream, Pasid pasid) { return u64{raw(stream)} << 32 | raw(pasid); }
    void went(const SvaDomain& d);
    Bond& attach(AddressSpace& mm, base::Name process, drivers::DeviceDriver& device);
    SvaDomain* domain_for(AddressSpace& mm, drivers::DeviceDriver& device);
    /// Those that have the domain's PASID and ASID.
    std::vector<Bond*> bonds_beside(const SvaDomain& d) const;
    std::optional<Asid> take_asid();
    /// The kernel's error; empty: the mm has what it needs.
    base::Name take_ids(AddressSpace& mm, const drivers::DeviceDriver& device);
    sim::Task<void> ask_host_for_pasid(KernelContext& ctx, AddressSpace& mm, const drivers::DeviceDriver& device);
    Ids& ids_of(const AddressSpace& mm, const drivers::DeviceDriver* device);
    sim::Task<base::Name> room_for(KernelContext& ctx, AddressSpace& mm, drivers::DeviceDriver& device);
    bool domain_per_device() const { return era_.domain_per_device || pasids_.one_for_each_device(); }
    void give_pasid_back(Pasid pasid, const AddressSpace& mm);

    std::vector<TeardownStep> as_done(std::span<const TeardownStep> steps) const;
    UnbindDrain drain_of(const Bond& b) const;
    void audit(const Bond& b);
    void miss_release(SvaDomain& d);
    /// `rewriting_atomic`: a spinlock is held over the rewriting of contexts.
    sim::Task<void> run(KernelContext& ctx, SvaDomain& d, const std::vector<Bond*>& bonds, std::span<const TeardownStep> steps,
                        bool rewriting_atomic = false);
    sim::Task<void> release_bonds(KernelContext& ctx, SvaDomain& d, const std::vector<Bond*>& bonds);
    struct Doer;
    static const Doer& doer_of(TeardownStep step);
    sim::Task<void> quiet_context(KernelContext& ctx, Bond& b);
    sim::Task<void> clear_context(KernelContext& ctx, Bond& b);
    sim::Task<void> redirect_context(KernelContext& ctx, Bond& b);
    sim::Task<void> block_context(KernelContext& ctx, Bond& b);
    sim::Task<void> silence_context(KernelContext& ctx, Bond& b);
    sim::Task<void> forget_context(KernelContext& ctx, Bond& b);
    sim::Task<void> drain_page_requests(KernelContext& ctx, Bond& b);
    sim::Task<void> drain_workers(KernelContext& ctx, Bond& b);
    sim::Task<void> driver_mm_exit(KernelContext& ctx, Bond& b);
    sim::Task<void> inform_driver(KernelContext& ctx, Bond& b);
    sim::Task<void> invalidate_atc(KernelContext& ctx, const std::vector<Bond*>& bonds);
    void tell_left_open(const Bond& quiet);
    sim::Task<void> invalidate_space(KernelContext& ctx, SvaDomain& d);
    sim::Task<void> flush_bonds(KernelContext& ctx, std::vector<Bond*> bonds, Va first, u64 bytes);
    sim::Task<void> free_pasid(KernelContext& ctx, SvaDomain& d);
    sim::Task<void> free_asid(KernelContext& ctx, SvaDomain& d);
    sim::Task<void> put_notifier(KernelContext& ctx, SvaDomain& d);
    sim::Task<void> unregister_notifier(KernelContext& ctx, SvaDomain& d);
    sim::Task<void> put_mm(KernelContext& ctx, SvaDomain& d);
    using ContextChange = sim::Task<bool> (drivers::IommuDriver::*)(KernelContext&, Bond&);
    sim::Task<void> change_context(KernelContext& ctx, Bond& b, ContextChange how, Reach::Context to);
    /// Those whose devices have an ATC, or have none.
    static std::vector<Bond*> with_ats(const std::vector<Bond*>& bonds, bool ats);
    bool shut(const Bond& b) const;
    void swept(Bond& b) const;
    std::vector<bool> cannot_hit(const std::vector<Bond*>& bonds) const;
    Issued issue(const std::vector<Bond*>& bonds, Va first, u64 bytes);
    void seen(const KernelContext& ctx, const Issued& issued, Va first, u64 bytes);
    sim::Task<void> unbind_pinned(KernelContext& ctx, Bond& b);
    void change(Bond& b, BondEvent e);

    base::EventBus& events_;
    memory::Ownership& ledger_;
    PasidAllocator& pasids_;
    const Era& era_;
    const Bugs& bugs_;
    drivers::IommuDriver* iommu_ = nullptr;
    IopfQueue* page_faults_ = nullptr;
    sim::Mutex lock_;                                ///< iommu_sva_lock
    std::vector<std::unique_ptr<Bond>> bonds_;       ///< all that ever were; bond n at n - 1
    std::vector<std::unique_ptr<SvaDomain>> domains_; ///< all that ever were: a notifier's callback may still be inside one that was put
    std::unordered_map<u32, MmState> mms_;           ///< every one that was ever bound
    std::unordered_map<u64, Bond*> at_;              ///< the latest bond of a stream's PASID that is not UNBOUND
    base::LowestFree asids_{1};                      ///< arm_smmu_asid_xa
    unsigned draining_ = 0;
    u64 issued_ = 0;
};

/// What an mm's notifier reaches: the bonds of one mm with all its devices, or with one, as the era has it.
class SvaDomain final : public MmuNotifier {
public:
    SvaDomain(Sva& s, AddressSpace& m, drivers::DeviceDriver* only, drivers::MmTag t) : sva(s), mm(m), device(only), tag(t) {}
    sim::Task<void> release(KernelContext& ctx, AddressSpace& mm) override;
    sim::Task<void> invalidate(KernelContext& ctx, AddressSpace& mm, Va first, u64 bytes) override;
    Sva& sva;
    AddressSpace& mm;
    drivers::DeviceDriver* const device;             ///< null: every device of the mm
    const drivers::MmTag tag;
    std::vector<Bond*> bonds;                        ///< attached
    /// MODEL: release and unbind of a domain exclude each other, as sva_lock does on 6.1; on 6.12 two different locks
    /// guard them (R18, R22).
    sim::Mutex lock;
    Bond* last = nullptr;                            ///< R12: whose context a release that comes too late takes away
    bool missed = false;                             ///< R24: its notifier went without a release
};

} // namespace quiesce::os
