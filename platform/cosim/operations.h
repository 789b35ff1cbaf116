// SPDX-License-Identifier: Apache-2.0
/// What was started and takes time, until its result has been fetched.
#pragma once
#include "pcie/ats.h"
#include "platform/cosim/refusal.h"
#include "sim/time.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace quiesce::platform::cosim {

enum class OperationKind : u8 { Register, Dma, Translation, PageRequest };

/// Used again for another one when its result has been fetched; the numbers are not.
struct Operation {
    u64 id = 0; ///< 0: free
    OperationKind kind{};
    bool over = false, forgotten = false;
    sim::Time ended{};
    u64 value = 0; ///< of registers: what is written, or what was read
    Spa at{};
    u32 bytes = 0;
    bool write = false;
    qsc_dma_request dma{};
    qsc_dma_result dma_result{};
    std::vector<std::byte> data; ///< of a DMA
    qsc_translation_request translation{};
    pcie::TranslationCompletion completion{};
    qsc_page_request_message message{};
};

class Operations {
public:
    Operation& begin(OperationKind kind);
    /// Throws a Refusal if there is none of that kind, or none at all.
    Operation& get(u64 id);
    Operation& get(u64 id, OperationKind kind);
    /// Its result has been fetched, or nobody will.
    void release(Operation& op);
    /// It is over now.
    void end(Operation& op, sim::Time now);

private:
    /// An id is a serial number above the number of its slot.
    static constexpr unsigned slot_bits = 24;
    static constexpr u64 most_slots = u64{1} << slot_bits;
    std::vector<std::unique_ptr<Operation>> slots_; ///< never move: what is under way refers to them
    std::vector<u64> free_;
    u64 serial_ = 0;
};

} // namespace quiesce::platform::cosim
