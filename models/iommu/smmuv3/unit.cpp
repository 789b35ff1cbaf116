// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/unit.h"

#include "iommu/smmuv3/decided.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {
Unit::Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, memory::InterruptSink* sink,
           const Smmuv3Config& config, const Identity& identity)
    : name_(name), events_(events), id_(identity), access_(config.register_access.get()),
      update_delay_(config.update_delay.get()), agent_(name, events, memory, *this, config.agent),
      signals_(name, events, regs_, memory, sink, id_, config),
      event_queue_(name, events, regs_, memory, signals_, id_, config),
      resolver_(regs_, id_, memory, agent_.walker(), agent_.occurrences()),
      stalls_(name, events, agent_.invalidations(), event_queue_, id_),
      page_requests_(name, events, regs_, memory, signals_, event_queue_, resolver_, id_, config),
      engine_(name, events, regs_, memory, signals_, {agent_, event_queue_, page_requests_, stalls_}, id_, config),
      first_(regs_, signals_, id_), commands_(engine_, first_, ".cmdq", false),
      control_page_(engine_, signals_, id_, config), register_bytes_(register_bytes_of(id_, config)) {
    for (const EventRow& row : event_rows()) event_names_[raw(row.id)] = base::Name{row.name};
    event_names_[0] = base::Name{"aborting stream"}; // STE.Config=0xx has no event of its own
    regs_.write(id_.idr0);
    regs_.write(id_.idr1);
    regs_.write(id_.idr2);
    regs_.write(id_.idr3);
    regs_.write(id_.idr4);
    regs_.write(id_.idr5);
    regs_.write(id_.aidr);
    if (id_.idr1.get(Idr1::ECMDQ)) place_control_page();
    if (config.pmcg)
        performance_ = std::make_unique<PerformanceGroup>(agent_.occurrences(), memory, sink, id_, config);
    gbpa_ = regs_.read<Gbpa>();
    bind_registers();
}

/// 6.3.49: right behind page 1.
void Unit::place_control_page() {
    regs_.write(id_.idr6);
    regs_.write(ControlPageBase{}
                    .set(ControlPageBase::PRESET, true)
                    .set(ControlPageBase::CMDQGS, 1)
                    .set(ControlPageBase::ADDR, Spa{control_page_at}));
    regs_.set(ControlPageCfg::EN, true);
    regs_.set(ControlPageStatus::ENACK, true);
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
    guard<Cr1>([this] { return smmu_on() || cmdq_on() || eventq_on() || priq_on() || control_page_.any_on(); });
    regs_.on_write<Cr2>([this](Cr2 now, Cr2 before) { write_cr2(now, before); });
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

/// 6.3.12: ignored while the unit is enabled. Fields of absent features are RES0.
void Unit::write_cr2(Cr2 now, Cr2 before) {
    if (smmu_on()) return regs_.write(before);
    now.set(Cr2::E2H, now.get(Cr2::E2H) && id_.idr0.get(Idr0::Hyp));
    now.set(Cr2::REC_CFG_ATS, now.get(Cr2::REC_CFG_ATS) && id_.idr0.get(Idr0::ATSRECERR));
    id_.e2h = now.get(Cr2::E2H);
    regs_.write(now);
}

/// Fields of absent features are RES0 (6.3.9): DPT_WALK_EN always.
void Unit::write_cr0(Cr0 now) {
    Cr0 taken;
    taken.set(Cr0::SMMUEN, now.get(Cr0::SMMUEN))
        .set(Cr0::PRIQEN, now.get(Cr0::PRIQEN) && has_pri())
        .set(Cr0::EVENTQEN, now.get(Cr0::EVENTQEN))
        .set(Cr0::CMDQEN, now.get(Cr0::CMDQEN))
        .set(Cr0::VMW, id_.idr0.get(Idr0::VMW) ? now.get(Cr0::VMW) : 0)
        .set(Cr0::ATSCHK, now.get(Cr0::ATSCHK) && id_.idr0.get(Idr0::ATS));
    regs_.write(taken);
    id_.vmid_wildcard = static_cast<unsigned>(std::min<u64>(taken.get(Cr0::VMW), 4)); // larger codes are reserved
    if (!updating_cr0_) sim::start(update_cr0());
}

sim::Task<void> Unit::mmio_write(u64 offset, unsigned size, u64 value) {
    co_await sim::delay(access_);
    if (offset >= performance_at(id_)) {
        if (performance_) co_await performance_->mmio_write(offset - performance_at(id_), size, value);
    } else if (offset >= control_page_at)
        control_page_.write(static_cast<u32>(offset - control_page_at), size, value);
    else
        regs_.bus_write(static_cast<u32>(offset), size, value);
}

sim::Task<u64> Unit::mmio_read(u64 offset, unsigned size) {
    co_await sim::delay(access_);
    if (offset >= performance_at(id_)) {
        if (!performance_) co_return 0;
        auto asked = performance_->mmio_read(offset - performance_at(id_), size);
        const u64 value = co_await std::move(asked);
        co_return value;
    }
    if (offset >= control_page_at) co_return control_page_.read(static_cast<u32>(offset - control_page_at), size);
    co_return regs_.bus_read(static_cast<u32>(offset), size).value_or(0);
}

/// 6.3.9: an update shows in CR0ACK when it has taken effect. Switching a queue off waits for what it is doing; a
/// CMD_SYNC that waits for a device holds up CMDQEN and nothing else.
sim::Task<void> Unit::update_cr0() {
    updating_cr0_ = true;
    while (regs_.read<Cr0>().value() != regs_.read<Cr0Ack>().value()) {
        const Cr0 wanted = regs_.read<Cr0>();
        co_await sim::delay(update_delay_);
        if (!wanted.get(Cr0::EVENTQEN)) co_await event_queue_.drained();
        if (!wanted.get(Cr0::PRIQEN) || !wanted.get(Cr0::SMMUEN)) co_await page_requests_.idle();
        const bool commands_on = regs_.get(Cr0Ack::CMDQEN);
        regs_.write(Cr0Ack::of(wanted.value()).set(Cr0Ack::CMDQEN, commands_on || wanted.get(Cr0::CMDQEN)));
        if (!wanted.get(Cr0::SMMUEN)) stalls_.terminate_all(); // 6.3.9.6
        if (!wanted.get(Cr0::CMDQEN)) co_await commands_.idle();
        regs_.set(Cr0Ack::CMDQEN, wanted.get(Cr0::CMDQEN));
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

sim::Task<Translation> Unit::translate(TranslationRequest r) { return agent_.translate(r); }

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
FaultRaised Unit::fact_of(const TranslationRequest& r, EventId id, FaultFate fate, const Fault& f, const Context* context) const {
    FaultRaised fact = fact_of(r, id, fate);
    fact.decided.what = decided_by(id, f, r, context);
    if (fate == FaultFate::Suppressed) fact.unrecorded_by.what = unrecorded_by(id, f, r, context);
    return fact;
}

Merging Unit::merging_of(EventId id, const Fault& f, const Context* context) {
    const bool asked_for = context != nullptr ? context->merges_faults : f.may_merge;
    return asked_for || merged_unasked(id) ? Merging::Allowed : Merging::No;
}

void Unit::refuse(const TranslationRequest& r, EventId event) {
    sim::start(event_queue_.record(make_record(event, r, Fault{}), fact_of(r, event, FaultFate::Recorded)));
}

/// 3.9.1, facts/iommu-specs.md 1.5: how a translation request or a translated one ends, and whether that is recorded.
Unit::AtsEnding Unit::ats_ending(const TranslationRequest& r, const Fault& f) const {
    const bool asks = r.type == AddressType::TranslationRequest;
    if (f.why == FaultReason::Forbidden)
        return {Ending::Abort, asks ? EventId::F_BAD_ATS_TREQ : EventId::F_TRANSL_FORBIDDEN, true};
    const bool structures = f.why == FaultReason::Configuration || f.why == FaultReason::WalkAbort ||
                            f.why == FaultReason::Conflict;
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
        events_.emit(fact_of(r, event, FaultFate::Suppressed, f, &context));
        co_return Ending::Abort;
    }
    Tag leaf{};
    leaf.kind = CacheKind::Translation;
    leaf.domain = context.domain;
    leaf.space = f.second_stage ? intermediate : context.space;
    leaf.at = (f.second_stage ? Iova{f.at.value()} : r.at).align_down(page_size);
    const auto record = view_as<TranslationFault>(make_record(event, r, f));
    auto held = stalls_.hold(r, context_tag(r), leaf, record, fact_of(r, event, FaultFate::Recorded, f, &context));
    const Ending resolved = co_await std::move(held);
    co_return resolved;
}

sim::Task<Ending> Unit::fault(const TranslationRequest& r, const Fault& f, const Context* context) {
    // 3.9.1: what a translated request meets in stage 2 is a fault like any other.
    const bool in_stage2 = r.type == AddressType::Translated && f.second_stage;
    if (r.type != AddressType::Untranslated && !in_stage2) {
        const AtsEnding end = ats_ending(r, f);
        if (end.recorded)
            co_await event_queue_.record(make_record(end.event, r, f), fact_of(r, end.event, FaultFate::Recorded, f, context),
                                         merging_of(end.event, f, context));
        else {
            events_.emit(fact_of(r, end.event, FaultFate::Suppressed, f, context));
            events_.emit(AtsRefused{r.transaction, r.bond, r.stream});
        }
        co_return end.ending;
    }
    if (iommu::stalls(r, f, context)) {
        const Ending resolved = co_await stall(r, f, *context);
        co_return resolved;
    }
    const bool by_policy = f.why != FaultReason::Configuration && f.why != FaultReason::WalkAbort &&
                           f.why != FaultReason::Conflict && context != nullptr;
    const EventId event = event_of(f);
    bool wanted = true;
    if (f.why == FaultReason::Configuration)
        wanted = !f.silent && (event != EventId::C_BAD_STREAMID || regs_.get(Cr2::RECINVSID));
    else if (by_policy)
        // 5.5: A, R and S, and S2R and S2S of stage 2, govern translation faults only; with S, R counts as 1.
        // MODEL: a requester that cannot wait and is told to stall all the same, which software must not do (3.12.2),
        // is ended as A says.
        wanted = context->policy(f).record || context->policy(f).stall;
    const Ending ending = by_policy && !context->policy(f).abort ? Ending::ReadZero : Ending::Abort;
    if (wanted)
        co_await event_queue_.record(make_record(event, r, f), fact_of(r, event, FaultFate::Recorded, f, context),
                                     merging_of(event, f, context));
    else
        events_.emit(fact_of(r, event, FaultFate::Suppressed, f, context));
    co_return ending;
}

void Unit::left_behind(base::Leftovers& out) const {
    const std::string name{name_.text()};
    agent_.left_behind(out);
    out.count(name + ".cmdq", first_.ring().used(), "command", "not consumed");
    for (std::size_t n = 0; n < control_page_.size(); ++n)
        out.count(name + ".ecmdq" + std::to_string(n), control_page_[n].ring().used(), "command", "not consumed");
    out.count(name + ".evtq", event_queue_.unread(), "record", "that software has not taken");
    out.count(name + ".evtq", event_queue_.unwritten(), "record", "not written");
    out.count(name + ".priq", page_requests_.unread(), "record", "that software has not taken");
    out.count(name + ".priq", page_requests_.unwritten(), "record", "not written");
    out.count(name, stalls_.held(), "stalled transaction", "without CMD_RESUME");
}

} // namespace quiesce::iommu::smmuv3
