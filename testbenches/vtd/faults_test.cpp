// SPDX-License-Identifier: Apache-2.0
#include "vtd/bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

namespace {

/// Every access of the device faults: its context entry is empty.
struct FaultBench : Bench {
    explicit FaultBench(unsigned records = 4) : Bench(sized(records)) {
        start(TableMode::Scalable);
        store_context(ScalableContextEntry{});
        write(Fedata{}.set(Fedata::IMD, 0x41));
        write(Feaddr{}.set(Feaddr::MA, Bench::doorbell));
    }
    static VtdConfig sized(unsigned records) {
        VtdConfig c;
        c.fault_records.set(records);
        return c;
    }
    void fault(u64 page = 1) { dma(Iova{page * page_size}); }
    u64 pending() {
        u64 set = 0;
        for (u64 n = 0; n < unit.fault_bank().size(); ++n) set |= u64{record(n).get(FaultRecord::F_)} << n;
        return set;
    }
};

} // namespace

TEST_CASE("records fill the registers in turn, and FRI names the first since nothing was pending",
          "[vtd][faults][FRCD][FSTS]") {
    FaultBench b;
    b.fault(1);
    b.fault(2);
    CHECK(b.pending() == 0b0011);
    CHECK(b.get(Fsts::FRI) == 0);
    CHECK(b.record(1).get(FaultRecord::FI) == Iova{2 * page_size});
    b.clear_record(0);
    CHECK(b.faulted()); // one is left
    b.clear_record(1);
    CHECK_FALSE(b.faulted());
    b.fault(3);
    CHECK(b.pending() == 0b0100);
    CHECK(b.get(Fsts::FRI) == 2);
    b.fault(4);
    b.fault(5); // round the end
    CHECK(b.pending() == 0b1101);
}

TEST_CASE("a fault record is left behind until software has cleared F", "[vtd][faults]") {
    FaultBench b;
    const auto left = [&b] {
        base::Leftovers out;
        b.unit.left_behind(out);
        return out.empty() ? std::string{} : out.all().front().what;
    };
    CHECK(left().empty());
    b.fault(1);
    b.fault(2);
    CHECK(left() == "2 fault records that software has not freed");
    b.clear_record(0);
    CHECK(left() == "1 fault record that software has not freed");
    b.clear_record(1);
    CHECK(left().empty());
}

TEST_CASE("a register that is not free sets PFO, and nothing is recorded before software has cleared it",
          "[vtd][faults][FSTS]") {
    FaultBench b{2};
    Log<FaultRaised> faults{b.bus};
    b.fault(1);
    b.fault(2);
    b.fault(3);
    CHECK(b.get(Fsts::PFO));
    CHECK(faults.last().fate == FaultFate::Lost);
    b.clear_record(0);
    b.clear_record(1);
    b.fault(4);
    CHECK(faults.last().fate == FaultFate::Lost);
    CHECK(b.pending() == 0);
    b.clear_status();
    CHECK_FALSE(b.get(Fsts::PFO));
    b.fault(5);
    CHECK(b.record(0).get(FaultRecord::FI) == Iova{5 * page_size});
    CHECK(faults.size() == 5);
}

TEST_CASE("the fault event is one message for all that is pending, sent when it is unmasked",
          "[vtd][faults][FECTL][FEDATA][FEADDR]") {
    FaultBench b;
    CHECK(b.read<Fectl>().get(Fectl::IM)); // masked at reset
    b.fault();
    CHECK(b.get(Fectl::IP));
    CHECK(b.memory.messages.empty());
    b.write(Fectl{});
    REQUIRE(b.memory.messages.size() == 1);
    CHECK(b.memory.messages[0].at == Bench::doorbell);
    CHECK(b.memory.messages[0].data == 0x41);
    CHECK_FALSE(b.get(Fectl::IP));
    b.fault(2); // something is pending still
    CHECK(b.memory.messages.size() == 1);
    b.clear_record(0);
    b.fault(3);
    CHECK(b.memory.messages.size() == 1);
    for (u64 n = 1; n < 3; ++n) b.clear_record(n);
    b.fault(4);
    CHECK(b.memory.messages.size() == 2);
}

TEST_CASE("a masked event that is no longer true is not sent", "[vtd][faults][FECTL]") {
    FaultBench b;
    b.fault();
    b.clear_record(0);
    CHECK_FALSE(b.get(Fectl::IP));
    b.write(Fectl{});
    CHECK(b.memory.messages.empty());
}

TEST_CASE("a faulting access waits for its record, and is ended then", "[vtd][faults]") {
    FaultBench b;
    sim::Duration took, tables;
    b.dma(Iova{0x7000}, {}, &took);
    b.run(
        [](Bench& in) -> sim::Task<int> {
            const memory::MemoryPort::Word root = co_await in.memory.read64(Bench::root, {});
            std::array<u64, 4> entry{};
            const memory::Status s = co_await in.memory.fetch(Bench::contexts, entry, {});
            co_return static_cast<int>(root.value) + static_cast<int>(s);
        }(b),
        &tables);
    const AgentConfig& a = b.config.agent;
    CHECK(took == a.config_lookup + a.tlb_lookup.get() + tables + b.config.fault_write.get());
}

TEST_CASE("the next record goes to the first register after translation was off", "[vtd][faults]") {
    FaultBench b;
    b.fault(1);
    b.clear_record(0);
    b.command(Gcmd::TE, false);
    b.command(Gcmd::TE, true);
    b.fault(2);
    CHECK(b.pending() == 1);
}

TEST_CASE("F is cleared by either width of access, and by a one only", "[vtd][faults][FRCD]") {
    FaultBench b;
    b.fault();
    b.write_at(b.frcd() + 12, 4, 0x7fff'ffff);
    b.write_at(b.frcd() + 8, 4, ~u64{0});
    b.write_at(b.frcd(), 8, ~u64{0});
    CHECK(b.pending() == 1);
    b.write_at(b.frcd() + 8, 8, u64{1} << 63);
    CHECK(b.pending() == 0);
    CHECK(b.record(0).get(FaultRecord::FR) == FaultCode::SCT_2); // what it said stays to be read
}
