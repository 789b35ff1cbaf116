// SPDX-License-Identifier: Apache-2.0
#include "platform/cosim/operations.h"

#include <fmt/format.h>

namespace quiesce::platform::cosim {
namespace {

const char* kind_text(OperationKind kind) {
    switch (kind) {
    case OperationKind::Register: return "register access";
    case OperationKind::Dma: return "DMA";
    case OperationKind::Translation: return "translation request";
    case OperationKind::PageRequest: break;
    }
    return "page request";
}

} // namespace

Operation& Operations::begin(OperationKind kind) {
    if (free_.empty()) {
        if (slots_.size() == most_slots)
            throw Refusal(QSC_ERR_STATE, fmt::format("{} operations are under way or not fetched", most_slots));
        free_.push_back(slots_.size());
        slots_.push_back(std::make_unique<Operation>());
    }
    const u64 slot = free_.back();
    free_.pop_back();
    Operation& op = *slots_[slot];
    op.id = ++serial_ << slot_bits | slot;
    op.kind = kind;
    op.over = op.forgotten = false;
    return op;
}

Operation& Operations::get(u64 id) {
    const u64 slot = id & (most_slots - 1);
    if (id == 0 || slot >= slots_.size() || slots_[slot]->id != id || slots_[slot]->forgotten)
        throw Refusal(QSC_ERR_HANDLE, fmt::format("there is no operation {:#x}, or it was fetched or forgotten", id));
    return *slots_[slot];
}

Operation& Operations::get(u64 id, OperationKind kind) {
    Operation& op = get(id);
    if (op.kind != kind)
        throw Refusal(QSC_ERR_HANDLE,
                      fmt::format("operation {:#x} is a {}, not a {}", id, kind_text(op.kind), kind_text(kind)));
    return op;
}

void Operations::release(Operation& op) {
    free_.push_back(op.id & (most_slots - 1));
    op.id = 0;
}

void Operations::end(Operation& op, sim::Time now) {
    op.over = true;
    op.ended = now;
    if (op.forgotten) release(op);
}

} // namespace quiesce::platform::cosim
