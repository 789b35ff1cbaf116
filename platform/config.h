// SPDX-License-Identifier: Apache-2.0
/// Everything that can be chosen: the platform, the operating system, the devices, what is observed.
#pragma once
#include "devices/accelerator.h"
#include "devices/dsa.h"
#include "devices/gpu.h"
#include "devices/nic.h"
#include "devices/platform_master.h"
#include "devices/trace_player.h"
#include "iommu/amdvi/config.h"
#include "iommu/smmuv3/config.h"
#include "iommu/vtd/config.h"
#include "memory/mmio_bus.h"
#include "memory/system_memory.h"
#include "os/drivers/accelerator_driver.h"
#include "os/drivers/amdvi_driver.h"
#include "os/drivers/dsa_driver.h"
#include "os/drivers/gpu_driver.h"
#include "os/drivers/nic_driver.h"
#include "os/drivers/platform_master_driver.h"
#include "os/drivers/smmuv3_driver.h"
#include "os/drivers/smmuv3_pmu.h"
#include "os/drivers/vtd_driver.h"
#include "os/kernel.h"
#include "pcie/root_complex.h"
#include "platform/param_tree.h"

#include <map>
#include <string>
#include <vector>

namespace quiesce::platform {

using namespace sim::literals;

enum class IommuKind : u8 { Smmuv3, Vtd, Amdvi, None };
constexpr auto enum_names(IommuKind) {
    return base::name_table<IommuKind>({{IommuKind::Smmuv3, "smmuv3"}, {IommuKind::Vtd, "vtd"}, {IommuKind::Amdvi, "amdvi"}, {IommuKind::None, "none"}});
}
enum class DeviceKind : u8 { Accelerator, PlatformMaster, TracePlayer, Dsa, Gpu, Nic };
constexpr auto enum_names(DeviceKind) {
    return base::name_table<DeviceKind>({{DeviceKind::Accelerator, "accelerator"},
                                         {DeviceKind::PlatformMaster, "platform-master"},
                                         {DeviceKind::TracePlayer, "trace-player"},
                                         {DeviceKind::Dsa, "dsa"},
                                         {DeviceKind::Gpu, "gpu"},
                                         {DeviceKind::Nic, "nic"}});
}

struct IommuConfig {
    base::Param<IommuKind> kind{IommuKind::Smmuv3, "which IOMMU; none: no translation, so no shared virtual addressing", base::Provenance::Guess,
                                "the first architecture modelled"};
    iommu::Bugs bugs = iommu::no_bugs();
    iommu::smmuv3::Smmuv3Config smmuv3; ///< its bugs are those above; so of the others
    iommu::vtd::VtdConfig vtd;
    iommu::amdvi::AmdviConfig amdvi;
};

/// Where the link of a device or a switch leads, and the word for a root port of its own.
inline constexpr std::string_view root_port = "root-port";
inline constexpr std::string_view behind_help = "the switch (platform.switches) that its link leads to, or root-port";

struct SwitchNode {
    base::Param<std::string> behind{std::string{root_port}, std::string{behind_help}, base::Provenance::Guess, "the usual place"};
    pcie::SwitchConfig hardware;
};

enum class Simultaneous : u8 { InOrder, Shuffled };
constexpr auto enum_names(Simultaneous) {
    return base::name_table<Simultaneous>({{Simultaneous::InOrder, "in-order"}, {Simultaneous::Shuffled, "shuffled"}});
}

struct PlatformConfig {
    base::Param<std::string> preset{"server", "values to begin with; whatever is set beside it goes before it", base::Provenance::Guess,
                                    "see `quiesce list presets`"};
    base::Param<Simultaneous> simultaneous{Simultaneous::InOrder, "which of several things in one instant comes first: the one that was "
                                           "asked for first, or any, by the run's seed", base::Provenance::Guess, "one order of many"};
    IommuConfig iommu;
    memory::MemoryConfig memory;
    memory::MmioConfig mmio;
    pcie::RootComplexConfig root_complex;
    pcie::LinkConfig link; ///< of every device that does not say otherwise
    std::map<std::string, SwitchNode> switches;
};

struct DeviceConfig {
    base::Param<std::string> behind{std::string{root_port}, std::string{behind_help}, base::Provenance::Guess, "the usual place"};
    base::Param<DeviceKind> kind{DeviceKind::Accelerator, "what it is", base::Provenance::Guess, "the first device modelled"};
    devices::AcceleratorConfig accelerator;
    devices::DsaConfig dsa;
    devices::GpuConfig gpu;
    devices::NicConfig nic;
    devices::PlatformMasterConfig platform_master;
    devices::TracePlayerConfig trace_player;
    pcie::LinkConfig link; ///< above it; of a PCI function
};

/// observe.window.around, when it is around whatever teardowns do.
inline constexpr std::string_view around_teardowns = "teardowns";

struct WindowConfig {
    using P = base::Provenance;
    base::Param<base::Latency> before{20_us, "waveforms begin so long before each instant at which a teardown moves on", P::Guess, "for people"};
    base::Param<base::Latency> after{100_us, "and end so long after it", P::Guess, "for people"};
    base::Param<base::Latency> from{0_ns, "waveforms and packets from here on, wherever teardowns are", P::Guess, "for people"};
    base::Param<base::Latency> until{0_ns, "and up to here; 0: from, to the end, or both as teardowns say", P::Guess, "for people"};
    base::Param<std::string> around{std::string{around_teardowns}, "waveforms of one teardown or violation, by its id in run.json: t0, or t0:5us,50us "
                                    "(so long before and after it; else as above)", P::Guess, "for people"};
};
DESCRIBE(WindowConfig, before, after, from, until, around)

struct ObserveConfig {
    using P = base::Provenance;
    base::Param<bool> waves{true, "write waves.vcd and waves.gtkw", P::Guess, "for people"};
    base::Param<bool> fst{false, "write waves.fst, too, with vcd2fst of the package gtkwave", P::Guess, "for people"};
    base::Param<bool> timeline{true, "write timeline.pftrace", P::Guess, "for people"};
    base::Param<bool> pcap{false, "write tlps.pcapng: packets of every link, for Wireshark", P::Guess, "for people; large"};
    base::Param<std::string> events{"window", "waveforms, timeline, packets and events.sqlite of a window around each teardown, or of all; none: no events.sqlite", base::one_of("window", "all", "none"), P::Guess,
                                    "for people"};
    WindowConfig window;
    base::Param<u64> flood_threshold{0, "fault records of one dying bond that make a report-flood; 0: never",
                                     base::at_most(u64{1'000'000'000}), P::Guess, "no agreed number; set what your log can take"};
    base::Param<unsigned> flood_share{0, "per cent of what came to a queue since it was empty last that must be of dying bonds, for what a "
                                          "living one loses there to be an innocent-victim; 0: never",
                                      base::at_most(100u), P::Guess, "no agreed number; records are lost in any flood, and nothing promises otherwise"};
    base::Param<u64> refault_threshold{0, "page requests of one bond for one page that make a refault-storm; 0: never",
                                       base::at_most(u64{1'000'000'000}), P::Guess, "no agreed number; more than a device's retries"};
    base::Param<base::Latency> page_request_limit{
        10_ms, "a page request that was not answered for so long when the run ends is lost", P::Guess,
        "longer than the handling of any page fault that is modelled"};
    base::Param<unsigned> breakdowns{64, "so many teardowns are told in full, the open ones and the slowest first; of the others the milestones",
                                     base::at_least(1u), P::Guess, "for people; paths through many that wait for each other are long"};
    base::Param<base::Latency> left_behind_limit{
        100_ms, "what is still in use so long after every process was dead and the machine at rest is left behind", P::Guess,
        "longer than a completion time-out (platform.root_complex.completion_timeout), and than a throttled thread waits (os.cpu.rt_period)"};
    base::Param<base::Latency> limit{60_s, "a run that has not come to rest by then ends as a livelock; until then it changes nothing", base::at_least(1_us), P::Guess,
                                     "longer than any library scenario by far"};
};
DESCRIBE(ObserveConfig, waves, fst, timeline, pcap, events, window, flood_threshold, flood_share, refault_threshold, page_request_limit, breakdowns, left_behind_limit, limit)

struct Config {
    PlatformConfig platform;
    os::KernelConfig os;
    os::drivers::Smmuv3DriverConfig smmuv3_driver;
    os::drivers::Smmuv3PmuConfig smmuv3_pmu;
    os::drivers::VtdDriverConfig vtd_driver;
    os::drivers::AmdviDriverConfig amdvi_driver;
    os::drivers::AcceleratorDriverConfig accelerator_driver;
    os::drivers::DsaDriverConfig dsa_driver;
    os::drivers::GpuDriverConfig gpu_driver;
    os::drivers::NicDriverConfig nic_driver;
    os::drivers::PlatformMasterDriverConfig platform_master_driver;
    std::map<std::string, DeviceConfig> devices;
    ObserveConfig observe;
    bool check_tlm = false; ///< register accesses of the IOMMU through TLM sockets with a checker in line
};

/// The place of a value in what the user wrote, or of the innermost part of it that is there.
Mark place_of(const Node& root, std::initializer_list<std::string_view> path);
/// Every parameter by its public path: platform.*, os.*, os.drivers.*, devices.<name>.*, observe.*.
ParamTree parameters(Config& config);

/// One value of a preset. `devices.*.` at the start of a path means every device; `source` says where the value comes
/// from, where the help of the preset does not.
struct PresetValue {
    std::string_view path, value, source{};
};
struct Preset {
    std::string_view name, help;
    std::vector<PresetValue> values;
};
const std::vector<Preset>& presets();
/// Applies the preset that `tree` (the user's values) names, before those values are read.
void apply_preset(Config& config, const Node& tree, Diagnostics& out);
/// Pages of a heap where the scenario says nothing, and at most: a page costs the host as much memory as the simulated machine.
inline constexpr u64 default_heap_pages = 64, most_heap_pages = u64{1} << 18;
/// The highest PASID that the allocator may hand out on this platform.
u32 highest_pasid(const Config& config);
/// Buses of PCIe that devices and switches take, besides that of the root ports.
u64 pci_buses(const Config& config);
/// What no single value shows: impossible pairs, a PASID wider than the SMMU takes, queues that do not fit.
/// `applicable`: the platform has what the scenario requires; otherwise it is not run, and its kernel need not exist there.
void check_topology(const Config& config, const Node& root, bool applicable, Diagnostics& out);
/// Deliberate mistakes of the operating system and of the hardware, with how to provoke each.
struct BugHelp {
    std::string name, help, scenario;
    std::vector<std::string> set, kinds;
    std::vector<std::string> where{"smmuv3", "vtd", "amdvi"}; ///< platform.iommu.kind: where it can exist
};
std::vector<BugHelp> bug_rows();
/// The words of `requires`: what some platform can do and another cannot.
struct Capability {
    std::string_view name, help;
};
const std::vector<Capability>& known_capabilities();
/// What this platform can do, in those words.
std::vector<std::string> capabilities(const Config& config);

} // namespace quiesce::platform
