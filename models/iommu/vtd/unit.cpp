// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/unit.h"

#include <algorithm>

namespace quiesce::iommu::vtd {
namespace {

/// 11.4: registers of a feature that there is not are reserved: from `first` on, up to `end`.
struct FeatureRegisters {
    u32 first, end;
    bool (*there)(const Identity& id);
};
constexpr FeatureRegisters feature_registers[] = {
    {Pmen::offset, Plmbase::offset, [](const Identity& id) { return id.has(Cap::PLMR) || id.has(Cap::PHMR); }},
    {Plmbase::offset, Phmbase::offset, [](const Identity& id) { return id.has(Cap::PLMR); }},
    {Phmbase::offset, Iqh::offset, [](const Identity& id) { return id.has(Cap::PHMR); }},
    {Iqh::offset, Irta::offset, [](const Identity& id) { return id.has(Ecap::QI); }},
    {Irta::offset, Pqh::offset, [](const Identity& id) { return id.has(Ecap::IR); }},
    {Pqh::offset, Peuaddr::offset + 4, [](const Identity& id) { return id.has(Ecap::PRS); }},
    {Vcmd::offset, Vccap::offset + 8, [](const Identity& id) { return id.has(Ecap::VCS); }},
};
bool is_reserved(u64 offset, const Identity& id) {
    for (const FeatureRegisters& f : feature_registers)
        if (offset >= f.first && offset < f.end) return !f.there(id);
    return false;
}

} // namespace

Unit::Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, const VtdConfig& config,
           const Identity& identity)
    : name_(name), events_(events), id_(identity), access_(config.register_access.get()),
      update_delay_(config.update_delay.get()), agent_(name, events, memory, *this, config.agent),
      signals_(name, events, regs_, memory), faults_(events, regs_, signals_, id_, config),
      resolver_(name, root_, id_, memory, agent_.invalidations(), config),
      page_requests_(name, events, regs_, memory, signals_, {agent_, faults_, resolver_, sequence_}, id_, config),
      queue_(name, events, regs_, memory, signals_, {agent_, page_requests_, sequence_, root_}, id_, config),
      register_invalidation_(regs_, {agent_, page_requests_, sequence_, root_}, id_, config),
      virtual_commands_(regs_, id_, config) {
    regs_.write(id_.ver);
    regs_.write(id_.cap);
    regs_.write(id_.ecap);
    if (id_.has(Ecap::VCS)) regs_.write(Vccap{}.set(Vccap::NS, true).set(Vccap::PAS, true).set(Vccap::FPS, true));
    bind_registers();
    bind_queue_registers();
}

// ---- registers ------------------------------------------------------------------------------------------------------

void Unit::bind_registers() {
    regs_.on_write<Gcmd>([this](Gcmd now) { write_gcmd(now); });
    regs_.on_write<Ccmd>([this](Ccmd now, Ccmd before) { register_invalidation_.context_command(now, before); });
    regs_.on_write<Iotlb>([this](Iotlb now, Iotlb before) { register_invalidation_.iotlb_command(now, before); });
    regs_.on_write<Fsts>([this](Fsts, Fsts before) {
        faults_.status_written(before);
        queue_.kick();
    });
    regs_.on_write<Fectl>([this](Fectl) { signals_.control_written<Fectl, Feaddr, Feuaddr, Fedata>(); });
    regs_.on_write<Iectl>([this](Iectl) { signals_.control_written<Iectl, Ieaddr, Ieuaddr, Iedata>(); });
    regs_.on_write<Pectl>([this](Pectl) { signals_.control_written<Pectl, Peaddr, Peuaddr, Pedata>(); });
    regs_.on_write<Pmen>([this](Pmen now) { regs_.set(Pmen::PRS, now.get(Pmen::EPM)); });
    regs_.on_write<Vcmd>([this](Vcmd now, Vcmd before) { virtual_commands_.written(now, before); });
}

void Unit::bind_queue_registers() {
    regs_.on_write<Iqt>([this](Iqt) { queue_.kick(); });
    regs_.on_write<Ics>([this](Ics) { signals_.invalidation_status_written(); });
    regs_.on_write<Prs>([this](Prs) {
        signals_.page_request_status_written();
        page_requests_.consumed();
    });
    regs_.on_write<Pqh>([this](Pqh) { page_requests_.consumed(); });
    // 11.4: the queues' bases are not changed under them.
    regs_.on_write<Iqa>([this](Iqa, Iqa before) {
        if (regs_.get(Gsts::QIES)) regs_.write(before);
    });
}

std::optional<u32> Unit::place_of(u64 offset) const {
    const u64 frcd = frcd_offset(id_.cap);
    if (offset - frcd < faults_.size() * 16) return std::nullopt;
    if (offset - iva_offset(id_.ecap) < 16) return static_cast<u32>(offset - iva_offset(id_.ecap)) + Iva::offset;
    constexpr u64 nowhere = movable_registers + 0x1000;
    const bool none = offset >= movable_registers || is_reserved(offset, id_);
    return static_cast<u32>(none ? nowhere + (offset & 0xfff) : offset);
}

sim::Task<void> Unit::mmio_write(u64 offset, unsigned size, u64 value) {
    co_await sim::delay(access_);
    const bool well_formed = (size == 4 || size == 8) && offset % size == 0;
    if (const auto place = place_of(offset); place || !well_formed)
        regs_.bus_write(place.value_or(static_cast<u32>(offset)), size, value);
    else
        faults_.bus_write(offset - frcd_offset(id_.cap), size, value);
}

sim::Task<u64> Unit::mmio_read(u64 offset, unsigned size) {
    co_await sim::delay(access_);
    const bool well_formed = (size == 4 || size == 8) && offset % size == 0;
    if (const auto place = place_of(offset); place || !well_formed)
        co_return regs_.bus_read(place.value_or(static_cast<u32>(offset)), size).value_or(0);
    co_return faults_.bus_read(offset - frcd_offset(id_.cap), size);
}

/// 11.4: what differs from GSTS is carried out and then shown there; the one-shot bits are commands of their own.
/// MODEL: several commands at once, which software must not give, are carried out one after the other.
void Unit::write_gcmd(Gcmd now) {
    regs_.write(Gcmd{}); // write-only: nothing is kept
    wanted_ = Gcmd{}.set(Gcmd::TE, now.get(Gcmd::TE)).set(Gcmd::QIE, now.get(Gcmd::QIE) && id_.has(Ecap::QI));
    wanted_.set(Gcmd::IRE, now.get(Gcmd::IRE) && id_.has(Ecap::IR))
        .set(Gcmd::CFI, now.get(Gcmd::CFI) && id_.has(Ecap::IR));
    if (now.get(Gcmd::SRTP)) {
        wants_root_ = true;
        regs_.set(Gsts::RTPS, false);
    }
    if (now.get(Gcmd::SIRTP) && id_.has(Ecap::IR)) {
        wants_interrupt_root_ = true;
        regs_.set(Gsts::IRTPS, false);
    }
    if (now.get(Gcmd::WBF) && id_.has(Cap::RWBF)) {
        wants_flush_ = true;
        regs_.set(Gsts::WBFS, true);
    }
    if (updating_) return;
    updating_ = true;
    sim::start(update_status());
}

/// Interrupts are not remapped: IRE, SIRTP and CFI are shown and change nothing else.
sim::Task<void> Unit::update_status() {
    for (bool more = true; more;) {
        co_await sim::delay(update_delay_);
        more = true;
        if (std::exchange(wants_flush_, false))
            regs_.set(Gsts::WBFS, false);
        else if (std::exchange(wants_root_, false))
            co_await set_root();
        else if (std::exchange(wants_interrupt_root_, false))
            regs_.set(Gsts::IRTPS, true);
        else if (wanted_.get(Gcmd::QIE) != regs_.get(Gsts::QIES))
            co_await set_queue(wanted_.get(Gcmd::QIE));
        else if (wanted_.get(Gcmd::TE) != regs_.get(Gsts::TES))
            co_await set_translation(wanted_.get(Gcmd::TE));
        else
            more = false;
        regs_.set(Gsts::IRES, wanted_.get(Gcmd::IRE));
        regs_.set(Gsts::CFIS, wanted_.get(Gcmd::CFI));
        more =
            more && (wants_flush_ || wants_root_ || wants_interrupt_root_ ||
                     wanted_.get(Gcmd::QIE) != regs_.get(Gsts::QIES) || wanted_.get(Gcmd::TE) != regs_.get(Gsts::TES));
    }
    updating_ = false;
}

sim::Task<void> Unit::forget_everything() {
    Scope all;
    all.in = 0xff;
    const u64 sequence = sequence_.next();
    agent_.invalidate(sequence, InvalidationKind::Translation, all);
    co_await agent_.fence(sequence);
}

/// 6.6: with ESRTPS nothing of what was learned under the old root is left when RTPS shows.
sim::Task<void> Unit::set_root() {
    root_.value = regs_.read<Rtaddr>();
    if (id_.has(Cap::ESRTPS)) co_await forget_everything();
    regs_.set(Gsts::RTPS, true);
}

/// 11.4: what is under way is over before TES shows the change; in a unit with scalable mode nothing stays cached.
sim::Task<void> Unit::set_translation(bool on) {
    translating_ = on;
    co_await agent_.in_flight().drain();
    if (!on && id_.has(Ecap::SMTS)) co_await forget_everything();
    if (!on) faults_.restart();
    regs_.set(Gsts::TES, on);
}

sim::Task<void> Unit::set_queue(bool on) {
    if (!on) {
        regs_.set(Gsts::QIES, false);
        co_await queue_.idle();
        regs_.write(Iqh{});
        co_return;
    }
    regs_.set(Gsts::QIES, true);
    queue_.kick();
}

// ---- the pipeline's questions ---------------------------------------------------------------------------------------

sim::Task<Translation> Unit::translate(TranslationRequest r) {
    const bool more = r.type == AddressType::TranslationRequest || regs_.get(Pmen::PRS);
    return more ? translate_further(r) : agent_.translate(r);
}

/// 4.2: NW counts with NWFS only, and who did not ask to write is not told that he may. 11.4, PMEN: what lies in
/// protected memory is refused, without a record. MODEL: also to remapped requests, which an implementation may or may
/// not do.
sim::Task<Translation> Unit::translate_further(TranslationRequest r) {
    const bool asks = r.type == AddressType::TranslationRequest;
    r.no_write = r.no_write && id_.has(Ecap::NWFS);
    auto translated = agent_.translate(r);
    Translation t = co_await std::move(translated);
    if (asks && r.no_write) t.may.write = false;
    const bool memory = !asks && t.ending == Ending::Grant && !(!r.has_pasid && is_interrupt_address(r.at));
    if (memory && is_protected(t.to, r.bytes)) t.ending = Ending::Abort;
    co_return t;
}

bool Unit::is_protected(Spa at, u64 bytes) const {
    if (!regs_.get(Pmen::PRS)) return false;
    constexpr u64 granule = u64{1} << protected_region_shift;
    const auto meets = [&](Spa base, Spa limit) {
        return base <= limit && at.value() <= limit.value() + (granule - 1) && at.value() + (bytes - 1) >= base.value();
    };
    return (id_.has(Cap::PLMR) && meets(regs_.get(Plmbase::PLMB), regs_.get(Plmlimit::PLML))) ||
           (id_.has(Cap::PHMR) && meets(regs_.get(Phmbase::PHMB), regs_.get(Phmlimit::PHML)));
}

Translation Unit::pass_by(const TranslationRequest& r, bool allowed) const {
    Translation t;
    t.looked_up = sim::now();
    t.ending = allowed ? Ending::Grant : Ending::Abort;
    t.to = Spa{r.at.value()};
    return t;
}

/// 3.14, 4.2: writes are interrupts and pass; a translation request is told to come untranslated; nothing else is done
/// there.
Translation Unit::interrupt(const TranslationRequest& r) const {
    if (r.type == AddressType::Untranslated) return pass_by(r, r.access == Access::Write);
    Translation t = pass_by(r, true);
    t.may.write = !r.no_write;
    t.untranslated_only = t.may.write;
    return t;
}

std::optional<Translation> Unit::admit(const TranslationRequest& r) {
    const bool untranslated = r.type == AddressType::Untranslated;
    const bool writes_to_ask = r.type == AddressType::TranslationRequest && r.access == Access::Write;
    if (!translating_) return pass_by(r, untranslated); // 4.1: no device-TLB without translation
    if (writes_to_ask || (!untranslated && !id_.has(Ecap::DT))) return pass_by(r, false);
    if (r.type == AddressType::Translated && r.has_pasid) return pass_by(r, false); // ECAP.PTRS is 0
    const bool reaches_interrupts = !r.has_pasid && is_interrupt_address(r.at) && r.type != AddressType::Translated;
    return reaches_interrupts ? std::optional{interrupt(r)} : std::nullopt;
}

Tag Unit::context_tag(const TranslationRequest& r) const {
    Tag t{};
    t.kind = CacheKind::Configuration;
    t.stream = r.stream;
    t.whole_stream = r.type == AddressType::Translated; // 4.2: only the context entry is asked
    if (t.whole_stream) return t;
    t.has_pasid = r.has_pasid;
    t.pasid = r.has_pasid ? r.pasid : Pasid{0};
    return t;
}

sim::Task<Ending> Unit::fault(const TranslationRequest& r, const Fault& f, const Context* context) {
    const FaultCode code = code_of(f, r, context, root_.scalable());
    const FaultRow& row = fault_row(code);
    const bool asks = r.type == AddressType::TranslationRequest;
    const bool quiet = f.silent || (row.qualified && context != nullptr && !context->on_fault.record);
    // Table 30: what a device can recover from is not reported.
    const bool recoverable = asks && row.asked == AskedEnding::NoAccess;
    FaultRaised fact = faults_.fact_of(code, r);
    fact.decided.what = decided_by(code, f.rule);
    if (quiet || recoverable) {
        static const base::Name answered{"the answer to the translation request tells of it"};
        const char* const by = f.silent ? f.quiet_by : context != nullptr ? context->quiet_by : nullptr;
        fact.unrecorded_by.what = quiet && by != nullptr ? base::Name{by} : answered;
        faults_.suppress(fact);
        if (recoverable) events_.emit(AtsRefused{r.transaction, r.bond, r.stream});
    } else {
        co_await faults_.record(make_record(code, r), fact);
    }
    if (!asks || row.asked == AskedEnding::Unsupported) co_return Ending::Abort;
    co_return row.asked == AskedEnding::CompleterAbort ? Ending::CompleterAbort : Ending::Grant;
}

void Unit::left_behind(base::Leftovers& out) const {
    const std::string name{name_.text()};
    agent_.left_behind(out);
    out.count(name + ".iq", queue_.unfetched(), "descriptor", "not carried out");
    out.count(name + ".iq", queue_.open_waits(), "wait", "that is not over");
    out.count(name + ".prq", page_requests_.unread(), "descriptor", "that software has not taken");
    out.count(name + ".prq", page_requests_.unwritten(), "descriptor", "not written");
    out.count(name, faults_.unread(), "fault record", "that software has not freed");
    out.count(name, virtual_commands_.allocated().size(), "virtual PASID", "that was not given back");
}

} // namespace quiesce::iommu::vtd
