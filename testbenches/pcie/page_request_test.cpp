// SPDX-License-Identifier: Apache-2.0
/// Page Request and PRG Response messages through a root port: their bytes, their times, their order.
#include "golden/pri_message_golden.h"
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;
using sim::Time;

namespace {

/// A structure's bytes as the bus carries them.
template <class S>
std::array<u8, 8> to_bus(const S& s) {
    const auto memory = s.to_bytes();
    std::array<u8, 8> bytes{};
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<u8>(memory[7 - i]);
    return bytes;
}

struct Pri : iommu::PageRequestPort {
    struct Taken {
        Time at;
        iommu::PageRequestMessage message;
    };
    std::vector<Taken> all;
    sim::Task<void> page_request(iommu::PageRequestMessage m) override {
        all.push_back({sim::now(), m});
        co_return;
    }
};

struct PagingEndpoint final : Endpoint {
    explicit PagingEndpoint(Fabric& f)
        : Endpoint("ep", f.events, f.root_complex, LinkConfig{}, EndpointConfig{}, DeviceId{0}) {
        take_into_service();
    }
    void page_response(const PageGroupAnswer& a) override { answers.push_back({sim::now(), a}); }
    sim::Duration wire(u32 bytes) { return port().link().up.occupancy(bytes); }
    std::vector<std::pair<Time, PageGroupAnswer>> answers;
};

struct PageRequestBench : Fabric {
    Pri iommu_side;
    PagingEndpoint ep{*this};
    PageRequestBench() { root_complex.set_page_requests(&iommu_side); }
    ~PageRequestBench() { calendar.shutdown(); }

    DmaRequest by(u32 pasid) const {
        DmaRequest r;
        r.at = Iova{0x7f00'0000'1000};
        r.has_pasid = true;
        r.pasid = Pasid{pasid};
        r.bond = BondId{3};
        return r;
    }
    static PageRequestHeader header(u16 group) {
        return PageRequestHeader{}
            .set(PageRequestHeader::W, true)
            .set(PageRequestHeader::L, true)
            .set(PageRequestHeader::Group, group)
            .set(PageRequestHeader::Address, 0x7f00'0000'1ull);
    }
    /// From an endpoint's decision to the IOMMU, wire apart.
    sim::Duration up() const {
        return EndpointConfig{}.issue.get() + LinkConfig{}.propagation.get() + RootComplexConfig{}.ingress.get();
    }
};

} // namespace

TEST_CASE("a Page Request has the specification's bytes", "[pcie][pri][golden]") {
    for (const auto& row : golden::page_request_messages) {
        INFO(row.what);
        PageRequestHeader h;
        h.set(PageRequestHeader::R, row.read).set(PageRequestHeader::W, row.write).set(PageRequestHeader::L, row.last);
        h.set(PageRequestHeader::Group, row.group).set(PageRequestHeader::Address, row.page >> 12);
        CHECK(to_bus(h) == row.bytes);
    }
}

TEST_CASE("a PRG Response has the specification's bytes", "[pcie][pri][golden]") {
    for (const auto& row : golden::page_group_responses) {
        INFO(row.what);
        PageGroupResponseHeader h;
        h.set(PageGroupResponseHeader::DeviceID, row.device).set(PageGroupResponseHeader::Group, row.group);
        CHECK(to_bus(h.set(PageGroupResponseHeader::Code, row.code)) == row.bytes);
    }
}

TEST_CASE("a Page Request reaches the IOMMU whole, after a header of 16 bytes and a prefix on the wire",
          "[pcie][pri]") {
    PageRequestBench b;
    const Time begun = sim::now();
    b.ep.request_page(b.by(5), PageRequestBench::header(0x123));
    b.run(2_us);
    REQUIRE(b.iommu_side.all.size() == 1);
    const auto& [at, m] = b.iommu_side.all.front();
    CHECK(at - begun == b.up() + b.ep.wire(8 + 16 + 4));
    CHECK(m.stream == b.ep.stream());
    CHECK(m.has_pasid);
    CHECK(m.pasid == Pasid{5});
    CHECK(m.at == Iova{0x7f00'0000'1000});
    CHECK_FALSE(m.read);
    CHECK(m.write);
    CHECK(m.last);
    CHECK(m.group == 0x123);
    CHECK(m.bond == BondId{3});
}

TEST_CASE("a Page Request stays behind the posted writes before it", "[pcie][pri]") {
    PageRequestBench b;
    b.memory.keep_commits = true;
    b.iommu.slow_pages[(b.at(0)).page_number()] = 500_ns;
    DmaRequest r = b.by(5);
    r.at = b.at(0);
    r.bytes = 64;
    const std::array<std::byte, 64> data{};
    b.ep.write_packet(r, b.ep.next_transaction(), Payload::copy(data), nullptr);
    b.ep.request_page(b.by(5), PageRequestBench::header(1));
    b.run(3_us);
    REQUIRE(b.memory.commits.size() == 1);
    REQUIRE(b.iommu_side.all.size() == 1);
    CHECK(b.iommu_side.all.front().at >= b.memory.commits.front().at);
}

TEST_CASE("page requests reach the IOMMU in the order of their sending", "[pcie][pri]") {
    PageRequestBench b;
    for (u16 n = 0; n < 20; ++n) b.ep.request_page(b.by(5), PageRequestBench::header(n));
    b.run(5_us);
    REQUIRE(b.iommu_side.all.size() == 20);
    for (u16 n = 0; n < 20; ++n) CHECK(b.iommu_side.all[n].message.group == n);
}

TEST_CASE("without a page request interface behind it the message is lost, and nothing hangs", "[pcie][pri]") {
    PageRequestBench b;
    b.root_complex.set_page_requests(nullptr);
    b.ep.request_page(b.by(5), PageRequestBench::header(1));
    b.run(2_us);
    CHECK(b.ep.port().counts().page_requests == 1);
    CHECK(b.ep.port().posted_inside() == 0);
    CHECK(b.ep.answers.empty());
}

TEST_CASE("a PRG Response reaches the function of its stream, with its PASID only if it has one", "[pcie][pri]") {
    PageRequestBench b;
    const bool with_pasid = GENERATE(true, false);
    iommu::PageGroupResponse r{b.ep.stream(), with_pasid, Pasid{5}, 0x1a5, iommu::PageResponseCode::Failure};
    const Time begun = sim::now();
    sim::start(b.root_complex.respond(r));
    r.stream = StreamId{77}; // nobody's
    sim::start(b.root_complex.respond(r));
    b.run(2_us);
    REQUIRE(b.ep.answers.size() == 1);
    const auto& [at, a] = b.ep.answers.front();
    CHECK(at - begun ==
          RootComplexConfig{}.egress.get() + b.ep.wire(8 + 16 + (with_pasid ? 4 : 0)) + LinkConfig{}.propagation.get());
    CHECK(a.has_pasid == with_pasid);
    CHECK(a.pasid == Pasid{5});
    CHECK(a.header.get(PageGroupResponseHeader::Group) == 0x1a5);
    CHECK(a.header.get(PageGroupResponseHeader::Code) == 15);
    CHECK(a.header.get(PageGroupResponseHeader::DeviceID) == raw(b.ep.requester()));
}

TEST_CASE("a link that is down takes no Page Request up and no PRG Response down, and nothing hangs", "[pcie][pri]") {
    PageRequestBench b;
    b.ep.port().set_link(false);
    b.ep.request_page(b.by(5), PageRequestBench::header(1));
    sim::start(b.root_complex.respond({b.ep.stream(), true, Pasid{5}, 1, iommu::PageResponseCode::Success}));
    b.run(2_us);
    CHECK(b.iommu_side.all.empty());
    CHECK(b.ep.answers.empty());
    CHECK(b.calendar.idle());
}
