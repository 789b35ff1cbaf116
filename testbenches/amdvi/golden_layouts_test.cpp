// SPDX-License-Identifier: Apache-2.0
/// Layouts held against rows that somebody else worked out by hand (golden/amdvi_*_golden.h): where each field is, and
/// which words fields make.
#include "amdvi/golden_table.h"
#include "golden/amdvi_commands_golden.h"
#include "golden/amdvi_records_golden.h"
#include "golden/amdvi_tables_golden.h"

namespace quiesce::iommu::amdvi::test {
namespace {

template <class S, class... Tables>
void check_rows(const Tables&... tables) {
    (judge_all(tables, [](const auto& row) { return differs<S>(row); }), ...);
}
template <class C, class Positions, class Rows>
void check_command(const Positions& positions, const Rows& rows, std::string_view beyond = {}) {
    check_positions<C>(positions, beyond);
    check_rows<C>(rows);
}

} // namespace

TEST_CASE("commands have the bytes that somebody else worked out by hand", "[golden][amdvi]") {
    check_command<CompletionWait>(gold::completion_wait_fields, gold::completion_waits);
    check_positions<InvalidateDevtabEntry>(gold::invalidate_device_fields);
    check_positions<InvalidateInterruptTable>(gold::invalidate_device_fields);
    for (const gold::Command& row : gold::invalidate_devices) {
        const u64 op = value_in(row, "Opcode");
        const std::string other = op == 2   ? differs<InvalidateDevtabEntry>(row)
                                  : op == 5 ? differs<InvalidateInterruptTable>(row)
                                            : differs<InvalidateIommuAll>(row);
        judge(row.what, other, all_met);
    }
    check_command<InvalidateIommuPages>(gold::invalidate_pages_fields, gold::invalidate_pages);
    check_command<InvalidateIotlbPages>(gold::invalidate_iotlb_fields, gold::invalidate_iotlbs);
    check_command<CompletePprRequest>(gold::complete_ppr_fields, gold::complete_pprs, "TagRest");
    check_command<PrefetchIommuPages>(gold::prefetch_pages_fields, gold::prefetch_pages);
}

TEST_CASE("opcodes and event codes have the names that somebody else gave them", "[golden][amdvi]") {
    for (const gold::Opcode& row : gold::opcodes) {
        INFO(row.opcode);
        const CommandRow* const there = command_row(static_cast<Opcode>(row.opcode));
        CHECK((there == nullptr) == (row.name[0] == 0));
        if (there != nullptr) CHECK(there->name() == row.name);
    }
    for (const gold::EventCode& row : gold::event_codes) {
        INFO(row.name);
        CHECK(base::enum_text(static_cast<EventCode>(row.code)) == row.name);
    }
}

TEST_CASE("events have the bytes that somebody else worked out by hand", "[golden][amdvi]") {
    FieldMasks of_event; // one layout for all that tell of a request, or of what was met on its way
    collect_positions<Event>(gold::illegal_dte_fields, of_event);
    collect_positions<Event>(gold::io_page_fault_fields, of_event);
    collect_positions<Event>(gold::dev_tab_error_fields, of_event);
    collect_positions<Event>(gold::page_tab_error_fields, of_event);
    collect_positions<Event>(gold::command_error_fields, of_event);
    check_masks<Event>(of_event);
    check_rows<Event>(gold::illegal_dtes, gold::io_page_faults, gold::dev_tab_errors, gold::page_tab_errors,
                      gold::command_errors);
    check_positions<InvalidDeviceRequest>(gold::invalid_device_request_fields);
    check_rows<InvalidDeviceRequest>(gold::invalid_device_requests);
    check_positions<InvalidPprRequest>(gold::invalid_ppr_request_fields);
    check_rows<InvalidPprRequest>(gold::invalid_ppr_requests);
}

TEST_CASE("entries of the PPR log have the bytes that somebody else worked out by hand", "[golden][amdvi]") {
    check_positions<PprEntry>(gold::ppr_log_fields);
    check_rows<PprEntry>(gold::ppr_log_entries);
}

TEST_CASE("events that no unit here makes are read as far as they are like others", "[golden][amdvi]") {
    unsigned compared = 0;
    const auto check = [&](const gold::Record& row) {
        INFO(row.what);
        const auto e = from_words<Event>(row.words);
        CHECK(raw(e.get(Event::Code)) == value_in(row, "EventCode"));
        CHECK(raw(e.get(Event::DeviceID)) == value_in(row, "DeviceID"));
        const auto code = raw(e.get(Event::Code));
        for (const CauseRow& c : cause_rows()) CHECK(raw(c.event) != code);
        ++compared;
    };
    for (const gold::Record& row : gold::counter_zeros) check(row);
    for (const gold::Record& row : gold::rmp_events) {
        check(row);
        CHECK(from_words<Event>(row.words).get(Event::Address) == value_in(row, "Address"));
        CHECK(from_words<Event>(row.words).get(Event::DomainOrPasid) == value_in(row, "VMGTag"));
    }
    CHECK(compared == 3);
    for (const gold::Position& p : gold::rmp_fields)
        if (p.field == std::string_view{"DeviceID"} || p.field == std::string_view{"EventCode"})
            CHECK(with_meant<Event>(p.field, [&](const auto& f) { CHECK((f.msb() == p.msb && f.lsb() == p.lsb)); }));
    CHECK(gold::counter_zero_fields[0].msb == Event::Code.msb());
}

TEST_CASE("device table entries have the bytes that somebody else worked out by hand", "[golden][amdvi]") {
    check_positions<Dte>(gold::dte_fields);
    check_rows<Dte>(gold::dtes_alone, gold::dtes_gcr3, gold::dtes);
}

TEST_CASE("entries of GCR3 tables and page tables have the bytes that somebody else worked out by hand",
          "[golden][amdvi]") {
    check_positions<Gcr3Entry>(gold::gcr3_entry_fields);
    check_rows<Gcr3Entry>(gold::gcr3_entries);
    check_positions<HostEntry>(gold::v1_entry_fields);
    check_rows<HostEntry>(gold::v1_entries);
    check_positions<GuestEntry>(gold::v2_entry_fields);
    check_rows<GuestEntry>(gold::v2_entries);
}

} // namespace quiesce::iommu::amdvi::test
