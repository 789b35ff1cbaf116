// SPDX-License-Identifier: Apache-2.0
/// Facts that an IOMMU states, in words that every architecture shares.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "base/names.h"

#include <string_view>

namespace quiesce::iommu {

enum class LookUp : u8 { Hit, Miss, Bypass };

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
};
DESCRIBE(FaultRaised, transaction, bond, stream, has_pasid, pasid, at, type, code, fate)

/// A command left the command queue. `sequence` counts commands of this unit from 1.
struct CommandConsumed {
    static constexpr std::string_view event_name = "CommandConsumed";
    base::Name unit;
    u64 sequence;
    base::Name command;      ///< the manual's name: TLBI_NH_ASID, CMD_SYNC ...
    u64 word0, word1;
};
DESCRIBE(CommandConsumed, unit, sequence, command, word0, word1)

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
};
DESCRIBE(FenceSignalled, unit, sequence, by_message)

/// A command error stopped the queue, or the unit reported a global error.
struct GlobalError {
    static constexpr std::string_view event_name = "GlobalError";
    base::Name unit;
    base::Name what;
    bool active;
};
DESCRIBE(GlobalError, unit, what, active)

} // namespace quiesce::iommu
