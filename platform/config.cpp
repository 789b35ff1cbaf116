// SPDX-License-Identifier: Apache-2.0
#include "platform/config.h"

#include "platform/machine/amdvi_presets.h"
#include "platform/machine/devices.h"
#include "platform/machine/fabric.h"
#include "platform/machine/iommus.h"
#include "platform/wave_files.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

namespace quiesce::platform {

ParamTree parameters(Config& c) {
    ParamTree t;
    t.add("platform.preset", c.platform.preset);
    t.add("platform.simultaneous", c.platform.simultaneous);
    t.add("platform.iommu.kind", c.platform.iommu.kind);
    t.add("platform.iommu.bugs", c.platform.iommu.bugs);
    for (const IommuRow* row : iommu_rows()) row->add_params(t, c);
    t.add_all("platform.memory", c.platform.memory);
    t.add_all("platform.mmio", c.platform.mmio);
    t.add_all("platform.root_complex", c.platform.root_complex);
    t.add_all("platform.link", c.platform.link);
    for (auto& [name, sw] : c.platform.switches) {
        t.add("platform.switches." + name + ".behind", sw.behind);
        t.add_all("platform.switches." + name, sw.hardware);
    }
    t.add_all("os", c.os);
    for (const DeviceRow& row : device_rows()) row.add_driver_params(t, c);
    for (auto& [name, device] : c.devices) {
        t.add("devices." + name + ".kind", device.kind);
        t.add("devices." + name + ".behind", device.behind);
        row_of(device).add_params(t, "devices." + name, device);
        if (is_function(device)) t.add_all("devices." + name + ".link", device.link);
    }
    t.add_all("observe", c.observe);
    return t;
}

namespace {

/// What differs between the two hosts whose VT-d units pcie-bench measured.
struct MeasuredVtd {
    std::string_view name, help, mrrs, mrrs_source, walk_latency, miss_latency, tlb_entries, walkers, slow_share;
};

/// The unit, its memory and the NFP-6000 of pcie-bench. Which points the fitted values were fitted to, and how, says
/// scripts/calibrate_iommu.py.
Preset measured_vtd(const MeasuredVtd& m) {
    const std::string_view latency = "fitted to the read latency over 64 MiB",
                           rate = "fitted to the writes over 64 MiB";
    return {
        m.name,
        m.help,
        {{"platform.iommu.kind", "vtd", "measured: intel_iommu=on,sp_off in sys-kernel-cmdline.txt"},
         {"platform.iommu.vtd.agent.config_lookup", "0ns", "measured: hits add 0 ns, within 3 ns"},
         {"platform.iommu.vtd.agent.tlb_lookup", "0ns", "measured: hits add 0 ns, within 3 ns"},
         {"platform.iommu.vtd.agent.tlb_entries", m.tlb_entries, "fitted to the read latency over 1 MiB"},
         {"platform.iommu.vtd.agent.tlb_ways", m.tlb_entries,
          "guess: fully associative; random addresses cannot tell it from sets of neighbouring pages"},
         {"platform.iommu.vtd.agent.miss_latency", m.miss_latency, latency},
         {"platform.iommu.vtd.agent.read_misses", m.walkers, "guess: as walker.slots"},
         {"platform.iommu.vtd.agent.walker.slots", m.walkers, rate},
         {"platform.iommu.vtd.agent.walker.keeps_pointers", "false",
          "guess: four reads of what a read of the last-level cache takes; one that takes all of it is as good a fit"},
         {"platform.iommu.vtd.agent.walker.second_entries", "1",
          "derived: a second stage alone is kept in the translation cache"},
         {"platform.iommu.vtd.agent.walker.second_ways", "1", "derived: as second_entries"},
         {"platform.iommu.vtd.agent.walker.merges", "neighbours",
          "derived: random writes miss at 1 - entries / pages, however many wait; both packets of 512 B are one walk"},
         {"platform.iommu.vtd.agent.walker.slow_share", m.slow_share,
          "fitted to the reads of 64 and 256 B over 64 MiB"},
         {"platform.iommu.vtd.agent.walker.slow_by", "200ns",
          "measured: E5-2630 v4, cold, 64 MiB: 95 % of the latencies are within 200 ns of the median"},
         {"platform.root_complex.reads", "in-order",
          "derived: hits of reads wait behind misses, those of writes do not"},
         {"platform.memory.walk_latency", m.walk_latency, rate},
         {"platform.memory.ram_base", "0x100000000", "measured: sys-dma-addrs.txt, above 4 GiB: long headers"},
         {"platform.link.generation", "3", "measured: sys-lspci.txt, LnkSta of the NFP"},
         {"platform.link.lanes", "8", "measured: sys-lspci.txt, LnkSta of the NFP"},
         {"platform.link.mps", "256", "measured: sys-lspci.txt, DevCtl of the NFP"},
         {"platform.link.mrrs", m.mrrs, m.mrrs_source},
         {"platform.link.ecrc", "true", "measured: sys-lspci.txt, AERCap CGenEn+ of the NFP and its root port"},
         {"platform.link.ack_limit", "380", "fitted: as pcie-bench-e5-2630v4"},
         {"platform.link.fc_limit", "380", "fitted: as pcie-bench-e5-2630v4"},
         {"devices.*.endpoint.issue", "57ns", "fitted: as pcie-bench-e5-2630v4"},
         {"devices.*.endpoint.copy", "62.7Gbps", "fitted: as pcie-bench-e5-2630v4"},
         {"devices.*.endpoint.tags", "36",
          "derived: 32 (ExtTag- in sys-lspci.txt) without the time in `issue`, for which a tag is held here"},
         {"devices.*.endpoint.read_interval", "15.75ns", "measured: as pcie-bench-e5-2630v4"},
         {"devices.*.endpoint.write_interval", "21.1ns", "measured: as pcie-bench-e5-2630v4"}}};
}

std::vector<Preset> modelled_presets() {
    return {
        {"server", "the defaults: an SMMUv3.2 with stage 1, a VT-d or an AMD-Vi unit, in a server, PCIe Gen3 x8 (pcie-bench, SIGCOMM 2018; caches of gem5 v24.0)", {}},
        {"small", "an embedded IOMMU: few walkers, small caches, slower memory (guess)",
         {{"platform.iommu.smmuv3.agent.tlb_entries", "256"}, {"platform.iommu.smmuv3.agent.walker.slots", "4"},
          {"platform.iommu.smmuv3.agent.interfaces.count", "1"}, {"platform.iommu.smmuv3.agent.interfaces.entries", "8"},
          {"platform.iommu.smmuv3.agent.interfaces.ways", "8"}, {"platform.iommu.smmuv3.agent.interfaces.hit_under_miss", "false"},
          {"platform.iommu.smmuv3.ssid_bits", "8"}, {"platform.iommu.vtd.agent.tlb_entries", "256"},
          {"platform.iommu.vtd.agent.walker.slots", "4"}, {"platform.iommu.vtd.agent.interfaces.count", "1"},
          {"platform.iommu.vtd.agent.interfaces.entries", "8"}, {"platform.iommu.vtd.agent.interfaces.ways", "8"},
          {"platform.iommu.vtd.agent.interfaces.hit_under_miss", "false"}, {"platform.iommu.vtd.pasid_bits", "8"},
          {"platform.iommu.amdvi.agent.tlb_entries", "256"}, {"platform.iommu.amdvi.agent.walker.slots", "4"},
          {"platform.iommu.amdvi.agent.interfaces.count", "1"}, {"platform.iommu.amdvi.agent.interfaces.entries", "8"},
          {"platform.iommu.amdvi.agent.interfaces.ways", "8"}, {"platform.iommu.amdvi.agent.interfaces.hit_under_miss", "false"},
          {"platform.iommu.amdvi.pasid_bits", "8"},
          {"platform.memory.dma_latency", "150ns"}, {"platform.memory.walk_latency", "120ns"},
          {"platform.memory.bandwidth", "12GB/s"}, {"os.cpu.cpus", "2"}}},
        {"gem5-like",
         "gem5 v24.0's SMMUv3, which its maintainers call not representative: caches as of server, which are gem5's; no MSIs, tables "
         "not coherent, commands and invalidations free (its CMD_SYNC is not modelled there: ours is)",
         {{"platform.iommu.smmuv3.agent.tlb_entries", "2048", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, tlb_entries"},
          {"platform.iommu.smmuv3.agent.tlb_ways", "4", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, tlb_assoc"},
          {"platform.iommu.smmuv3.agent.config_entries", "64", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, cfg_entries"},
          {"platform.iommu.smmuv3.agent.config_ways", "4", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, cfg_assoc"},
          {"platform.iommu.smmuv3.agent.walker.slots", "16", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, ptw_slots"},
          {"platform.iommu.smmuv3.agent.walker.cache_by_level", "true", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, wc_s1_levels"},
          {"platform.iommu.smmuv3.agent.interfaces.count", "1",
           "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, a device interface with a micro-TLB; its main TLB is the unit's here"},
          {"platform.iommu.smmuv3.cmdq_log2", "7", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, IDR1.CMDQS"},
          {"platform.iommu.smmuv3.coherent", "false", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, IDR0 is 0x094C100F"},
          {"platform.iommu.smmuv3.msi", "false", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, IDR0 is 0x094C100F"},
          {"platform.iommu.smmuv3.sev", "false", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, IDR0 is 0x094C100F"},
          {"platform.iommu.smmuv3.granule_64k", "true", "derived: gem5 v24.0 src/dev/arm/SMMUv3.py, IDR5 is 0x55"},
          {"platform.iommu.smmuv3.command_execute", "0ns", "derived: gem5 v24.0 smmu_v3_cmdexec.cc, a command costs its fetch"},
          {"platform.iommu.smmuv3.agent.invalidation.per_command", "0ns", "derived: gem5 v24.0 smmu_v3_cmdexec.cc, invalidation is at once"},
          {"platform.iommu.smmuv3.agent.invalidation.per_entry", "0ns", "derived: gem5 v24.0 smmu_v3_cmdexec.cc, invalidation is at once"},
          {"devices.*.endpoint.register_access", "30ns", "derived: gem5 v24.0, PciDevice pio_latency"}}},
        {"pcie-bench-e5-2630v4",
         "a Dell T430 with a Xeon E5-2630 v4, VT-d off, buffers in the last-level cache, every device an NFP-6000 "
         "(pcie-bench; scripts/calibrate_pcie.py compares it with the measurements)",
         {{"platform.iommu.kind", "none", "measured: sys-kernel-cmdline.txt has no intel_iommu"},
          {"platform.memory.ram_base", "0x100000000", "measured: sys-dma-addrs.txt, above 4 GiB: long headers"},
          {"platform.link.generation", "3", "measured: sys-lspci.txt, LnkSta of 03:00.0"},
          {"platform.link.lanes", "8", "measured: sys-lspci.txt, LnkSta of 03:00.0"},
          {"platform.link.mps", "256", "measured: sys-lspci.txt, DevCtl of 03:00.0"},
          {"platform.link.mrrs", "4096", "measured: sys-lspci.txt, DevCtl of 03:00.0"},
          {"platform.link.ecrc", "true", "measured: sys-lspci.txt, AERCap CGenEn+ of 03:00.0 and its root port"},
          {"platform.link.ack_limit", "380", "fitted to the read bandwidth at 512 B, as one constant with fc_limit"},
          {"platform.link.fc_limit", "380", "fitted to the read bandwidth at 512 B, as one constant with ack_limit"},
          {"devices.*.endpoint.issue", "57ns", "fitted to the read latency at 8 and 2048 B"},
          {"devices.*.endpoint.copy", "62.7Gbps", "fitted to the read latency at 8 and 2048 B"},
          {"devices.*.endpoint.read_interval", "15.75ns",
           "measured: pcie-bench, 32.5 Gb/s of 64 B reads of other runs are 63.5 M reads/s"},
          {"devices.*.endpoint.write_interval", "21.1ns", "measured: pcie-bench, 47.4 M writes/s"}}},
        {"kunpeng920-sva",
         "shared address spaces on a Kunpeng 920, whose accelerators stall: what a page fault of a device costs is as measured "
         "(scripts/calibrate_faults.py compares it with the measurements)",
         {{"platform.iommu.kind", "smmuv3", "measured: Kunpeng 920, hisi_sec under UADK (Shenming Lu, linux-kernel, 2021-03-09)"},
          {"platform.iommu.smmuv3.stall_model", "optional", "measured: its platform devices stall"},
          {"os.cpu.wake_up", "3.87us", "fitted to the cost of a fault in the run of one message"}}},
        measured_vtd({"pcie-bench-e5-2630v4-vtd",
                      "the T430 of pcie-bench-e5-2630v4 with VT-d on: cost and number of misses as measured "
                      "(scripts/calibrate_iommu.py compares it with the measurements)",
                      "4096", "measured: sys-lspci.txt, DevCtl of 03:00.0", "61.17ns", "13.2ns", "116", "6", "10"}),
        measured_vtd({"pcie-bench-e5-2620v3-vtd",
                      "a Dell T630 with a Xeon E5-2620 v3 and VT-d on: cost and number of misses as measured "
                      "(scripts/calibrate_iommu.py compares it with the measurements)",
                      "512", "measured: sys-lspci.txt, DevCtl of 05:00.0", "47.44ns", "0.9ns", "120", "5", "12"}),
    };
}

} // namespace

const std::vector<Preset>& presets() {
    static const std::vector<Preset> list = [] {
        std::vector<Preset> all = modelled_presets();
        for (Preset& p : amdvi_presets()) all.push_back(std::move(p));
        return all;
    }();
    return list;
}

namespace {
/// The parameters that a row of a preset sets: of all devices, those that have it.
std::vector<std::string> paths_of(const PresetValue& v, const Config& config, const ParamTree& all) {
    constexpr std::string_view every = "devices.*.";
    if (v.path.substr(0, every.size()) != every) return {std::string{v.path}};
    std::vector<std::string> paths;
    for (const auto& [name, device] : config.devices) {
        std::string path = fmt::format("devices.{}.{}", name, v.path.substr(every.size()));
        if (all.find(path) != nullptr) paths.push_back(std::move(path));
    }
    return paths;
}
} // namespace

void apply_preset(Config& config, const Node& tree, Diagnostics& out) {
    const Node* platform = tree.find("platform");
    const Node* chosen = platform != nullptr && platform->is_map() ? platform->find("preset") : nullptr;
    if (chosen == nullptr || !chosen->is_scalar()) return;
    std::vector<std::string> names;
    for (const Preset& p : presets()) {
        names.emplace_back(p.name);
        if (p.name != chosen->text()) continue;
        const ParamTree all = parameters(config);
        for (const PresetValue& v : p.values)
            for (const std::string& path : paths_of(v, config, all)) {
                base::ParamBase* const param = all.find(path);
                if (param == nullptr || param->set_text(v.value)) // a mistake in the table above, not the user's
                    throw std::logic_error(fmt::format("preset {}: {} does not take {}", p.name, path, v.value));
            }
        return;
    }
    out.error_about(chosen->at(), fmt::format("unknown preset '{}'", chosen->text()), chosen->text(), names);
}

Mark place_of(const Node& root, std::initializer_list<std::string_view> path) {
    Node at = root;
    for (std::string_view key : path) {
        const Node* next = at.find(key);
        if (next == nullptr) return at.at();
        at = *next;
    }
    return at.at();
}

u32 highest_pasid(const Config& c) {
    const IommuRow* const iommu = iommu_row(c);
    const u32 room = iommu != nullptr ? (u32{1} << iommu->pasid_bits(c)) - 1 : 0xfffff;
    return std::min<u32>(c.os.pasid.max, room);
}

namespace {
/// Nobody is bound, and so there is nothing for these to act on.
void check_without_iommu(const Config& c, const Node& root, Diagnostics& out) {
    const auto pointless = [&](const base::ParamBase& p, std::string_view key, const char* why) {
        if (!p.is_default())
            out.error(place_of(root, {"os", key}), fmt::format("os.{}: there is no IOMMU (platform.iommu.kind: none): {}", key, why));
    };
    pointless(c.os.policy, "policy", "no address space is bound, and its release has nothing to do with devices");
    pointless(c.os.suppression, "suppression", "no fault is recorded that could be kept quiet");
    if (!c.os.pasid.each_device.is_default())
        out.error(place_of(root, {"os", "pasid", "private"}),
                  "os.pasid.private: there is no IOMMU (platform.iommu.kind: none): PASIDs are tags that drivers allocate");
}

void check_policy(const Config& c, const Node& root, Diagnostics& out) {
    const IommuRow* const row = iommu_row(c);
    const os::IommuArch iommu = row != nullptr ? row->driver : os::IommuArch::Vtd; // whose list there is for every kernel
    if (row == nullptr) return check_without_iommu(c, root, out);
    if (os::find_era(c.os.policy, c.os.kernel, iommu) != nullptr) return;
    out.error(place_of(root, {"os", root.find("os") && root.find("os")->find("kernel") ? "kernel" : "policy"}),
              fmt::format("policy {} does not exist on kernel {}: {}", c.os.policy.text(), c.os.kernel.text(),
                          os::why_no_era(c.os.policy, c.os.kernel, iommu)));
}

void check_pasids(const Config& c, const Node& root, Diagnostics& out) {
    const u32 highest = highest_pasid(c);
    const IommuRow* const iommu = iommu_row(c);
    if (iommu != nullptr && c.os.pasid.max > highest && !c.os.pasid.max.is_default())
        out.error(place_of(root, {"os", "pasid", "max"}),
                  fmt::format("PASID {} is wider than the {} {} (at most {})", c.os.pasid.max.get(),
                              iommu->pasid_bits(c), iommu->pasid_bits_name, highest));
    if (c.os.pasid.min > highest)
        out.error(place_of(root, {"os", "pasid", "min"}), fmt::format("no PASID is left between {} and {}", c.os.pasid.min.get(), highest));
}

void check_memory(const Config& c, const Node& root, Diagnostics& out) {
    const u64 base = c.platform.memory.ram_base;
    const Mark at = place_of(root, {"platform", "memory", "ram_base"});
    if (base % page_size != 0) out.error(at, "platform.memory.ram_base: not a multiple of 4 KiB");
    if (base < 0x8000'0000) out.error(at, "platform.memory.ram_base: below 0x80000000 are the registers");
    if (c.platform.memory.ram.get().bytes() % page_size != 0)
        out.error(place_of(root, {"platform", "memory", "ram"}), "platform.memory.ram: not a multiple of 4 KiB");
}

} // namespace

void check_topology(const Config& c, const Node& root, bool applicable, Diagnostics& out) {
    if (applicable) check_policy(c, root, out);
    check_pasids(c, root, out);
    check_window(c, root, out);
    check_memory(c, root, out);
    check_devices(c, root, out);
    check_fabric(c, root, out);
    if (const IommuRow* iommu = iommu_row(c)) iommu->check(c, root, out);
}

namespace {
/// "a,b" -> a, b
std::vector<std::string> words_of(std::string_view list, char between = ',') {
    std::vector<std::string> words;
    for (std::size_t from = 0; from <= list.size();) {
        const std::size_t comma = std::min(list.find(between, from), list.size());
        words.emplace_back(list.substr(from, comma - from));
        from = comma + 1;
    }
    return words;
}
} // namespace

std::vector<BugHelp> bug_rows() {
    std::vector<BugHelp> rows;
    for (const auto& b : os::bug_rows())
        rows.push_back({std::string{b.name}, std::string{b.help}, std::string{b.scenario}, words_of(b.set, ' '), words_of(b.kinds),
                        words_of(b.where)});
    for (BugHelp& bug : iommu_bugs()) rows.push_back(std::move(bug));
    return rows;
}

const std::vector<Capability>& known_capabilities() {
    static const std::vector<Capability> list{
        {"sva", "processes can bind their address spaces to devices"},
        {"pasid", "requests carry a PASID"},
        {"per-pasid-quiet", "one PASID's faults can be kept quiet"},
        {"ats", "devices keep translations of their own"},
        {"pri", "devices ask for pages"},
        {"stall", "faulting transactions wait for the operating system"},
        {"smmuv3", "the IOMMU is an SMMUv3"},
        {"no-iommu", "there is no IOMMU: devices reach memory by its own addresses, and PASIDs are mere tags"},
        {"vtd", "the IOMMU is a VT-d unit, for instance because the kernel's driver is"},
        {"amdvi", "the IOMMU is an AMD-Vi unit, for instance because the kernel's driver is"},
    };
    return list;
}

std::vector<std::string> capabilities(const Config& c) {
    const IommuRow* const iommu = iommu_row(c);
    if (iommu == nullptr) return {"no-iommu"};
    std::vector<std::string> there = iommu->capabilities(c);
    there.emplace_back(c.platform.iommu.kind.text());
    return there;
}

} // namespace quiesce::platform
