// SPDX-License-Identifier: Apache-2.0
/// The kinds of devices: one row each, with its parameters, what is checked before a run, and how its hardware and its
/// driver are made. A new device is a row here.
#pragma once
#include "os/drivers/device_driver.h"
#include "platform/config.h"

#include <memory>
#include <vector>

namespace quiesce::platform {

/// A device as the machine has it: its hardware, and the driver that the kernel knows.
struct Device {
    std::string name;
    std::unique_ptr<pcie::Endpoint> hardware;
    std::unique_ptr<os::drivers::DeviceDriver> driver;
};

/// Where a device is put.
struct Site {
    std::string name;
    DeviceId id;
    base::EventBus& events;
    pcie::RootComplex& root_complex;
    os::Kernel& kernel;
    Spa config_registers; ///< where the window of configuration registers (ECAM) begins
    u64 seed;
};

struct DeviceRow {
    DeviceKind kind;
    std::string_view help;
    /// Its parameters, below `path` (devices.<name>), and those of its driver, below os.
    void (*add_params)(ParamTree& tree, const std::string& path, DeviceConfig& config);
    void (*add_driver_params)(ParamTree& tree, Config& config);
    /// What every PCI function that shares address spaces has.
    const devices::SvaFunctionConfig& (*function)(const DeviceConfig& config);
    /// What no single value shows and is its alone.
    void (*check)(const std::string& name, const DeviceConfig& config, const Node& root, Diagnostics& out);
    /// Work queues: so many processes can have work at once.
    unsigned (*queues)(const DeviceConfig& config);
    std::string_view queues_name; ///< the parameter that says it
    /// Bytes of a request for which a sentence gives no size.
    u64 (*request_size)(const DeviceConfig& config);
    Device (*build)(const Site& site, const Config& config, const DeviceConfig& device);
};
const std::vector<DeviceRow>& device_rows();
const DeviceRow& row_of(DeviceKind kind);
inline const DeviceRow& row_of(const DeviceConfig& config) { return row_of(config.kind.get()); }

/// Of all devices: their number, and what each kind checks.
void check_devices(const Config& config, const Node& root, Diagnostics& out);

} // namespace quiesce::platform
