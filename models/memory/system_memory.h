// SPDX-License-Identifier: Apache-2.0
/// System memory: sparse bytes behind timed ports that share one bandwidth, with the page ledger watching what devices do.
#pragma once
#include "base/events.h"
#include "base/param.h"
#include "memory/memory_port.h"
#include "memory/mmio.h"
#include "memory/page_ledger.h"
#include "memory/sparse_memory.h"

namespace quiesce::memory {

using namespace sim::literals;
using namespace base::literals;

/// Defaults: facts/published-figures.md 1.2 and section 5 (DDR 50..100 ns; LLC to DRAM +53 ns on an E5-2630v4).
struct MemoryConfig {
    using P = base::Provenance;
    base::Param<base::Size> ram{16_GiB, "RAM, from ram_base on", base::between(16_MiB, 1024_GiB), P::Guess,
                                "enough for every library scenario"};
    base::Param<u64> ram_base{0x8000'0000, "first system address of RAM", base::at_most(u64{1} << 44), P::Guess,
                              "as on Arm servers, RAM does not start at zero"};
    base::Param<base::Latency> dma_latency{85_ns, "from the root complex to the commit of a DMA in memory", P::Derived,
                                           "DDR on a CPU is below 100 ns round trip (nextplatform, 2022-12)"};
    base::Param<base::Latency> walk_latency{60_ns, "one table, structure or queue access by the IOMMU", P::Derived,
        "pcie-bench (SIGCOMM 2018): an IOTLB miss adds 229..292 ns, about four dependent reads"};
    base::Param<base::Latency> cpu_latency{4_ns, "one CPU load, or one store leaving the store buffer, that hits its caches",
                                           P::Guess, "L2 hit of a server core"};
    base::Param<base::Bandwidth> bandwidth{60_GBps, "shared by DMA and walks", base::at_least(1_Mbps), P::Guess, "four DDR4-2400 channels at about 80 %"};
    base::Param<unsigned> beat{16, "bytes in one beat of a structure fetch; a larger structure can tear between beats",
                               base::between(8, 64), base::power_of_two, P::Derived,
                               "gem5 v24.0 src/dev/arm/SMMUv3.py: request_port_width 16 B"};
};
DESCRIBE(MemoryConfig, ram, ram_base, dma_latency, walk_latency, cpu_latency, bandwidth, beat)
static_assert(base::fully_described<MemoryConfig>);

/// Bytes that somebody else keeps. Each call is one access, at once; false: nothing answers at one of the addresses, and
/// nothing moved.
class ForeignBytes {
public:
    virtual ~ForeignBytes() = default;
    virtual bool read(Spa at, std::span<std::byte> into, Purpose purpose) = 0;
    virtual bool write(Spa at, std::span<const std::byte> from, Purpose purpose) = 0;
};

class SystemMemory {
public:
    /// With `foreign`, every access goes there, at the same times, and there is no RAM here.
    SystemMemory(base::EventBus& events, const MemoryConfig& config, ForeignBytes* foreign = nullptr);

    /// For root complexes, for IOMMU table and queue accesses, for CPUs. Each keeps the order of what enters it.
    MemoryPort& dma_port() { return dma_; }
    MemoryPort& walk_port() { return walk_; }
    MemoryPort& cpu_port() { return cpu_; }
    PageLedger& ledger() { return ledger_; }
    const PageLedger& ledger() const { return ledger_; }
    SparseMemory& bytes() { return bytes_; }
    Spa ram_base() const { return bytes_.ranges().front().base; }
    u64 ram_bytes() const { return bytes_.ranges().front().bytes; }

    /// 32-bit writes to [base, base + bytes) become messages to `sink` instead of landing in memory, be RAM there or
    /// not.
    void map_messages(Spa base, u64 bytes, InterruptSink& sink);

private:
    class Port final : public MemoryPort {
    public:
        Port(SystemMemory& m, sim::Duration latency, bool shares_bandwidth) : m_(m), latency_(latency), shares_(shares_bandwidth) {}
        void start(const Request& r, std::coroutine_handle<> who) override;
        void commit(Request& r) override { m_.commit(r); }
        sim::Task<Status> fetch(Spa at, std::span<u64> words, Origin origin) override;
        unsigned beat_bytes() const override { return m_.beat_; }
        bool peek(Spa at, std::span<std::byte> into) const override { return m_.read(at, into, Purpose::Cpu); }
        bool poke(Spa at, std::span<const std::byte> from) override { return m_.write(at, from, Purpose::Cpu); }

    private:
        /// The instant at which `bytes` asked for now commit.
        sim::Time reserve(u32 bytes);
        SystemMemory& m_;
        sim::Duration latency_;
        bool shares_;
        sim::Lane lane_;
    };
    struct MessageWindow {
        Spa base;
        u64 bytes;
        InterruptSink* sink;
    };
    /// A structure as it was when its first beat was sampled.
    struct Before {
        bool known = false;
        std::byte bytes[64]{};
    };
    Before as_it_is(Spa at, std::size_t bytes);
    void tell_if_torn(const Before& before, Spa at, std::span<const std::byte> fetched, const Origin& origin);
    void commit(Request& r);
    bool read(Spa at, std::span<std::byte> into, Purpose purpose) {
        return foreign_ == nullptr ? bytes_.read(at, into) : foreign_->read(at, into, purpose);
    }
    bool write(Spa at, std::span<const std::byte> from, Purpose purpose) {
        return foreign_ == nullptr ? bytes_.write(at, from) : foreign_->write(at, from, purpose);
    }
    bool deliver_message(const Request& r);
    bool modify(const Request& r);

    base::EventBus& events_;
    SparseMemory bytes_;
    ForeignBytes* foreign_;
    PageLedger ledger_;
    unsigned beat_;
    base::Bandwidth bandwidth_;
    sim::Time busy_until_{};
    std::vector<MessageWindow> windows_;
    bool hides_ram_ = false; ///< one of them lies over RAM
    Port dma_, walk_, cpu_;
};

} // namespace quiesce::memory
