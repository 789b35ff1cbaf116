// SPDX-License-Identifier: Apache-2.0
#include "amdvi/bench.h"

namespace quiesce::iommu::amdvi::test {

TEST_CASE("every default and every single switch turned over gives a unit that the model can be", "[amdvi][registers][EFR]") {
    CHECK(what_it_cannot_be(identity_of(AmdviConfig{})).empty());
    AmdviConfig all;
    base::Param<bool>* const switches[] = {&all.iotlb,         &all.prefetch,          &all.ppr,
                                           &all.no_execute,    &all.guest,             &all.invalidate_all,
                                           &all.user_supervisor, &all.guest_io,        &all.host_accessed,
                                           &all.host_dirty,    &all.ppr_auto_response, &all.ppr_early_warning,
                                           &all.block_stop_markers, &all.message_registers,  &all.x2apic};
    const Identity before = identity_of(all);
    for (base::Param<bool>* one : switches) {
        one->set(!one->get());
        const Identity id = identity_of(all);
        CHECK(what_it_cannot_be(id).empty());
        CHECK(id.efr.value() != before.efr.value());
        one->set(!one->get());
    }
}

TEST_CASE("units of machines have what is modelled of their features, and no more, and translate",
          "[amdvi][registers][EFR][EFR2][EFR.HATS][EFR.GATS][EFR.GLXSup][EFR.PASMax]") {
    const Machine& m = machines()[GENERATE(range(std::size_t{0}, std::size_t{3}))];
    INFO(m.name);
    const Identity id = identity_of(m.values);
    REQUIRE(what_it_cannot_be(id).empty());
    CHECK((m.values.efr & modelled_features(Efr::of(m.values.efr))) == id.efr.value());
    CHECK(id.has(Efr::XTSup) == (m.name != "epyc-7001"));
    CHECK(id.has(Efr::GASup) == (m.name != "epyc-7001"));
    CHECK(host_levels(id.efr) == 6);
    CHECK(guest_levels(id.efr) == (m.name == "epyc-9004" ? 5 : 4));
    CHECK(pasid_bits(id.efr) == 16);
    CHECK(id.efr.get(Efr::GLXSup) == 1);
    Bench b{AmdviConfig{}, id};
    CHECK(b.read<Efr>().value() == id.efr.value());
    CHECK(b.read<Efr2>().value() == id.efr2.value());
    b.start();
    const Spa table = b.new_table();
    b.store_entry(Bench::host(table));
    b.map_host(table, 0x12'3456'7000, Bench::page(there));
    CHECK(b.dma(Iova{0x12'3456'7008}).to == there + 8);
    b.simple(here, there);
    b.submit(Bench::forget_entry(), Bench::wait(3));
    CHECK(b.flagged() == 3);
    CHECK(b.dma(here, Bench::pasid5).to == there);
}

TEST_CASE("an identity that says what is not modelled is named", "[amdvi][registers]") {
    const Identity good = identity_of(AmdviConfig{});
    const auto says = [&](auto change) {
        Identity id = good;
        change(id);
        return std::string{what_it_cannot_be(id)};
    };
    CHECK(says([](Identity& id) { id.efr.set(Efr::HATS, 3); }) == "EFR.HATS is reserved");
    CHECK(says([](Identity& id) { id.efr.set(Efr::GATS, 2); }) == "EFR.GATS: guests' page tables have four or five levels");
    CHECK(says([](Identity& id) { id.efr.set(Efr::GLXSup, 3); }) == "EFR.GLXSup is reserved");
    CHECK(says([](Identity& id) { id.efr.set(Efr::PASMax, 20); }) == "EFR.PASMax: PASIDs have at most 20 bits");
    CHECK(says([](Identity& id) { id.efr.set(Efr::GAMSup, 1); }) == "a feature that is not modelled");
    CHECK(says([](Identity& id) { id.iotlb = false; }) == "EFR.PPRSup without IotlbSup");
    CHECK(says([](Identity& id) { id.efr.set(Efr::HASup, false); }) == "EFR.HDSup without EFR.HASup");
    CHECK(says([](Identity& id) { id.physical_bits = 60; }) == "the physical address width is 32 to 52 bits");
}

TEST_CASE("after reset everything is off, and rings have 256 entries",
          "[amdvi][registers][DevTabBar][CmdBufBar][EvtLogBar][PPRLogBar][Control][Status]") {
    Bench b;
    CHECK(b.read<DevTabBar>().value() == 0);
    CHECK(b.read<CmdBufBar>().value() == 0x0800'0000'0000'0000);
    CHECK(b.read<EvtLogBar>().value() == 0x0800'0000'0000'0000);
    CHECK(b.read<PprLogBar>().value() == 0x0800'0000'0000'0000);
    CHECK(b.read<Control>().value() == Control::Coherent.mask(0));
    CHECK(b.read<Status>().value() == 0);
    CHECK(b.dma(Iova{0x5000}).to == Spa{0x5000}); // off: what comes passes
    CHECK(b.dma(Iova{0x5000}, Bench::with(Dma{}, AddressType::Translated)).ending == Ending::Abort);
    CHECK(b.dma(Iova{0x5000}, Bench::with(Dma{}, AddressType::TranslationRequest)).ending == Ending::Abort);
}

TEST_CASE("bits of no field, and of features that there are not, stay clear", "[amdvi][registers][Control][ExclBase][ExclLimit]") {
    Bench b;
    b.write_at(Control::offset, 8, ~u64{0} & ~Control::IommuEn.mask(0));
    const auto kept = b.read<Control>();
    CHECK_FALSE((kept.get(Control::GALogEn) || kept.get(Control::EPHEn) || kept.get(Control::MarcEn)));
    CHECK((kept.get(Control::GTEn) && kept.get(Control::PPRAutoRspEn) && kept.get(Control::HtTunEn)));
    b.write_at(ExclBase::offset, 8, ~u64{0});
    CHECK(b.read<ExclBase>().value() == 0x000f'ffff'ffff'f003);
    b.write_at(ExclLimit::offset, 8, ~u64{0});
    CHECK(b.read<ExclLimit>().value() == 0x000f'ffff'ffff'f000);
    b.write_at(DevTabBar::offset, 8, ~u64{0});
    CHECK(b.read<DevTabBar>().value() == 0x000f'ffff'ffff'f1ff);
    b.write_at(CmdTail::offset, 8, ~u64{0});
    CHECK(b.read<CmdTail>().value() == 0x7'fff0);
}

TEST_CASE("what a unit has not cannot be switched on", "[amdvi][registers][Control][EFR.GTSup][EFR.PPRSup]") {
    AmdviConfig plain;
    plain.guest.set(false);
    plain.ppr.set(false);
    plain.x2apic.set(false);
    Bench without{plain};
    without.write_at(Control::offset, 8, Control::GTEn.mask(0) | Control::PPREn.mask(0) | Control::PPRLogEn.mask(0));
    CHECK(without.read<Control>().value() == 0);
    without.write_at(Control::offset, 8, Control::GAEn.mask(0) | Control::XTEn.mask(0) | Control::IntCapXTEn.mask(0));
    CHECK(without.read<Control>().value() == 0);
}

TEST_CASE("halves of registers can be written by themselves", "[amdvi][registers][DevTabBar]") {
    Bench b;
    b.write_at(DevTabBar::offset, 4, 0x1100'0003);
    b.write_at(DevTabBar::offset + 4, 4, 0x5);
    CHECK(b.read<DevTabBar>().value() == 0x5'1100'0003);
    CHECK(b.read_at(DevTabBar::offset + 4, 4) == 5);
}

TEST_CASE("a base register that is written empties its ring, but not while the ring runs",
          "[amdvi][registers][CmdBufBar][CmdHead][CmdTail][EvtLogBar][EvtHead][EvtTail][PPRLogBar][PPRHead][PPRTail]") {
    Bench b;
    b.write(CmdHead{}.set(CmdHead::Ptr, 5));
    b.write(CmdTail{}.set(CmdTail::Ptr, 6));
    b.write(EvtHead{}.set(EvtHead::Ptr, 5));
    b.write(EvtTail{}.set(EvtTail::Ptr, 6));
    b.write(PprHead{}.set(PprHead::Ptr, 5));
    b.write(PprTail{}.set(PprTail::Ptr, 6));
    CHECK(b.read<EvtTail>().value() == 0x60); // bytes
    b.start();
    CHECK((b.get(CmdHead::Ptr) == 0 && b.get(CmdTail::Ptr) == 0));
    CHECK((b.get(EvtHead::Ptr) == 0 && b.get(EvtTail::Ptr) == 0));
    CHECK((b.get(PprHead::Ptr) == 0 && b.get(PprTail::Ptr) == 0));
    b.write(CmdBufBar{}.set(CmdBufBar::Base, Spa{0x7000}).set(CmdBufBar::Len, 9));
    b.write(EvtLogBar{}.set(EvtLogBar::Base, Spa{0x7000}).set(EvtLogBar::Len, 9));
    b.write(PprLogBar{}.set(PprLogBar::Base, Spa{0x7000}).set(PprLogBar::Len, 9));
    CHECK(b.get(CmdBufBar::Base) == Bench::commands);
    CHECK(b.get(EvtLogBar::Base) == Bench::events);
    CHECK(b.get(PprLogBar::Base) == Bench::requests);
}

TEST_CASE("the rings run when both they and the unit are on",
          "[amdvi][registers][Control.IommuEn][Control.CmdBufEn][Control.EventLogEn][Control.PPRLogEn][Status.CmdBufRun]"
          "[Status.EventLogRun][Status.PPRLogRun]") {
    Bench b;
    const auto running = [&] {
        return std::array{b.get(Status::CmdBufRun), b.get(Status::EventLogRun), b.get(Status::PPRLogRun)};
    };
    b.control(Control::CmdBufEn, true);
    b.control(Control::EventLogEn, true);
    b.control(Control::PPRLogEn, true);
    CHECK(running() == std::array{false, false, false});
    b.control(Control::IommuEn, true);
    CHECK(running() == std::array{true, true, true});
    b.control(Control::CmdBufEn, false);
    CHECK(running() == std::array{false, true, true});
    b.control(Control::IommuEn, false);
    CHECK(running() == std::array{false, false, false});
    b.write_at(Status::offset, 8, ~u64{0}); // read-only
    CHECK(running() == std::array{false, false, false});
}

TEST_CASE("the capability block says what the unit is, and keeps its base once that is enabled",
          "[amdvi][registers][CapHeader][MiscInfo0]") {
    Bench b;
    const auto cap = CapHeader::of(b.unit.config_read(capability_at));
    CHECK((cap.get(CapHeader::CapId) == 0x0F && cap.get(CapHeader::CapType) == 3));
    CHECK((cap.get(CapHeader::IotlbSup) && cap.get(CapHeader::EFRSup) && !cap.get(CapHeader::NpCache)));
    CHECK(cap.get(CapHeader::CapPtr) == MsiHeader::offset);
    const auto misc = MiscInfo0::of(b.unit.config_read(MiscInfo0::offset));
    CHECK((misc.get(MiscInfo0::PAsize) == 48 && misc.get(MiscInfo0::MsiNum) == 0 && misc.get(MiscInfo0::MsiNumPPR) == 1));
    b.unit.config_write(CapHeader::offset, ~u32{0});
    CHECK(b.unit.config_read(CapHeader::offset) == cap.value());
    b.unit.config_write(BaseHigh::offset, 0x12);
    b.unit.config_write(BaseLow::offset, 0xfd20'0001);
    CHECK(b.unit.config_read(BaseLow::offset) == 0xfd20'0001);
    b.unit.config_write(BaseLow::offset, 0);
    b.unit.config_write(BaseHigh::offset, 0);
    CHECK(b.unit.config_read(BaseLow::offset) == 0xfd20'0001);
    CHECK(b.unit.config_read(BaseHigh::offset) == 0x12);
    CHECK(b.unit.config_read(0x0) == 0);
}

TEST_CASE("the message registers in memory are those of configuration space",
          "[amdvi][registers][MsiHeader][MsiAddrLow][MsiAddrHigh][MsiData][EFR.MsiCapMmioSup]") {
    Bench b;
    b.write_at(0x15C, 4, 0xfee0'1003);
    b.write_at(0x160, 8, u64{0x4142} << 32 | 0x2);
    CHECK(b.unit.config_read(MsiAddrLow::offset) == 0xfee0'1000);
    CHECK(b.unit.config_read(MsiAddrHigh::offset) == 2);
    CHECK(b.unit.config_read(MsiData::offset) == 0x4142);
    b.unit.config_write(MsiHeader::offset, ~u32{0});
    CHECK(b.read_at(0x158, 4) == b.unit.config_read(MsiHeader::offset));
    CHECK(MsiHeader::of(static_cast<u32>(b.read_at(0x158, 4))).get(MsiHeader::MultMessCap) == 1);
    CHECK(b.read_at(0x150, 4) == b.unit.config_read(MiscInfo0::offset));
}

TEST_CASE("a unit without message registers in memory counts who looks for them", "[amdvi][registers][EFR.MsiCapMmioSup]") {
    AmdviConfig c;
    c.message_registers.set(false);
    Bench without{c};
    without.write_at(0x164, 4, 0x4142);
    CHECK(without.read_at(0x164, 4) == 0);
    CHECK(without.unit.registers().unknown().size() == 1);
}

TEST_CASE("every register, field, command and event is listed once", "[amdvi][registers]") {
    std::set<std::string> seen;
    unsigned modelled = 0;
    for (const Feature& f : features()) {
        const std::string key =
            std::string{base::enum_text(f.kind)} + "/" + std::string{f.owner} + "/" + std::string{f.name};
        INFO(key);
        CHECK(seen.insert(key).second);
        CHECK((f.status == iommu::Status::Absent) == !f.why.empty());
        modelled += f.status == iommu::Status::Modelled;
    }
    CHECK(seen.count("field/DTE/SA") == 1);
    CHECK(seen.count("command//COMPLETE_PPR_REQUEST") == 1);
    CHECK(seen.count("event//IOTLB_INV_TIMEOUT") == 1);
    CHECK(modelled > 110);
}

} // namespace quiesce::iommu::amdvi::test
