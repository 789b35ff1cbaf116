// SPDX-License-Identifier: Apache-2.0
/// Registers held against rows that somebody else worked out by hand (golden/amdvi_registers_golden.h): where they are,
/// who may write what, what a reset and a write leave.
#include "amdvi/golden_bench.h"
#include "golden/amdvi_registers_golden.h"

namespace quiesce::iommu::amdvi::test {
namespace {

/// Names of the rows that the model does not use.
constexpr std::pair<std::string_view, std::string_view> register_alias_table[] = {
    {"DevTabBase", "DevTabBar"},
    {"CmdBufBase", "CmdBufBar"},
    {"EventLogBase", "EvtLogBar"},
    {"PPRLogBase", "PPRLogBar"},
    {"ExclusionBase", "ExclBase"},
    {"ExclusionLimit", "ExclLimit"},
    {"ExtFeature", "EFR"},
    {"ExtFeature2", "EFR2"},
    {"CmdBufHead", "CmdHead"},
    {"CmdBufTail", "CmdTail"},
    {"EventLogHead", "EvtHead"},
    {"EventLogTail", "EvtTail"},
    {"PPRLogHead", "PPRHead"},
    {"PPRLogTail", "PPRTail"},
    {"PPRAutoResponse", "PPRAutoResp"},
    {"HwEventUpper", "HwEvtUpper"},
    {"HwEventLower", "HwEvtLower"},
    {"HwEventStatus", "HwEvtStatus"},
    {"GALogBase", "GALogBar"},
    {"GALogTailAddress", "GALogTailAddr"},
    {"PPRLogBBase", "PPRLogBBar"},
    {"EventLogBBase", "EvtLogBBar"},
    {"DevTabSeg1Base", "DevTabSeg1Bar"},
    {"XtGeneralInt", "XTIntCtrl"},
    {"XtPprInt", "XTPprIntCtrl"},
    {"XtGALogInt", "XTGaIntCtrl"},
    {"GALogHead", "GAHead"},
    {"GALogTail", "GATail"},
    {"PPRLogBHead", "PPRBHead"},
    {"PPRLogBTail", "PPRBTail"},
    {"EventLogBHead", "EvtBHead"},
    {"EventLogBTail", "EvtBTail"},
};
std::string_view model_name(std::string_view row) {
    for (const auto& [theirs, ours] : register_alias_table)
        if (theirs == row) return ours;
    return row;
}
template <class F, class... R>
unsigned each_named(base::RegisterMap<R...>, std::string_view name, F f) {
    return (0u + ... + (R::name == name ? (f(R{}), 1u) : 0u));
}
/// Calls `f` with a value of the register that a row means; false: the model has it not, or only as absent.
template <class F>
bool with_register(std::string_view row, F f) {
    return each_named(Registers{}, model_name(row), f) == 1;
}
/// The message registers of the capability block, which are in memory, too.
bool is_message_register(u32 offset) { return offset >= message_registers && offset < message_registers_end; }

/// A unit that has not the feature that a row names; of those that none has, any.
AmdviConfig lacking(std::string_view feature) {
    AmdviConfig c = everything();
    if (feature == "PPRSup") c.ppr.set(false);
    if (feature == "MsiCapMmioSup") c.message_registers.set(false);
    if (feature == "PPRAutoRspSup") c.ppr_auto_response.set(false);
    if (feature == "PprOvrflwEarlySup") c.ppr_early_warning.set(false);
    if (feature == "XTSup") c.x2apic.set(false);
    return c;
}

/// Fields of registers that no unit here has.
bool is_absent(std::string_view row) {
    return each_named(AbsentRegisters{}, model_name(row), [](auto) {}) == 1;
}

template <class R>
std::string field_differs(const gold::RegField& row) {
    const base::RegisterEntry& entry = Registers::entries[Registers::index_of<R>()];
    std::string out;
    const bool found = with_meant<R>(row.field, [&](const auto& f) {
        const u64 there = base::low_bits(row.msb - row.lsb + 1) << row.lsb, mask = f.mask(0);
        if (mask != there) out += "it is elsewhere; ";
        const bool may = entry.access == base::Access::ReadWrite;
        const bool writes = may && (entry.writable & mask) == mask, clears = may && (entry.clearable & mask) == mask;
        const bool none = !may || ((entry.writable | entry.clearable) & mask) == 0;
        using gold::Access;
        if (!(row.access == Access::RO ? none : row.access == Access::RW1C ? clears : writes))
            out += "other accesses; ";
        const u64 reset = mask == 0 ? 0 : (entry.reset & mask) >> row.lsb;
        if (row.reset >= 0 && reset != static_cast<u64>(row.reset)) out += "another reset value";
    });
    return found ? out : "there is no such field";
}
std::string golden_field_name(const gold::RegField& row) { return std::string{row.reg} + "." + row.field; }

} // namespace

TEST_CASE("registers are where somebody else worked out that they are", "[golden][amdvi]") {
    const auto& row = any_row(gold::registers);
    INFO(row.name);
    const u32 bytes = row.bits / 8;
    GoldenBench whole;
    bool there = with_register(row.name, [&](auto r) {
        using R = decltype(r);
        CHECK(R::offset == row.offset);
        CHECK(sizeof(typename R::Value) * 8 == row.bits);
    });
    if (is_message_register(row.offset)) {
        there = true;
        CHECK(whole.read_at(row.offset, bytes) == whole.unit.config_read(message_register_of(row.offset)));
    }
    each_named(AbsentRegisters{}, model_name(row.name), [&](auto r) { CHECK(decltype(r)::offset == row.offset); });
    CHECK((there || row.needs[0] != 0));
    if (!there) CHECK(whole.read_at(row.offset, bytes) == 0); // a feature that no unit here has
}

TEST_CASE("a register whose feature is missing is reserved", "[golden][amdvi]") {
    const auto& row = any_row(gold::registers);
    INFO(row.name);
    if (row.needs[0] == 0) return;
    const u32 bytes = row.bits / 8;
    GoldenBench less{lacking(row.needs)};
    less.write_at(row.offset, bytes, ~u64{0} >> (64 - row.bits));
    CHECK(less.read_at(row.offset, bytes) == 0);
}

TEST_CASE(
    "register fields are where somebody else worked out that they are, and software may do with them what it says",
    "[golden][amdvi]") {
    std::set<std::string> seen;
    for (const gold::RegField& row : gold::register_fields) {
        std::string difference = "there is no such register";
        with_register(row.reg, [&](auto r) {
            difference = field_differs<decltype(r)>(row);
            with_meant<decltype(r)>(row.field, [&](const auto& f) {
                seen.insert(std::string{model_name(row.reg)} + "." + std::string{f.name()});
            });
        });
        if (is_absent(row.reg)) {
            CHECK(difference == "there is no such register");
            continue;
        }
        judge(golden_field_name(row), difference, unmet_register_fields);
    }
    check_listed(gold::register_fields, unmet_register_fields, golden_field_name);
    for (const base::RegisterRow& r : Registers::rows())
        for (const base::FieldRow& f : r.fields) {
            const std::string name = std::string{r.name} + "." + std::string{f.name};
            INFO(name);
            CHECK((seen.count(name) == 1) != (reason_not_to(fields_beyond_rows, name) != nullptr));
        }
}

TEST_CASE("register values are what somebody else made of their fields", "[golden][amdvi]") {
    for (const gold::RegisterValue& row : gold::register_values) {
        INFO(row.reg << ": " << row.what);
        CHECK(with_register(row.reg, [&](auto r) {
            CHECK(differs<decltype(r)>(row.fields, std::span{&row.value, 1}) == "");
            if (std::string_view{row.what} == "reset")
                CHECK(base::RegisterFile<Registers>{}.read<decltype(r)>().value() == row.value);
        }));
    }
}

TEST_CASE("a write leaves in a register what somebody else worked out", "[golden][amdvi]") {
    for (const gold::RegisterWrite& row : gold::writes) {
        INFO(row.reg << ": " << row.what);
        CHECK(with_register(row.reg, [&](auto r) {
            using R = decltype(r);
            base::RegisterFile<Registers> file;
            file.write(R::of(row.before));
            file.bus_write(R::offset, 8, row.written);
            CHECK(file.read<R>().value() == row.after);
        }));
    }
}

TEST_CASE("a write leaves in a unit's register what somebody else worked out", "[golden][amdvi]") {
    const auto& row = any_row(gold::writes);
    INFO(row.reg << ": " << row.what);
    Bench b{everything()};
    with_register(row.reg, [&](auto r) {
        constexpr u32 at = decltype(r)::offset;
        const u64 lengths = u64{8} << 56; // of rings, after a reset
        if ((b.read_at(at, 8) & ~lengths) != row.before) return;
        b.write_at(at, 8, row.written);
        CHECK(b.read_at(at, 8) == row.after);
    });
}

TEST_CASE("what runs after Control is written is what somebody else worked out", "[golden][amdvi][Control][Status]") {
    const auto& row = any_row(gold::control_outcomes);
    INFO(row.what);
    GoldenBench b;
    b.write_at(Control::offset, 8, 0);
    b.set_entry(Bench::valid().set(Dte::IR, false));
    // What stands in Status the unit has to bring about: an interrupt by an entry, an overflow by one more in a full
    // log.
    const bool overflow = (row.status_before & 1) != 0, pending = (row.status_before & 2) != 0;
    const auto fault = [&] { CHECK(b.dma(Iova{0x5000}, {GoldenBench::device}).ending == Ending::Abort); };
    if (overflow || pending) {
        b.write_at(Control::offset, 8, 0x1405);
        fault();
    }
    if (overflow) {
        b.write(EvtHead{}.set(EvtHead::Ptr, b.get(EvtTail::Ptr) + 1));
        fault();
    }
    if (!pending) b.clear(Status::EventLogInt);
    b.write_at(Control::offset, 8, row.control_before);
    REQUIRE(b.reg<Status>().value() == row.status_before);
    b.write_at(Control::offset, 8, row.control);
    CHECK(b.reg<Status>().value() == row.status);
}

TEST_CASE("rings have as many entries as their length says", "[golden][amdvi][CmdBufBar][EvtLogBar][PPRLogBar]") {
    const gold::RingLength& row = any_row(gold::ring_lengths);
    CAPTURE(row.code);
    CHECK(u64{row.entries} * ring_entry_bytes == row.bytes);
    GoldenBench b;
    b.write_at(Control::offset, 8, 0);
    b.write(CmdBufBar{}.set(CmdBufBar::Base, GoldenBench::buffer).set(CmdBufBar::Len, row.code));
    b.write(EvtLogBar{}.set(EvtLogBar::Base, Spa{0x81'0068'0000}).set(EvtLogBar::Len, row.code));
    b.write(EvtHead{}.set(EvtHead::Ptr, row.entries - 1));
    b.write(EvtTail{}.set(EvtTail::Ptr, row.entries - 1));
    b.write(CmdHead{}.set(CmdHead::Ptr, row.entries - 1));
    b.write(CmdTail{}.set(CmdTail::Ptr, row.entries - 1));
    b.write_at(Control::offset, 8, 0x1405);
    b.memory.poke64(GoldenBench::buffer + row.last_offset, u64{8} << 60);
    b.write(CmdTail{}.set(CmdTail::Ptr, 0)); // the last command of the buffer, and round
    CHECK(b.get(CmdHead::Ptr) == 0);
    b.set_entry(Bench::valid().set(Dte::IR, false));
    CHECK(b.dma(Iova{0x5000}, {GoldenBench::device}).ending == Ending::Abort);
    CHECK(b.get(EvtTail::Ptr) == 0);
    CHECK(b.words_at(Spa{0x81'0068'0000} + row.last_offset)[0] >> 60 == 2);
}

TEST_CASE("devices have as much time as InvTimeOut says", "[golden][amdvi][Control.InvTimeOut]") {
    struct Silent : AtsPort {
        sim::Task<AtcAnswer> invalidate(AtcInvalidation) override {
            co_await sim::delay(sim::Duration::ps(200'000'000'000'000)); // 200 s
            co_return AtcAnswer::Completed;
        }
    };
    const gold::InvTimeOut& row = any_row(gold::inv_timeouts);
    CAPTURE(row.code);
    GoldenBench b;
    Silent silent;
    b.unit.set_ats_port(&silent);
    b.control(Control::InvTimeOut, static_cast<InvalidationTimeout>(row.code));
    const sim::Time begun = sim::now();
    b.memory.poke64(GoldenBench::buffer, u64{4} << 60 | GoldenBench::device);
    b.post(CmdTail{}.set(CmdTail::Ptr, 1));
    const sim::Duration limit = sim::Duration::ps(1'000'000'000) * i64{row.milliseconds};
    b.run_for(limit == sim::Duration{} ? sim::Duration::ps(150'000'000'000'000) : limit);
    CHECK(b.get(EvtTail::Ptr) == 0);
    if (row.milliseconds == 0) return;
    b.run_for(sim::Duration::ps(10'000'000));
    CHECK(b.get(EvtTail::Ptr) == 1);
    CHECK(sim::now() - begun < limit * 2);
}

} // namespace quiesce::iommu::amdvi::test
