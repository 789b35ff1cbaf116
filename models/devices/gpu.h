// SPDX-License-Identifier: Apache-2.0
/// A GPU-like engine: many contexts in memory, a few engines that run them in turn. A context is preempted wave by
/// wave: each wave goes on until a point where it can stop, then its state goes to the context's save area by DMA. An
/// access that finds no translation, and no page, is tried again until it does, or the context is removed (XNACK).
/// Programmed through gpu_regs.h and gpu_layout.h. No GPU's: what is common to those that share address spaces.
#pragma once
#include "base/facts.h"
#include "base/lifecycle.h"
#include "base/ring_queue.h"
#include "base/spread.h"
#include "devices/dma_access.h"
#include "devices/gpu_layout.h"
#include "devices/gpu_regs.h"
#include "devices/sva_function.h"
#include "devices/workload.h"

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace quiesce::devices {

struct GpuConfig {
    using P = base::Provenance;
    base::Param<unsigned> engines{2, "contexts that run at once", base::between(1u, gpu::vmids - gpu::first_user_vmid),
                                  P::Guess, "linux: amdkfd has 8 of 16 VMIDs, one for each process that runs"};
    base::Param<unsigned> contexts{64, "contexts that can be mapped", base::between(1u, 1024u), P::Guess,
                                   "of the order of hardware queue descriptors"};
    base::Param<unsigned> waves{16, "waves of a context at most, each with one request under way",
                                base::between(1u, 255u), P::Guess,
                                "few, so that a simulated save stays small; real ones have thousands"};
    base::Param<base::Size> wave_bytes{4_KiB, "state of one wave: registers and local memory",
                                       base::between(64_B, 1_MiB), P::Derived, "64 lanes of 16 registers of 4 bytes"};
    base::Param<base::Size> request_size{256_B, "bytes of one request where a descriptor gives none",
                                         base::between(1_B, 64_KiB), P::Guess, "64 lanes of 4 bytes, coalesced"};
    base::Param<base::Latency> time_slice{10_ms, "a context keeps its engine so long while another one waits",
                                          base::at_least(1_us), P::Guess,
                                          "linux: amdkfd asks for a process quantum of 10; the unit is firmware's"};
    base::Param<base::Spread> preempt_point{2_us, "a wave goes on at least so long before it can be preempted",
                                            P::Guess, "no published figure"};
    base::Param<base::Latency> preempt_point_max{20_us,
                                                 "and at most so long, drawn for each wave; where preempt_point is drawn itself, of no effect",
                                                 P::Guess, "no published figure"};
    base::Param<unsigned> hang_one_in{0, "one preemption in so many never ends, drawn; 0: none",
                                      base::at_most(1'000'000u), P::Guess, "of firmware that works: none"};
    base::Param<base::Latency> load{5_us, "an engine is set up for a context, its state apart", P::Guess,
                                    "no published figure"};
    base::Param<base::Latency> reset_time{500_ms, "a reset of the engines", P::Kernel,
                                          "linux: amdgpu smu_v13_0.h, SMU13_MODE1_RESET_WAIT_TIME_IN_MS"};
    base::Param<base::Latency> retry{5_us, "an access that found no translation is tried again after so long",
                                     base::at_least(1_ns), P::Guess, "no published figure"};
    base::Param<base::Latency> retry_max{1_ms, "the pause doubles up to this", base::at_least(1_ns), P::Guess,
                                         "no published figure"};
    SvaFunctionConfig function;
};
DESCRIBE(GpuConfig, engines, contexts, waves, wave_bytes, request_size, time_slice, preempt_point, preempt_point_max,
         hang_one_in, load, reset_time, retry, retry_max, function)
static_assert(base::fully_described<GpuConfig>);

enum class ContextEvent : u8 { Map, Load, Preempt, Saved, WorkEnds, Unmap, Reset };
inline constexpr base::Arrow<gpu::State, ContextEvent> context_arrows[] = {
    {gpu::State::Unmapped, ContextEvent::Map, gpu::State::Waiting},
    {gpu::State::Idle, ContextEvent::Map, gpu::State::Waiting},
    {gpu::State::Waiting, ContextEvent::Load, gpu::State::Running},
    {gpu::State::Running, ContextEvent::Preempt, gpu::State::Saving},
    {gpu::State::Running, ContextEvent::WorkEnds, gpu::State::Idle},
    {gpu::State::Saving, ContextEvent::Saved, gpu::State::Waiting},
    {gpu::State::Saving, ContextEvent::WorkEnds, gpu::State::Idle},
    {gpu::State::Saving, ContextEvent::Unmap, gpu::State::Unmapped},
    {gpu::State::Waiting, ContextEvent::Unmap, gpu::State::Unmapped},
    {gpu::State::Idle, ContextEvent::Unmap, gpu::State::Unmapped},
    {gpu::State::Unmapped, ContextEvent::Reset, gpu::State::Unmapped},
    {gpu::State::Idle, ContextEvent::Reset, gpu::State::Unmapped},
    {gpu::State::Waiting, ContextEvent::Reset, gpu::State::Unmapped},
    {gpu::State::Running, ContextEvent::Reset, gpu::State::Unmapped},
    {gpu::State::Saving, ContextEvent::Reset, gpu::State::Unmapped},
};
static_assert(base::deterministic(context_arrows) && base::all_reachable(context_arrows, gpu::State::Unmapped));

/// When a context reports Unmapped it issues nothing any more, its reads have been answered and its writes are globally
/// observable; its page requests have been answered, or a Stop Marker is behind them. The same holds of all contexts
/// when a reset is over.
class Gpu final : public SvaFunction {
public:
    /// `seed` is the run's. The calendar must be shut down before the GPU goes.
    Gpu(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
        const GpuConfig& config, DeviceId device, u64 seed = 0);

    gpu::State state(unsigned context) const { return contexts_.at(context)->life.state(); }
    /// Where the context runs or ran last.
    unsigned engine_of(unsigned context) const { return contexts_.at(context)->engine; }
    /// The id of the span of the context's last preemption, 0 if there was none.
    u64 last_stop_span(unsigned context) const { return contexts_.at(context)->stop_span; }
    u64 retries() const { return retries_; }
    u64 faults() const { return faults_; }
    /// Commands that the state of their context, or of the GPU, did not allow; they had no effect.
    u64 refused_commands() const { return refused_; }
    /// Entries that the interrupt ring had no room for.
    u64 dropped_interrupts() const { return dropped_; }

private:
    struct Wave {
        sim::Latch preempt; ///< it stops at its next point
        sim::Latch gone;
        std::optional<RequestSequence::Item> access; ///< begun and not done: tried again when it is restored
    };
    struct Context {
        Context(base::Name n, unsigned i, Gpu& g, u64 seed)
            : name(n), number(i), life(gpu::State::Unmapped), sequence(seed, n.text()),
              hangs(seed, std::string(n.text()) + ".hang"), points(seed, std::string(n.text()) + ".preempt_point"),
              access(g.events(), g, g.atc()) {
        }
        base::Name name;
        unsigned number;
        base::Lifecycle<gpu::State, ContextEvent, context_arrows> life;
        gpu::ContextDescriptor descriptor;
        RequestSequence sequence;
        sim::Random hangs, points;
        Workload work{};
        DmaAccess access;
        std::deque<Wave> waves;
        unsigned alive = 0; ///< waves on the engine
        unsigned engine = 0;
        u64 requests = 0; ///< that the work has begun
        u64 run = 0;      ///< times on an engine and resets so far: what belongs to an earlier one ends quietly
        u64 stop_span = 0;
        sim::Time next_request{};
        bool reading = false; ///< MAP reads the descriptor
        bool begun = false;   ///< it has been on an engine since MAP, or is to be restored
        bool saved = false;   ///< the save area holds its state
        bool unmap = false;   ///< to be unmapped at the next opportunity
        /// No request is left to begin.
        bool exhausted() const { return !sequence.more() || (work.count != 0 && requests >= work.count); }
        std::size_t pending() const;
    };
    struct Engine {
        unsigned number = 0;
        bool busy = false;
        sim::Signal wake; ///< there is something to consider
    };

    void bar_write(u64 offset, unsigned size, u64 value) override {
        regs_.bus_write(static_cast<u32>(offset), size, value);
    }
    u64 bar_read(u64 offset, unsigned size) override {
        return regs_.bus_read(static_cast<u32>(offset), size).value_or(0);
    }
    std::vector<BondId> at_work() const override;
    void forget() override;
    void bind_registers();
    Context* context(u64 number) { return number < contexts_.size() ? contexts_[number].get() : nullptr; }

    // ---- commands (gpu.cpp)
    void command(gpu::COMMAND c);
    sim::Task<void> map(Context& c, u64 life);
    void take_descriptor(Context& c);
    void unmap(Context& c);
    bool take(Context& c, ContextEvent e);
    sim::Task<void> unmapped(Context& c, bool failed);
    void abandon(Context& c);
    sim::Task<void> reset_engines();
    static pcie::DmaRequest request_of(const Context& c);
    static pcie::DmaRequest save_request(const Context& c);
    DmaAccess& way_of(Context& c, const pcie::DmaRequest& r) { return r.has_pasid ? c.access : own_; }

    // ---- interrupts (gpu.cpp)
    void post(const Context& c, gpu::Source source, bool failed = false, Iova at = {}, bool write = false);
    sim::Task<void> write_entry(gpu::InterruptEntry entry, u32 slot, u32 wptr);
    sim::Task<void> write_pointer(u32 wptr);
    unsigned vmid_of(const Context& c) const;

    // ---- engines (gpu_engines.cpp)
    void enqueue(Context& c);
    void wake_engines();
    sim::Task<void> run_engine(Engine& e, u64 life);
    sim::Task<void> run(Engine& e, Context& c, u64 life);
    sim::Task<bool> load(Context& c, u64 life);
    sim::Task<void> finish(Context& c, u64 life);
    sim::Task<void> preempt(Context& c, u64 life);
    sim::Task<void> save(Context& c, bool& ok);
    sim::Task<void> save_wave(Context& c, unsigned n, bool& ok);
    bool hangs(Context& c);
    sim::Duration draw_point(Context& c);

    // ---- waves (gpu_engines.cpp)
    void start_waves(Context& c);
    sim::Task<void> wave(Context& c, Wave& w, u64 run);
    sim::Task<bool> perform(Context& c, Wave& w, u64 run);

    GpuConfig config_;
    base::RegisterFile<gpu::Registers> regs_;
    DmaAccess own_; ///< the GPU's own accesses: no PASID
    std::vector<std::unique_ptr<Context>> contexts_;
    std::deque<Engine> engines_;
    std::deque<Context*> runlist_; ///< contexts that wait for an engine, the next one first
    std::array<base::Name, 5> state_names_;
    base::Name runlist_name_;
    base::RingIndices<base::HeadTail> ring_; ///< of interrupts
    bool resetting_ = false;
    u64 life_ = 0; ///< resets so far
    u64 retries_ = 0, faults_ = 0, refused_ = 0, dropped_ = 0;
    std::vector<std::byte> pattern_, sink_; ///< what writes carry; where reads go: nobody looks at the data
};

} // namespace quiesce::devices
