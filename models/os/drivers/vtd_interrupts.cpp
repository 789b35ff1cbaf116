// SPDX-License-Identifier: Apache-2.0
// What the unit tells the driver: fault records, the page request queue and its answers.
#include "os/drivers/vtd_driver.h"

#include <array>

namespace quiesce::os::drivers {

using namespace iommu::vtd;

// ---- faults (dmar_fault) --------------------------------------------------------------------------------------------

constexpr unsigned lines_of_fault = 1; ///< dmar_fault_do_one; the dump of the tables is CONFIG_DMAR_DEBUG's

/// __ratelimit: one state for every line that the handler may print.
bool VtdDriver::prints() {
    if (!window_open_ || sim::now() >= window_start_ + config_.ratelimit_interval.get()) {
        window_open_ = true;
        window_start_ = sim::now();
        printed_ = 0;
    }
    if (printed_ >= config_.ratelimit_burst) return false;
    ++printed_;
    return true;
}

/// Whose it is says the record's source, too.
bool VtdDriver::filtered(u32 top, u32 source) const {
    const auto r = FaultRecord::from_words({0, u64{top} << 32 | source});
    return r.get(FaultRecord::PP) && kernel_.filters_faults(StreamId{raw(r.get(FaultRecord::SID))}, r.get(FaultRecord::PV));
}

/// Of a record that is not printed nothing but its top quarter is read, unless it takes more to know whose it is.
sim::Task<void> VtdDriver::take_fault(KernelContext& ctx, u64 record, u32 top) {
    const bool asks = kernel_.config().suppression == Suppression::DriverFilter;
    u64 source = 0, address = 0;
    if (asks) source = co_await ctx.mmio_read(registers_ + record + 8, 4);
    const bool shown = !(asks && filtered(top, static_cast<u32>(source))) && prints();
    if (shown) {
        if (!asks) source = co_await ctx.mmio_read(registers_ + record + 8, 4);
        address = co_await ctx.mmio_read(registers_ + record, 8);
    }
    const auto r = FaultRecord::from_words({address, u64{top} << 32 | source});
    co_await write32(ctx, record + 12, u32{1} << 31); // F: write one to clear
    ++faults_seen_;
    if (shown) co_await kernel_.console().print(ctx, config_.print_fault.get(), lines_of_fault);
    kernel_.events().emit(FaultHandled{unit_, static_cast<u16>(r.get(FaultRecord::FR)),
                                       StreamId{raw(r.get(FaultRecord::SID))}, r.get(FaultRecord::PP),
                                       r.get(FaultRecord::PV), shown});
}

/// From FRI on until a record without F, however many come meanwhile; then the overflow is cleared. No thread
/// (IRQF_NO_THREAD): other interrupts of this CPU wait until it is over.
sim::Task<void> VtdDriver::on_fault_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("fault-records");
    const auto atomic = ctx.irqs_off();
    const u64 bits = co_await ctx.mmio_read(registers_ + Fsts::offset, 4);
    const Fsts status = Fsts::of(static_cast<u32>(bits));
    if (bits != 0 && prints()) co_await kernel_.console().print(ctx, config_.print_fault.get(), 1);
    if (!status.get(Fsts::PPF)) co_return;
    for (u64 index = status.get(Fsts::FRI);; index = (index + 1) % frcd_count(cap_)) {
        const u64 record = frcd_offset(cap_, index);
        const u64 top = co_await ctx.mmio_read(registers_ + record + 12, 4);
        if (top >> 31 == 0) break;
        co_await take_fault(ctx, record, static_cast<u32>(top));
    }
    fault_overflows_ += status.get(Fsts::PFO);
    co_await write32(ctx, Fsts::offset, Fsts{}.set(Fsts::PFO, true).value());
}

// ---- page requests (prq_event_thread) -------------------------------------------------------------------------------

sim::Task<u32> VtdDriver::page_request_index(KernelContext& ctx, u32 offset) {
    const u64 bytes = co_await ctx.mmio_read(registers_ + offset, 8);
    co_return static_cast<u32>(bytes / iommu::vtd::page_request_bytes) & page_request_mask_;
}

/// PPR goes before the indices are read: what comes later raises a new interrupt. The head moves once, when all is
/// reported.
sim::Task<void> VtdDriver::on_page_request_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("page-request-queue");
    co_await write32(ctx, Prs::offset, Prs{}.set(Prs::PPR, true).value());
    const u32 tail = co_await page_request_index(ctx, Pqt::offset);
    u32 head = co_await page_request_index(ctx, Pqh::offset);
    for (; head != tail; head = (head + 1) & page_request_mask_) {
        PageReqDsc::Words words{};
        for (unsigned w = 0; w < 4; ++w) {
            const u64 word = co_await ctx.load(page_requests_ + head * iommu::vtd::page_request_bytes + 8 * w);
            words[w] = word;
        }
        co_await handle_page_request(ctx, PageReqDsc::from_words(words));
    }
    co_await write64(ctx, Pqh::offset, tail * iommu::vtd::page_request_bytes);
    co_await clear_overflow(ctx);
    last_pass_span_ = ctx.last_span();
    ++passes_;
    passed_.notify_all();
}

/// PRO is cleared only when the queue is empty: as long as it is set the unit answers by itself, and nothing comes. R14: at once,
/// with requests in the queue whose groups had begun to come before.
sim::Task<void> VtdDriver::clear_overflow(KernelContext& ctx) {
    const u64 bits = co_await ctx.mmio_read(registers_ + Prs::offset, 4);
    if (!Prs::of(static_cast<u32>(bits)).get(Prs::PRO)) co_return;
    const u32 head = co_await page_request_index(ctx, Pqh::offset);
    const u32 tail = co_await page_request_index(ctx, Pqt::offset);
    if (head != tail && !kernel_.has_bug(Bug::R14)) co_return;
    ++page_request_overflows_;
    kernel_.page_faults().discard_partial();
    co_await write32(ctx, Prs::offset, Prs{}.set(Prs::PRO, true).value());
}

/// What is no request of a user's page: no PASID, no such address, a privileged access, an execution, no such function.
bool VtdDriver::bad(const PageReqDsc& r) const {
    const u64 address = r.get(PageReqDsc::ADDR).value();
    const u64 sign = address >> 47;
    const bool reads = r.get(PageReqDsc::RDR), accesses = reads || r.get(PageReqDsc::WRR);
    return !r.get(PageReqDsc::PP) || (sign != 0 && sign != 0x1ffff) || (r.get(PageReqDsc::PMR) && accesses) ||
           (r.get(PageReqDsc::EXR) && reads) || streams_.count(raw(r.get(PageReqDsc::RID))) == 0;
}

/// A bad one is printed, however many there are, and answered if it is its group's last. Of a stop marker nothing is
/// told but that it came.
sim::Task<void> VtdDriver::handle_page_request(KernelContext& ctx, PageReqDsc r) {
    PageFault f;
    f.stream = StreamId{raw(r.get(PageReqDsc::RID))};
    f.has_pasid = r.get(PageReqDsc::PP);
    f.pasid = r.get(PageReqDsc::PASID);
    f.at = Va{r.get(PageReqDsc::ADDR).value()};
    f.read = r.get(PageReqDsc::RDR);
    f.write = r.get(PageReqDsc::WRR);
    f.execute = r.get(PageReqDsc::EXR);
    f.privileged = r.get(PageReqDsc::PMR);
    f.last = r.get(PageReqDsc::LPIG);
    f.group = static_cast<u16>(r.get(PageReqDsc::PRGI));
    const auto ended = [&](PageRequestFate fate) {
        kernel_.events().emit(PageRequestEnded{f.stream, f.has_pasid, f.pasid, f.at, f.group, MmId{}, fate});
    };
    const bool marker = f.last && !f.read && !f.write;
    if (bad(r)) {
        co_await kernel_.console().print(ctx, config_.print_fault.get(), 1);
        ended(PageRequestFate::NoBond);
        if (!f.last) co_return;
        kernel_.events().emit(PageGroupAnswered{f.stream, f.has_pasid, f.pasid, f.group, PageAnswer::Invalid});
        co_await respond(ctx, f, PageAnswer::Invalid);
    } else if (marker) {
        ended(PageRequestFate::StopMarker);
    } else {
        co_await kernel_.page_faults().report(ctx, f);
    }
}

/// intel_iommu_page_response: waited for like any other descriptor.
sim::Task<void> VtdDriver::page_response(KernelContext& ctx, const PageFault& last, PageAnswer code) {
    return respond(ctx, last, code);
}

sim::Task<void> VtdDriver::respond(KernelContext& ctx, const PageFault& last, PageAnswer code) {
    if (kernel_.has_bug(Bug::ForgetPageResponse)) co_return;
    static constexpr ResponseCode codes[] = {ResponseCode::Success, ResponseCode::InvalidRequest,
                                             ResponseCode::Failure};
    PageGrpRespDsc d;
    d.set(PageGrpRespDsc::Type, DescriptorType::PageGroupResponse).set(PageGrpRespDsc::PP, last.has_pasid);
    d.set(PageGrpRespDsc::RC, codes[raw(code)])
        .set(PageGrpRespDsc::RID, static_cast<base::RequesterId>(raw(last.stream)));
    d.set(PageGrpRespDsc::PASID, last.pasid).set(PageGrpRespDsc::PRGI, u64{last.group});
    d.set(PageGrpRespDsc::IGN, last.last); // QI_PGRP_LPIG, which the unit ignores
    const std::array<Descriptor, 1> list{as_descriptor(d)};
    co_await queue_.submit(ctx, list, "page-response-wait", {});
}

// ---- draining (intel_iommu_drain_pasid_prq, its first half)
// -----------------------------------------------------------

/// wait_for_completion(prq_complete), re-armed when `passes` was read.
sim::Task<void> VtdDriver::next_pass(KernelContext& ctx, u64 passes, base::Name phase) {
    const std::function<u64()> last_pass = [this] { return last_pass_span_; };
    while (passes_ == passes) co_await ctx.sleep_on(passed_.wait(), phase, unit_, last_pass);
}

sim::Task<bool> VtdDriver::asks_in_queue(KernelContext& ctx, const Bond& bond) {
    const u32 tail = co_await page_request_index(ctx, Pqt::offset);
    u32 head = co_await page_request_index(ctx, Pqh::offset);
    for (; head != tail; head = (head + 1) & page_request_mask_) {
        const u64 word = co_await ctx.load(page_requests_ + head * iommu::vtd::page_request_bytes);
        const auto r = PageReqDsc::from_words({word, 0, 0, 0});
        if (r.get(PageReqDsc::PP) && r.get(PageReqDsc::PASID) == bond.pasid) co_return true;
    }
    co_return false;
}

/// As long as a request of the PASID is between head and tail, whoever's it is: until a pass of the thread is over.
sim::Task<void> VtdDriver::flush_page_requests(KernelContext& ctx, const Bond& bond) {
    for (;;) {
        const u64 passes = passes_;
        const bool asks = co_await asks_in_queue(ctx, bond);
        if (!asks) co_return;
        co_await next_pass(ctx, passes, "priq-flush");
    }
}

} // namespace quiesce::os::drivers
