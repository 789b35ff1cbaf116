// SPDX-License-Identifier: Apache-2.0
/// Requests from one function to another below the same switch, and Access Control Services (PCIe Base 6.12).
#include "pcie/support/switched.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::pcie::cfg;
using namespace quiesce::stubs;
using iommu::AddressType;
using sim::Duration;
using sim::Time;

namespace {
struct PeerToPeerBench : Switched {
    std::vector<PeerToPeer> peers;
    std::vector<RequestAborted> aborted;
    base::Subscription heard, refused;

    explicit PeerToPeerBench(unsigned levels = 1) : Switched(levels) {
        heard = f.events.subscribe<PeerToPeer>([this](Time, const PeerToPeer& e) { peers.push_back(e); });
        refused = f.events.subscribe<RequestAborted>([this](Time, const RequestAborted& e) { aborted.push_back(e); });
        f.iommu.keep_questions = true;
    }
    void write(TestEndpoint& from, u64 to, u64 value, AddressType type = AddressType::Untranslated) {
        DmaRequest r;
        r.at = Iova{to};
        r.bytes = sizeof value;
        r.type = type;
        sim::start(from.dma_write(r, std::as_bytes(std::span{&value, 1})));
        f.run(5_us);
    }
    Completion read(TestEndpoint& from, u64 at, u64& into, Time* end = nullptr) {
        DmaRequest r;
        r.at = Iova{at};
        r.bytes = sizeof into;
        Completion how{CompletionStatus::TimedOut};
        Time over;
        const Time begin = sim::now();
        sim::start(timed(from.dma_read(r, reinterpret_cast<std::byte*>(&into)), over, how));
        f.run(5_us);
        if (end != nullptr) *end = Time{} + (over - begin);
        return how;
    }
};

struct AcsRow {
    std::string_view what;
    u64 enabled;
    AddressType type;
    Switch::Way way;
};
const std::vector<AcsRow> acs_rows{
    {"nothing", services({}), AddressType::Untranslated, Switch::Way::Peer},
    {"nothing, translated", services({}), AddressType::Translated, Switch::Way::Peer},
    {"redirect", services({acs_request_redirect}), AddressType::Untranslated, Switch::Way::Up},
    {"redirect, translated", services({acs_request_redirect}), AddressType::Translated, Switch::Way::Up},
    {"direct translated, untranslated", services({acs_request_redirect, acs_direct_translated}),
     AddressType::Untranslated, Switch::Way::Up},
    {"direct translated", services({acs_request_redirect, acs_direct_translated}), AddressType::Translated,
     Switch::Way::Peer},
    {"translation blocking", services({acs_translation_blocking}), AddressType::Translated, Switch::Way::Violation},
    {"translation blocking, untranslated", services({acs_translation_blocking}), AddressType::Untranslated,
     Switch::Way::Peer},
    {"translation blocking, a translation request", services({acs_translation_blocking}),
     AddressType::TranslationRequest, Switch::Way::Violation},
    {"source validation of the right source", services({acs_source_validation}), AddressType::Untranslated,
     Switch::Way::Peer},
    {"what Linux enables", services({acs_source_validation, acs_request_redirect, acs_completion_redirect,
     acs_upstream_forwarding}), AddressType::Untranslated, Switch::Way::Up},
    {"what Linux enables, translated", services({acs_source_validation, acs_request_redirect,
     acs_completion_redirect, acs_upstream_forwarding}), AddressType::Translated, Switch::Way::Up},
};
} // namespace

TEST_CASE("each service of ACS decides where a request to a peer's BAR goes", "[pcie]") {
    for (const AcsRow& row : acs_rows) {
        sc_core::sc_simcontext fresh;
        auto* const outer = std::exchange(sc_core::sc_curr_simcontext, &fresh);
        {
            PeerToPeerBench s;
            s.set_acs(0, row.enabled);
            INFO(row.what);
            Tlp t;
            t.kind = TlpKind::MemoryWrite;
            t.requester = s.a.requester();
            t.at = row.type;
            t.address = Switched::bar_b + 8;
            CHECK(s.sw().route(t, 0).way == row.way);
            t.address = s.f.at(0x1000).value(); // to memory: up, if at all
            CHECK(s.sw().route(t, 0).way == (row.way == Switch::Way::Violation ? row.way : Switch::Way::Up));
        }
        sc_core::sc_curr_simcontext = outer;
    }
}

TEST_CASE("with ACS off a write to a peer's BAR lands in its registers, and the IOMMU never hears of it", "[pcie]") {
    const AddressType type = GENERATE(AddressType::Untranslated, AddressType::Translated);
    PeerToPeerBench s;
    s.write(s.a, Switched::bar_b + 0x40, 0x1122334455667788, type);
    REQUIRE(s.b.accesses.size() == 1);
    CHECK(s.b.accesses[0].write);
    CHECK(s.b.accesses[0].offset == 0x40);
    CHECK(s.b.accesses[0].value == 0x1122334455667788);
    CHECK(s.f.iommu.questions.empty());
    CHECK(s.a.port().counts().writes == 0);
    REQUIRE(s.peers.size() == 1);
    CHECK(s.peers[0].device == DeviceId{0});
    CHECK(s.peers[0].to == DeviceId{1});
    CHECK(s.peers[0].write);
    CHECK(s.peers[0].translated == (type == AddressType::Translated));
}

TEST_CASE("with P2P Request Redirect the same write goes to the IOMMU", "[pcie]") {
    PeerToPeerBench s;
    s.set_acs(0, services({acs_request_redirect}));
    s.write(s.a, Switched::bar_b + 0x40, 1);
    CHECK(s.b.accesses.empty());
    CHECK(s.peers.empty());
    REQUIRE(s.f.iommu.questions.size() == 1);
    CHECK(s.f.iommu.questions[0].at == Iova{Switched::bar_b + 0x40});
    CHECK(s.f.iommu.questions[0].stream == s.a.stream());
}

TEST_CASE("a read of a peer's register takes the way to it and back, and no look-up", "[pcie]") {
    PeerToPeerBench s;
    s.b.answer = 0xabcdef;
    u64 value = 0;
    Time took;
    const Completion how = s.read(s.a, Switched::bar_b + 8, value, &took);
    CHECK(how.ok());
    CHECK(value == 0xabcdef);
    CHECK(s.f.iommu.questions.empty());
    const Duration prop = s.a.link_config.propagation.get(), latency = SwitchConfig{}.latency.get();
    // Short headers: 16 bytes until they have arrived, a request of 20 and an answer of 20 + 8.
    CHECK(took - Time{} == s.a.endpoint_config.issue.get() + s.a.wire(16) + prop + latency + s.a.wire(20) + prop +
                               s.a.endpoint_config.register_access.get() + s.a.wire(16) + prop + latency +
                               s.a.wire(28) + prop);
}

TEST_CASE("P2P Completion Redirect takes the answer of a peer by way of the root port", "[pcie]") {
    PeerToPeerBench s;
    u64 value = 0;
    Time direct, redirected;
    CHECK(s.read(s.a, Switched::bar_b + 8, value, &direct).ok());
    s.set_acs(1, services({acs_completion_redirect}));
    CHECK(s.read(s.a, Switched::bar_b + 8, value, &redirected).ok());
    const Duration prop = s.a.link_config.propagation.get(), latency = SwitchConfig{}.latency.get();
    CHECK(redirected - direct == s.a.wire(28) + prop + s.f.config.ingress.get() + s.f.config.egress.get() +
                                     s.a.wire(16) + prop + latency);
}

TEST_CASE("a function of another bus number than its port's is stopped by Source Validation, and logged", "[pcie]") {
    PeerToPeerBench s;
    s.set_acs(0, services({acs_source_validation}));
    s.sw().port(0).config_space.set(SecondaryBus::Number, 0x77);
    s.sw().port(0).config_space.set(SubordinateBus::Number, 0x77);
    u64 value = 0;
    CHECK(s.read(s.a, s.f.at(0x1000).value(), value).status == CompletionStatus::CompleterAbort);
    CHECK(s.f.iommu.questions.empty());
    REQUIRE(s.aborted.size() == 1);
    CHECK(s.aborted[0].why == AbortReason::AcsViolation);
    const u32 status = s.sw().port(0).config_space.read<AerUncorrectableStatus>().value();
    CHECK((status >> static_cast<unsigned>(Uncorrectable::AcsViolation) & 1) == 1);
}

TEST_CASE("an address in the window that no BAR claims is an Unsupported Request", "[pcie]") {
    PeerToPeerBench s;
    u64 value = 0;
    CHECK(s.read(s.a, Switched::bar_b + 0x8'0000, value).status == CompletionStatus::UnsupportedRequest);
    s.write(s.a, Switched::bar_b + 0x8'0000, 1);
    CHECK(s.b.accesses.empty());
    REQUIRE(s.aborted.size() == 2);
    CHECK(s.aborted[1].why == AbortReason::Unrouted);
    s.b.config_space().set(Command::MemorySpace, false);
    CHECK(s.read(s.a, Switched::bar_b + 8, value).status == CompletionStatus::UnsupportedRequest);
}

TEST_CASE("what a switch redirects leads back to its port of the switch above: only Upstream Forwarding lets it on",
          "[pcie]") {
    const bool forwarding = GENERATE(false, true);
    PeerToPeerBench s{2};
    s.set_acs(0, services({acs_request_redirect}));
    s.chain[0]->port(0).config_space.set(AcsControl::Services,
                                         forwarding ? services({acs_upstream_forwarding}) : 0);
    s.write(s.a, Switched::bar_b + 0x40, 1);
    CHECK(s.b.accesses.empty());
    CHECK(s.f.iommu.questions.size() == (forwarding ? 1 : 0));
    REQUIRE(s.aborted.size() == 1); // if forwarded, by the memory: the root complex knows no peers
    CHECK(s.aborted.at(0).why == (forwarding ? AbortReason::Memory : AbortReason::Unrouted));
}

TEST_CASE("a translation request goes up, also one whose address is in a peer's BAR", "[pcie]") {
    PeerToPeerBench s;
    DmaRequest r;
    r.at = Iova{Switched::bar_b};
    TranslationCompletion answer;
    auto asked = [&]() -> sim::Task<void> {
        Tag tag = co_await s.a.tags().acquire();
        auto task = s.a.request_translation(r, 1, false, std::move(tag));
        answer = co_await std::move(task);
    };
    sim::start(asked());
    s.f.run(5_us);
    CHECK(answer.entries.size() == 1);
    CHECK(s.f.iommu.questions.size() == 1);
    CHECK(s.peers.empty());
}
