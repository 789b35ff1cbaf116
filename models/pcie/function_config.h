// SPDX-License-Identifier: Apache-2.0
/// What a PCI function declares in its configuration space: identity, BARs, and which capabilities it has.
#pragma once
#include "base/param.h"

namespace quiesce::pcie {

using namespace base::literals;

inline constexpr std::string_view bar_size_help = "bytes, a power of two from 16 on; 0: no such BAR";
/// One memory BAR. A 64-bit BAR takes the next register too.
struct BarConfig {
    using P = base::Provenance;
    base::Param<base::Size> size{base::Size{}, bar_size_help, P::Guess};
    base::Param<bool> wide{true, "64-bit address", P::Guess, "usual for accelerators"};
    base::Param<bool> prefetchable{false, "reads have no side effects", P::Guess};
};
DESCRIBE(BarConfig, size, wide, prefetchable)
static_assert(base::fully_described<BarConfig>);

struct ExpressConfig {
    using P = base::Provenance;
    base::Param<unsigned> max_payload{512,
                                      "largest payload supported (DevCap)",
                                      base::between(128u, 4096u),
                                      base::power_of_two,
                                      base::unit("bytes"),
                                      P::Guess,
                                      "server endpoints: 256..512"};
    base::Param<bool> extended_tags{true, "8-bit tags", P::Specification, "PCIe Base 7.5.3.3"};
    base::Param<bool> tag10_requester{true, "10-bit tags as a requester", P::Specification,
                                      "PCIe Base 7.5.3.15; needs 16 GT/s"};
    base::Param<bool> atomic_requester{false, "sends AtomicOps, where DevCtl2 lets it", P::Guess,
                                       "PCIe Base 6.15: up to the device"};
    base::Param<bool> flr{true, "function-level reset", P::Kernel, "what vfio and VM assignment ask for"};
    base::Param<unsigned> timeout_ranges{0xf, "completion timeout ranges A..D as bits", base::between(0u, 15u),
                                         P::Guess};
    base::Param<unsigned> link_generation{4, "1: 2.5 GT/s, 2: 5, 3: 8, 4: 16, 5: 32, 6: 64, 7: 128",
                                          base::between(1u, 7u), P::Guess};
    base::Param<unsigned> link_width{16, "lanes", base::between(1u, 32u), base::power_of_two, P::Guess};
};
DESCRIBE(ExpressConfig, max_payload, extended_tags, tag10_requester, atomic_requester, flr, timeout_ranges, link_generation, link_width)
static_assert(base::fully_described<ExpressConfig>);

struct MsixConfig {
    using P = base::Provenance;
    base::Param<unsigned> vectors{8, "MSI-X vectors; 0: no MSI-X", base::between(0u, 2048u), P::Guess};
    base::Param<unsigned> bar{0, "BAR that holds the table and the pending bits", base::between(0u, 5u), P::Guess};
    base::Param<base::Size> table{8_KiB, "offset of the table in it", P::Guess, "behind the device's own page"};
    base::Param<base::Size> pending{12_KiB, "offset of the pending bits in it", P::Guess};
};
DESCRIBE(MsixConfig, vectors, bar, table, pending)
static_assert(base::fully_described<MsixConfig>);

struct AtsConfig {
    using P = base::Provenance;
    base::Param<bool> present{true, "Address Translation Services", P::Specification, "PCIe Base 10.5.1"};
    base::Param<unsigned> queue_depth{32, "invalidate requests taken at once", base::between(1u, 32u), P::Guess,
                                      "PCIe Base 10.3.1: 32 invalidate tags"};
    base::Param<bool> page_aligned{true, "untranslated addresses in requests are page aligned", P::Kernel,
                                   "Linux asks for it before it enables PRI (pci_ats_page_aligned)"};
    base::Param<bool> global_invalidate{false, "takes Global Invalidate", P::Guess};
    base::Param<bool> relaxed_ordering{false, "translation requests may set RO", P::Guess};
};
DESCRIBE(AtsConfig, present, queue_depth, page_aligned, global_invalidate, relaxed_ordering)
static_assert(base::fully_described<AtsConfig>);

struct PriConfig {
    using P = base::Provenance;
    base::Param<bool> present{true, "Page Request Interface", P::Specification, "PCIe Base 10.5.2"};
    base::Param<unsigned> capacity{512, "page requests outstanding at most", base::at_least(1u), P::Guess};
    base::Param<bool> response_pasid_required{true, "expects a PASID in responses to requests with PASID",
                                              P::Specification, "PCIe Base 10.5.2.3"};
};
DESCRIBE(PriConfig, present, capacity, response_pasid_required)
static_assert(base::fully_described<PriConfig>);

struct PasidConfig {
    using P = base::Provenance;
    base::Param<bool> present{true, "PASID", P::Specification, "PCIe Base 7.8.9"};
    base::Param<unsigned> width{20,         "PASID bits", base::between(0u, 20u), base::unit("bits"), P::Specification,
                                "PCIe Base 6.20: 20 bits at most"};
    base::Param<bool> execute{false, "can ask for execute permission", P::Guess};
    base::Param<bool> privileged{true, "can work in privileged mode", P::Guess};
};
DESCRIBE(PasidConfig, present, width, execute, privileged)
static_assert(base::fully_described<PasidConfig>);

struct AcsConfig {
    using P = base::Provenance;
    base::Param<bool> present{false, "Access Control Services: for functions of a multi-function device",
                              P::Specification, "PCIe Base 7.7.11"};
    base::Param<bool> request_redirect{true, "P2P request redirect", P::Guess};
    base::Param<bool> completion_redirect{true, "P2P completion redirect", P::Guess};
    base::Param<bool> direct_translated{true, "direct translated P2P", P::Guess};
};
DESCRIBE(AcsConfig, present, request_redirect, completion_redirect, direct_translated)
static_assert(base::fully_described<AcsConfig>);

struct AerConfig {
    using P = base::Provenance;
    base::Param<bool> present{true, "Advanced Error Reporting", P::Specification, "PCIe Base 7.8.4"};
    base::Param<bool> ecrc{true, "generates and checks ECRC", P::Guess};
};
DESCRIBE(AerConfig, present, ecrc)
static_assert(base::fully_described<AerConfig>);

struct SriovConfig {
    using P = base::Provenance;
    base::Param<unsigned> total_vfs{0, "virtual functions; 0: no SR-IOV", base::between(0u, 65535u), P::Guess};
    base::Param<unsigned> first_offset{1, "routing id of the first one, from the physical function's",
                                       base::between(1u, 65535u), P::Guess};
    base::Param<unsigned> stride{1, "routing ids from one to the next", base::between(1u, 65535u), P::Guess};
    base::Param<unsigned> device_id{0x1d1f, "their device id", base::between(0u, 0xffffu), P::Guess};
    base::Param<unsigned> page_sizes{0x553, "system page sizes supported: bit n is 4 KiB << n", base::at_least(1u),
                                     P::Specification, "PCIe Base 9.3.3.13: 4K, 8K, 64K, 256K, 1M, 4M are required"};
    BarConfig bar0;
};
DESCRIBE(SriovConfig, total_vfs, first_offset, stride, device_id, page_sizes, bar0)
static_assert(base::fully_described<SriovConfig>);

/// Presets set values; the default is an accelerator that can do shared virtual addressing.
struct FunctionConfig {
    using P = base::Provenance;
    base::Param<unsigned> vendor_id{0x1d1e, "vendor id", base::between(0u, 0xfffeu), P::Guess, "an id of our own"};
    base::Param<unsigned> device_id{0xacc0, "device id", base::between(0u, 0xffffu), P::Guess};
    base::Param<unsigned> subsystem_vendor_id{0x1d1e, "subsystem vendor id", base::between(0u, 0xffffu), P::Guess};
    base::Param<unsigned> subsystem_id{0x0001, "subsystem id", base::between(0u, 0xffffu), P::Guess};
    base::Param<unsigned> revision{1, "revision id", base::between(0u, 0xffu), P::Guess};
    base::Param<unsigned> class_code{0x120000, "class, subclass, interface", base::between(0u, 0xffffffu),
                                     P::Specification, "PCI Code and ID Assignment: 12h is a processing accelerator"};
    BarConfig bar0{{64_KiB, bar_size_help, P::Guess}};
    BarConfig bar2, bar4;
    ExpressConfig express;
    MsixConfig msix;
    AerConfig aer;
    AcsConfig acs;
    SriovConfig sriov;
    AtsConfig ats;
    PriConfig pri;
    PasidConfig pasid;
};
DESCRIBE(FunctionConfig, vendor_id, device_id, subsystem_vendor_id, subsystem_id, revision, class_code, bar0, bar2,
         bar4, express, msix, aer, acs, sriov, ats, pri, pasid)
static_assert(base::fully_described<FunctionConfig>);

/// Device/Port Type (7.5.3.2) of what has a header of type 1 here.
enum class PortType : u8 { SwitchUpstream = 5, SwitchDownstream = 6 };

/// A port of a switch. MODEL: without interrupts, power management, hot-plug, and AER's root registers.
struct BridgeConfig {
    u16 vendor_id = 0x1d1e; ///< an id of our own
    u16 device_id = 0;
    PortType port = PortType::SwitchDownstream;
    bool acs = true; ///< Access Control Services, all but P2P Egress Control
    ExpressConfig express{};
};

} // namespace quiesce::pcie
