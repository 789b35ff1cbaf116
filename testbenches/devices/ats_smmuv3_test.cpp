// SPDX-License-Identifier: Apache-2.0
/// ATS from the DMA engine to the tables of an SMMUv3 and back: what its stream table says is what the device gets.
#include "devices/ats_device.h"
#include "support/smmuv3_platform.h"

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::stubs;
using namespace quiesce::iommu::smmuv3;

namespace {

struct Whole : testbench::Smmuv3Platform {
    static constexpr BondId bond{1};
    AtsDevice dev;
    std::vector<DmaEnding> endings;
    std::vector<memory::DmaCommitted> committed;
    std::vector<iommu::FaultRaised> faults;

    explicit Whole(StreamAts ats, const AtcConfig& c = {}) : Smmuv3Platform({}, {}, 16), dev(bus, root_complex, c) {
        set_stream(dev.stream(), ats);
        memory.ledger().bond_opened(bond, mm);
        smmu.set_ats_port(&root_complex);
        write(CmdqBase{}.set(CmdqBase::ADDR, commands()).set(CmdqBase::LOG2SIZE, 4u));
        write(Cr0{}.set(Cr0::SMMUEN, true).set(Cr0::CMDQEN, true).set(Cr0::ATSCHK, true));
    }
    ~Whole() { calendar.shutdown(); }

    template <class R>
    void write(R value) {
        sim::start(smmu.mmio_write(R::offset, sizeof(typename R::Value), value.value()));
        calendar.run_for(10_us);
    }
    CmdqCons consumed() {
        u64 value = 0;
        sim::Time end;
        sim::start(timed(smmu.mmio_read(CmdqCons::offset, 4), end, value));
        calendar.run_for(1_us);
        return CmdqCons::of(static_cast<u32>(value));
    }
    template <class C>
    void enqueue(const C& c) {
        for (unsigned w = 0; w < 2; ++w) memory.cpu_port().poke64(commands() + 16 * produced_ + 8 * w, c.word(w));
        ++produced_;
    }
    /// CMD_ATC_INV of all of the device's PASID 1, then CMD_SYNC.
    void invalidate_all() {
        enqueue(make_command<AtcInv>()
                    .set(AtcInv::SID, dev.stream())
                    .set(AtcInv::SSV, true)
                    .set(AtcInv::SSID, pasid)
                    .set(AtcInv::Size, 52));
        enqueue(make_command<Sync>());
        write(CmdqProd{}.set(CmdqProd::WR, produced_));
    }
    void work(u64 requests, Pasid of = pasid) {
        Workload w;
        w.direction = Direction::Mixed;
        w.pattern = Pattern::Random;
        w.footprint = {{heap, 16 * page_size}};
        w.count = requests;
        w.outstanding = 4;
        w.has_pasid = true;
        w.pasid = of;
        w.bond = bond;
        dev.engine.start(w);
        calendar.run_for(200_us);
    }

private:
    Spa commands() const { return memory.ram_base(); }
    u32 produced_ = 0;
    base::Subscription ended_ =
        bus.subscribe<DmaEnded>([this](sim::Time, const DmaEnded& e) { endings.push_back(e.ending); });
    base::Subscription seen_ = bus.subscribe<memory::DmaCommitted>(
        [this](sim::Time, const memory::DmaCommitted& e) { committed.push_back(e); });
    base::Subscription raised_ =
        bus.subscribe<iommu::FaultRaised>([this](sim::Time, const iommu::FaultRaised& e) { faults.push_back(e); });
};

} // namespace

TEST_CASE("with EATS on, translated DMA reaches the frames of the pages that were meant, and nothing is recorded",
          "[devices][ats][smmuv3]") {
    Whole b{StreamAts::Full};
    b.work(200);
    CHECK(b.endings == std::vector<DmaEnding>(200, DmaEnding::Success));
    REQUIRE(b.committed.size() == 200);
    for (const auto& c : b.committed) {
        CHECK(c.verdict == memory::Verdict::Legal);
        CHECK(c.bond == Whole::bond);
        CHECK(c.bytes == 64);
    }
    CHECK(b.dev.atc.size() == 16);
    CHECK(b.faults.empty());
}

TEST_CASE("with EATS off, the first request finds no translation and the others go untranslated",
          "[devices][ats][smmuv3]") {
    Whole b{StreamAts::Off};
    b.work(50);
    REQUIRE(b.endings.size() == 50);
    CHECK(b.endings.front() == DmaEnding::NotTranslated);
    CHECK(b.endings.back() == DmaEnding::Success);
    CHECK_FALSE(b.dev.atc.enabled());
    REQUIRE_FALSE(b.faults.empty());
    for (const auto& f : b.faults) CHECK(f.type == base::Name{"F_BAD_ATS_TREQ"});
}

TEST_CASE("a PASID without a context gets Completer Abort: every request fails, quietly, and the ATC stays on",
          "[devices][ats][smmuv3]") {
    Whole b{StreamAts::Full};
    std::size_t refused = 0;
    const auto token = b.bus.subscribe<iommu::AtsRefused>([&](sim::Time, const iommu::AtsRefused&) { ++refused; });
    b.work(5, Pasid{3});
    CHECK(refused == b.faults.size());
    CHECK(b.endings == std::vector<DmaEnding>(5, DmaEnding::NotTranslated));
    CHECK(b.dev.atc.enabled());
    CHECK(b.committed.empty());
    REQUIRE_FALSE(b.faults.empty());
    for (const auto& f : b.faults) CHECK(f.fate == iommu::FaultFate::Suppressed);
}

TEST_CASE("CMD_ATC_INV empties the device's cache before the CMD_SYNC is consumed", "[devices][ats][smmuv3]") {
    Whole b{StreamAts::Full};
    b.work(100);
    REQUIRE(b.dev.atc.size() == 16);
    b.invalidate_all();
    CHECK(b.consumed().get(CmdqCons::RD) == 2);
    CHECK(b.consumed().get(CmdqCons::ERR) == CommandError::None);
    CHECK(b.dev.atc.size() == 0);
}

TEST_CASE("a silent device is CERROR_ATC_INV_SYNC at the CMD_SYNC, one minute later", "[devices][ats][smmuv3]") {
    AtcConfig c;
    c.manner = AtcManner::Silent;
    Whole b{StreamAts::Full, c};
    b.invalidate_all();
    b.calendar.run_for(59_s);
    CHECK(b.consumed().get(CmdqCons::ERR) == CommandError::None);
    CHECK(b.consumed().get(CmdqCons::RD) == 1); // at the CMD_SYNC
    b.calendar.run_for(2_s);
    CHECK(b.consumed().get(CmdqCons::ERR) == CommandError::AtcInvSync);
    CHECK(b.consumed().get(CmdqCons::RD) == 1);
}
