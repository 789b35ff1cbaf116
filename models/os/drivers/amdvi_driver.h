// SPDX-License-Identifier: Apache-2.0
/// The AMD-Vi driver: tables and commands as bytes, registers over MMIO, the generations up to 6.6 (amd_iommu_v2) and from
/// 6.7 on (facts/linux-sva.md 11; linux: drivers/iommu/amd/{init,iommu,pasid,ppr}.c).
#pragma once
#include "iommu/amdvi/config_regs.h"
#include "os/drivers/amdvi_queue.h"
#include "os/drivers/iommu_driver.h"
#include "os/kernel.h"

#include <map>

namespace quiesce::os::drivers {

class AmdviDriver final : public IommuDriver {
public:
    /// `registers`: where the unit's registers are; `capability`: what its function says in configuration space.
    /// `wait_span`: meta-data for breakdowns, see AmdviCommandQueue.
    AmdviDriver(base::Name unit, Kernel& kernel, const AmdviDriverConfig& config, Spa registers,
                amdvi::CapHeader capability, std::function<u64()> wait_span);

    sim::Task<bool> init(KernelContext& ctx) override;
    sim::Task<bool> attach_device(KernelContext& ctx, StreamId stream, StreamFeatures features) override;
    bool ats_enabled(StreamId stream) const override;
    bool has_ats() const override { return ats_; }
    bool has_pri() const override { return pri_; }
    unsigned page_request_allocation() const override { return config_.page_requests; }
    bool page_requests_enabled(StreamId stream) const override;
    sim::Task<void> page_response(KernelContext& ctx, const PageFault& last, PageAnswer code) override;
    sim::Task<void> flush_page_requests(KernelContext& ctx, const Bond& bond) override;
    sim::Task<base::Name> room_for_context(KernelContext& ctx, StreamId stream, Pasid pasid) override;
    sim::Task<bool> set_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> clear_pasid(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> redirect_pasid(KernelContext& ctx, Bond& bond) override;
    bool context_present(const Bond& bond) const override;
    GuestId guest_of(StreamId stream) const override { return hypervisor_ ? hypervisor_->owner(stream) : first_guest; }
    sim::Task<void> take_from_guest(KernelContext& ctx, StreamId stream) override;
    sim::Task<bool> give_to_guest(KernelContext& ctx, StreamId stream, GuestId guest) override;
    sim::Task<void> end_guest(KernelContext& ctx, GuestId guest) override;
    bool flushes_by_bond() const override { return true; }
    sim::Task<bool> flush_bond(KernelContext& ctx, Bond& bond, Va first, u64 bytes) override;
    std::string error() const override { return error_; }
    u32 max_pasids(StreamId stream) const override;
    u32 max_asids() const override { return 0; }

    AmdviCommandQueue& queue() { return queue_; }
    u64 events_seen() const { return events_seen_; }
    /// How often the logs were found to have overflown, and were restarted.
    u64 event_overflows() const { return event_overflows_; }
    u64 page_request_overflows() const { return page_request_overflows_; }

private:
    using Command = amdvi::Command;
    using Dte = amdvi::Dte;
    /// __ratelimit: its own for each device, and one for what is of none.
    struct RateLimit {
        sim::Time start{};
        unsigned printed = 0;
        bool open = false;
    };
    struct Stream {
        Spa gcr3{0};         ///< the GCR3 table's root
        unsigned levels = 1; ///< of it
        u32 max_pasids = 0;
        amdvi::DomainId domain{}; ///< of its own
        Spa own_table{0};    ///< where requests without a PASID lead; none: they are not translated
        bool ats = false, pri = false, response_pasid = false;
        RateLimit prints;
    };
    /// One of the two logs.
    struct LogRing {
        Spa base{0};
        u32 mask = 0; ///< entries - 1
        u32 head_register = 0, tail_register = 0;
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
    sim::Task<void> switch_bit(KernelContext& ctx, const amdvi::Control::F<bool>& bit, bool on);
    sim::Task<void> switch_off(KernelContext& ctx);
    sim::Task<void> enable_commands(KernelContext& ctx);
    sim::Task<void> enable_event_log(KernelContext& ctx);
    sim::Task<void> enable_page_requests(KernelContext& ctx);
    /// 90fcffd9cf5e, 5.4. Linux asks the firmware's copy of EFR.
    bool has_xt_interrupts() const {
        return version() >= KernelVersion::V5_8 && efr_.get(amdvi::Efr::XTSup) && efr_.get(amdvi::Efr::GASup);
    }
    sim::Task<bool> enable_interrupts(KernelContext& ctx);
    sim::Task<void> enable_message(KernelContext& ctx);
    sim::Task<bool> enable_xt_interrupts(KernelContext& ctx);
    // ---- tables
    Spa device_entry(StreamId stream) const { return device_table_ + (raw(stream) & 0xffff) * u64{Dte::byte_count}; }
    Dte entry_of(StreamId stream, const Stream& s) const;
    sim::Task<void> write_device_entry(KernelContext& ctx, StreamId stream, Dte e);
    std::optional<Spa> gcr3_entry(const Stream& s, Pasid pasid) const;
    sim::Task<Spa> make_gcr3_entry(KernelContext& ctx, Stream& s, Pasid pasid);
    sim::Task<bool> update_gcr3(KernelContext& ctx, Bond& bond, u64 entry);
    // ---- invalidation
    bool flushes_in_one() const { return version() >= KernelVersion::V6_12; }
    sim::Task<bool> flush_pasid(KernelContext& ctx, StreamId stream, Pasid pasid, Va first, u64 bytes);
    Command iommu_pages(const Stream& s, Pasid pasid, Va first, u64 bytes) const;
    Command iotlb_pages(StreamId stream, std::optional<Pasid> pasid, Va first, u64 bytes) const;
    sim::Task<bool> complete(KernelContext& ctx, base::Name phase, bool last = false);
    bool whole(Va first, u64 bytes) const;
    // ---- a hypervisor's (amdvi_guests.cpp)
    bool begin_guest(GuestId guest);
    Dte behind_host_table(Dte e, GuestId guest) const;
    // ---- what the unit tells (amdvi_interrupts.cpp)
    /// 6.6: each log has code of its own, and a thread where it has an interrupt (2379f3485239, e5ebd90d1b5c); the PPR log is
    /// restarted, too (274c2218b8b2).
    bool logs_apart() const { return version() >= KernelVersion::V6_12; }
    sim::Task<void> on_interrupt(KernelContext& ctx);
    sim::Task<void> on_event_interrupt(KernelContext& ctx);
    sim::Task<void> on_page_request_interrupt(KernelContext& ctx);
    sim::Task<void> serve_both(KernelContext& ctx);
    sim::Task<void> serve_events(KernelContext& ctx);
    sim::Task<void> serve_page_requests(KernelContext& ctx);
    sim::Task<void> poll_events(KernelContext& ctx);
    sim::Task<void> take_event(KernelContext& ctx, Spa entry);
    sim::Task<void> poll_page_requests(KernelContext& ctx);
    sim::Task<void> handle_page_request(KernelContext& ctx, amdvi::PprEntry e);
    sim::Task<void> answer_bad_request(KernelContext& ctx, const PageFault& f);
    sim::Task<void> complete_request(KernelContext& ctx, const PageFault& last, PageAnswer code);
    sim::Task<void> restart_log(KernelContext& ctx, const amdvi::Control::F<bool>& log, const amdvi::Control::F<bool>& interrupt,
                                const amdvi::Status::F<bool>& run, const amdvi::Status::F<bool>& overflow);
    sim::Task<u32> log_index(KernelContext& ctx, u32 offset, const LogRing& log);
    bool prints(RateLimit& limit);
    KernelVersion version() const { return kernel_.config().kernel; }

    base::Name unit_;
    Kernel& kernel_;
    AmdviDriverConfig config_;
    Spa registers_;
    amdvi::CapHeader capability_;
    AmdviCommandQueue queue_;
    amdvi::Efr efr_;
    Spa device_table_{0};
    std::optional<Hypervisor> hypervisor_; ///< the kernel's is a guest's, or several guests'
    bool ats_ = false, pri_ = false;
    std::string error_;
    std::map<u32, Stream> streams_;
    u16 last_domain_ = 0;
    // ---- the logs
    LogRing event_log_, ppr_log_;
    RateLimit other_prints_;
    u64 events_seen_ = 0, event_overflows_ = 0, page_request_overflows_ = 0;
    bool polling_ = false; ///< of page requests
    u64 passes_ = 0, last_pass_span_ = 0;
    sim::Signal passed_;
};

} // namespace quiesce::os::drivers
