// SPDX-License-Identifier: Apache-2.0
/// The invalidation queue (VT-d 6.5.2; facts/iommu-specs.md 2.6): descriptors fetched from memory one by one, decoded
/// by a table of rows, executed; a wait descriptor completes when all before it is complete. And invalidation by
/// register.
#pragma once
#include "base/facts.h"
#include "base/ring_queue.h"
#include "iommu/agent.h"
#include "iommu/ats_port.h"
#include "iommu/vtd/context.h"
#include "iommu/vtd/layout.h"
#include "iommu/vtd/page_requests.h"
#include "iommu/vtd/signals.h"

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace quiesce::iommu::vtd {

/// What a descriptor does to the caches: which entries are gone when the next wait completes.
struct Invalidate {
    InvalidationKind kind;
    Scope scope;
};
/// A handler's answer: legal or why not, and what it asks for.
struct Decode {
    QueueError error = QueueError::None;
    std::optional<Invalidate> work{};
    std::optional<AtcInvalidation> atc{}; ///< what goes out to a device
    std::optional<PageGroupResponse> page_response{};
};

/// In which modes of the root table a descriptor is legal.
enum class DescriptorModes : u8 { All, Scalable };
struct DescriptorRow {
    DescriptorType type;
    std::string_view section;
    DescriptorModes modes;
    std::array<u64, 4> operands; ///< bits that belong to a field; others must be zero
    Decode (*decode)(const Descriptor& d, const Identity& id, bool scalable); ///< null: not modelled

    constexpr std::string_view name() const { return base::enum_text(type); }
};
std::span<const DescriptorRow> descriptor_rows();
/// Null for a type that the manual does not have.
const DescriptorRow* descriptor_row(DescriptorType type);
/// Judges a descriptor as the queue does: type for the mode, reserved bits, operands. A wait has no work.
Decode decode_descriptor(const Descriptor& d, const Identity& id, TableMode mode);

/// Scopes that the registers and the descriptors share.
Scope context_scope(ContextGranularity g, DomainId did, RequesterId sid, FunctionMask mask, bool scalable);
/// nullopt: the operands are illegal.
std::optional<Scope> iotlb_scope(IotlbGranularity g, DomainId did, Iova at, u64 mask, bool leaf_only,
                                 const Identity& id);

/// What descriptors act on, besides the queue's own registers.
struct QueueTargets {
    Agent& agent;
    PageRequestQueue& page_requests;
    Sequence& sequence;
    const RootTable& root;
};

class InvalidationQueue {
public:
    InvalidationQueue(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                      Signals& signals, QueueTargets targets, const Identity& id, const VtdConfig& config);

    /// Something changed: the tail, the enable, an acknowledged error. Goes on if there is work and nothing in the way.
    void kick();
    /// Goes on when no descriptor is being executed and no wait is open.
    sim::Task<void> idle();
    void set_ats_port(AtsPort* port) { ats_port_ = port; }
    /// An invalidation completion that no request of this unit waits for (ICE).
    void stray_completion(RequesterId from);
    /// The span of the wait that was completed last; 0 before the first.
    u64 last_wait_span() const { return last_wait_span_; }
    /// Meta-data: the span in which software rang the doorbell last.
    void doorbell_span(u64 span) { doorbell_span_ = span; }
    /// Descriptors that are not carried out, and waits that are not over.
    u32 unfetched() const { return ring().used(); }
    u64 open_waits() const { return waits_begun_ - waits_over_; }

private:
    using Ring = base::RingIndices<base::HeadTail>;
    bool wide() const { return regs_.get(Iqa::DW); }
    Ring ring() const;
    bool may_run() const;
    /// What is wrong with the queue itself, whatever is in it.
    QueueError queue_error() const;
    sim::Task<void> run();
    sim::Task<void> execute(Descriptor d);
    void begin(const Decode& d);
    void begin_wait(const Descriptor& d);
    sim::Task<void> wait(InvWaitDsc d, u64 upto, u64 number);
    sim::Task<void> signal(InvWaitDsc d, u64 upto, u64 span);
    AtcInvalidation told(AtcInvalidation what, u64 sequence) const;
    sim::Task<void> invalidate_device(AtcInvalidation what, u64 behind, Obligation owed);
    void consumed(const Descriptor& d, u64 sequence, Spa entry);
    void fail(QueueError why);
    void timed_out(RequesterId who);
    void level();

    base::Name unit_, actor_, level_name_, wait_phase_;
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
    Signals& signals_;
    QueueTargets on_;
    const Identity& id_;
    sim::Duration fetch_, execute_;
    bool early_sync_;
    AtsPort* ats_port_ = nullptr;
    std::array<base::Name, 16> names_{};
    u64 waits_begun_ = 0, waits_over_ = 0;
    u64 aborted_waits_ = 0; ///< those begun before the last time-out
    u64 last_wait_span_ = 0, doorbell_span_ = 0;
    Spa entry_{}; ///< of the descriptor that was fetched last
    bool running_ = false;
    sim::Signal stopped_, wait_over_;
};

/// CCMD and the IOTLB registers: legacy mode without the queue, before version 6 (6.5.1).
class RegisterInvalidation {
public:
    RegisterInvalidation(RegisterFile& regs, QueueTargets targets, const Identity& id, const VtdConfig& config)
        : regs_(regs), on_(targets), id_(id), delay_(config.update_delay.get()) {}
    void context_command(Ccmd now, Ccmd before);
    void iotlb_command(Iotlb now, Iotlb before);

private:
    bool allowed() const;
    sim::Task<void> invalidate_contexts(Ccmd c);
    sim::Task<void> invalidate_iotlb(Iotlb c, Iva at);

    RegisterFile& regs_;
    QueueTargets on_;
    const Identity& id_;
    sim::Duration delay_;
};

} // namespace quiesce::iommu::vtd
