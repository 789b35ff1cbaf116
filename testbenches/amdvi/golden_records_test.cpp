// SPDX-License-Identifier: Apache-2.0
/// What a unit writes into its logs held against rows that somebody else worked out by hand
/// (golden/amdvi_records_golden.h): events and page requests, made by what the rows describe.
#include "amdvi/golden_bench.h"
#include "golden/amdvi_records_golden.h"

namespace quiesce::iommu::amdvi::test {
namespace {

using RecordRow = gold::Record;
std::string_view record_name(const RecordRow& row) { return row.what; }

/// How to bring about what a row describes, before the request that its fields describe.
struct RecordMaker {
    std::string_view what;
    void (*make)(GoldenBench& b);
};
constexpr Spa deepest = GoldenBench::gcr3; ///< of the rows: the table whose entry cannot be read
Dte by_host() { return Bench::host(GoldenBench::host_root).set(Dte::DomainID, DomainId{0x137}); }
Dte by_guest() { return Bench::guest(GoldenBench::gcr3, 2).set(Dte::DomainID, DomainId{0x137}); }
void map_in_guest(GoldenBench& b, const GuestEntry& leaf) {
    b.set_entry(by_guest());
    b.lead(GoldenBench::gcr3, GoldenBench::golden_pasid, 3, GoldenBench::cr3);
    b.map_guest(GoldenBench::cr3, GoldenBench::page, leaf);
}
void map_in_host(GoldenBench& b, const HostEntry& leaf) {
    b.set_entry(by_host());
    b.map_host(GoldenBench::host_root, GoldenBench::page.value(), leaf);
}
void nothing_in_guest(GoldenBench& b) { map_in_guest(b, GuestEntry{}); }
void without_ats(GoldenBench& b) { b.set_entry(Bench::valid()); }

// clang-format off
constexpr RecordMaker record_maker_table[] = {
    // ILLEGAL_DEV_TABLE_ENTRY
    {"write, reserved bit in the entry", [](GoldenBench& b) { b.set_entry(Dte::from_words({Bench::valid().word(0) | 4, 0, 0, 0})); }},
    {"read, illegal encoding in the entry", [](GoldenBench& b) { b.set_entry(by_host().set(Dte::HAD, HostMarks::Reserved)); }},
    {"translation request with PASID", [](GoldenBench& b) { b.set_entry(by_guest().set(Dte::GLX, 3)); }},
    // IO_PAGE_FAULT
    {"read, not present", [](GoldenBench& b) { map_in_host(b, HostEntry{}); }},
    {"write, not present", [](GoldenBench& b) { map_in_host(b, HostEntry{}); }},
    {"write, present, no permission", [](GoldenBench& b) { map_in_host(b, Bench::page(GoldenBench::output).set(HostEntry::IW, false)); }},
    {"PASID, user read, not present", &nothing_in_guest},
    {"PASID, user write, not present", &nothing_in_guest},
    {"PASID, privileged read, not present", &nothing_in_guest},
    {"PASID, user write, read-only page", [](GoldenBench& b) { map_in_guest(b, Bench::guest_page(GoldenBench::output).set(GuestEntry::RW, false)); }},
    {"PASID, execute, NX page", [](GoldenBench& b) { map_in_guest(b, Bench::guest_page(GoldenBench::output).set(GuestEntry::NX, true)); }},
    {"PASID, user read, reserved bit", [](GoldenBench& b) {
        Gcr3Entry e = Bench::leads_to(GoldenBench::cr3);
        nothing_in_guest(b);
        b.lead(GoldenBench::gcr3, GoldenBench::golden_pasid, 3, GoldenBench::cr3);
        b.store(Bench::slot(GoldenBench::cr3, GoldenBench::page.value(), 4), GuestEntry::from_words({e.word(0) | 0x80}));
    }},
    {"PASID, user translation request for write", [](GoldenBench& b) {
        nothing_in_guest(b);
        b.set_entry(by_guest().set(Dte::I, true));
    }},
    // DEV_TAB_HARDWARE_ERROR, PAGE_TAB_HARDWARE_ERROR; the rows of both have one name
    {"target abort, translation request", [](GoldenBench& b) { b.memory.broken = GoldenBench::device_entry(); }},
    {"target abort, PASID, read", [](GoldenBench& b) {
        const Spa root = b.new_table();
        b.set_entry(Bench::guest(root, 1));
        b.store(root + (GoldenBench::golden_pasid >> 9) * u64{8}, Bench::leads_to(deepest));
        b.memory.broken = deepest;
    }},
    // INVALID_DEVICE_REQUEST
    {"pre-translated, I 0", &without_ats},
    {"translation request, I 0", &without_ats},
    {"translation request with PASID, special range", &without_ats},
};
// clang-format on

/// The request that an event's fields describe.
Translation ask_as(GoldenBench& b, const RecordRow& row, AddressType type) {
    Dma d{static_cast<u32>(value_in(row, "DeviceID"))};
    const bool guest = value_in(row, "GN") != 0;
    if (guest) d.pasid = static_cast<u32>(value_in(row, "PASID"));
    d.access = value_in(row, "RW") != 0 ? iommu::Access::Write : iommu::Access::Read;
    d.type = value_in(row, "TR") != 0 ? AddressType::TranslationRequest : type;
    d.privileged = guest && value_in(row, "US") == 0;
    d.instruction = value_in(row, "NX") != 0;
    if (d.type == AddressType::TranslationRequest) d.access = iommu::Access::Read; // W is no part of asking
    return b.dma(Iova{value_in(row, "Address")}, d);
}

/// Rows of requests: as the unit logs them. Whoever shows one field is no request.
template <class Rows>
void check_logged(const Rows& rows) {
    const RecordRow& row = any_row(rows);
    if (shows_one_field(row)) return;
    INFO(row.what);
    const auto maker = std::find_if(std::begin(record_maker_table), std::end(record_maker_table),
                                    [&](const RecordMaker& m) { return m.what == row.what; });
    if (maker == std::end(record_maker_table)) {
        CHECK(reason_not_to(unmet_records, row.what) != nullptr);
        return;
    }
    GoldenBench b;
    maker->make(b);
    const bool translated = row.what == std::string_view{"pre-translated, I 0"};
    const Translation t = ask_as(b, row, translated ? AddressType::Translated : AddressType::Untranslated);
    if (value_in(row, "TR") == 0) CHECK(t.ending == Ending::Abort);
    const bool logged = b.get(EvtTail::Ptr) != b.get(EvtHead::Ptr);
    const std::array<u64, 2> made = logged ? b.new_event() : std::array<u64, 2>{};
    const bool same = made[0] == row.words[0] && made[1] == row.words[1];
    judge(row.what, same ? "" : "the unit logs something else", unmet_records);
}

/// Where a command is that lies `offset` bytes behind the beginning of the buffer.
void wind_to_address(GoldenBench& b, u64 address) {
    b.wind_to(static_cast<u32>((address - GoldenBench::buffer.value()) / 16));
}

PageRequestMessage message_of(const RecordRow& row) {
    PageRequestMessage m;
    m.stream = StreamId{static_cast<u32>(value_in(row, "DeviceID"))};
    m.has_pasid = value_in(row, "GN") != 0 || value_in(row, "PASID") != 0;
    m.pasid = Pasid{static_cast<u32>(value_in(row, "PASID"))};
    m.execute = value_in(row, "EXEC") != 0;
    m.privileged = m.has_pasid && value_in(row, "US") == 0;
    m.read = value_in(row, "READ") != 0;
    m.write = value_in(row, "WRITE") != 0;
    m.last = value_in(row, "L") != 0;
    m.group = static_cast<u16>(value_in(row, "PRGI"));
    m.at = Iova{value_in(row, "Address")};
    return m;
}

} // namespace

TEST_CASE("a unit logs an entry that is illegal with the bytes that somebody else worked out",
          "[golden][amdvi][ILLEGAL_DEV_TABLE_ENTRY]") {
    check_logged(gold::illegal_dtes);
}
TEST_CASE("a unit logs page faults with the bytes that somebody else worked out", "[golden][amdvi][IO_PAGE_FAULT]") {
    check_logged(gold::io_page_faults);
}
TEST_CASE("a unit logs tables that it cannot read with the bytes that somebody else worked out",
          "[golden][amdvi][DEV_TAB_HARDWARE_ERROR][PAGE_TAB_HARDWARE_ERROR]") {
    const bool of_devices = GENERATE(true, false);
    of_devices ? check_logged(gold::dev_tab_errors) : check_logged(gold::page_tab_errors);
}
TEST_CASE("a unit logs requests that no device may make with the bytes that somebody else worked out",
          "[golden][amdvi][INVALID_DEVICE_REQUEST]") {
    check_logged(gold::invalid_device_requests);
}

TEST_CASE("a unit logs what is wrong with a command with the bytes that somebody else worked out",
          "[golden][amdvi][ILLEGAL_COMMAND_ERROR][COMMAND_HARDWARE_ERROR][IOTLB_INV_TIMEOUT]") {
    const RecordRow& row = any_row(gold::command_errors);
    if (shows_one_field(row)) return;
    INFO(row.what);
    GoldenBench b;
    const u64 code = value_in(row, "EventCode"), address = value_in(row, "Address");
    wind_to_address(b, address);
    b.devices.answer = AtcAnswer::TimedOut;
    if (code == 6) b.memory.broken = Spa{address};
    const u64 illegal = u64{0xc} << 60, invalidation = u64{4} << 60 | value_in(row, "DeviceID");
    const std::uint64_t words[2] = {code == 7 ? invalidation : illegal, 0};
    b.execute(words);
    const auto made = b.new_event();
    const bool same = made[0] == row.words[0] && made[1] == row.words[1];
    judge(row.what, same ? "" : "the unit logs something else", unmet_records);
    if (!same) CHECK((made[0] ^ row.words[0]) == (u64{1} << 57)); // its type is data error
    CHECK(b.get(Status::CmdBufRun) == (code == 7));
}

TEST_CASE("a unit logs page requests that a device may not make with the bytes that somebody else worked out",
          "[golden][amdvi][INVALID_PPR_REQUEST]") {
    const RecordRow& row = any_row(gold::invalid_ppr_requests);
    if (shows_one_field(row)) return;
    INFO(row.what);
    GoldenBench b;
    const u64 tag = value_in(row, "PPRtag");
    b.set_entry(Bench::valid(), static_cast<u32>(value_in(row, "DeviceID"))); // PPR=0
    PageRequestMessage m = message_of(row);
    m.group = tag & 0x1ff;
    m.last = (tag & 0x200) != 0;
    m.read = value_in(row, "RX") == 0; // the last that waits for no answer is a stop marker
    sim::spawn(b.unit.page_request(m));
    b.settle();
    const auto made = b.new_event();
    const bool same = made[0] == row.words[0] && made[1] == row.words[1];
    judge(row.what, same ? "" : "the unit logs something else", unmet_records);
    constexpr u64 disputed = InvalidPprRequest::GN.mask(0) | InvalidPprRequest::RX.mask(0);
    CHECK(((made[0] ^ row.words[0]) & ~disputed) == 0);
    CHECK(made[1] == row.words[1]);
}

TEST_CASE("page requests become entries with the bytes that somebody else worked out",
          "[golden][amdvi][PAGE_SERVICE_REQUEST]") {
    GoldenBench b;
    for (const RecordRow& row : gold::ppr_log_entries) {
        if (shows_one_field(row)) continue;
        INFO(row.what);
        const PageRequestMessage m = message_of(row);
        b.set_entry(Bench::guest(GoldenBench::gcr3, 2).set(Dte::I, true).set(Dte::PPR, true), raw(m.stream));
        const u32 at = b.get(PprTail::Ptr);
        sim::spawn(b.unit.page_request(m));
        b.settle();
        CHECK(b.get(PprTail::Ptr) == at + 1);
        const auto made = b.words_at(GoldenBench::page_log + at * u64{16});
        const bool same = made[0] == row.words[0] && made[1] == row.words[1];
        judge(row.what, same ? "" : "the unit logs something else", unmet_records);
        CHECK(make_entry(m) == PprEntry::from_words(made));
    }
    CHECK_FALSE(b.get(EvtTail::Ptr) != 0);
}

TEST_CASE("what is listed as unmet of records is in some table", "[golden][amdvi]") {
    std::vector<RecordRow> all;
    const auto add = [&](const auto& rows) { all.insert(all.end(), rows.begin(), rows.end()); };
    add(gold::illegal_dtes), add(gold::io_page_faults), add(gold::dev_tab_errors), add(gold::page_tab_errors);
    add(gold::command_errors), add(gold::invalid_device_requests), add(gold::invalid_ppr_requests);
    add(gold::ppr_log_entries);
    check_listed(all, unmet_records, record_name);
}

} // namespace quiesce::iommu::amdvi::test
