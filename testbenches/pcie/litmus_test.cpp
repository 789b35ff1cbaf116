// SPDX-License-Identifier: Apache-2.0
/// Litmus tests of the ordering rules (PCIe Base 2.4.1, table 2-40) on the whole path of a link and its root port. Each
/// row is a program of one requester and the orders in which its accesses may be observed; look-ups take random times
/// and simultaneous things random orders.
#include "pcie/firmware.h"
#include "pcie/support/fabric.h"
#include "sim/random.h"

#include <catch2/catch.hpp>

#include <set>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;
using sim::Task;

namespace {
/// What is observed at memory: '1'..'9', the page of an access; 'C': the requester, or the CPU, has its answer; 'M': a
/// message.
struct Machine {
    Fabric f;
    TestEndpoint ep;
    std::string seen;
    std::array<std::byte, 64> bytes{};

    /// Below so many switches.
    Machine(u64 seed, const LinkConfig& link, unsigned levels = 0) : ep(below(f, link, levels), link) {
        f.calendar.perturb({seed, true, {}});
        f.root_complex.set_message_window(Spa{0xfee0'0000}, 0x1000);
        sim::Random random{seed, "litmus"};
        for (u64 page = 1; page <= 4; ++page)
            f.iommu.slow_pages[f.at(page * page_size).page_number()] =
                sim::Duration::ps(static_cast<i64>(random.below(300'000)));
        f.memory.on_commit = [this](const memory::Request& r) {
            if (r.origin.purpose == memory::Purpose::Msi)
                seen += 'M';
            else
                seen += static_cast<char>('0' + r.at.page_number());
        };
    }
    static Fabric& below(Fabric& f, const LinkConfig& link, unsigned levels) {
        Switch* last = nullptr;
        for (unsigned n = 0; n < levels; ++n) {
            SwitchConfig c;
            c.link = link;
            last = &f.root_complex.add_switch("sw" + std::to_string(n), c, last);
        }
        if (last != nullptr) f.root_complex.place(DeviceId{0}, *last);
        number_buses(f.root_complex, 1);
        return f;
    }
    DmaRequest to(u64 page, Attributes how, u32 pasid) const {
        DmaRequest r;
        r.at = f.at(page * page_size);
        r.bytes = 64;
        r.attributes = how;
        r.has_pasid = pasid != 0;
        r.pasid = Pasid{pasid};
        return r;
    }
    void write(u64 page, Attributes how = {}, u32 pasid = 0) { sim::start(ep.dma_write(to(page, how, pasid), bytes)); }
    void read(u64 page, Attributes how = {}, u32 pasid = 0) { sim::start(reading(to(page, how, pasid), false)); }
    void flush(u64 page) {
        DmaRequest r = to(page, {}, 0);
        r.bytes = 0;
        sim::start(reading(r, true));
    }
    void register_read() { sim::start(cpu_reads()); }
    void message() { ep.send_message(0xfee0'0040, 1); }
    Task<void> reading(DmaRequest r, bool told) {
        std::array<std::byte, 64> into{};
        auto asked = ep.dma_read(r, into.data());
        const Completion c = co_await std::move(asked);
        if (told && c.ok()) seen += 'C';
    }
    Task<void> cpu_reads() {
        auto asked = ep.bar().mmio_read(0x20, 8);
        co_await std::move(asked);
        seen += 'C';
    }
};

constexpr Attributes plain{}, relaxed{.id_based = false, .relaxed = true}, by_id{.id_based = true, .relaxed = false};

struct Litmus {
    std::string_view name;
    void (*program)(Machine&);
    std::set<std::string> allowed;
    bool all_are_seen; ///< the model makes use of what the table allows
};

const std::vector<Litmus> litmus{
    {"write-write: data, then flag",
     [](Machine& m) {
         m.write(1);
         m.write(2);
     },
     {"12"},
     true},
    {"producer and consumer with a relaxed flag",
     [](Machine& m) {
         m.write(1);
         m.write(2, relaxed);
     },
     {"12", "21"},
     true},
    {"relaxed data, then a strict flag",
     [](Machine& m) {
         m.write(1, relaxed);
         m.write(2);
     },
     {"12"},
     true},
    {"a relaxed write between strict ones",
     [](Machine& m) {
         m.write(1);
         m.write(2, relaxed);
         m.write(3);
     },
     {"123", "213"},
     true},
    {"write-write of two PASIDs, the later ID-based",
     [](Machine& m) {
         m.write(1, plain, 1);
         m.write(2, by_id, 2);
     },
     {"12", "21"},
     false}, // the root port makes use of it only among writes that are all ID-based
    {"write-write of two PASIDs, both ID-based",
     [](Machine& m) {
         m.write(1, by_id, 1);
         m.write(2, by_id, 2);
     },
     {"12", "21"},
     true},
    {"write-write of one PASID, both ID-based",
     [](Machine& m) {
         m.write(1, by_id, 1);
         m.write(2, by_id, 1);
     },
     {"12"},
     true},
    {"a write without PASID behind an ID-based one",
     [](Machine& m) {
         m.write(1, by_id, 1);
         m.write(2, by_id);
     },
     {"12"},
     true},
    {"write-read",
     [](Machine& m) {
         m.write(1);
         m.read(2);
     },
     {"12"},
     true},
    {"write-read, the read relaxed: it makes no difference",
     [](Machine& m) {
         m.write(1);
         m.read(2, relaxed);
     },
     {"12"},
     true},
    {"write-read of two PASIDs, both ID-based",
     [](Machine& m) {
         m.write(1, by_id, 1);
         m.read(2, by_id, 2);
     },
     {"12", "21"},
     true},
    {"write-read of one PASID, both ID-based",
     [](Machine& m) {
         m.write(1, by_id, 1);
         m.read(2, by_id, 1);
     },
     {"12"},
     true},
    {"read-write",
     [](Machine& m) {
         m.read(1);
         m.write(2);
     },
     {"12", "21"},
     true},
    {"read-read",
     [](Machine& m) {
         m.read(1);
         m.read(2);
     },
     {"12", "21"},
     true},
    {"read flush: a zero-length read's answer comes after the write",
     [](Machine& m) {
         m.write(1);
         m.flush(2);
     },
     {"1C"},
     true},
    {"read flush of a relaxed write",
     [](Machine& m) {
         m.write(1, relaxed);
         m.flush(2);
     },
     {"1C"},
     true},
    {"read flush of an ID-based write",
     [](Machine& m) {
         m.write(1, by_id, 1);
         m.flush(2);
     },
     {"1C"},
     true},
    {"a register read's answer pushes the write before it",
     [](Machine& m) {
         m.write(1);
         m.register_read();
     },
     {"1C"},
     true},
    {"a message stays behind the writes before it",
     [](Machine& m) {
         m.write(1);
         m.write(2, relaxed);
         m.message();
     },
     {"12M", "21M"},
     true},
};

LinkConfig one_credit_each() {
    LinkConfig c;
    c.root_port.posted_headers = 1;
    c.root_port.posted_data = 4; // 64 bytes
    c.root_port.non_posted_headers = 1;
    c.endpoint.posted_headers = 1;
    c.endpoint.non_posted_headers = 1;
    c.endpoint.completion_headers = 1;
    c.endpoint.completion_data = 4;
    return c;
}
} // namespace

TEST_CASE("litmus: every order that is seen is allowed, and every allowed one is seen somewhere", "[pcie]") {
    const unsigned levels = GENERATE(0u, 2u);
    for (const Litmus& l : litmus) {
        std::set<std::string> orders;
        for (u64 seed = 1; seed <= 60; ++seed) {
            sc_core::sc_simcontext fresh;
            auto* const outer = std::exchange(sc_core::sc_curr_simcontext, &fresh);
            {
                Machine m{seed, LinkConfig{}, levels};
                l.program(m);
                m.f.run(8_us);
                orders.insert(m.seen);
            }
            sc_core::sc_curr_simcontext = outer;
        }
        INFO(l.name);
        for (const std::string& seen : orders) {
            INFO("seen: " << seen);
            CHECK(l.allowed.count(seen) == 1);
        }
        if (l.all_are_seen) CHECK(orders.size() == l.allowed.size());
    }
}

TEST_CASE("litmus: with one credit of each kind nothing forbidden is seen and nothing gets stuck", "[pcie]") {
    const unsigned levels = GENERATE(0u, 1u, 3u);
    for (const Litmus& l : litmus) {
        for (u64 seed = 1; seed <= 20; ++seed) {
            sc_core::sc_simcontext fresh;
            auto* const outer = std::exchange(sc_core::sc_curr_simcontext, &fresh);
            {
                Machine m{seed, one_credit_each(), levels};
                l.program(m);
                m.f.run(20_us);
                INFO(l.name << ", " << levels << " switches, seed " << seed << ": " << m.seen);
                CHECK(l.allowed.count(m.seen) == 1);
                CHECK(m.f.root_complex.who_waits().empty());
            }
            sc_core::sc_curr_simcontext = outer;
        }
    }
}

TEST_CASE("a flood of posted writes through one credit ends, with the reads and register accesses among it", "[pcie]") {
    const bool shuffle = GENERATE(false, true);
    const unsigned levels = GENERATE(0u, 2u);
    Machine m{11, one_credit_each(), levels};
    if (!shuffle) m.f.calendar.perturb({});
    for (unsigned n = 0; n < 100; ++n) {
        m.write(1 + n % 4);
        if (n % 10 == 3) m.read(1 + n % 4);
        if (n % 10 == 5) m.register_read();
        if (n % 10 == 7) sim::start(m.ep.bar().mmio_write(0x10, 4, n));
    }
    m.f.run(400_us);
    CHECK(m.f.calendar.idle());
    CHECK(m.f.root_complex.who_waits().empty());
    CHECK(m.ep.port().posted_inside() == 0);
    CHECK(m.ep.accesses.size() == 20);
    CHECK(m.seen.size() == 100 + 10 + 10);
    CHECK(m.ep.port().link().up.queue().counts().stalls > 50);
}
