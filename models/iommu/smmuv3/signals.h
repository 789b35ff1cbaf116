// SPDX-License-Identifier: Apache-2.0
/// How the unit speaks up: interrupts by message or wire, and global errors with their toggle protocol
/// (IHI 0070 3.18, 6.3.16 to 6.3.22; facts/iommu-specs.md 1.1.2).
#pragma once
#include "base/events.h"
#include "base/names.h"
#include "base/registers.h"
#include "iommu/smmuv3/config.h"
#include "memory/memory_port.h"
#include "memory/mmio.h"

#include <array>

namespace quiesce::iommu::smmuv3 {

using RegisterFile = base::RegisterFile<Registers>;

class Signals {
public:
    /// `sink` may be null: wires then lead nowhere.
    Signals(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
            memory::InterruptSink* sink, const Identity& id, const Smmuv3Config& config);

    /// Error x is active: GERROR.x differs from GERRORN.x.
    bool active(const Gerror::Flag& error) const;
    /// Makes the error active and interrupts; nothing if it is active already (6.3.18).
    /// `why`: the code of a command error.
    void raise(const Gerror::Flag& error, base::Name why = {});
    /// Software wrote GERRORN: states which errors are over.
    void acknowledged(Gerrorn now, Gerrorn before);

    /// The event queue became non-empty.
    void event_queue_interrupt();
    /// A page request that PRIQ_IRQ_CFG2.LO asks to hear of.
    void page_request_interrupt();
    /// A CMD_SYNC's own message; aborts are reported in GERROR.MSI_CMDQ_ABT_ERR, and the SYNC is complete all the same.
    sim::Task<void> sync_message(Spa at, u32 data);
    void wire(WiredLine line);

private:
    void gerror_interrupt();
    template <class Address, class Data> void interrupt(WiredLine line, const Gerror::Flag& abort_error);
    sim::Task<void> message(Spa at, u32 data, Gerror::Flag abort_error);

    base::Name unit_;
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
    memory::InterruptSink* sink_;
    bool msi_;
    unsigned wired_base_;
    std::array<base::Name, 32> error_names_{};
};

} // namespace quiesce::iommu::smmuv3
