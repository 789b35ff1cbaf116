// SPDX-License-Identifier: Apache-2.0
/// The GPU as its driver sees it: descriptors and an interrupt ring in memory, registers, and what its contexts do.
#include "base/property.h"
#include "devices/gpu.h"
#include "pcie/support/fabric.h"
#include "support/fresh_kernel.h"

#include <algorithm>
#include <cstring>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::stubs;
using sim::Time;

namespace {
using D = gpu::ContextDescriptor;

struct GpuBench : Fabric {
    static constexpr u64 table = 0x10000, ring = 0x20000, wptr = 0x21000, messages_at = 0xfee0'0000;
    static constexpr u64 save_areas = 0x40000, save_step = 0x8000;

    static GpuConfig small() {
        GpuConfig c;
        c.contexts = 8;
        c.waves = 2;
        c.wave_bytes = 256_B;
        c.time_slice = 100_us;
        c.reset_time = 1_ms;
        return c;
    }
    explicit GpuBench(const GpuConfig& c = small(), u32 log2size = 4)
        : settings(c), gpu("gpu0", events, root_complex, {}, c, DeviceId{0}, 1) {
        gpu.take_into_service();
        root_complex.set_message_window(Spa{messages_at}, 4096);
        memory.on_commit = [this](const memory::Request& r) { messages += r.origin.purpose == memory::Purpose::Msi; };
        write(gpu::MSI_ADDR{}.set(gpu::MSI_ADDR::ADDR, messages_at));
        write(gpu::CTX_BASE{}.set(gpu::CTX_BASE::ADDR, at(table)));
        write(gpu::IR_BASE{}.set(gpu::IR_BASE::ADDR, at(ring)));
        write(gpu::IR_WPTR_ADDR{}.set(gpu::IR_WPTR_ADDR::ADDR, at(wptr)));
        write(gpu::IR_CONTROL{}.set(gpu::IR_CONTROL::LOG2SIZE, log2size).set(gpu::IR_CONTROL::ENABLE, true));
    }
    ~GpuBench() { calendar.shutdown(); }

    template <class R>
    void write(R value) {
        sim::start(gpu.bar().mmio_write(R::offset, sizeof(typename R::Value), value.value()));
        run(1_us);
    }
    template <class R>
    R read() {
        Time end;
        u64 value = 0;
        sim::start(timed(gpu.bar().mmio_read(R::offset, sizeof(typename R::Value)), end, value));
        while (end == Time{}) run(100_ns);
        return R::of(static_cast<typename R::Value>(value));
    }
    /// Endless reads, two a microsecond, with a PASID and a work tag of the context's number.
    D descriptor(unsigned context) const {
        D d;
        d.set(D::VALID, true)
            .set(D::PASID_VALID, true)
            .set(D::PASID, Pasid{context + 1})
            .set(D::TAG, BondId{context + 1});
        d.set(D::BASE, at(0x80000 + context * 0x1000)).set(D::LENGTH, 4096).set(D::BYTES_MIN, 64).set(D::RATE, 500);
        d.set(D::SAVE_AREA, at(save_areas + context * save_step));
        return d;
    }
    void map(unsigned context, const D& d) {
        const auto bytes = d.to_bytes();
        memory.poke(Spa{table + context * D::byte_count}, bytes);
        command(context, gpu::Operation::Map);
    }
    void map(unsigned context) { map(context, descriptor(context)); }
    void command(unsigned context, gpu::Operation o) {
        write(gpu::COMMAND{}.set(gpu::COMMAND::CONTEXT, context).set(gpu::COMMAND::OPERATION, o));
    }
    void unmap(unsigned context) { command(context, gpu::Operation::Unmap); }
    gpu::State state(unsigned context) { return gpu.state(context); }
    gpu::InterruptEntry entry(unsigned slot) const {
        std::array<std::byte, gpu::InterruptEntry::byte_count> bytes{};
        memory.peek(Spa{ring + slot * bytes.size()}, bytes);
        return gpu::InterruptEntry::from_bytes(bytes);
    }
    u64 pointer() const { return word(wptr) & 0x7fff'ffff; }
    /// What the ring has told of a source, from its first slot on.
    std::size_t told(gpu::Source s) const {
        std::size_t n = 0;
        for (unsigned slot = 0; slot < pointer(); ++slot) n += entry(slot).get(gpu::InterruptEntry::SOURCE) == s;
        return n;
    }
    GpuConfig settings;
    Gpu gpu;
    u64 messages = 0;
    std::vector<u32> issued = std::vector<u32>(16);
    base::Subscription counting = events.subscribe<DmaIssued>([this](Time, const DmaIssued& e) {
        if (e.bytes != 0) ++issued[raw(e.bond)];
    });
};
} // namespace

TEST_CASE("MAP reads the descriptor from memory, and the context's requests carry its PASID and tag",
          "[devices][gpu]") {
    GpuBench b;
    b.iommu.keep_questions = true;
    b.map(3);
    b.run(50_us);
    CHECK(b.state(3) == gpu::State::Running);
    u64 own = 0, of_waves = 0;
    for (const auto& q : b.iommu.questions) {
        if (!q.has_pasid) {
            ++own;
            continue;
        }
        ++of_waves;
        CHECK(q.pasid == Pasid{4});
        CHECK(q.bond == BondId{4});
        CHECK((q.at >= b.at(0x83000) && q.at < b.at(0x84000)));
    }
    CHECK(own == 1); // the descriptor
    CHECK(of_waves > 80);
}

TEST_CASE("a descriptor that is not valid is told in the interrupt ring, and nothing runs", "[devices][gpu]") {
    GpuBench b;
    b.map(0, D{});
    b.run(20_us);
    CHECK(b.state(0) == gpu::State::Unmapped);
    CHECK(b.pointer() == 1);
    CHECK(b.entry(0).get(gpu::InterruptEntry::SOURCE) == gpu::Source::Invalid);
    CHECK(b.messages == 1);
}

TEST_CASE("finite work ends by itself, is told, and can be mapped again", "[devices][gpu]") {
    GpuBench b;
    for (unsigned turn = 0; turn < 2; ++turn) {
        b.map(0, b.descriptor(0).set(D::COUNT, 20));
        b.run(50_us);
        CHECK(b.state(0) == gpu::State::Idle);
        CHECK(b.issued[1] == 20 * (turn + 1));
        CHECK(b.told(gpu::Source::Done) == turn + 1);
    }
}

TEST_CASE("contexts beyond the engines wait, and each gets its share of time", "[devices][gpu]") {
    GpuBench b;
    for (unsigned c = 0; c < 4; ++c) b.map(c);
    b.run(20_us);
    CHECK(b.state(0) == gpu::State::Running);
    CHECK(b.state(1) == gpu::State::Running);
    CHECK(b.state(2) == gpu::State::Waiting);
    CHECK(b.state(3) == gpu::State::Waiting);
    b.run(4_ms);
    const auto [least, most] = std::minmax_element(b.issued.begin() + 1, b.issued.begin() + 5);
    CHECK(*least > 0);
    CHECK(*most < *least * 13 / 10);
    CHECK(b.gpu.engine_of(0) < 2);
}

TEST_CASE("a context that nobody waits for keeps its engine beyond its time slice", "[devices][gpu]") {
    GpuBench b;
    u64 switches = 0;
    auto token = b.events.subscribe<QueueState>([&](Time, const QueueState&) { ++switches; });
    b.map(0);
    b.map(1);
    b.run(2_ms);
    CHECK(switches == 4); // waiting and running, twice
}

TEST_CASE("an UNMAP takes the waves' time to their points, their state's way to memory, and the flush behind it",
          "[devices][gpu]") {
    GpuConfig c = GpuBench::small();
    c.preempt_point = 30_us;
    c.preempt_point_max = 30_us;
    GpuBench b{c};
    std::vector<std::pair<Time, base::Span>> spans;
    auto token = b.events.subscribe<base::Span>([&](Time now, const base::Span& s) {
        if (s.phase == base::Name{"context-save"}) spans.emplace_back(now, s);
    });
    Time unmapped;
    std::size_t inside = 99;
    auto states = b.events.subscribe<QueueState>([&](Time now, const QueueState& e) {
        if (e.state != base::Name{"unmapped"}) return;
        unmapped = now;
        inside = b.gpu.port().posted_inside() + b.iommu.in_flight.inside() + b.gpu.tags().used();
    });
    b.map(0);
    b.run(100_us);
    b.unmap(0);
    b.run(100_us);
    REQUIRE(spans.size() == 1);
    const auto& [end, span] = spans[0];
    CHECK(span.bond == BondId{1});
    CHECK(span.id == b.gpu.last_stop_span(0));
    CHECK(end - span.start > 30_us);
    CHECK(end - span.start < 33_us); // half a KiB by write, and a zero-length read
    CHECK(unmapped >= end);
    CHECK(inside == 0);
    CHECK(b.state(0) == gpu::State::Unmapped);
    CHECK(b.told(gpu::Source::Unmapped) == 1);
    const u32 before = b.issued[1];
    b.run(100_us);
    CHECK(b.issued[1] == before);
}

TEST_CASE("the times of preemptions are drawn from their interval, wave by wave", "[devices][gpu]") {
    GpuConfig c = GpuBench::small();
    c.preempt_point = 5_us;
    c.preempt_point_max = 50_us;
    GpuBench b{c, 8};
    std::vector<sim::Duration> taken;
    auto token = b.events.subscribe<base::Span>([&](Time now, const base::Span& s) {
        if (s.phase == base::Name{"context-save"}) taken.push_back(now - s.start);
    });
    for (int i = 0; i < 12; ++i) {
        b.map(0);
        b.run(20_us);
        b.unmap(0);
        b.run(100_us);
    }
    REQUIRE(taken.size() == 12);
    for (const auto t : taken) CHECK((t >= 5_us && t < 53_us));
    CHECK(*std::max_element(taken.begin(), taken.end()) - *std::min_element(taken.begin(), taken.end()) > 10_us);
}

TEST_CASE("a wave's way to its point that is drawn itself asks for no interval", "[devices][gpu]") {
    GpuConfig c = GpuBench::small();
    c.preempt_point = base::Spread{base::Spread::Shape::Uniform, 60_us, 70_us};
    GpuBench b{c, 8};
    std::vector<sim::Duration> taken;
    auto token = b.events.subscribe<base::Span>([&](Time now, const base::Span& s) {
        if (s.phase == base::Name{"context-save"}) taken.push_back(now - s.start);
    });
    for (int i = 0; i < 6; ++i) {
        b.map(0);
        b.run(20_us);
        b.unmap(0);
        b.run(100_us);
    }
    REQUIRE(taken.size() == 6);
    REQUIRE(c.preempt_point_max.get() < 60_us);
    for (const auto t : taken) CHECK((t >= 60_us && t < 73_us));
}

TEST_CASE(
    "what was saved is in the save area, with a valid header, and a context mapped to be restored goes on from there",
    "[devices][gpu]") {
    GpuBench b;
    b.map(0, b.descriptor(0).set(D::COUNT, 100));
    b.run(20_us);
    b.unmap(0);
    b.run(100_us);
    REQUIRE(b.state(0) == gpu::State::Unmapped);
    const u64 header = GpuBench::save_areas;
    CHECK((b.word(header) & 0xffff'ffff) == 0x5a7e'c0de);
    CHECK((b.word(header) >> 32 & 0xffff) == 2);
    const u64 begun = b.word(header + 8);
    CHECK(begun + 3 == b.issued[1]); // besides, the state of two waves and the header
    CHECK(begun < 100);
    CHECK(b.word(header + 4096) == 0x0706'0504'0302'0100);
    b.map(0, b.descriptor(0).set(D::COUNT, 100).set(D::RESTORE, true));
    b.run(200_us);
    CHECK(b.state(0) == gpu::State::Idle);
    // 100 requests of the work, and what was read back: the header, and 256 bytes for each of two waves.
    CHECK(b.issued[1] >= 100);
}

TEST_CASE("a context to be restored from an area without a header is let go, and that is told as a failure",
          "[devices][gpu]") {
    GpuBench b;
    b.map(0, b.descriptor(0).set(D::RESTORE, true));
    b.run(50_us);
    CHECK(b.state(0) == gpu::State::Unmapped);
    REQUIRE(b.pointer() == 1);
    CHECK(b.entry(0).get(gpu::InterruptEntry::SOURCE) == gpu::Source::Unmapped);
    CHECK(b.entry(0).get(gpu::InterruptEntry::FAILED));
}

TEST_CASE("a context that cannot be preempted goes on with DMA after UNMAP until the engines are reset",
          "[devices][gpu]") {
    const bool drawn = GENERATE(false, true);
    GpuConfig c = GpuBench::small();
    if (drawn) c.hang_one_in = 1;
    GpuBench b{c};
    b.map(0, b.descriptor(0).set(D::STUCK, !drawn));
    b.map(1);
    b.run(20_us);
    b.unmap(0);
    b.run(5_ms);
    CHECK(b.state(0) == gpu::State::Saving);
    CHECK(b.told(gpu::Source::Unmapped) == 0);
    const u32 before = b.issued[1];
    b.run(100_us);
    CHECK(b.issued[1] > before + 100);
    b.write(gpu::RESET{}.set(gpu::RESET::ENGINES, true));
    const u32 at_reset = b.issued[1];
    CHECK(b.read<gpu::RESET_STATUS>().get(gpu::RESET_STATUS::BUSY));
    b.map(2); // not while it is under way
    b.run(990_us);
    CHECK(b.read<gpu::RESET_STATUS>().get(gpu::RESET_STATUS::BUSY));
    b.run(20_us);
    CHECK_FALSE(b.read<gpu::RESET_STATUS>().get(gpu::RESET_STATUS::BUSY));
    for (unsigned n = 0; n < 3; ++n) CHECK(b.state(n) == gpu::State::Unmapped); // the innocent one, too
    CHECK(b.issued[1] == at_reset);
    CHECK(b.gpu.refused_commands() == 1);
    b.map(1);
    b.run(20_us);
    CHECK(b.state(1) == gpu::State::Running);
}

TEST_CASE("an access without translation is tried again, with growing pauses, until it has one; one fault is told",
          "[devices][gpu]") {
    GpuConfig c = GpuBench::small();
    c.retry = 2_us;
    c.retry_max = 8_us;
    GpuBench b{c};
    bool there = false;
    b.iommu.ending = [&](const iommu::TranslationRequest& r) {
        return r.has_pasid && !there ? iommu::Ending::Abort : iommu::Ending::Grant;
    };
    std::vector<Time> retried;
    auto token = b.events.subscribe<AccessRetried>([&](Time now, const AccessRetried& e) {
        CHECK(e.bond == BondId{1});
        retried.push_back(now);
    });
    b.map(0, b.descriptor(0).set(D::WAVES, 1).set(D::COUNT, 3));
    b.run(100_us);
    REQUIRE(retried.size() > 8);
    CHECK(retried[1] - retried[0] > 4_us);
    CHECK(retried[1] - retried[0] < 6_us);
    CHECK(retried[5] - retried[4] > 8_us);
    CHECK(retried[5] - retried[4] < 10_us);
    CHECK(b.told(gpu::Source::Fault) == 1);
    CHECK(b.entry(0).get(gpu::InterruptEntry::VMID) >= 8);
    CHECK(b.entry(0).get(gpu::InterruptEntry::PASID) == Pasid{1});
    CHECK(b.state(0) == gpu::State::Running);
    there = true;
    b.run(100_us);
    CHECK(b.state(0) == gpu::State::Idle);
    CHECK(b.gpu.retries() == retried.size());
}

TEST_CASE("a context whose accesses never succeed can be removed all the same", "[devices][gpu]") {
    GpuBench b;
    b.iommu.ending = [](const iommu::TranslationRequest& r) {
        return r.has_pasid ? iommu::Ending::Abort : iommu::Ending::Grant;
    };
    b.map(0);
    b.run(200_us);
    b.unmap(0);
    b.run(3_ms);
    CHECK(b.state(0) == gpu::State::Unmapped);
}

TEST_CASE("a full interrupt ring drops what comes, says so in its status and in memory, and goes on when it is read",
          "[devices][gpu]") {
    GpuBench b{GpuBench::small(), 2};
    for (unsigned n = 0; n < 5; ++n) b.map(n, D{});
    b.run(50_us);
    CHECK(b.pointer() == 3);
    CHECK(b.gpu.dropped_interrupts() == 2);
    CHECK((b.word(GpuBench::wptr) >> 31 & 1) == 1);
    CHECK(b.read<gpu::IR_STATUS>().get(gpu::IR_STATUS::OVERFLOW));
    b.write(gpu::IR_STATUS{}.set(gpu::IR_STATUS::OVERFLOW, true));
    b.write(gpu::IR_RPTR::of(3));
    b.map(5, D{});
    b.run(20_us);
    CHECK(b.word(GpuBench::wptr) == 0); // wrapped, and without the flag
    CHECK(b.entry(3).get(gpu::InterruptEntry::CONTEXT) == 5);
}

TEST_CASE("a function-level reset forgets every context, the ring and the registers", "[devices][gpu]") {
    GpuBench b;
    b.map(0);
    b.map(1, b.descriptor(1).set(D::STUCK, true));
    b.run(20_us);
    b.unmap(1);
    b.run(20_us);
    b.gpu.port().set_link(false);
    CHECK(b.state(0) == gpu::State::Unmapped);
    CHECK(b.state(1) == gpu::State::Unmapped);
    b.run(20_ms);
    const u32 before = b.issued[1] + b.issued[2];
    b.run(1_ms);
    CHECK(b.issued[1] + b.issued[2] == before);
    CHECK(b.gpu.tags().used() == 0);
}

TEST_CASE("whatever the order of MAP and UNMAP, every UNMAP is told once, and afterwards nothing of the context moves",
          "[devices][gpu][property]") {
    using Script = std::vector<std::tuple<unsigned, bool, unsigned>>; // context, MAP or UNMAP, microseconds afterwards
    testbench::holds(
        [] {
            const auto script = *rc::gen::container<Script>(rc::gen::tuple(
                rc::gen::inRange(0u, 4u), rc::gen::arbitrary<bool>(), rc::gen::element(0u, 3u, 20u, 150u)));
            testbench::fresh_kernel();
            GpuConfig c = GpuBench::small();
            c.engines = 1;
            c.time_slice = 30_us;
            GpuBench b{c, 10};
            for (const auto& [context, map, wait] : script) {
                if (map)
                    b.map(context);
                else
                    b.unmap(context);
                b.run(1_us * wait);
            }
            b.run(2_ms);
            for (unsigned n = 0; n < 4; ++n) b.unmap(n);
            b.run(2_ms);
            u64 maps = 0;
            for (unsigned n = 0; n < 4; ++n) {
                RC_ASSERT(b.state(n) == gpu::State::Unmapped);
                maps += b.issued[n + 1] != 0;
            }
            RC_ASSERT(b.told(gpu::Source::Unmapped) >= maps);
            const auto before = b.issued;
            b.run(500_us);
            RC_ASSERT(b.issued == before);
            RC_ASSERT(b.gpu.tags().used() == 0u);
        },
        60);
}
