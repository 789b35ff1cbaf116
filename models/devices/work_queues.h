// SPDX-License-Identifier: Apache-2.0
/// Work queues, one per PASID: the registers of devices/work_queue_regs.h in front of DMA engines. The device that has
/// them says where their requests go and how an interrupt is raised.
#pragma once
#include "base/facts.h"
#include "base/lifecycle.h"
#include "base/registers.h"
#include "base/spread.h"
#include "devices/dma_engine.h"
#include "devices/page_requests.h"
#include "devices/work_queue_regs.h"

#include <array>
#include <functional>
#include <memory>
#include <vector>

namespace quiesce::devices {

/// What every such device can be configured to be; its parameters stand among the device's own.
struct WorkQueueConfig {
    static constexpr bool in_place = true;
    using P = base::Provenance;
    base::Param<unsigned> queues{16,
                                 "work queues",
                                 base::between(1, accelerator::max_queues),
                                 base::unit("queues"),
                                 P::Guess,
                                 "a small shared-work-queue accelerator"};
    base::Param<base::Size> request_size{256_B, "bytes of one request where Q_SIZE says nothing",
                                         base::between(1_B, 64_KiB), P::Guess, "one packet at MPS 256"};
    base::Param<base::Spread> stop_time{3_us, "a running queue takes at least so long to end its pipeline after STOP",
                                        P::Guess, "no published figure; a few descriptors of some kilobytes"};
    base::Param<base::Latency> stop_time_max{0_us,
                                             "at most so long, drawn uniformly from a constant stop_time on; 0: stop_time alone says it",
                                             P::Guess, "no published figure"};
    base::Param<bool> dma_while_stopping{true, "a queue goes on with DMA at its rate during the stop time", P::Guess,
                                         "a pipeline ends the work it has taken"};
    DmaEngineConfig engine;
};
DESCRIBE(WorkQueueConfig, queues, request_size, stop_time, stop_time_max, dma_while_stopping, engine)
static_assert(base::fully_described<WorkQueueConfig>);

enum class QueueEvent : u8 { Doorbell, WorkEnds, Stop, Abort, Drained, Reset };
inline constexpr base::Arrow<accelerator::State, QueueEvent> queue_arrows[] = {
    {accelerator::State::Idle, QueueEvent::Doorbell, accelerator::State::Running},
    {accelerator::State::Idle, QueueEvent::Stop, accelerator::State::Stopping},
    {accelerator::State::Idle, QueueEvent::Abort, accelerator::State::Stopping},
    {accelerator::State::Running, QueueEvent::WorkEnds, accelerator::State::Idle},
    {accelerator::State::Running, QueueEvent::Stop, accelerator::State::Stopping},
    {accelerator::State::Running, QueueEvent::Abort, accelerator::State::Stopping},
    {accelerator::State::Stopping, QueueEvent::Abort, accelerator::State::Stopping},
    {accelerator::State::Stopping, QueueEvent::Drained, accelerator::State::Stopped},
    {accelerator::State::Stopped, QueueEvent::Doorbell, accelerator::State::Running},
    {accelerator::State::Idle, QueueEvent::Reset, accelerator::State::Idle},
    {accelerator::State::Running, QueueEvent::Reset, accelerator::State::Idle},
    {accelerator::State::Stopping, QueueEvent::Reset, accelerator::State::Idle},
    {accelerator::State::Stopped, QueueEvent::Reset, accelerator::State::Idle},
};
static_assert(base::deterministic(queue_arrows) && base::all_reachable(queue_arrows, accelerator::State::Idle));

/// What the device gives its queues. `atc` and `pages` may be null. `seed` is the run's.
struct WorkQueueHost {
    base::Name name;
    base::EventBus& events;
    DmaPort& port;
    Atc* atc;
    PageRequestInterface* pages;
    u64 seed;
    /// An enabled interrupt is due.
    std::function<void()> interrupt;
    /// Begins the work of a doorbell; empty: the engine makes the requests that the registers describe.
    std::function<void(unsigned queue, const Workload& work)> begin{};
    bool atomics = false; ///< the device can send AtomicOps
};

/// When a queue reports Stopped it issues nothing any more, its reads have been answered and its writes are globally
/// observable; its page requests have been answered, or a Stop Marker is behind them.
class WorkQueues {
public:
    WorkQueues(WorkQueueHost host, const WorkQueueConfig& config);
    WorkQueues(const WorkQueues&) = delete;

    /// Whose work runs and is not being stopped.
    std::vector<BondId> at_work() const;

    unsigned count() const { return static_cast<unsigned>(queues_.size()); }
    accelerator::State state(unsigned queue) const { return queues_.at(queue)->life.state(); }
    DmaEngine& engine(unsigned queue) { return queues_.at(queue)->engine; }
    /// The id of the latest stop's span (phase "device-drain"), 0 if there was none; per queue or of the device.
    u64 last_stop_span() const { return last_stop_span_; }
    u64 last_stop_span(unsigned queue) const { return queues_.at(queue)->stop_span; }
    /// Commands that the state of their queue did not allow; they had no effect.
    u64 refused_commands() const { return refused_; }
    const base::RegisterFile<accelerator::Registers>& registers() const { return regs_; }

    void bus_write(u64 offset, unsigned size, u64 value) { regs_.bus_write(static_cast<u32>(offset), size, value); }
    u64 bus_read(u64 offset, unsigned size) { return regs_.bus_read(static_cast<u32>(offset), size).value_or(0); }
    /// All registers are as after power-on, no queue does anything. MODEL: what is under way goes its way, and a queue
    /// counts it.
    void reset();
    /// No queue does anything, or can be told to, until reset().
    void halt();
    bool halted() const { return regs_.get(accelerator::DEV_ERROR::FATAL); }

private:
    struct Queue {
        Queue(base::Name n, const WorkQueueHost& h, const DmaEngineConfig& c)
            : name(n), life(accelerator::State::Idle), engine(n, h.events, h.port, c, h.seed, h.atc),
              stop_times(h.seed, std::string(n.text()) + ".stop_time") {}
        base::Name name;
        base::Lifecycle<accelerator::State, QueueEvent, queue_arrows> life;
        DmaEngine engine;
        sim::Random stop_times; ///< which queue is stopped first changes no other's
        sim::Latch abort;
        bool bad_work = false;
        u64 stop_span = 0;
        u64 run = 0;     ///< doorbells and resets so far
        Workload work{}; ///< of the last doorbell
        accelerator::Q_PASID pasid;
        accelerator::Q_WORK_TAG work_tag;
        accelerator::Q_BASE base;
        accelerator::Q_LENGTH length;
        accelerator::Q_MODE mode;
        accelerator::Q_SIZE size;
        accelerator::Q_RATE rate;
        accelerator::Q_STRIDE stride;
        accelerator::Q_COUNT count;
    };
    void bind_registers();
    void drop(Queue& q);
    Queue* selected();
    unsigned number_of(const Queue& q) const;

    void command(Queue& q, accelerator::Q_CTRL c);
    void doorbell(Queue& q);
    Workload work_of(const Queue& q) const;
    bool take(Queue& q, QueueEvent e);
    static pcie::DmaRequest pasid_of(const Queue& q);
    sim::Task<void> watch(Queue& q, u64 run);
    sim::Task<void> stop(Queue& q);
    sim::Duration draw_stop_time(Queue& q);
    template <class Pending>
    void raise(const Queue& q, bool enabled);

    WorkQueueHost host_;
    WorkQueueConfig config_;
    base::RegisterFile<accelerator::Registers> regs_;
    std::vector<std::unique_ptr<Queue>> queues_;
    std::array<base::Name, 4> state_names_;
    base::Name drain_phase_;
    u64 last_stop_span_ = 0, refused_ = 0;
};

} // namespace quiesce::devices
