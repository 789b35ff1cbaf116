// SPDX-License-Identifier: Apache-2.0
/// What software and a data streaming accelerator (DSA) exchange in memory and at its portals: descriptors, completion
/// records, and the configuration of a work queue. Names and places are those of Linux (include/uapi/linux/idxd.h,
/// drivers/dma/idxd/registers.h) and of Intel's DSA architecture specification. Shared by the model and its driver.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "base/structure.h"

namespace quiesce::devices::dsa {

using base::layout;
using base::Structure;

/// enum dsa_opcode. MODEL: no other operation is there, batches included; the device says so in OPCAP.
enum class Operation : u8 { Noop = 0x00, Drain = 0x02, Move = 0x03, Fill = 0x04, Compare = 0x05 };
constexpr auto enum_names(Operation) {
    return base::name_table<Operation>({{Operation::Noop, "noop"},
                                        {Operation::Drain, "drain"},
                                        {Operation::Move, "move"},
                                        {Operation::Fill, "fill"},
                                        {Operation::Compare, "compare"}});
}
constexpr u64 operations = 1u << 0x00 | 1u << 0x02 | 1u << 0x03 | 1u << 0x04 | 1u << 0x05; ///< OPCAP

/// enum dsa_completion_status; also the error codes of SWERR. None: nothing has been written yet.
enum class Status : u8 {
    None = 0x00,
    Success = 0x01,
    PageFault = 0x03,        ///< and the device did not wait for the page
    PageFaultInvalid = 0x04, ///< it did, and was told that there is none
    BadOperation = 0x10,
    InvalidFlags = 0x11,
    TransferSize = 0x13, ///< zero, or more than the queue allows
    Overlap = 0x16,
    RecordTranslation = 0x1a, ///< SWERR: the completion record has no page
    RecordAlignment = 0x1b,
    Privilege = 0x1d,
    TranslationFailed = 0x22, ///< the function may not use the PASID, or an access was answered with an error
    Portal = 0x50, ///< SWERR. MODEL: a number of our own: a posted descriptor found no room, or the wrong queue
};

/// struct dsa_hw_desc. SRC is the pattern of a Fill and the first operand of a Compare, DST its second one.
struct Descriptor : Structure<Descriptor, 64> {
    static constexpr F<Pasid> PASID{"PASID", 19, 0};
    static constexpr F<bool> PRIV{"PRIV", 31, 31};
    static constexpr F<bool> FENCE{"FENCE", 32, 32}, BOF{"BOF", 33, 33}, CRAV{"CRAV", 34, 34}, RCR{"RCR", 35, 35},
        RCI{"RCI", 36, 36}, CC{"CC", 40, 40};
    static constexpr F<Operation> OPERATION{"OPERATION", 63, 56};
    static constexpr F<Iova> COMPLETION{"COMPLETION", 127, 64}, SRC{"SRC", 191, 128}, DST{"DST", 255, 192};
    static constexpr F<> SIZE{"SIZE", 287, 256}, INT_HANDLE{"INT_HANDLE", 303, 288};
    static constexpr auto fields =
        layout(PASID, PRIV, FENCE, BOF, CRAV, RCR, RCI, CC, OPERATION, COMPLETION, SRC, DST, SIZE, INT_HANDLE);
    static_assert(disjoint(fields));
    /// All 24 flag bits, those that have a name above included.
    u32 flags() const { return static_cast<u32>(word(0) >> 32) & 0xff'ffff; }
};

/// struct dsa_completion_record. STATUS is all that software polls; WRITE: the access that faulted was a write.
struct CompletionRecord : Structure<CompletionRecord, 32> {
    static constexpr F<Status> STATUS{"STATUS", 6, 0};
    static constexpr F<bool> WRITE{"WRITE", 7, 7};
    static constexpr F<> RESULT{"RESULT", 15, 8}, BYTES_COMPLETED{"BYTES_COMPLETED", 63, 32};
    static constexpr F<Iova> FAULT_ADDR{"FAULT_ADDR", 127, 64};
    static constexpr F<> INVALID_FLAGS{"INVALID_FLAGS", 151, 128};
    static constexpr auto fields = layout(STATUS, WRITE, RESULT, BYTES_COMPLETED, FAULT_ADDR, INVALID_FLAGS);
    static_assert(disjoint(fields));
};

enum class QueueMode : u8 { Shared = 0, Dedicated = 1 };
constexpr auto enum_names(QueueMode) {
    return base::name_table<QueueMode>({{QueueMode::Shared, "shared"}, {QueueMode::Dedicated, "dedicated"}});
}

/// union wqcfg, of which STATE and OCCUPANCY are the device's. THRESHOLD: so many entries of a shared queue an ENQCMD
/// can fill.
struct QueueSetting : Structure<QueueSetting, 32> {
    static constexpr F<> SIZE{"SIZE", 15, 0}, THRESHOLD{"THRESHOLD", 47, 32};
    static constexpr F<QueueMode> MODE{"MODE", 64, 64};
    static constexpr F<bool> BOF{"BOF", 65, 65};
    static constexpr F<> PRIORITY{"PRIORITY", 71, 68};
    static constexpr F<Pasid> PASID{"PASID", 91, 72};
    static constexpr F<bool> PASID_EN{"PASID_EN", 92, 92}, PRIV{"PRIV", 93, 93};
    static constexpr F<> MAX_XFER_SHIFT{"MAX_XFER_SHIFT", 100, 96}, MAX_BATCH_SHIFT{"MAX_BATCH_SHIFT", 104, 101};
    static constexpr F<> OCCUPANCY{"OCCUPANCY", 207, 192};
    static constexpr F<bool> ENABLED{"ENABLED", 222, 222}; ///< of the two bits of wq_state
    static constexpr auto fields = layout(SIZE, THRESHOLD, MODE, BOF, PRIORITY, PASID, PASID_EN, PRIV, MAX_XFER_SHIFT,
                                          MAX_BATCH_SHIFT, OCCUPANCY, ENABLED);
    static_assert(disjoint(fields));
};

} // namespace quiesce::devices::dsa
