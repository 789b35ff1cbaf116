// SPDX-License-Identifier: Apache-2.0
/// The pipeline: what each kind of transaction costs and how it ends.
#include "iommu/core_bench.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

namespace {

struct Watched : CoreBench {
    std::vector<Translated> told;
    base::Subscription token = bus.subscribe<Translated>([this](Time, const Translated& e) { told.push_back(e); });
    Watched() { tables.map(root, at, Spa{0x8000'1000}); }
};

} // namespace

TEST_CASE("a first miss takes both look-ups, the structure fetch and a full walk; a hit takes the look-ups",
          "[iommu][agent]") {
    Watched b;
    Transfer& miss = b.once(b.request(at + 0x123));
    Transfer& hit = b.once(b.request(at + 0x456, iommu::Access::Write));
    CHECK(miss.took == b.hit_time() + b.architecture.resolve_time + b.walk_time(4));
    CHECK(hit.took == b.hit_time());
    CHECK(miss.got.to == Spa{0x8000'1123});
    CHECK(hit.got.to == Spa{0x8000'1456});
    CHECK(hit.got.looked_up == hit.at);
    CHECK(hit.got.ending == Ending::Grant);
}

TEST_CASE("a miss takes miss_latency before its walk, a hit does not", "[iommu][agent]") {
    Watched b;
    b.config.miss_latency = 11_ns;
    const Transfer& miss = b.once(b.request(at));
    const Transfer& hit = b.once(b.request(at));
    CHECK(miss.took == b.hit_time() + b.architecture.resolve_time + 11_ns + b.walk_time(4));
    CHECK(hit.took == b.hit_time());
}

TEST_CASE("reads that miss have few places, which they keep until they are handed on; writes and hits need none",
          "[iommu][agent]") {
    Watched b;
    b.config.read_misses = 1;
    constexpr Iova third{0x40'0000'3000}, fourth{0x40'0000'4000};
    for (const Iova page : {other, third, fourth}) b.tables.map(b.root, page, Spa{0x8000'0000 + page.page_offset()});
    b.warm(at);
    b.transfers.back().got.place.release();
    Transfer& keeps = b.begin(b.request(other));
    Transfer& waits = b.begin(b.request(third));
    Transfer& writes = b.begin(b.request(fourth, iommu::Access::Write));
    Transfer& hits = b.begin(b.request(at));
    b.settle();
    CHECK(keeps.took == b.hit_time() + b.walk_time(1));
    CHECK(writes.took == b.hit_time() + b.walk_time(1));
    CHECK(hits.took == b.hit_time());
    CHECK_FALSE(waits.answered); // the calendar is empty: nothing but the place can bring it on
    const Time released = sim::now();
    keeps.got.place.release();
    b.settle();
    CHECK(waits.at - released == b.walk_time(1));
    CHECK_FALSE(writes.got.place);
    CHECK_FALSE(hits.got.place);
    waits.got.place.release();
}

TEST_CASE("one Translated is stated for each request, with how the look-up went", "[iommu][agent]") {
    Watched b;
    b.once(b.request(at));
    b.once(b.request(at));
    b.once(b.request(other));
    REQUIRE(b.told.size() == 3);
    CHECK(b.told[0].look_up == LookUp::Miss);
    CHECK(b.told[1].look_up == LookUp::Hit);
    CHECK(b.told[1].granted);
    CHECK(b.told[2].look_up == LookUp::Miss);
    CHECK_FALSE(b.told[2].granted);
    CHECK(b.told[1].transaction == 2);
    CHECK(b.told[1].bond == BondId{7});
}

TEST_CASE("an AtomicOp needs a page that may be read and written", "[iommu][agent]") {
    Watched b;
    struct Row {
        u64 may;
        bool granted;
    };
    const Row row = GENERATE(Row{plain::r | plain::w, true}, Row{plain::r, false}, Row{plain::w, false});
    b.tables.map(b.root, other, Spa{0x8000'2000}, row.may | plain::user);
    const Transfer& t = b.once(b.request(other, iommu::Access::ReadWrite));
    CHECK((t.got.ending == Ending::Grant) == row.granted);
}

TEST_CASE("hits are pipelined: one may enter every instant and none delays another", "[iommu][agent]") {
    Watched b;
    b.warm(at);
    std::vector<Transfer*> many;
    for (int n = 0; n < 50; ++n) {
        many.push_back(&b.begin(b.request(at)));
        b.run(1_ps);
    }
    b.settle();
    for (const Transfer* t : many) CHECK(t->took == b.hit_time());
}

TEST_CASE("identical structure fetches in flight are made once", "[iommu][agent]") {
    Watched b;
    Transfer& first = b.begin(b.request(at));
    b.run(10_ns);
    Transfer& second = b.begin(b.request(at));
    b.settle();
    CHECK(b.architecture.resolved == 1);
    CHECK(second.at == first.at);
    CHECK(b.agent().walker().walks() == 1);
    CHECK(b.agent().translations().counts().fills == 1);
}

TEST_CASE("a missing permission is a fault on a hit as on a miss, without another walk", "[iommu][agent]") {
    Watched b;
    b.tables.map(b.root, other, Spa{0x8000'2000}, plain::r | plain::user);
    Transfer& miss = b.once(b.request(other, iommu::Access::Write));
    Transfer& hit = b.once(b.request(other, iommu::Access::Write));
    CHECK(b.agent().walker().walks() == 1);
    CHECK(miss.took == b.hit_time() + b.architecture.resolve_time + b.walk_time(4) + b.architecture.fault_time);
    CHECK(hit.took == b.hit_time() + b.architecture.fault_time);
    REQUIRE(b.architecture.faults.size() == 2);
    CHECK(b.architecture.faults[1].fault.why == FaultReason::Permission);
    CHECK(b.architecture.faults[1].had_context);
    CHECK(hit.got.ending == Ending::Abort);
    CHECK(b.told[1].look_up == LookUp::Hit);
    CHECK(b.once(b.request(other)).got.ending == Ending::Grant);
}

TEST_CASE(
    "who may do what: unprivileged needs a user page, instructions need execute, a supervisor may ignore read-only",
    "[iommu][agent]") {
    Watched b;
    const bool protect = GENERATE(true, false);
    b.architecture.contexts[{1, 5}].privileged_only_write_protect = protect;
    b.tables.map(b.root, at, Spa{0x8000'1000}, plain::r);
    b.tables.map(b.root, other, Spa{0x8000'2000}, plain::r | plain::x | plain::user);
    const auto granted = [&](Iova where, iommu::Access access, bool privileged, bool instruction) {
        TranslationRequest r = b.request(where, access);
        r.privileged = privileged;
        r.instruction = instruction;
        return b.once(r).got.ending == Ending::Grant;
    };
    CHECK_FALSE(granted(at, iommu::Access::Read, false, false));
    CHECK(granted(at, iommu::Access::Read, true, false));
    CHECK_FALSE(granted(at, iommu::Access::Read, true, true));
    CHECK(granted(at, iommu::Access::Write, true, false) == !protect);
    CHECK(granted(other, iommu::Access::Read, false, true));
    CHECK_FALSE(granted(other, iommu::Access::Write, false, false));
}

TEST_CASE("an unmapped page is walked for again each time", "[iommu][agent]") {
    Watched b;
    b.once(b.request(other));
    b.once(b.request(other));
    CHECK(b.agent().walker().walks() == 2);
    CHECK(b.agent().translations().size() == 0);
    b.tables.map(b.root, other, Spa{0x8000'2000});
    CHECK(b.once(b.request(other)).got.to == Spa{0x8000'2000}); // faults are not cached
}

TEST_CASE("a configuration fault reaches the architecture without a context and is not cached", "[iommu][agent]") {
    Watched b;
    Transfer& t = b.once(b.request(at, iommu::Access::Read, 6));
    CHECK(t.took == b.hit_time() + b.architecture.resolve_time + b.architecture.fault_time);
    REQUIRE(b.architecture.faults.size() == 1);
    CHECK(b.architecture.faults[0].fault.code == 0x0a);
    CHECK_FALSE(b.architecture.faults[0].had_context);
    b.add_context(1, 6, b.root, SpaceTag{9});
    CHECK(b.once(b.request(at, iommu::Access::Read, 6)).got.ending == Ending::Grant);
}

TEST_CASE("the architecture's ending is the transaction's", "[iommu][agent]") {
    Watched b;
    b.architecture.ending = Ending::ReadZero;
    CHECK(b.once(b.request(other)).got.ending == Ending::ReadZero);
}

TEST_CASE("a disabled half still hits what is cached and faults what is not", "[iommu][agent]") {
    Watched b;
    b.warm(at);
    b.architecture.contexts[{1, 5}].roots[0].disabled = true;
    b.agent().invalidate(1, InvalidationKind::Configuration, scope_of_stream(StreamId{1}));
    b.settle();
    CHECK(b.once(b.request(at)).got.ending == Ending::Grant);
    CHECK(b.once(b.request(other)).got.ending == Ending::Abort);
    CHECK(b.architecture.faults.at(0).fault.why == FaultReason::NotMapped);
}

TEST_CASE("a context that bypasses keeps the address and looks nothing up, unless it cannot be put out",
          "[iommu][agent]") {
    Watched b;
    Context c;
    c.bypass = true;
    c.output_bits = 40;
    b.architecture.contexts[{1, 8}] = c;
    Transfer& first = b.once(b.request(at + 5, iommu::Access::Write, 8));
    Transfer& second = b.once(b.request(at + 5, iommu::Access::Read, 8));
    CHECK(first.got.to == Spa{at.value() + 5});
    CHECK(first.took == b.hit_time() + b.architecture.resolve_time);
    CHECK(second.took == b.hit_time());
    CHECK(b.told[1].look_up == LookUp::Bypass);
    CHECK(b.once(b.request(Iova{u64{1} << 40}, iommu::Access::Read, 8)).got.ending == Ending::Abort);
    CHECK(b.architecture.faults.at(0).fault.why == FaultReason::AddressSize);
}

TEST_CASE("where nothing is translated a context may still say what may be done", "[iommu][agent]") {
    Watched b;
    Context c;
    c.bypass = true;
    c.untranslated.write = false;
    b.architecture.contexts[{1, 8}] = c;
    CHECK(b.once(b.request(at, iommu::Access::Read, 8)).got.to == Spa{at.value()});
    CHECK(b.once(b.request(at, iommu::Access::Write, 8)).got.ending == Ending::Abort);
    CHECK(b.architecture.faults.at(0).fault.why == FaultReason::Permission);
}

TEST_CASE("what the architecture decides at the door takes no time and holds up no fence", "[iommu][agent]") {
    Watched b;
    b.architecture.disabled = true;
    Transfer& t = b.begin(b.request(at), 1_us);
    CHECK(t.answered);
    CHECK(t.got.to == Spa{0x77});
    CHECK(b.agent().in_flight().inside() == 0);
    b.settle();
    CHECK(b.told.size() == 1);
}

TEST_CASE("an address inside a 2 MiB page keeps its offset", "[iommu][agent]") {
    Watched b;
    const Iova wide{0x80'0020'0000};
    b.tables.map(b.root, wide, Spa{0xc000'0000}, plain::rwu, 2);
    CHECK(b.once(b.request(wide + 0x12'3456)).got.to == Spa{0xc012'3456});
    CHECK(b.once(b.request(wide + 0x1f'fff8)).took == b.hit_time());
}

TEST_CASE("a global page hits for every space of the domain", "[iommu][agent]") {
    Watched b;
    b.add_context(1, 6, b.tables.take_table(), SpaceTag{10});
    b.tables.map(b.root, other, Spa{0x8000'2000}, plain::rwu | plain::global);
    b.once(b.request(other));
    b.once(b.request(at));
    CHECK(b.once(b.request(other, iommu::Access::Read, 6)).got.to == Spa{0x8000'2000});
    CHECK(b.once(b.request(at, iommu::Access::Read, 6)).got.ending == Ending::Abort);
}

TEST_CASE("the token is held from admission until the owner lets go", "[iommu][agent]") {
    Watched b;
    Transfer& t = b.begin(b.request(at), 1_us);
    CHECK(b.agent().in_flight().inside() == 1);
    b.run(b.hit_time() + b.architecture.resolve_time + b.walk_time(4) + 999_ns);
    CHECK(t.answered);
    CHECK(b.agent().in_flight().inside() == 1);
    b.settle();
    CHECK(b.agent().in_flight().inside() == 0);
}

TEST_CASE("latencies of zero translate in no time", "[iommu][agent]") {
    Watched b;
    b.config.config_lookup = Duration{};
    b.config.tlb_lookup = Duration{};
    b.warm(at);
    CHECK(b.begin(b.request(at)).answered);
}

TEST_CASE("a translation request is told size and permissions, an ordinary one is judged by them", "[iommu][agent]") {
    Watched b;
    b.architecture.contexts[{1, 5}].ats = DeviceTranslation::Whole;
    TranslationRequest ask = b.request(at);
    ask.type = AddressType::TranslationRequest;
    const Transfer& walked = b.once(ask);
    const Transfer& cached = b.once(ask);
    for (const Transfer* t : {&walked, &cached}) {
        CHECK(t->got.ending == Ending::Grant);
        CHECK(t->got.to == Spa{0x8000'1000});
        CHECK(t->got.bytes == page_size);
        CHECK(t->got.may.read);
        CHECK(t->got.may.write);
        CHECK_FALSE(t->got.may.execute); // not asked for
    }
    CHECK(cached.took == b.hit_time());
}

TEST_CASE("a translated request of a stream that may send them goes where it says, at the price of the look-ups",
          "[iommu][agent]") {
    Watched b;
    b.architecture.contexts[{1, 5}].ats = DeviceTranslation::Whole;
    TranslationRequest use = b.request(Iova{0x8000'1040}, iommu::Access::Write);
    use.type = AddressType::Translated;
    b.once(use);
    const Transfer& again = b.once(use);
    CHECK(again.got.ending == Ending::Grant);
    CHECK(again.got.to == Spa{0x8000'1040});
    CHECK(again.took == b.hit_time());
    CHECK(b.memory.asked.empty()); // no table was read
}

TEST_CASE("where ATS is off, a warm translation cache does not let ATS requests in", "[iommu][agent]") {
    const AddressType type = GENERATE(AddressType::TranslationRequest, AddressType::Translated);
    Watched b;
    CHECK(b.once(b.request(at)).got.ending == Ending::Grant);
    TranslationRequest r = b.request(at);
    r.type = type;
    CHECK(b.once(r).got.ending == Ending::Abort);
}

TEST_CASE("nothing is translated to excluded addresses, cached or not", "[iommu][agent]") {
    Watched b;
    Context& c = b.architecture.contexts[{1, 5}];
    c.excluded = Spa{0x8000'1800};
    c.excluded_bytes = 0x100;
    CHECK(b.once(b.request(at)).got.ending == Ending::Grant);
    for (const u64 offset : {0x7f8u, 0x900u}) CHECK(b.once(b.request(at + offset)).got.ending == Ending::Grant);
    for (const u64 offset : {0x800u, 0x8f8u}) CHECK(b.once(b.request(at + offset)).got.ending == Ending::Abort);
    REQUIRE(b.architecture.faults.size() == 2);
    CHECK(b.architecture.faults[0].fault.why == FaultReason::Excluded);
    CHECK(b.agent().walker().walks() == 1);
}

TEST_CASE("a context may refuse privilege and instruction fetches, whatever its tables and caches say",
          "[iommu][agent]") {
    Watched b;
    Context& c = b.architecture.contexts[{1, 5}];
    c.unprivileged_only = c.data_only = true;
    CHECK(b.once(b.request(at)).got.ending == Ending::Grant);
    TranslationRequest privileged = b.request(at), fetch = b.request(at);
    privileged.privileged = true;
    fetch.instruction = true;
    CHECK(b.once(privileged).got.ending == Ending::Abort);
    CHECK(b.once(fetch).got.ending == Ending::Abort);
    REQUIRE(b.architecture.faults.size() == 2);
    CHECK(b.architecture.faults[0].fault.why == FaultReason::Forbidden);
    CHECK(b.architecture.faults[1].fault.why == FaultReason::Forbidden);
}

TEST_CASE("a permission fault says what there is", "[iommu][agent]") {
    Watched b;
    b.tables.map(b.root, other, Spa{0x8000'2000}, plain::r | plain::user);
    b.once(b.request(other, iommu::Access::Write));
    REQUIRE(b.architecture.faults.size() == 1);
    const Permissions& may = b.architecture.faults[0].fault.may;
    CHECK((may.read && may.user && !may.write));
}

TEST_CASE("contexts are kept as of their domain and of what stands for no PASID", "[iommu][agent]") {
    Watched b;
    Context& c = b.architecture.contexts[{1, 0}] = b.architecture.contexts[{1, 5}];
    c.domain = DomainTag{4};
    c.pasid_of_none = Pasid{9};
    TranslationRequest r = b.request(at);
    r.has_pasid = false;
    r.pasid = Pasid{0};
    b.once(r);
    Scope s;
    s.in = bit_of(CacheKind::Configuration);
    const auto fetches_after = [&](u32 pasid, u32 domain) {
        s.pasid = Pasid{pasid};
        s.configuration_domain = DomainTag{domain};
        b.agent().invalidate(++b.transactions + 100, InvalidationKind::Configuration, s);
        b.settle();
        const unsigned before = b.architecture.resolved;
        b.once(r);
        return b.architecture.resolved - before;
    };
    CHECK(fetches_after(0, 4) == 0);
    CHECK(fetches_after(9, 5) == 0);
    CHECK(fetches_after(9, 4) == 1);
}
