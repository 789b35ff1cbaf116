// SPDX-License-Identifier: Apache-2.0
/// Facts that an IOMMU states, in words that every architecture shares. Where a unit takes commands from several
/// queues, `unit` in facts about commands is the queue, but for the first of them, and sequences count the commands of all.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "base/facts.h"
#include "base/names.h"

#include <string_view>

namespace quiesce::iommu {

/// Near: the device interface's own caches had it.
enum class LookUp : u8 { Hit, Miss, Bypass, Near };

/// A request was answered. Emitted once per request.
struct Translated {
    static constexpr std::string_view event_name = "Translated";
    u64 transaction;
    BondId bond;
    StreamId stream;
    Pasid pasid;
    Iova at;
    LookUp look_up;          ///< of the translation cache
    bool granted;
};
DESCRIBE(Translated, transaction, bond, stream, pasid, at, look_up, granted)

enum class FaultFate : u8 {
    Recorded,        ///< hardware wrote a record
    Suppressed,      ///< ended without a record because the configuration says so (per-PASID quiet)
    Lost,            ///< should have been recorded; the queue was full
    Discarded,       ///< should have been recorded; the queue is disabled
    Merged,          ///< one record tells of it and of an earlier one, whose record is not written yet
};

/// A transaction was terminated, or a structure was found bad.
struct FaultRaised {
    static constexpr std::string_view event_name = "FaultRaised";
    u64 transaction;
    BondId bond;
    StreamId stream;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    base::Name type;         ///< the manual's name: F_TRANSLATION, C_BAD_CD, ...
    u16 code;                ///< the manual's number
    FaultFate fate;
    /// What decided, in the manual's words, which are rows of `features` where it is a field: "CD.EPD0=1". Empty: none did.
    base::Aside<base::Name> decided{};
    base::Aside<base::Name> unrecorded_by{}; ///< what kept it from being recorded
};
DESCRIBE(FaultRaised, transaction, bond, stream, has_pasid, pasid, at, type, code, fate, decided, unrecorded_by)

/// A translation request was told that there is no access, or a translated request was refused, of which the
/// architecture keeps no record, whatever the context says: its FaultRaised is suppressed.
struct AtsRefused {
    static constexpr std::string_view event_name = "AtsRefused";
    u64 transaction;
    BondId bond;
    StreamId stream;
};
DESCRIBE(AtsRefused, transaction, bond, stream)

/// A command left the command queue. `sequence` counts commands of this unit from 1.
struct CommandConsumed {
    static constexpr std::string_view event_name = "CommandConsumed";
    base::Name unit;
    u64 sequence;
    base::Name command;      ///< the manual's name: TLBI_NH_ASID, CMD_SYNC ...
    u64 word0, word1;
    base::Aside<Spa> entry{}; ///< where it stood in memory
};
DESCRIBE(CommandConsumed, unit, sequence, command, word0, word1, entry)

/// The caches hold nothing any more that command `sequence` covers, and no walk or transaction begun before it is left.
struct InvalidationDone {
    static constexpr std::string_view event_name = "InvalidationDone";
    base::Name unit;
    u64 sequence;
};
DESCRIBE(InvalidationDone, unit, sequence)

enum class InvalidationKind : u8 { Configuration, Translation, DeviceTlb };

/// An invalidation command was taken; its work has begun.
struct InvalidationBegun {
    static constexpr std::string_view event_name = "InvalidationBegun";
    base::Name unit;
    u64 sequence;
    InvalidationKind kind;
};
DESCRIBE(InvalidationBegun, unit, sequence, kind)

/// A fence (CMD_SYNC, wait descriptor, COMPLETION_WAIT) told software that every command up to `sequence` is complete.
struct FenceSignalled {
    static constexpr std::string_view event_name = "FenceSignalled";
    base::Name unit;
    u64 sequence;
    bool by_message;         ///< a write to memory, not the consumer index alone
    base::Aside<u64> span{}; ///< that the unit spent on it
};
DESCRIBE(FenceSignalled, unit, sequence, by_message, span)

/// A command error stopped the queue, or the unit reported a global error.
struct GlobalError {
    static constexpr std::string_view event_name = "GlobalError";
    base::Name unit;
    base::Name what;
    base::Name why; ///< of a command error: its code
    bool active;
};
DESCRIBE(GlobalError, unit, what, why, active)

// ---- recoverable faults ---------------------------------------------------------------------------------------------

/// A device's page request, or its Stop Marker, reached the unit. What became of it: a record in memory, and later
/// PageResponseSent for its group.
struct PageRequestReceived {
    static constexpr std::string_view event_name = "PageRequestReceived";
    base::Name unit;
    BondId bond;
    StreamId stream;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    u16 group;
    bool write;
    bool last;
    bool stop_marker;        ///< asks for nothing and is never answered
};
DESCRIBE(PageRequestReceived, unit, bond, stream, has_pasid, pasid, at, group, write, last, stop_marker)

/// A page request became a record in memory: software will see it.
struct PageRequestRecorded {
    static constexpr std::string_view event_name = "PageRequestRecorded";
    base::Name unit;
    BondId bond;
    StreamId stream;
    Iova at;
    u16 group;
    bool last; ///< of its group
    bool stop_marker;
};
DESCRIBE(PageRequestRecorded, unit, bond, stream, at, group, last, stop_marker)

/// A page request found no room in the unit's queue, or a queue that takes nothing since one did: it is no record, and no
/// software will see it. Whether the unit answers it by itself PageResponseSent says.
struct PageRequestDropped {
    static constexpr std::string_view event_name = "PageRequestDropped";
    base::Name queue;
    BondId bond;
    StreamId stream;
    Iova at;
    u16 group;
    bool last; ///< of its group
    bool stop_marker;
    bool off;  ///< the queue is off, not full
};
DESCRIBE(PageRequestDropped, queue, bond, stream, at, group, last, stop_marker, off)

/// Who decided a response to a page request.
enum class PageResponseReason : u8 {
    Driver,                  ///< a command of software
    Overflow,                ///< the unit itself: the queue was full, or an overflow is not acknowledged
    Disabled,                ///< the unit itself: the queue, or the unit, is off
    QueueAborted,            ///< the unit itself: the record could not be written to memory, now or before
};

/// A response to a page request group left the unit. `code` is the message's: 0 success, 1 invalid, 15 failure.
struct PageResponseSent {
    static constexpr std::string_view event_name = "PageResponseSent";
    base::Name unit;
    StreamId stream;
    bool has_pasid;          ///< the response carries one; the request may have had one all the same
    Pasid pasid;
    u16 group;
    u8 code;
    PageResponseReason reason;
};
DESCRIBE(PageResponseSent, unit, stream, has_pasid, pasid, group, code, reason)

/// A faulting transaction is held until software, or the unit, decides about it. Each one ends in one StallResolved;
/// a transaction that is translated once more may then stall again.
struct TransactionStalled {
    static constexpr std::string_view event_name = "TransactionStalled";
    base::Name unit;
    u64 transaction;
    BondId bond;
    StreamId stream;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    bool tagged;             ///< false: all tags are in use, and software will not hear of it before one is free
    u16 tag;                 ///< by which software names it
};
DESCRIBE(TransactionStalled, unit, transaction, bond, stream, has_pasid, pasid, at, tagged, tag)

/// A stalled transaction became a record in memory: software will see it, by that tag.
struct StallRecorded {
    static constexpr std::string_view event_name = "StallRecorded";
    base::Name unit;
    u64 transaction;
    BondId bond;
    StreamId stream;
    Iova at;
    u16 tag;
};
DESCRIBE(StallRecorded, unit, transaction, bond, stream, at, tag)

/// Software answered a stalled transaction that there is none of: no such tag, not of that stream, not recorded.
struct StallAnswerIgnored {
    static constexpr std::string_view event_name = "StallAnswerIgnored";
    base::Name unit;
    StreamId stream;
    u16 tag;
};
DESCRIBE(StallAnswerIgnored, unit, stream, tag)

enum class StallResolution : u8 {
    Retried,                 ///< translated once more
    Aborted,
    ReadZero,                ///< reads gave zero, writes were ignored
};
enum class StallResolver : u8 {
    Resume,                  ///< a command of software about this one transaction
    StreamTermination,       ///< a command of software about all of its stream
    UnitDisabled,
    Invalidation,            ///< software never heard of it, and what it had met has been invalidated meanwhile
};

/// A stalled transaction goes on, or ends.
struct StallResolved {
    static constexpr std::string_view event_name = "StallResolved";
    base::Name unit;
    u64 transaction;
    BondId bond;
    StreamId stream;
    Pasid pasid;
    bool recorded;           ///< software had been told of it
    u16 tag;                 ///< by which software knew it, if it had one
    StallResolution how;
    StallResolver by;
};
DESCRIBE(StallResolved, unit, transaction, bond, stream, pasid, recorded, tag, how, by)

} // namespace quiesce::iommu
