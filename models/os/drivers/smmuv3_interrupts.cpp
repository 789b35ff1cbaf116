// SPDX-License-Identifier: Apache-2.0
// What the unit tells the driver: its interrupts, the event queue, the page request queue and its answers.
#include "os/drivers/smmuv3_driver.h"

#include <array>

namespace quiesce::os::drivers {

using namespace iommu::smmuv3;

// ---- the event queue ------------------------------------------------------------------------------------------------

void Smmuv3Driver::UnitQueue::record_done() {
    busy = false;
    if (++taken % ring().capacity() != 0) return;
    ++passes;
    passed.notify_all();
}

/// arm_smmu_flush_priq, arm_smmu_flush_evtq: until the queue was seen empty, or twice as many records were taken out as
/// it holds. MODEL: a record that is being reported counts as one that is in the queue; the patches let go one step
/// earlier.
sim::Task<void> Smmuv3Driver::passed(KernelContext& ctx, UnitQueue& q, base::Name phase) {
    const u64 passes = q.passes;
    const std::function<u64()> last_pass = [&q] { return q.last_span; };
    while (!q.quiet() && q.passes < passes + 2) co_await ctx.sleep_on(q.passed.wait(), phase, unit_, last_pass);
}

/// The register whole, with its overflow flag; prod is its lower bits.
sim::Task<u32> Smmuv3Driver::event_producer(KernelContext& ctx) {
    const u64 bits = co_await ctx.mmio_read(registers_ + EventqProd::offset, 4);
    const auto prod = EventqProd::of(static_cast<u32>(bits));
    event_queue_.prod = static_cast<u32>(prod.get(EventqProd::WR));
    co_return static_cast<u32>(bits);
}

/// arm_smmu_evtq_thread: every record; what is no stall is reported, rate-limited, and that the queue has overflowed
/// without a limit. Its overflow is acknowledged when it is empty.
sim::Task<void> Smmuv3Driver::on_event_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("event-queue");
    UnitQueue& q = event_queue_;
    u32 prod_bits = co_await event_producer(ctx);
    while (!q.ring().empty()) {
        while (!q.ring().empty()) {
            co_await take_event(ctx);
            if (ctx.rt_over()) co_await ctx.throttle();
        }
        prod_bits = co_await event_producer(ctx);
        if ((prod_bits >> 31 != 0) == event_overflow_) continue;
        ++q.overflows;
        co_await kernel_.console().print(ctx, config_.print_overflow.get(), 1);
    }
    if ((prod_bits >> 31 != 0) != event_overflow_) { // queue_sync_cons_ovf
        event_overflow_ = !event_overflow_;
        co_await free_events(ctx);
    }
    q.last_span = ctx.last_span();
    q.passed.notify_all();
}

/// queue_remove_raw, then the record's handling: its place is free for the hardware before it is handled.
sim::Task<void> Smmuv3Driver::take_event(KernelContext& ctx) {
    UnitQueue& q = event_queue_;
    const Spa entry = q.base + q.ring().cons_index() * event_bytes;
    EventRecord::Words words{};
    for (unsigned w = 0; w < words.size(); ++w) {
        const u64 word = co_await ctx.load(entry + 8 * w);
        words[w] = word;
    }
    q.cons = q.ring().next(q.cons);
    q.busy = true;
    co_await free_events(ctx);
    co_await handle_event(ctx, EventRecord::from_words(words));
    q.record_done();
}

sim::Task<void> Smmuv3Driver::free_events(KernelContext& ctx) {
    const EventqCons done = EventqCons{}.set(EventqCons::RD, event_queue_.cons).set(EventqCons::OVACKFLG, event_overflow_);
    co_await ctx.mmio_write(registers_ + EventqCons::offset, 4, done.value());
}

sim::Task<void> Smmuv3Driver::flush_stalls(KernelContext& ctx) {
    const u32 prod_bits = co_await event_producer(ctx);
    static_cast<void>(prod_bits);
    co_await passed(ctx, event_queue_, "evtq-flush");
}

/// arm_smmu_handle_evt, for a stalled transaction: one fault, a group of its own, by its STAG.
sim::Task<void> Smmuv3Driver::handle_stall(KernelContext& ctx, EventRecord e) {
    const auto r = view_as<TranslationFault>(e);
    PageFault f;
    f.stream = r.get(TranslationFault::SID);
    f.has_pasid = r.get(TranslationFault::SSV);
    f.pasid = r.get(TranslationFault::SSID);
    f.at = Va{r.get(TranslationFault::InputAddr).value()};
    f.read = r.get(TranslationFault::RnW);
    f.write = !f.read;
    f.execute = r.get(TranslationFault::InD);
    f.privileged = r.get(TranslationFault::PnU);
    f.last = true;
    f.group = static_cast<u16>(r.get(TranslationFault::STAG));
    co_await kernel_.page_faults().report(ctx, f);
}

namespace {
constexpr unsigned lines_of_event = 5;

bool is_stall(const EventRecord& e) {
    const EventId id = e.get(EventRecord::ID);
    const bool of_page = id == EventId::F_TRANSLATION || id == EventId::F_ADDR_SIZE || id == EventId::F_ACCESS ||
                         id == EventId::F_PERMISSION;
    return of_page && view_as<TranslationFault>(e).get(TranslationFault::Stall);
}
} // namespace

/// __ratelimit.
bool Smmuv3Driver::prints() {
    if (sim::now() >= window_start_ + config_.ratelimit_interval.get() || events_seen_ == 0) {
        window_start_ = sim::now();
        printed_ = 0;
    }
    return printed_ < config_.ratelimit_burst && ++printed_ > 0;
}

sim::Task<void> Smmuv3Driver::handle_event(KernelContext& ctx, EventRecord e) {
    if (is_stall(e)) {
        co_await handle_stall(ctx, e);
        co_return;
    }
    const bool filtered = e.get(EventRecord::SSV) && kernel_.filters_faults(e.get(EventRecord::SID), e.get(EventRecord::SSID));
    const bool shown = !filtered && prints();
    ++events_seen_;
    if (shown) co_await kernel_.console().print(ctx, config_.print_event.get(), lines_of_event);
    kernel_.events().emit(FaultHandled{unit_, static_cast<u16>(e.get(EventRecord::ID)), e.get(EventRecord::SID), e.get(EventRecord::SSV),
                                       e.get(EventRecord::SSID), shown});
}

// ---- page requests (J.-P. Brucker, iommu/arm-smmu-v3: Add support for PRI) ------------------------------------------

sim::Task<u32> Smmuv3Driver::page_request_producer(KernelContext& ctx) {
    const u64 bits = co_await ctx.mmio_read(registers_ + PriqProd::offset, 4);
    const auto prod = PriqProd::of(static_cast<u32>(bits));
    page_requests_.prod = static_cast<u32>(prod.get(PriqProd::WR));
    co_return static_cast<u32>(bits);
}

/// arm_smmu_priq_thread: every record; then it acknowledges an overflow.
sim::Task<void> Smmuv3Driver::on_page_request_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("page-request-queue");
    UnitQueue& q = page_requests_;
    bool overflow = false;
    u32 prod_bits = co_await page_request_producer(ctx);
    const u64 cons_bits = co_await ctx.mmio_read(registers_ + PriqCons::offset, 4);
    const bool acknowledged = PriqCons::of(static_cast<u32>(cons_bits)).get(PriqCons::OVACKFLG);
    while (!q.ring().empty()) {
        while (!q.ring().empty()) {
            co_await take_page_request(ctx, acknowledged);
            if (ctx.rt_over()) co_await ctx.throttle();
        }
        prod_bits = co_await page_request_producer(ctx);
        overflow = overflow || PriqProd::of(prod_bits).get(PriqProd::OVFLG) != acknowledged;
    }
    const bool flag = PriqProd::of(prod_bits).get(PriqProd::OVFLG);
    overflow = overflow || flag != acknowledged;
    q.overflows += overflow;
    const PriqCons done = PriqCons{}.set(PriqCons::RD, q.cons).set(PriqCons::OVACKFLG, flag);
    co_await ctx.mmio_write(registers_ + PriqCons::offset, 4, done.value());
    q.last_span = ctx.last_span();
    q.passed.notify_all();
    if (overflow) kernel_.page_faults().discard_partial(); // the last request of a group may be among what was lost
}

/// queue_remove_raw, then the record's handling: its place is free for the hardware before it is handled.
sim::Task<void> Smmuv3Driver::take_page_request(KernelContext& ctx, bool acknowledged) {
    UnitQueue& q = page_requests_;
    const Spa entry = q.base + q.ring().cons_index() * page_request_bytes;
    const u64 word0 = co_await ctx.load(entry), word1 = co_await ctx.load(entry + 8);
    q.cons = q.ring().next(q.cons);
    q.busy = true;
    const PriqCons taken = PriqCons{}.set(PriqCons::RD, q.cons).set(PriqCons::OVACKFLG, acknowledged);
    co_await ctx.mmio_write(registers_ + PriqCons::offset, 4, taken.value());
    co_await handle_page_request(ctx, PageRequest::from_words({word0, word1}));
    q.record_done();
}

/// arm_smmu_handle_ppr. A Stop Marker needs no answer, and nobody waits for it.
sim::Task<void> Smmuv3Driver::handle_page_request(KernelContext& ctx, PageRequest r) {
    PageFault f;
    f.stream = r.get(PageRequest::SID);
    f.has_pasid = r.get(PageRequest::SSV);
    f.pasid = r.get(PageRequest::SSID);
    f.at = Va{r.get(PageRequest::Addr).value()};
    f.read = r.get(PageRequest::R);
    f.write = r.get(PageRequest::W);
    f.execute = r.get(PageRequest::X);
    f.privileged = r.get(PageRequest::Priv);
    f.last = r.get(PageRequest::L);
    f.group = static_cast<u16>(r.get(PageRequest::PRGIndex));
    if (f.has_pasid && f.last && !f.read && !f.write) {
        kernel_.events().emit(
            PageRequestEnded{f.stream, true, f.pasid, f.at, f.group, MmId{}, PageRequestFate::StopMarker});
        co_return;
    }
    co_await kernel_.page_faults().report(ctx, f);
}

/// arm_smmu_page_response: fire and forget, be it a response to a device or the resumption of a stalled transaction.
/// MODEL: 6.12 decides by the fault; here a stream has one kind of fault.
sim::Task<void> Smmuv3Driver::page_response(KernelContext& ctx, const PageFault& last, PageAnswer code) {
    const auto stream = streams_.find(raw(last.stream));
    if (stream == streams_.end()) co_return;
    const bool stalled = stream->second.stalls;
    if (kernel_.has_bug(stalled ? Bug::ForgetResume : Bug::ForgetPageResponse)) co_return;
    const std::array<Command, 1> list{stalled ? resume(last, code) : pri_response(last, code, stream->second)};
    co_await queue_of(ctx).post(ctx, list);
}

/// No CMD_STALL_TERM anywhere in Linux: a transaction is answered one by one, also when its process is gone.
Smmuv3Driver::Command Smmuv3Driver::resume(const PageFault& stalled, PageAnswer code) const {
    auto c = make_command<Resume>();
    c.set(Resume::SID, stalled.stream).set(Resume::STAG, stalled.group);
    c.set(Resume::Ac, code == PageAnswer::Success).set(Resume::Ab, code != PageAnswer::Success);
    return as_command(c);
}

Smmuv3Driver::Command Smmuv3Driver::pri_response(const PageFault& last, PageAnswer code, const Stream& stream) const {
    static constexpr PageResponse codes[] = {PageResponse::Success, PageResponse::InvalidRequest,
                                             PageResponse::ResponseFailure};
    const bool with_pasid = last.has_pasid && stream.response_pasid;
    auto c = make_command<PriResp>();
    c.set(PriResp::SID, last.stream).set(PriResp::PRGIndex, last.group).set(PriResp::Resp, codes[raw(code)]);
    c.set(PriResp::SSV, with_pasid).set(PriResp::SSID, with_pasid ? last.pasid : Pasid{});
    return as_command(c);
}

/// Of all bonds: the queue is one.
sim::Task<void> Smmuv3Driver::flush_page_requests(KernelContext& ctx, const Bond&) {
    const u32 prod_bits = co_await page_request_producer(ctx);
    static_cast<void>(prod_bits);
    co_await passed(ctx, page_requests_, "priq-flush");
}

// ---- global errors --------------------------------------------------------------------------------------------------

/// __arm_smmu_cmdq_skip_err: an illegal command becomes a CMD_SYNC, what was aborted and a CMD_SYNC whose ATC
/// invalidations timed out are tried again.
sim::Task<void> Smmuv3Driver::skip_error(KernelContext& ctx, const Smmuv3CommandQueue& queue, u32 read_index,
                                         CommandError why) {
    if (why != CommandError::Illegal) co_return;
    const Command sync = as_command(make_command<Sync>());
    const Spa slot = queue.slot(read_index);
    co_await ctx.store(slot, sync.word(0));
    co_await ctx.store(slot + 8, sync.word(1));
    co_await ctx.barrier();
}

/// arm_smmu_ecmdq_skip_err. MODEL: the CPU whose queue it is is not interrupted for the change of ERRACK.
sim::Task<void> Smmuv3Driver::own_queue_error(KernelContext& ctx, Smmuv3CommandQueue& queue) {
    const u64 bits = co_await ctx.mmio_read(queue.registers() + EcmdqCons::offset, 4);
    const auto cons = EcmdqCons::of(static_cast<u32>(bits));
    const auto flags = EcmdqProd::of(queue.flags());
    if (cons.get(EcmdqCons::ERR) == flags.get(EcmdqProd::ERRACK)) co_return;
    co_await skip_error(ctx, queue, cons.get(EcmdqCons::RD), cons.get(EcmdqCons::ERR_REASON));
    co_await queue.write_flags(ctx, flags.with(EcmdqProd::ERRACK, cons.get(EcmdqCons::ERR)).value());
}

/// arm_smmu_gerror_handler.
sim::Task<void> Smmuv3Driver::on_global_error(KernelContext& ctx) {
    auto work = ctx.begin("global-error");
    const u64 error = co_await ctx.mmio_read(registers_ + Gerror::offset, 4);
    const u64 acknowledged = co_await ctx.mmio_read(registers_ + Gerrorn::offset, 4);
    const Gerror active = Gerror::of(static_cast<u32>(error ^ acknowledged));
    if (active.get(Gerror::CMDQ_ERR)) {
        const u64 cons_bits = co_await ctx.mmio_read(registers_ + CmdqCons::offset, 4);
        const auto cons = CmdqCons::of(static_cast<u32>(cons_bits));
        co_await skip_error(ctx, commands_, cons.get(CmdqCons::RD), cons.get(CmdqCons::ERR));
    }
    co_await ctx.mmio_write(registers_ + Gerrorn::offset, 4, error);
    // After it: an error that comes meanwhile finds CMDQP_ERR inactive, and interrupts once more.
    if (active.get(Gerror::CMDQP_ERR))
        for (const auto& q : own_queues_) co_await own_queue_error(ctx, *q);
}

} // namespace quiesce::os::drivers
