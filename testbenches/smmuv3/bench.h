// SPDX-License-Identifier: Apache-2.0
/// An SMMUv3 with a small memory of fixed latency and a guest that programs it in bytes.
#pragma once
#include "base/events.h"
#include "base/facts.h"
#include "iommu/smmuv3/unit.h"
#include "memory/plain_memory.h"
#include "sim/calendar.h"
#include "sim/signal.h"
#include "sim/task.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quiesce::iommu::smmuv3::test {

using namespace sim::literals;

/// RAM at [base, base + bytes), and where else it is wanted, of which one page can be broken; keeps the messages that land
/// in it.
class TestMemory : public memory::PlainMemory {
public:
    static constexpr Spa base{0x1000'0000};
    static constexpr u64 bytes = 0x2000'0000;
    TestMemory() : TestMemory(std::vector<memory::RamRange>{}) {}
    explicit TestMemory(std::vector<memory::RamRange> more) : PlainMemory(with_base(std::move(more))) {}
    Spa broken{0}; ///< the 4 KiB page that aborts, besides everything outside
    struct Message {
        Spa at;
        u32 data;
        sim::Time when;
    };
    std::vector<Message> messages;

    void commit(memory::Request& r) override {
        PlainMemory::commit(r);
        if (r.status != memory::Status::Ok || r.origin.purpose != memory::Purpose::Msi) return;
        u32 value = 0;
        std::memcpy(&value, r.data, sizeof value);
        messages.push_back({r.at, value, sim::now()});
    }
    bool peek(Spa at, std::span<std::byte> into) const override {
        return !is_broken(at) && PlainMemory::peek(at, into);
    }
    bool poke(Spa at, std::span<const std::byte> from) override {
        return !is_broken(at) && PlainMemory::poke(at, from);
    }

private:
    static std::vector<memory::RamRange> with_base(std::vector<memory::RamRange> more) {
        more.insert(more.begin(), memory::RamRange{base, bytes});
        return more;
    }
    bool is_broken(Spa at) const { return broken != Spa{0} && at.page_number() == broken.page_number(); }
};

struct Wires : memory::InterruptSink {
    std::vector<unsigned> edges;
    void message(Spa, u32) override {}
    void wire(unsigned line) override { edges.push_back(line); }
};

/// All facts of one type, with their times.
template <class E> class Log {
public:
    explicit Log(base::EventBus& bus)
        : token_(bus.subscribe<E>([this](sim::Time now, const E& e) {
              all.push_back({now, e});
          })) {}
    std::vector<std::pair<sim::Time, E>> all;
    std::size_t size() const { return all.size(); }
    const E& operator[](std::size_t i) const { return all.at(i).second; }
    const E& last() const { return all.back().second; }

private:
    base::Subscription token_;
};

/// The stores of a guest and the accesses of a device. Everything takes the simulation's time.
struct Bench {
    explicit Bench(const Smmuv3Config& c = {}) : config(c), unit("smmu", bus, memory, &wires, c) {}
    ~Bench() { calendar.shutdown(); }

    static constexpr Spa strtab{0x1100'0000}, cmdq{0x1200'0000}, evtq{0x1300'0000}, cdtab{0x1400'0000},
        tables{0x1500'0000}, pages{0x2000'0000}, flag{0x1080'0000};
    static constexpr unsigned cmdq_log2 = 4, evtq_log2 = 2;

    sim::Calendar calendar{"calendar"};
    base::EventBus bus{calendar.clock()};
    TestMemory memory;
    Wires wires;
    Smmuv3Config config;
    Unit unit;
    u32 prod = 0; ///< the guest's copy of CMDQ_PROD
    Spa free_table = tables;
    u64 transactions = 0;

    // ---- time
    void settle() { calendar.run_until_idle(); }
    template <class T> T run(sim::Task<T> task, sim::Duration* took = nullptr) {
        std::optional<T> result;
        const sim::Time begun = sim::now();
        sim::Time ended = begun;
        sim::spawn(keep(std::move(task), result, ended));
        settle();
        if (took != nullptr) *took = ended - begun;
        REQUIRE(result.has_value());
        return std::move(*result);
    }
    template <class T> static sim::Task<void> keep(sim::Task<T> task, std::optional<T>& into, sim::Time& ended) {
        into.emplace(co_await std::move(task));
        ended = sim::now();
    }

    // ---- registers
    template <class R> void write(R value) {
        post(value);
        settle();
    }
    template <class R> void post(R value) {
        sim::spawn(unit.mmio_write(R::offset, sizeof(typename R::Value), value.value()));
    }
    template <class R> R read() {
        return R::of(static_cast<typename R::Value>(run(unit.mmio_read(R::offset, sizeof(typename R::Value)))));
    }
    template <class R> R reg() const { return unit.registers().template read<R>(); }

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
    template <class S> void store(Spa at, const S& s) { REQUIRE(memory.poke(at, s.to_bytes())); }
    template <class S> S load(Spa at) const {
        std::array<std::byte, S::byte_count> raw{};
        REQUIRE(memory.peek(at, raw));
        return S::from_bytes(raw);
    }
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
    Spa new_table() { return std::exchange(free_table, free_table + page_size); }
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
        return {++transactions, DeviceId{0}, StreamId{stream}, pasid.has_value(), Pasid{pasid.value_or(0)}, at, 8,
                access};
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

/// Where most tests map one page, and to what.
inline constexpr Iova here{0x0000'1234'5678'9000};
inline constexpr Spa there = Bench::pages;

} // namespace quiesce::iommu::smmuv3::test
