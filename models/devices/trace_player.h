// SPDX-License-Identifier: Apache-2.0
/// A PCI function that plays a DMA workload from a trace (devices/trace_file.h): each request at its time, for the
/// address space of the process that the trace names, as far as packets, tags and credits allow.
#pragma once
#include "devices/sva_function.h"
#include "devices/trace_file.h"
#include "devices/work_queues.h"

namespace quiesce::devices {

struct TracePlayerConfig {
    using P = base::Provenance;
    base::Param<std::string> trace{"", "the file with the requests; relative to the scenario's file", P::Guess,
                                   "format: traces/dma/README.md"};
    WorkQueueConfig work;
    SvaFunctionConfig function;
};
DESCRIBE(TracePlayerConfig, trace, work, function)
static_assert(base::fully_described<TracePlayerConfig>);

/// The n-th process that the trace names has queue n: its PASID, its tag and its heap come through the queue's
/// registers, and a doorbell says that it is there. Time begins when the last of them is there; what a queue that has
/// stopped would have had is left out. Requests for bare PASIDs, or without one, need no queue. The trace is one
/// stream: a request that finds no room delays those behind it, and how late each was is stated.
class TracePlayer final : public SvaFunction {
public:
    /// Throws std::runtime_error if the trace cannot be read. The calendar must be shut down before the device goes.
    TracePlayer(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
                const TracePlayerConfig& config, DeviceId device, u64 seed = 0);

    WorkQueues& queues() { return queues_; }
    /// The queue of a process; nothing if the trace does not name it.
    std::optional<unsigned> queue_of(std::string_view process) const;
    /// Called with what is wrong with a line when its turn has come; must throw. Without it std::runtime_error is
    /// thrown.
    void on_bad_line(std::function<void(const TraceFile&, const TraceError&)> call) { bad_line_ = std::move(call); }

private:
    void bar_write(u64 offset, unsigned size, u64 value) override { queues_.bus_write(offset, size, value); }
    u64 bar_read(u64 offset, unsigned size) override { return queues_.bus_read(offset, size); }
    std::vector<BondId> at_work() const override { return queues_.at_work(); }
    void forget() override;
    void send_interrupt();
    void begin(unsigned queue, const Workload& work);
    sim::Task<void> play(u64 life);
    void played(const TraceLine& line, BondId bond, TraceLineFate fate, sim::Duration late);
    void end();
    std::optional<TraceLine> next_line();
    /// Who asks for the requests of one name of the trace.
    struct Actor {
        std::optional<unsigned> queue;  ///< of a process
        std::unique_ptr<DmaEngine> own; ///< of a bare PASID, or none
        Workload who{};                 ///< for the engine of its own
    };
    DmaEngine& engine(const Actor& a) { return a.own ? *a.own : queues_.engine(*a.queue); }
    bool anyone();

    TraceFile file_;
    TraceReader reader_;
    EndpointPort port_{*this};
    WorkQueues queues_;
    std::vector<Actor> actors_;
    std::vector<bool> there_; ///< processes, by queue
    std::vector<Iova> heaps_; ///< by queue
    base::Name late_level_;   ///< how many nanoseconds behind the trace
    bool playing_ = false;
    u64 life_ = 0; ///< resets so far
    std::function<void(const TraceFile&, const TraceError&)> bad_line_;
};

} // namespace quiesce::devices
