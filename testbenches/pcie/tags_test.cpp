// SPDX-License-Identifier: Apache-2.0
/// How many tags a requester may use follows from its configuration space (PCIe Base 2.2.6.2).
#include "pcie/support/fabric.h"
#include "sim/random.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <list>
#include <set>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;

namespace {
EndpointConfig with_tags(unsigned n) {
    EndpointConfig c;
    c.tags = n;
    return c;
}
/// The tags of `n` reads that are all under way at once.
std::vector<u16> tags_of_reads(Fabric& f, TestEndpoint& ep, unsigned n) {
    std::vector<u16> tags;
    auto token = f.events.subscribe<TlpSent>([&](sim::Time, const TlpSent& e) {
        if (e.kind == TlpKind::MemoryRead) tags.push_back(e.tag);
    });
    f.iommu.slow_pages[f.at(0x1000).page_number()] = 50_us; // no answer comes meanwhile
    static std::array<std::byte, 8> into;
    for (unsigned i = 0; i < n; ++i) {
        DmaRequest r;
        r.at = f.at(0x1000);
        r.bytes = 8;
        auto reading = [](TestEndpoint& e, DmaRequest what) -> sim::Task<void> {
            auto asked = e.dma_read(what, into.data());
            co_await std::move(asked);
        };
        sim::start(reading(ep, r));
    }
    f.run(20_us);
    return tags;
}
LinkConfig roomy() {
    LinkConfig c;
    c.root_port.non_posted_headers = 0;
    return c;
}
} // namespace

TEST_CASE("5-bit tags: the 33rd read waits for an answer, whatever the device has", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f, roomy(), with_tags(64)};
    ep.config_space().config_write(ep.config_space().base_of(cfg::Capability::PciExpress) + cfg::DevCtl::offset, 2, 0);
    const auto tags = tags_of_reads(f, ep, 50);
    CHECK(tags.size() == 32);
    CHECK(std::set<u16>(tags.begin(), tags.end()).size() == 32);
    CHECK(*std::max_element(tags.begin(), tags.end()) == 31);
    f.run(200_us);
    CHECK(ep.tags().used() == 0);
}

TEST_CASE("8-bit tags: as many as the device has, at most 256", "[pcie]") {
    const unsigned has = GENERATE(64u, 300u);
    Fabric f;
    TestEndpoint ep{f, roomy(), with_tags(has)};
    const auto tags = tags_of_reads(f, ep, 400);
    CHECK(tags.size() == std::min(has, 256u));
    CHECK(*std::max_element(tags.begin(), tags.end()) == std::min(has, 256u) - 1);
    f.calendar.shutdown(); // reads are still under way
}

TEST_CASE("10-bit tags: at most 768, and none of those whose upper two bits are clear", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f, roomy(), with_tags(1000)};
    ep.config_space().config_write(ep.config_space().base_of(cfg::Capability::PciExpress) + cfg::DevCtl2::offset, 2,
                                   cfg::DevCtl2{}.set(cfg::DevCtl2::Tag10Requester, true).value());
    const auto tags = tags_of_reads(f, ep, 900);
    CHECK(tags.size() == 768);
    CHECK(*std::min_element(tags.begin(), tags.end()) == 256);
    CHECK(*std::max_element(tags.begin(), tags.end()) == 1023);
    f.calendar.shutdown(); // reads are still under way
}

TEST_CASE("a function without 10-bit tags cannot be told to use them", "[pcie]") {
    FunctionConfig c = Endpoint::plain_function();
    c.express.tag10_requester = false;
    ConfigSpace space{c};
    space.config_write(space.base_of(cfg::Capability::PciExpress) + cfg::DevCtl2::offset, 2, 0xffff);
    CHECK(space.tags() == 32);
}

TEST_CASE("tags are unique and none is lost, however their number changes while they are in use", "[pcie]") {
    sim::Calendar calendar;
    Tags tags{64};
    sim::Random random{7, "tags"};
    std::list<Tag> held;
    auto take = [&]() -> sim::Task<void> {
        Tag t = co_await tags.acquire();
        held.push_back(std::move(t));
    };
    for (unsigned n = 0; n < 2000; ++n) {
        const u64 what = random.below(20);
        if (what == 0) tags.limit(random.below(2) == 0 ? 32 : 256, 0);
        else if (what < 11 && tags.used() < tags.usable()) sim::start(take());
        else if (!held.empty()) held.erase(std::next(held.begin(), static_cast<std::ptrdiff_t>(random.below(held.size()))));
        calendar.run_for(1_ns);
        std::set<u16> numbers;
        for (const Tag& t : held) numbers.insert(t.number());
        CHECK(numbers.size() == held.size());
        CHECK(tags.used() == held.size());
    }
    held.clear();
    tags.limit(256, 0);
    for (unsigned n = 0; n < 64; ++n) sim::start(take());
    CHECK(held.size() == 64);
    held.clear();
    calendar.shutdown();
}
