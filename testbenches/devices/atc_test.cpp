// SPDX-License-Identifier: Apache-2.0
/// The address translation cache: what it asks for, what it keeps, what it forgets and when it says so
/// (facts/iommu-specs.md 4.2).
#include "base/facts.h"
#include "devices/ats_device.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::stubs;
using iommu::AddressType;
using iommu::AtcAnswer;
using sim::Time;

namespace {

AtcConfig config(AtcManner manner) {
    AtcConfig c;
    c.manner = manner;
    return c;
}

} // namespace

TEST_CASE("a miss asks the IOMMU, a hit takes a look-up and asks nobody", "[devices][atc]") {
    AtsBench b;
    const auto& miss = b.translate(b.to(b.at(0x1040)));
    CHECK(miss.found.granted);
    CHECK(miss.found.at == Iova{0x1040});
    const auto& hit = b.translate(b.to(b.at(0x1fc0)));
    CHECK(hit.found.at == Iova{0x1fc0});
    CHECK(hit.took == b.atc_config.lookup.get());
    CHECK(b.dev.atc.counts().requests == 1);
    CHECK(b.dev.tags().used() == 0);
}

TEST_CASE("two misses of a page at once share one translation request, those of two pages do not", "[devices][atc]") {
    AtsBench b;
    const auto& first = b.begin(b.to(b.at(0x1000)));
    const auto& same = b.begin(b.to(b.at(0x1800)));
    const auto& other = b.begin(b.to(b.at(0x2000)));
    b.run(2_us);
    CHECK(first.found.at == Iova{0x1000});
    CHECK(same.found.at == Iova{0x1800});
    CHECK(other.found.at == Iova{0x2000});
    CHECK(b.dev.atc.counts().requests == 2);
}

TEST_CASE("a read asks with the no-write flag; a write to a page known for reading asks once more, then both hit",
          "[devices][atc]") {
    AtsBench b;
    b.iommu.adjust = [](const iommu::TranslationRequest& r, iommu::Translation& t) { t.may.write = !r.no_write; };
    CHECK(b.requests_for(b.to(b.at(0x1000))) == 1);
    CHECK(b.iommu.questions.back().no_write);
    CHECK(b.requests_for(b.to(b.at(0x1000)), true) == 1);
    CHECK_FALSE(b.iommu.questions.back().no_write);
    CHECK(b.requests_for(b.to(b.at(0x1000))) == 0);
    CHECK(b.requests_for(b.to(b.at(0x1000)), true) == 0);
}

TEST_CASE("an access that the page does not allow is not granted, and asked for anew each time", "[devices][atc]") {
    AtsBench b;
    b.iommu.adjust = [](const iommu::TranslationRequest&, iommu::Translation& t) { t.may.write = false; };
    for (int n = 0; n < 2; ++n) {
        const u64 before = b.dev.atc.counts().requests;
        CHECK_FALSE(b.translate(b.to(b.at(0x1000)), true).found.granted);
        CHECK(b.dev.atc.counts().requests == before + 1);
    }
    CHECK(b.requests_for(b.to(b.at(0x1000))) == 0); // it may be read
}

TEST_CASE("what has no permission, or is for untranslated accesses only, is not kept", "[devices][atc]") {
    AtsBench b;
    const bool untranslated_only = GENERATE(false, true);
    b.iommu.adjust = [&](const iommu::TranslationRequest&, iommu::Translation& t) {
        if (untranslated_only)
            t.untranslated_only = true;
        else
            t.may = {};
    };
    CHECK_FALSE(b.translate(b.to(b.at(0x1000))).found.granted);
    CHECK(b.dev.atc.size() == 0);
    CHECK(b.dev.atc.counts().refused == 1);
}

TEST_CASE("translations belong to a PASID and a privilege", "[devices][atc]") {
    AtsBench b;
    pcie::DmaRequest plain = b.to(b.at(0x1000)), privileged = plain;
    plain.has_pasid = false;
    privileged.privileged = true;
    CHECK(b.requests_for(b.to(b.at(0x1000), 5)) == 1);
    CHECK(b.requests_for(b.to(b.at(0x1000), 6)) == 1);
    CHECK(b.requests_for(plain) == 1);
    CHECK(b.requests_for(privileged) == 1);
    CHECK(b.requests_for(b.to(b.at(0x1000), 5)) == 0);
}

TEST_CASE("one completion for a range serves every page of it and none beside", "[devices][atc]") {
    AtsBench b;
    b.iommu.adjust = [](const iommu::TranslationRequest&, iommu::Translation& t) { t.bytes = 0x1'0000; };
    CHECK(b.requests_for(b.to(b.at(0x1'3000))) == 1);
    for (u64 page = 0x1'0000; page < 0x2'0000; page += page_size) {
        const u64 before = b.dev.atc.counts().requests;
        CHECK(b.translate(b.to(b.at(page + 8))).found.at == Iova{page + 8});
        CHECK(b.dev.atc.counts().requests == before);
    }
    CHECK(b.requests_for(b.to(b.at(0xf000))) == 1);
    CHECK(b.requests_for(b.to(b.at(0x2'0000))) == 1);
    CHECK(b.dev.atc.size() == 3);
}

TEST_CASE("a full cache evicts, and what was evicted is asked for anew", "[devices][atc]") {
    AtcConfig c;
    c.entries = 2;
    c.ways = 2;
    AtsBench b{c};
    for (u64 n = 0; n < 3; ++n) CHECK(b.requests_for(b.to(b.at(n * page_size))) == 1);
    CHECK(b.dev.atc.size() == 2);
    CHECK(b.dev.atc.cache_counts().evictions == 1);
    CHECK(b.requests_for(b.to(b.at(2 * page_size))) == 0);
    CHECK(b.requests_for(b.to(b.at(0))) == 1);
}

TEST_CASE("a prefetching device asks for the pages behind in the same request, and who wants one of them waits for it",
          "[devices][atc]") {
    AtcConfig c;
    c.prefetch = 3;
    AtsBench b{c};
    b.begin(b.to(b.at(0x4000)));
    const auto& next = b.begin(b.to(b.at(0x6010)));
    b.run(2_us);
    CHECK(next.found.at == Iova{0x6010});
    CHECK(b.dev.atc.counts().requests == 1);
    CHECK(b.dev.atc.size() == 4);
    CHECK(b.requests_for(b.to(b.at(0x7000))) == 0);
    CHECK(b.requests_for(b.to(b.at(0x8000))) == 1);
    CHECK(b.requests_for(b.to(b.at(0x3000))) == 1); // its followers are known: nothing to prefetch
    CHECK(b.questions(AddressType::TranslationRequest) == 4 + 4 + 1);
}

TEST_CASE("a page that an answer ended before is asked for by itself", "[devices][atc]") {
    AtcConfig c;
    c.prefetch = 3;
    AtsBench b{c};
    b.iommu.adjust = [&](const iommu::TranslationRequest& r, iommu::Translation& t) {
        if (r.at == b.at(0x5000)) t.may = {};
    };
    const auto& first = b.begin(b.to(b.at(0x4000)));
    const auto& hole = b.begin(b.to(b.at(0x5000)));
    const auto& behind = b.begin(b.to(b.at(0x6000)));
    b.run(5_us);
    CHECK(first.found.granted);
    CHECK(hole.done);
    CHECK_FALSE(hole.found.granted);
    CHECK(behind.found.granted);
}

// ---- invalidation
// -------------------------------------------------------------------------------------------------------

TEST_CASE("an invalidation forgets the pages in its range and no others", "[devices][atc]") {
    AtsBench b;
    const u64 bytes = GENERATE(u64{0x1000}, u64{0x2000}, u64{0x4000});
    for (u64 page = 0x2000; page < 0xa000; page += page_size) b.translate(b.to(b.at(page)));
    b.invalidate(b.range(b.at(0x4000), bytes));
    for (u64 page = 0x2000; page < 0xa000; page += page_size) {
        INFO("page " << page);
        CHECK(b.requests_for(b.to(b.at(page))) == (page >= 0x4000 && page < 0x4000 + bytes ? 1 : 0));
    }
}

TEST_CASE("an invalidation of one page forgets a larger translation that holds it", "[devices][atc]") {
    AtsBench b;
    b.iommu.adjust = [](const iommu::TranslationRequest&, iommu::Translation& t) { t.bytes = 0x1'0000; };
    b.translate(b.to(b.at(0x1'3000)));
    b.invalidate(b.range(b.at(0x1'f000)));
    CHECK(b.requests_for(b.to(b.at(0x1'3000))) == 1);
}

TEST_CASE(
    "whose translations an invalidation reaches: with a PASID its own, privileged ones too; without one or global, all",
    "[devices][atc]") {
    AtsBench b;
    pcie::DmaRequest plain = b.to(b.at(0x1000)), privileged = plain;
    plain.has_pasid = false;
    privileged.privileged = true;
    const pcie::DmaRequest all[] = {b.to(b.at(0x1000), 5), privileged, b.to(b.at(0x1000), 6), plain};
    for (const auto& r : all) b.translate(r);
    auto what = b.range(b.at(0x1000));
    bool others = false;
    SECTION("with a PASID") {}
    SECTION("without") {
        what.has_pasid = false;
        others = true;
    }
    SECTION("global") {
        what.global = true;
        others = true;
    }
    SECTION("everything of a PASID") { what.everything = true; }
    b.invalidate(what);
    CHECK(b.requests_for(all[0]) == 1);
    CHECK(b.requests_for(all[1]) == 1);
    CHECK(b.requests_for(all[2]) == (others ? 1 : 0));
    CHECK(b.requests_for(all[3]) == (others ? 1 : 0));
}

TEST_CASE("an answer that an invalidation of its page overtook is neither kept nor used", "[devices][atc]") {
    AtsBench b;
    bool first = true;
    b.iommu.adjust = [&](const iommu::TranslationRequest& r, iommu::Translation& t) {
        t.to = Spa{first && r.type == AddressType::TranslationRequest ? 0x8000u : 0x9000u};
        first = false;
    };
    // The answer is on its way back when the invalidation arrives: posted packets may pass completions.
    const auto& asked = b.begin(b.to(b.at(0x1000)));
    while (b.iommu.questions.empty()) b.run(1_ns);
    b.run(b.iommu.hit());
    REQUIRE_FALSE(asked.done);
    pcie::InvalidateRequest request;
    request.has_pasid = true;
    request.pasid = Pasid{5};
    request.body.set_place(pcie::SizedAddress::of(b.at(0x1000).value(), page_size));
    REQUIRE(b.dev.atc.invalidate(request));
    b.run(4_us);
    REQUIRE(asked.done);
    CHECK(asked.found.at == Iova{0x9000});
    CHECK(b.dev.atc.counts().requests == 2);
    CHECK(b.dev.atc.counts().discarded == 1);
    CHECK(b.requests_for(b.to(b.at(0x1000))) == 0);
}

TEST_CASE("an invalidation of another page does not disturb an answer under way", "[devices][atc]") {
    AtsBench b;
    b.iommu.slow_pages[b.at(0x1000).page_number()] = 5_us;
    const auto& asked = b.begin(b.to(b.at(0x1000)));
    b.run(1_us);
    b.invalidate(b.range(b.at(0x2000)));
    CHECK_FALSE(asked.done);
    b.run(6_us);
    CHECK(asked.found.granted);
    CHECK(b.dev.atc.counts().requests == 1);
    CHECK(b.dev.atc.size() == 1);
}

TEST_CASE("an invalidation does not wait for a translation request, but for the use of what it forgets",
          "[devices][atc]") {
    AtsBench b;
    b.iommu.slow_pages[b.at(0x2000).page_number()] = 20_us;
    auto& used = b.begin(b.to(b.at(0x1000)));
    b.run(2_us);
    REQUIRE(used.done);
    b.begin(b.to(b.at(0x2000)));
    const auto& i = b.begin(b.range(b.at(0x1000)));
    b.run(5_us);
    CHECK_FALSE(i.done);
    const Time ended = sim::now();
    used.found.use.end();
    b.run(2_us);
    REQUIRE(i.done);
    CHECK(i.at - ended < 1_us);
}

TEST_CASE("a translated write that left before is at memory before the IOMMU hears that its page is forgotten",
          "[devices][atc]") {
    AtsBench b;
    b.memory.keep_commits = true;
    b.iommu.slow_pages[Iova{0x1000}.page_number()] = 10_us; // the translated request's own way through the IOMMU
    b.translate(b.to(b.at(0x1000)), true);
    b.dev.engine.start(b.work(b.at(0x1000), Direction::Write));
    b.run(1_ns);
    const auto& i = b.begin(b.range(b.at(0x1000)));
    b.run(20_us);
    REQUIRE(b.memory.commits.size() == 1);
    CHECK(b.memory.commits[0].request.at == Spa{0x1000});
    CHECK(b.memory.commits[0].request.origin.aimed_at == b.at(0x1000));
    REQUIRE(i.done);
    CHECK(i.at >= b.memory.commits[0].at);
}

TEST_CASE("an invalidation waits until the data of a translated read has come", "[devices][atc]") {
    AtsBench b;
    b.iommu.slow_pages[Iova{0x1000}.page_number()] = 10_us;
    b.translate(b.to(b.at(0x1000)));
    Time ended;
    auto token = b.events.subscribe<DmaEnded>([&](Time now, const DmaEnded& e) {
        CHECK(e.ending == DmaEnding::Success);
        ended = now;
    });
    b.dev.engine.start(b.work(b.at(0x1000), Direction::Read));
    b.run(1_us);
    const auto& i = b.begin(b.range(b.at(0x1000)));
    b.run(20_us);
    REQUIRE(i.done);
    CHECK(ended > Time{} + 10_us);
    CHECK(i.at > ended);
}

TEST_CASE("as many completions answer an invalidation as traffic classes are in use", "[devices][atc]") {
    AtcConfig c;
    c.traffic_classes = 3;
    AtsBench b{c};
    u64 messages = 0;
    auto sent = b.events.subscribe<pcie::TlpSent>(
        [&](Time, const pcie::TlpSent& e) { messages += e.upstream && e.kind == pcie::TlpKind::Message; });
    b.invalidate(b.range(b.at(0x1000)));
    CHECK(messages == 3);
    CHECK(b.dev.port().counts().stray_completions == 0);
}

// ---- manners
// ------------------------------------------------------------------------------------------------------------

TEST_CASE("a prompt device answers an invalidation within a microsecond when nothing is in use", "[devices][atc]") {
    AtsBench b;
    const auto& i = b.begin(b.range(b.at(0x1000)));
    b.run(1_us);
    CHECK(i.done);
    CHECK(i.answer == AtcAnswer::Completed);
}

TEST_CASE("a slow device has forgotten long before it says so", "[devices][atc]") {
    AtcConfig c = config(AtcManner::Slow);
    c.answer_delay = 50_us;
    AtsBench b{c};
    b.translate(b.to(b.at(0x1000)));
    const Time begun = sim::now();
    const auto& i = b.begin(b.range(b.at(0x1000)));
    b.run(5_us);
    CHECK_FALSE(i.done);
    CHECK(b.requests_for(b.to(b.at(0x1000))) == 1);
    b.run(60_us);
    REQUIRE(i.done);
    CHECK(i.at - begun > 50_us);
    CHECK(i.at - begun < 51_us);
}

TEST_CASE("a forgetful device answers at once, even while it uses the page, and goes on using it", "[devices][atc]") {
    AtsBench b{config(AtcManner::Forgetful)};
    const auto& used = b.begin(b.to(b.at(0x1000)));
    b.run(2_us);
    REQUIRE(used.done);
    b.invalidate(b.range(b.at(0x1000)));
    CHECK(b.requests_for(b.to(b.at(0x1000))) == 0);
}

TEST_CASE("a silent device forgets and never answers: the IOMMU hears of the time-out", "[devices][atc]") {
    AtsBench b{config(AtcManner::Silent)};
    b.translate(b.to(b.at(0x1000)));
    const auto& i = b.begin(b.range(b.at(0x1000)));
    b.run(59_s);
    CHECK_FALSE(i.done);
    CHECK(b.requests_for(b.to(b.at(0x1000))) == 1);
    b.run(2_s);
    REQUIRE(i.done);
    CHECK(i.answer == AtcAnswer::TimedOut);
}

// ---- errors, on and off
// -------------------------------------------------------------------------------------------------

TEST_CASE("Unsupported Request turns the ATC off until it is enabled anew", "[devices][atc]") {
    AtsBench b;
    b.translate(b.to(b.at(0x2000)));
    b.iommu.ending = [](const iommu::TranslationRequest&) { return iommu::Ending::Abort; };
    CHECK_FALSE(b.translate(b.to(b.at(0x1000))).found.granted);
    CHECK_FALSE(b.dev.atc.enabled());
    CHECK(b.dev.atc.size() == 0);
    CHECK(b.requests_for(b.to(b.at(0x1000))) == 0);
    CHECK_FALSE(b.dev.atc.invalidate({}));
    b.iommu.ending = nullptr;
    b.dev.atc.enable(true);
    CHECK(b.translate(b.to(b.at(0x1000))).found.granted);
}

TEST_CASE("after Completer Abort the next request may succeed", "[devices][atc]") {
    AtsBench b;
    b.iommu.ending = [](const iommu::TranslationRequest&) { return iommu::Ending::CompleterAbort; };
    CHECK_FALSE(b.translate(b.to(b.at(0x1000))).found.granted);
    CHECK(b.dev.atc.enabled());
    b.iommu.ending = nullptr;
    CHECK(b.translate(b.to(b.at(0x1000))).found.granted);
}

TEST_CASE("what is under way when the ATC is turned off is not used, not even after it is on again", "[devices][atc]") {
    AtsBench b;
    const bool on_again = GENERATE(false, true);
    const auto& asked = b.begin(b.to(b.at(0x1000)));
    while (b.iommu.questions.empty()) b.run(1_ns);
    b.dev.atc.enable(false);
    if (on_again) b.dev.atc.enable(true);
    b.run(4_us);
    CHECK(asked.done);
    CHECK(asked.found.granted == on_again);
    CHECK(b.dev.atc.counts().requests == (on_again ? 2 : 1)); // asked anew, or not at all
    CHECK(b.dev.atc.size() == (on_again ? 1 : 0));
}

TEST_CASE("the engine ends a request that found no translation, and backs off as after any error", "[devices][atc]") {
    AtsBench b;
    const auto direction = GENERATE(Direction::Read, Direction::Write);
    const auto why = GENERATE(iommu::Ending::CompleterAbort, iommu::Ending::Grant);
    b.iommu.adjust = [&](const iommu::TranslationRequest& r, iommu::Translation& t) {
        if (r.type != AddressType::TranslationRequest) return;
        t.ending = why;
        t.may = {};
    };
    std::vector<DmaEnding> endings;
    auto token = b.events.subscribe<DmaEnded>([&](Time, const DmaEnded& e) { endings.push_back(e.ending); });
    b.dev.engine.start(b.work(b.at(0x1000), direction, 3));
    b.run(20_us);
    CHECK(endings == std::vector<DmaEnding>(3, DmaEnding::NotTranslated));
    CHECK(b.dev.engine.counts().errors == 3);
    CHECK(b.dev.engine.idle().is_set());
    CHECK(b.questions(AddressType::Translated) + b.questions(AddressType::Untranslated) == 0); // nothing reached memory
}

TEST_CASE("after Unsupported Request the engine goes on untranslated", "[devices][atc]") {
    AtsBench b;
    b.iommu.ending = [](const iommu::TranslationRequest& r) {
        return r.type == AddressType::TranslationRequest ? iommu::Ending::Abort : iommu::Ending::Grant;
    };
    std::vector<DmaEnding> endings;
    auto token = b.events.subscribe<DmaEnded>([&](Time, const DmaEnded& e) { endings.push_back(e.ending); });
    auto work = b.work(b.at(0x1000), Direction::Read, 3);
    work.outstanding = 1;
    b.dev.engine.start(work);
    b.run(20_us);
    CHECK(endings == std::vector<DmaEnding>{DmaEnding::NotTranslated, DmaEnding::Success, DmaEnding::Success});
    CHECK(b.questions(AddressType::TranslationRequest) == 1);
    CHECK(b.questions(AddressType::Untranslated) == 2);
}

TEST_CASE("with the ATC on, every request of an engine goes out translated, to the page that was asked for",
          "[devices][atc]") {
    AtsBench b;
    b.memory.keep_commits = true;
    b.dev.engine.start(b.work(b.at(0x3000), Direction::Mixed, 100));
    b.run(50_us);
    CHECK(b.dev.engine.idle().is_set());
    CHECK(b.memory.commits.size() == 100);
    CHECK(b.questions(AddressType::Translated) == 100);
    CHECK(b.questions(AddressType::Untranslated) == 0);
    CHECK(b.dev.atc.counts().requests <= 2); // one for reading, one for writing
    for (const auto& q : b.iommu.questions) CHECK(q.has_pasid == (q.type == AddressType::TranslationRequest));
    for (const auto& c : b.memory.commits) {
        CHECK(c.request.at.value() >> 12 == 3);
        CHECK(c.request.bytes == 64);
        CHECK(c.request.origin.aimed_at.page_number() == b.at(0x3000).page_number());
    }
}

TEST_CASE("a flush reads where the last write went, and nothing where all were refused", "[devices][ats]") {
    AtsBench b;
    const bool one_went = GENERATE(true, false);
    b.iommu.adjust = [&b](const iommu::TranslationRequest& r, iommu::Translation& t) {
        if (r.at.page_number() == b.at(page_size).page_number()) t.may = {};
    };
    const auto write = [&b](Iova page) {
        b.dev.engine.start(b.work(page, devices::Direction::Write));
        b.run(5_us);
    };
    if (one_went) write(b.at(0));
    write(b.at(page_size)); // refused
    sim::Time flushed;
    sim::start(timed(b.dev.engine.flush(), flushed));
    b.run(5_us);
    CHECK(flushed != sim::Time{});
    std::vector<Iova> reads;
    for (const auto& q : b.iommu.questions)
        if (q.type == iommu::AddressType::Untranslated) reads.push_back(q.at);
    CHECK(reads == (one_went ? std::vector{b.at(0)} : std::vector<Iova>{}));
}
