// SPDX-License-Identifier: Apache-2.0
/// Event records of both stages, and where every field of every structure is, held against golden rows that somebody
/// else worked out by hand (golden/smmuv3_stage2_golden.h).
#include "golden/smmuv3_stage2_golden.h"
#include "smmuv3/golden_table.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr Iova guest_va{0x80'4567'8a80}; ///< of a stream of stage 2 alone: an intermediate address
constexpr Gpa behind_va{0x80'4567'8a80}; ///< what stage 1 makes of golden_va
constexpr Gpa table_entry{0x81'2345'67f0}, context_entry{0x81'2347'6940};

TranslationRequest alone(Access access = Access::Read, Iova at = guest_va) { return golden_request(access, false, at); }
TranslationRequest both(Access access = Access::Read) { return golden_request(access); }
TranslationRequest privileged(TranslationRequest r) { return r.privileged = true, r; }
TranslationRequest fetch(TranslationRequest r) { return r.instruction = true, r; }

/// Stage 2 refuses an address that was needed for `use`.
Fault second(FaultReason why, Gpa at, Intermediate use = Intermediate::Input) {
    Fault f{why};
    f.second_stage = true;
    f.use = use;
    f.at = at;
    return f;
}
Fault aborted(Fault f, Spa at) { return f.fetch_address = at, f; }
EventRecord stalled(const EventRecord& e, u16 stag = 0xbeef) {
    return as_event(view_as<TranslationFault>(e).set(TranslationFault::Stall, true).set(TranslationFault::STAG, stag));
}
EventRecord record(const TranslationRequest& r, const Fault& f) { return make_record(event_of(f), r, f); }

/// What the manual has of all four translation faults.
template <class Rows>
void check_translation_fault(Table<Rows>& t, const std::string& event, FaultReason why) {
    const auto check = [&](const char* what, const EventRecord& e) { t.check((event + what).c_str(), e); };
    using enum Intermediate;
    check(" S2 IN read", record(alone(), second(why, behind_va)));
    check(" S2 IN write", record(alone(Access::Write), second(why, behind_va)));
    check(" S2 IN read, nested", record(both(), second(why, behind_va)));
    check(" S2 CD read", record(both(), second(why, context_entry, Structure)));
    check(" S2 IN read, stalled", stalled(record(alone(), second(why, behind_va))));
    check(" S2 TT write, stalled", stalled(record(both(Access::Write), second(why, table_entry, Table))));
    if (why == FaultReason::Permission) return; // which of its rows say more
    check(" S2 TT read", record(both(), second(why, table_entry, Table)));
    check(" S2 TT write", record(both(Access::Write), second(why, table_entry, Table)));
}

// ---- where fields are -----------------------------------------------------------------------------------------------

struct FieldPlace {
    std::string_view name;
    unsigned msb, lsb;
};
using FieldPlaces = std::vector<FieldPlace>;
template <class S>
FieldPlaces places_of() {
    FieldPlaces rows;
    base::apply([&](const auto&... f) { (rows.push_back({f.name(), f.msb(), f.lsb()}), ...); }, S::fields);
    return rows;
}
/// The layouts by the names that golden rows have for them; empty: the model has no layout for it.
FieldPlaces layout_of(std::string_view structure) {
    static const std::map<std::string_view, FieldPlaces> layouts{
        {"L1STD", places_of<L1Std>()},
        {"STE", places_of<Ste>()},
        {"L1CD", places_of<L1Cd>()},
        {"CD", places_of<Cd>()},
        {"F_STE_FETCH", places_of<FetchFault>()},
        {"F_CD_FETCH", places_of<FetchFault>()},
        {"F_VMS_FETCH", places_of<FetchFault>()},
        {"F_BAD_ATS_TREQ", places_of<BadAtsRequest>()},
        {"F_TRANSL_FORBIDDEN", places_of<TranslatedForbidden>()},
        {"F_TLB_CONFLICT", places_of<TlbConflict>()},
        {"F_WALK_EABT", places_of<WalkAbort>()},
        {"F_TRANSLATION", places_of<TranslationFault>()},
        {"F_ADDR_SIZE", places_of<TranslationFault>()},
        {"F_ACCESS", places_of<TranslationFault>()},
        {"F_PERMISSION", places_of<TranslationFault>()},
        {"C_BAD_STREAMID", places_of<EventRecord>()},
        {"C_BAD_STE", places_of<EventRecord>()},
        {"C_BAD_SUBSTREAMID", places_of<EventRecord>()},
        {"C_BAD_CD", places_of<EventRecord>()},
        {"PREFETCH_CONFIG", places_of<PrefetchConfig>()},
        {"PREFETCH_ADDR", places_of<PrefetchAddr>()},
        {"CFGI_STE", places_of<CfgiSte>()},
        {"CFGI_STE_RANGE", places_of<CfgiSteRange>()},
        {"CFGI_CD", places_of<CfgiCd>()},
        {"CFGI_CD_ALL", places_of<CfgiCdAll>()},
        {"TLBI_NH_ALL", places_of<TlbiNhAll>()},
        {"TLBI_NH_ASID", places_of<TlbiNhAsid>()},
        {"TLBI_NH_VA", places_of<TlbiNhVa>()},
        {"TLBI_NH_VAA", places_of<TlbiNhVaa>()},
        {"TLBI_EL2_ASID", places_of<TlbiEl2Asid>()},
        {"TLBI_EL2_VA", places_of<TlbiEl2Va>()},
        {"TLBI_EL2_VAA", places_of<TlbiEl2Vaa>()},
        {"TLBI_S12_VMALL", places_of<TlbiS12Vmall>()},
        {"TLBI_S2_IPA", places_of<TlbiS2Ipa>()},
        {"ATC_INV", places_of<AtcInv>()},
        {"PRI_RESP", places_of<PriResp>()},
        {"RESUME", places_of<Resume>()},
        {"STALL_TERM", places_of<StallTerm>()},
        {"SYNC", places_of<Sync>()},
        {"stage 1 leaf", places_of<LeafDescriptor>()},
        {"stage 2 leaf", places_of<Stage2Descriptor>()},
        {"stage 1 table", places_of<TableDescriptor>()},
        {"stage 2 table", places_of<TableDescriptor>()},
    };
    const auto found = layouts.find(structure);
    return found == layouts.end() ? FieldPlaces{} : found->second;
}
/// Addresses end at bit 51 up to v3.3 and at 55 from v3.4 on, SCALE grows with IDR5.DS: the layouts have the longer
/// form.
bool longer_form(const FieldPlace& f, const golden::GoldenStructField& g) {
    if (f.name == "SCALE") return f.lsb == g.lsb && f.msb == g.msb + 1;
    return f.lsb == g.lsb && f.msb % 64 == 55 && g.msb % 64 == 51 && f.msb / 64 == g.msb / 64;
}
/// The layouts have one-bit fields together or apart where the golden rows do not: 15:12 holds 12, 1:0 are 0 and 1.
bool same_bits_otherwise(const FieldPlaces& fields, const golden::GoldenStructField& g) {
    u64 held = 0;
    for (const FieldPlace& f : fields) {
        if (f.lsb / 64 != g.lsb / 64) continue;
        const u64 mask = base::low_bits(f.msb - f.lsb + 1) << f.lsb % 64;
        if ((mask & base::low_bits(g.msb - g.lsb + 1) << g.lsb % 64) != 0) held |= mask;
    }
    const u64 wanted = base::low_bits(g.msb - g.lsb + 1) << g.lsb % 64;
    return (held & wanted) == wanted;
}

} // namespace

TEST_CASE("records of stage 2 faults have the manual's bytes",
          "[golden][smmuv3][F_TRANSLATION][F_ADDR_SIZE][F_ACCESS][F_PERMISSION][F_WALK_EABT][F_CD_FETCH]") {
    Table t{golden::stage2_event_records};
    using enum Intermediate;
    using enum FaultReason;
    check_translation_fault(t, "F_TRANSLATION", NotMapped);
    check_translation_fault(t, "F_ADDR_SIZE", AddressSize);
    check_translation_fault(t, "F_ACCESS", AccessFlag);
    check_translation_fault(t, "F_PERMISSION", Permission);
    t.check("F_TRANSLATION S2 IN privileged read", record(privileged(alone()), second(NotMapped, behind_va)));
    t.check("F_TRANSLATION S2 IN fetch", record(fetch(alone()), second(NotMapped, behind_va)));
    t.check("F_TRANSLATION S2 IN read, S1DSS 01",
            record(alone(Access::Read, Iova{0x80'4567'9010}), second(NotMapped, Gpa{0x80'4567'9010})));
    t.check("F_TRANSLATION S2 IN read, beyond S2T0SZ",
            record(alone(Access::Read, Iova{0x100'0000'0000}), second(NotMapped, Gpa{0x100'0000'0000})));
    constexpr Iova beyond{u64{1} << 48};
    t.check("F_ADDR_SIZE of stage 1 bypass", record(alone(Access::Read, beyond), Fault{AddressSize}));
    t.check("F_ADDR_SIZE of stage 1 bypass, write", record(alone(Access::Write, beyond), Fault{AddressSize}));
    const Fault denied = second(Permission, table_entry, Table);
    Fault unmarked = denied;
    unmarked.marking = true;
    t.check("F_PERMISSION S2 TT read of a read", record(both(), denied));
    t.check("F_PERMISSION S2 TT read of a write", record(both(Access::Write), denied));
    t.check("F_PERMISSION S2 TT write of a read", record(both(), unmarked));
    t.check("F_PERMISSION S2 IN privileged write",
            record(privileged(alone(Access::Write)), second(Permission, behind_va)));
    t.check("F_PERMISSION S2 TT, S2PTW", record(both(), second(Permission, Gpa{0x81'2345'7000}, Table)));
    constexpr Spa entry{0x81'4567'0008};
    t.check("F_WALK_EABT S2 IN read", record(alone(), aborted(second(FaultReason::WalkAbort, behind_va), entry)));
    t.check("F_WALK_EABT S2 TT write",
            record(both(Access::Write), aborted(second(FaultReason::WalkAbort, table_entry, Table), entry)));
    t.check("F_WALK_EABT S2 CD read",
            record(both(), aborted(second(FaultReason::WalkAbort, context_entry, Structure), entry)));
    t.check("F_WALK_EABT S1 TT read, nested",
            record(both(), aborted(Fault{FaultReason::WalkAbort}, Spa{0x82'2345'67f0})));
}

TEST_CASE("the other records that the unit writes have the manual's bytes",
          "[golden][smmuv3][C_BAD_STREAMID][F_STE_FETCH][C_BAD_STE][C_BAD_SUBSTREAMID][F_CD_FETCH][F_WALK_EABT]"
          "[F_ADDR_SIZE][F_ACCESS][F_TLB_CONFLICT][F_BAD_ATS_TREQ]") {
    Table t{golden::more_event_records};
    const auto configuration = [](Spa at) { return aborted(Fault{FaultReason::Configuration}, at); };
    const auto check = [&](const char* what, EventId id, const TranslationRequest& r, Spa at = Spa{0}) {
        t.check(what, make_record(id, r, configuration(at)));
    };
    TranslationRequest highest = alone(), zero = both(), last = both();
    highest.stream = StreamId{0xffff'ffff};
    zero.pasid = Pasid{0};
    last.pasid = Pasid{0xf'ffff};
    check("C_BAD_STREAMID highest stream", EventId::C_BAD_STREAMID, highest);
    check("F_STE_FETCH of the L1STD", EventId::F_STE_FETCH, alone(), Spa{0x80'1300'0090});
    check("C_BAD_STE highest stream", EventId::C_BAD_STE, highest);
    check("C_BAD_SUBSTREAMID 0", EventId::C_BAD_SUBSTREAMID, zero);
    check("C_BAD_SUBSTREAMID 0xfffff", EventId::C_BAD_SUBSTREAMID, last);
    check("F_CD_FETCH, SSV 0", EventId::F_CD_FETCH, alone(), Spa{0x80'1234'5000});
    check("F_CD_FETCH, nested", EventId::F_CD_FETCH, both(), Spa{0x82'2347'6940});
    const auto untagged = golden_request(Access::Write, false);
    t.check("F_WALK_EABT write, SSV 0", record(untagged, aborted(Fault{FaultReason::WalkAbort}, Spa{0x81'2345'67f0})));
    t.check("F_ADDR_SIZE write, stalled", stalled(record(both(Access::Write), Fault{FaultReason::AddressSize})));
    t.check("F_ACCESS read, stalled", stalled(record(both(), Fault{FaultReason::AccessFlag})));
    t.check("F_PERMISSION privileged fetch", record(privileged(fetch(both())), Fault{FaultReason::Permission}));
    t.check("F_TRANSLATION write, STAG 0xffff",
            stalled(record(both(Access::Write), Fault{FaultReason::NotMapped}), 0xffff));
    // Layouts that the unit never fills: it has no granule protection, no MPAM.
    auto gpcf = make_record(EventId::F_STE_FETCH, alone(), configuration(Spa{0x80'1304'8d00}));
    t.check("F_STE_FETCH, GPCF", view_as<FetchFault>(gpcf).set(FetchFault::GPCF, true));
    t.check("F_VMS_FETCH", view_as<FetchFault>(make_record(EventId::F_VMS_FETCH, both(), {}))
                               .set(FetchFault::FetchAddr, Spa{0x81'5678'9000}));

    t.check("F_TLB_CONFLICT S1 read", make_record(EventId::F_TLB_CONFLICT, both(), Fault{FaultReason::Conflict}));
    t.check("F_TLB_CONFLICT S2 read",
            make_record(EventId::F_TLB_CONFLICT, both(), second(FaultReason::Conflict, Gpa{0x80'4567'8000})));
    TranslationRequest asked = golden_request(Access::Read, true);
    t.check("F_BAD_ATS_TREQ NW 0", make_record(EventId::F_BAD_ATS_TREQ, asked, {}));
    asked.no_write = asked.privileged = asked.instruction = true;
    t.check("F_BAD_ATS_TREQ privileged execute", make_record(EventId::F_BAD_ATS_TREQ, asked, {}));
    asked = golden_request(Access::Read, false);
    asked.no_write = true;
    t.check("F_BAD_ATS_TREQ NW 1, SSV 0", make_record(EventId::F_BAD_ATS_TREQ, asked, {}));

    // Events that the unit never writes: their first word is read as that of any record.
    for (const auto& row : golden::more_event_records) {
        const auto e = as<EventRecord>(row);
        const EventRow& event = event_row(e.get(EventRecord::ID));
        INFO(row.what);
        CHECK(std::string_view{row.what}.substr(0, event.name.size()) == event.name);
        if (event.form != RecordForm::Other) continue;
        if (event.id == EventId::F_VMS_FETCH) continue; // its layout is there, see above
        t.seen(row.what);
        CHECK_FALSE(event.absent.empty());
        CHECK(e.get(EventRecord::SID) == golden_sid);
        CHECK(e.get(EventRecord::SSID) == (e.get(EventRecord::SSV) ? golden_ssid : Pasid{0}));
    }
}

TEST_CASE("every field of structures, commands, records and descriptors is where the manual has it",
          "[golden][smmuv3]") {
    const auto check = [](const golden::GoldenStructField& g, bool optional) {
        const FieldPlaces fields = layout_of(g.structure);
        INFO(g.structure << "." << g.field);
        if (fields.empty()) { // an event that the unit does not write, a command that it refuses
            const std::string_view name{g.structure};
            const auto events = event_rows();
            const auto commands = command_rows();
            const bool unmodelled =
                std::any_of(events.begin(), events.end(),
                            [&](auto& e) { return e.name == name && !e.absent.empty(); }) ||
                std::any_of(commands.begin(), commands.end(), [&](auto& c) { return c.name == name && !c.decode; });
            CHECK(unmodelled);
            return;
        }
        const auto field = std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.name == g.field; });
        const bool descriptor = std::string_view{g.structure}.find("stage") == 0; // Type is two bits, or Valid and Type
        if (field != fields.end() && !(descriptor && field->name == "Type")) {
            CHECK(((field->msb == g.msb && field->lsb == g.lsb) || longer_form(*field, g)));
        } else if (std::string_view{g.field} != "nT") { // bit 16 of a block, a hint that nothing reads
            CHECK((optional || descriptor));
            CHECK(same_bits_otherwise(fields, g));
        }
    };
    for (const auto& g : golden::structure_fields) check(g, false);
    for (const auto& g : golden::optional_structure_fields) check(g, true);
    for (const auto& g : golden::event_fields) check(g, false);
    for (const auto& g : golden::command_fields) check(g, false);
    for (const auto& g : golden::descriptor_fields) check(g, false);
}

} // namespace quiesce::iommu::smmuv3::test
