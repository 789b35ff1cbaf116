// SPDX-License-Identifier: Apache-2.0
/// The data streaming accelerator as software sees it. Bytes of descriptors and completion records are typed from
/// Linux, include/uapi/linux/idxd.h (commit 05909cd9a0c8): flags at line 12, operations at 29, statuses at 50, struct
/// dsa_hw_desc at 86, struct dsa_completion_record behind it; registers from drivers/dma/idxd/registers.h (commit
/// 003e6faf2c8f).
#include "devices/dsa.h"
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

#include <cstring>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::stubs;
using memory::Enqueued;
using sim::Time;

namespace {
constexpr u64 message_address = 0xfee0'0000;
constexpr u8 noop = 0, drain = 2, memmove_op = 3, fill = 4, compare = 5;
constexpr u32 crav = 0x4, rcr = 0x8, rci = 0x10, bof = 0x2;
constexpr u32 enable_device = 1, disable_device = 2, drain_all = 3, enable_wq = 6, disable_wq = 7, drain_pasid = 11,
              abort_pasid = 12;

/// struct dsa_hw_desc, byte by byte.
struct RawDescriptor {
    u8 operation = noop;
    u32 pasid = 0, flags = crav | rcr;
    u64 completion = 0, src = 0, dst = 0;
    u32 size = 0;
    memory::Line line(u32 bond = 1) const {
        memory::Line l;
        const auto put = [&l](unsigned at, u64 value, unsigned bytes) { std::memcpy(&l.bytes[at], &value, bytes); };
        put(0, pasid, 4);
        put(4, flags, 3);
        put(7, operation, 1);
        put(8, completion, 8);
        put(16, src, 8);
        put(24, dst, 8);
        put(32, size, 4);
        l.bond = BondId{bond};
        return l;
    }
};
struct RawRecord {
    u8 status = 0, result = 0;
    u32 bytes = 0;
    u64 fault = 0;
};

struct Pages final : iommu::PageRequestPort {
    std::vector<iommu::PageRequestMessage> asked;
    sim::Task<void> page_request(iommu::PageRequestMessage m) override {
        asked.push_back(m);
        co_return;
    }
};

DsaConfig with_ats(unsigned engines = 4, bool pri = false) {
    DsaConfig c;
    c.engines = engines;
    c.function.atc.present = true;
    c.function.pri.present = pri;
    return c;
}

struct DsaBench : Fabric {
    explicit DsaBench(const DsaConfig& c = {}) : dsa("dsa0", events, root_complex, {}, c, DeviceId{0}) {
        dsa.take_into_service();
        root_complex.set_message_window(Spa{message_address}, 4096);
        root_complex.set_page_requests(&pages);
        memory.on_commit = [this](const memory::Request& r) { messages += r.origin.purpose == memory::Purpose::Msi; };
        ended = events.subscribe<DescriptorEnded>([this](Time now, const DescriptorEnded& e) {
            ends.push_back({now, e});
        });
        if (c.function.atc.present) {
            const u32 ats = dsa.config_space().base_of(pcie::cfg::Capability::Ats);
            dsa.config_space().config_write(ats + 6, 2, 0x8000);
        }
        if (c.function.pri.present) {
            const u32 pri = dsa.config_space().base_of(pcie::cfg::Capability::Pri);
            dsa.config_space().config_write(pri + 12, 4, 32);
            dsa.config_space().config_write(pri + 4, 2, 1);
        }
    }
    ~DsaBench() { calendar.shutdown(); }
    void write(u64 offset, unsigned size, u64 value) {
        sim::start(dsa.bar().mmio_write(offset, size, value));
        run(1_us);
    }
    u64 read(u64 offset, unsigned size) {
        Time end;
        u64 value = 0;
        sim::start(timed(dsa.bar().mmio_read(offset, size), end, value));
        while (end == Time{}) run(100_ns);
        return value;
    }
    void begin_command(u32 code, u32 operand) { write(0xa0, 4, code << 20 | operand | 1u << 31); }
    u32 status() { return static_cast<u32>(read(0xa8, 4)); }
    /// -> the error.
    u32 command(u32 code, u32 operand = 0) {
        begin_command(code, operand);
        while ((status() >> 31) != 0) run(1_us);
        return status() & 0xff;
    }
    /// union wqcfg: size, threshold; mode, bof, priority, PASID and its enable; max_xfer_shift.
    void set_queue(unsigned n, u32 size, u32 threshold, bool dedicated, u32 pasid = 0, bool block = true) {
        const u64 at = 0x500 + n * 32;
        write(at, 4, size);
        write(at + 4, 4, threshold);
        write(at + 8, 4, u32{dedicated} | u32{block} << 1 | 5u << 4 | pasid << 8 | u32{dedicated} << 28);
        write(at + 12, 4, 21);
    }
    /// Queue 0: shared.
    void ready(u32 size = 8, u32 threshold = 8) {
        set_queue(0, size, threshold, false);
        REQUIRE(command(enable_device) == 0);
        REQUIRE(command(enable_wq, 0) == 0);
    }
    Enqueued enqueue(const memory::Line& line, unsigned queue = 0) {
        Time end;
        Enqueued answer{};
        sim::start(timed(dsa.bar().enqueue(0x8000 + queue * 4096, line), end, answer));
        while (end == Time{}) run(10_ns);
        return answer;
    }
    RawRecord record(u64 offset) {
        const u64 a = word(offset), b = word(offset + 8);
        return {static_cast<u8>(a), static_cast<u8>(a >> 8), static_cast<u32>(a >> 32), b};
    }
    void fill_memory(u64 offset, u64 bytes, u64 seed) {
        for (u64 i = 0; i < bytes; i += 8) memory.poke64(Spa{offset + i}, seed * 0x0101'0101'0101'0101 + i);
    }
    RawDescriptor move(u32 pasid, u64 src, u64 dst, u32 size, u64 record) const {
        return {memmove_op, pasid, crav | rcr, high + record, high + src, high + dst, size};
    }
    Pages pages;
    Dsa dsa;
    unsigned messages = 0;
    std::vector<std::pair<Time, DescriptorEnded>> ends;
    base::Subscription ended;
};
} // namespace

TEST_CASE("a descriptor's bytes are those of struct dsa_hw_desc", "[devices][golden]") {
    using dsa::Descriptor;
    const memory::Line raw =
        RawDescriptor{memmove_op, 0xabcde, crav | rcr | bof, 0x1122334455667740, 0x1000, 0x2040, 0x1234}.line();
    Descriptor d;
    d.set(Descriptor::PASID, Pasid{0xabcde})
        .set(Descriptor::OPERATION, dsa::Operation::Move)
        .set(Descriptor::BOF, true);
    d.set(Descriptor::CRAV, true).set(Descriptor::RCR, true).set(Descriptor::COMPLETION, Iova{0x1122334455667740});
    d.set(Descriptor::SRC, Iova{0x1000}).set(Descriptor::DST, Iova{0x2040}).set(Descriptor::SIZE, 0x1234);
    CHECK(d.to_bytes() == raw.bytes);
    CHECK(d.flags() == 0xe);
}

TEST_CASE("a completion record's bytes are those of struct dsa_completion_record", "[devices][golden]") {
    using dsa::CompletionRecord;
    CompletionRecord r;
    r.set(CompletionRecord::STATUS, dsa::Status::PageFault)
        .set(CompletionRecord::WRITE, true)
        .set(CompletionRecord::RESULT, 1);
    r.set(CompletionRecord::BYTES_COMPLETED, 0x11223344).set(CompletionRecord::FAULT_ADDR, Iova{0x5566'7788'99aa'b000});
    r.set(CompletionRecord::INVALID_FLAGS, 0xabcdef);
    CHECK(r.word(0) == 0x1122'3344'0000'0183);
    CHECK(r.word(1) == 0x5566'7788'99aa'b000);
    CHECK(r.word(2) == 0xab'cdef);
    CHECK(r.word(3) == 0);
}

TEST_CASE("the capabilities are where the kernel reads them", "[devices]") {
    DsaBench b;
    CHECK(b.read(0x10, 8) ==
          (u64{1} | 1u << 4 | 21u << 16 | u64{1} << 31)); // block_on_fault, cmd_cap, max_xfer_shift, config_en
    CHECK(b.read(0x20, 8) == (u64{128} | u64{8} << 16 | u64{1} << 48 | u64{1} << 49 | u64{1} << 51 | u64{1} << 52));
    CHECK(b.read(0x38, 8) == 4);
    CHECK(b.read(0x40, 8) == 0x3d);
    CHECK((b.read(0x60, 8) >> 16 & 0xffff) * 0x100 == 0x500);
}

TEST_CASE("a move copies memory over page boundaries and then writes its completion record", "[devices]") {
    const bool ats = GENERATE(false, true);
    DsaBench b(ats ? with_ats() : DsaConfig{});
    b.ready();
    b.fill_memory(0x4000, 0x4000, 3);
    REQUIRE(b.enqueue(b.move(5, 0x4100, 0x10200, 0x3000, 0x20000).line()) == Enqueued::Accepted);
    b.run(40_us);
    const RawRecord r = b.record(0x20000);
    CHECK(r.status == 1);
    CHECK(r.bytes == 0x3000);
    u64 different = 0;
    for (u64 i = 0; i < 0x3000; i += 8) different += b.word(0x10200 + i) != b.word(0x4100 + i);
    CHECK(different == 0);
    CHECK(b.word(0x10200 + 0x3000) == 0);
    REQUIRE(b.ends.size() == 1);
    CHECK(b.ends[0].second.record == RecordFate::Written);
}

TEST_CASE("every access of a descriptor has the PASID that came with it, and its bond", "[devices]") {
    DsaBench b;
    b.iommu.keep_questions = true;
    b.ready();
    b.enqueue(b.move(0x12345, 0x4000, 0x10000, 4096, 0x20000).line(42));
    b.run(20_us);
    REQUIRE(b.iommu.questions.size() > 8);
    for (const auto& q : b.iommu.questions) {
        CHECK((q.has_pasid && q.pasid == Pasid{0x12345}));
        CHECK(q.bond == BondId{42});
    }
}

TEST_CASE("a fill writes its pattern from the first byte on, at any address", "[devices]") {
    DsaBench b;
    b.ready();
    RawDescriptor d = b.move(5, 0, 0x10ffd, 4100, 0x20000);
    d.operation = fill;
    d.src = 0x8877665544332211;
    b.enqueue(d.line());
    b.run(30_us);
    CHECK(b.record(0x20000).status == 1);
    unsigned wrong = 0;
    for (u64 i = 0; i < 4100; ++i) {
        const u64 at = 0x10ffd + i;
        wrong += (b.word(at & ~u64{7}) >> at % 8 * 8 & 0xff) != 0x11 * (i % 8 + 1);
    }
    CHECK(wrong == 0);
}

TEST_CASE("a compare says where the first difference is", "[devices]") {
    const bool same = GENERATE(true, false);
    DsaBench b;
    b.ready();
    b.fill_memory(0x4000, 0x3000, 3);
    b.fill_memory(0x10000, 0x3000, 3);
    if (!same) b.memory.poke64(Spa{0x10000 + 0x1800}, ~u64{0});
    RawDescriptor d = b.move(5, 0x4000, 0x10000, 0x3000, 0x20000);
    d.operation = compare;
    b.enqueue(d.line());
    b.run(30_us);
    CHECK(b.record(0x20000).status == 1);
    CHECK(b.record(0x20000).result == (same ? 0 : 1));
    CHECK(b.record(0x20000).bytes == (same ? 0x3000u : 0x1800u));
}

TEST_CASE("what a descriptor may not say ends it with the kernel's status", "[devices]") {
    struct Row {
        const char* what;
        void (*change)(RawDescriptor&);
        u8 status;
    };
    const Row row = GENERATE(Row{"operation", [](RawDescriptor& d) { d.operation = 0x20; }, 0x10},
                             Row{"batch", [](RawDescriptor& d) { d.operation = 1; }, 0x10},
                             Row{"a user's interrupt", [](RawDescriptor& d) { d.flags |= rci; }, 0x11},
                             Row{"no bytes", [](RawDescriptor& d) { d.size = 0; }, 0x13},
                             Row{"too many bytes", [](RawDescriptor& d) { d.size = (1u << 21) + 1; }, 0x13},
                             Row{"overlap", [](RawDescriptor& d) { d.dst = d.src + 8; }, 0x16},
                             Row{"privilege", [](RawDescriptor& d) { d.pasid |= 1u << 31; }, 0x1d});
    INFO(row.what);
    DsaBench b;
    b.ready();
    RawDescriptor d = b.move(5, 0x4000, 0x10000, 64, 0x20000);
    row.change(d);
    b.enqueue(d.line());
    b.run(10_us);
    CHECK(b.record(0x20000).status == row.status);
}

TEST_CASE("a shared queue that is full to its threshold answers Retry, and takes more when an engine has taken one",
          "[devices]") {
    DsaBench b(with_ats(1));
    b.ready(8, 3);
    const auto line = b.move(5, 0x4000, 0x10000, 0x8000, 0x20000).line();
    unsigned accepted = 0;
    while (b.enqueue(line) == Enqueued::Accepted) ++accepted;
    CHECK(accepted >= 4); // one in the engine, three in the queue
    CHECK(b.dsa.occupancy(0) == 3);
    CHECK((b.read(0x500 + 24, 4) & 0xffff) == 3); // wqcfg: occupancy
    b.run(500_us);
    CHECK(b.dsa.inside() == 0);
    CHECK(b.enqueue(line) == Enqueued::Accepted);
}

TEST_CASE("a dedicated queue takes posted descriptors with the PASID of its setting, and no ENQCMD", "[devices]") {
    DsaBench b;
    b.iommu.keep_questions = true;
    b.set_queue(1, 4, 0, true, 0x777);
    REQUIRE(b.command(enable_device) == 0);
    REQUIRE(b.command(enable_wq, 1) == 0);
    const auto line = b.move(5, 0x4000, 0x10000, 64, 0x20000).line();
    CHECK(b.enqueue(line, 1) == Enqueued::Retry);
    sim::start(b.dsa.bar().write_line(0x8000 + 4096 + 64, line));
    b.run(10_us);
    CHECK(b.record(0x20000).status == 1);
    REQUIRE(!b.iommu.questions.empty());
    for (const auto& q : b.iommu.questions) CHECK(q.pasid == Pasid{0x777});
}

TEST_CASE("a queue that is not enabled takes nothing", "[devices]") {
    DsaBench b;
    b.set_queue(0, 8, 8, false);
    const auto line = b.move(5, 0x4000, 0x10000, 64, 0x20000).line();
    CHECK(b.enqueue(line) == Enqueued::Retry);
    b.ready();
    CHECK(b.enqueue(line) == Enqueued::Accepted);
    CHECK(b.command(disable_wq, 1) == 0);
    CHECK(b.enqueue(line) == Enqueued::Retry);
}

TEST_CASE("a page without a translation ends a descriptor in part, with the address and how far it came", "[devices]") {
    const bool write = GENERATE(false, true);
    DsaBench b(with_ats());
    b.ready();
    const u64 missing = write ? 0x12 : 0x6;
    b.iommu.adjust = [missing](const iommu::TranslationRequest& q, iommu::Translation& t) {
        if (q.at.page_number() == (high >> page_shift) + missing) t.may = {};
    };
    b.enqueue(b.move(5, 0x4000, 0x10000, 0x4000, 0x20000).line());
    b.run(40_us);
    const RawRecord r = b.record(0x20000);
    CHECK(r.status == (write ? 0x83 : 0x03));
    CHECK(r.bytes == 0x2000);
    CHECK(r.fault == high + (missing << page_shift));
    CHECK(b.ends.at(0).second.bytes == 0x2000);
}

TEST_CASE("a completion record that has no page is lost, and the driver hears of it", "[devices]") {
    DsaBench b(with_ats());
    b.ready();
    b.write(0x300, 8, message_address);
    b.write(0x88, 4, 1);
    b.iommu.adjust = [](const iommu::TranslationRequest&, iommu::Translation& t) { t.may = {}; };
    b.enqueue(b.move(0x55, 0x4000, 0x10000, 64, 0x20040).line());
    b.run(20_us);
    CHECK(b.record(0x20040).status == 0);
    CHECK(b.ends.at(0).second.record == RecordFate::Lost);
    const u64 error = b.read(0xc0, 8);
    CHECK((error & 0xf) == 0xd);        // valid, descriptor and queue known, nothing overflowed
    CHECK((error >> 8 & 0xff) == 0x1a); // DSA_COMP_CRA_XLAT
    CHECK((error >> 32 & 0xff) == memmove_op);
    CHECK((error >> 40 & 0xfffff) == 0x55);
    CHECK(b.read(0xd0, 8) == high + 0x20040);
    CHECK((b.read(0x98, 4) & 1) == 1);
    CHECK(b.messages == 1);
    b.enqueue(b.move(0x55, 0x4000, 0x10000, 64, 0x20040).line());
    b.run(20_us);
    CHECK((b.read(0xc0, 8) & 3) == 3); // a second one overflows
    b.write(0xc0, 8, 3);
    CHECK((b.read(0xc0, 8) & 3) == 0);
}

TEST_CASE("with block on fault an engine waits for the page and does nothing else meanwhile", "[devices]") {
    DsaBench b(with_ats(1, true));
    b.ready();
    bool there = false;
    b.iommu.adjust = [&there](const iommu::TranslationRequest& q, iommu::Translation& t) {
        if (!there && q.at.page_number() == (high >> page_shift) + 4) t.may = {};
    };
    RawDescriptor blocked = b.move(5, 0x4000, 0x10000, 64, 0x20000);
    blocked.flags |= bof;
    b.enqueue(blocked.line());
    b.enqueue(b.move(6, 0x8000, 0x14000, 64, 0x20020).line());
    b.run(50_us);
    REQUIRE(b.pages.asked.size() == 1);
    CHECK(b.pages.asked[0].pasid == Pasid{5});
    CHECK(b.ends.empty()); // neither: there is one engine
    there = true;
    iommu::PageGroupResponse answer;
    answer.stream = b.dsa.stream();
    answer.has_pasid = true;
    answer.pasid = Pasid{5};
    answer.group = b.pages.asked[0].group;
    answer.code = iommu::PageResponseCode::Success;
    sim::start(b.root_complex.respond(answer));
    b.run(20_us);
    REQUIRE(b.ends.size() == 2);
    CHECK(b.ends[0].second.pasid == Pasid{5});
    CHECK(b.record(0x20000).status == 1);
    CHECK(b.record(0x20020).status == 1);
}

TEST_CASE("a descriptor without the flag does not wait for its page though the device could", "[devices]") {
    DsaBench b(with_ats(1, true));
    b.ready();
    b.iommu.adjust = [](const iommu::TranslationRequest& q, iommu::Translation& t) {
        if (q.at.page_number() == (high >> page_shift) + 4) t.may = {};
    };
    b.enqueue(b.move(5, 0x4000, 0x10000, 64, 0x20000).line());
    b.run(20_us);
    CHECK(b.pages.asked.empty());
    CHECK(b.record(0x20000).status == 3);
}

TEST_CASE("DRAIN_PASID waits for that PASID's descriptors and for no other's", "[devices]") {
    DsaBench b(with_ats(2));
    b.ready();
    b.enqueue(b.move(5, 0x4000, 0x10000, 0x1000, 0x20000).line());
    b.enqueue(b.move(6, 0x40000, 0x80000, 0x20000, 0x20020).line());
    b.begin_command(drain_pasid, 5);
    while ((b.status() >> 31) != 0) b.run(100_ns);
    CHECK(b.record(0x20000).status == 1);
    CHECK(b.record(0x20020).status == 0);
    CHECK(b.dsa.inside() == 1);
    CHECK(b.command(drain_pasid, 6) == 0);
    CHECK(b.record(0x20020).status == 1);
    CHECK(b.dsa.inside() == 0);
}

TEST_CASE("a drain goes on for its drain time when nothing is left to wait for, an abort does not", "[devices]") {
    DsaConfig c = with_ats(2);
    c.drain_time = base::Spread{base::Spread::Shape::Uniform, 200_us, 210_us};
    DsaBench b(c);
    b.ready();
    std::vector<sim::Duration> taken;
    auto token = b.events.subscribe<base::Span>([&](Time now, const base::Span& s) {
        if (s.phase == base::Name{"device-drain"}) taken.push_back(now - s.start);
    });
    CHECK(b.command(drain_pasid, 5) == 0);
    CHECK(b.command(abort_pasid, 5) == 0);
    REQUIRE(taken.size() == 2);
    CHECK(taken[0] >= 200_us + c.command.get());
    CHECK(taken[0] <= 210_us + c.command.get());
    CHECK(taken[1] == c.command.get());
}

TEST_CASE("ABORT_PASID takes that PASID's descriptors away, without completion records", "[devices]") {
    DsaBench b(with_ats(1));
    b.ready();
    b.enqueue(b.move(5, 0x40000, 0x80000, 0x20000, 0x20000).line());
    b.enqueue(b.move(5, 0x4000, 0x10000, 64, 0x20020).line());
    b.enqueue(b.move(6, 0x4000, 0x10000, 64, 0x20040).line());
    CHECK(b.command(abort_pasid, 5) == 0);
    b.run(20_us);
    CHECK(b.record(0x20000).status == 0);
    CHECK(b.record(0x20020).status == 0);
    CHECK(b.record(0x20040).status == 1);
    CHECK(b.ends.size() == 3);
    CHECK(b.dsa.inside() == 0);
}

TEST_CASE("a DRAIN descriptor ends after every descriptor of its PASID before it", "[devices]") {
    DsaBench b(with_ats(4));
    b.ready();
    b.enqueue(b.move(5, 0x40000, 0x80000, 0x8000, 0x20000).line());
    RawDescriptor d;
    d.operation = drain;
    d.pasid = 5;
    d.completion = high + 0x20020;
    b.enqueue(d.line());
    b.run(200_us);
    REQUIRE(b.ends.size() == 2);
    CHECK(b.ends[0].second.operation == memmove_op);
    CHECK(b.ends[1].second.operation == drain);
    CHECK(b.record(0x20020).status == 1);
}

TEST_CASE("one command is active at a time: one that is written meanwhile has no effect", "[devices]") {
    DsaBench b(with_ats(1));
    b.ready();
    b.enqueue(b.move(5, 0x40000, 0x80000, 0x20000, 0x20000).line());
    b.begin_command(drain_pasid, 5);
    REQUIRE((b.status() >> 31) == 1);
    b.begin_command(disable_device, 0);
    CHECK(b.dsa.refused_commands() == 1);
    while ((b.status() >> 31) != 0) b.run(1_us);
    CHECK((b.read(0x90, 4) & 3) == 1); // still enabled
}

TEST_CASE("commands that the device's state does not allow end with the kernel's error codes", "[devices]") {
    DsaBench b;
    CHECK(b.command(enable_wq, 0) == 0x20); // IDXD_CMDSTS_ERR_DEV_NOTEN
    CHECK(b.command(drain_all) == 0x31);
    CHECK(b.command(enable_device) == 0);
    CHECK(b.command(enable_device) == 0x10);
    CHECK(b.command(enable_wq, 0) == 0x22); // no size
    CHECK(b.command(enable_wq, 9) == 0x02);
    CHECK(b.command(disable_wq, 1) == 0x32);
    CHECK(b.command(31) == 0x01);
}

TEST_CASE("after a function-level reset nothing is inside and nothing is enabled", "[devices]") {
    DsaBench b(with_ats());
    b.ready();
    b.enqueue(b.move(5, 0x40000, 0x80000, 0x20000, 0x20000).line());
    const u32 express = b.dsa.config_space().base_of(pcie::cfg::Capability::PciExpress);
    b.dsa.config_space().config_write(express + 8, 2, 0x8000); // DevCtl, Initiate FLR
    CHECK(b.dsa.inside() == 0);
    b.run(100_us);
    CHECK(b.record(0x20000).status == 0);
    b.dsa.take_into_service();
    CHECK((b.read(0x90, 4) & 3) == 0);
    CHECK((b.read(0x500, 4)) == 0);
}
