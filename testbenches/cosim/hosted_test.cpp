// SPDX-License-Identifier: Apache-2.0
/// A SystemC platform as the host: it creates the IOMMU before elaboration ends and calls from SC_THREADs.
#include "cosim/host_bench.h"

#include <functional>
#include <memory>
#include <optional>
#include <systemc>

using namespace quiesce::cosim_test;

namespace {

qsc_config hosted_config() {
    qsc_config c = plain_config();
    c.kernel = QSC_KERNEL_HOST;
    return c;
}

struct SystemcHost : sc_core::sc_module {
    SC_HAS_PROCESS(SystemcHost);
    explicit SystemcHost(sc_core::sc_module_name name) : sc_module(name) {
        SC_THREAD(run_first);
        SC_THREAD(run_second);
        SC_METHOD(run_method);
    }
    void run_first() {
        if (first) first();
    }
    void run_second() {
        if (second) second();
    }
    void run_method() {
        if (method) method();
    }
    std::function<void()> first, second, method;
};

uint64_t systemc_now() { return sc_core::sc_time_stamp().value(); }

/// What a device sees in a short life, with the times since the start.
std::vector<uint64_t> short_life(HostBench& b) {
    b.bring_up();
    std::vector<uint64_t> seen{b.now()};
    for (uint32_t stream : {1u, 1u, 7u}) {
        const qsc_dma_result r = b.run(b.dma(stream, b.here, 8));
        seen.insert(seen.end(), {r.ending, r.physical, r.ended_ps});
    }
    while (qsc_relax(b.p, us) == QSC_OK) continue;
    seen.push_back(b.now());
    return seen;
}

} // namespace

TEST_CASE("calls of an SC_THREAD take the host's time, and the same time as with a kernel of the library's own",
          "[cosim]") {
    std::vector<uint64_t> own, hosted;
    {
        HostBench b(plain_config());
        own = short_life(b);
    }
    SystemcHost host{"host"};
    HostBench b(hosted_config());
    uint64_t kernel_time = 0, time = 1;
    host.first = [&] {
        hosted = short_life(b);
        kernel_time = systemc_now();
        time = b.now();
        qsc_advance(b.p, 5 * us);
        kernel_time = systemc_now() - kernel_time;
        CHECK(qsc_destroy(b.p) == QSC_ERR_STATE); // the models cannot go away now
    };
    sc_core::sc_start();
    CHECK(hosted == own);
    CHECK(kernel_time == 5 * us);
    CHECK(time == hosted.back());
}

TEST_CASE("other threads of the host run while one waits, and answer what it waits for", "[cosim]") {
    SystemcHost host{"host"};
    HostBench b(hosted_config());
    std::optional<qsc_dma_result> got;
    uint64_t asked = 0;
    sc_core::sc_event up;
    host.first = [&] {
        b.bring_up();
        up.notify();
        asked = systemc_now();
        got = b.run(b.dma(2, b.here + 0x1000, 4, QSC_MAY_WAIT)); // stalls: the other thread resolves it
    };
    host.second = [&] {
        wait(up);
        REQUIRE(qsc_wait_news(b.p, QSC_NEWS_INTERRUPT, 50 * us, nullptr) == QSC_OK);
        sc_core::wait(20, sc_core::SC_US);
        b.map(1);
        b.command(0x44 | 1 << 12 | uint64_t{2} << 32, b.load(b.events + 8) & 0xffff);
    };
    sc_core::sc_start();
    REQUIRE(got.has_value());
    CHECK(got->ending == QSC_DONE);
    CHECK(got->ended_ps > asked + 20 * us);
}

TEST_CASE("what takes time is refused outside of an SC_THREAD, and what takes none is not", "[cosim]") {
    SystemcHost host{"host"};
    HostBench b(hosted_config());
    uint64_t value = 7;
    qsc_operation op = 0;
    b.store(0, {0x1234}); // during elaboration
    CHECK(qsc_mmio_read(b.p, registers_at, 4, &value) == QSC_ERR_STATE);
    CHECK(std::string{qsc_last_error()}.find("SC_THREAD") != std::string::npos);
    int in_method = QSC_OK, started = QSC_PENDING;
    host.method = [&] {
        in_method = qsc_advance(b.p, 1);
        started = qsc_mmio_read_start(b.p, registers_at, 4, &op);
    };
    sc_core::sc_start(1, sc_core::SC_US);
    CHECK(in_method == QSC_ERR_STATE);
    CHECK(started == QSC_OK);
    CHECK(qsc_mmio_poll(b.p, op, &value) == QSC_OK);
    CHECK(value != 7);
    CHECK(b.load(0) == 0x1234);
    CHECK(qsc_wait(b.p, op, us) == QSC_ERR_HANDLE);
}

TEST_CASE("a platform inside of a running simulation, or after its elaboration, is refused", "[cosim]") {
    SystemcHost host{"host"};
    int own = QSC_OK, late = QSC_OK;
    qsc_platform p = 0;
    host.first = [&] {
        const qsc_config own_config = plain_config(), late_config = hosted_config();
        own = qsc_create(&own_config, &p);
        late = qsc_create(&late_config, &p);
    };
    sc_core::sc_start();
    CHECK(own == QSC_ERR_STATE);
    CHECK(late == QSC_ERR_STATE);
    CHECK(p == 0);
}

TEST_CASE("a platform that is refused leaves nothing in the host's kernel", "[cosim]") {
    SystemcHost host{"host"};
    qsc_platform p = 0;
    qsc_id_register ecmdq{"IDR1", 0x8000'0000};
    qsc_config refused = hosted_config();
    refused.ids = &ecmdq;
    refused.id_count = 1;
    CHECK(qsc_create(&refused, &p) == QSC_ERR_UNSUPPORTED);
    HostBench b(hosted_config());
    CHECK(qsc_destroy(b.p) == QSC_ERR_STATE); // SystemC has not run yet
    host.first = [&] { b.bring_up(); };
    sc_core::sc_start();
    CHECK((b.load(HostBench::streams + 64) & 1) == 1);
}

TEST_CASE("a platform in a host's kernel outlives sc_stop()", "[cosim]") {
    SystemcHost host{"host"};
    HostBench b(hosted_config());
    host.first = [&] {
        b.bring_up();
        sc_core::sc_stop();
    };
    sc_core::sc_start();
    CHECK(b.now() == systemc_now());
    CHECK((b.load(HostBench::streams + 64) & 1) == 1);
    CHECK(qsc_advance(b.p, us) == QSC_ERR_STATE);
}

TEST_CASE("a thread that is killed inside of a call is unwound as SystemC does it", "[cosim]") {
    SystemcHost host{"host"};
    HostBench b(hosted_config());
    bool unwound = false, went_on = false;
    sc_core::sc_process_handle victim;
    host.first = [&] {
        struct Witness {
            bool& seen;
            ~Witness() { seen = true; }
        } witness{unwound};
        victim = sc_core::sc_get_current_process_handle();
        qsc_advance(b.p, 100 * us);
        went_on = true;
    };
    host.second = [&] {
        sc_core::wait(1, sc_core::SC_US);
        victim.kill();
        CHECK(b.reg(0x20) == 0); // the platform goes on
    };
    sc_core::sc_start();
    CHECK(unwound);
    CHECK_FALSE(went_on);
}
