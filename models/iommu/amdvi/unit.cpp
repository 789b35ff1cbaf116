// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/unit.h"

#include "iommu/amdvi/decided.h"

namespace quiesce::iommu::amdvi {
namespace {

/// Bits of Control that a unit without the feature keeps clear.
struct ControlRow {
    Control::F<bool> bit;
    Efr::F<bool> feature;
};
constexpr ControlRow control_table[] = {
    {Control::PPRLogEn, Efr::PPRSup},          {Control::PPRIntEn, Efr::PPRSup},
    {Control::PPREn, Efr::PPRSup},             {Control::GTEn, Efr::GTSup},
    {Control::PPRAutoRspEn, Efr::PPRAutoRspSup}, {Control::PPRAutoRspAon, Efr::PPRAutoRspSup},
    {Control::BlkStopMrkEn, Efr::BlkStopMrkSup},  {Control::GAEn, Efr::GASup},
    {Control::XTEn, Efr::XTSup},               {Control::IntCapXTEn, Efr::XTSup},
};

/// Registers of a feature that there is not are reserved.
struct FeatureRegister {
    u32 offset;
    Efr::F<bool> feature;
};
constexpr FeatureRegister feature_register_table[] = {
    {PprLogBar::offset, Efr::PPRSup},          {PprHead::offset, Efr::PPRSup},
    {PprTail::offset, Efr::PPRSup},            {PprAutoResp::offset, Efr::PPRAutoRspSup},
    {PprOverflowEarly::offset, Efr::PPROvrflwEarlySup}, {XtIntCtrl::offset, Efr::XTSup},
    {XtPprIntCtrl::offset, Efr::XTSup},        {XtGaIntCtrl::offset, Efr::XTSup},
};

bool is_message_register(u64 offset) { return offset >= message_registers && offset < message_registers_end; }

Translation forwarded(const TranslationRequest& r, bool allowed) {
    Translation t;
    t.looked_up = sim::now();
    t.ending = allowed ? Ending::Grant : Ending::Abort;
    t.to = Spa{r.at.value()};
    return t;
}

} // namespace

Unit::Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, const AmdviConfig& config,
           const Identity& identity)
    : name_(name), events_(events), id_(identity), access_(config.register_access.get()),
      agent_(name, events, memory, *this, config.agent), signals_(regs_, config_regs_, memory),
      event_log_(name, events, regs_, memory, signals_, config),
      resolver_(name, regs_, id_, memory, agent_.invalidations(), config),
      page_requests_(name, events, regs_, memory, signals_, event_log_, resolver_, config),
      commands_(name, events, regs_, memory, signals_, {agent_, page_requests_, event_log_, resolver_}, id_, config) {
    page_requests_.set_forget([this](TranslationRequest r) { return commands_.forget_asked(r); });
    regs_.write(id_.efr);
    regs_.write(id_.efr2);
    set_config_space();
    bind_registers();
    bind_pointers();
}

/// MODEL: one unit and one range of devices, which firmware's tables name anyway: Range says nothing. Events and page
/// requests have messages 0 and 1.
void Unit::set_config_space() {
    CapHeader cap;
    cap.set(CapHeader::CapId, 0x0F).set(CapHeader::CapPtr, MsiHeader::offset).set(CapHeader::CapType, 3);
    cap.set(CapHeader::CapRev, 1).set(CapHeader::IotlbSup, id_.iotlb).set(CapHeader::EFRSup, true);
    config_regs_.write(cap.set(CapHeader::CapExt, true));
    MiscInfo0 misc;
    misc.set(MiscInfo0::GVAsize, 2).set(MiscInfo0::PAsize, id_.physical_bits).set(MiscInfo0::VAsize, 64);
    config_regs_.write(misc.set(MiscInfo0::MsiNumPPR, 1));
    config_regs_.write(MsiHeader{}
                           .set(MsiHeader::CapId, 0x05)
                           .set(MsiHeader::CapPtr, MsiMapHeader::offset)
                           .set(MsiHeader::MultMessCap, 1)
                           .set(MsiHeader::Is64, true));
    config_regs_.on_write<BaseLow>([this](BaseLow, BaseLow before) {
        if (before.get(BaseLow::Enable)) config_regs_.write(before);
    });
    config_regs_.on_write<BaseHigh>([this](BaseHigh, BaseHigh before) {
        if (config_regs_.get(BaseLow::Enable)) config_regs_.write(before);
    });
}

// ---- registers ------------------------------------------------------------------------------------------------------

void Unit::bind_registers() {
    regs_.on_write<Control>([this](Control now, Control before) { write_control(now, before); });
    regs_.on_write<CmdBufBar>([this](CmdBufBar, CmdBufBar before) { commands_.base_written(before); });
    regs_.on_write<EvtLogBar>([this](EvtLogBar, EvtLogBar before) { event_log_.ring().base_written(before); });
    regs_.on_write<PprLogBar>([this](PprLogBar, PprLogBar before) { page_requests_.ring().base_written(before); });
}

void Unit::bind_pointers() {
    regs_.on_write<CmdHead>([this](CmdHead) { commands_.kick(); });
    regs_.on_write<CmdTail>([this](CmdTail) { commands_.kick(); });
    regs_.on_write<EvtHead>([this](EvtHead) { event_log_.ring().head_written(); });
    regs_.on_write<EvtTail>([this](EvtTail) { event_log_.ring().tail_written(); });
    regs_.on_write<PprHead>([this](PprHead) { page_requests_.ring().head_written(); });
    regs_.on_write<PprTail>([this](PprTail) { page_requests_.ring().tail_written(); });
}

/// MODEL: what is cached when translation is switched off is there when it is switched on again.
void Unit::write_control(Control now, Control before) {
    for (const ControlRow& row : control_table)
        if (!id_.has(row.feature)) now.set(row.bit, false);
    regs_.write(now);
    event_log_.ring().control_written(now, before);
    page_requests_.ring().control_written(now, before);
    signals_.control_written(now, before);
    commands_.control_written(now, before);
}

/// Where the register file has it: a reserved register has a place where nothing is.
u32 Unit::place_of(u64 offset) const {
    constexpr u32 nowhere = register_block_bytes;
    for (const FeatureRegister& r : feature_register_table)
        if ((offset & ~u64{7}) == r.offset && !id_.has(r.feature)) return nowhere + static_cast<u32>(offset);
    return static_cast<u32>(offset);
}

sim::Task<void> Unit::mmio_write(u64 offset, unsigned size, u64 value) {
    co_await sim::delay(access_);
    const bool well_formed = (size == 4 || size == 8) && offset % size == 0;
    if (!well_formed || !is_message_register(offset) || !id_.has(Efr::MsiCapMmioSup)) {
        regs_.bus_write(place_of(offset), size, value);
        co_return;
    }
    for (unsigned part = 0; part < size; part += 4)
        if (is_message_register(offset + part))
            config_write(message_register_of(offset + part), static_cast<u32>(value >> (part * 8)));
}

sim::Task<u64> Unit::mmio_read(u64 offset, unsigned size) {
    co_await sim::delay(access_);
    const bool well_formed = (size == 4 || size == 8) && offset % size == 0;
    if (!well_formed || !is_message_register(offset) || !id_.has(Efr::MsiCapMmioSup))
        co_return regs_.bus_read(place_of(offset), size).value_or(0);
    u64 value = 0;
    for (unsigned part = 0; part < size; part += 4)
        if (is_message_register(offset + part))
            value |= u64{config_read(message_register_of(offset + part))} << (part * 8);
    co_return value;
}

void Unit::config_write(u32 offset, u32 value) { config_regs_.bus_write(offset, 4, value); }
u32 Unit::config_read(u32 offset) { return static_cast<u32>(config_regs_.bus_read(offset, 4).value_or(0)); }

// ---- translation ----------------------------------------------------------------------------------------------------

/// Who asks for a translation without write permission is not told that he may write.
sim::Task<Translation> Unit::translate(TranslationRequest r) {
    auto translated = agent_.translate(r);
    Translation t = co_await std::move(translated);
    if (r.type == AddressType::TranslationRequest && r.no_write) t.may.write = false;
    co_return t;
}

/// Switched off everything goes where it says, but for what devices ask and claim.
std::optional<Translation> Unit::admit(const TranslationRequest& r) {
    const bool untranslated = r.type == AddressType::Untranslated;
    if (!regs_.get(Control::IommuEn)) return forwarded(r, untranslated);
    const bool writes_to_ask = r.type == AddressType::TranslationRequest && r.access == Access::Write;
    if (writes_to_ask || (!untranslated && !id_.iotlb)) return forwarded(r, false);
    return std::nullopt;
}

/// 2.1.3.2: of a page fault that a translation request meets no event tells. SA keeps a device's page faults out of the log,
/// SE all but the first: nothing is of one PASID.
sim::Task<Ending> Unit::fault(const TranslationRequest& r, const Fault& f, const Context* context) {
    const Cause cause = cause_of(f, r, context);
    const CauseRow& row = cause_row(cause);
    const bool asks = r.type == AddressType::TranslationRequest;
    const bool page_fault = is_suppressible(row);
    const bool none = f.silent || (context != nullptr && !context->on_fault.record);
    const bool one = context != nullptr ? context->merges_faults : f.may_merge;
    FaultRaised fact = event_log_.fact_of(cause, r);
    fact.decided.what = decided_by(cause, f, r, context);
    if (page_fault && (asks || none || (one && event_log_.reported_before(r.stream)))) {
        fact.unrecorded_by.what = unrecorded_by(r, none);
        event_log_.suppress(fact);
        if (asks) events_.emit(AtsRefused{r.transaction, r.bond, r.stream});
    } else {
        co_await event_log_.record(make_event(cause, f, r, context), fact);
    }
    if (!asks || row.asked == AskedEnding::Unsupported) co_return Ending::Abort;
    co_return row.asked == AskedEnding::CompleterAbort ? Ending::CompleterAbort : Ending::Grant;
}

void Unit::left_behind(base::Leftovers& out) const {
    const std::string name{name_.text()};
    agent_.left_behind(out);
    out.count(name + ".cmdbuf", commands_.unfetched(), "command", "not carried out");
    out.count(name + ".cmdbuf", commands_.open_waits(), "wait", "that is not over");
    out.count(name + ".evtlog", event_log_.ring().unread(), "event", "that software has not taken");
    out.count(name + ".pprlog", page_requests_.ring().unread(), "page request", "that software has not taken");
    out.count(name + ".pprlog", page_requests_.unwritten(), "page request", "not logged");
}

} // namespace quiesce::iommu::amdvi
