// SPDX-License-Identifier: Apache-2.0
/// Why a request cannot be translated, and what event that is (AMD 48882 2.1.3, 2.5; facts/iommu-specs.md 3.4).
#pragma once
#include "iommu/amdvi/layout.h"

#include <span>
#include <string_view>

namespace quiesce::iommu::amdvi {

/// Fault::code of configuration faults; of others cause_of() says it.
enum class Cause : u16 {
    None = 0,
    // The device table.
    DeviceTableRead, ///< reading the entry was answered with an abort
    BeyondTable,     ///< the table has no entry for the device
    EntryReserved,   ///< a reserved bit, or one of a feature that there is not
    EntryEncoding,   ///< levels that there are not
    NotTranslated,   ///< V=1, TV=0
    ModeEncoding,    ///< a host's table of more levels than there are: reserved, and yet a page fault
    NoGuest,         ///< a PASID, and GV=0
    // The GCR3 table.
    PasidRange,   ///< more bits than the table, or the unit, has
    Gcr3NotValid, ///< V=0
    Gcr3Reserved,
    Gcr3Read,
    // Page tables.
    NotPresent,
    NoPermission,
    TableReserved,
    TableEncoding,
    AddressSize,
    TableRead,
    // Requests that are none to translate.
    Pretranslated,          ///< a translated request, and the device table does not let the device have an IOTLB
    TranslationRefused,     ///< a translation request likewise
    InterruptRead,          ///< a read where interrupts go
    InterruptTranslation,   ///< a translation request for there
};

/// How a translation request ends. One that meets a page fault is told that there is no access, and no event tells of it.
enum class AskedEnding : u8 { Unsupported, CompleterAbort, NoAccess };

struct CauseRow {
    Cause cause;
    EventCode event;
    bool present, permission, reserved; ///< PR, PE, RZ of a page fault
    u8 type;                            ///< of an invalid device request
    AskedEnding asked;
};
std::span<const CauseRow> cause_rows();
/// The row of a cause other than None.
const CauseRow& cause_row(Cause cause);
/// SE and SA are about page faults; every other event is logged whatever they say.
constexpr bool is_suppressible(const CauseRow& row) { return row.event == EventCode::IoPageFault; }

} // namespace quiesce::iommu::amdvi
