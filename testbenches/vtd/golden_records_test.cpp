// SPDX-License-Identifier: Apache-2.0
/// What the hardware writes held against rows that somebody else worked out by hand (golden/vtd_records_golden.h):
/// fault records and page request descriptors, made by the unit of the requests that the rows describe.
#include "golden/vtd_records_golden.h"
#include "vtd/golden_bench.h"

namespace quiesce::iommu::vtd::test {
namespace {

constexpr std::array unmet_records{
    Unmet{"execute-requested read", "RTA.5 is of version 8, which the unit cannot be: it is SPT.5"},
    Unmet{"interrupt, IRTE 0x01a5 not present", "interrupts are not remapped"},
};
/// Which of the manual's ways to the reason: the row names the reason alone, in `from`.
std::string maker_of(const gold::Structure<2>& row) {
    const std::string from = row.from;
    return from.substr(from.find(", ") + 2);
}
/// The column of table 30 that the row's fields describe, and what the request is besides.
Column column_of(const gold::Structure<2>& row) {
    const bool t1 = value_in(row, "T1") != 0, t2 = value_in(row, "T2") != 0;
    return {row.what, static_cast<AddressType>(value_in(row, "AT")), value_in(row, "PP") != 0, nullptr, !t1 && t2,
            true};
}
FaultRecord record_by_unit(const gold::Structure<2>& row) {
    GoldenBench b{fault_maker(maker_of(row)), column_of(row), false};
    const bool t1 = value_in(row, "T1") != 0, t2 = value_in(row, "T2") != 0;
    b.ask.access = !t1 ? Access::Write : t2 ? Access::ReadWrite : Access::Read;
    b.ask.privileged = value_in(row, "PRIV") != 0;
    b.ask.instruction = value_in(row, "EXE") != 0;
    b.at = Iova{value_in(row, "FI") + 0x128}; // the record has the page
    if (column_of(row).page_request)
        b.request_page(true);
    else
        CHECK(b.request_it().ending != Ending::Grant);
    return b.record();
}

PageRequestMessage message_of(const gold::Structure<4>& row) {
    PageRequestMessage m;
    m.stream = StreamId{static_cast<u32>(value_in(row, "RID"))};
    m.has_pasid = value_in(row, "PP") != 0;
    m.pasid = Pasid{static_cast<u32>(value_in(row, "PASID"))};
    m.execute = value_in(row, "EXR") != 0;
    m.privileged = value_in(row, "PMR") != 0;
    m.read = value_in(row, "RDR") != 0;
    m.write = value_in(row, "WRR") != 0;
    m.last = value_in(row, "LPIG") != 0;
    m.group = static_cast<u16>(value_in(row, "PRGI"));
    m.at = Iova{value_in(row, "ADDR")};
    return m;
}
const FaultMaker no_fault{"", TableMode::Scalable, [](GoldenBench&) {}};

} // namespace

TEST_CASE("fault records have their fields where the manual has them", "[golden][vtd][FRCD]") {
    check_positions<FaultRecord>(gold::frcd_fields);
    judge_all(gold::fault_records_alone, [](const auto& row) { return differs<FaultRecord>(row); });
    judge_all(gold::fault_records, [](const auto& row) { return differs<FaultRecord>(row); });
    check_listed(gold::fault_records, unmet_records, [](const auto& row) { return row.what; });
    for (const auto& row : gold::fault_record_offsets) {
        const Cap cap = Cap{}.set(Cap::FRO, row.fro).set(Cap::NFR, row.index);
        CHECK(frcd_offset(cap, row.index) == row.offset);
        CHECK(row.offset + FaultRecord::F_.lsb() / 32 * 4 == row.doubleword_of_f);
        CHECK(frcd_count(cap) == row.index + 1);
    }
}

TEST_CASE("the unit records a fault with the bytes that somebody else worked out from the manual",
          "[golden][vtd][FRCD][LCT.2][LCT.5][LGN.2][LGN.3][SPT.2][SPT.3][SPT.6][SCT.8][SFS.2][SSS.2]") {
    const auto& row = any_row(gold::fault_records);
    const Unmet* const unmet = reason_not_to(unmet_records, row.what);
    INFO(row.what << (unmet != nullptr ? unmet->why : ""));
    if (unmet != nullptr && value_in(row, "FR") >= 0x20 && value_in(row, "FR") < 0x30) {
        for (const FaultRow& r : fault_rows()) CHECK(raw(r.code) != value_in(row, "FR"));
        return;
    }
    const FaultRecord made = record_by_unit(row);
    if (unmet == nullptr) {
        CHECK(made.word(0) == row.words[0]);
        CHECK(made.word(1) == row.words[1]);
    } else { // nothing but the reason is another one
        CHECK(made.get(FaultRecord::FR) == FaultCode::SPT_5);
        CHECK(made.with(FaultRecord::FR, FaultCode::RTA_5).word(1) == row.words[1]);
    }
}

TEST_CASE("page requests become descriptors with the bytes that somebody else worked out from the manual",
          "[golden][vtd][PQT]") {
    check_positions<PageReqDsc>(gold::page_req_dsc_fields);
    judge_all(gold::page_requests, [](const auto& row) { return differs<PageReqDsc>(row); });
    for (const auto& row : gold::page_requests) {
        INFO(row.what);
        if (!shows_one_field(row))
            CHECK(make_descriptor(message_of(row)) == PageReqDsc::from_words(std::to_array(row.words)));
    }
    GoldenBench b{no_fault, columns[6], false};
    u32 queued = 0;
    for (const auto& row : gold::page_requests) {
        if (shows_one_field(row)) continue;
        INFO(row.what);
        sim::spawn(b.unit.page_request(message_of(row)));
        b.settle();
        const PageReqDsc made = b.load<PageReqDsc>(Bench::prq + queued++ * page_request_bytes);
        CHECK(made == PageReqDsc::from_words(std::to_array(row.words)));
    }
    CHECK(b.get(Pqt::PQT) == queued);
    CHECK(b.responses.sent.empty());
}

TEST_CASE("what becomes of a page request, full, overflowing or faulting, is what the manual's table says",
          "[golden][vtd][PRS][PQH][PQT]") {
    const auto& row = any_row(gold::page_request_outcomes);
    const std::string_view what = row.what;
    INFO(what);
    const bool full = what.starts_with("full"), over = what.starts_with("overflow");
    GoldenBench b{what.starts_with("table fault") ? fault_maker("SPT.2") : no_fault, columns[6], false};
    if (full) {
        b.write(Pqt{}.set(Pqt::PQT, 126));
        b.request_page(false); // the last that there is room for: one entry stays free
    }
    if (over) {
        b.write(Pqt{}.set(Pqt::PQT, 127));
        b.request_page(false);
        b.write(Pqh{}.set(Pqh::PQH, 100)); // there is room again, but PRO is not cleared
    }
    const u64 tail = b.get(Pqt::PQT);
    Log<PageRequestDropped> dropped{b.bus};
    b.request_page(row.last, row.stop_marker);
    CHECK((dropped.size() == 1) == (!row.queued && !row.recorded_as_fault && row.pro));
    CHECK((b.get(Pqt::PQT) != tail) == row.queued);
    CHECK(b.faulted() == row.recorded_as_fault);
    CHECK(b.responses.sent.size() == (row.answer >= 0 ? 1 : 0));
    if (row.answer >= 0) CHECK(raw(b.responses.sent.at(0).code) == static_cast<unsigned>(row.answer));
    CHECK(b.get(Prs::PPR) == row.ppr);
    CHECK(b.get(Prs::PRO) == row.pro);
}

} // namespace quiesce::iommu::vtd::test
