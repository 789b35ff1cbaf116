// SPDX-License-Identifier: Apache-2.0
/// A device's page request interface: groups, credits, answers, and how a PASID stops.
#include "devices/accelerator.h"
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

#include <deque>
#include <set>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::stubs;
using iommu::PageResponseCode;
using sim::Time;

namespace {

/// The host: pages are absent until they were granted.
struct Host : iommu::PageRequestPort {
    std::vector<iommu::PageRequestMessage> asked;
    std::function<void(const iommu::PageRequestMessage&)> on_request;
    sim::Task<void> page_request(iommu::PageRequestMessage m) override {
        asked.push_back(m);
        if (on_request) on_request(m);
        co_return;
    }
};

struct PagingDevice final : pcie::Endpoint {
    static pcie::FunctionConfig function(const PageRequestConfig& c) {
        pcie::FunctionConfig f = plain_function();
        f.ats.present = true;
        f.pri.present = true;
        f.pri.capacity = c.capacity.get();
        return f;
    }
    PagingDevice(Fabric& f, const PageRequestConfig& c)
        : Endpoint("dev", f.events, f.root_complex, pcie::LinkConfig{}, pcie::EndpointConfig{}, DeviceId{0},
                   function(c)),
          pages("dev", f.events, *this, c), atc("dev", f.events, *this, AtcConfig{}) {
        take_into_service();
        atc.set_page_requests(&pages);
        atc.enable(true);
        config_space().on_write(pcie::cfg::PriControl::Enable, [this](bool on) { pages.enable(on); });
        config_space().on_pri_reset([this] { pages.reset(); });
    }
    void page_response(const pcie::PageGroupAnswer& a) override { pages.heard(a); }
    void control(u32 bits) {
        config_space().config_write(config_space().base_of(pcie::cfg::Capability::Pri) + 4, 2, bits);
    }
    u32 status() const { return config_space().read<pcie::cfg::PriStatus>().value(); }
    void allocate(u32 requests) {
        config_space().config_write(config_space().base_of(pcie::cfg::Capability::Pri) + 0xc, 4, requests);
    }
    PageRequestInterface pages;
    Atc atc;
};

struct PageRequestsBench : Fabric {
    Host host;
    PagingDevice dev;
    struct Asked {
        PageRequestEnding ending{};
        bool done = false;
    };
    std::deque<Asked> asked;
    std::vector<PageResponseFate> fates;
    std::vector<u16> forgotten; ///< groups
    std::set<u64> present;

    explicit PageRequestsBench(const PageRequestConfig& c = {}, u32 allocation = 16) : dev(*this, c) {
        root_complex.set_page_requests(&host);
        dev.allocate(allocation);
        dev.control(1);
        iommu.adjust = [this](const iommu::TranslationRequest& r, iommu::Translation& t) {
            if (r.type == iommu::AddressType::TranslationRequest && present.count(r.at.page_number()) == 0) t.may = {};
        };
    }
    ~PageRequestsBench() { calendar.shutdown(); }

    pcie::DmaRequest at_page(u64 n, u32 pasid = 5) const {
        pcie::DmaRequest r;
        r.at = at(n * page_size);
        r.bytes = 64;
        r.has_pasid = true;
        r.pasid = Pasid{pasid};
        return r;
    }
    sim::Task<void> asking(pcie::DmaRequest r, bool write, Asked& a) {
        a.ending = co_await dev.pages.ask(r, write);
        a.done = true;
    }
    Asked& ask(const pcie::DmaRequest& r, bool write = true) {
        asked.emplace_back();
        sim::start(asking(r, write, asked.back()));
        return asked.back();
    }
    void answer(u16 group, PageResponseCode code = PageResponseCode::Success, u32 pasid = 5, bool has_pasid = true) {
        sim::start(root_complex.respond({dev.stream(), has_pasid, Pasid{pasid}, group, code}));
        run(2_us);
    }
    sim::Task<void> translating(pcie::DmaRequest r, bool& granted, bool& done) {
        auto asked_for = dev.atc.translate(r, true);
        Atc::Found f = co_await std::move(asked_for);
        granted = f.granted;
        done = true;
    }

private:
    base::Subscription heard_ =
        events.subscribe<PageResponseHeard>([this](sim::Time, const PageResponseHeard& e) { fates.push_back(e.fate); });
    base::Subscription forgotten_ = events.subscribe<PageGroupForgotten>(
        [this](sim::Time, const PageGroupForgotten& e) { forgotten.push_back(e.group); });
};

PageRequestConfig groups_of(unsigned n) {
    PageRequestConfig c;
    c.per_group = n;
    return c;
}
PageRequestConfig marking() {
    PageRequestConfig c;
    c.stop_marker = true;
    return c;
}

} // namespace

TEST_CASE("a page that is granted ends the request, with the page, the access and the PASID that were asked for",
          "[devices][pri]") {
    PageRequestsBench b;
    const auto& a = b.ask(b.at_page(3), true);
    b.run(2_us);
    REQUIRE(b.host.asked.size() == 1);
    const auto& m = b.host.asked.front();
    CHECK(m.at == b.at(3 * page_size));
    CHECK(m.write);
    CHECK_FALSE(m.read);
    CHECK(m.last);
    CHECK(m.pasid == Pasid{5});
    CHECK_FALSE(a.done);
    b.answer(m.group);
    CHECK(a.done);
    CHECK(a.ending == PageRequestEnding::Granted);
    CHECK(b.dev.pages.outstanding() == 0);
}

TEST_CASE("an invalid page fails its own request and leaves the interface on", "[devices][pri]") {
    PageRequestsBench b;
    const auto &bad = b.ask(b.at_page(1)), &good = b.ask(b.at_page(2));
    b.run(2_us);
    b.answer(b.host.asked.at(0).group, PageResponseCode::InvalidRequest);
    CHECK(bad.ending == PageRequestEnding::Invalid);
    CHECK_FALSE(good.done);
    CHECK(b.dev.pages.on());
    b.answer(b.host.asked.at(1).group);
    CHECK(good.ending == PageRequestEnding::Granted);
}

TEST_CASE("Response Failure, and every code that is reserved, stops the interface until software enables it anew",
          "[devices][pri]") {
    PageRequestsBench b;
    const u8 code = GENERATE(u8{15}, u8{2}, u8{14});
    const auto &one = b.ask(b.at_page(1)), &other = b.ask(b.at_page(2, 6));
    b.run(2_us);
    b.answer(b.host.asked.at(0).group, static_cast<PageResponseCode>(code));
    CHECK(one.ending == PageRequestEnding::Failed);
    CHECK(other.ending == PageRequestEnding::Failed); // all of the function's
    CHECK(b.forgotten == std::vector<u16>{b.host.asked.at(1).group});
    CHECK_FALSE(b.dev.pages.on());
    CHECK((b.dev.status() & 1) != 0); // RF
    b.answer(b.host.asked.at(1).group);
    CHECK(b.fates.back() == PageResponseFate::Ignored);
    const auto& refused = b.ask(b.at_page(3));
    b.run(2_us);
    CHECK(refused.ending == PageRequestEnding::Off);
    CHECK(b.host.asked.size() == 2);

    b.dev.control(0);
    b.dev.control(1);
    CHECK((b.dev.status() & 1) == 0);
    b.ask(b.at_page(3));
    b.run(2_us);
    CHECK(b.host.asked.size() == 3);
}

TEST_CASE("who asks for a page that is being asked for shares the answer", "[devices][pri]") {
    PageRequestsBench b;
    const auto &one = b.ask(b.at_page(1)), &same = b.ask(b.at_page(1)), &reads = b.ask(b.at_page(1), false);
    b.run(2_us);
    REQUIRE(b.host.asked.size() == 2); // to write, and to read
    b.answer(b.host.asked[0].group);
    CHECK(one.done);
    CHECK(same.done);
    CHECK_FALSE(reads.done);
}

TEST_CASE("requests of a PASID gather in a group, whose last one says so and which one response answers",
          "[devices][pri]") {
    PageRequestsBench b{groups_of(3)};
    std::vector<const PageRequestsBench::Asked*> mine;
    for (u64 n = 0; n < 3; ++n) mine.push_back(&b.ask(b.at_page(n)));
    const auto& other = b.ask(b.at_page(9, 6));
    b.run(2_us);
    REQUIRE(b.host.asked.size() == 4);
    for (unsigned n = 0; n < 3; ++n) {
        CHECK(b.host.asked[n].group == b.host.asked[0].group);
        CHECK(b.host.asked[n].last == (n == 2));
    }
    CHECK(b.host.asked[3].group != b.host.asked[0].group);
    CHECK(b.host.asked[3].last);
    b.answer(b.host.asked[0].group);
    for (const auto* a : mine) CHECK(a->ending == PageRequestEnding::Granted);
    CHECK_FALSE(other.done);
}

TEST_CASE("a group that has room is sent when it is old enough", "[devices][pri]") {
    const PageRequestConfig c = groups_of(8);
    PageRequestsBench b{c};
    std::optional<Time> sent;
    const auto token = b.events.subscribe<PageRequestSent>([&](Time at, const PageRequestSent&) { sent = at; });
    const Time begun = sim::now();
    b.ask(b.at_page(1));
    b.run(2_us);
    REQUIRE(sent);
    CHECK(*sent - begun == c.gather.get());
    CHECK(b.host.asked.at(0).last);
}

TEST_CASE("never more requests are outstanding than software allocated, nor than the capability says",
          "[devices][pri]") {
    PageRequestConfig c;
    c.capacity = 4;
    const u32 allocation = GENERATE(2u, 100u);
    const std::size_t limit = std::min(allocation, 4u);
    PageRequestsBench b{c, allocation};
    for (u64 n = 0; n < 10; ++n) b.ask(b.at_page(n));
    b.run(5_us);
    CHECK(b.host.asked.size() == limit);
    CHECK(b.dev.pages.outstanding() == limit);
    b.answer(b.host.asked[0].group);
    CHECK(b.host.asked.size() == limit + 1);
}

TEST_CASE("a group's index is not used again before its response", "[devices][pri]") {
    PageRequestsBench b;
    for (u64 n = 0; n < 5; ++n) b.ask(b.at_page(n));
    b.run(2_us);
    std::set<u16> used;
    for (const auto& m : b.host.asked) used.insert(m.group);
    CHECK(used.size() == 5);
    b.answer(2);
    b.ask(b.at_page(7));
    b.run(2_us);
    CHECK(b.host.asked.back().group == 2);
}

TEST_CASE("a response to no group, or for another PASID, is unexpected and ends nothing", "[devices][pri]") {
    PageRequestsBench b;
    const auto& a = b.ask(b.at_page(1));
    b.run(2_us);
    b.answer(77);
    CHECK(b.fates.back() == PageResponseFate::Unexpected);
    CHECK((b.dev.status() & 2) != 0); // UPRGI
    b.answer(b.host.asked[0].group, PageResponseCode::Success, 6);
    CHECK(b.fates.back() == PageResponseFate::Unexpected);
    CHECK_FALSE(a.done);
    b.answer(b.host.asked[0].group, PageResponseCode::Success, 0, false); // without a PASID it is the index that counts
    CHECK(a.done);
    CHECK(b.dev.pages.counts().unexpected == 2);
}

TEST_CASE("an interface that is off, or has no allocation, asks for nothing", "[devices][pri]") {
    PageRequestsBench b{{}, 0};
    CHECK(b.ask(b.at_page(1)).ending == PageRequestEnding::Off);
    b.dev.control(0);
    b.dev.allocate(4);
    CHECK(b.ask(b.at_page(1)).ending == PageRequestEnding::Off);
    b.run(2_us);
    CHECK(b.host.asked.empty());
    b.dev.control(1);
    CHECK_FALSE(b.ask(b.at_page(1)).done);
}

TEST_CASE("an interface that is turned off says Stopped when its last group was answered", "[devices][pri]") {
    PageRequestsBench b;
    b.ask(b.at_page(1));
    b.run(2_us);
    b.dev.control(0);
    CHECK((b.dev.status() & 0x100) == 0);
    b.answer(b.host.asked[0].group);
    CHECK((b.dev.status() & 0x100) != 0);
}

TEST_CASE("a PRI reset forgets every group: a late answer is unexpected", "[devices][pri]") {
    PageRequestsBench b;
    const auto& a = b.ask(b.at_page(1));
    b.run(2_us);
    b.dev.control(0);
    b.dev.control(2);
    b.run(1_us);
    CHECK(a.ending == PageRequestEnding::Failed);
    CHECK(b.dev.pages.outstanding() == 0);
    CHECK(b.forgotten == std::vector<u16>{b.host.asked[0].group});
    b.answer(b.host.asked[0].group);
    CHECK(b.fates.back() == PageResponseFate::Unexpected);
}

TEST_CASE("a group that was answered is not forgotten", "[devices][pri]") {
    PageRequestsBench b;
    b.ask(b.at_page(1));
    b.run(2_us);
    b.answer(b.host.asked[0].group);
    b.dev.control(0);
    b.dev.control(2);
    b.run(1_us);
    CHECK(b.forgotten.empty());
}

TEST_CASE("a function-level reset, or a link that goes down, forgets every group and says so of those that were sent",
          "[devices][pri]") {
    const bool by_link = GENERATE(false, true);
    Fabric f;
    Host host;
    f.root_complex.set_page_requests(&host);
    AcceleratorConfig c;
    c.function.atc.present = true;
    c.function.pri.present = true;
    c.function.pri.per_group = 2;
    Accelerator acc{"acc", f.events, f.root_complex, pcie::LinkConfig{}, c, DeviceId{0}};
    std::vector<PageGroupForgotten> forgotten;
    std::vector<PageResponseFate> fates;
    const auto losses = f.events.subscribe<PageGroupForgotten>(
        [&](Time, const PageGroupForgotten& e) { forgotten.push_back(e); });
    const auto heard =
        f.events.subscribe<PageResponseHeard>([&](Time, const PageResponseHeard& e) { fates.push_back(e.fate); });
    acc.take_into_service();
    const u32 pri = acc.config_space().base_of(pcie::cfg::Capability::Pri);
    acc.config_space().config_write(pri + 0xc, 4, 16);
    acc.config_space().config_write(pri + 4, 2, 1);
    const auto ask = [&](u32 page, u32 pasid) {
        pcie::DmaRequest r;
        r.at = f.at(page * page_size);
        r.has_pasid = true;
        r.pasid = Pasid{pasid};
        r.bond = BondId{pasid};
        sim::start([](PageRequestInterface& pages, pcie::DmaRequest asked) -> sim::Task<void> {
            co_await pages.ask(asked, true);
        }(*acc.page_requests(), r));
    };
    ask(1, 5), ask(2, 5), ask(3, 6);
    f.run(2_us);
    REQUIRE(host.asked.size() == 3);
    ask(4, 7); // still gathers
    if (by_link)
        acc.port().set_link(false);
    else
        acc.config_space().config_write(acc.config_space().base_of(pcie::cfg::Capability::PciExpress) + 8, 2, 0x8000);
    CHECK(acc.page_requests()->outstanding() == 0);
    REQUIRE(forgotten.size() == 2);
    CHECK(forgotten[0].bond == BondId{5});
    CHECK(forgotten[0].pasid == Pasid{5});
    CHECK(forgotten[0].group == host.asked[0].group);
    CHECK(forgotten[0].requests == 2);
    CHECK(forgotten[0].stream == acc.stream());
    CHECK(forgotten[1].bond == BondId{6});
    CHECK(forgotten[1].requests == 1);
    f.run(2_us);
    CHECK(host.asked.size() == 3); // what gathered is never sent
    sim::start(f.root_complex.respond(
        {acc.stream(), true, Pasid{5}, host.asked[0].group, PageResponseCode::Success}));
    f.run(2_us);
    CHECK(fates == (by_link ? std::vector<PageResponseFate>{} : std::vector{PageResponseFate::Unexpected}));
    CHECK(acc.page_requests()->counts().unexpected == !by_link);
    f.calendar.shutdown();
}

TEST_CASE("PASID stop without a marker waits for every answer of that PASID and asks nothing new", "[devices][pri]") {
    PageRequestsBench b{{}, 2};
    b.ask(b.at_page(1));
    b.ask(b.at_page(2));
    const auto& waits = b.ask(b.at_page(3)); // for a credit
    b.run(2_us);
    Time stopped;
    sim::start(timed(b.dev.pages.stop(b.at_page(0)), stopped));
    b.run(2_us);
    CHECK(waits.ending == PageRequestEnding::Abandoned);
    CHECK(b.ask(b.at_page(4)).ending == PageRequestEnding::Abandoned);
    CHECK(stopped == Time{});
    b.answer(b.host.asked[0].group);
    CHECK(stopped == Time{});
    b.answer(b.host.asked[1].group);
    CHECK(stopped != Time{});
    b.dev.pages.mark_stopped(b.at_page(0));
    b.run(2_us);
    CHECK(b.host.asked.size() == 2); // no marker
    b.dev.pages.begin(b.at_page(0));
    CHECK_FALSE(b.ask(b.at_page(4)).done);
}

TEST_CASE(
    "PASID stop with a marker waits for nothing: the marker follows the PASID's requests, answers come to stale groups",
    "[devices][pri]") {
    PageRequestsBench b{marking()};
    const auto &mine = b.ask(b.at_page(1)), &other = b.ask(b.at_page(2, 6));
    b.run(2_us);
    Time stopped;
    const Time begun = sim::now();
    sim::start(timed(b.dev.pages.stop(b.at_page(0)), stopped));
    b.dev.pages.mark_stopped(b.at_page(0));
    b.run(2_us);
    CHECK(stopped == begun);
    CHECK(mine.ending == PageRequestEnding::Abandoned);
    CHECK_FALSE(other.done);
    REQUIRE(b.host.asked.size() == 3);
    CHECK(iommu::is_stop_marker(b.host.asked.back()));
    CHECK(b.host.asked.back().pasid == Pasid{5});
    CHECK(b.dev.pages.outstanding() == 2);
    b.answer(b.host.asked[0].group);
    CHECK(b.fates.back() == PageResponseFate::Stale);
    CHECK(b.dev.pages.outstanding() == 1);
}

TEST_CASE("a group that was still gathering is sent before the PASID stops", "[devices][pri]") {
    PageRequestsBench b{groups_of(8)};
    b.ask(b.at_page(1));
    sim::start(b.dev.pages.stop(b.at_page(0)));
    b.run(2_us);
    REQUIRE(b.host.asked.size() == 1);
    CHECK(b.host.asked[0].last);
}

TEST_CASE("a translation that was refused asks for the page, and again for the translation once it is there",
          "[devices][pri][ats]") {
    PageRequestsBench b;
    b.host.on_request = [&b](const iommu::PageRequestMessage& m) {
        b.present.insert(m.at.page_number());
        sim::start(b.root_complex.respond({m.stream, true, m.pasid, m.group, PageResponseCode::Success}));
    };
    bool granted = false, done = false;
    sim::start(b.translating(b.at_page(1), granted, done));
    b.run(5_us);
    CHECK(done);
    CHECK(granted);
    CHECK(b.host.asked.size() == 1);
    CHECK(b.dev.atc.counts().requests == 2);
}

TEST_CASE("a page that the host says is there but the IOMMU does not give is asked for a limited number of times",
          "[devices][pri][ats]") {
    PageRequestConfig c;
    c.retries = 2;
    PageRequestsBench b{c};
    b.host.on_request = [&b](const iommu::PageRequestMessage& m) {
        sim::start(b.root_complex.respond({m.stream, true, m.pasid, m.group, PageResponseCode::Success}));
    };
    bool granted = true, done = false;
    sim::start(b.translating(b.at_page(1), granted, done));
    b.run(20_us);
    CHECK(done);
    CHECK_FALSE(granted);
    CHECK(b.host.asked.size() == 3);
}

TEST_CASE("a page that cannot be had fails the access; an error of the translation request asks for no page",
          "[devices][pri][ats]") {
    PageRequestsBench b;
    b.host.on_request = [&b](const iommu::PageRequestMessage& m) {
        sim::start(b.root_complex.respond({m.stream, true, m.pasid, m.group, PageResponseCode::InvalidRequest}));
    };
    bool granted = true, done = false;
    sim::start(b.translating(b.at_page(1), granted, done));
    b.run(5_us);
    CHECK(done);
    CHECK_FALSE(granted);
    CHECK(b.host.asked.size() == 1);

    b.iommu.ending = [](const iommu::TranslationRequest&) { return iommu::Ending::CompleterAbort; };
    done = false;
    sim::start(b.translating(b.at_page(1), granted, done));
    b.run(5_us);
    CHECK(done);
    CHECK_FALSE(granted);
    CHECK(b.host.asked.size() == 1);
}
