// SPDX-License-Identifier: Apache-2.0
/// Every fault reason held against the manual's table of who is told what, as somebody else typed it
/// (golden/vtd_faults_golden.h): the fault is brought about, and each kind of request made, with and without FPD.
#include "support/fresh_kernel.h"
#include "vtd/golden_bench.h"

namespace quiesce::iommu::vtd::test {
namespace {

using gold::Gets;

constexpr std::string_view no_host_table = "no host permission table (ECAP.HPTS cannot be 1)",
                           no_newer_version = "of version 8, which the unit cannot be: execute requests are SPT.5's";
constexpr std::array unmet_faults{
    Unmet{"RTA.1.4", "no second-stage permissions other than R and W (ECAP.SSIRWS cannot be 1)"},
    Unmet{"RTA.5", no_newer_version},
    Unmet{"SCT.4.3", "no PASID of translated requests (ECAP.PTRS cannot be 1): EPTR is SCT.3's"},
    Unmet{"SCT.10", "no PASID of translated requests (ECAP.PTRS cannot be 1): such a request is no request"},
    Unmet{"SPT.9", no_host_table},
    Unmet{"HPT.1", no_host_table},
    Unmet{"HPT.2", no_host_table},
    Unmet{"HPT.3", no_host_table},
    Unmet{"HPT.4", no_host_table},
    Unmet{"HPT.5", no_host_table},
    Unmet{"HPT.6", no_host_table},
};

/// "LCT.4.1" is one of the ways to LCT.4.
std::string_view reason_name(std::string_view row) {
    const auto second = row.find('.', row.find('.') + 1);
    return row.substr(0, second);
}
const FaultRow* row_of_unit(const gold::FaultReason& row) {
    for (const FaultRow& r : fault_rows())
        if (r.name == reason_name(row.name)) return &r;
    return nullptr;
}

/// Translated requests with a PASID are ended before anything is asked (ECAP.PTRS is 0), and those without are not
/// looked for in PASID tables (ECAP.HPTS is 0): no record, and what the manual answers them otherwise.
enum class Reach { Whole, EndedBefore, PassesBy };
Reach reach_of(const gold::FaultReason& row, const Column& column) {
    if (column.type != AddressType::Translated) return Reach::Whole;
    if (column.has_pasid) return Reach::EndedBefore;
    const std::string_view name = row.name;
    return name.starts_with("SPD.") || name.starts_with("SPT.") ? Reach::PassesBy : Reach::Whole;
}

std::string answer_differs(GoldenBench& b, const gold::FaultReason& row, Gets gets) {
    const Translation t = b.request_it();
    const bool nothing = !t.may.read && !t.may.write && !t.may.user && !t.may.execute;
    const bool some = t.may.read != t.may.write;
    switch (gets) {
    case Gets::UR: return t.ending == Ending::Abort ? "" : "no UR";
    case Gets::CA: return t.ending == Ending::CompleterAbort ? "" : "no CA";
    case Gets::Null:
    case Gets::NullTold: return t.ending == Ending::Grant && nothing ? "" : "no Success without permission";
    case Gets::Allowed:
        if (t.ending != Ending::Grant || !some) return "no Success with one permission";
        return t.may.read == (row.code == raw(FaultCode::LGN_2) || row.code == raw(FaultCode::SGN_6)) ? ""
                                                                                                      : "the other";
    default: return "no such answer";
    }
}
std::string response_differs(GoldenBench& b, bool last, Gets gets) {
    b.request_page(last);
    if (gets == Gets::Dropped) return b.responses.sent.empty() ? "" : "it is answered";
    if (b.responses.sent.size() != 1) return "it is not answered";
    const PageGroupResponse& r = b.responses.sent[0];
    const bool good = r.code == PageResponseCode::InvalidRequest && r.group == 0x1a5 && r.has_pasid;
    return good && r.pasid == Pasid{GoldenBench::golden_pasid} ? "" : "another response";
}
std::string record_differs(GoldenBench& b, const gold::FaultReason& row, const Column& column, bool recorded) {
    if (b.faulted() != recorded) return recorded ? "no record" : "a record";
    if (!recorded) return {};
    const FaultRecord r = b.record();
    if (raw(r.get(FaultRecord::FR)) != row.code) {
        std::ostringstream out;
        out << "reason " << std::hex << unsigned{raw(r.get(FaultRecord::FR))};
        return out.str();
    }
    const bool who = r.get(FaultRecord::SID) == RequesterId{GoldenBench::source};
    return who && r.get(FaultRecord::PP) == column.has_pasid && r.get(FaultRecord::FI) == b.at ? "" : "other fields";
}

/// How one kind of request differs from its column.
std::string column_differs(const gold::FaultReason& row, const Column& column, bool quiet) {
    const Gets gets = row.*column.gets;
    GoldenBench b{fault_maker(row.name), column, quiet};
    const Reach reach = reach_of(row, column);
    if (reach != Reach::Whole) {
        const Ending ending = b.request_it().ending;
        return (ending == Ending::Grant) == (reach == Reach::PassesBy) && !b.faulted() ? "" : "it reaches the fault";
    }
    const std::string answer =
        column.page_request ? response_differs(b, column.last, gets) : answer_differs(b, row, gets);
    const bool told = gets != Gets::Null && gets != Gets::Allowed && !(quiet && row.qualified);
    return answer + record_differs(b, row, column, told);
}
std::string reason_differs(const gold::FaultReason& row) {
    const FaultRow* const known = row_of_unit(row);
    if (known == nullptr || !known->modelled) return "the unit does not know it";
    if (raw(known->code) != row.code) return "another number";
    if (known->qualified != row.qualified) return "FPD has another effect";
    std::ostringstream out;
    for (const Column& column : columns) {
        if (row.*column.gets == Gets::None) continue;
        for (const bool quiet : {false, true}) {
            const std::string difference = column_differs(row, column, quiet);
            if (!difference.empty()) out << column.what << (quiet ? ", quiet: " : ": ") << difference << "; ";
            testbench::fresh_kernel();
        }
    }
    return out.str();
}

} // namespace

TEST_CASE("legacy mode: each kind of request gets what the manual says for each fault reason, and each is reported as "
          "it says",
          "[golden][vtd][LRT.1][LRT.2][LRT.3][LCT.1][LCT.2][LCT.3][LCT.4][LCT.5][LSS.1][LSS.2][LGN.1][LGN.2][LGN.3]"
          "[LGN.4][context entry.P][context entry.FPD][context entry.TT][context entry.SSPTPTR][context entry.AW]"
          "[root entry.P][root entry.CTP]") {
    const auto& row = any_row(gold::legacy_fault_reasons);
    INFO(row.condition);
    judge(row.name, reason_differs(row), unmet_faults);
}

TEST_CASE("scalable mode: each kind of request gets what the manual says for each fault reason, and each is reported "
          "as it says",
          "[golden][vtd][RTA.1][RTA.2][RTA.3][RTA.4][SRT.1][SRT.2][SRT.3][SCT.1][SCT.2][SCT.3][SCT.4][SCT.5][SCT.6]"
          "[SCT.7][SCT.8][SCT.9][SPD.1][SPD.2][SPD.3][SPT.1][SPT.2][SPT.3][SPT.4][SPT.5][SPT.6][SFS.1][SFS.2][SFS.3]"
          "[SFS.4][SFS.5][SFS.6][SFS.7][SFS.8][SFS.9][SFS.10][SSS.1][SSS.2][SSS.3][SSS.4][SSS.5][SSS.6][SGN.1][SGN.2]"
          "[SGN.4][SGN.5][SGN.6][SGN.7][SGN.8][SGN.10][scalable context entry.P][scalable context entry.FPD]"
          "[scalable context entry.DTE][scalable context entry.PASIDE][scalable context entry.PRE]"
          "[scalable context entry.RID_PASID][PASID directory entry.P][PASID table entry.P][PASID table entry.AW]"
          "[PASID table entry.PGTT][PASID table entry.FSPM][PASID table entry.PWSNP][PASID table entry.SRE]"
          "[PASID table entry.FSPTPTR][PASID table entry.SSPTPTR]") {
    const auto& row = any_row(gold::scalable_fault_reasons);
    INFO(row.condition);
    judge(row.name, reason_differs(row), unmet_faults);
}

TEST_CASE("the fault reasons that are not met are reasons of the manual's, and the unit has no other ones",
          "[golden][vtd]") {
    std::set<std::string_view> rows, reasons;
    for (const auto& row : gold::legacy_fault_reasons) rows.insert(row.name), reasons.insert(reason_name(row.name));
    for (const auto& row : gold::scalable_fault_reasons) rows.insert(row.name), reasons.insert(reason_name(row.name));
    for (const Unmet& u : unmet_faults) CHECK(rows.count(u.what) == 1);
    for (const FaultRow& row : fault_rows()) {
        INFO(row.name);
        CHECK(reasons.count(row.name) == 1);
        for (const unsigned gone : gold::retired_fault_reasons) CHECK(raw(row.code) != gone);
        for (const auto& interrupt : gold::interrupt_faults) CHECK(raw(row.code) != interrupt.code);
    }
}

TEST_CASE("no reason of interrupt remapping is met: interrupts pass, whatever they say", "[golden][vtd]") {
    // All rows of golden::vtd::interrupt_faults: the unit has no remapping table, not even where ECAP.IR is 1.
    Identity id = identity_of(VtdConfig{});
    id.ecap.set(Ecap::IR, true);
    Bench b{VtdConfig{}, id};
    b.start(TableMode::Scalable);
    b.command(Gcmd::SIRTP);
    b.command(Gcmd::IRE);
    Dma write;
    write.access = iommu::Access::Write;
    CHECK(b.dma(Iova{0xFEE0'0018}, write).to == Spa{0xFEE0'0018});
    CHECK_FALSE(b.faulted());
    CHECK(gold::interrupt_faults.size() == 12);
}

TEST_CASE("a translation request for the interrupt range is told what the manual says", "[golden][vtd]") {
    const auto& row = any_row(gold::interrupt_range_completions);
    Bench b;
    b.start(TableMode::Scalable);
    Dma d = Bench::with(Dma{}, AddressType::TranslationRequest);
    d.no_write = row.no_write;
    const Translation t = b.dma(Iova{0xFEE0'1000}, d);
    CHECK(t.ending == Ending::Grant);
    CHECK(t.may.read == row.r);
    CHECK(t.may.write == row.w);
    CHECK(t.untranslated_only == row.u);
    CHECK_FALSE(row.s); // a translation says nothing of its size there, and never does here
    CHECK_FALSE(b.faulted());
}

TEST_CASE("an FPD that was met on the way silences a fault, its own entry's P being 1 or 0",
          "[golden][vtd][scalable context entry.FPD][PASID directory entry.FPD][PASID table entry.FPD]") {
    const auto& row = any_row(gold::quiet_outcomes);
    const bool page_request = GENERATE(false, true);
    INFO(row.what << (page_request ? ", page request" : ""));
    static const FaultMaker nothing{"", TableMode::Scalable, [](GoldenBench&) {}};
    GoldenBench b{nothing, columns[1], false};
    using C = ScalableContextEntry;
    b.context_entry([&](C& c) { c.set(C::P, (row.context & 1) != 0).set(C::FPD, row.context >> 1 != 0); });
    b.directory_entries(Bench::pasid_table.value() | row.directory);
    b.pasid_entries(
        [&](PasidEntry& e) { e.set(PasidEntry::P, (row.table & 1) != 0).set(PasidEntry::FPD, row.table >> 1 != 0); });
    if (page_request)
        b.request_page(true);
    else
        CHECK(b.request_it().ending == Ending::Abort);
    CHECK(b.faulted() == row.recorded);
    if (row.recorded) CHECK(raw(b.only_record().get(FaultRecord::FR)) == row.reason);
}

} // namespace quiesce::iommu::vtd::test
