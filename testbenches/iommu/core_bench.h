// SPDX-License-Identifier: Apache-2.0
/// The neutral core without an architecture: memory of a known latency, a plain four-level table format, contexts by
/// hand, and transactions whose every instant is written down.
#pragma once
#include "iommu/agent.h"
#include "memory/atomics.h"
#include "sim/task.h"
#include "sim/wire.h"

#include <cstring>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace quiesce::testbench {

using namespace quiesce::iommu;
using namespace quiesce::sim::literals;
using sim::Duration;
using sim::Task;
using sim::Time;

/// Every access takes `latency`, in order; words that nobody wrote are zero.
class PlainMemory final : public memory::MemoryPort {
public:
    explicit PlainMemory(Duration latency) : latency_(latency) {}
    void start(const memory::Request& r, std::coroutine_handle<> who) override {
        asked.push_back(r);
        lane_.push(who, sim::now() + latency_);
    }
    void commit(memory::Request& r) override {
        r.status = aborts.count(r.at.value()) != 0 ? memory::Status::ExternalAbort : memory::Status::Ok;
        if (r.atomic != memory::AtomicOp::None)
            memory::modify(reinterpret_cast<std::byte*>(&words[r.at.value()]), r);
        else if (r.write)
            std::memcpy(&words[r.at.value()], r.data, r.bytes);
        else
            std::memcpy(r.data, &words[r.at.value()], r.bytes);
    }
    Task<memory::Status> fetch(Spa at, std::span<u64> into, memory::Origin o) override {
        for (std::size_t i = 0; i < into.size(); ++i) into[i] = (co_await read64(at + 8 * i, o)).value;
        co_return memory::Status::Ok;
    }
    unsigned beat_bytes() const override { return 8; }
    bool peek(Spa, std::span<std::byte>) const override { return false; }
    bool poke(Spa, std::span<const std::byte>) override { return false; }

    std::map<u64, u64> words;
    std::set<u64> aborts;
    std::vector<memory::Request> asked;

private:
    Duration latency_;
    sim::Lane lane_;
};

/// The format: bit 0 valid, 1 leaf, 2 read, 3 write, 4 execute, 5 user, 6 accessed, 7 global; address from bit 12 on.
namespace plain {
enum : u64 { valid = 1, leaf = 2, r = 4, w = 8, x = 16, user = 32, accessed = 64, global = 128, rwu = r | w | user };
inline Decoded decode(u64 e, unsigned, const TableRoot&) {
    Decoded d;
    if ((e & valid) == 0) return d;
    d.to = Spa{e & ~u64{0xfff}};
    d.kind = (e & leaf) ? Decoded::Kind::Leaf : Decoded::Kind::Table;
    d.may = {(e & r) != 0, (e & w) != 0, (e & x) != 0, (e & user) != 0, (e & x) != 0};
    d.accessed = (e & accessed) != 0;
    d.global = (e & global) != 0;
    return d;
}
inline unsigned shift(unsigned level) { return 39 - 9 * level; }
inline unsigned bits(unsigned) { return 9; }
inline constexpr TableFormat format{"plain", 0, 3, &shift, &bits, &decode};
} // namespace plain

/// Page tables in a PlainMemory; tables are taken from 1 MiB upwards.
class Tables {
public:
    explicit Tables(PlainMemory& m) : m_(m) {}
    Spa take_table() { return Spa{0x10'0000 + 0x1000 * taken_++}; }
    /// The address of the entry for `at` at `level`, with tables made on the way.
    Spa entry(Spa root, Iova at, unsigned level = 3, u64 table_bits = plain::rwu | plain::x) {
        Spa table = root;
        for (unsigned l = 0; l < level; ++l) {
            u64& e = m_.words[index(table, at, l).value()];
            if (e == 0) e = take_table().value() | plain::valid | table_bits;
            table = Spa{e & ~u64{0xfff}};
        }
        return index(table, at, level);
    }
    Spa map(Spa root, Iova at, Spa to, u64 bits = plain::rwu, unsigned level = 3) {
        const Spa e = entry(root, at, level);
        m_.words[e.value()] = to.value() | plain::valid | plain::leaf | plain::accessed | bits;
        return e;
    }
    void set(Spa entry, u64 value) { m_.words[entry.value()] = value; }

private:
    static Spa index(Spa table, Iova at, unsigned level) {
        return table + ((at.value() >> plain::shift(level)) & 511) * 8;
    }
    PlainMemory& m_;
    u64 taken_ = 0;
};

/// Contexts come from a list; faults are written down.
class PlainArchitecture final : public Architecture {
public:
    std::optional<Translation> admit(const TranslationRequest&) override {
        if (!disabled) return std::nullopt;
        return Translation{Ending::Grant, Spa{0x77}, sim::now(), {}};
    }
    Task<ContextOutcome> resolve(const TranslationRequest& r) override {
        ++resolved;
        const auto found =
            contexts.find({raw(r.stream), raw(r.pasid)}); // sampled first: what the fetch takes is after it
        const ContextOutcome outcome =
            found == contexts.end() ? missing() : ContextOutcome{true, found->second, {}, true};
        co_await sim::delay(resolve_time);
        co_return outcome;
    }
    Tag context_tag(const TranslationRequest& r) const override {
        Tag t{};
        t.kind = CacheKind::Configuration;
        t.stream = r.stream;
        t.has_pasid = r.has_pasid;
        t.pasid = r.pasid;
        return t;
    }
    Task<Ending> fault(const TranslationRequest& r, const Fault& f, const Context* c) override {
        faults.push_back({r.transaction, f, c != nullptr});
        co_await sim::delay(fault_time);
        co_return ending;
    }

    struct Seen {
        u64 transaction;
        Fault fault;
        bool had_context;
    };
    std::map<std::pair<u32, u32>, Context> contexts;
    std::vector<Seen> faults;
    Duration resolve_time = 50_ns, fault_time = 20_ns;
    Ending ending = Ending::Abort;
    bool disabled = false;
    unsigned resolved = 0;

private:
    static ContextOutcome missing() {
        ContextOutcome o;
        o.fault.why = FaultReason::Configuration;
        o.fault.code = 0x0a;
        o.cacheable = false;
        return o;
    }
};

/// One transaction: translated, then under way to memory for `hold`.
struct Transfer {
    bool answered = false;
    Time at{}, committed{};
    Translation got{};
    Duration took{};
};

/// An agent with everything around it. Latencies are all different, so that a sum names its parts.
struct CoreBench {
    static constexpr Duration memory_time = 60_ns;
    sim::Calendar calendar;
    base::EventBus bus{calendar.clock()};
    PlainMemory memory{memory_time};
    Tables tables{memory};
    PlainArchitecture architecture;
    AgentConfig config;
    std::optional<Agent> built;
    std::deque<Transfer> transfers;
    Spa root = tables.take_table();
    u64 transactions = 0;

    CoreBench() { add_context(1, 5, root, SpaceTag{9}); }
    ~CoreBench() { calendar.shutdown(); }

    Agent& agent() {
        if (!built) built.emplace("iommu0", bus, memory, architecture, config);
        return *built;
    }
    Context& add_context(u32 stream, u32 pasid, Spa table, SpaceTag space) {
        Context c;
        c.domain = DomainTag{1};
        c.space = space;
        c.roots[0].format = &plain::format;
        c.roots[0].present = true;
        c.roots[0].table = table;
        return architecture.contexts[{stream, pasid}] = c;
    }
    TranslationRequest request(Iova at, iommu::Access access = iommu::Access::Read, u32 pasid = 5) {
        TranslationRequest r{};
        r.transaction = ++transactions;
        r.device = DeviceId{3};
        r.stream = StreamId{1};
        r.has_pasid = true;
        r.pasid = Pasid{pasid};
        r.at = at;
        r.bytes = 64;
        r.access = access;
        r.bond = BondId{7};
        return r;
    }
    /// Begins at the present instant.
    Transfer& begin(TranslationRequest r, Duration hold = Duration{}) {
        agent();
        transfers.emplace_back();
        sim::start(carry(r, hold, transfers.back()));
        return transfers.back();
    }
    Task<void> carry(TranslationRequest r, Duration hold, Transfer& t) {
        const Time begun = sim::now();
        t.got = co_await agent().translate(r);
        t.at = sim::now();
        t.took = t.at - begun;
        t.answered = true;
        co_await sim::delay(hold);
        t.got.in_flight = InFlight{};
        t.committed = sim::now();
    }
    /// Runs until nothing is left to do.
    void settle() { calendar.run_until_idle(); }
    void run(Duration d) { calendar.run_for(d); }
    /// A whole transaction on an idle unit.
    Transfer& once(TranslationRequest r) {
        Transfer& t = begin(r);
        settle();
        return t;
    }
    /// Fills all caches for `at`.
    void warm(Iova at) { once(request(at)); }

    Duration hit_time() { return config.config_lookup + config.tlb_lookup.get(); }
    Duration entry_time() { return config.walker.pte_check + memory_time; }
    Duration walk_time(unsigned entries) { return config.walker.cache_lookup + entry_time() * entries; }
};

/// Two pages beside each other.
inline constexpr Iova at{0x40'0000'1000}, other{0x40'0000'2000};

inline Scope scope_of_space(SpaceTag space, u8 in = bit_of(CacheKind::Translation) | bit_of(CacheKind::Walk)) {
    Scope s;
    s.in = in;
    s.domain = DomainTag{1};
    s.space = space;
    return s;
}
inline Scope scope_of_page(SpaceTag space, Iova at, bool leaf_only) {
    Scope s = scope_of_space(space);
    s.range = IovaRange{at.align_down(page_size), page_size};
    s.leaf_only = leaf_only;
    return s;
}
inline Scope scope_of_stream(StreamId stream) {
    Scope s;
    s.in = bit_of(CacheKind::Configuration);
    s.stream = stream;
    return s;
}

/// Writes down when something ended.
struct Ended {
    bool done = false;
    Time at{};
    Task<void> note(Task<void> what) {
        co_await std::move(what);
        at = sim::now();
        done = true;
    }
};

} // namespace quiesce::testbench
