// SPDX-License-Identifier: Apache-2.0
#include "platform/devices.h"

#include "pcie/ecam.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

namespace quiesce::platform {
namespace {

constexpr unsigned any_number = ~0u; ///< of processes share a queue

Spa registers_of(const Site& s, const pcie::Endpoint& e) {
    return s.config_registers + pcie::Ecam::function_at(e.requester());
}

void check_accelerator(const std::string& name, const DeviceConfig& d, const Node& root, Diagnostics& out) {
    const auto& a = d.accelerator;
    if (a.stop_time_max.get() == sim::Duration{} || a.stop_time_max.get() >= a.stop_time.get()) return;
    out.error(place_of(root, {"devices", name, "stop_time_max"}),
              fmt::format("devices.{}: stop_time_max {} is below stop_time {}", name, a.stop_time_max.text(), a.stop_time.text()));
}

Device build_accelerator(const Site& s, const Config& config, const DeviceConfig& d) {
    auto hardware = std::make_unique<devices::Accelerator>(s.name, s.events, s.root_complex, config.platform.link,
                                                           d.accelerator, s.id, s.seed);
    auto driver = std::make_unique<os::drivers::AcceleratorDriver>(
        s.name, s.id, hardware->stream(), s.kernel, config.accelerator_driver, registers_of(s, *hardware),
        [hw = hardware.get()](unsigned queue) { return hw->last_stop_span(queue); });
    return {s.name, std::move(hardware), std::move(driver)};
}

void check_nothing(const std::string&, const DeviceConfig&, const Node&, Diagnostics&) {}

Device build_dsa(const Site& s, const Config& config, const DeviceConfig& d) {
    auto hardware = std::make_unique<devices::Dsa>(s.name, s.events, s.root_complex, config.platform.link, d.dsa, s.id);
    auto driver = std::make_unique<os::drivers::DsaDriver>(s.name, s.id, hardware->stream(), s.kernel,
                                                           config.dsa_driver, registers_of(s, *hardware),
                                                           [hw = hardware.get()] { return hw->last_command_span(); });
    return {s.name, std::move(hardware), std::move(driver)};
}

/// What the driver wants of a device and the device has not got.
void check_dsa_queues(const std::string& name, const Config& c, const DeviceConfig& d, const Node& root,
                      Diagnostics& out) {
    const auto& driver = c.dsa_driver;
    const Mark at = place_of(root, {"devices", name});
    if (driver.queues > d.dsa.queues)
        out.error(at, fmt::format("devices.{}: os.dsa_driver.queues is {}, but it has {}", name, driver.queues.text(),
                                  d.dsa.queues.text()));
    if (driver.queues * driver.queue_size > d.dsa.entries)
        out.error(at, fmt::format("devices.{}: {} queues of {} (os.dsa_driver) do not fit into its {} entries", name,
                                  driver.queues.text(), driver.queue_size.text(), d.dsa.entries.text()));
    if (driver.threshold > driver.queue_size)
        out.error(at, fmt::format("devices.{}: os.dsa_driver.threshold {} is above os.dsa_driver.queue_size {}", name,
                                  driver.threshold.text(), driver.queue_size.text()));
}

/// Pages are asked for what an ATC did not get.
void check_page_requests(const std::string& name, const devices::SvaFunctionConfig& f, const Node& root, Diagnostics& out) {
    if (!f.pri.present) return;
    const Mark at = place_of(root, {"devices", name, "pri"});
    if (!f.atc.present) out.error(at, fmt::format("devices.{}: pri needs an ATC: say `atc: {{present: true}}`", name));
    if (f.pri.per_group > f.pri.capacity)
        out.error(at, fmt::format("devices.{}: pri.per_group {} is above pri.capacity {}", name, f.pri.per_group.text(),
                                  f.pri.capacity.text()));
}

} // namespace

const std::vector<DeviceRow>& device_rows() {
    static const std::vector<DeviceRow> rows{
        {.kind = DeviceKind::Accelerator,
         .help = "work queues by PASID, a DMA engine, STOP and ABORT per queue; with atc.present a translation cache "
                 "(ATS), with pri.present page requests",
         .add_params = [](ParamTree& t, const std::string& path, DeviceConfig& d) { t.add_all(path, d.accelerator); },
         .add_driver_params = [](ParamTree& t, Config& c) { t.add_all("os.accelerator_driver", c.accelerator_driver); },
         .function = [](const DeviceConfig& d) -> const auto& { return d.accelerator.function; },
         .check = check_accelerator,
         .queues = [](const DeviceConfig& d) { return d.accelerator.queues.get(); },
         .request_size = [](const DeviceConfig& d) { return d.accelerator.request_size.get().bytes(); },
         .build = build_accelerator}
, {.kind = DeviceKind::Dsa,
   .help = "a data streaming accelerator: user space submits descriptors at portals (ENQCMD, MOVDIR64B), engines write "
           "completion records; with atc.present a translation cache (ATS), with pri.present it can block on a fault",
   .add_params = [](ParamTree& t, const std::string& path, DeviceConfig& d) { t.add_all(path, d.dsa); },
   .add_driver_params = [](ParamTree& t, Config& c) { t.add_all("os.dsa_driver", c.dsa_driver); },
   .function = [](const DeviceConfig& d) -> const auto& {return d.dsa.function;
}
, .check = check_nothing, .queues = [](const DeviceConfig&) { return any_number; },
  .request_size = [](const DeviceConfig&) { return u64{page_size}; }, .build = build_dsa
}
,
    };
    return rows;
}

const DeviceRow& row_of(DeviceKind kind) {
    for (const DeviceRow& r : device_rows())
        if (r.kind == kind) return r;
    throw std::logic_error("a kind of device without a row");
}

void check_devices(const Config& c, const Node& root, Diagnostics& out) {
    const Mark all = place_of(root, {"devices"});
    if (c.devices.empty())
        out.error(all, "devices: a scenario needs at least one device, such as {acc0: {kind: accelerator}}");
    if (c.devices.size() > 250)
        out.error(all, fmt::format("devices: at most 250, one bus number each; got {}", c.devices.size()));
    for (const auto& [name, d] : c.devices) {
        check_page_requests(name, row_of(d).function(d), root, out);
        row_of(d).check(name, d, root, out);
        if (d.kind == DeviceKind::Dsa) check_dsa_queues(name, c, d, root, out);
    }
}

} // namespace quiesce::platform
