// SPDX-License-Identifier: Apache-2.0
/// The SVA core: bind, unbind, and what an mm's release does to its bonds, as the era's list of steps says.
#pragma once
#include "os/bond.h"
#include "os/drivers/device_driver.h"
#include "os/drivers/iommu_driver.h"
#include "os/eras.h"
#include "os/pasid.h"

#include <map>
#include <memory>
#include <vector>

namespace quiesce::os {

/// One mm with devices: its notifier, its ASID in the IOMMU, its bonds.
class SvaDomain;

class Sva {
public:
    Sva(base::EventBus& events, memory::Ownership& ledger, PasidAllocator& pasids, const Era& era, std::vector<std::string> bugs)
        : events_(events), ledger_(ledger), pasids_(pasids), era_(era), bugs_(std::move(bugs)) {}
    Sva(const Sva&) = delete;
    ~Sva();
    void set_iommu(drivers::IommuDriver* d) { iommu_ = d; }

    /// Null if the mm is dying, no PASID is free or the IOMMU refused.
    sim::Task<Bond*> bind(KernelContext& ctx, AddressSpace& mm, base::Name process, drivers::DeviceDriver& device);
    /// Drops one reference; the last one tears the bond down and returns when it is UNBOUND. The device must have been stopped.
    sim::Task<void> unbind(KernelContext& ctx, Bond& bond);
    Bond* find(const AddressSpace& mm, const drivers::DeviceDriver& device);
    /// mm_pasid_drop: the mm is gone.
    void mm_dropped(AddressSpace& mm);
    /// A bond of this mm is not UNBOUND.
    bool any_bond(const AddressSpace& mm) const;
    const Era& era() const { return era_; }

private:
    friend class SvaDomain;
    bool has_bug(std::string_view name) const;
    sim::Task<void> run(KernelContext& ctx, SvaDomain& d, Bond& b, std::span<const TeardownStep> steps);
    sim::Task<void> step(KernelContext& ctx, SvaDomain& d, Bond& b, TeardownStep s, u64 issued, bool last_fence);
    void change(Bond& b, BondEvent e);
    void free_pasid(AddressSpace& mm);

    base::EventBus& events_;
    memory::Ownership& ledger_;
    PasidAllocator& pasids_;
    const Era& era_;
    std::vector<std::string> bugs_;
    drivers::IommuDriver* iommu_ = nullptr;
    sim::Mutex lock_;                                ///< iommu_sva_lock
    std::vector<std::unique_ptr<Bond>> bonds_;       ///< all that ever were; bond n at n - 1
    std::map<u32, std::unique_ptr<SvaDomain>> domains_;
    std::map<u32, Pasid> mm_pasid_;                  ///< mm->pasid
    u16 next_asid_ = 1;
    u64 issued_ = 0;
};

class SvaDomain final : public MmuNotifier {
public:
    SvaDomain(Sva& s, AddressSpace& m, Asid a) : sva(s), mm(m), asid(a) {}
    sim::Task<void> release(KernelContext& ctx, AddressSpace& mm) override;
    sim::Task<void> invalidate(KernelContext& ctx, AddressSpace& mm, Va first, u64 bytes) override;
    Sva& sva;
    AddressSpace& mm;
    const Asid asid;
    std::vector<Bond*> bonds;
    sim::Mutex lock;                                 ///< the driver's own: sva_lock, devices_lock
    bool put = false;
};

} // namespace quiesce::os
