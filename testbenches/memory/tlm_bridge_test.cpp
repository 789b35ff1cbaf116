// SPDX-License-Identifier: Apache-2.0
/// The TLM bridges, with the base-protocol checker in line, against direct calls: same values, same times.
#include "memory/system_memory.h"
#include "memory/tlm_bridge.h"
#include "support/fresh_kernel.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::memory;
using sim::Task;

namespace {
struct Registers : MmioTarget {
    u64 value[4] = {};
    std::vector<sim::Time> at;
    Task<void> mmio_write(u64 offset, unsigned, u64 v) override {
        co_await sim::delay(sim::Duration::ps(2'000));
        at.push_back(sim::now());
        value[offset / 8] = v;
    }
    Task<u64> mmio_read(u64 offset, unsigned) override {
        co_await sim::delay(sim::Duration::ps(3'000));
        at.push_back(sim::now());
        co_return value[offset / 8];
    }
};

Task<void> exercise(MmioTarget& t, std::vector<std::pair<i64, u64>>& log) {
    for (u64 i = 0; i < 4; ++i) {
        co_await t.mmio_write(8 * i, 8, 0x1111 * (i + 1));
        co_await sim::delay(sim::Duration::ps(700));
        const u64 v = co_await t.mmio_read(8 * i, 8);
        log.emplace_back(sim::now().ps(), v);
    }
}
} // namespace

TEST_CASE("registers reached through initiator, checker and target sockets answer the same at the same times", "[tlm]") {
    std::vector<std::pair<i64, u64>> direct, through;
    std::vector<sim::Time> direct_at, through_at;
    {
        sim::Calendar calendar;
        Registers r;
        sim::spawn(exercise(r, direct));
        calendar.run_until(sim::Time::ps(1'000'000));
        direct_at = r.at;
        calendar.shutdown();
    }
    testbench::fresh_kernel();
    {
        sim::Calendar calendar;
        Registers r;
        TlmMmioTarget target("target", r);
        sim::BaseProtocolChecker checker("checker");
        TlmMmioInitiator initiator("initiator");
        initiator.to_target.bind(checker.from_initiator);
        checker.to_target.bind(target.from_bus);
        sim::spawn(exercise(initiator, through));
        calendar.run_until(sim::Time::ps(1'000'000));
        through_at = r.at;
        CHECK(checker.transactions() == 8);
        CHECK(checker.broken() == 0);
        calendar.shutdown();
    }
    CHECK(direct == through);
    CHECK(direct_at == through_at);
    CHECK(direct.size() == 4);
}

TEST_CASE("a foreign SC_THREAD writes and reads our memory over TLM; its delay annotation is spent first", "[tlm]") {
    struct Host : sc_core::sc_module {
        SC_HAS_PROCESS(Host);
        tlm_utils::simple_initiator_socket<Host> out{"out"};
        u64 base, read_back = 0;
        sc_core::sc_time write_over;
        explicit Host(sc_core::sc_module_name n, u64 b) : sc_module(n), base(b) { SC_THREAD(run); }
        void run() {
            u64 v = 0xfeed;
            tlm::tlm_generic_payload p;
            p.set_write();
            p.set_address(base);
            p.set_data_ptr(reinterpret_cast<unsigned char*>(&v));
            p.set_data_length(8);
            p.set_streaming_width(8);
            sc_core::sc_time delay(10, sc_core::SC_NS);
            out->b_transport(p, delay);
            write_over = sc_core::sc_time_stamp() + delay;
            p.set_read();
            p.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
            p.set_data_ptr(reinterpret_cast<unsigned char*>(&read_back));
            out->b_transport(p, delay);
        }
    };
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    MemoryConfig config;
    SystemMemory memory{events, config};
    TlmMemoryTarget target("target", memory.cpu_port());
    sim::BaseProtocolChecker checker("checker");
    Host host("host", memory.ram_base().value() + 0x100);
    host.out.bind(checker.from_initiator);
    checker.to_target.bind(target.from_bus);
    calendar.run_until(sim::Time::ps(1'000'000));
    CHECK(host.read_back == 0xfeed);
    CHECK(host.write_over == sc_core::sc_time(10'000.0 + static_cast<double>(config.cpu_latency.get().ps()), sc_core::SC_PS));
    CHECK(checker.broken() == 0);
    calendar.shutdown();
}

TEST_CASE("a MemoryPort over TLM moves words, structures and debug accesses", "[tlm]") {
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    MemoryConfig config;
    SystemMemory memory{events, config};
    TlmMemoryTarget target("target", memory.cpu_port());
    sim::BaseProtocolChecker checker("checker");
    TlmMemoryPort port("port");
    port.to_memory.bind(checker.from_initiator);
    checker.to_target.bind(target.from_bus);
    const Spa at = memory.ram_base() + 0x40;
    u64 words[8] = {}, one = 0;
    Status outside = Status::Ok;
    auto go = [&]() -> Task<void> {
        co_await port.write64(at + 8, 0x77, Origin{});
        one = (co_await port.read64(at + 8, Origin{})).value;
        co_await port.fetch(at, words, Origin{});
        outside = co_await port.write64(Spa{0x10}, 1, Origin{});
    };
    sim::spawn(go());
    calendar.run_until(sim::Time::ps(10'000'000));
    CHECK(one == 0x77);
    CHECK(words[1] == 0x77);
    CHECK(outside == Status::ExternalAbort);
    CHECK(port.poke64(at, 5));
    CHECK(memory.cpu_port().peek64(at) == 5);
    CHECK(checker.broken() == 0);
    calendar.shutdown();
}

TEST_CASE("the checker names broken rules", "[tlm]") {
    struct Dead : sc_core::sc_module {
        tlm_utils::simple_target_socket<Dead> in{"in"};
        explicit Dead(sc_core::sc_module_name n) : sc_module(n) { in.register_b_transport(this, &Dead::b); }
        void b(tlm::tlm_generic_payload& p, sc_core::sc_time& t) {
            t = sc_core::SC_ZERO_TIME;
            p.set_data_length(1);
        }
    };
    struct Bad : sc_core::sc_module {
        SC_HAS_PROCESS(Bad);
        tlm_utils::simple_initiator_socket<Bad> out{"out"};
        explicit Bad(sc_core::sc_module_name n) : sc_module(n) { SC_THREAD(run); }
        void run() {
            tlm::tlm_generic_payload p;
            u64 v = 0;
            p.set_data_ptr(reinterpret_cast<unsigned char*>(&v));
            p.set_data_length(8);
            p.set_streaming_width(0);
            p.set_response_status(tlm::TLM_OK_RESPONSE);
            sc_core::sc_time t(5, sc_core::SC_NS);
            out->b_transport(p, t);
        }
    };
    sim::Calendar calendar;
    Dead dead("dead");
    Bad bad("bad");
    sim::BaseProtocolChecker checker("checker");
    std::vector<std::string> said;
    checker.on_broken = [&](const std::string& s) { said.push_back(s); };
    bad.out.bind(checker.from_initiator);
    checker.to_target.bind(dead.in);
    calendar.run_until(sim::Time::ps(10'000));
    const auto heard = [&](const char* what) {
        return std::any_of(said.begin(), said.end(), [&](auto& s) { return s.find(what) != std::string::npos; });
    };
    CHECK(heard("streaming width"));
    CHECK(heard("must start incomplete"));
    CHECK(heard("must not go back"));
    CHECK(heard("must not change"));
    CHECK(checker.broken() == 4);
}

TEST_CASE("a signal written through the bridge changes at its own time and sc_trace sees it", "[tlm]") {
    sim::Calendar calendar;
    sc_core::sc_signal<int> level{"level"};
    std::vector<std::pair<double, int>> seen;
    struct Watch : sc_core::sc_module {
        SC_HAS_PROCESS(Watch);
        Watch(sc_core::sc_module_name n, sc_core::sc_signal<int>& s, std::vector<std::pair<double, int>>& l) : sc_module(n), sig(s), log(l) {
            SC_METHOD(changed);
            sensitive << sig;
            dont_initialize();
        }
        void changed() { log.emplace_back(static_cast<double>(sc_core::sc_time_stamp().value()), sig.read()); }
        sc_core::sc_signal<int>& sig;
        std::vector<std::pair<double, int>>& log;
    } watch("watch", level, seen);
    auto go = [&]() -> Task<void> {
        for (int i = 1; i <= 3; ++i) {
            co_await sim::delay(sim::Duration::ps(1'500));
            co_await sim::at_kernel();
            CHECK(sim::Calendar::current().at_kernel_time());
            level.write(i);
        }
    };
    sim::spawn(go());
    calendar.run_until(sim::Time::ps(100'000));
    CHECK(seen == std::vector<std::pair<double, int>>{{1'500, 1}, {3'000, 2}, {4'500, 3}});
    calendar.shutdown();
}
