// SPDX-License-Identifier: Apache-2.0
/// The question that a root complex asks an IOMMU, and every way it can be answered.
#pragma once
#include "base/address.h"
#include "iommu/in_flight.h"
#include "sim/task.h"

namespace quiesce::iommu {

enum class Access : u8 { Read, Write };
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
    BondId bond{};           ///< carried through to memory, never acted on
};

enum class Ending : u8 {
    Grant,       ///< go to `to`
    Abort,       ///< the requester gets Unsupported Request / a write is dropped
    ReadZero,    ///< reads give zero, writes are ignored (SMMUv3 RAZ/WI termination)
};

/// `in_flight` must be kept until the access is globally observable (committed at memory): fences wait for it.
struct Translation {
    Ending ending = Ending::Abort;
    Spa to{0};
    sim::Time looked_up{};
    InFlight in_flight{};
};

class TranslationPort {
public:
    virtual ~TranslationPort() = default;
    virtual sim::Task<Translation> translate(TranslationRequest request) = 0;
};

} // namespace quiesce::iommu
