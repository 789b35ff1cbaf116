// SPDX-License-Identifier: Apache-2.0
/// A foreign TLM initiator's DMA in front of an IOMMU: pages, endings, extension, times.
#include "pcie/support/stubs.h"
#include "pcie/tlm_target.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;

namespace {
/// Makes one call when the simulation starts.
struct Initiator : sc_core::sc_module {
    SC_HAS_PROCESS(Initiator);
    tlm_utils::simple_initiator_socket<Initiator> out{"out"};
    tlm::tlm_generic_payload call;
    std::vector<unsigned char> data;
    sc_core::sc_time delay, over;
    TlpExtension said;
    explicit Initiator(sc_core::sc_module_name n) : sc_module(n) { SC_THREAD(run); }
    ~Initiator() override { call.clear_extension(&said); }
    void set(tlm::tlm_command command, u64 at, unsigned bytes) {
        data.assign(bytes, 0x5a);
        call.set_command(command);
        call.set_address(at);
        call.set_data_ptr(data.data());
        call.set_data_length(bytes);
        call.set_streaming_width(bytes);
    }
    void run() {
        out->b_transport(call, delay);
        over = sc_core::sc_time_stamp() + delay;
    }
};

struct Platform {
    sim::Calendar calendar;
    Translator iommu{5_ns, 0x1000}; ///< system address = input address + 4 KiB
    Memory memory{85_ns, 1 << 16};
    TlmDmaTarget target{"target", iommu, memory, DeviceId{2}, StreamId{0x300}};
    sim::BaseProtocolChecker checker{"checker"};
    Initiator initiator{"initiator"};
    Platform() {
        initiator.out.bind(checker.from_initiator);
        checker.to_target.bind(target.from_device);
        iommu.keep_questions = true;
    }
    ~Platform() { calendar.shutdown(); }
    tlm::tlm_response_status run() {
        calendar.run_for(2_us);
        CHECK(checker.broken() == 0);
        return initiator.call.get_response_status();
    }
    unsigned char byte(u64 at) const {
        std::byte b{};
        memory.peek(Spa{at}, {&b, 1});
        return std::to_integer<unsigned char>(b);
    }
};
sc_core::sc_time time_of(sim::Duration d) { return {static_cast<double>(d.ps()), sc_core::SC_PS}; }
} // namespace

TEST_CASE("a call over two pages asks for each and moves both, one after the other", "[tlm]") {
    Platform p;
    p.initiator.set(tlm::TLM_WRITE_COMMAND, 0x1ff0, 0x30);
    p.initiator.delay = sc_core::sc_time(40, sc_core::SC_NS);
    REQUIRE(p.run() == tlm::TLM_OK_RESPONSE);
    REQUIRE(p.iommu.questions.size() == 2);
    CHECK(p.iommu.questions[0].at == Iova{0x1ff0});
    CHECK(p.iommu.questions[0].bytes == 0x10);
    CHECK(p.iommu.questions[1].at == Iova{0x2000});
    CHECK(p.iommu.questions[1].bytes == 0x20);
    CHECK(p.iommu.questions[1].access == iommu::Access::Write);
    CHECK(p.iommu.questions[1].stream == StreamId{0x300});
    CHECK(p.byte(0x2fef) == 0);
    CHECK(p.byte(0x2ff0) == 0x5a);
    CHECK(p.byte(0x301f) == 0x5a);
    CHECK(p.byte(0x3020) == 0);
    CHECK(p.initiator.over == time_of(40_ns + (p.iommu.hit() + p.memory.latency()) * 2));
}

TEST_CASE("without the extension a call is untranslated and has no PASID; with it, what it says reaches the IOMMU", "[tlm]") {
    Platform p;
    const bool with = GENERATE(false, true);
    p.initiator.set(tlm::TLM_READ_COMMAND, 0x2000, 4);
    p.initiator.said.has_pasid = true;
    p.initiator.said.pasid = Pasid{77};
    p.initiator.said.privileged = true;
    p.initiator.said.bond = BondId{4};
    if (with) p.initiator.call.set_extension(&p.initiator.said);
    REQUIRE(p.run() == tlm::TLM_OK_RESPONSE);
    const iommu::TranslationRequest& asked = p.iommu.questions.at(0);
    CHECK(asked.type == iommu::AddressType::Untranslated);
    CHECK(asked.has_pasid == with);
    CHECK(asked.privileged == with);
    CHECK(asked.pasid == (with ? Pasid{77} : Pasid{}));
    CHECK(asked.bond == (with ? BondId{4} : no_bond));
}

TEST_CASE("an abort on the second page is an address error, and the first page has moved", "[tlm]") {
    Platform p;
    p.iommu.ending = [](const iommu::TranslationRequest& r) { return r.at == Iova{0x2000} ? iommu::Ending::Abort : iommu::Ending::Grant; };
    p.initiator.set(tlm::TLM_WRITE_COMMAND, 0x1ff8, 16);
    CHECK(p.run() == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    CHECK(p.byte(0x2ff8) == 0x5a);
    CHECK(p.byte(0x3000) == 0);
}

TEST_CASE("a terminated read gives zeros and a terminated write is ignored, both without an error", "[tlm]") {
    Platform p;
    p.iommu.ending = [](const iommu::TranslationRequest&) { return iommu::Ending::ReadZero; };
    const bool write = GENERATE(false, true);
    p.initiator.set(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, 0x2000, 8);
    CHECK(p.run() == tlm::TLM_OK_RESPONSE);
    CHECK(p.initiator.data[3] == (write ? 0x5a : 0));
    CHECK(p.byte(0x3003) == 0);
}

TEST_CASE("an address where nothing answers is a generic error; byte enables and short streaming widths are refused", "[tlm]") {
    Platform p;
    p.initiator.set(tlm::TLM_READ_COMMAND, 0x2000, 8);
    unsigned char enables[] = {0xff};
    SECTION("nothing there") {
        p.initiator.call.set_address(0x7fff'0000);
        CHECK(p.run() == tlm::TLM_GENERIC_ERROR_RESPONSE);
    }
    SECTION("byte enables") {
        p.initiator.call.set_byte_enable_ptr(enables);
        p.initiator.call.set_byte_enable_length(1);
        CHECK(p.run() == tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
        CHECK(p.iommu.questions.empty());
    }
    SECTION("streaming") {
        p.initiator.call.set_streaming_width(4);
        CHECK(p.run() == tlm::TLM_BURST_ERROR_RESPONSE);
        CHECK(p.iommu.questions.empty());
    }
}

TEST_CASE("a fence that waits for the accesses in flight passes when the bytes have landed, not before", "[tlm]") {
    Platform p;
    p.initiator.set(tlm::TLM_WRITE_COMMAND, 0x2000, 8);
    std::vector<std::size_t> in_flight;
    p.memory.on_commit = [&](const memory::Request&) { in_flight.push_back(p.iommu.in_flight.inside()); };
    REQUIRE(p.run() == tlm::TLM_OK_RESPONSE);
    CHECK(in_flight == std::vector<std::size_t>{1});
    CHECK(p.iommu.in_flight.inside() == 0);
}
