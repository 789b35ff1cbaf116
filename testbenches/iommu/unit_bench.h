// SPDX-License-Identifier: Apache-2.0
/// What the units of all architectures are tested with: a small memory of fixed latency, a guest that stores bytes and
/// writes registers, and a device's accesses. What the bytes mean is with the architectures: <architecture>/bench.h.
#pragma once
#include "base/events.h"
#include "base/facts.h"
#include "base/registers.h"
#include "iommu/translation.h"
#include "memory/plain_memory.h"
#include "sim/calendar.h"
#include "sim/task.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace quiesce::iommu::test {

/// RAM at [base, base + bytes), and where else it is wanted, of which one page can be broken; keeps the messages that
/// land in it.
class TestMemory : public memory::PlainMemory {
public:
    static constexpr Spa base{0x1000'0000};
    static constexpr u64 bytes = 0x2000'0000;
    explicit TestMemory(std::vector<memory::RamRange> more = {}) : PlainMemory(with_base(std::move(more))) {}
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

/// An access: of bus 1, device 1, function 0, if nothing else is said.
struct Dma {
    u32 stream = 0x0108;
    std::optional<u32> pasid{};
    Access access = Access::Read;
    AddressType type = AddressType::Untranslated;
    bool privileged = false, instruction = false, no_write = false;
};

/// The stores of a guest and the accesses of a device. Everything takes the simulation's time.
template <class Unit>
struct UnitBench {
    /// `settings`: the unit's, after its memory; `more`: memory where there is else none.
    template <class... Settings>
    explicit UnitBench(base::Name name, std::vector<memory::RamRange> more, const Settings&... settings)
        : memory(std::move(more)), unit(name, bus, memory, settings...) {}
    ~UnitBench() { calendar.shutdown(); }

    static constexpr Spa tables{0x1500'0000}, pages{0x2000'0000}, flag{0x1080'0000};

    sim::Calendar calendar{"calendar"};
    base::EventBus bus{calendar.clock()};
    TestMemory memory;
    Unit unit;
    Spa free_table = tables;
    u64 transactions = 0;

    // ---- time
    void settle() { calendar.run_until_idle(); }
    void run_for(sim::Duration d) { calendar.run_until(sim::now() + d); }
    template <class T>
    T run(sim::Task<T> task, sim::Duration* took = nullptr) {
        std::optional<T> result;
        const sim::Time begun = sim::now();
        sim::Time ended = begun;
        sim::spawn(keep(std::move(task), result, ended));
        settle();
        if (took != nullptr) *took = ended - begun;
        REQUIRE(result.has_value());
        return std::move(*result);
    }
    template <class T>
    static sim::Task<void> keep(sim::Task<T> task, std::optional<T>& into, sim::Time& ended) {
        into.emplace(co_await std::move(task));
        ended = sim::now();
    }

    // ---- registers
    template <class R>
    void write(R value) {
        post(value);
        settle();
    }
    template <class R>
    void post(R value) {
        sim::spawn(unit.mmio_write(R::offset, sizeof(typename R::Value), value.value()));
    }
    void write_at(u64 offset, unsigned size, u64 value) {
        sim::spawn(unit.mmio_write(offset, size, value));
        settle();
    }
    u64 read_at(u64 offset, unsigned size) { return run(unit.mmio_read(offset, size)); }
    template <class R>
    R read() {
        return R::of(static_cast<typename R::Value>(read_at(R::offset, sizeof(typename R::Value))));
    }
    template <class R>
    R reg() const {
        return unit.registers().template read<R>();
    }
    template <class R, class T, unsigned Bits>
    T get(const base::Field<R, T, Bits>& f) const {
        return unit.registers().get(f);
    }

    // ---- structures
    template <class S>
    void store(Spa at, const S& s) {
        REQUIRE(memory.poke(at, s.to_bytes()));
    }
    template <class S>
    S load(Spa at) const {
        std::array<std::byte, S::byte_count> raw{};
        REQUIRE(memory.peek(at, raw));
        return S::from_bytes(raw);
    }
    Spa new_table() { return std::exchange(free_table, free_table + page_size); }

    // ---- traffic
    TranslationRequest request(Iova at, const Dma& d = {}) {
        return {++transactions,
                DeviceId{0},
                StreamId{d.stream},
                d.pasid.has_value(),
                Pasid{d.pasid.value_or(0)},
                at,
                8,
                d.access,
                d.privileged,
                d.instruction,
                d.type,
                d.no_write};
    }
    Translation dma(Iova at, const Dma& d = {}, sim::Duration* took = nullptr) {
        return run(unit.translation().translate(request(at, d)), took);
    }
    static constexpr Dma pasid5{.pasid = 5};
    static Dma with(Dma d, Access a) {
        d.access = a;
        return d;
    }
    static Dma with(Dma d, AddressType t) {
        d.type = t;
        return d;
    }
};

/// Where most tests map one page, and to what.
inline constexpr Iova here{0x0000'1234'5678'9000};
inline constexpr Spa there{0x2000'0000}, elsewhere = there + 0x10'0000;

} // namespace quiesce::iommu::test
