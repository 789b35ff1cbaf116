// SPDX-License-Identifier: Apache-2.0
/// Address translation services at a root port: translation requests and their completions, translated requests,
/// invalidate requests with their tags, completions and time-out (facts/iommu-specs.md 4.2).
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

#include <deque>
#include <set>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;
using iommu::AtcAnswer;
using iommu::AtcInvalidation;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {

struct Asked {
    Time at;
    TranslationCompletion answer;
    bool done = false;
};
struct Invalidated {
    Time at;
    AtcAnswer answer{};
    bool done = false;
};

struct AtsFabric : Fabric {
    TestEndpoint ep;
    std::deque<Asked> asked;
    std::deque<Invalidated> invalidated;
    explicit AtsFabric(const LinkConfig& link = {}) : ep(*this, link) { iommu.keep_questions = true; }
    ~AtsFabric() { calendar.shutdown(); }

    Task<void> asking(DmaRequest r, unsigned n, bool no_write, Asked& a) {
        Tag tag = co_await ep.tags().acquire();
        a.answer = co_await ep.request_translation(r, n, no_write, std::move(tag));
        a.at = sim::now();
        a.done = true;
    }
    /// A packet as no function of ours would make it.
    Task<void> asking_raw(Tlp t, Asked& a) {
        Tag tag = co_await ep.tags().acquire();
        t.tag = tag.number();
        a.answer = co_await ep.port().request_translation(t, std::move(tag));
        a.at = sim::now();
        a.done = true;
    }
    Asked& ask(Iova at, unsigned translations = 1, bool no_write = false) {
        DmaRequest r;
        r.at = at;
        r.has_pasid = true;
        r.pasid = Pasid{5};
        asked.emplace_back();
        sim::start(asking(r, translations, no_write, asked.back()));
        return asked.back();
    }
    Task<void> invalidating(AtcInvalidation what, Invalidated& i) {
        i.answer = co_await root_complex.invalidate(what);
        i.at = sim::now();
        i.done = true;
    }
    AtcInvalidation page(Iova at) {
        AtcInvalidation what;
        what.stream = ep.stream();
        what.has_pasid = true;
        what.pasid = Pasid{5};
        what.range = {at, page_size};
        return what;
    }
    Invalidated& invalidate(const AtcInvalidation& what) {
        invalidated.emplace_back();
        sim::start(invalidating(what, invalidated.back()));
        return invalidated.back();
    }
    Duration up() { return ep.endpoint_config.issue.get() + ep.link_config.propagation.get() + config.ingress.get(); }
    Duration down(u32 bytes) { return config.egress.get() + ep.wire(bytes) + ep.link_config.propagation.get(); }
};

} // namespace

TEST_CASE("a translation request takes a read's way to the IOMMU and back, with eight bytes of data", "[pcie][ats]") {
    AtsFabric f;
    const Asked& a = f.ask(f.at(0x1234));
    f.run(2_us);
    REQUIRE(a.done);
    CHECK(a.at - Time{} == f.up() + f.ep.wire(28) + f.iommu.hit() + f.down(20 + 8)); // 28: long header and PASID prefix
    CHECK(f.ep.port().counts().translations == 1);
    CHECK(f.ep.port().counts().reads == 0);
    CHECK(f.ep.tags().used() == 0);
}

TEST_CASE("the IOMMU is asked for the page, as a translation request, with the no-write flag and the PASID",
          "[pcie][ats]") {
    AtsFabric f;
    const bool no_write = GENERATE(false, true);
    f.ask(f.at(0x1234), 1, no_write);
    f.run(2_us);
    REQUIRE(f.iommu.questions.size() == 1);
    const iommu::TranslationRequest& q = f.iommu.questions[0];
    CHECK(q.type == iommu::AddressType::TranslationRequest);
    CHECK(q.at == f.at(0x1000));
    CHECK(q.no_write == no_write);
    CHECK(q.has_pasid);
    CHECK(q.pasid == Pasid{5});
    CHECK(q.access == iommu::Access::Read);
}

TEST_CASE("a completion carries permissions, the untranslated-only flag and the size that the IOMMU gave",
          "[pcie][ats]") {
    AtsFabric f;
    f.iommu.adjust = [](const iommu::TranslationRequest&, iommu::Translation& t) {
        t.may = {true, false, false, true};
        t.bytes = u64{2} << 20;
        t.untranslated_only = true;
    };
    const Asked& a = f.ask(f.at(0x21'3000));
    f.run(2_us);
    REQUIRE(a.answer.entries.size() == 1);
    const TranslationEntry e = a.answer.entries[0];
    CHECK(e.get(TranslationEntry::R));
    CHECK_FALSE(e.get(TranslationEntry::W));
    CHECK(e.get(TranslationEntry::U));
    CHECK(e.get(TranslationEntry::S));
    CHECK(e.place().first() == 0x20'0000);
    CHECK(e.place().bytes() == u64{2} << 20);
}

TEST_CASE("how a translation ends is the completion's status, and errors carry no data", "[pcie][ats]") {
    struct Row {
        iommu::Ending ending;
        CompletionStatus status;
        std::size_t entries;
    };
    const Row row = GENERATE(Row{iommu::Ending::Grant, CompletionStatus::Success, 1},
                             Row{iommu::Ending::Abort, CompletionStatus::UnsupportedRequest, 0},
                             Row{iommu::Ending::CompleterAbort, CompletionStatus::CompleterAbort, 0});
    AtsFabric f;
    f.iommu.ending = [&](const iommu::TranslationRequest&) { return row.ending; };
    u32 payload = ~0u;
    auto sent = f.events.subscribe<TlpSent>([&](Time, const TlpSent& e) {
        if (e.kind == TlpKind::Completion) payload = e.payload_bytes;
    });
    const Asked& a = f.ask(f.at(0), 4);
    f.run(2_us);
    CHECK(a.answer.status == row.status);
    CHECK(a.answer.entries.size() == (row.entries == 0 ? 0 : 4));
    CHECK(payload == 8 * a.answer.entries.size());
}

TEST_CASE("without an IOMMU there is no translation to be had: Unsupported Request", "[pcie][ats]") {
    AtsFabric f;
    f.root_complex.set_translation(nullptr);
    const Asked& a = f.ask(f.at(0));
    f.run(2_us);
    CHECK(a.done);
    CHECK(a.answer.status == CompletionStatus::UnsupportedRequest);
}

TEST_CASE("a translation request that is no whole number of translations, of none or of too many is refused unasked",
          "[pcie][ats]") {
    AtsFabric f;
    const auto ask_for = [&](u32 bytes) {
        Tlp t;
        t.requester = f.ep.requester();
        t.address = f.at(0x3000).value();
        t.length = bytes;
        f.asked.emplace_back();
        sim::start(f.asking_raw(t, f.asked.back()));
        f.run(5_us);
        return f.asked.back();
    };
    for (const u32 bytes : {0u, 4u, 12u, (most_translations + 1) * 8}) {
        const Asked a = ask_for(bytes);
        CAPTURE(bytes);
        REQUIRE(a.done);
        CHECK(a.answer.status == CompletionStatus::UnsupportedRequest);
        CHECK(a.answer.entries.empty());
    }
    CHECK(f.iommu.questions.empty());
    CHECK(ask_for(most_translations * 8).answer.entries.size() == most_translations);
    CHECK(f.ep.tags().used() == 0);
}

TEST_CASE("translations end where the address space ends, and begin with the page that the address is in",
          "[pcie][ats]") {
    AtsFabric f;
    const Asked& last = f.ask(Iova{~u64{0} - page_size - 1}, 4);
    f.run(5_us);
    REQUIRE(last.done);
    CHECK(last.answer.status == CompletionStatus::Success);
    CHECK(last.answer.entries.size() == 2);
    Tlp inside;
    inside.requester = f.ep.requester();
    inside.address = f.at(0x3ff8).value();
    inside.length = 8;
    f.asked.emplace_back();
    sim::start(f.asking_raw(inside, f.asked.back()));
    f.run(5_us);
    REQUIRE(f.asked.back().answer.entries.size() == 1);
    CHECK(f.asked.back().answer.entries[0].place().first() == 0x3000);
}

TEST_CASE("no permission is a success: one entry that says so, with no address", "[pcie][ats]") {
    AtsFabric f;
    f.iommu.adjust = [](const iommu::TranslationRequest&, iommu::Translation& t) { t.may = {}; };
    const Asked& a = f.ask(f.at(0x3000), 4);
    f.run(2_us);
    CHECK(a.answer.status == CompletionStatus::Success);
    REQUIRE(a.answer.entries.size() == 1);
    CHECK(a.answer.entries[0] == TranslationEntry{});
}

TEST_CASE("an answer for several pages ends before the first one without a translation, whatever the reason",
          "[pcie][ats]") {
    AtsFabric f;
    const auto why = GENERATE(iommu::Ending::Grant, iommu::Ending::Abort, iommu::Ending::CompleterAbort);
    f.iommu.adjust = [&](const iommu::TranslationRequest& r, iommu::Translation& t) {
        if (r.at != f.at(0x5000)) return;
        t.ending = why;
        t.may = {};
    };
    const Asked& a = f.ask(f.at(0x3000), 8);
    f.run(2_us);
    CHECK(a.answer.status == CompletionStatus::Success);
    REQUIRE(a.answer.entries.size() == 2);
    CHECK(a.answer.entries[1].place().first() == 0x4000);
}

TEST_CASE("a range of several pages takes the place of the entries that it covers", "[pcie][ats]") {
    AtsFabric f;
    f.iommu.adjust = [&](const iommu::TranslationRequest& r, iommu::Translation& t) {
        if (r.at >= f.at(0x1'0000) && r.at < f.at(0x2'0000)) t.bytes = 0x1'0000; // 64 KiB
    };
    const Asked& a = f.ask(f.at(0xe000), 20); // up to 0x2'2000
    f.run(2_us);
    REQUIRE(a.answer.entries.size() == 5);
    const u64 first[] = {0xe000, 0xf000, 0x1'0000, 0x2'0000, 0x2'1000};
    for (std::size_t n = 0; n < 5; ++n) CHECK(a.answer.entries[n].place().first() == first[n]);
    CHECK(a.answer.entries[2].place().bytes() == 0x1'0000);
    CHECK(f.iommu.questions.size() == 5);
}

TEST_CASE("an answer that does not fit one completion comes in several, and the request ends with the last",
          "[pcie][ats]") {
    LinkConfig link;
    link.split_at_rcb = true;
    AtsFabric f{link};
    std::vector<u32> payloads;
    Time last;
    auto sent = f.events.subscribe<TlpSent>([&](Time now, const TlpSent& e) {
        if (e.kind != TlpKind::Completion) return;
        payloads.push_back(e.payload_bytes);
        last = now;
    });
    const Asked& a = f.ask(f.at(0x4000), 20);
    f.run(2_us);
    CHECK(payloads == std::vector<u32>{64, 64, 32}); // the read completion boundary
    REQUIRE(a.answer.entries.size() == 20);
    for (u64 n = 0; n < 20; ++n) CHECK(a.answer.entries[n].place().first() == 0x4000 + n * page_size);
    CHECK(a.at == last + f.ep.link_config.propagation.get());
}

TEST_CASE("a translated request goes to memory at the address it carries, and the facts say what the device meant",
          "[pcie][ats]") {
    AtsFabric f;
    f.memory.keep_commits = true;
    DmaRequest r;
    r.at = Iova{0x7000};
    r.bytes = 8;
    r.type = iommu::AddressType::Translated;
    r.aimed_at = f.at(0x1000);
    const u64 value = 42;
    sim::start(f.ep.dma_write(r, std::as_bytes(std::span{&value, 1})));
    f.run(2_us);
    REQUIRE(f.memory.commits.size() == 1);
    CHECK(f.memory.commits[0].request.at == Spa{0x7000});
    CHECK(f.memory.commits[0].request.origin.aimed_at == f.at(0x1000));
    REQUIRE(f.iommu.questions.size() == 1);
    CHECK(f.iommu.questions[0].type == iommu::AddressType::Translated);
    CHECK(f.iommu.questions[0].at == Iova{0x7000});
}

TEST_CASE("an Invalidate Request reaches the function with its PASID, range and global flag", "[pcie][ats]") {
    AtsFabric f;
    AtcInvalidation what = f.page(f.at(0x4000));
    what.range.bytes = 0x4000;
    what.global = true;
    f.invalidate(what);
    f.run(2_us);
    REQUIRE(f.ep.invalidations.size() == 1);
    const auto& [at, request] = f.ep.invalidations[0];
    CHECK(at - Time{} == f.down(8 + 16 + 4 + 8)); // framing, header, PASID prefix, body
    CHECK(request.has_pasid);
    CHECK(request.pasid == Pasid{5});
    CHECK(request.body.place().first() == f.at(0x4000).value());
    CHECK(request.body.place().bytes() == 0x4000);
    CHECK(request.body.get(InvalidateBody::G));
}

TEST_CASE("an invalidation of everything has a body that means the whole space", "[pcie][ats]") {
    AtsFabric f;
    AtcInvalidation what = f.page(f.at(0x4000));
    what.everything = true;
    what.has_pasid = false;
    f.invalidate(what);
    f.run(2_us);
    REQUIRE(f.ep.invalidations.size() == 1);
    CHECK(f.ep.invalidations[0].request.body.word(0) == 0x7fff'ffff'ffff'f800);
    CHECK_FALSE(f.ep.invalidations[0].request.has_pasid);
}

TEST_CASE("an invalidation ends when its completion has come back, and other tags' completions do not end it",
          "[pcie][ats]") {
    AtsFabric f;
    const Invalidated& i = f.invalidate(f.page(f.at(0)));
    f.run(1_us);
    const unsigned itag = f.ep.invalidations.at(0).request.itag;
    f.ep.complete_invalidation(InvalidateCompletion::of((itag + 1) % itags, 1));
    f.run(1_us);
    CHECK_FALSE(i.done);
    CHECK(f.ep.port().counts().stray_completions == 1);
    const Time begun = sim::now();
    f.ep.complete_invalidation(InvalidateCompletion::of(itag, 1));
    f.run(1_us);
    REQUIRE(i.done);
    CHECK(i.answer == AtcAnswer::Completed);
    CHECK(i.at - begun == f.up() + f.ep.wire(8 + 16));
}

TEST_CASE("an invalidation waits for as many completions as each of them says", "[pcie][ats]") {
    AtsFabric f;
    const unsigned count = GENERATE(1u, 2u, 3u, 8u);
    const Invalidated& i = f.invalidate(f.page(f.at(0)));
    f.run(1_us);
    const InvalidateCompletion c = InvalidateCompletion::of(f.ep.invalidations.at(0).request.itag, count);
    for (unsigned n = 1; n < count; ++n) f.ep.complete_invalidation(c);
    f.run(1_us);
    CHECK_FALSE(i.done);
    f.ep.complete_invalidation(c);
    f.run(1_us);
    CHECK(i.done);
    CHECK(f.ep.port().counts().stray_completions == 0);
}

TEST_CASE("one completion answers every tag in its vector", "[pcie][ats]") {
    AtsFabric f;
    std::vector<const Invalidated*> all;
    for (unsigned n = 0; n < 3; ++n) all.push_back(&f.invalidate(f.page(f.at(n * page_size))));
    f.run(1_us);
    u32 vector = 0;
    for (const auto& i : f.ep.invalidations) vector |= u32{1} << i.request.itag;
    InvalidateCompletion c = InvalidateCompletion::of(0, 1);
    f.ep.complete_invalidation(c.set(InvalidateCompletion::ITagVector, vector));
    f.run(1_us);
    for (const Invalidated* i : all) CHECK(i->done);
}

TEST_CASE("thirty-two invalidations are under way at once with a tag each; the next waits for a tag", "[pcie][ats]") {
    AtsFabric f;
    for (unsigned n = 0; n < 33; ++n) f.invalidate(f.page(f.at(n * page_size)));
    f.run(10_us);
    REQUIRE(f.ep.invalidations.size() == 32);
    std::set<unsigned> tags;
    for (const auto& i : f.ep.invalidations) tags.insert(i.request.itag);
    CHECK(tags.size() == 32);
    CHECK(*tags.rbegin() == 31);

    f.ep.complete_invalidation(InvalidateCompletion::of(7, 1));
    f.run(10_us);
    REQUIRE(f.ep.invalidations.size() == 33);
    CHECK(f.ep.invalidations[32].request.itag == 7);
    CHECK(f.ep.invalidations[32].request.body.place().first() == f.at(32 * page_size).value());
}

TEST_CASE("a function that does not answer within the time-out is given up, and its late answer is stray",
          "[pcie][ats]") {
    AtsFabric f;
    const Invalidated& i = f.invalidate(f.page(f.at(0)));
    f.run(1_us);
    const Time arrived = f.ep.invalidations.at(0).at;
    f.run(f.config.invalidate_timeout.get() - (sim::now() - arrived) - 1_ps);
    CHECK_FALSE(i.done);
    f.run(1_us);
    REQUIRE(i.done);
    CHECK(i.answer == AtcAnswer::TimedOut);
    CHECK(i.at - arrived == f.config.invalidate_timeout.get());
    CHECK(f.ep.port().counts().invalidations_timed_out == 1);
    std::vector<StreamId> told;
    f.root_complex.on_stray_completion([&](StreamId function) { told.push_back(function); });
    f.ep.complete_invalidation(InvalidateCompletion::of(f.ep.invalidations[0].request.itag, 1));
    f.run(1_us);
    CHECK(f.ep.port().counts().stray_completions == 1);
    CHECK(told == std::vector{f.ep.port().stream()});
}

TEST_CASE("the time-out is one minute unless configured otherwise", "[pcie][ats]") {
    CHECK(RootComplexConfig{}.invalidate_timeout.get() == 60_s);
}

TEST_CASE("a function without an ATC, or a stream without a function, is Unsupported", "[pcie][ats]") {
    AtsFabric f;
    f.ep.has_atc = false;
    const Invalidated& off = f.invalidate(f.page(f.at(0)));
    AtcInvalidation nobody = f.page(f.at(0));
    nobody.stream = StreamId{77};
    const Invalidated& absent = f.invalidate(nobody);
    f.run(1_us);
    CHECK(off.done);
    CHECK(off.answer == AtcAnswer::Unsupported);
    CHECK(absent.done);
    CHECK(absent.answer == AtcAnswer::Unsupported);
}

TEST_CASE("an Invalidate Completion does not overtake a posted write that was sent before it", "[pcie][ats]") {
    AtsFabric f;
    f.memory.keep_commits = true;
    f.iommu.slow_pages[f.at(0x9000).page_number()] = 5_us;
    const Invalidated& i = f.invalidate(f.page(f.at(0)));
    f.run(1_us);
    DmaRequest r;
    r.at = f.at(0x9000);
    r.bytes = 8;
    const u64 value = 1;
    sim::start(f.ep.dma_write(r, std::as_bytes(std::span{&value, 1})));
    f.ep.complete_invalidation(InvalidateCompletion::of(f.ep.invalidations.at(0).request.itag, 1));
    f.run(10_us);
    REQUIRE(f.memory.commits.size() == 1);
    REQUIRE(i.done);
    CHECK(i.at >= f.memory.commits[0].at);
}
