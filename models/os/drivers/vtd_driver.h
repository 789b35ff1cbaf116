// SPDX-License-Identifier: Apache-2.0
/// The VT-d driver in scalable mode: tables and descriptors as bytes, registers over MMIO, the tear-downs of 4.4
/// to 6.12 (facts/linux-sva.md 6; linux: drivers/iommu/intel/{iommu,pasid,svm,prq,cache,dmar}.c).
#pragma once
#include "os/drivers/iommu_driver.h"
#include "os/drivers/vtd_queue.h"
#include "os/kernel.h"

#include <map>

namespace quiesce::os::drivers {

class VtdDriver final : public IommuDriver {
public:
    /// `registers`: where the unit's registers are. `wait_span`: meta-data for breakdowns, see VtdInvalidationQueue.
    VtdDriver(base::Name unit, Kernel& kernel, const VtdDriverConfig& config, Spa registers,
              std::function<u64()> wait_span);

    sim::Task<bool> init(KernelContext& ctx) override;
    sim::Task<bool> attach_device(KernelContext& ctx, StreamId stream, StreamFeatures features) override;
    bool ats_enabled(StreamId stream) const override;
    bool has_ats() const override { return ats_; }
    bool has_pri() const override { return pri_; }
    unsigned page_request_allocation() const override { return config_.page_requests; }
    bool page_requests_enabled(StreamId stream) const override;
    sim::Task<void> page_response(KernelContext& ctx, const PageFault& last, PageAnswer code) override;
    sim::Task<void> flush_page_requests(KernelContext& ctx, const Bond& bond) override;
    sim::Task<void> drain_in_flight(KernelContext& ctx, const Bond& bond) override;
    sim::Task<base::Name> room_for_context(KernelContext& ctx, StreamId stream, Pasid pasid) override;
    sim::Task<bool> set_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> quiet_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> clear_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> redirect_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> block_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<void> silence_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<void> forget_pasid(KernelContext& ctx, Bond& bond) override;
    bool context_present(const Bond& bond) const override;
    GuestId guest_of(StreamId stream) const override { return hypervisor_ ? hypervisor_->owner(stream) : first_guest; }
    sim::Task<void> take_from_guest(KernelContext& ctx, StreamId stream) override;
    sim::Task<bool> give_to_guest(KernelContext& ctx, StreamId stream, GuestId guest) override;
    sim::Task<void> end_guest(KernelContext& ctx, GuestId guest) override;
    sim::Task<bool> invalidate_space(KernelContext& ctx, MmTag mm) override;
    sim::Task<bool> invalidate_range(KernelContext& ctx, MmTag mm, Va first, u64 bytes) override;
    sim::Task<bool> invalidate_atc(KernelContext& ctx, std::span<Bond* const> bonds, Va first, u64 bytes) override;
    std::string error() const override { return error_; }
    u32 max_pasids(StreamId stream) const override;
    u32 max_asids() const override { return 0; }
    bool takes_supervisor() const override;
    bool pasids_from_host() const override { return virtual_commands_; }
    sim::Task<std::optional<Pasid>> allocate_pasid(KernelContext& ctx) override;
    sim::Task<void> free_pasid(KernelContext& ctx, Pasid pasid) override;

    VtdInvalidationQueue& queue() { return queue_; }
    u64 faults_seen() const { return faults_seen_; }
    /// How often faults were found to have been lost (FSTS.PFO), and page requests (PRS.PRO).
    u64 fault_overflows() const { return fault_overflows_; }
    u64 page_request_overflows() const { return page_request_overflows_; }

private:
    using Descriptor = iommu::vtd::Descriptor;
    using PasidEntry = iommu::vtd::PasidEntry;
    struct Stream {
        Spa directory{0};
        unsigned pasid_bits = 0; ///< that the function and the unit have
        bool ats = false, pri = false;
    };
    /// Pages invalidated together: 2^order of them, aligned.
    struct Block {
        Va first{};
        unsigned order = 0;
    };
    bool refuse(std::string why);
    sim::Task<void> write32(KernelContext& ctx, u64 offset, u32 value) {
        return ctx.mmio_write(registers_ + offset, 4, value);
    }
    sim::Task<void> write64(KernelContext& ctx, u64 offset, u64 value) {
        return ctx.mmio_write(registers_ + offset, 8, value);
    }
    // ---- init
    sim::Task<bool> probe(KernelContext& ctx);
    sim::Task<void> command(KernelContext& ctx, iommu::vtd::Gcmd one_shot, u32 status_bit, bool set);
    sim::Task<void> enable_queue(KernelContext& ctx);
    sim::Task<void> set_root(KernelContext& ctx);
    sim::Task<void> enable_page_requests(KernelContext& ctx);
    sim::Task<void> enable_message(KernelContext& ctx, u32 control, base::Name name,
                                   InterruptController::Handler handler);
    sim::Task<void> open_protected_memory(KernelContext& ctx);
    // ---- a guest's (vtd_virtual_commands.cpp)
    sim::Task<void> look_for_virtual_commands(KernelContext& ctx);
    sim::Task<iommu::vtd::Vcrsp> virtual_command(KernelContext& ctx, iommu::vtd::Vcmd command);
    // ---- tables
    sim::Task<Spa> context_entry(KernelContext& ctx, StreamId stream);
    sim::Task<Spa> pasid_entry(KernelContext& ctx, StreamId stream, Pasid pasid);
    PasidEntry first_stage(const Bond& bond) const;
    PasidEntry pass_through(GuestId guest) const;
    sim::Task<void> put_entry(KernelContext& ctx, Spa at, const PasidEntry& e);
    sim::Task<void> take_entry(KernelContext& ctx, Spa at, u64 word0);
    sim::Task<bool> flush_if_cached(KernelContext& ctx, GuestId guest, Pasid pasid);
    // ---- a hypervisor's (vtd_guests.cpp)
    bool begin_guest(GuestId guest);
    PasidEntry behind_second_stage(PasidEntry e, GuestId guest, iommu::vtd::PagingTranslation what) const;
    /// FLPT_DEFAULT_DID of every first stage and of pass-through; or the guest's.
    iommu::vtd::DomainId domain_of(GuestId guest) const {
        return iommu::vtd::DomainId{static_cast<u16>(hypervisor_ ? hypervisor_->number(guest) : 1)};
    }
    // ---- invalidation
    /// `last`: the fence that a caller relies on. With R8 its completion is not waited for.
    sim::Task<bool> fenced(KernelContext& ctx, std::span<const Descriptor> list, base::Name phase, bool last);
    sim::Task<bool> one(KernelContext& ctx, const Descriptor& d, base::Name phase, bool last = false);
    sim::Task<bool> invalidate_pasid_cache(KernelContext& ctx, GuestId guest, Pasid pasid);
    bool whole(u64 bytes) const;
    bool left_to_the_host() const;
    Descriptor iotlb_of_entry(GuestId guest, Pasid pasid) const;
    Descriptor iotlb_of_domain(GuestId guest) const;
    std::vector<Block> blocks(Va first, u64 bytes) const;
    Descriptor device_tlb(const Bond& bond, Block b) const;
    Descriptor device_tlb_of_all(StreamId stream) const;
    // ---- what the unit tells (vtd_interrupts.cpp)
    sim::Task<void> on_fault_interrupt(KernelContext& ctx);
    sim::Task<void> take_fault(KernelContext& ctx, u64 record, u32 top);
    bool prints();
    bool filtered(u32 top, u32 source) const;
    sim::Task<void> on_page_request_interrupt(KernelContext& ctx);
    sim::Task<void> handle_page_request(KernelContext& ctx, iommu::vtd::PageReqDsc r);
    bool bad(const iommu::vtd::PageReqDsc& r) const;
    sim::Task<void> respond(KernelContext& ctx, const PageFault& last, PageAnswer code);
    sim::Task<void> clear_overflow(KernelContext& ctx);
    sim::Task<u32> page_request_index(KernelContext& ctx, u32 offset);
    sim::Task<bool> asks_in_queue(KernelContext& ctx, const Bond& bond);
    sim::Task<void> next_pass(KernelContext& ctx, u64 passes, base::Name phase);
    KernelVersion version() const { return kernel_.config().kernel; }

    base::Name unit_;
    Kernel& kernel_;
    VtdDriverConfig config_;
    Spa registers_;
    VtdInvalidationQueue queue_;
    iommu::vtd::Cap cap_;
    iommu::vtd::Ecap ecap_;
    iommu::vtd::Gcmd gcmd_;                                             ///< what is on
    iommu::vtd::AddressWidth width_ = iommu::vtd::AddressWidth::Bits48; ///< the unit's AGAW
    Spa root_{0};
    std::optional<Hypervisor> hypervisor_; ///< the kernel's is a guest's, or several guests'
    bool ats_ = false, pri_ = false;
    bool virtual_commands_ = false; ///< PASIDs come from the hypervisor
    sim::Mutex register_lock_;      ///< of VCMD and VCRSP
    std::string error_;
    std::map<u32, Stream> streams_;
    // ---- the page request queue
    Spa page_requests_{0};
    u32 page_request_mask_ = 0; ///< entries - 1
    u64 passes_ = 0, last_pass_span_ = 0, page_request_overflows_ = 0;
    sim::Signal passed_; ///< prq_complete
    // ---- faults
    u64 faults_seen_ = 0, fault_overflows_ = 0;
    unsigned printed_ = 0;
    sim::Time window_start_{};
    bool window_open_ = false;
};

} // namespace quiesce::os::drivers
