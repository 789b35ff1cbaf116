// SPDX-License-Identifier: Apache-2.0
/// Commands held against rows that somebody else worked out by hand (golden/amdvi_commands_golden.h): what each asks
/// for, and what a unit does that fetches its bytes.
#include "amdvi/golden_bench.h"
#include "golden/amdvi_commands_golden.h"

namespace quiesce::iommu::amdvi::test {
namespace {

Decode decoded(const gold::Command& row) {
    return decode_command(from_words<Command>(row.words), identity_of(everything()));
}
u32 device_in(const gold::Command& row) { return static_cast<u32>(value_in(row, "DeviceID")); }
bool is_unmet(const gold::Command& row) { return reason_not_to(unmet_commands, row.what) != nullptr; }

/// The pages that an address and S mean, from the rows of sizes: bit `ones` of the page number is the zero that counts.
void check_range(const std::optional<IovaRange>& range, const gold::Command& row) {
    const u64 address = value_in(row, "Address");
    const bool all = address == 0x7fff'ffff'ffff'f000, several = value_in(row, "S") != 0;
    CHECK(range.has_value() == !(all && several));
    if (!range) return;
    u64 bytes = 0x1000;
    if (several)
        while ((address & bytes) != 0) bytes <<= 1;
    if (several) bytes <<= 1;
    CHECK(range->bytes == bytes);
    CHECK(range->first.value() == (address & ~(bytes - 1)));
}

} // namespace

TEST_CASE("a unit stores and interrupts as the bytes of a COMPLETION_WAIT say", "[golden][amdvi][COMPLETION_WAIT]") {
    const auto& row = any_row(gold::completion_waits);
    INFO(row.what);
    GoldenBench b;
    const Spa to{value_in(row, "StoreAddress")};
    const u64 before = b.memory.peek64(to);
    b.execute(row.words);
    const bool stores = value_in(row, "s") != 0, there = to >= Spa{0x80'0000'0000} && to < Spa{0x90'0000'0000};
    CHECK(b.memory.peek64(to) == (stores && there ? value_in(row, "StoreData") : before));
    CHECK(b.get(Status::ComWaitInt) == (value_in(row, "i") != 0));
    CHECK(b.get(CmdHead::Ptr) == 1);
    CHECK(b.get(Status::CmdBufRun) == (!stores || there));
    if (stores && !there) CHECK(b.new_event()[1] == to.value()); // where it was to be stored
}

TEST_CASE("commands that forget a device, or everything, ask for what their bytes say",
          "[golden][amdvi][INVALIDATE_DEVTAB_ENTRY][INVALIDATE_INTERRUPT_TABLE][INVALIDATE_IOMMU_ALL]") {
    for (const gold::Command& row : gold::invalidate_devices) {
        INFO(row.what);
        const Decode d = decoded(row);
        REQUIRE(d.legal);
        const u64 op = value_in(row, "Opcode");
        CHECK(d.work.has_value() == (op != 5));
        CHECK_FALSE((d.device || d.page_response));
        if (op == 2) CHECK((d.work->scope.stream && raw(*d.work->scope.stream) == device_in(row)));
        if (op == 2) CHECK(d.work->kind == InvalidationKind::Configuration);
        if (op == 8) CHECK((d.work->scope.in == 0xff && !d.work->scope.stream && !d.work->scope.domain));
    }
}

TEST_CASE("what a unit knows of the device that the bytes name is gone, and of another it is not",
          "[golden][amdvi][INVALIDATE_DEVTAB_ENTRY][INVALIDATE_INTERRUPT_TABLE][INVALIDATE_IOMMU_ALL]") {
    const gold::Command& row = any_row(gold::invalidate_devices);
    INFO(row.what);
    GoldenBench b;
    for (const u32 who : {GoldenBench::device, 0x3a08u}) {
        b.set_entry(Bench::valid(), who);
        CHECK(b.dma(GoldenBench::page, {who}).ending == Ending::Grant);
        b.set_entry(Bench::valid().set(Dte::IR, false), who);
    }
    b.execute(row.words);
    const u64 op = value_in(row, "Opcode");
    const bool named = device_in(row) == GoldenBench::device && op == 2;
    CHECK((b.dma(GoldenBench::page, {GoldenBench::device}).ending == Ending::Abort) == (named || op == 8));
    CHECK((b.dma(GoldenBench::page, {0x3a08}).ending == Ending::Abort) == (op == 8));
}

TEST_CASE("invalidations of translations have the scope that their bytes say",
          "[golden][amdvi][INVALIDATE_IOMMU_PAGES]") {
    for (const gold::Command& row : gold::invalidate_pages) {
        INFO(row.what);
        const Decode d = decoded(row);
        REQUIRE((d.legal && d.work));
        const Scope& s = d.work->scope;
        REQUIRE(s.domain);
        CHECK(raw(*s.domain) == value_in(row, "DomainID"));
        CHECK(s.leaf_only == (value_in(row, "PDE") == 0));
        CHECK(s.space.has_value() == (value_in(row, "GN") != 0));
        if (s.space) CHECK(raw(*s.space) == value_in(row, "PASID"));
        if (!shows_one_field(row)) check_range(s.range, row);
    }
}

TEST_CASE("an address and S mean the pages that somebody else worked out by hand",
          "[golden][amdvi][INVALIDATE_IOMMU_PAGES][INVALIDATE_IOTLB_PAGES]") {
    for (const gold::InvalidationSize& row : gold::invalidation_sizes) {
        INFO(row.what);
        const auto c = InvalidateIommuPages::from_words({u64{3} << 60, row.word});
        CHECK(c.get(InvalidateIommuPages::S) == row.s);
        const auto range = pages_of(c.get(InvalidateIommuPages::Address), row.s);
        CHECK(range.has_value() == (row.bytes != 0));
        if (range) CHECK(*range == IovaRange{Iova{row.base}, row.bytes});
    }
    // What Linux asks for of a range that is no power of two has both of its ends, and half as much would not.
    for (const gold::InvalidationRange& row : gold::invalidation_ranges) {
        INFO(row.what);
        const auto range = pages_of(Iova{row.word & ~u64{0xfff}}, (row.word & 1) != 0);
        if (!range) {
            CHECK((row.first ^ row.last) >> 52 != 0);
            continue;
        }
        const auto has = [&](u64 at) { return at - range->first.value() < range->bytes; };
        CHECK((has(row.first) && has(row.last)));
        const u64 half = range->bytes / 2;
        CHECK((row.first & half) != (row.last & half));
    }
}

TEST_CASE("a device is asked to forget what the bytes of INVALIDATE_IOTLB_PAGES say",
          "[golden][amdvi][INVALIDATE_IOTLB_PAGES]") {
    GoldenBench b;
    for (const gold::Command& row : gold::invalidate_iotlbs) {
        INFO(row.what);
        const Decode d = decoded(row);
        if (row.what == std::string_view{"Type alone"}) {
            CHECK_FALSE(d.legal);
            continue;
        }
        judge(row.what, d.legal ? "" : "it is refused", unmet_commands);
        if (is_unmet(row)) continue;
        REQUIRE(d.device);
        CHECK(d.device->queue == value_in(row, "QueueID"));
        if (value_in(row, "MaxPend") != 0) CHECK(d.device->most == value_in(row, "MaxPend"));
        b.execute(row.words);
        REQUIRE(b.devices.asked.size() == 1);
        const AtcInvalidation what = b.devices.asked.back();
        b.devices.asked.clear();
        CHECK(raw(what.stream) == device_in(row));
        CHECK(what.has_pasid == (value_in(row, "GN") != 0));
        if (what.has_pasid) CHECK(raw(what.pasid) == value_in(row, "PASID"));
        const auto range = what.everything ? std::optional<IovaRange>{} : what.range;
        if (!shows_one_field(row)) check_range(range, row);
    }
    check_listed(gold::invalidate_iotlbs, unmet_commands, [](const auto& row) { return row.what; });
    CHECK(b.get(Status::CmdBufRun));
}

TEST_CASE("a device is told what the bytes of COMPLETE_PPR_REQUEST say", "[golden][amdvi][COMPLETE_PPR_REQUEST]") {
    GoldenBench b;
    for (const gold::Command& row : gold::complete_pprs) {
        INFO(row.what);
        b.execute(row.words);
        REQUIRE(b.responses.sent.size() == 1);
        const PageGroupResponse r = b.responses.sent.back();
        b.responses.sent.clear();
        CHECK(raw(r.stream) == device_in(row));
        CHECK(r.has_pasid == (value_in(row, "GN") != 0));
        if (r.has_pasid) CHECK(raw(r.pasid) == value_in(row, "PASID"));
        CHECK(r.group == value_in(row, "Tag"));
        CHECK(raw(r.code) == value_in(row, "Status"));
    }
}

TEST_CASE("prefetches are legal where there is such", "[golden][amdvi][PREFETCH_IOMMU_PAGES]") {
    for (const gold::Command& row : gold::prefetch_pages) {
        INFO(row.what);
        CHECK(decoded(row).legal);
        CHECK_FALSE(decode_command(from_words<Command>(row.words), identity_of(AmdviConfig{})).legal);
    }
}

TEST_CASE("a prefetch forgets first what its bytes say", "[golden][amdvi][PREFETCH_IOMMU_PAGES]") {
    const gold::Command& row = any_row(gold::prefetch_pages);
    INFO(row.what);
    GoldenBench b;
    b.set_entry(Bench::guest(GoldenBench::gcr3, 2));
    b.lead(GoldenBench::gcr3, GoldenBench::golden_pasid, 3, GoldenBench::cr3);
    const Iova inside{0x7f12'3440'0000}; // of the row with 2 MiB
    const Spa leaf = b.map_guest(GoldenBench::cr3, inside, Bench::guest_page(GoldenBench::output));
    const Dma who{GoldenBench::device, GoldenBench::golden_pasid};
    CHECK(b.dma(inside, who).to == GoldenBench::output);
    b.store(leaf, GuestEntry{});
    b.execute(row.words);
    const bool forgets = value_in(row, "INVAL") != 0 && value_in(row, "S") != 0;
    CHECK((b.dma(inside, who).ending == Ending::Abort) == forgets);
    CHECK(b.get(Status::CmdBufRun));
}

TEST_CASE("the bits of each command that are refused are those that others refuse", "[golden][amdvi]") {
    const Identity id = identity_of(everything());
    for (const auto& row : gold::reserved_of_commands) {
        INFO(row.structure);
        const auto rows = command_rows();
        const auto command =
            std::find_if(rows.begin(), rows.end(), [&](const CommandRow& r) { return r.name() == row.structure; });
        REQUIRE(command != rows.end());
        const Command legal = Command{}.set(Command::Op, command->opcode);
        REQUIRE(decode_command(legal, id).legal);
        std::array<u64, 2> refused{};
        for (unsigned n = 0; n < 128; ++n)
            if ((n < 60 || n > 63) && !decode_command(flipped(legal, n), id).legal) refused[n / 64] |= u64{1} << n % 64;
        const bool same = refused[0] == row.words[0] && refused[1] == row.words[1];
        judge(row.structure, same ? "" : "other bits are refused", unmet_reserved_of_commands);
        if (!same) CHECK((refused[1] ^ row.words[1]) == InvalidateIotlbPages::Type.mask(1));
    }
    check_listed(gold::reserved_of_commands, unmet_reserved_of_commands, [](const auto& row) { return row.structure; });
}

} // namespace quiesce::iommu::amdvi::test
