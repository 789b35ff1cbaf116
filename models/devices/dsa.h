// SPDX-License-Identifier: Apache-2.0
/// A data streaming accelerator: user space gives it 64-byte descriptors at portals, each with the PASID of the thread
/// that wrote it; engines take them out of work queues, move memory, and write a completion record to the submitter's
/// memory.
///
/// A shared queue takes deferrable writes (ENQCMD), with the PASID that the CPU puts into them, and answers Retry when
/// it is full; a dedicated queue takes posted ones (MOVDIR64B) and has its PASID in its setting. Commands about a PASID
/// wait for, or abandon, that PASID's descriptors alone.
#pragma once
#include "base/facts.h"
#include "base/registers.h"
#include "base/spread.h"
#include "devices/dsa_layout.h"
#include "devices/dma_access.h"
#include "devices/dsa_regs.h"
#include "devices/sva_function.h"
#include "sim/random.h"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace quiesce::devices {

struct DsaConfig {
    using P = base::Provenance;
    base::Param<unsigned> engines{
        4,        "engines: descriptors worked on at once", base::between(1u, 16u), base::unit("engines"),
        P::Guess, "DSA 1.0 of Sapphire Rapids has four"};
    base::Param<unsigned> queues{8,
                                 "work queues",
                                 base::between(1u, dsa::max_queues),
                                 base::unit("queues"),
                                 P::Guess,
                                 "DSA 1.0 of Sapphire Rapids has eight"};
    base::Param<unsigned> entries{
        128,      "descriptors in all work queues together", base::between(1u, 1024u), base::unit("descriptors"),
        P::Guess, "DSA 1.0 of Sapphire Rapids has 128"};
    base::Param<unsigned> max_transfer_shift{21,
                                             "the largest transfer is 2 to this power",
                                             base::between(12u, 31u),
                                             base::unit("bits"),
                                             P::Kernel,
                                             "linux: drivers/dma/idxd/idxd.h, WQ_DEFAULT_MAX_XFER: 2 MiB"};
    base::Param<base::Latency> dispatch{40_ns, "an engine takes a descriptor and checks it", P::Guess,
                                        "some cycles of a device clock"};
    base::Param<base::Latency> command{1_us, "a command of the driver, without what it waits for", P::Guess,
                                       "no published figure"};
    base::Param<base::Spread> drain_time{0_ns, "a command that drains goes on so long when nothing is left that it waits for", P::Guess,
                                         "no published figure"};
    base::Param<bool> halt_ends_commands{true, "a command that is active when the device halts ends with an error; false: it never ends, and idxd waits for it without a time-out",
                                         P::Guess, "no public text says which"};
    base::Param<base::Latency> halt_report{10_us, "from the end of such a command until the halt is reported; 0: both at once, and idxd looks at the halt alone and waits for the command for ever",
                                           P::Guess, "no public text says which"};
    SvaFunctionConfig function;
};
DESCRIBE(DsaConfig, engines, queues, entries, max_transfer_shift, dispatch, command, drain_time, halt_ends_commands, halt_report, function)
static_assert(base::fully_described<DsaConfig>);

class Dsa final : public SvaFunction {
public:
    /// `seed` is the run's. The calendar must be shut down before the device goes.
    Dsa(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
        const DsaConfig& config, DeviceId device, u64 seed = 0);

    /// It finds an error of its own and does nothing any more until it is reset, in the way that it says. What is inside is lost.
    /// False: it is halted already.
    bool halt(dsa::ResetType needs);
    /// The id of the latest command's span (phase "device-drain"), 0 if there was none.
    u64 last_command_span() const { return command_span_; }
    /// Commands that were written while another one was active; they had no effect.
    u64 refused_commands() const { return refused_; }
    const base::RegisterFile<dsa::Registers>& registers() const { return regs_; }
    unsigned occupancy(unsigned queue) const { return static_cast<unsigned>(queues_.at(queue).waiting.size()); }
    /// Descriptors that are in a queue or being worked on.
    unsigned inside() const { return inside_; }

private:
    /// A descriptor inside the device.
    struct Work {
        bool used = false, running = false, abandoned = false;
        u64 number = 0; ///< in the order of arrival
        unsigned queue = 0;
        dsa::Descriptor descriptor;
        bool has_pasid = false, privileged = false;
        Pasid pasid{};
        BondId bond{};
        sim::Time since{};
    };
    struct Queue {
        base::Name name, level;
        dsa::QueueSetting setting;
        bool enabled = false;
        sim::Fifo<u32> waiting; ///< places in works_
    };
    /// Some of the work inside.
    struct Which {
        u32 queues = ~u32{0}; ///< a bit each
        std::optional<Pasid> pasid;
        u64 before = ~u64{0};
        bool holds(const Work& w) const {
            return w.used && (queues >> w.queue & 1) != 0 && (!pasid || (w.has_pasid && w.pasid == *pasid)) &&
                   w.number < before;
        }
    };
    /// How a descriptor ends, as its completion record says it.
    struct Result {
        dsa::Status status = dsa::Status::Success;
        u8 value = 0;
        u32 bytes = 0, invalid_flags = 0;
        Iova fault_at{};
        bool fault_write = false;
    };

    void bar_write(u64 offset, unsigned size, u64 value) override;
    u64 bar_read(u64 offset, unsigned size) override;
    pcie::CompletionStatus take_line(u64 offset, const memory::Line& line, bool deferrable) override;
    std::vector<BondId> at_work() const override;
    void forget() override;
    void drop_all();
    sim::Task<void> report_halt(u64 life);
    void set_capabilities();

    // ---- portals and queues
    std::optional<unsigned> setting_at(u64 offset) const;
    void write_setting(Queue& q, unsigned at, unsigned size, u64 value);
    dsa::QueueSetting shown(const Queue& q) const;
    SubmissionFate submit(unsigned queue, const memory::Line& line, bool deferrable);
    void accept(unsigned queue, Work w);
    void level(const Queue& q);
    static pcie::DmaRequest request_of(const Work& w);
    bool any(const Which& which) const;
    void occupied(const Work& w, base::Name state);

    // ---- commands
    void give(dsa::CMD c);
    sim::Task<void> run(dsa::CMD c);
    sim::Task<dsa::CommandError> obey(dsa::Command command, u32 operand);
    dsa::CommandError enable_device();
    dsa::CommandError enable_queue(u32 number);
    sim::Task<dsa::CommandError> about_queues(dsa::Command command, u32 operand);
    sim::Task<void> drain(Which which, bool abandon);
    sim::Task<void> close_pages(Which which);
    sim::Task<void> flush(Which which);
    void abandon(const Which& which);
    void disable(u32 queues);
    template <class Field>
    void raise(const Field& cause, bool enabled);
    void report(const Work& w, dsa::Status error, Iova at, bool write);

    // ---- engines (dsa_engine.cpp)
    sim::Task<void> engine(unsigned number);
    Work* next();
    dsa::Status judge(const Work& w, u32& invalid_flags) const;
    sim::Task<Result> carry_out(Work& w, std::vector<std::byte>& buffer);
    sim::Task<DmaEnding> step(const Work& w, pcie::DmaRequest first, pcie::DmaRequest second,
                              std::vector<std::byte>& buffer, Result& r);
    sim::Task<void> finish(Work& w, Result r);
    sim::Task<RecordFate> write_record(const Work& w, Result r);
    bool waits_for_pages(const Work& w);
    void end(Work& w, const Result& r, RecordFate record);
    void to_be_flushed(const pcie::DmaRequest& write) {
        unflushed_[write.has_pasid ? raw(write.pasid) : without_pasid] = write;
    }

    DsaConfig config_;
    base::RegisterFile<dsa::Registers> regs_;
    DmaAccess access_;
    std::array<Queue, dsa::max_queues> queues_;
    std::vector<Work> works_;
    std::map<u32, pcie::DmaRequest> unflushed_; ///< by PASID or without: the last write that nothing has pushed
    sim::Signal arrived_, ended_;
    sim::Random drain_times_;
    base::Name drain_phase_, running_, idle_;
    unsigned inside_ = 0, last_queue_ = 0;
    u64 number_ = 0, life_ = 0, command_span_ = 0, refused_ = 0;
};

} // namespace quiesce::devices
