// SPDX-License-Identifier: Apache-2.0
/// Hardware marks table entries as used and as written (IDR0.HTTU, IHI 0070 3.13), in either stage.
#include "smmuv3/stage_bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr u64 used = 1 << 10, dbm = u64{1} << 51, read_only1 = 1 << 7, writable2 = 1 << 7;

struct HttuBench : StageBench {
    explicit HttuBench(Stages s, bool access = true, bool dirty = true) : StageBench(s, config_of(access, dirty)) {
        context_descriptor().set(Cd::HA, access).set(Cd::HD, dirty);
        if (s != Stages::First) stream_entry().set(Ste::S2HA, access).set(Ste::S2HD, dirty);
        write_structures();
    }
    static Smmuv3Config config_of(bool access, bool dirty) {
        Smmuv3Config c = both_stages();
        c.hardware_update = dirty ? 2u : access ? 1u : 0u;
        return c;
    }
    /// Writable-clean: it may be written once hardware has marked it.
    void make_clean(Spa slot, unsigned stage) {
        change(slot, dbm | (stage == 1 ? read_only1 : 0), stage == 1 ? 0 : writable2);
    }
    bool is_written(Spa slot, unsigned stage) const {
        return ((memory.peek64(slot) & (1 << 7)) != 0) == (stage == 2);
    }
    bool is_used(Spa slot) const { return (memory.peek64(slot) & used) != 0; }
};

} // namespace

TEST_CASE("the first use of a page marks its descriptor, for the price of one more access",
          "[smmuv3][httu][STE.S2HA][CD.HA][stage 1 leaf.AF][stage 2 leaf.AF]") {
    const Place place = GENERATE(from_range(std::begin(places), std::end(places)));
    HttuBench b{place.stages};
    const Spa slot = b.map_page(at, there).of(place.stage);
    sim::Duration marked, again;
    b.start();
    REQUIRE(b.dma(at + page_size).ending == Ending::Abort); // warms what leads to the page
    b.change(slot, 0, used);
    CHECK(b.dma(at, Access::Read, 1, {}, &marked).to == there);
    CHECK(b.is_used(slot));
    b.command(make_command<TlbiS12Vmall>().set(TlbiS12Vmall::VMID, StageBench::vmid), Bench::sync());
    b.consume_events();
    REQUIRE(b.dma(at + page_size).ending == Ending::Abort);
    CHECK(b.dma(at, Access::Read, 1, {}, &again).to == there);
    // Behind stage 2 the entry's address has to be writable there: one more look-up.
    const bool behind = place.stages == Stages::Both && place.stage == 1;
    const base::Latency asked = behind ? b.config.agent.walker.second_lookup.get() : base::Latency{};
    CHECK(marked == again + b.memory.latency + asked);
}

TEST_CASE("a write marks a clean page, a read does not, and a kept clean translation is walked once more",
          "[smmuv3][httu][STE.S2HD][CD.HD][stage 1 leaf.DBM][stage 2 leaf.DBM]") {
    const Place place = GENERATE(from_range(std::begin(places), std::end(places)));
    HttuBench b{place.stages};
    const Spa slot = b.map_page(at, there).of(place.stage);
    b.make_clean(slot, place.stage);
    b.start();
    CHECK(b.dma(at).to == there);
    CHECK_FALSE(b.is_written(slot, place.stage));
    CHECK(b.dma(at, Access::Write).to == there);
    CHECK(b.is_written(slot, place.stage));
    sim::Duration hit;
    CHECK(b.dma(at, Access::Write, 1, {}, &hit).to == there);
    CHECK(hit == b.config.agent.config_lookup + b.config.agent.tlb_lookup.get());
    CHECK(b.events() == 0);
}

TEST_CASE("without HD a clean page is read-only; without DBM it is whatever HD says",
          "[smmuv3][httu][STE.S2HD][CD.HD][stage 1 leaf.DBM][stage 2 leaf.DBM]") {
    const Place place = GENERATE(from_range(std::begin(places), std::end(places)));
    const bool modifier = GENERATE(true, false);
    HttuBench b{place.stages, true, !modifier};
    const Spa slot = b.map_page(at, there).of(place.stage);
    b.make_clean(slot, place.stage);
    if (!modifier) b.change(slot, 0, dbm);
    b.start();
    CHECK(b.dma(at, Access::Write).ending == Ending::Abort);
    CHECK((b.only_event().word(0) & 0xff) == 0x13);
    CHECK_FALSE(b.is_written(slot, place.stage));
}

TEST_CASE("what is refused is not marked", "[smmuv3][httu]") {
    HttuBench b{Stages::First};
    const Spa slot = b.map_page(at, there).first;
    b.change(slot, 0, used | 1 << 6); // never used, privileged only
    b.start();
    CHECK(b.dma(at).ending == Ending::Abort);
    CHECK((b.only_event().word(0) & 0xff) == 0x13); // with HA there is no access flag fault
    CHECK_FALSE(b.is_used(slot));
    TranslationRequest r = b.request(at);
    r.privileged = true;
    CHECK(b.run(b.unit.translation().translate(r)).to == there);
    CHECK(b.is_used(slot));
}

TEST_CASE("marking an entry of stage 1 is a write that stage 2 has to allow, and marks its page there",
          "[smmuv3][httu]") {
    HttuBench b{Stages::Both};
    const Spa slot = b.map_page(at, there).first;
    const Spa behind = b.expose(slot);
    b.change(slot, 0, used);
    SECTION("not writable: F_PERMISSION of a table, TTRnW says write") {
        b.change(behind, 0, writable2);
        b.start();
        CHECK(b.dma(at).ending == Ending::Abort);
        const EventRecord e = b.only_event();
        CHECK((e.word(0) & 0xff) == 0x13);
        CHECK((e.word(1) >> 32) == (1u << 3 | 1u << 7 | 1u << 8)); // RnW, S2, CLASS=TT
        CHECK(e.word(3) == (StageBench::behind(slot).value() & ~u64{0xfff}));
        CHECK_FALSE(b.is_used(slot));
    }
    SECTION("writable-clean: both are marked") {
        b.make_clean(behind, 2);
        b.start();
        CHECK(b.dma(at).to == there);
        CHECK(b.is_used(slot));
        CHECK(b.is_written(behind, 2));
    }
}

TEST_CASE("an entry that changes under the mark is read again", "[smmuv3][httu]") {
    HttuBench b{Stages::First};
    const Spa slot = b.map_page(at, there).first;
    b.change(slot, 0, used);
    b.start();
    std::optional<Translation> got;
    sim::Time ended;
    sim::spawn(Bench::keep(b.unit.translation().translate(b.request(at)), got, ended));
    // The descriptor has been read, its mark is under way: structures 2 reads and beats, tables 4.
    const auto structure = b.memory.latency + b.memory.beat_gap * 3;
    const AgentConfig& a = b.config.agent;
    b.calendar.run_for(a.config_lookup + a.tlb_lookup.get() + structure * 2 + a.walker.cache_lookup.get() +
                       (b.memory.latency + a.walker.pte_check.get()) * 4 + sim::Duration::ps(1'000));
    REQUIRE_FALSE(got);
    REQUIRE_FALSE(b.is_used(slot));
    b.memory.poke64(slot, Bench::page(there + page_size).set(LeafDescriptor::AF, false).word(0));
    b.settle();
    REQUIRE(got);
    CHECK(got->to == there + page_size);
    CHECK(b.memory.peek64(slot) == Bench::page(there + page_size).word(0));
}

TEST_CASE("a translation request marks what it is granted: written, unless it says that it will not write",
          "[smmuv3][httu]") {
    const bool no_write = GENERATE(false, true);
    HttuBench b{Stages::First};
    b.stream_entry().set(Ste::EATS, StreamAts::Full);
    b.write_structures();
    const Spa slot = b.map_page(at, there).first;
    b.make_clean(slot, 1);
    b.start();
    TranslationRequest r = b.request(at);
    r.type = AddressType::TranslationRequest;
    r.no_write = no_write;
    const Translation t = b.run(b.unit.translation().translate(r));
    CHECK(t.may.read);
    CHECK(t.may.write == !no_write);
    CHECK(b.is_written(slot, 1) == !no_write);
}

} // namespace quiesce::iommu::smmuv3::test
