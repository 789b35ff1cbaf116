// SPDX-License-Identifier: Apache-2.0
/// Configuration space: bytes, masks, chains, BAR sizing, callbacks, resets, error logging. Offsets and values are
/// typed from facts/iommu-specs.md 4 and from lspci, not computed from config_regs.h.
#include "base/property.h"
#include "pcie/config_space.h"

#include <catch2/catch.hpp>

#include <map>
#include <stdexcept>
#include <tuple>
#include <vector>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace base::literals;

namespace {

/// The default function: where each capability stands.
constexpr u32 express = 0x40, msix = 0x7c, aer = 0x100, ats = 0x148, pri = 0x150, pasid = 0x160;

BarConfig bar_of(base::Size size, bool wide, bool prefetchable = false) {
    BarConfig bar;
    bar.size = size;
    bar.wide = wide;
    bar.prefetchable = prefetchable;
    return bar;
}
u32 sized(ConfigSpace& config, u32 offset) {
    config.config_write(offset, 4, 0xffff'ffff);
    return config.config_read(offset, 4);
}

} // namespace

TEST_CASE("a function's header and capabilities are the bytes that the specification prints", "[pcie][config]") {
    const ConfigSpace config{FunctionConfig{}};
    const std::map<u32, u32>
        expected{
            {0x00, 0xacc0'1d1e}, // device, vendor
            {0x04, 0x0010'0000}, // status: capability list
            {0x08, 0x1200'0001}, // processing accelerator, revision 1
            {0x0c, 0x0000'0000}, // header type 0
            {0x10, 0x0000'0004}, // 64-bit BAR
            {0x2c, 0x0001'1d1e},  {0x34, 0x0000'0040},
            {0x40, 0x0002'7c10}, // PCI Express, next 7c, version 2, endpoint
            {0x44, 0x1000'8022}, // DevCap: FLR, role-based errors, extended tags, 512 bytes
            {0x48, 0x0000'2810}, // DevCtl: MRRS 512, no-snoop, relaxed ordering
            {0x4c, 0x0040'0104}, // LinkCap: x16, 16 GT/s
            {0x50, 0x1104'0000}, // LinkSta: slot clock, x16, 16 GT/s
            {0x64, 0x0063'001f}, // DevCap2: one end-end prefix, 10-bit tags, timeouts A..D
            {0x6c, 0x0000'001e}, // LinkCap2: 2.5 to 16 GT/s
            {0x70, 0x0000'0004}, // LinkCtl2: target 16 GT/s
            {0x7c, 0x0007'0011}, // MSI-X, last, 8 vectors
            {0x80, 0x0000'2000},  {0x84, 0x0000'3000},
            {0x100, 0x1482'0001}, // AER v2, next 148
            {0x104, 0},           {0x108, 0x0040'0000},
            {0x10c, 0x0046'2030}, {0x110, 0},
            {0x114, 0x0000'2000}, {0x118, 0x0000'00a0},
            {0x148, 0x1501'000f}, {0x14c, 0x0000'0020}, // ATS: 32 invalidations (coded 0), page aligned
            {0x150, 0x1601'0013}, {0x154, 0x8100'0000}, // PRI: responses need a PASID, stopped
            {0x158, 512},         {0x15c, 0},
            {0x160, 0x0001'001b}, {0x164, 0x0000'1404}, // PASID: 20 bits, privileged mode
        };
    for (u32 offset = 0; offset < 4096; offset += 4) {
        const auto row = expected.find(offset);
        INFO("offset 0x" << std::hex << offset);
        CHECK(config.config_read(offset, 4) == (row == expected.end() ? 0 : row->second));
    }
}

TEST_CASE("a function without extended capabilities has zero at 0x100, and one without MSI-X ends its list",
          "[pcie][config]") {
    FunctionConfig lean;
    lean.msix.vectors = 0;
    lean.aer.present = lean.ats.present = lean.pri.present = lean.pasid.present = false;
    const ConfigSpace config{lean};
    CHECK(config.config_read(0x41, 1) == 0);
    CHECK(config.config_read(0x100, 4) == 0);
    CHECK_FALSE(config.has(cfg::Capability::Ats));
    CHECK_FALSE(config.ats_enabled());
    CHECK((config.config_read(0x64, 4) & 0x00e0'0000) == 0); // no TLP prefixes without PASID
}

TEST_CASE("whichever extended capability comes first stands at 0x100", "[pcie][config]") {
    FunctionConfig lean;
    lean.aer.present = false;
    lean.acs.present = true;
    lean.sriov.total_vfs = 4;
    const ConfigSpace config{lean};
    CHECK(config.config_read(0x100, 4) == 0x1081'000d); // ACS
    CHECK(config.config_read(0x104, 4) == 0x0000'004c); // request and completion redirect, direct translated
    CHECK(config.config_read(0x108, 4) == 0x1481'0010); // SR-IOV
    CHECK(config.config_read(0x114, 4) == 0x0004'0004); // total, initial
    CHECK(config.config_read(0x11c, 4) == 0x0001'0001); // stride, offset
    CHECK(config.config_read(0x120, 4) == 0x1d1f'0000);
    CHECK(config.config_read(0x124, 4) == 0x0000'0553);
    CHECK(config.config_read(0x128, 4) == 1);
    CHECK(config.config_read(0x148, 2) == 0x000f); // ATS
}

TEST_CASE("software changes only writable bits, what it writes there reads back, and ones clear status bits",
          "[pcie][config]") {
    struct Mask {
        u32 writable, clearable;
    };
    static const std::map<u32, Mask> masks{
        {0x04, {0x0000'0546, 0xf900'0000}},
        {0x0c, {0xff, 0}},
        {0x10, {0xffff'0000, 0}},
        {0x14, {0xffff'ffff, 0}},
        {0x3c, {0xff, 0}},
        {express + 0x08, {0x79ff, 0x000f'0000}},
        {express + 0x10, {0xcb, 0}},
        {express + 0x28, {0x131f, 0}},
        {express + 0x30, {0x2f, 0}},
        {msix, {0xc000'0000, 0}},
        {aer + 0x04, {0, 0x007f'f010}},
        {aer + 0x08, {0x007f'f010, 0}},
        {aer + 0x0c, {0x007f'f010, 0}},
        {aer + 0x10, {0, 0x31c1}},
        {aer + 0x14, {0x31c1, 0}},
        {aer + 0x18, {0x140, 0}},
        {ats + 0x04, {0x801f'0000, 0}},
        {pri + 0x04, {0x3, 0x0003'0000}},
        {pri + 0x0c, {0xffff'ffff, 0}},
        {pasid + 0x04, {0x0005'0000, 0}},
    };
    testbench::holds([](const std::vector<std::tuple<u16, u8, u32>>& writes) {
        ConfigSpace config{FunctionConfig{}};
        config.on_flr([] {}); // never ends: nothing is reset
        config.write(cfg::Status::of(0xf910));
        config.write(cfg::DevSta::of(0x000f));
        config.write(cfg::AerUncorrectableStatus::of(0x007f'f010));
        config.write(cfg::AerCorrectableStatus::of(0x31c1));
        for (const auto& [place, width, value] : writes) {
            const unsigned size = 1u << width % 3;
            const u32 offset = place % 0x180 / size * size, at = offset & ~3u, shift = (offset & 3) * 8;
            const u32 before = config.config_read(at, 4);
            config.config_write(offset, size, value);
            const u32 now = config.config_read(at, 4);
            const u32 lanes = static_cast<u32>((u64{1} << size * 8) - 1) << shift, written = value << shift & lanes;
            const auto row = masks.find(at);
            const Mask mask = row == masks.end() ? Mask{0, 0} : row->second;
            u32 expected = (before & ~(mask.writable & lanes)) | (written & mask.writable);
            expected &= ~(written & mask.clearable);
            // Enabling PRI clears its flags, disabling it clears Stopped, its reset sets it: a test of its own below.
            const u32 compared = at == pri + 4 ? ~0x0103'0000u : ~0u;
            RC_ASSERT((now & compared) == (expected & compared));
            RC_ASSERT(config.config_read(offset, size) == (now & lanes) >> shift);
        }
    });
}

TEST_CASE("accesses that cross a double word or lie outside read zero and write nothing", "[pcie][config]") {
    ConfigSpace config{FunctionConfig{}};
    config.config_write(0x13, 2, 0xffff);
    config.config_write(0x10, 8, 0xffff'ffff);
    config.config_write(0x1000, 4, 0xffff'ffff);
    CHECK(config.config_read(0x10, 4) == 0x4);
    CHECK(config.config_read(0x02, 4) == 0);
    CHECK(config.config_read(0x1000, 1) == 0);
    CHECK(config.config_read(0xfffc, 4) == 0);
    CHECK(config.config_read(0x01, 2) == 0xc01d);
}

TEST_CASE("all ones written to a BAR read back as its negated size and its type", "[pcie][config]") {
    FunctionConfig function;
    function.bar2 = bar_of(4_KiB, false, true);
    function.bar4 = bar_of(8_GiB, true, true);
    ConfigSpace config{function};
    CHECK(sized(config, 0x10) == 0xffff'0004);
    CHECK(sized(config, 0x14) == 0xffff'ffff);
    CHECK(sized(config, 0x18) == 0xffff'f008);
    CHECK(sized(config, 0x1c) == 0); // not there
    CHECK(sized(config, 0x20) == 0x0000'000c);
    CHECK(sized(config, 0x24) == 0xffff'fffe);

    config.config_write(0x10, 4, 0xe012'3456);
    config.config_write(0x14, 4, 0x20);
    CHECK_FALSE(config.bar_address(0)); // memory space is off
    config.config_write(0x04, 2, 0x2);
    CHECK(config.bar_address(0) == 0x20'e012'0000u);
    CHECK(config.bar_address(2) == 0xffff'f000u);
    CHECK_FALSE(config.bar_address(1));
    CHECK(config.bar_size(4) == 0x2'0000'0000);
}

TEST_CASE("a function that cannot be is refused", "[pcie][config]") {
    FunctionConfig function;
    SECTION("a BAR of 3000 bytes") { function.bar0.size = base::Size{3000}; }
    SECTION("a BAR of 8 bytes") { function.bar2 = bar_of(8_B, false); }
    SECTION("a 32-bit BAR of 4 GiB") { function.bar4 = bar_of(4_GiB, false); }
    SECTION("an MSI-X table beyond its BAR") { function.msix.table = 64_KiB; }
    SECTION("an MSI-X table in a BAR that is not there") { function.msix.bar = 4; }
    SECTION("MSI-X structures that overlap") { function.msix.pending = 8_KiB; }
    CHECK_THROWS_AS(ConfigSpace(function), std::invalid_argument);
}

TEST_CASE("a callback hears a change of its register or field once, after it, and nothing else", "[pcie][config]") {
    ConfigSpace config{FunctionConfig{}};
    std::vector<bool> master;
    std::vector<std::pair<u16, u16>> control;
    config.on_change(cfg::Command::BusMaster, [&](bool on) {
        CHECK(config.bus_master() == on);
        master.push_back(on);
    });
    config.on_change<cfg::AtsControl>(
        [&](cfg::AtsControl now, cfg::AtsControl before) { control.emplace_back(now.value(), before.value()); });
    config.config_write(0x04, 2, 0x2); // memory space
    config.config_write(0x04, 2, 0x6);
    config.config_write(0x04, 1, 0x6);
    config.config_write(ats + 6, 2, 0x8003);
    config.config_write(ats + 7, 1, 0x00);
    config.config_write(ats + 4, 4, 0x0003'ffff); // the capability below it is read-only: no change
    config.set(cfg::AtsControl::Enable, true);    // the model's own
    config.config_write(0x04, 2, 0x0);
    CHECK(master == std::vector<bool>{true, false});
    CHECK(control == std::vector<std::pair<u16, u16>>{{0x8003, 0x0000}, {0x0003, 0x8003}});
    CHECK(config.smallest_translation_unit() == 32768);
}

TEST_CASE("a callback on writes hears every write of its field's bytes, and resets that change it", "[pcie][config]") {
    ConfigSpace config{FunctionConfig{}};
    std::vector<bool> enable;
    config.on_write(cfg::AtsControl::Enable, [&](bool on) { enable.push_back(on); });
    config.config_write(ats + 6, 2, 0x8000);
    config.config_write(ats + 7, 1, 0x80); // the same once more
    config.config_write(ats + 6, 1, 0x03); // not its byte
    config.config_write(ats, 4, 0);        // nor these
    config.set(cfg::AtsControl::STU, 1);   // the model's own
    config.reset(ResetKind::Conventional);
    config.reset(ResetKind::Conventional); // changes nothing
    CHECK(enable == std::vector<bool>{true, true, false});
}

TEST_CASE("firmware assigns a BAR an address that it can have, and no other", "[pcie][config]") {
    ConfigSpace config{FunctionConfig{}};
    config.assign_bar(0, 0x12'3456'0000);
    CHECK(config.config_read(0x10, 4) == 0x3456'0004);
    CHECK(config.config_read(0x14, 4) == 0x12);
    CHECK_THROWS_AS(config.assign_bar(0, 0x8000), std::invalid_argument);
    CHECK_THROWS_AS(config.assign_bar(2, 0x10000), std::invalid_argument);
}

TEST_CASE("PASID control offers what the function supports, and says so", "[pcie][config]") {
    FunctionConfig function;
    function.pasid.execute = true;
    function.pasid.privileged = false;
    function.pasid.width = 16;
    ConfigSpace config{function};
    CHECK(config.config_read(pasid + 4, 2) == 0x1002);
    config.config_write(pasid + 6, 2, 0xffff);
    CHECK(config.config_read(pasid + 6, 2) == 0x0003);
    CHECK((config.pasid_enabled() && config.pasid_execute() && !config.pasid_privileged()));
    CHECK(config.pasid_width() == 16);
}

TEST_CASE("PRI: enabling clears the flags, disabling clears Stopped, Reset acts only while disabled",
          "[pcie][config]") {
    ConfigSpace config{FunctionConfig{}};
    int resets = 0;
    config.on_pri_reset([&] { ++resets; });
    config.config_write(pri + 0x0c, 4, 32);
    CHECK(config.pri_allocation() == 32);

    config.config_write(pri + 4, 2, 0x1);
    CHECK(config.config_read(pri + 6, 2) == 0x8000);
    CHECK(config.may_request_pages());
    config.config_write(pri + 4, 2, 0x3); // E is set: no reset
    CHECK(resets == 0);

    config.set_pri_response_failure();
    config.set_pri_unexpected_group();
    CHECK(config.config_read(pri + 6, 2) == 0x8003);
    CHECK_FALSE(config.may_request_pages());
    config.config_write(pri + 6, 2, 0x2);
    CHECK(config.config_read(pri + 6, 2) == 0x8001);

    config.config_write(pri + 4, 2, 0x0);
    CHECK(config.config_read(pri + 6, 2) == 0x8001); // still draining
    config.set_pri_stopped(true);
    CHECK(config.config_read(pri + 6, 2) == 0x8101);
    config.config_write(pri + 4, 2, 0x1);
    CHECK(config.config_read(pri + 6, 2) == 0x8000);

    config.config_write(pri + 4, 2, 0x2); // disabled by the same write
    CHECK(resets == 1);
    CHECK(config.config_read(pri + 6, 2) == 0x8100);
}

TEST_CASE("a function-level reset restores defaults except sticky bits and what belongs to the link",
          "[pcie][config]") {
    ConfigSpace config{FunctionConfig{}};
    std::vector<bool> enabled;
    config.on_change(cfg::AtsControl::Enable, [&](bool on) { enabled.push_back(on); });
    config.config_write(0x04, 2, 0x6);
    config.config_write(0x10, 4, 0xe000'0000);
    config.config_write(0x3c, 1, 11);
    config.config_write(express + 0x08, 2, 0x5157); // MPS 512, MRRS 4096, extended tags, errors
    config.config_write(express + 0x10, 2, 0x00cb);
    config.config_write(express + 0x28, 2, 0x1006);
    config.config_write(express + 0x30, 2, 0x0003);
    config.config_write(msix + 2, 2, 0x8000);
    config.config_write(aer + 0x08, 4, 0x0010'0000);
    config.config_write(ats + 6, 2, 0x8001);
    config.config_write(pri + 0x0c, 4, 32);
    config.config_write(pri + 4, 2, 0x1);
    config.config_write(pasid + 6, 2, 0x1);
    config.set_transactions_pending(true);
    config.report(cfg::Uncorrectable::CompletionTimeout);

    CHECK(config.config_read(express + 0x0a, 2) == 0x22); // pending, non-fatal error
    config.config_write(express + 0x09, 1, 0x80);         // Initiate FLR alone

    CHECK(config.config_read(0x04, 2) == 0);
    CHECK(config.config_read(0x10, 4) == 0x4);
    CHECK(config.config_read(0x3c, 1) == 0);
    CHECK(config.config_read(express + 0x08, 4) == 0x2850); // MPS stays; Initiate FLR reads 0
    CHECK(config.config_read(express + 0x10, 4) == 0x1104'00cb);
    CHECK(config.config_read(express + 0x28, 2) == 0);
    CHECK(config.config_read(express + 0x30, 2) == 0x0003);
    CHECK(config.config_read(msix, 4) == 0x0007'0011);
    CHECK(config.config_read(aer + 0x04, 4) == 0x0000'4000);
    CHECK(config.config_read(aer + 0x08, 4) == 0x0010'0000);
    CHECK(config.config_read(aer + 0x18, 4) == 0x0000'00ae); // first error: 14
    CHECK(config.config_read(ats + 4, 4) == 0x0000'0020);
    CHECK(config.config_read(pri + 4, 4) == 0x8100'0000);
    CHECK(config.config_read(pri + 0x0c, 4) == 0);
    CHECK(config.config_read(pasid + 6, 2) == 0);
    CHECK(enabled == std::vector<bool>{true, false});

    config.reset(ResetKind::Conventional);
    CHECK(config.config_read(express + 0x08, 4) == 0x2810);
    CHECK(config.config_read(express + 0x10, 4) == 0x1104'0000);
    CHECK(config.config_read(aer + 0x04, 4) == 0x0000'4000);
    config.reset(ResetKind::Cold);
    CHECK(config.config_read(aer + 0x04, 4) == 0);
    CHECK(config.config_read(aer + 0x08, 4) == 0x0040'0000);
}

TEST_CASE("Initiate FLR reads 0 and leaves the moment of the reset to the device", "[pcie][config]") {
    FunctionConfig function;
    SECTION("with FLR") {
        ConfigSpace config{function};
        int asked = 0;
        config.on_flr([&] { ++asked; });
        config.config_write(0x04, 2, 0x6);
        config.config_write(express + 0x08, 2, 0xa810);
        CHECK(asked == 1);
        CHECK(config.config_read(express + 0x08, 2) == 0x2810);
        CHECK(config.bus_master());
        config.reset(ResetKind::FunctionLevel);
        CHECK_FALSE(config.bus_master());
    }
    SECTION("without it the bit does nothing") {
        function.express.flr = false;
        ConfigSpace config{function};
        config.config_write(0x04, 2, 0x6);
        config.config_write(express + 0x08, 2, 0xa810);
        CHECK(config.config_read(express + 0x04, 4) == 0x0000'8022);
        CHECK(config.bus_master());
    }
}

TEST_CASE("sizes, tags and timeouts are those that software chose", "[pcie][config]") {
    ConfigSpace config{FunctionConfig{}};
    CHECK(config.max_payload() == 128);
    CHECK(config.max_read_request() == 512);
    CHECK(config.tags() == 32);
    CHECK(config.completion_timeout()->to_us == 50'000);
    config.config_write(express + 0x08, 2, 0x5140);
    config.config_write(express + 0x28, 2, 0x0006);
    CHECK(config.max_payload() == 512);
    CHECK(config.max_read_request() == 4096);
    CHECK(config.tags() == 256);
    CHECK(config.completion_timeout()->from_us == 65'000);
    CHECK(config.completion_timeout()->to_us == 210'000);
    config.config_write(express + 0x28, 2, 0x1010);
    CHECK(config.tags() == 768);
    CHECK_FALSE(config.completion_timeout());
}
