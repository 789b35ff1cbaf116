// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/context.h"

#include "iommu/amdvi/decided.h"
#include "iommu/amdvi/page_table.h"
#include "iommu/origin.h"

#include <string>

namespace quiesce::iommu::amdvi {
namespace {

constexpr u32 pasids = u32{1} << 20; ///< as many as there can be
constexpr Pasid of_excluded{pasids}, of_interrupts{pasids + 1};

Fault configuration_fault(Cause cause, Spa fetch = Spa{0}) {
    Fault f;
    f.why = FaultReason::Configuration;
    f.code = raw(cause);
    f.fetch_address = fetch;
    return f;
}
ContextOutcome refused(Fault f) {
    ContextOutcome out;
    out.fault = f;
    out.cacheable = false;
    return out;
}
/// As the device table entry has it: DomainID, SA, SE. `why`: the field that decided, where the cause alone does not say it.
ContextOutcome refused(Cause cause, const Dte& e, Spa fetch = Spa{0}, const char* why = nullptr) {
    Fault f = configuration_fault(cause, fetch);
    f.rule = why;
    f.domain = DomainTag{raw(e.get(Dte::DomainID))};
    f.silent = is_suppressible(cause_row(cause)) && e.get(Dte::SA);
    f.may_merge = is_suppressible(cause_row(cause)) && e.get(Dte::SE);
    return refused(f);
}
ContextOutcome granted(const Context& c) {
    ContextOutcome out;
    out.ok = true;
    out.context = c;
    return out;
}

u8 entry_options(const Dte& e) {
    return static_cast<u8>((e.get(Dte::IR) ? 0 : no_read) | (e.get(Dte::IW) ? 0 : no_write));
}
/// MODEL: HAD alone decides; Control.HADUpdate is stored.
u8 host_options(const Dte& e) {
    const HostMarks marks = e.get(Dte::HAD);
    return static_cast<u8>(entry_options(e) | (marks != HostMarks::None ? marks_access : 0) |
                           (marks == HostMarks::AccessedDirty ? marks_dirty : 0));
}

std::string part_of(base::Name unit, const char* what) { return std::string{unit.text()} + what; }

} // namespace

ContextResolver::ContextResolver(base::Name unit, const RegisterFile& regs, const Identity& id, memory::MemoryPort& memory,
                                 InvalidationEngine& invalidations, const AmdviConfig& config)
    : regs_(regs), id_(id), memory_(memory), invalidations_(invalidations),
      devices_(CacheKind::StreamEntry, {config.device_entries.get(), 4, Replacement::RoundRobin},
               part_of(unit, ".device-table-cache")),
      guests_(CacheKind::PasidEntry, {config.gcr3_entries.get(), 4, Replacement::RoundRobin},
              part_of(unit, ".gcr3-cache")) {
    invalidations_.add(devices_);
    invalidations_.add(guests_);
}

RequestPlace ContextResolver::place_of(const TranslationRequest& r) const {
    if (r.has_pasid || r.type == AddressType::Translated) return RequestPlace::Memory;
    if (is_interrupt_address(r.at)) return RequestPlace::Interrupts;
    const u64 limit = regs_.get(ExclLimit::Limit).value() | (page_size - 1);
    const bool inside = regs_.get(ExclBase::Base) <= r.at && r.at.value() <= limit;
    return regs_.get(ExclBase::ExEn) && inside ? RequestPlace::Excluded : RequestPlace::Memory;
}

Tag ContextResolver::tag_of(const TranslationRequest& r) const {
    Tag t{};
    t.kind = CacheKind::Configuration;
    t.stream = r.stream;
    t.whole_stream = r.type == AddressType::Translated;
    if (t.whole_stream) return t;
    const RequestPlace place = place_of(r);
    t.has_pasid = r.has_pasid || place != RequestPlace::Memory;
    t.pasid = r.has_pasid                          ? r.pasid
              : place == RequestPlace::Excluded    ? of_excluded
              : place == RequestPlace::Interrupts  ? of_interrupts
                                                   : Pasid{0};
    return t;
}

sim::Task<ContextOutcome> ContextResolver::resolve(TranslationRequest r) {
    ++generation_;
    auto way = find(r);
    ContextOutcome out = co_await std::move(way);
    out.context.generation = generation_;
    co_return out;
}

/// What the device table entry alone decides, and then the way through its tables. MODEL: what V=0 forwards it forwards
/// whatever its PASID.
sim::Task<ContextOutcome> ContextResolver::find(TranslationRequest r) {
    auto way = device_entry(r.stream, structure_origin(r));
    const Found found = co_await std::move(way);
    if (const auto* fault = std::get_if<Fault>(&found)) co_return refused(*fault);
    const Dte& e = std::get<Dte>(found);
    const RequestPlace place = place_of(r);
    const bool excluded = place == RequestPlace::Excluded && (regs_.get(ExclBase::Allow) || e.get(Dte::EX));
    ContextOutcome out;
    if (r.type == AddressType::Translated || !e.get(Dte::V) || excluded || place == RequestPlace::Interrupts) {
        out = without_translation(e, r);
    } else {
        auto further = through_tables(r, e);
        out = co_await std::move(further);
    }
    out.cacheable = out.cacheable && place == RequestPlace::Memory; // software may move the exclusion range
    co_return out;
}

/// Requests that go where they say: of no device table entry, already translated ones, those in the exclusion range,
/// interrupts. MODEL: interrupts are not remapped, and pass whatever IntCtl says.
ContextOutcome ContextResolver::without_translation(const Dte& e, const TranslationRequest& r) const {
    Context c;
    c.bypass = true;
    c.space = intermediate;
    c.output_bits = 64;
    c.domain = DomainTag{raw(e.get(Dte::DomainID))};
    const bool asks = r.type == AddressType::TranslationRequest, may_ask = e.get(Dte::V) && e.get(Dte::I);
    if (r.type == AddressType::Translated && !may_ask) return refused(Cause::Pretranslated, e, Spa{0}, why_no_iotlb(e));
    if (asks && !may_ask) return refused(Cause::TranslationRefused, e, Spa{0}, why_no_iotlb(e));
    if (may_ask) c.ats = DeviceTranslation::Whole;
    if (!e.get(Dte::V) || place_of(r) != RequestPlace::Interrupts) return granted(c);
    if (asks) return refused(Cause::InterruptTranslation, e);
    return r.access == Access::Write ? granted(c) : refused(Cause::InterruptRead, e);
}

sim::Task<ContextOutcome> ContextResolver::through_tables(TranslationRequest r, Dte e) {
    if (r.type == AddressType::TranslationRequest && !(e.get(Dte::TV) && e.get(Dte::I)))
        co_return refused(Cause::TranslationRefused, e, Spa{0}, why_no_iotlb(e));
    if (!e.get(Dte::TV)) co_return refused(Cause::NotTranslated, e);
    if (e.get(Dte::Mode) > host_levels(id_.efr)) co_return refused(Cause::ModeEncoding, e);
    const bool guests = e.get(Dte::GV) && regs_.get(Control::GTEn);
    if (r.has_pasid && !guests) co_return refused(Cause::NoGuest, e, Spa{0}, why_no_guest(e));
    if (!r.has_pasid && !(guests && e.get(Dte::GIoV))) co_return granted(host_context(e));
    auto further = with_guest(r, e);
    ContextOutcome out = co_await std::move(further);
    co_return out;
}

/// Without a guest's tables: the host's, or none, with what the entry allows.
Context ContextResolver::host_context(const Dte& e) const {
    Context c;
    c.bypass = true;
    c.space = intermediate;
    c.domain = DomainTag{raw(e.get(Dte::DomainID))};
    c.output_bits = id_.physical_bits;
    c.on_fault = {true, !e.get(Dte::SA), false};
    c.merges_faults = e.get(Dte::SE);
    if (e.get(Dte::I)) c.ats = DeviceTranslation::Whole;
    c.untranslated.read = e.get(Dte::IR);
    c.untranslated.write = e.get(Dte::IW);
    if (e.get(Dte::Mode) == pass_through_mode) return c;
    c.output_bits = 64; // what there is of a limit, the table knows
    c.second.root = make_host_table(e.get(Dte::Mode), e.get(Dte::HostPTRoot), host_options(e), id_.physical_bits);
    c.second.on_fault = c.on_fault;
    return c;
}

void ContextResolver::add_guest(Context& c, const Dte& e, Pasid pasid, Spa table) const {
    const bool nested = c.second.root.present;
    const auto options = static_cast<u8>((nested ? u8{guest_addresses} : entry_options(e)) |
                                         (id_.has(Efr::NXSup) ? has_nx : 0) | (id_.has(Efr::USSup) ? 0 : no_users));
    const unsigned bits = nested ? c.second.root.input_bits : id_.physical_bits;
    c.roots = make_guest_table(e.get(Dte::GuestPagingMode), table, options, bits);
    c.bypass = false;
    c.space = SpaceTag{raw(pasid)};
}

/// MODEL: the GCR3 table is at system addresses (no GCR3TRPMode), what its lowest level leads to at a guest's, if there is a
/// host table.
sim::Task<ContextOutcome> ContextResolver::with_guest(TranslationRequest r, Dte e) {
    const Pasid pasid = r.has_pasid ? r.pasid : Pasid{0};
    auto way = guest_of(r, e, pasid);
    const std::variant<Guest, Fault> found = co_await std::move(way);
    if (const auto* fault = std::get_if<Fault>(&found))
        co_return refused(static_cast<Cause>(fault->code), e, fault->fetch_address);
    ContextOutcome out = granted(host_context(e));
    add_guest(out.context, e, pasid, std::get<Guest>(found).table);
    co_return out;
}

sim::Task<ContextResolver::Found> ContextResolver::device_entry(StreamId stream, memory::Origin origin) {
    Tag tag{};
    tag.kind = CacheKind::StreamEntry;
    tag.stream = stream;
    if (const Dte* known = devices_.look_up(tag)) co_return *known;
    const u64 since = invalidations_.applied();
    auto way = fetch_device_entry(stream, origin);
    const Found found = co_await std::move(way);
    const auto* entry = std::get_if<Dte>(&found);
    if (entry != nullptr && !invalidations_.overtaken(since, tag)) devices_.insert(tag, *entry);
    co_return found;
}

/// MODEL: one table for all devices: EFR.DevTblSegSup cannot be other than 0. MODEL: a device beyond the table has a page
/// fault, as in VirtualBox's list of such.
sim::Task<ContextResolver::Found> ContextResolver::fetch_device_entry(StreamId stream, memory::Origin origin) {
    const u64 offset = u64{raw(stream) & 0xffff} * Dte::byte_count;
    const DevTabBar table = regs_.read<DevTabBar>();
    if (offset >= (table.get(DevTabBar::Size) + 1) * page_size) co_return configuration_fault(Cause::BeyondTable);
    const Spa at = table.get(DevTabBar::DevTabBase) + offset;
    Dte::Words words{};
    const memory::Status read = co_await memory_.fetch(at, words, origin);
    if (read != memory::Status::Ok) co_return configuration_fault(Cause::DeviceTableRead, at);
    const Dte e = Dte::from_words(words);
    if (!e.get(Dte::V)) co_return e;
    const EntryRule* const rule = why_refused(e, id_);
    if (rule == nullptr) co_return e;
    Fault f = configuration_fault(rule->cause);
    f.rule = rule->reason.data();
    co_return f;
}

sim::Task<std::variant<ContextResolver::Guest, Fault>> ContextResolver::guest_of(TranslationRequest r, Dte e, Pasid pasid) {
    const unsigned bits = gcr3_levels(e, id_) * gcr3_index_bits;
    if (raw(pasid) >> bits != 0 || raw(pasid) >> pasid_bits(id_.efr) != 0)
        co_return configuration_fault(Cause::PasidRange);
    Tag tag{};
    tag.kind = CacheKind::PasidEntry;
    tag.stream = r.stream;
    tag.has_pasid = true;
    tag.pasid = pasid;
    tag.domain = DomainTag{raw(e.get(Dte::DomainID))};
    if (const Guest* known = guests_.look_up(tag)) co_return *known;
    const u64 since = invalidations_.applied();
    auto way = walk_gcr3(r, e, pasid);
    const std::variant<Guest, Fault> found = co_await std::move(way);
    const auto* guest = std::get_if<Guest>(&found);
    if (guest != nullptr && !invalidations_.overtaken(since, tag)) guests_.insert(tag, *guest);
    co_return found;
}

/// MODEL: bits [11:1] and [63:52] of an entry are reserved.
sim::Task<std::variant<ContextResolver::Guest, Fault>> ContextResolver::walk_gcr3(TranslationRequest r, Dte e,
                                                                                  Pasid pasid) {
    const memory::Origin origin = structure_origin(r);
    Spa table = e.get(Dte::GCR3TableRoot);
    for (unsigned level = gcr3_levels(e, id_); level-- != 0;) {
        const u64 index = raw(pasid) >> (level * gcr3_index_bits) & base::low_bits(gcr3_index_bits);
        const Spa at = table + index * Gcr3Entry::byte_count;
        const auto word = co_await memory_.read64(at, origin);
        if (word.status != memory::Status::Ok) co_return configuration_fault(Cause::Gcr3Read, at);
        const auto entry = Gcr3Entry::from_words({word.value});
        if (!entry.get(Gcr3Entry::V)) co_return configuration_fault(Cause::Gcr3NotValid);
        if (entry.has_reserved_bits()) co_return configuration_fault(Cause::Gcr3Reserved);
        table = entry.get(Gcr3Entry::Base);
    }
    co_return Guest{table};
}

} // namespace quiesce::iommu::amdvi
