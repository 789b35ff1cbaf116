// SPDX-License-Identifier: Apache-2.0
#include "platform/machine/devices.h"

#include "pcie/ecam.h"
#include "platform/scenario/steps.h"
#include "platform/scenario/traces.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

namespace quiesce::platform {
namespace {

constexpr unsigned any_number = ~0u; ///< of processes share a queue

Spa registers_of(const Site& s, const pcie::Endpoint& e) {
    return s.config_registers + pcie::Ecam::function_at(e.requester());
}

/// A PCI function and its driver, which learns whose work resets take away.
Device pci_device(const Site& s, std::unique_ptr<devices::SvaFunction> hardware,
                   std::unique_ptr<os::drivers::PciDeviceDriver> driver) {
    driver->set_lost_work([hw = hardware.get()] { return hw->take_lost_work(); });
    return {s.name, std::move(hardware), nullptr, std::move(driver), {}};
}

void check_queues(const std::string& name, const devices::WorkQueueConfig& a, const Node& root, Diagnostics& out) {
    if (a.stop_time_max.get() == sim::Duration{}) return;
    const Mark at = place_of(root, {"devices", name, "stop_time_max"});
    if (!a.stop_time.get().is_constant())
        out.error(at, fmt::format("devices.{}: stop_time_max {} has no effect: stop_time is drawn already, {}", name, a.stop_time_max.text(),
                                  a.stop_time.text()));
    else if (a.stop_time_max.get() < a.stop_time.get().first())
        out.error(at, fmt::format("devices.{}: stop_time_max {} is below stop_time {}", name, a.stop_time_max.text(), a.stop_time.text()));
}

Device build_accelerator(const Site& s, const Config& config, const DeviceConfig& d) {
    auto hardware = std::make_unique<devices::Accelerator>(s.name, s.events, s.root_complex, d.link,
                                                           d.accelerator, s.id, s.seed);
    auto driver = std::make_unique<os::drivers::AcceleratorDriver>(
        s.name, s.id, hardware->stream(), s.kernel, config.accelerator_driver, registers_of(s, *hardware),
        [hw = hardware.get()](unsigned queue) { return hw->queues().last_stop_span(queue); }, row_of(d).pins_pages);
    return pci_device(s, std::move(hardware), std::move(driver));
}

/// MODEL: firmware gives it the stream that a PCI function in its place would have; where there are switches, whose buses have
/// such numbers, too, one of the highest buses'.
Device build_platform_master(const Site& s, const Config& config, const DeviceConfig& d) {
    const u32 bus = config.platform.switches.empty() ? raw(s.id) + 1 : 0xff - raw(s.id);
    const StreamId stream = s.root_complex.stream_of(RequesterId{static_cast<u16>(bus << 8)});
    auto master = std::make_unique<devices::PlatformMaster>(
        s.name, s.events,
        devices::InterconnectSeat{s.memory, s.iommu, s.kernel.interrupts(), s.wire, stream,
                                  [rc = &s.root_complex] { return rc->next_transaction(); }},
        d.platform_master, s.id, s.seed);
    auto driver = std::make_unique<os::drivers::PlatformMasterDriver>(
        s.name, s.id, stream, s.kernel, config.platform_master_driver,
        os::drivers::PlatformNode{s.registers, s.wire, {master->pasid_bits(), master->can_stall()}},
        [hw = master.get()](unsigned queue) { return hw->queues().last_stop_span(queue); });
    const auto halt = [hw = master.get()](devices::dsa::ResetType) { return hw->halt(); };
    return {s.name, nullptr, std::move(master), std::move(driver), {}, halt};
}

Device build_trace_player(const Site& s, const Config& config, const DeviceConfig& d) {
    auto hardware = std::make_unique<devices::TracePlayer>(s.name, s.events, s.root_complex, d.link,
                                                           d.trace_player, s.id, s.seed);
    hardware->on_bad_line([](const devices::TraceFile& file, const devices::TraceError& e) {
        throw InputError(mark_of(file.path(), e), e.what);
    });
    auto driver = std::make_unique<os::drivers::AcceleratorDriver>(
        s.name, s.id, hardware->stream(), s.kernel, config.accelerator_driver, registers_of(s, *hardware),
        [hw = hardware.get()](unsigned queue) { return hw->queues().last_stop_span(queue); });
    auto queue_of = [hw = hardware.get()](std::string_view process) { return hw->queue_of(process); };
    Device player = pci_device(s, std::move(hardware), std::move(driver));
    player.queue_of = queue_of;
    return player;
}

Device build_dsa(const Site& s, const Config& config, const DeviceConfig& d) {
    auto hardware = std::make_unique<devices::Dsa>(s.name, s.events, s.root_complex, d.link, d.dsa, s.id, s.seed);
    auto driver = std::make_unique<os::drivers::DsaDriver>(s.name, s.id, hardware->stream(), s.kernel,
                                                           config.dsa_driver, registers_of(s, *hardware),
                                                           [hw = hardware.get()] { return hw->last_command_span(); });
    const auto halt = [hw = hardware.get()](devices::dsa::ResetType needs) { return hw->halt(needs); };
    Device dsa = pci_device(s, std::move(hardware), std::move(driver));
    dsa.halt = halt;
    return dsa;
}

/// What the driver wants of a device and the device has not got.
void check_dsa(const std::string& name, const Config& c, const DeviceConfig& d, const Node& root, Diagnostics& out) {
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

void check_gpu(const std::string& name, const Config&, const DeviceConfig& d, const Node& root, Diagnostics& out) {
    const auto& g = d.gpu;
    const base::Spread& point = g.preempt_point;
    if (!point.is_constant() && !g.preempt_point_max.is_default())
        out.error(place_of(root, {"devices", name, "preempt_point_max"}),
                  fmt::format("devices.{}: preempt_point_max {} has no effect: preempt_point is drawn already, {}", name,
                              g.preempt_point_max.text(), point.text()));
    if (point.is_constant() && g.preempt_point_max.get() < point.first())
        out.error(place_of(root, {"devices", name, "preempt_point_max"}),
                  fmt::format("devices.{}: preempt_point_max {} is below preempt_point {}", name,
                              g.preempt_point_max.text(), g.preempt_point.text()));
    if (g.retry_max.get() < g.retry.get())
        out.error(place_of(root, {"devices", name, "retry_max"}),
                  fmt::format("devices.{}: retry_max {} is below retry {}", name, g.retry_max.text(), g.retry.text()));
}

Device build_gpu(const Site& s, const Config& config, const DeviceConfig& d) {
    auto hardware =
        std::make_unique<devices::Gpu>(s.name, s.events, s.root_complex, d.link, d.gpu, s.id, s.seed);
    auto driver = std::make_unique<os::drivers::GpuDriver>(
        s.name, s.id, hardware->stream(), s.kernel, config.gpu_driver, registers_of(s, *hardware),
        [hw = hardware.get()](unsigned context) { return hw->last_stop_span(context); });
    return pci_device(s, std::move(hardware), std::move(driver));
}

void check_nic(const std::string& name, const Config&, const DeviceConfig& d, const Node& root, Diagnostics& out) {
    const auto& t = d.nic.traffic;
    if (t.sizes == devices::PacketSizes::Uniform && t.size_max.get() < t.size.get())
        out.error(place_of(root, {"devices", name, "traffic"}),
                  fmt::format("devices.{}: traffic.size_max {} is below traffic.size {}", name, t.size_max.text(),
                              t.size.text()));
}

Device build_nic(const Site& s, const Config& config, const DeviceConfig& d) {
    auto hardware =
        std::make_unique<devices::Nic>(s.name, s.events, s.root_complex, d.link, d.nic, s.id, s.seed);
    auto driver = std::make_unique<os::drivers::NicDriver>(
        s.name, s.id, hardware->stream(), s.kernel, config.nic_driver, registers_of(s, *hardware),
        [hw = hardware.get()](unsigned queue) { return hw->last_stop_span(queue); });
    return pci_device(s, std::move(hardware), std::move(driver));
}

void check_atc(const std::string& name, const devices::AtcConfig& atc, const Node& root, Diagnostics& out) {
    if (atc.manner == devices::AtcManner::Slow || atc.answer_delay.is_default()) return;
    out.error(place_of(root, {"devices", name, "atc", "answer_delay"}),
              fmt::format("devices.{}: atc.answer_delay {} has no effect with manner {}: only manner slow answers "
                          "late, say `atc: {{manner: slow}}`",
                          name, atc.answer_delay.text(), atc.manner.text()));
}

/// Pages are asked for what an ATC did not get.
void check_page_requests(const std::string& name, const Config& c, const devices::SvaFunctionConfig& f, const Node& root,
                         Diagnostics& out) {
    if (!f.pri.present) return;
    const Mark at = place_of(root, {"devices", name, "pri"});
    if (c.platform.iommu.kind == IommuKind::Smmuv3 && !c.smmuv3_driver.pri)
        out.warning(at, fmt::format("devices.{}: the driver leaves page requests off: say `os: {{smmuv3_driver: {{pri: true}}}}`", name));
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
         .check = [](const std::string& name, const Config&, const DeviceConfig& d, const Node& root, Diagnostics& out) {
             check_queues(name, d.accelerator.work, root, out);
         },
         .queues = [](const DeviceConfig& d) { return d.accelerator.work.queues.get(); },
         .queues_name = "queues",
         .request_size = [](const DeviceConfig& d) { return d.accelerator.work.request_size.get().bytes(); },
         .build = build_accelerator,
         .atomics = [](const DeviceConfig& d) { return d.accelerator.atomics.get(); },
         .pins_pages = true},
        {.kind = DeviceKind::PlatformMaster,
         .help = "a bus master that is no PCI function: the accelerator's work queues on the system's interconnect, an "
                 "interrupt wire; its faulting requests can stall",
         .add_params = [](ParamTree& t, const std::string& path, DeviceConfig& d) { t.add_all(path, d.platform_master); },
         .add_driver_params = [](ParamTree& t, Config& c) {
             t.add_all("os.platform_master_driver", c.platform_master_driver);
         },
         .function = [](const DeviceConfig&) -> const devices::SvaFunctionConfig* { return nullptr; },
         .check = [](const std::string& name, const Config&, const DeviceConfig& d, const Node& root, Diagnostics& out) {
             check_queues(name, d.platform_master.work, root, out);
         },
         .queues = [](const DeviceConfig& d) { return d.platform_master.work.queues.get(); },
         .queues_name = "queues",
         .request_size = [](const DeviceConfig& d) { return d.platform_master.work.request_size.get().bytes(); },
         .build = build_platform_master},
        {.kind = DeviceKind::TracePlayer,
         .help = "a PCI function that plays a DMA workload from a file (traces/dma/README.md), with the accelerator's "
                 "driver; ATS and page requests as the accelerator",
         .add_params = [](ParamTree& t, const std::string& path, DeviceConfig& d) { t.add_all(path, d.trace_player); },
         .add_driver_params = [](ParamTree&, Config&) {}, // those of the accelerator
         .function = [](const DeviceConfig& d) { return &d.trace_player.function; },
         .check = [](const std::string& name, const Config&, const DeviceConfig& d, const Node& root, Diagnostics& out) {
             check_queues(name, d.trace_player.work, root, out);
             check_trace_file(name, d.trace_player, root, out);
         },
         .queues = [](const DeviceConfig& d) { return d.trace_player.work.queues.get(); },
         .queues_name = "queues",
         .request_size = [](const DeviceConfig& d) { return d.trace_player.work.request_size.get().bytes(); },
         .build = build_trace_player,
         .plays = true,
         .resolve = [](DeviceConfig& d, const std::filesystem::path& folder) { resolve_trace(d.trace_player, folder); }},
        {.kind = DeviceKind::Dsa,
         .help = "a data streaming accelerator: user space submits descriptors at portals (ENQCMD, MOVDIR64B), engines "
                 "write completion records; with atc.present a translation cache (ATS), with pri.present it can block on a fault",
         .add_params = [](ParamTree& t, const std::string& path, DeviceConfig& d) { t.add_all(path, d.dsa); },
         .add_driver_params = [](ParamTree& t, Config& c) { t.add_all("os.dsa_driver", c.dsa_driver); },
         .function = [](const DeviceConfig& d) { return &d.dsa.function; },
         .check = check_dsa,
         .queues = [](const DeviceConfig&) { return any_number; },
         .queues_name = "queues",
         .request_size = [](const DeviceConfig&) { return u64{page_size}; },
         .build = build_dsa},
        {.kind = DeviceKind::Gpu,
         .help = "contexts in memory, each with a PASID, that take turns on a few engines; preemption that may hang, "
                 "and a reset after it; accesses that find no translation are tried again; atc and pri as the "
                 "accelerator's",
         .add_params = [](ParamTree& t, const std::string& path, DeviceConfig& d) { t.add_all(path, d.gpu); },
         .add_driver_params = [](ParamTree& t, Config& c) { t.add_all("os.gpu_driver", c.gpu_driver); },
         .function = [](const DeviceConfig& d) { return &d.gpu.function; },
         .check = check_gpu,
         .queues = [](const DeviceConfig& d) { return d.gpu.contexts.get(); },
         .queues_name = "contexts",
         .request_size = [](const DeviceConfig& d) { return d.gpu.request_size.get().bytes(); },
         .build = build_gpu},
        {.kind = DeviceKind::Nic,
         .help = "receive and transmit rings, each pair with a PASID; packets arrive whatever the host does, and are "
                 "dropped where no buffer is; atc and pri as the accelerator's",
         .add_params = [](ParamTree& t, const std::string& path, DeviceConfig& d) { t.add_all(path, d.nic); },
         .add_driver_params = [](ParamTree& t, Config& c) { t.add_all("os.nic_driver", c.nic_driver); },
         .function = [](const DeviceConfig& d) { return &d.nic.function; },
         .check = check_nic,
         .queues = [](const DeviceConfig& d) { return d.nic.queues.get(); },
         .queues_name = "queues",
         .request_size = [](const DeviceConfig&) { return u64{1}; },
         .build = build_nic},
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
        if (const devices::SvaFunctionConfig* f = row_of(d).function(d)) {
            check_atc(name, f->atc, root, out);
            check_page_requests(name, c, *f, root, out);
        }
        row_of(d).check(name, c, d, root, out);
    }
}

} // namespace quiesce::platform
