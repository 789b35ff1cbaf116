// SPDX-License-Identifier: Apache-2.0
/// The SMMUv3 driver: tables and commands as bytes, doorbells over MMIO, generations 6.1 and 6.12 (facts/linux-sva.md 5.2, 5.3, 12).
#pragma once
#include "os/drivers/iommu_driver.h"
#include "os/drivers/smmuv3_queue.h"
#include "os/kernel.h"

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

namespace quiesce::os::drivers {

/// Bits of a guest's intermediate addresses of a unit that puts out so many: one to sixteen tables of level 1.
constexpr unsigned stage2_input_bits(unsigned output_bits) { return std::clamp(output_bits, 32u, 43u); }

class Smmuv3Driver final : public IommuDriver {
public:
    /// `registers`: where the unit's first page is. `sync_span`: meta-data for breakdowns, see Smmuv3CommandQueue; 0 is the
    /// unit's first queue, n + 1 its enhanced queue n.
    /// `wired_base`: where firmware says that the unit's wires begin, in the order of WiredLine.
    Smmuv3Driver(base::Name unit, Kernel& kernel, const Smmuv3DriverConfig& config, Spa registers,
                 std::function<u64(unsigned)> sync_span,
                 unsigned wired_base = 0);

    sim::Task<bool> init(KernelContext& ctx) override;
    sim::Task<bool> attach_device(KernelContext& ctx, StreamId stream, StreamFeatures features) override;
    bool ats_enabled(StreamId stream) const override;
    bool has_ats() const override { return ats_; }
    bool has_pri() const override { return pri_; }
    unsigned page_request_allocation() const override { return config_.page_requests; }
    bool page_requests_enabled(StreamId stream) const override;
    sim::Task<void> page_response(KernelContext& ctx, const PageFault& last, PageAnswer code) override;
    sim::Task<void> flush_page_requests(KernelContext& ctx, const Bond& bond) override;
    bool stalls_enabled(StreamId stream) const override;
    sim::Task<void> flush_stalls(KernelContext& ctx) override;
    sim::Task<base::Name> room_for_context(KernelContext& ctx, StreamId stream, Pasid pasid) override;
    sim::Task<bool> set_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> quiet_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> clear_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> redirect_pasid(KernelContext& ctx, Bond& bond) override;
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
    u32 max_asids() const override { return 1u << asid_bits_; }
    u32 first_asid() const override { return 1 + config_.other_domains; }

    Smmuv3CommandQueue& commands() { return commands_; }
    /// Of the CPUs, if they have queues of their own.
    std::size_t own_queues() const { return own_queues_.size(); }
    u64 events_seen() const { return events_seen_; }
    /// How often the event queue was found to have overflown.
    u64 event_overflows() const { return event_queue_.overflows; }
    /// How often the page request queue was found to have overflown.
    u64 page_request_overflows() const { return page_requests_.overflows; }

private:
    using Cd = iommu::smmuv3::Cd;
    using Command = iommu::smmuv3::Command;
    /// A stream's context table: linear, or two-level with 64 KiB leaves.
    struct Stream {
        Spa contexts{0};   ///< 0: the stream leads nowhere
        unsigned bits = 0;
        GuestId guest = first_guest; ///< in whose memory they are
        bool kernel_dma = false;
        bool two_level = false, ats = false, pri = false, response_pasid = false;
        bool stalls = false; ///< master->stall_enabled
    };
    /// The driver's side of a queue that the unit fills. `passes` counts how often as many records as it holds were
    /// taken out.
    struct UnitQueue {
        Spa base{0};
        unsigned log2size = 0;
        u32 prod = 0, cons = 0;
        bool busy = false; ///< a record has been taken out and not been reported yet
        u64 passes = 0, taken = 0;
        u64 overflows = 0;
        u64 last_span = 0; ///< of the interrupt thread that emptied it last
        sim::Signal passed;
        base::RingIndices<base::WrapBit> ring() const { return {log2size, prod, cons}; }
        bool quiet() const { return ring().empty() && !busy; }
        void record_done();
    };
    bool refuse(std::string why);
    sim::Task<void> write_reg(KernelContext& ctx, u32 offset, unsigned size, u64 value) { return ctx.mmio_write(registers_ + offset, size, value); }
    sim::Task<void> write_and_wait(KernelContext& ctx, u32 offset, u32 ack, u32 value);
    sim::Task<bool> probe(KernelContext& ctx);
    sim::Task<void> probe_own_queues(KernelContext& ctx);
    sim::Task<void> place_queues(KernelContext& ctx);
    sim::Task<void> place_own_queues(KernelContext& ctx);
    Smmuv3CommandQueue& queue_of(const KernelContext& ctx) {
        return own_queues_.empty() ? commands_ : *own_queues_[ctx.cpu()];
    }
    sim::Task<void> skip_error(KernelContext& ctx, const Smmuv3CommandQueue& queue, u32 read_index,
                               iommu::smmuv3::CommandError why);
    sim::Task<void> own_queue_error(KernelContext& ctx, Smmuv3CommandQueue& queue);
    sim::Task<bool> place_streams(KernelContext& ctx);
    sim::Task<void> place_interrupts(KernelContext& ctx);
    sim::Task<void> place_page_requests(KernelContext& ctx);
    Spa stream_entry(StreamId stream);
    sim::Task<Spa> context_entry(KernelContext& ctx, const Bond& bond, bool make);
    u64 context_bytes(const Stream& s) const;
    iommu::smmuv3::Ste stream_ste(const Stream& s) const;
    Cd live_cd(const Bond& bond) const;
    // ---- a hypervisor's (smmuv3_guests.cpp)
    bool begin_guest(GuestId guest);
    FrameAllocator& memory_of(const Stream& s) const { return kernel_.guests().memory_of(s.guest); }
    /// What the guest's hypervisor makes of an entry of the guest's stream table, and of its invalidations.
    iommu::smmuv3::Ste behind_second_stage(iommu::smmuv3::Ste ste, GuestId guest) const;
    Vmid vmid(GuestId guest) const { return Vmid{static_cast<u16>(hypervisor_ ? hypervisor_->number(guest) : 0)}; }
    sim::Task<bool> write_ste(KernelContext& ctx, StreamId stream, const iommu::smmuv3::Ste& target, bool word0_first);
    void give_contexts_back(Stream& s);
    sim::Task<bool> sync_cd(KernelContext& ctx, const Bond& bond);
    /// Writes words 1..7 and word 0 in the order asked for; a CFGI_CD and SYNC after each of the two that changed.
    sim::Task<bool> write_cd(KernelContext& ctx, const Bond& bond, const Cd& target, bool word0_first);
    /// `last`: the fence that a caller relies on. With R8 its completion is not waited for.
    sim::Task<bool> fenced(KernelContext& ctx, std::span<const Command> list, base::Name phase, bool last);
    sim::Task<bool> one(KernelContext& ctx, const Command& c, base::Name phase, bool last = false);
    sim::Task<void> on_event_interrupt(KernelContext& ctx);
    sim::Task<void> on_page_request_interrupt(KernelContext& ctx);
    sim::Task<void> take_page_request(KernelContext& ctx, bool acknowledged);
    sim::Task<void> handle_page_request(KernelContext& ctx, iommu::smmuv3::PageRequest r);
    sim::Task<u32> page_request_producer(KernelContext& ctx);
    sim::Task<u32> event_producer(KernelContext& ctx);
    sim::Task<void> passed(KernelContext& ctx, UnitQueue& q, base::Name phase);
    sim::Task<void> on_global_error(KernelContext& ctx);
    sim::Task<void> take_event(KernelContext& ctx);
    sim::Task<void> free_events(KernelContext& ctx);
    sim::Task<void> handle_event(KernelContext& ctx, iommu::smmuv3::EventRecord e);
    bool prints();
    sim::Task<void> handle_stall(KernelContext& ctx, iommu::smmuv3::EventRecord e);
    Command resume(const PageFault& stalled, PageAnswer code) const;
    Command pri_response(const PageFault& last, PageAnswer code, const Stream& stream) const;
    bool generation_6_12() const { return kernel_.config().kernel == KernelVersion::V6_12; }

    base::Name unit_;
    Kernel& kernel_;
    Smmuv3DriverConfig config_;
    Spa registers_;
    unsigned wired_base_;
    std::function<u64(unsigned)> sync_span_;
    Smmuv3CommandQueue commands_;
    std::vector<std::unique_ptr<Smmuv3CommandQueue>> own_queues_; ///< by CPU; empty: all CPUs share the first
    Spa stream_first_{0};
    unsigned cmdq_log2_ = 0, sid_bits_ = 0, ssid_bits_ = 0, asid_bits_ = 0, output_code_ = 0;
    bool two_level_streams_ = false, two_level_contexts_ = false, ats_ = false, pri_ = false;
    iommu::smmuv3::StallModel stall_model_ = iommu::smmuv3::StallModel::NoStall;
    UnitQueue event_queue_, page_requests_;
    std::optional<Hypervisor> hypervisor_; ///< the kernel's is a guest's, or several guests'
    std::string error_;
    std::map<u32, Stream> streams_;
    u64 events_seen_ = 0, printed_ = 0;
    bool event_overflow_ = false; ///< the flag as it was acknowledged last
    sim::Time window_start_{};
};

} // namespace quiesce::os::drivers
