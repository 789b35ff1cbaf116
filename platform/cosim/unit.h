// SPDX-License-Identifier: Apache-2.0
/// An IOMMU as the C interface needs it; every architecture is made here.
#pragma once
#include "base/events.h"
#include "iommu/ats_port.h"
#include "iommu/page_request.h"
#include "iommu/translation.h"
#include "memory/memory_port.h"
#include "memory/mmio.h"
#include "platform/config.h"

#include <memory>
#include <string>
#include <vector>

namespace quiesce::platform::cosim {

/// The value of an identification register, by its name in the architecture's manual.
struct IdValue {
    std::string name;
    u64 value;
};

class Unit {
public:
    virtual ~Unit() = default;
    virtual memory::MmioTarget& registers() = 0;
    virtual iommu::TranslationPort& translation() = 0;
    virtual iommu::PageRequestPort& page_requests() = 0;
    /// Where what it says to devices goes.
    virtual void connect(iommu::AtsPort& ats, iommu::PageResponsePort& responses) = 0;
    /// The number of its first wire, which `sink` hears.
    virtual unsigned first_line() const = 0;
};

/// Throws a Refusal if no model can be what `config` says, but for the identification registers in `ids`.
void check_unit(const IommuConfig& config, const std::vector<IdValue>& ids);
/// How much its registers take of the address space.
u64 register_bytes_of(const IommuConfig& config);
/// check_unit() has passed.
std::unique_ptr<Unit> make_unit(const IommuConfig& config, const std::vector<IdValue>& ids, base::EventBus& events,
                                memory::MemoryPort& memory, memory::InterruptSink& sink);

} // namespace quiesce::platform::cosim
