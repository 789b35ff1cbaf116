// SPDX-License-Identifier: Apache-2.0
/// The kinds of devices: one row each, with its parameters, what is checked before a run, and how its hardware and its
/// driver are made. A new device is a row here.
#pragma once
#include "os/drivers/device_driver.h"
#include "platform/config.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

namespace quiesce::platform {

struct DeviceRow;

/// A device as the machine has it: its hardware, which is a PCI function or a platform device, and the driver that the
/// kernel knows.
struct Device {
    std::string name;
    std::unique_ptr<pcie::Endpoint> hardware;
    std::unique_ptr<devices::PlatformMaster> master;
    std::unique_ptr<os::drivers::DeviceDriver> driver;
    /// The one queue of a process, where the device says which; empty: any.
    std::function<std::optional<unsigned>(std::string_view process)> queue_of{};
    /// It finds an error of its own, which a reset of that kind would mend; empty: it finds none. False: it has halted before.
    std::function<bool(devices::dsa::ResetType needs)> halt{};
    const DeviceRow* row = nullptr; ///< of its kind
};

/// Where a device is put.
struct Site {
    std::string name;
    DeviceId id;
    base::EventBus& events;
    pcie::RootComplex& root_complex;
    os::Kernel& kernel;
    Spa config_registers; ///< where the window of configuration registers (ECAM) begins
    memory::MemoryPort& memory;
    iommu::TranslationPort* iommu; ///< null: there is none
    Spa registers;        ///< of a platform device: where firmware says that they are
    unsigned wire;        ///< of its interrupt
    u64 seed;
};

struct DeviceRow {
    DeviceKind kind;
    std::string_view help;
    /// Its parameters, below `path` (devices.<name>), and those of its driver, below os.
    void (*add_params)(ParamTree& tree, const std::string& path, DeviceConfig& config);
    void (*add_driver_params)(ParamTree& tree, Config& config);
    /// What every PCI function that shares address spaces has; null: it is no PCI function.
    const devices::SvaFunctionConfig* (*function)(const DeviceConfig& config);
    /// What no single value shows and is its alone.
    void (*check)(const std::string& name, const Config& all, const DeviceConfig& config, const Node& root, Diagnostics& out);
    /// Work queues: so many processes can have work at once.
    unsigned (*queues)(const DeviceConfig& config);
    std::string_view queues_name; ///< the parameter that says it
    /// Bytes of a request for which a sentence gives no size.
    u64 (*request_size)(const DeviceConfig& config);
    Device (*build)(const Site& site, const Config& config, const DeviceConfig& device);
    /// It works from a trace instead of what a sentence says.
    bool plays = false;
    /// Files that it names stand relative to the scenario's folder; null: it names none.
    void (*resolve)(DeviceConfig& device, const std::filesystem::path& folder) = nullptr;
    /// It can be told to send AtomicOps; null: never.
    bool (*atomics)(const DeviceConfig& config) = nullptr;
    /// Its driver works on pinned pages, too, where there is no IOMMU: it is told so when it is made.
    bool pins_pages = false;
};
const std::vector<DeviceRow>& device_rows();
const DeviceRow& row_of(DeviceKind kind);
inline const DeviceRow& row_of(const DeviceConfig& config) { return row_of(config.kind.get()); }
inline bool is_function(const DeviceConfig& config) { return row_of(config).function(config) != nullptr; }

/// Of all devices: their number, and what each kind checks.
void check_devices(const Config& config, const Node& root, Diagnostics& out);

} // namespace quiesce::platform
