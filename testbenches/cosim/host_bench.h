// SPDX-License-Identifier: Apache-2.0
/// A host of the C interface with an SMMUv3 that is up: stream 1 is a PCI function, stream 2 can wait; each has one
/// page.
#pragma once
#include <quiesce/cosim.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace quiesce::cosim_test {

inline constexpr uint64_t us = 1'000'000;
inline constexpr uint64_t registers_at = 0x0904'0000, messages_at = 0x0808'0000;

template <class T>
T sized() {
    T t{};
    t.size = sizeof t;
    return t;
}
inline qsc_config plain_config() { return sized<qsc_config>(); }

/// Memory of the host, wherever it is written to, but for pages that it refuses.
struct HostBytes {
    std::map<uint64_t, std::vector<unsigned char>> pages;
    std::vector<uint64_t> refused; ///< pages
    std::vector<qsc_access> by_devices;
    uint64_t highest = 0;
    int (*meanwhile)() = nullptr; ///< called from inside of each access; its last answer is kept
    int answered = 0;

    unsigned char* at(uint64_t address) {
        auto& page = pages[address >> 12];
        page.resize(4096);
        return page.data() + (address & 4095);
    }
    bool take(uint64_t address, uint32_t bytes, const qsc_access* access) {
        if (meanwhile != nullptr) answered = meanwhile();
        if (access->by == QSC_BY_DEVICE) by_devices.push_back(*access);
        highest = std::max(highest, address);
        REQUIRE((address & 4095) + bytes <= 4096);
        for (uint64_t page : refused)
            if (page == address >> 12) return false;
        return true;
    }
    static int read(void* self, uint64_t address, void* into, uint32_t bytes, const qsc_access* access) {
        auto& h = *static_cast<HostBytes*>(self);
        if (!h.take(address, bytes, access)) return 1;
        std::memcpy(into, h.at(address), bytes);
        return 0;
    }
    static int write(void* self, uint64_t address, const void* from, uint32_t bytes, const qsc_access* access) {
        auto& h = *static_cast<HostBytes*>(self);
        if (!h.take(address, bytes, access)) return 1;
        std::memcpy(h.at(address), from, bytes);
        return 0;
    }
    qsc_host_memory functions() {
        qsc_host_memory m = sized<qsc_host_memory>();
        m.context = this;
        m.read = read;
        m.write = write;
        return m;
    }
};

struct HostBench {
    uint64_t memory = 0x8000'0000;
    qsc_platform p = 0;
    static constexpr uint64_t streams = 0x10000, commands = 0x20000, events = 0x30000, contexts = 0x50000,
                              tables = 0x60000, page = 0x100000, here = 0x7f12'3456'7000;

    HostBench() = default;
    explicit HostBench(qsc_config c) {
        static const char* const stalling[] = {"platform.iommu.smmuv3.stall_model=optional"};
        if (c.setting_count == 0) {
            c.settings = stalling;
            c.setting_count = 1;
        }
        const int code = qsc_create(&c, &p);
        INFO(qsc_last_error());
        REQUIRE(code == QSC_OK);
    }
    ~HostBench() {
        if (p != 0) qsc_destroy(p);
    }
    HostBench(const HostBench&) = delete;

    uint64_t reg(uint32_t offset, uint32_t bytes = 4) {
        uint64_t value = 0;
        REQUIRE(qsc_mmio_read(p, registers_at + offset, bytes, &value) == QSC_OK);
        return value;
    }
    void set_reg(uint32_t offset, uint64_t value, uint32_t bytes = 4) {
        REQUIRE(qsc_mmio_write(p, registers_at + offset, bytes, value) == QSC_OK);
    }
    void store(uint64_t offset, std::initializer_list<uint64_t> words) {
        REQUIRE(qsc_memory_write(p, memory + offset, words.begin(), 8 * words.size()) == QSC_OK);
    }
    uint64_t load(uint64_t offset) {
        uint64_t word = 0;
        REQUIRE(qsc_memory_read(p, memory + offset, &word, 8) == QSC_OK);
        return word;
    }
    uint64_t now() {
        uint64_t ps = 0;
        REQUIRE(qsc_time(p, &ps) == QSC_OK);
        return ps;
    }
    /// facts/iommu-specs.md 1.3, 1.4, 5.1: `here` to `page` for both streams; faults of stream 2 stall.
    void make_tables() {
        for (uint64_t stream = 1; stream <= 2; ++stream) {
            const uint64_t cd = contexts + 0x1000 * stream;
            store(streams + 64 * stream,
                  {1 | 5 << 1 | (memory + cd), uint64_t{1} << 44 | (stream == 1 ? uint64_t{1} << 28 : 0)});
            store(cd, {16 | uint64_t{1} << 30 | uint64_t{1} << 31 | uint64_t{5} << 32 | uint64_t{1} << 41 |
                           (stream == 2 ? uint64_t{1} << 44 : 0) | uint64_t{3} << 45 | uint64_t{7} << 48,
                       memory + tables});
        }
        for (uint64_t level = 0; level < 3; ++level)
            store(tables + 0x1000 * level + 8 * (here >> (39 - 9 * level) & 511),
                  {(memory + tables + 0x1000 * (level + 1)) | 3});
        map(0);
    }
    void map(uint64_t n) {
        store(tables + 0x3000 + 8 * ((here >> 12 & 511) + n),
              {(memory + page + 0x1000 * n) | 3 | 1 << 6 | 1 << 10 | 1 << 11});
    }
    void bring_up() {
        make_tables();
        set_reg(0x80, memory + streams, 8);
        set_reg(0x88, 4);
        set_reg(0x90, (memory + commands) | 4, 8);
        set_reg(0xa0, (memory + events) | 4, 8);
        set_reg(0x50, 5); // IRQ_CTRL: event queue and global errors, by wire
        set_reg(0x20, 0xd);
        REQUIRE(qsc_advance(p, 2 * us) == QSC_OK);
        REQUIRE(reg(0x24) == 0xd);
    }
    uint32_t produced = 0;
    void command(uint64_t low, uint64_t high) {
        store(commands + 16 * (produced++ & 15), {low, high});
        set_reg(0x98, produced & 31);
    }
    qsc_dma_request dma(uint32_t stream, uint64_t at, uint32_t bytes, uint32_t flags = 0, const void* data = nullptr) {
        qsc_dma_request r = sized<qsc_dma_request>();
        r.requester = stream;
        r.address = at;
        r.bytes = bytes;
        r.flags = flags;
        r.data = data;
        return r;
    }
    qsc_dma_result run(const qsc_dma_request& r, void* into = nullptr) {
        qsc_dma_result result = sized<qsc_dma_result>();
        unsigned char unused[64];
        REQUIRE(qsc_dma(p, &r, 100 * us, into != nullptr ? into : unused, &result, nullptr) == QSC_OK);
        return result;
    }
    /// Event number `n`'s first byte, as it lies in the queue, 0 if there are not so many.
    unsigned event(uint32_t n) {
        REQUIRE(qsc_advance(p, us) == QSC_OK); // a record is written after its access has ended
        return n < (reg(0x100a8) & 0xfffff) ? load(events + 32 * n) & 0xff : 0;
    }
};

} // namespace quiesce::cosim_test
