// SPDX-License-Identifier: Apache-2.0
/// The question that a root complex asks an IOMMU, and every way it can be answered.
#pragma once
#include "base/address.h"
#include "iommu/in_flight.h"
#include "sim/slots.h"
#include "sim/task.h"

namespace quiesce::iommu {

/// ReadWrite: an AtomicOp, which needs both permissions (PCIe Base 6.15).
enum class Access : u8 { Read, Write, ReadWrite };
/// The TLP's AT field (PCIe Base 10.2.1).
enum class AddressType : u8 { Untranslated, TranslationRequest, Translated };

/// Immutable; made whole by the root complex.
struct TranslationRequest {
    u64 transaction;
    DeviceId device;
    StreamId stream;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    u32 bytes;               ///< does not cross a 4 KiB page
    Access access;
    bool privileged = false;
    bool instruction = false;
    AddressType type = AddressType::Untranslated;
    bool no_write = false;   ///< translation requests: the NW flag, write permission is not asked for
    BondId bond{};           ///< carried through to memory, never acted on
    bool may_stall = false;  ///< the requester can be kept waiting for software; never true of PCIe, whose order it breaks
};

enum class Ending : u8 {
    Grant,          ///< go to `to`; for a translation request: Success, with the permissions of `may`, possibly none
    Abort,          ///< the requester gets Unsupported Request / a write is dropped
    ReadZero,       ///< reads give zero, writes are ignored
    CompleterAbort, ///< translation requests: this one failed, another may be tried
};

struct Permissions {
    bool read = false, write = false;
    bool execute = false; ///< by unprivileged accesses
    bool user = false;    ///< unprivileged accesses may use it
    bool privileged_execute = false;
    bool operator==(const Permissions&) const = default;
};

/// `in_flight` must be kept until the access is globally observable (committed at memory): fences wait for it.
struct Translation {
    Ending ending = Ending::Abort;
    Spa to{0};
    sim::Time looked_up{};
    InFlight in_flight{};
    // Answers to translation requests:
    Permissions may{};              ///< what is granted at the request's privilege
    u64 bytes = base::page_size;    ///< size of the translation that holds `to`, a power of two
    bool untranslated_only = false; ///< the U bit
    /// Of a read that missed, where the unit has few places for such: to be kept until it is handed to memory.
    sim::Lease place{};
};

class TranslationPort {
public:
    virtual ~TranslationPort() = default;
    virtual sim::Task<Translation> translate(TranslationRequest request) = 0;
};

} // namespace quiesce::iommu
