// SPDX-License-Identifier: Apache-2.0
/// The kinds of IOMMUs: one row each, with its parameters, what is checked before a run, and how the unit and its
/// driver are made. A new architecture is a row here.
#pragma once
#include "base/events.h"
#include "iommu/ats_port.h"
#include "iommu/coverage.h"
#include "iommu/page_request.h"
#include "iommu/translation.h"
#include "memory/memory_port.h"
#include "memory/mmio.h"
#include "os/drivers/iommu_driver.h"
#include "os/drivers/iommu_monitor.h"
#include "os/eras.h"
#include "platform/config.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quiesce::platform {

/// The value of an identification register, by its name in the architecture's manual.
struct IdValue {
    std::string name;
    u64 value;
};
/// Why no unit can have such values.
struct IdRefusal {
    bool unknown; ///< there is no such register, or it is not so wide; false: no model can be like this
    std::string why;
};

/// An IOMMU as a machine has it.
class IommuUnit {
public:
    virtual ~IommuUnit() = default;
    virtual memory::MmioTarget& registers() = 0;
    virtual iommu::TranslationPort& translation() = 0;
    virtual iommu::PageRequestPort& page_requests() = 0;
    /// Where what it says to devices goes.
    virtual void connect(iommu::AtsPort& ats, iommu::PageResponsePort& responses) = 0;
    /// An Invalidate Completion that nobody waits for has come from this function. Nothing happens where the
    /// architecture has no error for it.
    virtual void stray_completion(StreamId) {}
    virtual void left_behind(base::Leftovers& out) const = 0;
    /// The number of its first wire, where interrupts are not messages.
    virtual unsigned first_line() const { return 0; }
    /// Its driver, which finds its registers at `registers`.
    virtual std::unique_ptr<os::drivers::IommuDriver> make_driver(const Config& config, os::Kernel& kernel,
                                                                  Spa registers) = 0;
    /// The driver of its performance monitors; null: nothing is to be counted.
    virtual std::unique_ptr<os::drivers::IommuMonitor> make_monitor(const Config&, os::Kernel&, Spa) { return nullptr; }
};

struct IommuRow {
    IommuKind kind;
    std::string_view name; ///< of the unit
    const os::Architecture* architecture; ///< of the CPUs that go with it
    os::IommuArch driver;                 ///< whose step lists its kernels have
    unsigned stream_bits;                 ///< of a StreamId: a requester id has 16
    /// platform.iommu.<kind>.*, and os.<kind>_driver.*.
    void (*add_params)(ParamTree& tree, Config& config);
    /// What no single value shows.
    void (*check)(const Config& config, const Node& root, Diagnostics& out);
    /// Bits of a PASID at most, and who says so.
    unsigned (*pasid_bits)(const Config& config);
    std::string_view pasid_bits_name;
    std::vector<std::string> (*capabilities)(const Config& config);
    /// Names of what its fault records tell.
    std::vector<std::string> (*faults)();
    /// The coverage statement.
    std::vector<iommu::Feature> (*features)();
    u64 (*register_bytes)(const IommuConfig& config, const std::vector<IdValue>& ids);
    std::optional<IdRefusal> (*refuse)(const IommuConfig& config, const std::vector<IdValue>& ids);
    /// `ids`: identification registers that are other than `config` says; refuse() takes them.
    std::unique_ptr<IommuUnit> (*make)(const IommuConfig& config, const std::vector<IdValue>& ids,
                                       base::EventBus& events, memory::MemoryPort& memory,
                                       memory::InterruptSink& sink);
};
const std::vector<const IommuRow*>& iommu_rows();
/// Null: there is no IOMMU.
const IommuRow* iommu_row(IommuKind kind);
inline const IommuRow* iommu_row(const Config& config) { return iommu_row(config.platform.iommu.kind); }

extern const IommuRow smmuv3_row, vtd_row, amdvi_row;

/// platform.iommu.bugs: mistakes that a unit of any kind can make.
std::vector<BugHelp> iommu_bugs();

} // namespace quiesce::platform
