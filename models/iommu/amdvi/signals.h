// SPDX-License-Identifier: Apache-2.0
/// How the unit speaks up: bits of Status, each with an enable, that become messages (facts/iommu-specs.md 3.1).
#pragma once
#include "base/events.h"
#include "base/names.h"
#include "base/registers.h"
#include "iommu/amdvi/config.h"
#include "memory/memory_port.h"

namespace quiesce::iommu::amdvi {

using RegisterFile = base::RegisterFile<Registers>;
using ConfigFile = base::RegisterFile<ConfigRegisters>;

class Signals {
public:
    Signals(RegisterFile& regs, ConfigFile& config, memory::MemoryPort& memory)
        : regs_(regs), config_(config), memory_(memory) {}

    /// Sets a bit of Status. A message goes out if it was clear and is enabled. MODEL: each bit has a message of its own,
    /// as in VirtualBox; what one that is still set holds back, an erratum that Linux works around says.
    void raise(const Status::F<bool>& bit);
    /// Software wrote Control: what is pending goes out when it is enabled.
    void control_written(Control now, Control before);

private:
    void send(bool of_page_requests);
    void send_xt(bool of_page_requests);
    sim::Task<void> message(Spa at, u32 data);

    RegisterFile& regs_;
    ConfigFile& config_;
    memory::MemoryPort& memory_;
};

} // namespace quiesce::iommu::amdvi
