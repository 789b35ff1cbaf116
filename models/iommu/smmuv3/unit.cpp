// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/unit.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {
namespace {

/// The address with bits 63:56 as bit 55.
Iova canonical(Iova at) {
    constexpr u64 top = u64{0xff} << 56;
    return Iova{(at.value() >> 55 & 1) != 0 ? at.value() | top : at.value() & ~top};
}

} // namespace

Identity identity_of(const Smmuv3Config& c) {
    Identity id;
    id.idr0.set(Idr0::S1P, true).set(Idr0::TTF, TableFormats::AArch64).set(Idr0::COHACC, c.coherent.get());
    id.idr0.set(Idr0::ASID16, c.asid16.get()).set(Idr0::MSI, c.msi.get()).set(Idr0::SEV, c.sev.get());
    // Split-stage ATS needs stage 2 (NS1ATS: it is not there); REC_CFG_ATS comes with ATS.
    id.idr0.set(Idr0::ATS, c.ats.get()).set(Idr0::NS1ATS, c.ats.get()).set(Idr0::ATSRECERR, c.ats.get());
    id.idr0.set(Idr0::CD2L, c.two_level_contexts.get()).set(Idr0::TTENDIAN, TableEndian::Little);
    const bool pri = c.ats.get() && c.pri.get(); // IDR0.PRI is RES0 without ATS
    id.idr0.set(Idr0::PRI, pri).set(Idr0::STALL_MODEL, c.stall_model.get());
    id.idr0.set(Idr0::TERM_MODEL, c.terminate_only_by_abort.get());
    id.idr0.set(Idr0::ST_LEVEL, c.two_level_streams.get() ? StreamLevels::TwoLevel : StreamLevels::LinearOnly);
    id.idr1.set(Idr1::SIDSIZE, c.sid_bits.get()).set(Idr1::SSIDSIZE, c.ssid_bits.get());
    id.idr1.set(Idr1::CMDQS, c.cmdq_log2.get()).set(Idr1::EVENTQS, c.eventq_log2.get());
    id.idr1.set(Idr1::PRIQS, pri ? c.priq_log2.get() : 0);
    id.idr3.set(Idr3::PPS, pri && c.pri_response_pasid.get()).set(Idr3::RIL, c.range_invalidation.get());
    const u64 oas = address_size_code(c.output_bits.get());
    id.idr5.set(Idr5::OAS, oas)
        .set(Idr5::GRAN4K, true)
        .set(Idr5::GRAN16K, c.granule_16k.get())
        .set(Idr5::GRAN64K, c.granule_64k.get())
        .set(Idr5::STALL_MAX, c.stall_model.get() == StallModel::NoStall ? 0 : c.stall_max.get());
    id.aidr.set(Aidr::ArchMinorRev, c.minor_revision.get());
    id.output_bits = address_bits(oas);
    id.global_entries = c.global_entries.get();
    return id;
}

Unit::Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, memory::InterruptSink* sink,
           const Smmuv3Config& config, const Identity& identity)
    : name_(name), events_(events), id_(identity), access_(config.register_access.get()),
      update_delay_(config.update_delay.get()), agent_(name, events, memory, *this, config.agent),
      signals_(name, events, regs_, memory, sink, id_, config),
      event_queue_(name, events, regs_, memory, signals_, id_, config), resolver_(regs_, id_, memory),
      stalls_(name, events, agent_.invalidations(), event_queue_, id_),
      page_requests_(name, events, regs_, memory, signals_, event_queue_, resolver_, id_, config),
      commands_(name, events, regs_, memory, signals_, {agent_, event_queue_, page_requests_, stalls_}, id_, config) {
    for (const EventRow& row : event_rows()) event_names_[raw(row.id)] = base::Name{row.name};
    event_names_[0] = base::Name{"aborting stream"}; // STE.Config=0xx has no event of its own
    regs_.write(id_.idr0);
    regs_.write(id_.idr1);
    regs_.write(id_.idr2);
    regs_.write(id_.idr3);
    regs_.write(id_.idr4);
    regs_.write(id_.idr5);
    regs_.write(id_.aidr);
    gbpa_ = regs_.read<Gbpa>();
    bind_registers();
}

// ---- registers ------------------------------------------------------------------------------------------------------

template <class R, class Guard> void Unit::guard(Guard guarded) {
    regs_.on_write<R>([this, guarded](R, R before) {
        if (guarded()) regs_.write(before);
    });
}

void Unit::bind_registers() {
    guard_queues();
    guard_interrupts();
    const auto smmu = [this] { return smmu_on(); };
    guard<Cr1>([this] { return smmu_on() || cmdq_on() || eventq_on() || priq_on(); });
    guard<Cr2>(smmu);
    guard<StrtabBase>(smmu);
    guard<StrtabBaseCfg>(smmu);
    regs_.on_write<CmdqProd>([this](CmdqProd) { commands_.kick(); });
    regs_.on_write<EventqCons>([this](EventqCons) { event_queue_.consumed(); });
    regs_.on_write<PriqCons>([this](PriqCons now) {
        regs_.write(has_pri() ? now : PriqCons{});
        page_requests_.consumed();
    });
    regs_.on_write<Gerrorn>([this](Gerrorn now, Gerrorn before) {
        signals_.acknowledged(now, before);
        commands_.kick();
        event_queue_.retry_stalls();
    });
    regs_.on_write<Gbpa>([this](Gbpa now, Gbpa before) { write_gbpa(now, before); });
    regs_.on_write<Cr0>([this](Cr0 now) { write_cr0(now); });
    regs_.on_write<IrqCtrl>([this](IrqCtrl now) {
        regs_.write(now.with(IrqCtrl::PRIQ_IRQEN, now.get(IrqCtrl::PRIQ_IRQEN) && has_pri()));
        if (!updating_irq_) sim::start(update_irq_ctrl());
    });
}

/// The page request queue's registers are guarded by PRIQEN itself, not by its effective value (6.3.9.5); without
/// IDR0.PRI they are RES0.
void Unit::guard_queues() {
    const auto cmdq = [this] { return cmdq_on(); };
    const auto eventq = [this] { return eventq_on(); };
    const auto priq = [this] { return priq_on() || !has_pri(); };
    guard<CmdqBase>(cmdq);
    guard<CmdqCons>(cmdq);
    guard<EventqBase>(eventq);
    guard<EventqProd>(eventq);
    guard<PriqBase>(priq);
    guard<PriqProd>(priq);
}

void Unit::guard_interrupts() {
    const auto gerror = [this] { return gerror_irq_on(); };
    const auto eventq = [this] { return eventq_irq_on(); };
    const auto priq = [this] { return priq_irq_on() || !has_pri(); };
    guard<GerrorIrqCfg0>(gerror);
    guard<GerrorIrqCfg1>(gerror);
    guard<GerrorIrqCfg2>(gerror);
    guard<EventqIrqCfg0>(eventq);
    guard<EventqIrqCfg1>(eventq);
    guard<EventqIrqCfg2>(eventq);
    guard<PriqIrqCfg0>(priq);
    guard<PriqIrqCfg1>(priq);
    guard<PriqIrqCfg2>(priq);
}

/// Fields of absent features are RES0 (6.3.9): VMW and DPT_WALK_EN always.
void Unit::write_cr0(Cr0 now) {
    Cr0 taken;
    taken.set(Cr0::SMMUEN, now.get(Cr0::SMMUEN))
        .set(Cr0::PRIQEN, now.get(Cr0::PRIQEN) && has_pri())
        .set(Cr0::EVENTQEN, now.get(Cr0::EVENTQEN))
        .set(Cr0::CMDQEN, now.get(Cr0::CMDQEN))
        .set(Cr0::ATSCHK, now.get(Cr0::ATSCHK) && id_.idr0.get(Idr0::ATS));
    regs_.write(taken);
    if (!updating_cr0_) sim::start(update_cr0());
}

sim::Task<void> Unit::mmio_write(u64 offset, unsigned size, u64 value) {
    co_await sim::delay(access_);
    regs_.bus_write(static_cast<u32>(offset), size, value);
}

sim::Task<u64> Unit::mmio_read(u64 offset, unsigned size) {
    co_await sim::delay(access_);
    co_return regs_.bus_read(static_cast<u32>(offset), size).value_or(0);
}

/// 6.3.9: an update shows in CR0ACK when it has taken effect. Switching a queue off waits for what it is doing.
sim::Task<void> Unit::update_cr0() {
    updating_cr0_ = true;
    while (regs_.read<Cr0>().value() != regs_.read<Cr0Ack>().value()) {
        const Cr0 wanted = regs_.read<Cr0>();
        co_await sim::delay(update_delay_);
        if (!wanted.get(Cr0::CMDQEN)) co_await commands_.idle();
        if (!wanted.get(Cr0::EVENTQEN)) co_await event_queue_.drained();
        if (!wanted.get(Cr0::PRIQEN) || !wanted.get(Cr0::SMMUEN)) co_await page_requests_.idle();
        regs_.write(Cr0Ack::of(wanted.value()));
        if (!wanted.get(Cr0::SMMUEN)) stalls_.terminate_all(); // 6.3.9.6
        commands_.kick();
        event_queue_.retry_stalls();
    }
    updating_cr0_ = false;
}

sim::Task<void> Unit::update_irq_ctrl() {
    updating_irq_ = true;
    while (regs_.read<IrqCtrl>().value() != regs_.read<IrqCtrlAck>().value()) {
        const IrqCtrl wanted = regs_.read<IrqCtrl>();
        co_await sim::delay(update_delay_);
        regs_.write(IrqCtrlAck::of(wanted.value()));
    }
    updating_irq_ = false;
}

/// 6.3.14: ignored without Update=1, and while an update is going on.
void Unit::write_gbpa(Gbpa now, Gbpa before) {
    if (before.get(Gbpa::Update) || !now.get(Gbpa::Update))
        regs_.write(before);
    else
        sim::start(update_gbpa());
}

sim::Task<void> Unit::update_gbpa() {
    co_await sim::delay(update_delay_);
    regs_.set(Gbpa::Update, false);
    gbpa_ = regs_.read<Gbpa>();
}

// ---- the pipeline's questions
// -----------------------------------------------------------------------------------------

/// Addresses without a tag in their top byte, which is nearly all, go straight to the core.
sim::Task<Translation> Unit::translate(TranslationRequest r) {
    const bool tagged = canonical(r.at) != r.at && r.type == AddressType::Untranslated && regs_.get(Cr0Ack::SMMUEN);
    return tagged ? translate_tagged(r) : agent_.translate(r);
}

/// 3.4.1: with TBIx the top byte is ignored and bit 55 takes its place.
/// MODEL: the core knows no tags, so what a tagged address means is looked up before it, in memory, each time.
sim::Task<Translation> Unit::translate_tagged(TranslationRequest r) {
    InFlight held = agent_.in_flight().begin();
    const bool ignored = co_await resolver_.ignores_top_byte(r);
    if (ignored) r.at = canonical(r.at);
    if (r.may_stall) held.end(); // while it stalls it must hold up no fence
    co_return co_await agent_.translate(r);
}

/// 3.11: with SMMUEN=0 a transaction keeps its address, unless GBPA says abort or the address cannot be put out.
std::optional<Translation> Unit::pass_by(const TranslationRequest& r) const {
    Translation t;
    t.looked_up = sim::now();
    const bool too_wide = id_.output_bits < 64 && (r.at.value() >> id_.output_bits) != 0;
    t.ending = gbpa_.get(Gbpa::ABORT) || too_wide ? Ending::Abort : Ending::Grant;
    t.to = Spa{r.at.value()};
    return t;
}

std::optional<Translation> Unit::admit(const TranslationRequest& r) {
    const bool enabled = regs_.get(Cr0Ack::SMMUEN);
    if (r.type == AddressType::Untranslated) return enabled ? std::nullopt : pass_by(r);
    Translation ended;
    ended.looked_up = sim::now();
    // 3.9: without ATS, or while the unit is disabled, no request may ask for a translation or claim to have one.
    if (!enabled || !id_.idr0.get(Idr0::ATS)) {
        refuse(r, r.type == AddressType::TranslationRequest ? EventId::F_BAD_ATS_TREQ : EventId::F_TRANSL_FORBIDDEN);
        return ended;
    }
    if (r.type == AddressType::TranslationRequest || regs_.get(Cr0Ack::ATSCHK)) return std::nullopt;
    // 3.9.1: with ATSCHK=0 a translated request is believed; an address that cannot be put out ends it silently.
    const bool too_wide = id_.output_bits < 64 && (r.at.value() >> id_.output_bits) != 0;
    ended.ending = too_wide ? Ending::Abort : Ending::Grant;
    ended.to = Spa{r.at.value()};
    return ended;
}

sim::Task<ContextOutcome> Unit::resolve(const TranslationRequest& r) { return resolver_.resolve(r); }

Tag Unit::context_tag(const TranslationRequest& r) const {
    Tag t{};
    t.kind = CacheKind::Configuration;
    t.stream = r.stream;
    t.whole_stream = r.type == AddressType::Translated; // 3.9.1: only the stream table entry is asked
    if (t.whole_stream) return t;
    t.has_pasid = r.has_pasid;
    t.pasid = r.has_pasid ? r.pasid : Pasid{0};
    return t;
}

FaultRaised Unit::fact_of(const TranslationRequest& r, EventId id, FaultFate fate) const {
    return {r.transaction, r.bond, r.stream, r.has_pasid, r.pasid, r.at, event_names_[raw(id)], raw(id), fate};
}

void Unit::refuse(const TranslationRequest& r, EventId event) {
    sim::start(event_queue_.record(make_record(event, r, Fault{}), fact_of(r, event, FaultFate::Recorded)));
}

/// 3.9.1, facts/iommu-specs.md 1.5: how a translation request or a translated one ends, and whether that is recorded.
Unit::AtsEnding Unit::ats_ending(const TranslationRequest& r, const Fault& f) const {
    const bool asks = r.type == AddressType::TranslationRequest;
    if (f.why == FaultReason::Forbidden)
        return {Ending::Abort, asks ? EventId::F_BAD_ATS_TREQ : EventId::F_TRANSL_FORBIDDEN, true};
    const bool structures = f.why == FaultReason::Configuration || f.why == FaultReason::WalkAbort;
    if (!structures)
        return {asks ? Ending::Grant : Ending::Abort, event_of(f), false}; // asked: success without permissions
    if (f.silent) return {Ending::Abort, event_of(f), false};
    // RECINVSID counts for translation requests only.
    const bool bad_stream = asks && event_of(f) == EventId::C_BAD_STREAMID && !regs_.get(Cr2::RECINVSID);
    return {asks ? Ending::CompleterAbort : Ending::Abort, event_of(f), regs_.get(Cr2::REC_CFG_ATS) && !bad_stream};
}

sim::Task<Ending> Unit::stall(const TranslationRequest& r, const Fault& f, const Context& context) {
    const EventId event = event_of(f);
    if (!regs_.get(Cr0Ack::SMMUEN)) { // 6.3.9.6: it was under way when the unit was disabled, and none may stall now
        events_.emit(fact_of(r, event, FaultFate::Suppressed));
        co_return Ending::Abort;
    }
    Tag leaf{};
    leaf.kind = CacheKind::Translation;
    leaf.domain = context.domain;
    leaf.space = context.space;
    leaf.at = r.at.align_down(page_size);
    const auto record = view_as<TranslationFault>(make_record(event, r, f));
    auto held = stalls_.hold(r, context_tag(r), leaf, record, fact_of(r, event, FaultFate::Recorded));
    const Ending resolved = co_await std::move(held);
    co_return resolved;
}

sim::Task<Ending> Unit::fault(const TranslationRequest& r, const Fault& f, const Context* context) {
    if (r.type != AddressType::Untranslated) {
        const AtsEnding end = ats_ending(r, f);
        if (end.recorded)
            co_await event_queue_.record(make_record(end.event, r, f), fact_of(r, end.event, FaultFate::Recorded));
        else
            events_.emit(fact_of(r, end.event, FaultFate::Suppressed));
        co_return end.ending;
    }
    if (iommu::stalls(r, f, context)) {
        const Ending resolved = co_await stall(r, f, *context);
        co_return resolved;
    }
    const bool by_policy = f.why != FaultReason::Configuration && f.why != FaultReason::WalkAbort && context != nullptr;
    const EventId event = event_of(f);
    bool wanted = true;
    if (f.why == FaultReason::Configuration)
        wanted = !f.silent && (event != EventId::C_BAD_STREAMID || regs_.get(Cr2::RECINVSID));
    else if (by_policy)
        // 5.5: A, R and S govern stage 1 translation faults only; with S, R counts as 1.
        // MODEL: a requester that cannot wait and is told to stall all the same, which software must not do (3.12.2),
        // is ended as A says.
        wanted = context->on_fault.record || context->on_fault.stall;
    const Ending ending = by_policy && !context->on_fault.abort ? Ending::ReadZero : Ending::Abort;
    if (wanted)
        co_await event_queue_.record(make_record(event, r, f), fact_of(r, event, FaultFate::Recorded));
    else
        events_.emit(fact_of(r, event, FaultFate::Suppressed));
    co_return ending;
}

} // namespace quiesce::iommu::smmuv3
