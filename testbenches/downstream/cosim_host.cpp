// SPDX-License-Identifier: Apache-2.0
/// Somebody else's SystemC platform over the C interface: no C++ header of ours. A thread lets a device do DMA through
/// an SMMUv3 that is off, and one that aborts, while the platform's own clock goes on.
#include <quiesce/cosim.h>

#include <cstdio>
#include <cstdlib>
#include <systemc>

namespace {

constexpr uint64_t registers_at = 0x0904'0000, memory_at = 0x8000'0000, us = 1'000'000;

void expect(bool held, const char* what) {
    std::printf("%s: %s at %s\n", held ? "ok" : "FAILED", what, sc_core::sc_time_stamp().to_string().c_str());
    if (!held) std::printf("%s\n", qsc_last_error());
    if (!held) std::exit(1);
}

struct Host : sc_core::sc_module {
    SC_HAS_PROCESS(Host);
    qsc_platform smmu = 0;
    unsigned ticks = 0;
    bool over = false;
    explicit Host(sc_core::sc_module_name name) : sc_module(name) {
        qsc_config c{};
        c.size = sizeof c;
        c.kernel = QSC_KERNEL_HOST;
        expect(qsc_create(&c, &smmu) == QSC_OK, "a platform before elaboration ends");
        SC_THREAD(run);
        SC_THREAD(tick);
    }
    ~Host() override { expect(qsc_destroy(smmu) == QSC_OK, "and its end"); }

    uint32_t ending_of_a_read() {
        qsc_dma_request r{};
        r.size = sizeof r;
        r.requester = 8;
        r.address = memory_at + 0x40;
        r.bytes = 8;
        qsc_dma_result result{};
        result.size = sizeof result;
        uint64_t word = 0;
        expect(qsc_dma(smmu, &r, 10 * us, &word, &result, nullptr) == QSC_OK, "a DMA ends");
        return result.ending;
    }
    void run() {
        expect(ending_of_a_read() == QSC_DONE, "bypass");
        uint64_t gbpa = 0;
        expect(qsc_mmio_write(smmu, registers_at + 0x44, 4, 0x8010'0000) == QSC_OK, "GBPA.ABORT");
        do {
            expect(qsc_mmio_read(smmu, registers_at + 0x44, 4, &gbpa) == QSC_OK, "is it in force?");
        } while ((gbpa >> 31) != 0);
        expect(ending_of_a_read() == QSC_REFUSED, "abort");
        expect(ticks > 0, "the platform's own processes ran meanwhile");
        over = true;
    }
    void tick() {
        for (; !over; ++ticks) wait(50, sc_core::SC_NS);
    }
};

} // namespace

int sc_main(int, char**) {
    Host host{"host"};
    sc_core::sc_start();
    std::puts("all held");
    return 0;
}
