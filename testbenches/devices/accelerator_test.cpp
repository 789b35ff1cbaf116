// SPDX-License-Identifier: Apache-2.0
/// The accelerator as its driver sees it: through registers, interrupts and memory.
#include "devices/accelerator.h"
#include "pcie/support/fabric.h"
#include "support/fresh_kernel.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::devices::accelerator;
using namespace quiesce::stubs;
using sim::Time;

namespace {
constexpr u64 message_address = 0xfee0'0000;

struct AcceleratorBench : Fabric {
    explicit AcceleratorBench(const AcceleratorConfig& c = {}) : settings(c), acc("acc0", events, root_complex, {}, c, DeviceId{0}, 1) {
        acc.take_into_service();
        root_complex.set_message_window(Spa{message_address}, 4096);
        memory.on_commit = [this](const memory::Request& r) {
            if (r.origin.purpose != memory::Purpose::Msi) return;
            u32 data = 0;
            std::memcpy(&data, r.data, sizeof data);
            messages.push_back({sim::now(), data});
        };
        issued = events.subscribe<DmaIssued>([this](Time now, const DmaIssued& e) { (e.bytes != 0 ? last_issue : last_flush) = now; });
    }
    ~AcceleratorBench() { calendar.shutdown(); }

    void write(u64 offset, unsigned size, u64 value) {
        sim::start(acc.bar().mmio_write(offset, size, value));
        run(1_us);
    }
    template <class R> void write(R value) { write(R::offset, sizeof(typename R::Value), value.value()); }
    template <class R> R read() {
        Time end;
        u64 value = 0;
        sim::start(timed(acc.bar().mmio_read(R::offset, sizeof(typename R::Value)), end, value));
        while (end == Time{}) run(100_ns);
        return R::of(static_cast<typename R::Value>(value));
    }
    State status() { return read<Q_STATUS>().get(Q_STATUS::STATE); }
    void select(u64 queue) { write(QUEUE_SELECT{}.set(QUEUE_SELECT::QUEUE, queue)); }
    void describe(Direction d, u32 pasid, u32 tag, u64 base, u64 length, u32 every_ns) {
        write(Q_PASID{}.set(Q_PASID::PASID, Pasid{pasid}).set(Q_PASID::VALID, true));
        write(Q_WORK_TAG{}.set(Q_WORK_TAG::TAG, BondId{tag}));
        write(Q_BASE{}.set(Q_BASE::BASE, at(base)));
        write(Q_LENGTH::of(length));
        write(Q_MODE{}.set(Q_MODE::DIRECTION, d).set(Q_MODE::READS, 50));
        write(Q_RATE::of(every_ns));
    }
    pcie::ConfigSpace& config_space() { return acc.config_space(); }
    /// Software's write of ATS control's upper byte, which has E.
    void write_ats(bool on) {
        const u32 control = config_space().base_of(pcie::cfg::Capability::Ats) + 6;
        config_space().config_write(control + 1, 1, on ? 0x80 : 0);
    }
    void command(const Q_CTRL::F<bool>& what) { write(Q_CTRL{}.set(what, true)); }
    void enable_messages() {
        write(MSI_ADDR{}.set(MSI_ADDR::ADDR, message_address));
        write(MSI_DATA::of(0x77));
        write(INT_ENABLE{}.set(INT_ENABLE::STOPPED, true).set(INT_ENABLE::DONE, true));
    }

    AcceleratorConfig settings;
    Accelerator acc;
    std::vector<std::pair<Time, u32>> messages;
    Time last_issue, last_flush;
    base::Subscription issued;
};
AcceleratorConfig stopping_in(sim::Duration d, bool dma = true) {
    AcceleratorConfig c;
    c.work.stop_time = d;
    c.work.dma_while_stopping = dma;
    return c;
}
} // namespace

TEST_CASE("a doorbell starts the work that the queue's registers describe, with its PASID and work tag", "[devices]") {
    AcceleratorBench b;
    b.iommu.keep_questions = true;
    b.select(3);
    b.describe(Direction::Write, 0x12345, 42, 0x4000, 8192, 500);
    CHECK(b.status() == State::Idle);
    CHECK(b.iommu.questions.empty());
    b.command(Q_CTRL::DOORBELL);
    b.run(10_us);
    CHECK(b.status() == State::Running);
    REQUIRE(b.iommu.questions.size() > 15);
    for (const auto& q : b.iommu.questions) {
        CHECK(q.pasid == Pasid{0x12345});
        CHECK(q.has_pasid);
        CHECK(q.bond == BondId{42});
        CHECK(q.access == iommu::Access::Write);
        CHECK(q.bytes == 256); // request_size
        CHECK((q.at >= b.at(0x4000) && q.at < b.at(0x6000)));
    }
    CHECK(b.read<Q_ISSUED>().value() >= b.iommu.questions.size());
    CHECK(b.read<Q_COMPLETED>().value() > 15 * 256);
}

TEST_CASE("each queue keeps its own settings; a number without a queue shows nothing", "[devices]") {
    AcceleratorBench b;
    b.select(0);
    b.describe(Direction::Read, 1, 10, 0, 4096, 0);
    b.select(1);
    CHECK(b.read<Q_PASID>().value() == 0);
    b.describe(Direction::Read, 2, 20, 0x1000, 8192, 0);
    b.select(0);
    CHECK(b.read<Q_WORK_TAG>().value() == 10);
    CHECK(b.read<Q_LENGTH>().value() == 4096);
    b.select(1);
    CHECK(b.read<Q_WORK_TAG>().value() == 20);
    b.select(200);
    b.write(Q_LENGTH::of(5));
    CHECK(b.read<Q_LENGTH>().value() == 0);
    b.command(Q_CTRL::DOORBELL);
    CHECK(b.last_issue == Time{});
    CHECK(b.read<DEV_CAP>().get(DEV_CAP::QUEUES) == b.settings.work.queues.get());
}

TEST_CASE("finite work ends by itself and says so", "[devices]") {
    AcceleratorBench b;
    b.enable_messages();
    b.select(2);
    b.describe(Direction::Read, 1, 1, 0, 4096, 0);
    b.write(Q_SIZE{}.set(Q_SIZE::MIN, 64));
    b.write(Q_COUNT::of(20));
    b.command(Q_CTRL::DOORBELL);
    b.run(10_us);
    CHECK(b.status() == State::Idle);
    CHECK(b.read<Q_COMPLETED>().value() == 20 * 64);
    CHECK(b.read<INT_DONE>().value() == 1u << 2);
    REQUIRE(b.messages.size() == 1);
    CHECK(b.messages[0].second == 0x77);
    b.write(INT_DONE::of(1u << 2));
    CHECK(b.read<INT_DONE>().value() == 0);
}

TEST_CASE("a queue that reports Stopped has nothing outstanding and issues nothing more", "[devices]") {
    const bool while_stopping = GENERATE(true, false);
    const Direction d = GENERATE(Direction::Read, Direction::Write, Direction::Mixed);
    const u32 every = GENERATE(0u, 300u);
    AcceleratorBench b{stopping_in(20_us, while_stopping)};
    b.iommu.slow_pages[b.at(0x1000).page_number()] = 700_ns;
    b.enable_messages();
    b.select(0);
    b.describe(d, 5, 6, 0, 0x4000, every);
    b.command(Q_CTRL::DOORBELL);
    b.run(15_us);
    Time commanded, stopped_at;
    std::size_t inside = 99;
    auto states = b.events.subscribe<QueueState>([&](Time now, const QueueState& e) {
        CHECK(e.bond == BondId{6});
        CHECK(e.queue == base::Name{"acc0.q0"});
        if (e.state == base::Name{"stopping"}) commanded = now;
        if (e.state != base::Name{"stopped"}) return;
        stopped_at = now;
        inside = b.acc.port().posted_inside() + b.iommu.in_flight.inside() + b.acc.tags().used() + b.acc.queues().engine(0).outstanding();
    });
    b.command(Q_CTRL::STOP);
    CHECK(b.status() == State::Stopping);
    b.run(50_us);
    CHECK(b.status() == State::Stopped);
    CHECK(inside == 0);
    CHECK(stopped_at - commanded >= 20_us);
    CHECK(b.last_issue < stopped_at);
    if (while_stopping) CHECK(b.last_issue - commanded > 19_us);
    else CHECK(b.last_issue <= commanded);
    CHECK((b.last_flush != Time{}) == (d != Direction::Read)); // a zero-length read pushes the writes, if there were any
    REQUIRE(b.messages.size() == 1);
    CHECK(b.messages[0].first > stopped_at);
    CHECK(b.read<INT_STOPPED>().value() == 1);
}

TEST_CASE("the stop is a span of the device, of the bond, with an id to refer to", "[devices]") {
    AcceleratorBench b{stopping_in(4_us)};
    std::vector<std::pair<Time, base::Span>> spans;
    auto token = b.events.subscribe<base::Span>([&](Time now, const base::Span& s) { spans.push_back({now, s}); });
    b.select(0);
    b.describe(Direction::Read, 5, 6, 0, 0x4000, 100);
    b.command(Q_CTRL::DOORBELL);
    CHECK(b.acc.queues().last_stop_span() == 0);
    b.command(Q_CTRL::STOP);
    b.run(20_us);
    REQUIRE(spans.size() == 1);
    const auto& [end, span] = spans[0];
    CHECK(span.actor == base::Name{"acc0"});
    CHECK(span.phase == base::Name{"device-drain"});
    CHECK(span.bond == BondId{6});
    CHECK(span.id == b.acc.queues().last_stop_span());
    CHECK(span.id == b.acc.queues().last_stop_span(0));
    CHECK(end - span.start >= 4_us);
    CHECK(end - span.start < 5_us);
}

TEST_CASE("a stop time is drawn from its interval", "[devices]") {
    AcceleratorConfig c = stopping_in(2_us);
    c.work.stop_time_max = 8_us;
    AcceleratorBench b{c};
    std::vector<sim::Duration> taken;
    auto token = b.events.subscribe<base::Span>([&](Time now, const base::Span& s) { taken.push_back(now - s.start); });
    b.select(0);
    b.describe(Direction::Read, 5, 6, 0, 0x4000, 1000);
    for (int i = 0; i < 12; ++i) {
        b.command(Q_CTRL::DOORBELL);
        b.command(Q_CTRL::STOP);
        b.run(12_us);
    }
    REQUIRE(taken.size() == 12);
    for (const auto t : taken) CHECK((t >= 2_us && t < 9_us));
    CHECK(*std::max_element(taken.begin(), taken.end()) - *std::min_element(taken.begin(), taken.end()) > 1_us);
}

TEST_CASE("a stop time of two modes is now the one, now the other", "[devices]") {
    AcceleratorConfig c;
    c.work.stop_time = base::Spread{base::Spread::Shape::Bimodal, 2_us, 40_us, 3};
    AcceleratorBench b{c};
    std::vector<sim::Duration> taken;
    auto token = b.events.subscribe<base::Span>([&](Time now, const base::Span& s) { taken.push_back(now - s.start); });
    b.select(0);
    b.describe(Direction::Read, 5, 6, 0, 0x4000, 1000);
    for (int i = 0; i < 24; ++i) {
        b.command(Q_CTRL::DOORBELL);
        b.command(Q_CTRL::STOP);
        b.run(50_us);
    }
    REQUIRE(taken.size() == 24);
    const auto between = [&](sim::Duration low, sim::Duration high) {
        return std::count_if(taken.begin(), taken.end(), [&](sim::Duration t) { return t >= low && t < high; });
    };
    const auto usual = between(2_us, 3_us), rare = between(40_us, 41_us);
    CHECK(usual + rare == 24);
    CHECK(usual > 2);
    CHECK(rare > 2);
}

TEST_CASE("a queue's stop times are its own, in whatever order the queues are stopped", "[devices]") {
    const auto taken = [](std::vector<unsigned> order) {
        AcceleratorConfig c;
        c.work.stop_time = base::Spread{base::Spread::Shape::Uniform, 2_us, 400_us};
        testbench::fresh_kernel();
        AcceleratorBench b{c};
        std::map<unsigned, std::vector<sim::Duration>> by_queue;
        unsigned stopping = 0;
        auto token = b.events.subscribe<base::Span>([&](Time now, const base::Span& s) { by_queue[stopping].push_back(now - s.start); });
        for (const unsigned queue : order) {
            b.select(stopping = queue);
            b.describe(Direction::Read, 5, 6, 0, 0x4000, 1000);
            b.command(Q_CTRL::DOORBELL);
            b.command(Q_CTRL::STOP);
            b.run(500_us);
        }
        return by_queue;
    };
    const auto once = taken({0, 1, 2, 0, 1, 2}), otherwise = taken({2, 2, 0, 1, 1, 0, 3});
    for (unsigned queue = 0; queue < 3; ++queue) {
        REQUIRE(once.at(queue).size() == 2);
        for (std::size_t k = 0; k < 2; ++k) // what is outstanding when the time is over takes longer or shorter
            CHECK(std::abs((once.at(queue)[k] - otherwise.at(queue)[k]).ps()) < (2_us).ps());
    }
    CHECK(std::abs((once.at(0)[0] - once.at(1)[0]).ps()) > (2_us).ps());
}

TEST_CASE("ABORT cuts the stop time short, but not the order: Stopped still means nothing outstanding", "[devices]") {
    AcceleratorBench b{stopping_in(50_ms)};
    b.select(0);
    b.describe(Direction::Mixed, 5, 6, 0, 0x4000, 0);
    b.command(Q_CTRL::DOORBELL);
    b.run(10_us);
    SECTION("instead of STOP") {
    }
    SECTION("after STOP") {
        b.command(Q_CTRL::STOP);
        b.run(10_us);
        CHECK(b.status() == State::Stopping);
    }
    b.command(Q_CTRL::ABORT);
    b.run(5_us);
    CHECK(b.status() == State::Stopped);
    CHECK(b.acc.queues().engine(0).outstanding() == 0);
    CHECK(b.acc.port().posted_inside() == 0);
}

TEST_CASE("stopping one queue leaves the others running", "[devices]") {
    AcceleratorBench b{stopping_in(1_us)};
    for (u32 q = 0; q < 2; ++q) {
        b.select(q);
        b.describe(Direction::Mixed, q + 1, q + 1, q * 0x4000, 0x4000, 100);
        b.command(Q_CTRL::DOORBELL);
    }
    b.select(0);
    b.command(Q_CTRL::STOP);
    b.run(10_us);
    CHECK(b.status() == State::Stopped);
    CHECK(b.acc.queues().state(1) == State::Running);
    u64 of_first = 0, of_second = 0;
    auto token = b.events.subscribe<DmaIssued>([&](Time, const DmaIssued& e) { ++(e.bond == BondId{1} ? of_first : of_second); });
    b.run(10_us);
    CHECK(of_first == 0);
    CHECK(of_second > 50);
}

TEST_CASE("a queue whose process was killed keeps trying, paced, until it is stopped", "[devices]") {
    AcceleratorBench b{stopping_in(30_us)};
    b.select(0);
    b.describe(Direction::Read, 5, 6, 0, 0x4000, 200);
    b.command(Q_CTRL::DOORBELL);
    b.run(10_us);
    b.iommu.ending = [](const auto&) { return iommu::Ending::Abort; };
    b.run(20_us);
    const u64 errors = b.read<Q_ERRORS>().value();
    CHECK(errors > 8);
    CHECK(b.status() == State::Running);
    CHECK(b.read<Q_STATUS>().get(Q_STATUS::ERROR));
    b.command(Q_CTRL::STOP);
    b.run(25_us);
    CHECK(b.read<Q_ERRORS>().value() > errors + 8); // still trying while it stops
    b.run(10_us);
    CHECK(b.status() == State::Stopped);
    const u64 at_the_end = b.read<Q_ERRORS>().value();
    b.run(20_us);
    CHECK(b.read<Q_ERRORS>().value() == at_the_end);
}

TEST_CASE("commands that the state does not allow change nothing and are counted", "[devices]") {
    AcceleratorBench b{stopping_in(20_us)};
    b.select(0);
    b.command(Q_CTRL::DOORBELL); // no length
    CHECK(b.status() == State::Idle);
    CHECK(b.read<Q_STATUS>().get(Q_STATUS::ERROR));
    b.describe(Direction::Read, 5, 6, 0, 0x4000, 200);
    b.command(Q_CTRL::DOORBELL);
    b.command(Q_CTRL::DOORBELL);
    CHECK(b.acc.queues().refused_commands() == 2);
    b.command(Q_CTRL::STOP);
    b.command(Q_CTRL::STOP);
    b.command(Q_CTRL::DOORBELL);
    CHECK(b.acc.queues().refused_commands() == 4);
    CHECK(b.status() == State::Stopping);
    b.run(30_us);
    CHECK(b.status() == State::Stopped);
    b.command(Q_CTRL::DOORBELL);
    CHECK(b.status() == State::Running);
}

TEST_CASE("a queue that never worked stops at once", "[devices]") {
    AcceleratorBench b{stopping_in(50_ms)};
    b.select(1);
    b.command(Q_CTRL::STOP);
    CHECK(b.status() == State::Stopped);
    CHECK(b.last_flush == Time{});
}

TEST_CASE("state machine of a queue: exactly the listed arrows exist", "[devices]") {
    unsigned legal = 0;
    base::for_each_pair(queue_arrows, [&](State from, QueueEvent e, std::optional<State> to) {
        legal += to.has_value();
        if (e == QueueEvent::Reset) CHECK(to == State::Idle);
        else if (from == State::Stopped) CHECK(to.has_value() == (e == QueueEvent::Doorbell));
        else if (from == State::Stopping) CHECK(to.has_value() == (e == QueueEvent::Abort || e == QueueEvent::Drained));
    });
    CHECK(legal == 13);
}

TEST_CASE("with ATS enabled the queues' traffic is translated by the device, and a stopped queue has none left",
          "[devices]") {
    AcceleratorConfig c = stopping_in(2_us);
    c.function.atc.present = true;
    AcceleratorBench b{c};
    b.iommu.keep_questions = true;
    CHECK(b.config_space().has(pcie::cfg::Capability::Ats));
    b.select(0);
    b.describe(Direction::Mixed, 5, 42, 0x4000, 8192, 100);
    b.write_ats(true);
    b.command(Q_CTRL::DOORBELL);
    b.run(10_us);
    REQUIRE(b.iommu.questions.size() > 50);
    for (const auto& q : b.iommu.questions) CHECK(q.type != iommu::AddressType::Untranslated);
    CHECK(b.acc.atc()->counts().requests >= 2);
    b.command(Q_CTRL::STOP);
    b.run(10_us);
    CHECK(b.status() == State::Stopped);
    const std::size_t asked = b.iommu.questions.size();
    b.run(20_us);
    CHECK(b.iommu.questions.size() == asked);
    CHECK(b.acc.tags().used() == 0);
}

TEST_CASE("clearing ATS enable forgets every translation, and traffic goes on untranslated", "[devices]") {
    AcceleratorConfig c;
    c.function.atc.present = true;
    AcceleratorBench b{c};
    b.write_ats(true);
    b.select(0);
    b.describe(Direction::Write, 5, 42, 0x4000, 4096, 100);
    b.command(Q_CTRL::DOORBELL);
    b.run(5_us);
    CHECK(b.acc.atc()->size() == 1);
    b.write_ats(false);
    b.iommu.keep_questions = true;
    b.run(5_us);
    CHECK(b.acc.atc()->size() == 0);
    REQUIRE_FALSE(b.iommu.questions.empty());
    CHECK(b.iommu.questions.back().type == iommu::AddressType::Untranslated);
}

TEST_CASE("an accelerator without an ATC has no ATS capability", "[devices]") {
    AcceleratorBench b;
    CHECK_FALSE(b.config_space().has(pcie::cfg::Capability::Ats));
    for (u32 at = 0x100; at != 0; at = b.config_space().config_read(at, 4) >> 20)
        CHECK((b.config_space().config_read(at, 4) & 0xffff) != 0x0f);
}

TEST_CASE("writing ATS enable once more turns an ATC on again that Unsupported Request turned off", "[devices]") {
    AcceleratorConfig c;
    c.function.atc.present = true;
    AcceleratorBench b{c};
    b.write_ats(true);
    b.iommu.ending = [](const iommu::TranslationRequest& r) {
        return r.type == iommu::AddressType::TranslationRequest ? iommu::Ending::Abort : iommu::Ending::Grant;
    };
    b.select(0);
    b.describe(Direction::Write, 5, 42, 0x4000, 4096, 100);
    b.command(Q_CTRL::DOORBELL);
    b.run(5_us);
    CHECK_FALSE(b.acc.atc()->enabled());
    CHECK(b.config_space().ats_enabled()); // software's bit stays as it wrote it
    b.iommu.ending = nullptr;
    const u32 control = b.config_space().base_of(pcie::cfg::Capability::Ats) + 6;
    b.config_space().config_write(control, 1, 0); // STU: not the byte of E
    CHECK_FALSE(b.acc.atc()->enabled());
    b.write_ats(true);
    CHECK(b.acc.atc()->enabled());
    b.run(5_us);
    CHECK(b.acc.atc()->size() == 1);
}

TEST_CASE("without bus mastering a stopped queue is noted in its register and no message is sent", "[devices]") {
    AcceleratorBench b{stopping_in(2_us)};
    b.enable_messages();
    b.select(2);
    b.config_space().config_write(0x04, 2, 0x2);
    b.command(Q_CTRL::STOP);
    b.run(10_us);
    CHECK(b.read<INT_STOPPED>().value() == 1u << 2);
    CHECK(b.messages.empty());
    b.config_space().config_write(0x04, 2, 0x6);
    b.run(10_us);
    CHECK(b.messages.empty());
    b.command(Q_CTRL::DOORBELL);
    b.select(3);
    b.command(Q_CTRL::STOP);
    b.run(10_us);
    CHECK(b.messages.size() == 1);
}

TEST_CASE("an accelerator fresh from reset answers no register access and has nothing enabled", "[devices]") {
    Fabric f;
    Accelerator acc{"fresh", f.events, f.root_complex, {}, {}, DeviceId{0}, 1};
    Time end;
    u64 value = 0;
    sim::start(timed(acc.bar().mmio_read(DEV_ID::offset, 4), end, value));
    f.run(2_us);
    CHECK(value == ~u64{0});
    CHECK(acc.config_space().config_read(0x04, 2) == 0);
    CHECK_FALSE(acc.bus_master());
    CHECK_FALSE(acc.config_space().pasid_enabled());
    f.calendar.shutdown();
}

// ---- resets ---------------------------------------------------------------------------------------------------------

namespace {
struct ResetBench : AcceleratorBench {
    using AcceleratorBench::AcceleratorBench;
    void work(u64 queue, Direction d, u64 base = 0) {
        select(queue);
        describe(d, static_cast<u32>(queue) + 1, static_cast<u32>(queue) + 1, base, 0x4000, 300);
        command(Q_CTRL::DOORBELL);
    }
    /// 7.5.3.4, DevCtl: bit 15 is Initiate Function Level Reset.
    void function_level_reset() {
        const u32 control = config_space().base_of(pcie::cfg::Capability::PciExpress) + 0x8;
        config_space().config_write(control, 2, config_space().config_read(control, 2) | 0x8000);
    }
    bool all_idle() const {
        for (unsigned q = 0; q < acc.queues().count(); ++q)
            if (acc.queues().state(q) != State::Idle) return false;
        return true;
    }
};
} // namespace

TEST_CASE("a function-level reset ends the work of every queue, running or stopping, at once and without a message", "[devices]") {
    ResetBench b{stopping_in(50_us)};
    b.enable_messages();
    b.work(0, Direction::Mixed);
    b.work(1, Direction::Mixed, 0x4000);
    b.command(Q_CTRL::STOP);
    b.run(5_us);
    REQUIRE(b.acc.queues().state(0) == State::Running);
    REQUIRE(b.acc.queues().state(1) == State::Stopping);
    std::vector<BondId> told;
    auto states = b.events.subscribe<QueueState>([&](Time, const QueueState& e) {
        if (e.state == base::Name{"idle"}) told.push_back(e.bond);
    });
    const Time reset = sim::now();
    b.function_level_reset();
    CHECK(b.all_idle());
    CHECK(told == std::vector<BondId>{BondId{1}, BondId{2}});
    b.acc.take_into_service();
    b.run(200_us);
    CHECK(b.last_issue <= reset);
    CHECK(b.last_flush == Time{}); // of the stop that the reset overtook
    CHECK(b.messages.empty());
    CHECK(b.all_idle());
    CHECK(b.acc.tags().used() == 0);
}

TEST_CASE("after a function-level reset registers, bus mastering and PASIDs are as after power-on, and work can begin anew",
          "[devices]") {
    ResetBench b{stopping_in(1_us)};
    b.enable_messages();
    b.work(3, Direction::Write);
    b.run(5_us);
    b.command(Q_CTRL::STOP);
    b.run(5_us);
    REQUIRE(b.read<INT_STOPPED>().value() == 1u << 3);
    b.function_level_reset();
    CHECK_FALSE(b.acc.bus_master());
    pcie::DmaRequest with_pasid;
    with_pasid.has_pasid = true;
    with_pasid.pasid = Pasid{1};
    CHECK_FALSE(b.acc.may_send(with_pasid));
    CHECK(b.read<Q_STATUS>().value() == 0xffff'ffff); // nobody answers at the BAR's address
    b.acc.take_into_service();
    CHECK(b.read<QUEUE_SELECT>().value() == 0);
    CHECK(b.read<INT_ENABLE>().value() == 0);
    CHECK(b.read<INT_STOPPED>().value() == 0);
    CHECK(b.read<MSI_ADDR>().value() == 0);
    CHECK(b.read<MSI_DATA>().value() == 0);
    CHECK(b.read<Q_LENGTH>().value() == 0); // of queue 0
    CHECK(b.read<DEV_CAP>().get(DEV_CAP::QUEUES) == b.settings.work.queues.get());
    b.select(3);
    CHECK(b.read<Q_PASID>().value() == 0);
    CHECK(b.read<Q_LENGTH>().value() == 0);
    CHECK(b.read<Q_ISSUED>().value() == 0);
    CHECK(b.read<Q_COMPLETED>().value() == 0);
    CHECK(b.status() == State::Idle);
    b.work(3, Direction::Read);
    b.run(5_us);
    CHECK(b.status() == State::Running);
    CHECK(b.read<Q_COMPLETED>().value() > 0);
}

TEST_CASE("a doorbell after a reset is refused until what was under way before it has come to its end", "[devices]") {
    ResetBench b;
    b.iommu.slow_pages[b.at(0).page_number()] = 30_us;
    b.select(0);
    b.describe(Direction::Read, 1, 1, 0, 0x1000, 1000);
    b.command(Q_CTRL::DOORBELL);
    b.run(5_us);
    b.function_level_reset();
    b.acc.take_into_service();
    const u64 before = b.acc.queues().refused_commands();
    b.work(0, Direction::Read, 0x4000);
    CHECK(b.acc.queues().refused_commands() == before + 1);
    CHECK(b.status() == State::Idle);
    b.run(60_us);
    b.command(Q_CTRL::DOORBELL);
    CHECK(b.status() == State::Running);
}

TEST_CASE("a function-level reset empties the translation cache and turns it off until software enables ATS anew", "[devices][atc]") {
    AcceleratorConfig c;
    c.function.atc.present = true;
    ResetBench b{c};
    b.write_ats(true);
    b.work(0, Direction::Mixed);
    b.run(20_us);
    REQUIRE(b.acc.atc()->size() > 0);
    b.function_level_reset();
    CHECK(b.acc.atc()->size() == 0);
    CHECK_FALSE(b.acc.atc()->enabled());
    b.run(20_us);
    CHECK(b.acc.atc()->size() == 0); // nor does a late answer fill it
    b.acc.take_into_service();
    b.write_ats(true);
    const u64 asked = b.acc.atc()->counts().requests;
    b.work(0, Direction::Mixed);
    b.run(20_us);
    CHECK(b.acc.atc()->counts().requests > asked);
}

TEST_CASE("what waited for bus mastering when the reset came is never sent, though bus mastering comes back", "[devices][atc]") {
    AcceleratorConfig c;
    c.function.atc.present = GENERATE(false, true);
    ResetBench b{c};
    b.iommu.keep_questions = true;
    if (c.function.atc.present) b.write_ats(true);
    b.work(0, GENERATE(Direction::Read, Direction::Write));
    b.run(10_us);
    b.config_space().config_write(0x04, 2, 0x2);
    b.run(5_us);
    b.function_level_reset();
    const std::size_t asked = b.iommu.questions.size();
    REQUIRE(asked > 0);
    b.run(5_us);
    if (c.function.atc.present) b.write_ats(true);
    b.acc.take_into_service();
    b.run(20_us);
    CHECK(b.iommu.questions.size() == asked);
    CHECK(b.acc.queues().engine(0).idle().is_set());
    CHECK(b.acc.tags().used() == 0);
}

TEST_CASE("a link that goes down resets the device behind it, and its reads end as timed out", "[devices]") {
    ResetBench b;
    std::vector<DmaEnding> endings;
    auto token = b.events.subscribe<DmaEnded>([&](Time, const DmaEnded& e) { endings.push_back(e.ending); });
    b.iommu.slow_pages[b.at(0).page_number()] = 30_us;
    b.select(0);
    b.describe(Direction::Read, 1, 1, 0, 0x1000, 1000);
    b.command(Q_CTRL::DOORBELL);
    b.run(5_us);
    const unsigned under_way = b.acc.queues().engine(0).outstanding();
    REQUIRE(under_way > 0);
    b.acc.port().set_link(false);
    CHECK(b.all_idle());
    b.run(b.settings.function.endpoint.completion_timeout.get() + 50_us);
    CHECK(endings == std::vector<DmaEnding>(under_way, DmaEnding::TimedOut));
    CHECK(b.acc.queues().engine(0).idle().is_set());
    CHECK(b.acc.tags().used() == 0);
}
