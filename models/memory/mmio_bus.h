// SPDX-License-Identifier: Apache-2.0
/// The CPUs' way to registers: an address map over MmioTargets. Writes are posted, in order per target; a read follows the
/// writes before it and takes a round trip.
#pragma once
#include "base/param.h"
#include "memory/mmio.h"
#include "sim/calendar.h"
#include "sim/signal.h"
#include "sim/wire.h"

#include <memory>
#include <string>
#include <vector>

namespace quiesce::memory {

using namespace sim::literals;

struct MmioConfig {
    using P = base::Provenance;
    base::Param<base::Latency> issue{5_ns, "a CPU hands a posted register write over", P::Guess, "uncached store leaving a core"};
    base::Param<base::Latency> travel{50_ns, "one way between a CPU and a register block on the system bus", P::Guess,
                                      "on-chip interconnect of a server; PCIe registers add their link"};
};
DESCRIBE(MmioConfig, issue, travel)
static_assert(base::fully_described<MmioConfig>);

class MmioBus {
public:
    explicit MmioBus(const MmioConfig& config) : issue_(config.issue.get()), travel_(config.travel.get()) {}

    /// Throws std::invalid_argument if the window overlaps another.
    void map(Spa base, u64 bytes, MmioTarget& target, std::string name);
    /// Returns when the write has been handed over; it takes effect at the target after the travel. Nowhere: dropped, counted.
    sim::Task<void> write(Spa at, unsigned size, u64 value);
    /// Nowhere: all ones, counted.
    sim::Task<u64> read(Spa at, unsigned size);
    /// As write(), of a whole line (MOVDIR64B).
    sim::Task<void> write_line(Spa at, Line line);
    /// As read(): returns with the answer (ENQCMD). It stays behind the writes before it, and later accesses do not
    /// wait for its answer. Nowhere, or not on a 64-byte boundary: Failed, counted.
    sim::Task<Enqueued> enqueue(Spa at, Line line);
    u64 accesses_to_nowhere() const { return nowhere_; }

private:
    enum class What : u8 { Read, Write, WriteLine, Enqueue };
    struct Arrival {
        u64 offset;
        unsigned size;
        What what;
        u64 value;
        u64* result;
        sim::Latch* done;
        Line line{};
        Enqueued* answer = nullptr;
    };
    struct Window {
        Window(Spa b, u64 n, MmioTarget& t, std::string nm, sim::Duration travel)
            : base(b), bytes(n), target(t), name(std::move(nm)), arrivals(travel) {}
        Spa base;
        u64 bytes;
        MmioTarget& target;
        std::string name;
        sim::Pipe<Arrival> arrivals;
    };
    Window* find(Spa at, unsigned size);
    Window* find_line(Spa at);
    sim::Task<void> serve(Window& w);
    static sim::Task<void> put_in(MmioTarget& target, Arrival a);

    sim::Duration issue_, travel_;
    std::vector<std::unique_ptr<Window>> windows_;
    u64 nowhere_ = 0;
};

} // namespace quiesce::memory
