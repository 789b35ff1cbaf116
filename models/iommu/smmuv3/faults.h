// SPDX-License-Identifier: Apache-2.0
/// Event records and the event queue (IHI 0070 3.5, 7.2, 7.3; facts/iommu-specs.md 1.2 and 1.7).
#pragma once
#include "base/ring_queue.h"
#include "iommu/context.h"
#include "iommu/events.h"
#include "iommu/smmuv3/layout.h"
#include "iommu/smmuv3/signals.h"
#include "sim/signal.h"
#include "sim/slots.h"

#include <span>
#include <string_view>

namespace quiesce::iommu::smmuv3 {

/// Which fields a record has beyond its first word.
enum class RecordForm : u8 {
    Plain,
    StreamOnly,
    Substream,
    Fetch,
    Forbidden,
    AtsRequest,
    WalkAbort,
    Translation,
    Conflict,
    Other
};
struct EventRow {
    EventId id;
    std::string_view name;
    std::string_view section;
    RecordForm form;
    std::string_view absent{}; ///< why this unit never writes it; empty: it does
};
/// Whether software asked to hear of every fault that is like another one.
enum class Merging : u8 { No, Allowed };
std::span<const EventRow> event_rows();
/// The row of an id; the id must be in the table.
const EventRow& event_row(EventId id);
/// The event that a fault becomes.
EventId event_of(const Fault& f);
/// The complete record of event `id` for a transaction that met fault `f`.
EventRecord make_record(EventId id, const TranslationRequest& r, const Fault& f);
/// 7.3.1: one record may stand for both: all fields are the same but for the offset in the page of the input address.
bool alike(const EventRecord& a, const EventRecord& b);
/// 7.3.1: events that can be had before there is an STE to ask may always be merged.
bool merged_unasked(EventId id);

/// Which stalled transaction a record speaks of. The serial tells it from a later one with the same STAG.
struct StallTicket {
    u16 stag = 0;
    u64 serial = 0;
};
/// Who holds the stalled transactions, asked by the queue about their records.
class StallOwner {
public:
    virtual ~StallOwner() = default;
    /// The transaction still waits for its record. `waited`: the record has once found the queue not writable.
    virtual bool wants_record(StallTicket ticket, bool waited) = 0;
    /// The record is visible to software, or (not Recorded) lost in an aborted write.
    virtual void recorded(StallTicket ticket, FaultFate fate) = 0;
};

/// Writes records in the order of the faults. A fault that finds all buffers taken holds its transaction. Records of
/// stalled transactions are never dropped (7.2.1): they wait, out of the way of others, until the queue is writable;
/// they need no buffer, for the held transaction is theirs.
class EventQueue {
public:
    EventQueue(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
               Signals& signals, const Identity& id, const Smmuv3Config& config);

    /// Returns once the record has a buffer; it is written, or lost, later. Where the unit merges, and may, one that is
    /// like another that is not being written yet needs neither: FaultFate::Merged.
    sim::Task<void> record(EventRecord record, FaultRaised fact, Merging merging = Merging::No);
    /// As record(), for a transaction that is stalled; the owner hears what becomes of it.
    void record_stall(const EventRecord& record, const FaultRaised& fact, StallOwner& owner, StallTicket ticket);
    /// Goes on when every record taken before this call has been written or lost, or waits for the queue to become
    /// writable (4.7.3: what a CMD_SYNC owes).
    sim::Task<void> drained();
    /// Software wrote EVENTQ_CONS.
    void consumed();
    /// Something that keeps records out may be over: lets in those that wait.
    void retry_stalls();
    bool enabled() const { return regs_.get(Cr0Ack::EVENTQEN); }
    /// Records that are not written, and those that software has not taken.
    std::size_t unwritten() const { return pending_.size() + shut_out_.size(); }
    u32 unread() const { return ring().used(); }

private:
    struct Pending {
        EventRecord record;
        FaultRaised fact;
        sim::Lease buffer{};
        StallOwner* stall_owner = nullptr; ///< null: the transaction has ended
        StallTicket ticket{};
        bool waited = false;
    };
    using Ring = base::RingIndices<base::WrapBit>;
    Ring ring() const;
    /// Enabled, and no abort is waiting to be acknowledged.
    bool open() const;
    bool merged(const EventRecord& record, FaultRaised fact, Merging merging);
    void take(Pending&& record);
    sim::Task<void> run();
    sim::Task<void> finish(Pending next);
    sim::Task<FaultFate> write(const EventRecord& record);
    void overflow();
    void level();

    base::Name level_name_;
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
    Signals& signals_;
    unsigned max_log2_;
    sim::Duration write_delay_;
    bool merges_;
    sim::Slots buffers_;
    sim::Fifo<Pending> pending_;
    sim::Fifo<Pending> shut_out_; ///< records of stalled transactions that found the queue not writable
    u64 taken_ = 0, finished_ = 0;
    bool running_ = false;
    sim::Signal progress_;
};

} // namespace quiesce::iommu::smmuv3
