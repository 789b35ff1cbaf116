// SPDX-License-Identifier: Apache-2.0
#include "support/vtd_machines.h"
#include "vtd/bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

TEST_CASE("every default and every single switch turned over gives a unit that the model can be", "[vtd][registers]") {
    CHECK(what_it_cannot_be(identity_of(VtdConfig{})).empty());
    VtdConfig all;
    base::Param<bool>* const switches[] = {&all.width39,
                                           &all.width57,
                                           &all.second_2m,
                                           &all.second_1g,
                                           &all.first_1g,
                                           &all.five_levels,
                                           &all.page_selective,
                                           &all.caching_mode,
                                           &all.protected_memory,
                                           &all.flush_on_root,
                                           &all.coherent,
                                           &all.queued,
                                           &all.pass_through,
                                           &all.snoop_control,
                                           &all.scalable,
                                           &all.first_stage,
                                           &all.second_stage,
                                           &all.nested,
                                           &all.second_access_dirty,
                                           &all.extended_access,
                                           &all.supervisor,
                                           &all.pasid,
                                           &all.rid_pasid,
                                           &all.rid_privileged,
                                           &all.ats,
                                           &all.pri,
                                           &all.page_request_drain,
                                           &all.invalidation_throttling,
                                           &all.no_write_flag,
                                           &all.stop_marker,
                                           &all.abort_dma,
                                           &all.virtual_commands};
    const Identity before = identity_of(all);
    for (base::Param<bool>* one : switches) {
        one->set(!one->get());
        const Identity id = identity_of(all);
        CHECK(what_it_cannot_be(id).empty());
        CHECK((id.cap.value() != before.cap.value() || id.ecap.value() != before.ecap.value()));
        one->set(!one->get());
    }
}

TEST_CASE("units of machines can be had, say what theirs say, and translate", "[vtd][registers][VER][CAP][ECAP]") {
    const testbench::VtdMachine& p =
        testbench::vtd_machines[GENERATE(range(std::size_t{0}, std::size(testbench::vtd_machines)))];
    INFO(p.name << ": " << p.what << " (" << p.source << ")");
    const Identity id = identity_of(p.values);
    REQUIRE(what_it_cannot_be(id) == "");
    Bench b{VtdConfig{}, id};
    CHECK(b.read<Ver>().value() == p.values.ver);
    CHECK(b.read<Cap>().value() == p.values.cap);
    CHECK(b.read<Ecap>().value() == p.values.ecap);
    b.start(TableMode::Legacy);
    const Spa table = b.new_table();
    b.store_legacy(Bench::legacy(table));
    b.map_second(table, 0x12'3456'7000, Bench::ss(there));
    CHECK(b.dma(Iova{0x12'3456'7008}).to == there + 8);
    CHECK(b.dma(Iova{0x12'3456'8000}).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::LGN_3);
    b.submit(Bench::forget_domain(), Bench::wait(3));
    CHECK(b.flagged() == 3);
}

TEST_CASE("an identity that says what is not modelled is named", "[vtd][registers]") {
    const Identity good = identity_of(VtdConfig{});
    const auto says = [&](auto change) {
        Identity id = good;
        change(id);
        return std::string{what_it_cannot_be(id)};
    };
    CHECK(says([](Identity& id) { id.ecap.set(Ecap::ERS, true); }) == "ECAP.ERS: no execute requests");
    CHECK(says([](Identity& id) { id.ecap.set(Ecap::QI, false); }) == "ECAP.SMTS without ECAP.QI");
    CHECK(says([](Identity& id) { // page requests are messages of device-TLBs, and so is what drains them
              id.ecap.set(Ecap::DT, false).set(Ecap::PRS, false).set(Ecap::DIT, false).set(Ecap::NWFS, false);
              id.ecap.set(Ecap::PDS, true);
          }) == "ECAP: PDS, DIT or NWFS without DT");
    CHECK(says([](Identity& id) { id.cap.set(Cap::ND, 7); }) == "CAP.ND is reserved");
    CHECK(says([](Identity& id) { id.cap.set(Cap::SSLPS, 2); }) == "CAP.SSLPS: 1 GiB pages without 2 MiB pages");
    CHECK(says([](Identity& id) { id.cap.set(Cap::RWBF, true); }) == "CAP.RWBF with ECAP.SMTS");
    CHECK(says([](Identity& id) { id.cap.set(Cap::MGAW, 40); }) == "CAP.MGAW below the host address width");
    CHECK(says([](Identity& id) { id.cap.set(Cap::FRO, 2); }) == "CAP.FRO: the fault records lie over other registers");
    CHECK(says([](Identity& id) { id.ecap.set(Ecap::IRO, 0x100); }) ==
          "ECAP.IRO: the IOTLB registers lie over other registers");
    CHECK(says([](Identity& id) { id.haw = 60; }) == "the host address width is 32 to 52 bits");
    CHECK(says([](Identity& id) { id.ver.set(Ver::MAX, 8); }) == "VER.MAX: versions 1 to 7 only");
}

TEST_CASE("GSTS shows a command after the update delay, and GCMD reads as zero", "[vtd][registers][GCMD][GSTS]") {
    Bench b;
    b.write(Iqa{}.set(Iqa::ADDR, Bench::iq).set(Iqa::DW, true));
    b.post(Gcmd{}.set(Gcmd::QIE, true));
    b.run_for(b.config.register_access.get() + b.config.update_delay.get() - 1_ps);
    CHECK_FALSE(b.get(Gsts::QIES));
    b.run_for(2_ps);
    CHECK(b.get(Gsts::QIES));
    CHECK(b.read<Gcmd>().value() == 0);
}

TEST_CASE("a root table pointer counts only from SRTP on", "[vtd][registers][RTADDR][GSTS]") {
    Bench b;
    b.start(TableMode::Scalable);
    b.simple(here, there);
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Grant);
    b.write(Rtaddr{}.set(Rtaddr::RTA, Bench::root + 0x8000).set(Rtaddr::TTM, TableMode::Scalable));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Grant);
    b.post(b.status().with(Gcmd::SRTP, true));
    b.run_for(b.config.register_access.get() + 1_ps);
    CHECK_FALSE(b.get(Gsts::RTPS)); // it goes away and comes back when the pointer is in force
    b.settle();
    CHECK(b.get(Gsts::RTPS));
    CHECK(b.get(Gsts::TES));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Abort); // ESRTPS: nothing of before is kept
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SRT_2);
}

TEST_CASE("without ESRTPS what was cached under the old root stays until it is invalidated",
          "[vtd][registers][RTADDR][cc_inv_dsc]") {
    VtdConfig c;
    c.flush_on_root.set(false);
    Bench b{c};
    b.start(TableMode::Scalable);
    b.simple(here, there);
    CHECK(b.dma(here, Bench::pasid5).to == there);
    b.set_root(TableMode::Scalable, Bench::root + 0x8000);
    CHECK(b.dma(here, Bench::pasid5).to == there);
    b.submit(Bench::make<CcInvDsc>().set(CcInvDsc::G, ContextGranularity::Global), Bench::wait(1));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Abort);
}

TEST_CASE("translation is off only when what is under way is over, and then addresses pass",
          "[vtd][registers][GCMD][GSTS]") {
    Bench b;
    b.start(TableMode::Scalable);
    b.simple(here, there);
    Translation t = b.dma(here, Bench::pasid5);
    REQUIRE(t.in_flight);
    b.post(b.status().with(Gcmd::TE, false));
    b.settle();
    CHECK(b.get(Gsts::TES));
    CHECK(b.dma(Iova{0x5000}).to == Spa{0x5000}); // what comes now passes
    CHECK(b.unit.agent().translations().size() == 1);
    t.in_flight.end();
    b.settle();
    CHECK_FALSE(b.get(Gsts::TES));
    CHECK(b.unit.agent().translations().size() == 0); // a unit with scalable mode forgets all
}

TEST_CASE("with translation off device-TLBs are refused and interrupts pass", "[vtd][registers]") {
    Bench b;
    CHECK(b.dma(Iova{0x5000}, Bench::with(Dma{}, AddressType::Translated)).ending == Ending::Abort);
    CHECK(b.dma(Iova{0x5000}, Bench::with(Dma{}, AddressType::TranslationRequest)).ending == Ending::Abort);
    CHECK(b.dma(Iova{0xFEE0'1000}, Bench::with(Dma{}, iommu::Access::Write)).to == Spa{0xFEE0'1000});
}

TEST_CASE("the fault records and the IOTLB registers are where CAP and ECAP say", "[vtd][registers][IVA][FRCD]") {
    const Identity id =
        identity_of(IdentityValues{0x10, 0xd2'008c'222f'0606, 0x8800'0000'0f42, 48}); // FRO 22h, IRO Fh, one record
    REQUIRE(what_it_cannot_be(id).empty());
    Bench b{VtdConfig{}, id};
    b.write_at(0xf0, 8, 0x1234'5045);
    CHECK(b.read_at(0xf0, 8) == 0x1234'5045);
    CHECK(b.reg<Iva>().get(Iva::ADDR) == Iova{0x1234'5000});
    CHECK(b.unit.fault_bank().size() == 1);
    b.write_at(0x220, 8, ~u64{0}); // read-only but for F
    b.write_at(0x228, 8, ~u64{0});
    CHECK(b.read_at(0x220, 8) == 0);
    CHECK(b.read_at(0x228, 8) == 0);
    CHECK(b.read_at(0x08, 8) == 0xd2'008c'222f'0606);
    CHECK(b.read_at(0x10, 4) == 0x0f42);
    CHECK(b.read_at(0x14, 4) == 0x8800);
}

TEST_CASE("protected memory is refused without a record, and the rest of memory is not",
          "[vtd][registers][PMEN][PLMBASE][PLMLIMIT][PHMBASE][PHMLIMIT]") {
    Bench b;
    b.write(Plmbase{}.set(Plmbase::PLMB, Spa{0x2000'0000}));
    b.write(Plmlimit{}.set(Plmlimit::PLML, Spa{0x2020'0000}));
    b.write(Phmbase{}.set(Phmbase::PHMB, Spa{0x1'0000'0000}));
    b.write(Phmlimit{}.set(Phmlimit::PHML, Spa{0x1'0000'0000}));
    CHECK(b.dma(Iova{0x2000'0000}).ending == Ending::Grant);
    b.write(Pmen{}.set(Pmen::EPM, true));
    CHECK(b.read<Pmen>().get(Pmen::PRS));
    CHECK(b.dma(Iova{0x1fff'fff8}).ending == Ending::Grant);
    CHECK(b.dma(Iova{0x2000'0000}).ending == Ending::Abort);
    CHECK(b.dma(Iova{0x203f'fff8}).ending == Ending::Abort); // the limit's 2 MiB are inside
    CHECK(b.dma(Iova{0x2040'0000}).ending == Ending::Grant);
    CHECK(b.dma(Iova{0x1'001f'fff8}).ending == Ending::Abort);
    CHECK(b.dma(Iova{0x1'0020'0000}).ending == Ending::Grant);
    b.start(TableMode::Scalable);
    b.simple(here, there);
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Abort); // translated to it
    CHECK_FALSE(b.faulted());
    b.write(Pmen{});
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Grant);
}

TEST_CASE("virtual commands allocate the lowest PASID, free it once, and drop what comes while one is under way",
          "[vtd][registers][VCMD][VCRSP][VCCAP]") {
    VtdConfig c;
    c.virtual_commands.set(true);
    c.virtual_pasids.set(2);
    Bench b{c};
    CHECK(b.read<Vccap>().value() == 7);
    const auto ask = [&](VirtualCommand v, u64 operand = 0) {
        b.write(Vcmd{}.set(Vcmd::CMD, v).set(Vcmd::OA, operand));
        return b.read<Vcrsp>();
    };
    CHECK(ask(VirtualCommand::AllocatePasid).get(Vcrsp::RSLT) == 1);
    CHECK(ask(VirtualCommand::AllocatePasid).get(Vcrsp::RSLT) == 2);
    CHECK(ask(VirtualCommand::AllocatePasid).get(Vcrsp::SC) == VirtualStatus::NoPasid);
    CHECK(ask(VirtualCommand::FreePasid, 1).get(Vcrsp::SC) == VirtualStatus::Ok);
    CHECK(ask(VirtualCommand::FreePasid, 1).get(Vcrsp::SC) == VirtualStatus::NoPasid);
    CHECK(ask(static_cast<VirtualCommand>(9)).get(Vcrsp::SC) == VirtualStatus::Undefined);
    CHECK(ask(VirtualCommand::Null).get(Vcrsp::SC) == VirtualStatus::Ok);
    b.post(Vcmd{}.set(Vcmd::CMD, VirtualCommand::AllocatePasid));
    b.run_for(c.register_access.get() + 1_ps);
    CHECK(b.get(Vcrsp::IP));
    b.post(Vcmd{}.set(Vcmd::CMD, VirtualCommand::AllocatePasid)); // ignored
    b.settle();
    CHECK(b.reg<Vcrsp>().get(Vcrsp::RSLT) == 1);
    CHECK(b.unit.virtual_commands().allocated() == std::set<u32>{1, 2});
}

TEST_CASE("a unit without virtual commands ignores them", "[vtd][registers]") {
    Bench b;
    b.write(Vcmd{}.set(Vcmd::CMD, VirtualCommand::AllocatePasid));
    CHECK(b.read<Vccap>().value() == 0);
    CHECK(b.read<Vcrsp>().value() == 0);
    CHECK(b.unit.virtual_commands().allocated().empty());
}

TEST_CASE("every register, structure, descriptor and fault reason is listed once", "[vtd][registers]") {
    std::set<std::string> seen;
    unsigned modelled = 0;
    for (const Feature& f : features()) {
        const std::string key =
            std::string{base::enum_text(f.kind)} + "/" + std::string{f.owner} + "/" + std::string{f.name};
        CHECK(seen.insert(key).second);
        CHECK_FALSE(f.section.empty());
        modelled += f.status == Status::Modelled;
    }
    CHECK(seen.count("register//FRCD") == 1);
    CHECK(seen.count("command//p_dev_tlb_inv_dsc") == 1);
    CHECK(seen.count("event//SPT.2") == 1);
    CHECK(modelled > 150);
}
