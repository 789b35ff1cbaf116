// SPDX-License-Identifier: Apache-2.0
/// An SMMUv3 with a small memory of fixed latency and a guest that programs it in bytes.
#pragma once
#include "iommu/smmuv3/unit.h"
#include "iommu/unit_bench.h"

namespace quiesce::iommu::smmuv3::test {

using namespace sim::literals;
using iommu::test::here, iommu::test::Log, iommu::test::there, iommu::test::UnitBench;

struct Wires : memory::InterruptSink {
    std::vector<unsigned> edges;
    void message(Spa, u32) override {}
    void wire(unsigned line) override { edges.push_back(line); }
};

/// The wires are there before the unit that they lead from.
struct Wired {
    Wires wires;
};

struct Bench : Wired, UnitBench<Unit> {
    explicit Bench(const Smmuv3Config& c = {}) : UnitBench("smmu", {}, &wires, c), config(c) {}

    static constexpr Spa strtab{0x1100'0000}, cmdq{0x1200'0000}, evtq{0x1300'0000}, cdtab{0x1400'0000};
    static constexpr unsigned cmdq_log2 = 4, evtq_log2 = 2;

    Smmuv3Config config;
    u32 prod = 0; ///< the guest's copy of CMDQ_PROD

    /// Linear stream table of 2^log2 entries, both queues, everything enabled.
    void start(unsigned streams_log2 = 4, bool smmu = true, bool record_bad_streams = true) {
        write(StrtabBase{}.set(StrtabBase::ADDR, strtab));
        write(StrtabBaseCfg{}.set(StrtabBaseCfg::LOG2SIZE, streams_log2));
        write(CmdqBase{}.set(CmdqBase::ADDR, cmdq).set(CmdqBase::LOG2SIZE, cmdq_log2));
        write(EventqBase{}.set(EventqBase::ADDR, evtq).set(EventqBase::LOG2SIZE, evtq_log2));
        write(Cr2{}.set(Cr2::RECINVSID, record_bad_streams));
        write(Cr0{}.set(Cr0::CMDQEN, true).set(Cr0::EVENTQEN, true).set(Cr0::SMMUEN, smmu));
    }

    // ---- structures
    static Ste stage1_ste(Spa cds, unsigned cd_max = 0, NoSubstream dss = NoSubstream::Terminate,
                          CdTable format = CdTable::Linear) {
        return Ste{}
            .set(Ste::V, true)
            .set(Ste::Config, StreamConfig::Stage1)
            .set(Ste::S1ContextPtr, cds)
            .set(Ste::S1CDMax, cd_max)
            .set(Ste::S1DSS, dss)
            .set(Ste::S1Fmt, format)
            .set(Ste::SHCFG, ShareabilityOverride::UseIncoming);
    }
    /// A descriptor with the low half at `ttb` (48 bits, 4 KiB pages), the high half off, faults aborted and recorded.
    static Cd cd(Spa ttb, u16 asid = 1) {
        return Cd{}
            .set(Cd::V, true)
            .set(Cd::AA64, true)
            .set(Cd::T0SZ, 16)
            .set(Cd::EPD1, true)
            .set(Cd::IPS, 5)
            .set(Cd::TTB0, ttb)
            .set(Cd::A, true)
            .set(Cd::R, true)
            .set(Cd::ASID, Asid{asid});
    }
    static LeafDescriptor page(Spa to, bool writable = true) {
        return LeafDescriptor{}
            .set(LeafDescriptor::Valid, true)
            .set(LeafDescriptor::Type, true)
            .set(LeafDescriptor::AF, true)
            .set(LeafDescriptor::nG, true)
            .set(LeafDescriptor::AP1, true)
            .set(LeafDescriptor::AP2, !writable)
            .set(LeafDescriptor::OA, to);
    }
    /// Puts `entry` at `level` of the table for `at`, making the tables above it. Returns where the entry is.
    Spa map(Spa ttb, Iova at, u64 entry, unsigned level = 3, unsigned start_level = 0) {
        Spa table = ttb;
        for (unsigned l = start_level; l < level; ++l) {
            const Spa slot = table + (at.value() >> (39 - 9 * l) & 511) * 8;
            TableDescriptor d = TableDescriptor::from_words({memory.peek64(slot)});
            if (!d.get(TableDescriptor::Valid)) {
                d.set(TableDescriptor::Valid, true)
                    .set(TableDescriptor::Type, true)
                    .set(TableDescriptor::NextTable, new_table());
                memory.poke64(slot, d.word(0));
            }
            table = d.get(TableDescriptor::NextTable);
        }
        const Spa slot = table + (at.value() >> (39 - 9 * level) & 511) * 8;
        memory.poke64(slot, entry);
        return slot;
    }
    /// Stream 1 without substreams: `at` to `to`. Returns the table's root.
    Spa simple(Iova at, Spa to, bool writable = true) {
        const Spa ttb = new_table();
        map(ttb, at, page(to, writable).word(0));
        store(cdtab, cd(ttb));
        store(strtab + 64, stage1_ste(cdtab));
        return ttb;
    }

    // ---- traffic
    TranslationRequest request(Iova at, Access access = Access::Read, u32 stream = 1, std::optional<u32> pasid = {}) {
        return UnitBench::request(at, {stream, pasid, access});
    }
    Translation dma(Iova at, Access access = Access::Read, u32 stream = 1, std::optional<u32> pasid = {},
                    sim::Duration* took = nullptr) {
        return run(unit.translation().translate(request(at, access, stream, pasid)), took);
    }

    // ---- commands and events
    template <class C> void push(const C& c) {
        store(cmdq + base::WrapBit::index(prod, cmdq_log2) * command_bytes, c);
        prod = base::WrapBit::next(prod, cmdq_log2);
    }
    void ring() { write(CmdqProd{}.set(CmdqProd::WR, prod)); }
    void post_doorbell() { post(CmdqProd{}.set(CmdqProd::WR, prod)); }
    template <class... C> void command(const C&... c) {
        (push(c), ...);
        ring();
    }
    /// A CMD_SYNC that writes `value` to the flag.
    static Sync sync(u32 value = 0) {
        Sync s = make_command<Sync>();
        if (value != 0) s.set(Sync::CS, SyncSignal::Irq).set(Sync::MSIAddress, flag).set(Sync::MSIData, value);
        return s;
    }
    u32 events() const { return reg<EventqProd>().get(EventqProd::WR); }
    EventRecord event(u32 index) const {
        return load<EventRecord>(evtq + base::WrapBit::index(index, evtq_log2) * event_bytes);
    }
    EventRecord only_event() const {
        REQUIRE(events() == 1);
        return event(0);
    }
    void consume_events() {
        write(EventqCons{}
                  .set(EventqCons::RD, events())
                  .set(EventqCons::OVACKFLG, reg<EventqProd>().get(EventqProd::OVFLG)));
    }
    bool error(const Gerror::Flag& f) const {
        return ((reg<Gerror>().value() ^ reg<Gerrorn>().value()) >> f.lsb() & 1) != 0;
    }
    void acknowledge_errors() { write(Gerrorn::of(reg<Gerror>().value())); }
};

/// 32 bytes typed in as they lie in memory.
inline std::string hex(const EventRecord& e) {
    std::string out;
    for (const std::byte b : e.to_bytes()) {
        constexpr char digits[] = "0123456789abcdef";
        out += digits[std::to_integer<unsigned>(b) >> 4];
        out += digits[std::to_integer<unsigned>(b) & 15];
    }
    return out;
}

} // namespace quiesce::iommu::smmuv3::test
