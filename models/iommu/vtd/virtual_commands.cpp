// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/virtual_commands.h"

namespace quiesce::iommu::vtd {
namespace {
constexpr u64 pasid_operand = 0xf'ffff;
Vcrsp virtual_status(VirtualStatus s) { return Vcrsp{}.set(Vcrsp::SC, s); }
} // namespace

void VirtualCommands::written(Vcmd now, Vcmd before) {
    if (regs_.get(Vcrsp::IP)) return regs_.write(before);
    regs_.write(Vcrsp{}.set(Vcrsp::IP, true));
    sim::start(carry_out(now));
}

sim::Task<void> VirtualCommands::carry_out(Vcmd command) {
    co_await sim::delay(takes_);
    regs_.write(answer(command));
}

Vcrsp VirtualCommands::answer(Vcmd command) {
    const auto pasid = static_cast<u32>(command.get(Vcmd::OA) & pasid_operand);
    switch (command.get(Vcmd::CMD)) {
    case VirtualCommand::Null: return virtual_status(VirtualStatus::Ok);
    case VirtualCommand::AllocatePasid: return allocate();
    case VirtualCommand::FreePasid:
        return virtual_status(allocated_.erase(pasid) != 0 ? VirtualStatus::Ok : VirtualStatus::NoPasid);
    }
    return virtual_status(VirtualStatus::Undefined);
}

/// The lowest that is free; PASID 0 is nobody's, for requests without one use it.
Vcrsp VirtualCommands::allocate() {
    if (allocated_.size() >= most_) return virtual_status(VirtualStatus::NoPasid);
    u32 pasid = 1;
    for (const u32 taken : allocated_) {
        if (taken != pasid) break;
        ++pasid;
    }
    if (pasid > last_) return virtual_status(VirtualStatus::NoPasid);
    allocated_.insert(pasid);
    return virtual_status(VirtualStatus::Ok).set(Vcrsp::RSLT, pasid);
}

} // namespace quiesce::iommu::vtd
