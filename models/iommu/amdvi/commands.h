// SPDX-License-Identifier: Apache-2.0
/// The command buffer (AMD 48882 2.4; facts/iommu-specs.md 3.3): commands fetched from memory one by one, decoded by a
/// table of rows, executed; COMPLETION_WAIT completes when all before it is complete.
#pragma once
#include "base/facts.h"
#include "base/ring_queue.h"
#include "iommu/agent.h"
#include "iommu/amdvi/context.h"
#include "iommu/amdvi/page_requests.h"
#include "iommu/ats_port.h"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace quiesce::iommu::amdvi {

/// What a command does to the caches: which entries are gone when the next COMPLETION_WAIT completes.
struct Invalidate {
    InvalidationKind kind;
    Scope scope;
};
/// An invalidation that a device carries out, and how many of its queue may be under way.
struct DeviceInvalidation {
    AtcInvalidation what;
    u16 queue = 0;
    unsigned most = 0;
};
/// A handler's answer: legal or not, and what it asks for.
struct Decode {
    bool legal = true;
    std::optional<Invalidate> work{};
    std::optional<DeviceInvalidation> device{};
    std::optional<PageGroupResponse> page_response{};
};

struct CommandRow {
    Opcode opcode;
    std::string_view section;
    std::array<u64, 2> operands; ///< bits that belong to a field; others must be zero
    Decode (*decode)(const Command& c, const Identity& id); ///< null: not modelled
    constexpr std::string_view name() const { return base::enum_text(opcode); }
};
std::span<const CommandRow> command_rows();
/// Null for an opcode that the manual does not have.
const CommandRow* command_row(Opcode opcode);
/// Judges a command as the unit does: opcode, reserved bits, operands. COMPLETION_WAIT and prefetches have no work.
Decode decode_command(const Command& c, const Identity& id);

/// The pages that an address and S say: 2^(k+1) of them, k consecutive ones from bit 12 on; nullopt: all. MODEL: ones up to
/// bit 50 and above are all, as in QEMU.
std::optional<IovaRange> pages_of(Iova at, bool s);

/// What commands act on, besides the buffer's own registers.
struct CommandTargets {
    Agent& agent;
    PageRequestLog& page_requests;
    EventLog& events;
    ContextResolver& resolver;
};

class CommandBuffer {
public:
    CommandBuffer(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory, Signals& signals,
                  CommandTargets targets, const Identity& id, const AmdviConfig& config);

    /// Something changed: the tail, what is enabled. Goes on if there is work and nothing in the way.
    void kick();
    void control_written(Control now, Control before);
    /// A new base means an empty buffer. MODEL: not while it runs (VirtualBox: ignored).
    void base_written(CmdBufBar before);
    /// What is kept of the page that a device asks for, before the request is logged.
    sim::Task<void> forget_asked(TranslationRequest r);
    void set_ats_port(AtsPort* port) { ats_port_ = port; }
    /// The span of the COMPLETION_WAIT that was completed last; 0 before the first.
    u64 last_wait_span() const { return last_wait_span_; }
    /// Meta-data: the span in which software rang the doorbell last.
    void doorbell_span(u64 span) { doorbell_span_ = span; }
    /// Commands that are not carried out, and waits that are not over.
    u32 unfetched() const { return ring().used(); }
    u64 open_waits() const { return waits_begun_ - waits_over_; }

private:
    using Ring = base::RingIndices<base::HeadTail>;
    /// Invalidations of devices that share a limit, in order.
    struct DeviceQueue {
        u64 last = 0, begun = 0; ///< asked for, and sent
        unsigned under_way = 0;
        sim::Signal moved;
    };
    /// What a device said; whoever waited for it may have given up.
    struct Exchange {
        sim::Latch answered;
        AtcAnswer answer = AtcAnswer::TimedOut;
    };
    Ring ring() const;
    bool may_run() const;
    void advance();
    sim::Task<void> run();
    sim::Task<void> execute(Command c, Spa at);
    void begin(const Command& c, const Decode& d, Spa at);
    void begin_wait(const CompletionWait& c, Spa at);
    sim::Task<void> wait(CompletionWait c, u64 upto, u64 number, Spa at);
    sim::Task<void> signal(CompletionWait c, u64 upto);
    sim::Task<void> invalidate_device(DeviceInvalidation d, Spa command, u64 behind, Obligation owed);
    sim::Task<bool> ask(AtcInvalidation what);
    static sim::Task<void> exchange(AtsPort* port, AtcInvalidation what, std::shared_ptr<Exchange> into);
    /// PREFETCH_IOMMU_PAGES.
    sim::Task<void> prefetch(PrefetchIommuPages c, Obligation owed);
    u64 forget(const Context& c, std::optional<IovaRange> pages);
    void forget_reports(const Command& c);
    void consumed(const Command& c, u64 sequence, Spa at);
    sim::Task<void> fail(EventCode why, Spa at);
    sim::Duration time_out() const;
    void level();

    base::Name unit_, actor_, level_name_, wait_phase_;
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
    Signals& signals_;
    CommandTargets on_;
    const Identity& id_;
    sim::Duration fetch_, execute_;
    bool early_sync_;
    AtsPort* ats_port_ = nullptr;
    std::array<base::Name, 16> names_{};
    base::Name failure_{};
    std::map<u16, DeviceQueue> devices_;
    u64 sequence_ = 0;
    u64 waits_begun_ = 0, waits_over_ = 0;
    u64 last_wait_span_ = 0, doorbell_span_ = 0;
    bool running_ = false;
    sim::Signal wait_over_;
};

} // namespace quiesce::iommu::amdvi
