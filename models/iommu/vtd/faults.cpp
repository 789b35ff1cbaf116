// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/faults.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace quiesce::iommu::vtd {
namespace {

constexpr bool Q = true, always = false;
constexpr AskedEnding UR = AskedEnding::Unsupported, CA = AskedEnding::CompleterAbort, S0 = AskedEnding::NoAccess,
                      S0R = AskedEnding::NoAccessReported;

// clang-format off
/// Table 30. Not modelled: requests with execute permission of version 8, and the host permission table.
constexpr FaultRow fault_table[] = {
    {FaultCode::LRT_2,  "LRT.2",  always, UR, true},  {FaultCode::LCT_2,  "LCT.2",  Q,      UR, true},
    {FaultCode::LCT_4,  "LCT.4",  Q,      CA, true},  {FaultCode::LGN_1,  "LGN.1",  Q,      S0, true},
    {FaultCode::LGN_2,  "LGN.2",  Q,      S0, true},  {FaultCode::LGN_3,  "LGN.3",  Q,      S0, true},
    {FaultCode::LSS_1,  "LSS.1",  Q,      CA, true},  {FaultCode::LRT_1,  "LRT.1",  always, CA, true},
    {FaultCode::LCT_1,  "LCT.1",  always, CA, true},  {FaultCode::LRT_3,  "LRT.3",  always, CA, true},
    {FaultCode::LCT_3,  "LCT.3",  Q,      CA, true},  {FaultCode::LSS_2,  "LSS.2",  Q,      CA, true},
    {FaultCode::LCT_5,  "LCT.5",  Q,      UR, true},  {FaultCode::LGN_4,  "LGN.4",  Q,      CA, true},
    {FaultCode::RTA_1,  "RTA.1",  always, CA, true},  {FaultCode::RTA_2,  "RTA.2",  always, UR, true},
    {FaultCode::RTA_3,  "RTA.3",  always, UR, true},  {FaultCode::RTA_4,  "RTA.4",  always, UR, true},
    {FaultCode::RTA_5,  "RTA.5",  always, UR, false},
    {FaultCode::SRT_1,  "SRT.1",  always, CA, true},  {FaultCode::SRT_2,  "SRT.2",  always, UR, true},
    {FaultCode::SRT_3,  "SRT.3",  always, CA, true},
    {FaultCode::SCT_1,  "SCT.1",  always, CA, true},  {FaultCode::SCT_2,  "SCT.2",  Q,      UR, true},
    {FaultCode::SCT_3,  "SCT.3",  Q,      CA, true},  {FaultCode::SCT_4,  "SCT.4",  Q,      CA, true},
    {FaultCode::SCT_5,  "SCT.5",  Q,      UR, true},  {FaultCode::SCT_6,  "SCT.6",  Q,      UR, true},
    {FaultCode::SCT_7,  "SCT.7",  Q,      UR, true},  {FaultCode::SCT_8,  "SCT.8",  Q,      UR, true},
    {FaultCode::SCT_9,  "SCT.9",  Q,      UR, true},  {FaultCode::SCT_10, "SCT.10", Q,      UR, false},
    {FaultCode::SPD_1,  "SPD.1",  always, CA, true},  {FaultCode::SPD_2,  "SPD.2",  Q,      S0, true},
    {FaultCode::SPD_3,  "SPD.3",  Q,      CA, true},
    {FaultCode::SPT_1,  "SPT.1",  always, CA, true},  {FaultCode::SPT_2,  "SPT.2",  Q,      S0, true},
    {FaultCode::SPT_3,  "SPT.3",  Q,      CA, true},  {FaultCode::SPT_4,  "SPT.4",  Q,      CA, true},
    {FaultCode::SPT_5,  "SPT.5",  Q,      S0, true},  {FaultCode::SPT_6,  "SPT.6",  Q,      S0, true},
    {FaultCode::SPT_9,  "SPT.9",  Q,      UR, false},
    {FaultCode::SFS_1,  "SFS.1",  Q,      S0, true},  {FaultCode::SFS_2,  "SFS.2",  Q,      S0, true},
    {FaultCode::SFS_3,  "SFS.3",  Q,      S0, true},  {FaultCode::SFS_4,  "SFS.4",  Q,      S0, true},
    {FaultCode::SFS_5,  "SFS.5",  Q,      S0, true},  {FaultCode::SFS_6,  "SFS.6",  Q,      S0, true},
    {FaultCode::SFS_7,  "SFS.7",  Q,      S0, true},  {FaultCode::SFS_8,  "SFS.8",  Q,      S0, true},
    {FaultCode::SSS_1,  "SSS.1",  Q,      CA, true},  {FaultCode::SSS_2,  "SSS.2",  Q,      S0, true},
    {FaultCode::SSS_3,  "SSS.3",  Q,      CA, true},  {FaultCode::SSS_4,  "SSS.4",  Q,      CA, true},
    {FaultCode::SSS_5,  "SSS.5",  Q,      CA, true},  {FaultCode::SSS_6,  "SSS.6",  Q,      CA, true},
    {FaultCode::SGN_1,  "SGN.1",  Q,      S0, true},  {FaultCode::SGN_2,  "SGN.2",  Q,      S0, true},
    {FaultCode::SGN_4,  "SGN.4",  Q,      S0, true},  {FaultCode::SGN_5,  "SGN.5",  Q,      S0, true},
    {FaultCode::SGN_6,  "SGN.6",  Q,      S0, true},  {FaultCode::SGN_7,  "SGN.7",  Q,      S0, true},
    {FaultCode::SGN_8,  "SGN.8",  Q,      CA, true},  {FaultCode::SGN_10, "SGN.10", Q,      UR, true},
    {FaultCode::SFS_9,  "SFS.9",  Q,      S0, true},  {FaultCode::SFS_10, "SFS.10", Q,      S0R, true},
};
// clang-format on

/// The address is one that the stage takes at all.
bool root_covers(const TableRoot& root, Iova at) { return (at.value() & ~base::low_bits(root.input_bits)) == 0; }
bool top_level(const Fault& f, const TableRoot& root) { return f.level == root.start_level; }

/// No permission: of a second stage none at all is said by itself. MODEL: not of a page behind both stages whose
/// second-stage entries, each present, have no permission in common.
FaultCode permission_code(const Fault& f, const TranslationRequest& r, bool second_alone) {
    const bool first_refuses = !second_alone && !f.second_stage;
    if (first_refuses && !r.privileged && !f.may.user) return FaultCode::SGN_2;
    if (second_alone && !f.may.read && !f.may.write) return FaultCode::SSS_2;
    // An AtomicOp needs both: what it lacks first is named.
    if (r.access == Access::Read || (r.access == Access::ReadWrite && !f.may.read)) return FaultCode::SGN_7;
    return FaultCode::SGN_6;
}

FaultCode legacy_code(const Fault& f, const TranslationRequest& r, const Context& c) {
    switch (f.why) {
    case FaultReason::Forbidden: return FaultCode::LCT_5;
    case FaultReason::AddressSize: return c.second.root.present ? FaultCode::LSS_2 : FaultCode::LGN_1;
    case FaultReason::Excluded: return FaultCode::LGN_4;
    case FaultReason::WalkAbort: return top_level(f, c.second.root) ? FaultCode::LCT_4 : FaultCode::LSS_1;
    case FaultReason::Malformed: return FaultCode::LSS_2;
    case FaultReason::NotMapped:
        if (!root_covers(c.second.root, r.at)) return FaultCode::LGN_1;
        break;
    default: break;
    }
    if (f.why == FaultReason::Permission && r.access == Access::ReadWrite)
        return f.may.read ? FaultCode::LGN_2 : FaultCode::LGN_3;
    return r.access == Access::Read ? FaultCode::LGN_3 : FaultCode::LGN_2;
}

/// What the second stage says of an address that the first one needed.
FaultCode nested_table_code(const Fault& f, const Context& c) {
    if (f.why == FaultReason::NotMapped)
        return root_covers(c.second.root, Iova{f.at.value()}) ? FaultCode::SSS_2 : FaultCode::SFS_5;
    if (f.marking) return FaultCode::SFS_8;
    const bool top = f.at.page_number() == c.roots[0].table.page_number();
    return top ? FaultCode::SFS_6 : FaultCode::SFS_7;
}

FaultCode second_stage_code(const Fault& f, const TranslationRequest& r, const Context& c) {
    switch (f.why) {
    case FaultReason::WalkAbort:
        if (f.marking) return FaultCode::SSS_6;
        return top_level(f, c.second.root) ? FaultCode::SSS_4 : FaultCode::SSS_1;
    case FaultReason::Malformed:
    case FaultReason::AddressSize: return FaultCode::SSS_3;
    case FaultReason::AccessFlag: return FaultCode::SSS_5;
    default: break;
    }
    if (f.use == Intermediate::Table) return nested_table_code(f, c);
    if (f.why == FaultReason::NotMapped) {
        if (root_covers(c.second.root, Iova{f.at.value()})) return FaultCode::SSS_2;
        return c.bypass ? FaultCode::SGN_5 : FaultCode::SFS_5;
    }
    return permission_code(f, r, c.bypass);
}

FaultCode first_stage_code(const Fault& f, const TranslationRequest& r, const Context& c) {
    switch (f.why) {
    case FaultReason::NotMapped: return root_of(c, r.at) ? FaultCode::SFS_2 : FaultCode::SGN_1;
    case FaultReason::AddressSize: return c.second.root.present ? FaultCode::SFS_5 : FaultCode::SFS_3;
    case FaultReason::Malformed: return FaultCode::SFS_3;
    case FaultReason::AccessFlag: return FaultCode::SFS_9;
    case FaultReason::WalkAbort:
        if (f.marking) return FaultCode::SFS_10;
        return top_level(f, c.roots[0]) ? FaultCode::SFS_4 : FaultCode::SFS_1;
    default: return permission_code(f, r, false);
    }
}

} // namespace

std::span<const FaultRow> fault_rows() { return fault_table; }
const FaultRow& fault_row(FaultCode code) {
    return *std::find_if(std::begin(fault_table), std::end(fault_table),
                         [&](const FaultRow& row) { return row.code == code; });
}

FaultCode code_of(const Fault& f, const TranslationRequest& r, const Context* context, bool scalable) {
    if (f.why == FaultReason::Configuration) return static_cast<FaultCode>(f.code);
    const Context& c = *context;
    if (!scalable) return legacy_code(f, r, c);
    if (f.why == FaultReason::Excluded) return FaultCode::SGN_8;
    if (f.why == FaultReason::Forbidden) {
        const bool asks = r.type != AddressType::Untranslated && c.ats == DeviceTranslation::None;
        if (asks) return FaultCode::SCT_5;
        return r.instruction && c.data_only ? FaultCode::SPT_5 : FaultCode::SPT_6;
    }
    if (!c.translates() || r.type == AddressType::Translated)
        return FaultCode::SGN_4; // pass-through, beyond the host's width
    return f.second_stage ? second_stage_code(f, r, c) : first_stage_code(f, r, c);
}

namespace {

/// Table 30's reasons, as the fields that they speak of.
constexpr DecidingField decided_table[] = {
    {FaultCode::LRT_2, "root entry.P=0"}, {FaultCode::LCT_2, "context entry.P=0"}, {FaultCode::LCT_5, "context entry.TT=00b or 10b"},
    {FaultCode::LCT_4, "context entry.AW: it or TT cannot be, or the table cannot be read"}, {FaultCode::LGN_1, "context entry.AW: the address is beyond it"},
    {FaultCode::LGN_2, "second-stage entry.W=0"}, {FaultCode::LGN_3, "second-stage entry.R=0"},
    {FaultCode::SRT_2, "scalable root entry.LP=0, or UP=0 of the upper half"}, {FaultCode::SCT_2, "scalable context entry.P=0"},
    {FaultCode::SCT_5, "scalable context entry.DTE=0"}, {FaultCode::SCT_6, "scalable context entry.PASIDE=0"},
    {FaultCode::SCT_7, "scalable context entry.PDTS: the PASID is beyond it"}, {FaultCode::SCT_8, "scalable context entry.PRE=0"},
    {FaultCode::SCT_9, "scalable context entry.RID_PASID: the request's PASID is this one"},
    {FaultCode::SPD_2, "PASID directory entry.P=0"}, {FaultCode::SPT_2, "PASID table entry.P=0"},
    {FaultCode::SPT_5, "PASID table entry: instructions are not fetched through it"}, {FaultCode::SPT_6, "PASID table entry.SRE=0"},
    {FaultCode::SFS_2, "first-stage entry.P=0"}, {FaultCode::SFS_3, "first-stage entry: reserved bits"},
    {FaultCode::SFS_9, "first-stage entry.A=0: it cannot be marked"}, {FaultCode::SFS_4, "PASID table entry.FSPTPTR: what it points to cannot be read"},
    {FaultCode::SSS_2, "second-stage entry.R=0 and W=0"}, {FaultCode::SSS_4, "PASID table entry.SSPTPTR: what it points to cannot be read"},
    {FaultCode::SSS_5, "second-stage entry.A=0: it cannot be marked"}, {FaultCode::SGN_1, "PASID table entry.FSPM: the address is not canonical"},
    {FaultCode::SGN_2, "first-stage entry.U/S=0"}, {FaultCode::SGN_6, "first-stage entry.R/W=0"},
};

constexpr std::pair<std::string_view, std::string_view> structure_table[] = {
    {"LRT", "root entry"}, {"LCT", "context entry"}, {"SCT", "scalable context entry"}, {"SPD", "PASID directory entry"}, {"SPT", "PASID table entry"}};

FaultRecord record_of(FaultCode code, RequestKind kind, RequesterId who, bool has_pasid, Pasid pasid) {
    FaultRecord e;
    e.set(FaultRecord::FR, code).set(FaultRecord::SID, who).set(FaultRecord::F_, true);
    e.set(FaultRecord::T1, (raw(kind) & 2) != 0)
        .set(FaultRecord::T2, (raw(kind) & 1) != 0)
        .set(FaultRecord::PP, has_pasid);
    return has_pasid ? e.set(FaultRecord::PV, Pasid{raw(pasid) & 0xf'ffff}) : e;
}
RequesterId requester_of(StreamId stream) { return RequesterId{static_cast<u16>(raw(stream))}; }

} // namespace

base::Name decided_by(FaultCode code, const char* rule) {
    if (rule != nullptr) {
        const std::string_view name = fault_row(code).name;
        for (const auto& [letters, structure] : structure_table)
            if (name.substr(0, letters.size()) == letters) return base::Name{std::string{structure} + ": " + rule};
    }
    for (const DecidingField& row : decided_table)
        if (row.code == code) return base::Name{row.by};
    return {};
}
std::span<const DecidingField> deciding_fields() { return decided_table; }

FaultRecord make_record(FaultCode code, const TranslationRequest& r) {
    static constexpr RequestKind kinds[] = {RequestKind::Read, RequestKind::Write, RequestKind::AtomicOp};
    FaultRecord e =
        record_of(code, kinds[static_cast<unsigned>(r.access)], requester_of(r.stream), r.has_pasid, r.pasid);
    e.set(FaultRecord::PRIV, r.has_pasid && r.privileged).set(FaultRecord::EXE, r.has_pasid && r.instruction);
    return e.set(FaultRecord::AT, static_cast<u64>(r.type)).set(FaultRecord::FI, r.at.align_down(page_size));
}

FaultRecord make_record(FaultCode code, const PageRequestMessage& m) {
    FaultRecord e = record_of(code, RequestKind::PageRequest, requester_of(m.stream), m.has_pasid, m.pasid);
    e.set(FaultRecord::PRIV, m.has_pasid && m.privileged).set(FaultRecord::EXE, m.has_pasid && m.execute);
    return e.set(FaultRecord::FI, m.at.align_down(page_size));
}

FaultBank::FaultBank(base::EventBus& events, RegisterFile& regs, Signals& signals, const Identity& id,
                     const VtdConfig& config)
    : events_(events), regs_(regs), signals_(signals), write_(config.fault_write.get()), bank_(frcd_count(id.cap)) {
    for (const FaultRow& row : fault_table) names_[raw(row.code)] = base::Name{row.name};
}

FaultRaised FaultBank::fact_of(FaultCode code, const TranslationRequest& r) const {
    return {r.transaction,     r.bond,    r.stream,           r.has_pasid, r.pasid, r.at,
            names_[raw(code)], raw(code), FaultFate::Recorded};
}
FaultRaised FaultBank::fact_of(FaultCode code, const PageRequestMessage& m) const {
    return {0, m.bond, m.stream, m.has_pasid, m.pasid, m.at, names_[raw(code)], raw(code), FaultFate::Recorded};
}

sim::Task<void> FaultBank::record(FaultRecord record, FaultRaised fact) {
    co_await write_.pass();
    fact.fate = log(record);
    events_.emit(fact);
}

void FaultBank::suppress(FaultRaised fact) {
    fact.fate = FaultFate::Suppressed;
    events_.emit(fact);
}

/// 7.3.1. MODEL: faults of one requester are not collapsed into one, which an implementation may do.
FaultFate FaultBank::log(const FaultRecord& record) {
    if (regs_.get(Fsts::PFO)) return FaultFate::Lost;
    const bool reported = signals_.fault_reported();
    if (bank_[next_].get(FaultRecord::F_)) {
        regs_.set(Fsts::PFO, true);
        signals_.fault_event(reported);
        return FaultFate::Lost;
    }
    bank_[next_] = record;
    ++written_;
    if (!regs_.get(Fsts::PPF)) {
        regs_.set(Fsts::FRI, next_);
        regs_.set(Fsts::PPF, true);
    }
    next_ = (next_ + 1) % bank_.size();
    signals_.fault_event(reported);
    return FaultFate::Recorded;
}

std::size_t FaultBank::unread() const {
    const auto taken = [](const FaultRecord& r) { return r.get(FaultRecord::F_); };
    return static_cast<std::size_t>(std::count_if(bank_.begin(), bank_.end(), taken));
}

u64 FaultBank::bus_read(u64 offset, unsigned size) const {
    const u64 word = bank_[offset / 16].word(offset / 8 % 2);
    return size == 8 ? word : word >> (offset % 8 * 8) & base::low_bits(32);
}

/// F is cleared by writing one; everything else is read-only.
void FaultBank::bus_write(u64 offset, unsigned size, u64 value) {
    const u64 word = size == 8 ? value : (value & base::low_bits(32)) << (offset % 8 * 8);
    if (offset / 8 % 2 == 0 || (word & FaultRecord::F_.mask(1)) == 0) return;
    const Fsts before = regs_.read<Fsts>();
    bank_[offset / 16].set(FaultRecord::F_, false);
    regs_.set(Fsts::PPF,
              std::any_of(bank_.begin(), bank_.end(), [](const FaultRecord& r) { return r.get(FaultRecord::F_); }));
    signals_.fault_status_written(before);
}

} // namespace quiesce::iommu::vtd
