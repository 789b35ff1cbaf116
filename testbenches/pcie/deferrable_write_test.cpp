// SPDX-License-Identifier: Apache-2.0
/// 64-byte writes of CPUs to a function: posted, and deferrable ones whose completion is the answer.
#include "pcie/ordering_rules.h"
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::stubs;
using memory::Enqueued;
using pcie::CompletionStatus;
using sim::Time;

namespace {
struct PortalEndpoint final : pcie::Endpoint {
    explicit PortalEndpoint(Fabric& f) : Endpoint("ep", f.events, f.root_complex, {}, {}, DeviceId{0}) {}
    CompletionStatus take_line(u64 offset, const memory::Line& line, bool deferrable) override {
        lines.push_back({sim::now(), offset, line, deferrable});
        return answer;
    }
    struct Taken {
        Time at;
        u64 offset;
        memory::Line line;
        bool deferrable;
    };
    CompletionStatus answer = CompletionStatus::Success;
    std::vector<Taken> lines;
};
struct DeferrableBench : Fabric {
    PortalEndpoint ep{*this};
    DeferrableBench() {
        ep.take_into_service();
        for (unsigned i = 0; i < line.bytes.size(); ++i) line.bytes[i] = static_cast<std::byte>(i + 1);
        line.bond = BondId{7};
    }
    ~DeferrableBench() { calendar.shutdown(); }
    Enqueued enqueue(u64 offset) {
        Enqueued answer{};
        sim::start(timed(ep.port().enqueue(offset, line), end, answer));
        run(20_ms);
        REQUIRE(end != Time{});
        return answer;
    }
    memory::Line line;
    Time end;
    pcie::LinkConfig link;
    pcie::EndpointConfig endpoint;
};
} // namespace

TEST_CASE("a deferrable write brings its 64 bytes, and its completion is the function's answer", "[pcie]") {
    const auto [status, expected] =
        GENERATE(table<CompletionStatus, Enqueued>({{CompletionStatus::Success, Enqueued::Accepted},
                                                    {CompletionStatus::RequestRetry, Enqueued::Retry},
                                                    {CompletionStatus::UnsupportedRequest, Enqueued::Failed}}));
    DeferrableBench b;
    b.ep.answer = status;
    CHECK(b.enqueue(0x9040) == expected);
    REQUIRE(b.ep.lines.size() == 1);
    CHECK(b.ep.lines[0].offset == 0x9040);
    CHECK(b.ep.lines[0].deferrable);
    CHECK(b.ep.lines[0].line.bytes == b.line.bytes);
    CHECK(b.ep.lines[0].line.bond == BondId{7});
}

TEST_CASE("a deferrable write takes a round trip: packet down, the function's register access, completion up",
          "[pcie]") {
    DeferrableBench b;
    b.enqueue(0x9040);
    pcie::Link& link = b.ep.port().link();
    const auto down = link.down.occupancy(8 + 12 + 64), up = link.up.occupancy(8 + 12); // framing, header, payload
    const auto arrival = b.config.mmio + down + b.link.propagation.get() + b.endpoint.register_access.get();
    CHECK(b.ep.lines.at(0).at - Time{} == arrival);
    CHECK(b.end - Time{} == arrival + up + b.link.propagation.get() + b.config.ingress.get());
}

TEST_CASE("a function whose memory space is off takes no line, and the answer says so", "[pcie]") {
    DeferrableBench b;
    b.ep.config_space().config_write(4, 2, 0); // Command
    CHECK(b.enqueue(0x9040) == Enqueued::Failed);
    sim::start(b.ep.port().write_line(0x9000, b.line));
    b.run(5_us);
    CHECK(b.ep.lines.empty());
}

TEST_CASE("while the link is down a deferrable write fails at once", "[pcie]") {
    DeferrableBench b;
    b.ep.port().set_link(false);
    CHECK(b.enqueue(0x9040) == Enqueued::Failed);
    CHECK(b.ep.lines.empty());
}

TEST_CASE("a posted line has no answer: its sender goes on when the packet has left", "[pcie]") {
    DeferrableBench b;
    sim::start(timed(b.ep.port().write_line(0x9080, b.line), b.end));
    b.run(5_us);
    REQUIRE(b.ep.lines.size() == 1);
    CHECK_FALSE(b.ep.lines[0].deferrable);
    CHECK(b.ep.lines[0].line.bytes == b.line.bytes);
    CHECK(b.end + b.link.propagation.get() == b.ep.lines[0].at);
}

TEST_CASE("a deferrable write is a non-posted request with data: it stays behind posted writes", "[pcie]") {
    pcie::Tlp write, deferrable;
    write.kind = pcie::TlpKind::MemoryWrite;
    deferrable.kind = pcie::TlpKind::DeferrableWrite;
    deferrable.length = 64;
    CHECK_FALSE(deferrable.is_posted());
    CHECK(deferrable.payload_bytes() == 64);
    CHECK(passing(ordered(deferrable), ordered(write)) == pcie::Passing::MustNot);
    CHECK(passing(ordered(write), ordered(deferrable)) == pcie::Passing::Must);
}
