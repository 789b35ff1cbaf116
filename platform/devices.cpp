// SPDX-License-Identifier: Apache-2.0
#include "platform/devices.h"

#include "pcie/ecam.h"
#include "platform/steps.h"
#include "platform/traces.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

namespace quiesce::platform {
namespace {

Spa registers_of(const Site& s, const pcie::Endpoint& e) {
    return s.config_registers + pcie::Ecam::function_at(e.requester());
}

void check_queues(const std::string& name, const devices::WorkQueueConfig& a, const Node& root, Diagnostics& out) {
    if (a.stop_time_max.get() == sim::Duration{} || a.stop_time_max.get() >= a.stop_time.get()) return;
    out.error(place_of(root, {"devices", name, "stop_time_max"}),
              fmt::format("devices.{}: stop_time_max {} is below stop_time {}", name, a.stop_time_max.text(), a.stop_time.text()));
}

Device build_accelerator(const Site& s, const Config& config, const DeviceConfig& d) {
    auto hardware = std::make_unique<devices::Accelerator>(s.name, s.events, s.root_complex, config.platform.link,
                                                           d.accelerator, s.id, s.seed);
    auto driver = std::make_unique<os::drivers::AcceleratorDriver>(
        s.name, s.id, hardware->stream(), s.kernel, config.accelerator_driver, registers_of(s, *hardware),
        [hw = hardware.get()](unsigned queue) { return hw->queues().last_stop_span(queue); });
    return {s.name, std::move(hardware), nullptr, std::move(driver), {}};
}

/// MODEL: firmware gives it the stream that a PCI function in its place would have.
Device build_platform_master(const Site& s, const Config& config, const DeviceConfig& d) {
    const StreamId stream = s.root_complex.stream_of(RequesterId{static_cast<u16>((raw(s.id) + 1) << 8)});
    auto master = std::make_unique<devices::PlatformMaster>(
        s.name, s.events,
        devices::InterconnectSeat{s.memory, s.iommu, s.kernel.interrupts(), s.wire, stream,
                                  [rc = &s.root_complex] { return rc->next_transaction(); }},
        d.platform_master, s.id, s.seed);
    auto driver = std::make_unique<os::drivers::PlatformMasterDriver>(
        s.name, s.id, stream, s.kernel, config.platform_master_driver,
        os::drivers::PlatformNode{s.registers, s.wire, {master->pasid_bits(), master->can_stall()}},
        [hw = master.get()](unsigned queue) { return hw->queues().last_stop_span(queue); });
    return {s.name, nullptr, std::move(master), std::move(driver), {}};
}

Device build_trace_player(const Site& s, const Config& config, const DeviceConfig& d) {
    auto hardware = std::make_unique<devices::TracePlayer>(s.name, s.events, s.root_complex, config.platform.link,
                                                           d.trace_player, s.id, s.seed);
    hardware->on_bad_line([](const devices::TraceFile& file, const devices::TraceError& e) {
        throw InputError(mark_of(file.path(), e), e.what);
    });
    auto driver = std::make_unique<os::drivers::AcceleratorDriver>(
        s.name, s.id, hardware->stream(), s.kernel, config.accelerator_driver, registers_of(s, *hardware),
        [hw = hardware.get()](unsigned queue) { return hw->queues().last_stop_span(queue); });
    auto queue_of = [hw = hardware.get()](std::string_view process) { return hw->queue_of(process); };
    return {s.name, std::move(hardware), nullptr, std::move(driver), queue_of};
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
         .function = [](const DeviceConfig& d) { return &d.accelerator.function; },
         .check = [](const std::string& name, const DeviceConfig& d, const Node& root, Diagnostics& out) {
             check_queues(name, d.accelerator.work, root, out);
         },
         .queues = [](const DeviceConfig& d) { return d.accelerator.work.queues.get(); },
         .request_size = [](const DeviceConfig& d) { return d.accelerator.work.request_size.get().bytes(); },
         .build = build_accelerator},
        {.kind = DeviceKind::PlatformMaster,
         .help = "a bus master that is no PCI function: the accelerator's work queues on the system's interconnect, an "
                 "interrupt wire; its faulting requests can stall",
         .add_params = [](ParamTree& t, const std::string& path, DeviceConfig& d) { t.add_all(path, d.platform_master); },
         .add_driver_params = [](ParamTree& t, Config& c) {
             t.add_all("os.platform_master_driver", c.platform_master_driver);
         },
         .function = [](const DeviceConfig&) -> const devices::SvaFunctionConfig* { return nullptr; },
         .check = [](const std::string& name, const DeviceConfig& d, const Node& root, Diagnostics& out) {
             check_queues(name, d.platform_master.work, root, out);
         },
         .queues = [](const DeviceConfig& d) { return d.platform_master.work.queues.get(); },
         .request_size = [](const DeviceConfig& d) { return d.platform_master.work.request_size.get().bytes(); },
         .build = build_platform_master},
        {.kind = DeviceKind::TracePlayer,
         .help = "a PCI function that plays a DMA workload from a file (traces/dma/README.md), with the accelerator's "
                 "driver; ATS and page requests as the accelerator",
         .add_params = [](ParamTree& t, const std::string& path, DeviceConfig& d) { t.add_all(path, d.trace_player); },
         .add_driver_params = [](ParamTree&, Config&) {}, // those of the accelerator
         .function = [](const DeviceConfig& d) { return &d.trace_player.function; },
         .check = [](const std::string& name, const DeviceConfig& d, const Node& root, Diagnostics& out) {
             check_queues(name, d.trace_player.work, root, out);
             check_trace_file(name, d.trace_player, root, out);
         },
         .queues = [](const DeviceConfig& d) { return d.trace_player.work.queues.get(); },
         .request_size = [](const DeviceConfig& d) { return d.trace_player.work.request_size.get().bytes(); },
         .build = build_trace_player,
         .plays = true,
         .resolve = [](DeviceConfig& d, const std::filesystem::path& folder) { resolve_trace(d.trace_player, folder); }},
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
        if (const devices::SvaFunctionConfig* f = row_of(d).function(d)) check_page_requests(name, *f, root, out);
        row_of(d).check(name, d, root, out);
    }
}

} // namespace quiesce::platform
