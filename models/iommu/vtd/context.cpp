// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/context.h"

#include "iommu/origin.h"
#include "iommu/vtd/page_table.h"

#include <algorithm>
#include <string>

namespace quiesce::iommu::vtd {
namespace {

/// `quiet`: the FPD that was met on the way; null: none.
ContextOutcome refused(FaultCode code, const char* quiet = nullptr, Spa fetch = Spa{0}) {
    ContextOutcome out;
    out.fault.why = FaultReason::Configuration;
    out.fault.code = raw(code);
    out.fault.fetch_address = fetch;
    out.fault.silent = quiet != nullptr && fault_row(code).qualified;
    out.fault.quiet_by = quiet;
    out.cacheable = false;
    return out;
}
template <class Rule> ContextOutcome refused(const Rule& rule, const char* quiet) {
    ContextOutcome out = refused(rule.code, quiet);
    out.fault.rule = rule.reason.data();
    return out;
}
/// FPD of any entry on the way counts.
const char* quiet_of(const ContextEntry& e) { return e.get(ContextEntry::FPD) ? "context entry.FPD=1" : nullptr; }
const char* quiet_of(const ScalableContextEntry& e) {
    return e.get(ScalableContextEntry::FPD) ? "scalable context entry.FPD=1" : nullptr;
}
const char* quiet_of(const PasidDirectoryEntry& e) {
    return e.get(PasidDirectoryEntry::FPD) ? "PASID directory entry.FPD=1" : nullptr;
}
const char* quiet_of(const PasidEntry& e) { return e.get(PasidEntry::FPD) ? "PASID table entry.FPD=1" : nullptr; }
const char* either(const char* one, const char* other) { return one != nullptr ? one : other; }

u64 bus_of(const TranslationRequest& r) { return raw(r.stream) >> 8 & 0xff; }
u64 devfn_of(const TranslationRequest& r) { return raw(r.stream) & 0xff; }

Context plain_context(const char* quiet) {
    Context c;
    c.quiet_by = quiet;
    c.bypass = true;
    c.space = intermediate;
    c.output_bits = 64; // what there is of a limit, the second stage knows
    c.on_fault = {true, quiet == nullptr, false};
    c.excluded = interrupt_range;
    c.excluded_bytes = interrupt_range_bytes;
    c.data_only = true; // ECAP.ERS is 0
    return c;
}

u8 second_options(const Identity& id, bool tracks) {
    const u64 large = id.cap.get(Cap::SSLPS);
    return static_cast<u8>(((large & 1) != 0 ? pages_2m : 0) | ((large & 2) != 0 ? pages_1g : 0) |
                           (id.has(Ecap::SC) ? has_snoop : 0) | (tracks ? tracked : 0));
}

/// Marks are made coherently, or the entry that needs one faults (SFS.9, SSS.5).
void let_mark(TableRoot& root, bool can) {
    root.marks_used = root.marks_written = can;
    root.used_faults = root.written_faults = !can;
}

void add_second_stage(Context& c, const PasidEntry& e, const Identity& id, bool can_mark) {
    const bool tracks = e.get(PasidEntry::SSADE);
    c.second.root = make_second_stage(e.get(PasidEntry::AW), mgaw_bits(id.cap), e.get(PasidEntry::SSPTPTR),
                                      second_options(id, tracks), id.haw);
    let_mark(c.second.root, can_mark);
    c.second.on_fault = c.on_fault;
}

void add_first_stage(Context& c, const PasidEntry& e, const Identity& id, bool can_mark) {
    const bool nested = c.second.root.present;
    const auto options =
        static_cast<u8>(pages_2m | (id.has(Cap::FS1GP) ? pages_1g : 0) | (nested ? guest_addresses : 0));
    const unsigned width = nested ? c.second.root.input_bits : id.haw;
    c.roots =
        make_first_stage(e.get(PasidEntry::FSPM), e.get(PasidEntry::EAFE), e.get(PasidEntry::FSPTPTR), options, width);
    for (TableRoot& root : c.roots) let_mark(root, can_mark);
    c.bypass = false;
    c.privileged_only_write_protect = e.get(PasidEntry::WPE);
    c.unprivileged_only = !e.get(PasidEntry::SRE);
}

std::string part(base::Name unit, const char* what) { return std::string{unit.text()} + what; }

} // namespace

Context make_context(const ContextEntry& e, const Identity& id) {
    Context c = plain_context(quiet_of(e));
    c.domain = DomainTag{raw(e.get(ContextEntry::DID))};
    const TranslationType tt = e.get(ContextEntry::TT);
    if (tt == TranslationType::WithDeviceTlb) c.ats = DeviceTranslation::Whole;
    const unsigned widest = std::min(mgaw_bits(id.cap), bits_of(e.get(ContextEntry::AW)));
    if (tt == TranslationType::PassThrough) {
        c.output_bits = std::min(widest, id.haw);
        return c;
    }
    c.second.root = make_second_stage(e.get(ContextEntry::AW), widest, e.get(ContextEntry::SSPTPTR),
                                      second_options(id, false), id.haw);
    c.second.root.used_faults = false;
    c.second.on_fault = c.on_fault;
    return c;
}

Context make_translated_context(bool device_tlb, const char* quiet, const Identity& id) {
    Context c = plain_context(quiet);
    c.data_only = false;
    c.output_bits = id.haw;
    if (device_tlb) c.ats = DeviceTranslation::Whole;
    return c;
}

Context make_context(const PasidEntry& e, const ScalableContextEntry& s, Pasid pasid, bool without_pasid,
                     const Identity& id) {
    const PagingTranslation how = e.get(PasidEntry::PGTT);
    Context c = plain_context(either(quiet_of(e), quiet_of(s)));
    c.domain = DomainTag{raw(e.get(PasidEntry::DID))};
    if (s.get(ScalableContextEntry::DTE)) c.ats = DeviceTranslation::Whole;
    if (without_pasid) {
        c.pasid_of_none = pasid;
        c.rewrites = s.get(ScalableContextEntry::RID_PRIV);
        if (c.rewrites) c.as_privileged = true;
    }
    const bool can_mark = (e.get(PasidEntry::PWSNP) && id.has(Ecap::SMPWCS)) || id.is_early();
    if (how == PagingTranslation::PassThrough) c.output_bits = id.haw;
    if (uses_second(how)) add_second_stage(c, e, id, can_mark);
    if (!uses_first(how)) return c;
    c.space = SpaceTag{raw(pasid)};
    add_first_stage(c, e, id, can_mark);
    return c;
}

ContextResolver::ContextResolver(base::Name unit, const RootTable& root, const Identity& id, memory::MemoryPort& memory,
                                 InvalidationEngine& invalidations, const VtdConfig& config)
    : root_(root), id_(id), memory_(memory), invalidations_(invalidations),
      streams_(CacheKind::StreamEntry, {config.stream_entries.get(), 4, Replacement::RoundRobin},
               part(unit, ".context-cache")),
      pasids_(CacheKind::PasidEntry, {config.pasid_entries.get(), 4, Replacement::RoundRobin},
              part(unit, ".pasid-cache")) {
    invalidations_.add(streams_);
    invalidations_.add(pasids_);
}

sim::Task<ContextOutcome> ContextResolver::resolve(TranslationRequest r) {
    ++generation_;
    auto way = find({r, false});
    ContextOutcome out = co_await std::move(way);
    out.context.generation = generation_;
    co_return out;
}

sim::Task<ContextOutcome> ContextResolver::resolve(PageRequestMessage m) {
    TranslationRequest r{};
    r.stream = m.stream;
    r.has_pasid = m.has_pasid;
    r.pasid = m.pasid;
    r.at = m.at;
    r.bond = m.bond;
    return find({r, true});
}

/// 3.4.3: what the root table pointer says of every request.
std::optional<FaultCode> ContextResolver::root_fault(const Question& q) const {
    const bool unknown = root_.mode() == TableMode::Reserved || (root_.scalable() && !id_.has(Ecap::SMTS)) ||
                         (root_.mode() == TableMode::AbortDma && !id_.has(Ecap::ADMS));
    if (unknown || beyond_haw(root_.table(), id_) != 0) return FaultCode::RTA_1;
    if (root_.mode() == TableMode::AbortDma) return FaultCode::RTA_4;
    if (root_.mode() != TableMode::Legacy) return std::nullopt;
    if (q.page_request) return FaultCode::RTA_3;
    if (q.r.has_pasid) return FaultCode::RTA_2;
    return std::nullopt;
}

sim::Task<ContextOutcome> ContextResolver::find(Question q) {
    if (const auto code = root_fault(q)) co_return refused(*code);
    if (!root_.scalable()) {
        auto legacy = find_legacy(q.r);
        ContextOutcome out = co_await std::move(legacy);
        co_return out;
    }
    auto scalable = find_scalable(q);
    ContextOutcome out = co_await std::move(scalable);
    co_return out;
}

sim::Task<ContextOutcome> ContextResolver::find_legacy(TranslationRequest r) {
    const memory::Origin origin = structure_origin(r);
    const Spa root_at = root_.table() + bus_of(r) * RootEntry::byte_count;
    RootEntry::Words root_words{};
    const memory::Status root_read = co_await memory_.fetch(root_at, root_words, origin);
    if (root_read != memory::Status::Ok) co_return refused(FaultCode::LRT_1, nullptr, root_at);
    const RootEntry root = RootEntry::from_words(root_words);
    if (!root.get(RootEntry::P)) co_return refused(FaultCode::LRT_2);
    if (const auto* rule = why_refused(root, id_)) co_return refused(*rule, nullptr);
    const Spa at = root.get(RootEntry::CTP) + devfn_of(r) * ContextEntry::byte_count;
    ContextEntry::Words words{};
    const memory::Status read = co_await memory_.fetch(at, words, origin);
    if (read != memory::Status::Ok) co_return refused(FaultCode::LCT_1, nullptr, at);
    const ContextEntry e = ContextEntry::from_words(words);
    const char* const quiet = quiet_of(e);
    if (!e.get(ContextEntry::P)) co_return refused(FaultCode::LCT_2, quiet);
    if (const auto* rule = why_refused(e, id_)) co_return refused(*rule, quiet);
    ContextOutcome out;
    out.ok = true;
    const bool device_tlb = e.get(ContextEntry::TT) == TranslationType::WithDeviceTlb;
    const bool translated = r.type == AddressType::Translated;
    out.context = translated ? make_translated_context(device_tlb, quiet, id_) : make_context(e, id_);
    out.context.domain = DomainTag{raw(e.get(ContextEntry::DID))};
    co_return out;
}

sim::Task<ContextOutcome> ContextResolver::find_scalable(Question q) {
    auto way = stream_entry(q.r);
    const Found<ScalableContextEntry> stream = co_await std::move(way);
    if (const auto* fault = std::get_if<ContextOutcome>(&stream)) co_return *fault;
    const auto& c = std::get<ScalableContextEntry>(stream);
    const char* const quiet = quiet_of(c);
    ContextOutcome out;
    out.ok = true;
    if (q.r.type == AddressType::Translated) {
        // HPTE is 0 (ECAP.HPTS), so that no table says more of them than the context entry.
        out.context = make_translated_context(c.get(ScalableContextEntry::DTE), quiet, id_);
        co_return out;
    }
    const Found<Pasid> chosen = pasid_of(q, c);
    if (const auto* fault = std::get_if<ContextOutcome>(&chosen)) co_return *fault;
    const Pasid pasid = std::get<Pasid>(chosen);
    auto further = pasid_entry(q.r, c, pasid);
    const Found<PasidPath> found = co_await std::move(further);
    if (const auto* fault = std::get_if<ContextOutcome>(&found)) co_return *fault;
    const PasidPath& path = std::get<PasidPath>(found);
    out.context = make_context(path.entry, c, pasid, !q.r.has_pasid, id_);
    if (path.quiet != nullptr) {
        out.context.on_fault.record = out.context.second.on_fault.record = false;
        out.context.quiet_by = either(out.context.quiet_by, path.quiet);
    }
    co_return out;
}

sim::Task<ContextResolver::Found<ScalableContextEntry>> ContextResolver::stream_entry(TranslationRequest r) {
    Tag tag{};
    tag.kind = CacheKind::StreamEntry;
    tag.stream = r.stream;
    if (const ScalableContextEntry* known = streams_.look_up(tag)) co_return *known;
    const u64 since = invalidations_.applied();
    auto way = fetch_stream_entry(r);
    const Found<ScalableContextEntry> found = co_await std::move(way);
    const auto* entry = std::get_if<ScalableContextEntry>(&found);
    if (entry != nullptr && !invalidations_.overtaken(since, tag)) streams_.insert(tag, *entry);
    co_return found;
}

sim::Task<ContextResolver::Found<ScalableContextEntry>> ContextResolver::fetch_stream_entry(TranslationRequest r) {
    const memory::Origin origin = structure_origin(r);
    const u64 upper = devfn_of(r) >> 7;
    const Spa root_at = root_.table() + bus_of(r) * ScalableRootEntry::byte_count + upper * 8;
    const auto root = co_await memory_.read64(root_at, origin);
    if (root.status != memory::Status::Ok) co_return refused(FaultCode::SRT_1, nullptr, root_at);
    const auto half = ScalableRootEntry::from_words({root.value, 0});
    if (!half.get(ScalableRootEntry::LP)) co_return refused(FaultCode::SRT_2);
    if (root_half_reserved(root.value, id_)) co_return refused(FaultCode::SRT_3);
    const Spa at = half.get(ScalableRootEntry::LCTP) + (devfn_of(r) & 127) * ScalableContextEntry::byte_count;
    ScalableContextEntry::Words words{};
    const memory::Status read = co_await memory_.fetch(at, words, origin);
    if (read != memory::Status::Ok) co_return refused(FaultCode::SCT_1, nullptr, at);
    const ScalableContextEntry e = ScalableContextEntry::from_words(words);
    const char* const quiet = quiet_of(e);
    if (!e.get(ScalableContextEntry::P)) co_return refused(FaultCode::SCT_2, quiet);
    if (const auto* rule = why_refused(e, id_)) co_return refused(*rule, quiet);
    co_return e;
}

ContextResolver::Found<Pasid> ContextResolver::pasid_of(const Question& q, const ScalableContextEntry& c) const {
    const char* const quiet = quiet_of(c);
    const Pasid of_none = c.get(ScalableContextEntry::RID_PASID);
    if (q.r.type != AddressType::Untranslated && !c.get(ScalableContextEntry::DTE))
        return refused(FaultCode::SCT_5, quiet);
    if (q.page_request && !c.get(ScalableContextEntry::PRE)) return refused(FaultCode::SCT_8, quiet);
    if (!q.r.has_pasid) return of_none;
    if (!c.get(ScalableContextEntry::PASIDE)) return refused(FaultCode::SCT_6, quiet);
    if ((raw(q.r.pasid) >> pasid_bits(id_.ecap)) != 0) return refused(FaultCode::SGN_10, quiet);
    if (raw(q.r.pasid) >= pasids_of(c)) return refused(FaultCode::SCT_7, quiet);
    if (q.r.pasid == of_none) return refused(FaultCode::SCT_9, quiet);
    return q.r.pasid;
}

sim::Task<ContextResolver::Found<ContextResolver::PasidPath>>
ContextResolver::pasid_entry(TranslationRequest r, ScalableContextEntry c, Pasid pasid) {
    Tag tag{};
    tag.kind = CacheKind::PasidEntry;
    tag.stream = r.stream;
    tag.has_pasid = true;
    tag.pasid = pasid;
    if (const PasidPath* known = pasids_.look_up(tag)) co_return *known;
    const u64 since = invalidations_.applied();
    auto way = fetch_pasid_entry(r, c, pasid);
    const Found<PasidPath> found = co_await std::move(way);
    const auto* path = std::get_if<PasidPath>(&found);
    if (path == nullptr) co_return found;
    tag.domain = DomainTag{raw(path->entry.get(PasidEntry::DID))};
    if (!invalidations_.overtaken(since, tag)) pasids_.insert(tag, *path);
    co_return found;
}

sim::Task<ContextResolver::Found<ContextResolver::PasidPath>>
ContextResolver::fetch_pasid_entry(TranslationRequest r, ScalableContextEntry c, Pasid pasid) {
    const memory::Origin origin = structure_origin(r);
    PasidPath path;
    const char* const quiet = quiet_of(c);
    const Spa directory_at =
        c.get(ScalableContextEntry::PASIDDIRPTR) + u64{raw(pasid) >> 6} * PasidDirectoryEntry::byte_count;
    const auto word = co_await memory_.read64(directory_at, origin);
    if (word.status != memory::Status::Ok) co_return refused(FaultCode::SPD_1, nullptr, directory_at);
    const auto directory = PasidDirectoryEntry::from_words({word.value});
    path.quiet = quiet_of(directory);
    if (!directory.get(PasidDirectoryEntry::P)) co_return refused(FaultCode::SPD_2, either(quiet, path.quiet));
    if (const auto* rule = why_refused(directory, id_)) co_return refused(*rule, either(quiet, path.quiet));
    const Spa at =
        directory.get(PasidDirectoryEntry::SMPTBLPTR) + (raw(pasid) % pasids_per_table) * u64{PasidEntry::byte_count};
    PasidEntry::Words words{};
    const memory::Status read = co_await memory_.fetch(at, words, origin);
    if (read != memory::Status::Ok) co_return refused(FaultCode::SPT_1, nullptr, at);
    path.entry = PasidEntry::from_words(words);
    path.quiet = either(quiet_of(path.entry), path.quiet);
    if (!path.entry.get(PasidEntry::P)) co_return refused(FaultCode::SPT_2, either(quiet, path.quiet));
    if (const auto* rule = why_refused(path.entry, id_)) co_return refused(*rule, either(quiet, path.quiet));
    co_return path;
}

} // namespace quiesce::iommu::vtd
