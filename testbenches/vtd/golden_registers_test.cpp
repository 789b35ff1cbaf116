// SPDX-License-Identifier: Apache-2.0
/// Registers held against rows that somebody else worked out by hand (golden/vtd_registers_golden.h,
/// golden/vtd_register_values_golden.h): where they are, who may write what, and what a write leaves.
#include "golden/vtd_register_values_golden.h"
#include "golden/vtd_registers_golden.h"
#include "vtd/golden_table.h"

namespace quiesce::iommu::vtd::test {
namespace {

std::string_view register_name_of(std::string_view name) { return name.substr(0, name.rfind("_REG")); }
template <class Row>
std::string full_name(const Row& row) {
    return std::string{row.reg} + ": " + row.what;
}
bool is_fault_record(std::string_view name) { return name == "FRCD_REG"; }

template <class F, class... R>
void each_register(base::RegisterMap<R...>, F f) {
    (f(R{}), ...);
}
/// Calls `f` with a value of the register of that name.
template <class F>
void with_register(std::string_view name, F f) {
    unsigned found = 0;
    each_register(Registers{}, [&](auto r) {
        if (decltype(r)::name != register_name_of(name)) return;
        f(r);
        ++found;
    });
    INFO(name);
    REQUIRE(found == 1);
}

/// "CAP.PLMR or CAP.PHMR", "ECAP.QI": a unit that has everything but that.
Identity lacking(std::string_view names) {
    Identity id = every_feature();
    id.ecap.set(Ecap::VCS, true);
    std::istringstream in{std::string{names}};
    for (std::string word; in >> word;) {
        const auto clear_cap = [&](const auto& f) { id.cap.set(f, {}); };
        const auto clear_ecap = [&](const auto& f) { id.ecap.set(f, {}); };
        if (word.starts_with("CAP.")) REQUIRE(with_field<Cap>(word.substr(4), clear_cap) == 1);
        if (word.starts_with("ECAP.")) REQUIRE(with_field<Ecap>(word.substr(5), clear_ecap) == 1);
    }
    return id;
}
/// Where software finds a register of the unit.
u64 golden_offset(const gold::Register& row, const Identity& id) {
    const u64 iro = id.ecap.get(Ecap::IRO) * 16, fro = id.cap.get(Cap::FRO) * 16;
    return row.offset + (row.from == gold::From::Iro ? iro : row.from == gold::From::Fro ? fro : 0);
}

/// A field of this name is where the row says, and software may do with it what the row says.
template <class R>
std::string field_differs(const gold::RegField& row) {
    const base::RegisterEntry& entry = Registers::entries[Registers::index_of<R>()];
    std::string out;
    const unsigned found = with_field<R>(row.field, [&](const auto& f) {
        const u64 there = base::low_bits(row.msb - row.lsb + 1) << row.lsb;
        // Bits of a region that are smaller than its granule are the implementation's: they are not kept.
        const bool granules =
            std::string_view{row.reg}.starts_with("PLM") || std::string_view{row.reg}.starts_with("PHM");
        const bool same = granules ? (f.mask(0) & ~there) == 0 && f.msb() == row.msb : f.mask(0) == there;
        if (!same) out += "it is elsewhere; ";
        const u64 mask = f.mask(0);
        const bool writes = (entry.writable & mask) == mask, clears = (entry.clearable & mask) == mask;
        const bool none = ((entry.writable | entry.clearable) & mask) == 0;
        using gold::Access;
        const bool may = row.access == Access::RO ? none : row.access == Access::RW1C ? clears : writes;
        if (!may) out += "other accesses; ";
        if (row.reset >= 0 && (entry.reset & mask) != (row.reset != 0 ? mask : 0)) out += "another reset value";
    });
    return found == 1 ? out : "there is no such field";
}

constexpr std::array unmet_fields{
    Unmet{"RTADDR_REG.SSIRWE", "second-stage permissions other than R and W (ECAP.SSIRWS cannot be 1)"},
};
constexpr std::array unmet_values{
    Unmet{"RTADDR_REG: scalable mode, interrupts by second-stage IR and IW", unmet_fields[0].why},
};
/// Fields of the layout that the manual has no longer.
constexpr std::array older_fields{Unmet{"CAP.AFL", "of older revisions: an identity that has it is refused by name"}};

constexpr std::array unmet_writes{
    Unmet{"RTADDR_REG: low bits", "bit 7 is SSIRWE (ECAP.SSIRWS cannot be 1): reserved here"},
};
/// What a write does beside what is stored; these rows are about what is stored alone.
bool has_effects(std::string_view reg) { return reg == "PMEN_REG" || reg == "GCMD_REG"; }

/// The unit has all that a write row may want, and interrupt remapping's registers.
struct WritableBench : Bench {
    WritableBench() : Bench(VtdConfig{}, lacking("")) {}
};

} // namespace

TEST_CASE("registers are where the manual has them, and one whose capability is missing is reserved", "[golden][vtd]") {
    const auto& row = any_row(gold::registers);
    INFO(row.name);
    const Identity whole = lacking(""), less = lacking(row.needs);
    if (is_fault_record(row.name)) {
        CHECK(frcd_offset(whole.cap) == golden_offset(row, whole));
        CHECK(row.bits == FaultRecord::byte_count * 8);
        return;
    }
    u64 written = 0, reset = 0;
    with_register(row.name, [&](auto r) {
        using R = decltype(r);
        CHECK(row.bits == sizeof(typename R::Value) * 8);
        if (row.from == gold::From::Base) CHECK(R::offset == row.offset);
        const base::RegisterEntry& entry = Registers::entries[Registers::index_of<R>()];
        written = entry.access == base::Access::ReadWrite ? entry.writable & ~entry.clearable : 0;
        reset = entry.reset;
    });
    const unsigned bytes = row.bits / 8;
    // Bits that start something are not written here.
    if (row.name == std::string_view{"CCMD_REG"} || row.name == std::string_view{"IOTLB_REG"}) written &= 0xffff;
    if (row.name == std::string_view{"VCMD_REG"}) written = 0;
    Bench b{VtdConfig{}, row.needs[0] != 0 ? less : whole};
    const u64 at = golden_offset(row, b.unit.identity());
    if (row.needs[0] == 0) {
        b.write_at(at, bytes, written);
        if (written != 0) CHECK((b.read_at(at, bytes) & written) == written);
    } else {
        b.write_at(at, bytes, ~u64{0} >> (64 - row.bits));
        CHECK(b.read_at(at, bytes) == 0);
        CHECK(reset == (row.name[0] == 'I' || row.name[0] == 'P' ? reset : 0)); // of masked events only
    }
}

TEST_CASE("register fields are where the manual has them, and software may do with them what it says",
          "[golden][vtd]") {
    std::set<std::string> seen;
    for (const auto& row : gold::register_fields) {
        const std::string name = std::string{row.reg} + "." + row.field;
        seen.insert(std::string{register_name_of(row.reg)} + "." + row.field);
        if (is_fault_record(row.reg)) {
            const auto there = [&](const auto& f) { CHECK((f.msb() == row.msb && f.lsb() == row.lsb)); };
            INFO(name);
            CHECK(with_field<FaultRecord>(row.field, there) == 1);
            continue;
        }
        std::string difference;
        with_register(row.reg, [&](auto r) { difference = field_differs<decltype(r)>(row); });
        judge(name, difference, unmet_fields);
    }
    const auto name_of = [](const gold::RegField& row) { return std::string{row.reg} + "." + row.field; };
    check_listed(gold::register_fields, unmet_fields, name_of);
    for (const auto& row : Registers::rows())
        for (const auto& f : row.fields) {
            const std::string name = std::string{row.name} + "." + std::string{f.name};
            INFO(name);
            CHECK((seen.count(name) == 1) != (reason_not_to(older_fields, name) != nullptr));
        }
}

TEST_CASE("register values are what the manual's fields make of them", "[golden][vtd]") {
    for (const auto& row : gold::register_values) {
        std::string difference;
        const std::string name = full_name(row);
        with_register(row.reg, [&](auto r) {
            difference = differs<decltype(r)>(row.fields, std::span{&row.value, 1});
        });
        judge(name, difference, unmet_values);
        if (std::string_view{row.what} == "reset")
            with_register(row.reg, [&](auto r) {
                CHECK(base::RegisterFile<Registers>{}.read<decltype(r)>().value() == row.value);
            });
    }
    check_listed(gold::register_values, unmet_values, full_name<gold::RegisterValue>);
    check_listed(gold::register_writes, unmet_writes, full_name<gold::RegisterWrite>);
}

TEST_CASE("the unit can be what two real ones say that they are", "[golden][vtd][VER][CAP][ECAP]") {
    const std::string version = GENERATE("version 1:0", "version 6:0");
    IdentityValues values;
    for (const auto& row : gold::register_values) {
        if (row.what != version) continue;
        if (register_name_of(row.reg) == "VER") values.ver = static_cast<u32>(row.value);
        if (register_name_of(row.reg) == "CAP") values.cap = row.value;
        if (register_name_of(row.reg) == "ECAP") values.ecap = row.value;
    }
    values.haw = mgaw_bits(Cap::of(values.cap)) < 52 ? mgaw_bits(Cap::of(values.cap)) : 52;
    const Identity id = identity_of(values);
    CHECK(what_it_cannot_be(id) == "");
    Bench b{VtdConfig{}, id};
    CHECK(b.read<Ver>().value() == values.ver);
    CHECK(b.read<Cap>().value() == values.cap);
    CHECK(b.read<Ecap>().value() == values.ecap);
    CHECK(b.unit.fault_bank().size() == 1);
}

TEST_CASE("what software keeps of GSTS gives no command, and every command is in what it does not keep or a state",
          "[golden][vtd][GCMD][GSTS]") {
    WritableBench b;
    b.enable_queue(true);
    b.set_root(TableMode::Scalable);
    for (const auto& bit : {Gcmd::SIRTP, Gcmd::IRE, Gcmd::TE}) b.command(bit);
    const u32 all_on = b.read<Gsts>().value();
    CHECK(all_on == 0xc700'0000); // "all on"
    b.write(Rtaddr{});            // would be in force after SRTP
    b.write(Gcmd::of(all_on & gold::global_status_kept));
    CHECK(b.read<Gsts>().value() == all_on);
    CHECK(b.dma(here, {Bench::stream, 5}).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SRT_2); // still the root of before, in scalable mode
    const u64 one_shots = Gcmd::SRTP.mask(0) | Gcmd::WBF.mask(0) | Gcmd::SIRTP.mask(0);
    CHECK((gold::global_status_kept & one_shots) == 0);
    CHECK((base::mask_of(Gcmd::fields) & ~one_shots & ~u64{gold::global_status_kept}) == 0);
}

TEST_CASE("a write leaves in a register what its kinds of access let it", "[golden][vtd]") {
    const auto& row = any_row(gold::register_writes);
    const std::string name = full_name(row);
    INFO(name);
    if (is_fault_record(row.reg)) { // the doubleword that has F, of a record that a fault has made
        WritableBench b;
        b.start(TableMode::Scalable);
        b.store_context(Bench::context().set(ScalableContextEntry::PDTS, 7), 0x3a10);
        b.store_pasid(0x1'2345, Bench::first_stage(b.new_table()));
        const Dma write{0x3a10, 0x1'2345, iommu::Access::Write};
        CHECK(b.dma(Iova{0x7f12'3456'7000}, write).ending == Ending::Abort);
        const u64 at = b.frcd() + row.bit / 8;
        CHECK(b.read_at(at, 4) == row.before);
        b.write_at(at, 4, row.written);
        CHECK(b.read_at(at, 4) == row.after);
        return;
    }
    base::RegisterFile<Registers> file;
    u64 after = 0, on_unit = row.after;
    with_register(row.reg, [&](auto r) {
        using R = decltype(r);
        constexpr unsigned bytes = sizeof(typename R::Value);
        file.write(R::of(static_cast<typename R::Value>(row.before)));
        file.bus_write(R::offset, bytes, row.written);
        after = file.read<R>().value();
        WritableBench b; // and the unit itself, if that is how it comes out of reset
        const bool movable = R::offset >= movable_registers;
        const u64 at = movable ? iotlb_offset(b.unit.identity().ecap) : R::offset;
        if (has_effects(row.reg) || b.read_at(at, bytes) != row.before) return;
        b.write_at(at, bytes, row.written);
        on_unit = b.read_at(at, bytes);
    });
    judge(name, after == row.after && on_unit == row.after ? "" : "something else is left", unmet_writes);
}

TEST_CASE("invalidation by register says that it did what the manual lets it do", "[golden][vtd][CCMD][IOTLB][IVA]") {
    const auto& row = any_row(gold::register_invalidations);
    INFO(row.reg << ": " << row.what);
    VtdConfig c;
    c.version.set(row.major);
    c.address_mask.set(18);
    Bench b{c};
    b.set_root(static_cast<TableMode>(row.ttm));
    const u64 iva = iva_offset(b.unit.identity().ecap), iotlb = iotlb_offset(b.unit.identity().ecap);
    const bool too_large = std::string_view{row.what}.find("above MAMV") != std::string_view::npos;
    b.write_at(iva, 8, Iva{}.set(Iva::AM, too_large ? 19 : 9).value());
    unsigned done = 0;
    if (register_name_of(row.reg) == "CCMD") {
        b.write(Ccmd{}.set(Ccmd::ICC, true).set(Ccmd::CIRG, static_cast<ContextGranularity>(row.asked)));
        CHECK_FALSE(b.get(Ccmd::ICC));
        done = raw(b.get(Ccmd::CAIG));
    } else {
        b.write_at(iotlb, 8, Iotlb{}.set(Iotlb::IVT, true).set(Iotlb::IIRG, IotlbGranularity(row.asked)).value());
        CHECK_FALSE(b.get(Iotlb::IVT));
        done = raw(b.get(Iotlb::IAIG));
    }
    CHECK((row.allowed >> done & 1) != 0);
}

} // namespace quiesce::iommu::vtd::test
