// SPDX-License-Identifier: Apache-2.0
// What the unit tells the driver: the event log, the PPR log and its answers (linux: amd_iommu_int_thread,
// amd_iommu_handle_irq, iommu_print_event, amd_iommu_poll_ppr_log, amd_iommu_restart_log).
#include "os/drivers/amdvi_driver.h"

#include <algorithm>

namespace quiesce::os::drivers {

namespace {
using amdvi::EventCode;
// Copies of the message registers (EFR.MsiCapMmioSup).
constexpr u64 msi_header = 0x158, msi_address_low = 0x15C, msi_address_high = 0x160, msi_data = 0x164;

/// What iommu_print_event makes of an event: its lines, and whether their number is limited.
struct AmdviEventRow {
    EventCode code;
    unsigned lines;
    bool limited;
};
constexpr AmdviEventRow amdvi_event_table[] = {
    {EventCode::IoPageFault, 1, true},
    {EventCode::IllegalDevTableEntry, 5, false}, // and the entry
    {EventCode::IllegalCommandError, 5, false},  // and the command
};
constexpr AmdviEventRow other_amdvi_event{EventCode{}, 1, false};

const AmdviEventRow& row_of_event(EventCode code) {
    const auto row = std::find_if(std::begin(amdvi_event_table), std::end(amdvi_event_table),
                                  [&](const AmdviEventRow& r) { return r.code == code; });
    return row == std::end(amdvi_event_table) ? other_amdvi_event : *row;
}
} // namespace

// ---- interrupts and their threads -----------------------------------------------------------------------------------

/// iommu_init_irq.
sim::Task<bool> AmdviDriver::enable_interrupts(KernelContext& ctx) {
    if (has_xt_interrupts()) {
        const bool there = co_await enable_xt_interrupts(ctx);
        if (!there) co_return false;
    } else {
        co_await enable_message(ctx);
    }
    co_await switch_bit(ctx, amdvi::Control::EventIntEn, true);
    co_return true;
}

/// iommu_setup_intcapxt, without the capability block. From 6.6 on each log has its interrupt and its thread; before, one
/// goes into all registers. The third is of the GA log, which no unit here has. MODEL: all are the first CPU's, in the range
/// of its vectors, and who runs the thread the scheduler says.
sim::Task<bool> AmdviDriver::enable_xt_interrupts(KernelContext& ctx) {
    const std::string name = "irq/" + std::string{unit_.text()};
    InterruptController& irqs = kernel_.interrupts();
    u32 event = 0, page_request = 0, ga = 0;
    if (logs_apart()) {
        event = irqs.request(name + "-evt", [this](KernelContext& c) { return on_event_interrupt(c); });
        page_request = irqs.request(name + "-ppr", [this](KernelContext& c) { return on_page_request_interrupt(c); });
        ga = irqs.request(name + "-ga", [](KernelContext&) -> sim::Task<void> { co_return; });
    } else {
        event = page_request = ga = irqs.request(name, [this](KernelContext& c) { return on_interrupt(c); });
    }
    using X = amdvi::XtIntCtrl; // the three are alike
    if (ga > 0xff) co_return refuse("no vector is free for its interrupts");
    co_await write64(ctx, X::offset, X{}.set(X::Vector, event).value());
    co_await write64(ctx, amdvi::XtPprIntCtrl::offset, X{}.set(X::Vector, page_request).value());
    co_await write64(ctx, amdvi::XtGaIntCtrl::offset, X{}.set(X::Vector, ga).value());
    co_await switch_bit(ctx, amdvi::Control::IntCapXTEn, true);
    co_return true;
}

/// pci_enable_msi: one message for all; the thread behind it looks at both logs.
sim::Task<void> AmdviDriver::enable_message(KernelContext& ctx) {
    const u32 number = kernel_.interrupts().request("irq/" + std::string{unit_.text()},
                                                    [this](KernelContext& c) { return on_interrupt(c); });
    const u64 window = kernel_.interrupts().window().value();
    co_await write32(ctx, msi_address_low, static_cast<u32>(window));
    co_await write32(ctx, msi_address_high, static_cast<u32>(window >> 32));
    co_await write32(ctx, msi_data, number);
    co_await write32(ctx, msi_header, amdvi::MsiHeader{}.set(amdvi::MsiHeader::En, true).value());
}

/// __ratelimit.
bool AmdviDriver::prints(RateLimit& limit) {
    if (!limit.open || sim::now() >= limit.start + config_.ratelimit_interval.get()) limit = {sim::now(), 0, true};
    if (limit.printed >= config_.ratelimit_burst) return false;
    ++limit.printed;
    return true;
}

sim::Task<u32> AmdviDriver::log_index(KernelContext& ctx, u32 offset, const LogRing& log) {
    const u64 bytes = co_await ctx.mmio_read(registers_ + offset, 4);
    co_return static_cast<u32>(bytes / amdvi::ring_entry_bytes) & log.mask;
}

/// amd_iommu_int_thread: one thread for all; from 6.6 on first the events, until there are none, then the page requests.
sim::Task<void> AmdviDriver::on_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("iommu-logs");
    if (!logs_apart()) {
        co_await serve_both(ctx);
        co_return;
    }
    co_await serve_events(ctx);
    if (pri_) co_await serve_page_requests(ctx);
}
/// amd_iommu_int_thread_evtlog, amd_iommu_int_thread_pprlog.
sim::Task<void> AmdviDriver::on_event_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("event-log");
    co_await serve_events(ctx);
}
sim::Task<void> AmdviDriver::on_page_request_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("page-request-queue");
    co_await serve_page_requests(ctx);
}

/// Up to 6.5: a turn reads either log once. Nobody looks at an overflow of the PPR log (274c2218b8b2, 6.6), nor before 5.17
/// at one of the event log (5ce97f4ec5e0): such a log stays off. MODEL: stable kernels got the latter later.
sim::Task<void> AmdviDriver::serve_both(KernelContext& ctx) {
    using S = amdvi::Status;
    const bool restarts = version() >= KernelVersion::V5_18;
    const u32 mask = static_cast<u32>(
        S{}.set(S::EventLogInt, true).set(S::PPRInt, true).set(S::EventOverflow, restarts).value());
    u64 status = co_await ctx.mmio_read(registers_ + S::offset, 4);
    while ((status & mask) != 0) {
        co_await write32(ctx, S::offset, mask);
        if (S::of(status).get(S::EventLogInt)) co_await poll_events(ctx);
        if (pri_ && S::of(status).get(S::PPRInt)) co_await poll_page_requests(ctx);
        if (restarts && S::of(status).get(S::EventOverflow)) {
            ++event_overflows_;
            if (prints(other_prints_)) co_await kernel_.console().print(ctx, config_.print_event.get(), 1);
            co_await switch_bit(ctx, amdvi::Control::EventLogEn, false);
            co_await switch_bit(ctx, amdvi::Control::EventLogEn, true);
        }
        status = co_await ctx.mmio_read(registers_ + S::offset, 4);
    }
}

/// amd_iommu_handle_irq: what is pending is acknowledged before the log is read, as long as something is.
sim::Task<void> AmdviDriver::serve_events(KernelContext& ctx) {
    using S = amdvi::Status;
    const u32 mask = static_cast<u32>(S{}.set(S::EventLogInt, true).set(S::EventOverflow, true).value());
    u64 status = co_await ctx.mmio_read(registers_ + S::offset, 4);
    while ((status & mask) != 0) {
        co_await write32(ctx, S::offset, mask);
        co_await poll_events(ctx);
        if (S::of(status).get(S::EventOverflow)) {
            ++event_overflows_;
            co_await restart_log(ctx, amdvi::Control::EventLogEn, amdvi::Control::EventIntEn, S::EventLogRun, S::EventOverflow);
        }
        status = co_await ctx.mmio_read(registers_ + S::offset, 4);
    }
}

sim::Task<void> AmdviDriver::serve_page_requests(KernelContext& ctx) {
    using S = amdvi::Status;
    const u32 mask = static_cast<u32>(S{}.set(S::PPRInt, true).set(S::PPROverflow, true).value());
    u64 status = co_await ctx.mmio_read(registers_ + S::offset, 4);
    while ((status & mask) != 0) {
        co_await write32(ctx, S::offset, mask);
        co_await poll_page_requests(ctx);
        if (S::of(status).get(S::PPROverflow)) {
            ++page_request_overflows_;
            co_await restart_log(ctx, amdvi::Control::PPRLogEn, amdvi::Control::PPRIntEn, S::PPRLogRun, S::PPROverflow);
        }
        status = co_await ctx.mmio_read(registers_ + S::offset, 4);
    }
}

/// A log that stopped is switched off and on again; what is in it stays. What came meanwhile is lost, be it a page request:
/// nobody answers it, and nobody forgets what has come of its group (6.12 discards nothing here).
sim::Task<void> AmdviDriver::restart_log(KernelContext& ctx, const amdvi::Control::F<bool>& log,
                                         const amdvi::Control::F<bool>& interrupt, const amdvi::Status::F<bool>& run,
                                         const amdvi::Status::F<bool>& overflow) {
    using S = amdvi::Status;
    const u64 status = co_await ctx.mmio_read(registers_ + S::offset, 4);
    if (S::of(status).get(run)) co_return;
    if (prints(other_prints_)) co_await kernel_.console().print(ctx, config_.print_event.get(), 1);
    co_await switch_bit(ctx, log, false);
    co_await switch_bit(ctx, interrupt, false);
    co_await write32(ctx, S::offset, static_cast<u32>(S{}.set(overflow, true).value()));
    co_await switch_bit(ctx, interrupt, true);
    co_await switch_bit(ctx, log, true);
}

// ---- the event log (iommu_poll_events) ------------------------------------------------------------------------------

/// An entry's place is free for the hardware once it is handled, up to 6.1 once all are; the tail is read once.
sim::Task<void> AmdviDriver::poll_events(KernelContext& ctx) {
    const bool one_by_one = version() >= KernelVersion::V6_12;
    u32 head = co_await log_index(ctx, event_log_.head_register, event_log_);
    const u32 tail = co_await log_index(ctx, event_log_.tail_register, event_log_);
    while (head != tail) {
        co_await take_event(ctx, event_log_.base + head * amdvi::ring_entry_bytes);
        head = (head + 1) & event_log_.mask;
        if (one_by_one) co_await write32(ctx, event_log_.head_register, head * amdvi::ring_entry_bytes);
        if (ctx.rt_over()) co_await ctx.throttle();
    }
    if (!one_by_one) co_await write32(ctx, event_log_.head_register, head * amdvi::ring_entry_bytes);
}

/// iommu_print_event. MODEL: an entry is in memory before the tail tells of it: erratum 732, for which Linux clears what it
/// has read, is no unit's here.
sim::Task<void> AmdviDriver::take_event(KernelContext& ctx, Spa entry) {
    using E = amdvi::Event;
    const u64 low = co_await ctx.load(entry), high = co_await ctx.load(entry + 8);
    const auto e = E::from_words({low, high});
    const EventCode code = e.get(E::Code);
    const StreamId stream{raw(e.get(E::DeviceID))};
    const bool has_pasid = e.get(E::GN) && code != EventCode::InvalidPprRequest;
    const Pasid pasid{has_pasid ? u32{e.get(E::DomainOrPasid)} | static_cast<u32>(e.get(E::PasidHi)) << 16 : 0};
    const AmdviEventRow& row = row_of_event(code);
    const auto of_device = streams_.find(raw(stream));
    RateLimit& limit = of_device != streams_.end() ? of_device->second.prints : other_prints_;
    const bool filtered = code == EventCode::IoPageFault && has_pasid && kernel_.filters_faults(stream, pasid);
    const bool shown = !filtered && (!row.limited || prints(limit));
    ++events_seen_;
    if (shown) co_await kernel_.console().print(ctx, config_.print_event.get(), row.lines);
    kernel_.events().emit(FaultHandled{unit_, raw(code), stream, has_pasid, pasid, shown});
    if (code != EventCode::InvalidPprRequest || of_device == streams_.end()) co_return;
    using R = amdvi::InvalidPprRequest;
    const auto r = R::from_words(e.words());
    if (r.get(R::RX)) co_return; // nobody waits for an answer
    if (!logs_apart()) co_return; // up to 6.1 it is printed, and that is all
    PageFault f;
    f.stream = stream;
    f.has_pasid = r.get(R::GN);
    f.pasid = r.get(R::PASID);
    f.group = static_cast<u16>(r.get(R::Tag) & 0x1ff);
    co_await answer_bad_request(ctx, f);
}

// ---- page requests --------------------------------------------------------------------------------------------------

/// amd_iommu_poll_ppr_log: an entry's place is free before the request is handled; up to 6.1 the tail is read anew then.
sim::Task<void> AmdviDriver::poll_page_requests(KernelContext& ctx) {
    polling_ = true;
    u32 head = co_await log_index(ctx, ppr_log_.head_register, ppr_log_);
    u32 tail = co_await log_index(ctx, ppr_log_.tail_register, ppr_log_);
    while (head != tail) {
        const Spa entry = ppr_log_.base + head * amdvi::ring_entry_bytes;
        const u64 low = co_await ctx.load(entry), high = co_await ctx.load(entry + 8);
        head = (head + 1) & ppr_log_.mask;
        co_await write32(ctx, ppr_log_.head_register, head * amdvi::ring_entry_bytes);
        co_await handle_page_request(ctx, amdvi::PprEntry::from_words({low, high}));
        if (ctx.rt_over()) co_await ctx.throttle();
        if (logs_apart()) continue;
        head = co_await log_index(ctx, ppr_log_.head_register, ppr_log_);
        tail = co_await log_index(ctx, ppr_log_.tail_register, ppr_log_);
    }
    polling_ = false;
    last_pass_span_ = ctx.last_span();
    ++passes_;
    passed_.notify_all();
}

/// iommu_call_iopf_notifier. A request without a PASID, or with one that no process can have, is answered whether or not it
/// is the last of its group. A stop marker is a request like others: it is for no page, and is answered as such.
sim::Task<void> AmdviDriver::handle_page_request(KernelContext& ctx, amdvi::PprEntry e) {
    using E = amdvi::PprEntry;
    const StreamId stream{raw(e.get(E::DeviceID))};
    const auto of_device = streams_.find(raw(stream));
    if (e.get(E::Type) != amdvi::page_service_request || of_device == streams_.end()) {
        if (prints(other_prints_)) co_await kernel_.console().print(ctx, config_.print_event.get(), 1);
        co_return;
    }
    PageFault f;
    f.stream = stream;
    f.has_pasid = e.get(E::GN);
    f.pasid = e.get(E::PASID);
    f.at = Va{e.get(E::Address)}.align_down(page_size);
    f.read = e.get(E::Read);
    f.write = e.get(E::Write);
    f.execute = e.get(E::Exec);
    f.privileged = !e.get(E::US);
    f.last = e.get(E::Last);
    f.group = e.get(E::Tag);
    const bool impossible = raw(f.pasid) == 0 || raw(f.pasid) >= of_device->second.max_pasids;
    if (f.has_pasid && !e.get(E::RVSD) && !impossible) {
        co_await kernel_.page_faults().report(ctx, f);
        co_return;
    }
    if (f.has_pasid && !e.get(E::RVSD) && prints(other_prints_))
        co_await kernel_.console().print(ctx, config_.print_event.get(), 1);
    kernel_.events().emit(PageRequestEnded{f.stream, f.has_pasid, f.pasid, f.at, f.group, MmId{}, PageRequestFate::NoBond});
    co_await answer_bad_request(ctx, f);
}

sim::Task<void> AmdviDriver::answer_bad_request(KernelContext& ctx, const PageFault& f) {
    kernel_.events().emit(PageGroupAnswered{f.stream, f.has_pasid, f.pasid, f.group, PageAnswer::Failure});
    return complete_request(ctx, f, PageAnswer::Failure);
}

sim::Task<void> AmdviDriver::page_response(KernelContext& ctx, const PageFault& last, PageAnswer code) {
    return complete_request(ctx, last, code);
}

/// amd_iommu_complete_ppr: nobody waits for it.
sim::Task<void> AmdviDriver::complete_request(KernelContext& ctx, const PageFault& last, PageAnswer code) {
    const auto stream = streams_.find(raw(last.stream));
    if (stream == streams_.end() || kernel_.has_bug(Bug::ForgetPageResponse)) co_return;
    static constexpr u8 codes[] = {0x0, 0x1, 0xf}; // IOMMU_PAGE_RESP_*
    using C = amdvi::CompletePprRequest;
    auto c = amdvi::make<C>();
    c.set(C::DeviceID, amdvi::RequesterId{static_cast<u16>(raw(last.stream))}).set(C::Tag, last.group);
    c.set(C::Status, codes[raw(code)]);
    if (stream->second.response_pasid) c.set(C::GN, true).set(C::PASID, last.pasid);
    co_await queue_.queue(ctx, amdvi::as_command(c));
}

/// No kernel drains AMD's log when a PASID goes (facts/linux-sva.md 9.3): it is for what-ifs. As long as a request of the
/// PASID is in the log, or the thread is about to report one: until a pass of it is over.
sim::Task<void> AmdviDriver::flush_page_requests(KernelContext& ctx, const Bond& bond) {
    const std::function<u64()> last_pass = [this] { return last_pass_span_; };
    for (;;) {
        const u64 passes = passes_;
        bool asks = polling_;
        const u32 tail = co_await log_index(ctx, ppr_log_.tail_register, ppr_log_);
        u32 head = co_await log_index(ctx, ppr_log_.head_register, ppr_log_);
        for (; head != tail && !asks; head = (head + 1) & ppr_log_.mask) {
            const u64 word = co_await ctx.load(ppr_log_.base + head * amdvi::ring_entry_bytes);
            asks = amdvi::PprEntry::from_words({word, 0}).get(amdvi::PprEntry::PASID) == bond.pasid;
        }
        if (!asks) co_return;
        while (passes_ == passes) co_await ctx.sleep_on(passed_.wait(), "priq-flush", unit_, last_pass);
    }
}

} // namespace quiesce::os::drivers
