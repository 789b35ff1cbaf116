// SPDX-License-Identifier: Apache-2.0
/// What can be chosen about a VT-d unit: what its capability registers say, the times that its steps take, its bugs.
#pragma once
#include "base/param.h"
#include "iommu/agent.h"
#include "iommu/bugs.h"
#include "iommu/vtd/regs.h"

#include <string>
#include <string_view>
#include <vector>

namespace quiesce::iommu::vtd {

/// Defaults describe a server's unit with scalable mode, device-TLBs and page requests.
struct VtdConfig {
    using P = base::Provenance;
    base::Param<unsigned> version{
        6,
        "major version (VER.MAX): from 2 on invalidations always drain, from 6 on there is no "
        "register-based invalidation",
        base::between(1u, 7u), P::Specification, "VT-d 11.4"};
    base::Param<unsigned> host_address_bits{
        48, "host address width", base::between(32u, 52u), base::unit("bits"), P::Derived, "of a server"};
    base::Param<unsigned> domain_bits{16,
                                      "domain-id bits (CAP.ND): 4 to 16, even",
                                      base::between(4u, 16u),
                                      base::unit("bits"),
                                      P::Specification,
                                      "VT-d 11.4"};
    base::Param<bool> width39{true, "second stages of 39 bits (CAP.SAGAW)", P::Specification, "VT-d 11.4"};
    base::Param<bool> width48{true, "second stages of 48 bits (CAP.SAGAW)", P::Specification, "VT-d 11.4"};
    base::Param<bool> width57{true, "second stages of 57 bits (CAP.SAGAW)", P::Specification, "VT-d 11.4"};
    base::Param<bool> second_2m{true, "second-stage pages of 2 MiB (CAP.SSLPS)", P::Specification, "VT-d 11.4"};
    base::Param<bool> second_1g{true, "second-stage pages of 1 GiB (CAP.SSLPS); needs those of 2 MiB", P::Specification, "VT-d 11.4"};
    base::Param<bool> first_1g{true, "first-stage pages of 1 GiB (CAP.FS1GP)", P::Specification, "VT-d 11.4"};
    base::Param<bool> five_levels{true, "first stages of five levels (CAP.FS5LP)", P::Specification, "VT-d 11.4"};
    base::Param<bool> page_selective{true, "invalidation by page (CAP.PSI)", P::Specification, "VT-d 11.4"};
    base::Param<unsigned> address_mask{52, "largest mask of an invalidation by page (CAP.MAMV)", base::at_most(63u),
                                       P::Specification, "VT-d 11.4"};
    base::Param<bool> zero_length_reads{true, "zero-length reads of write-only pages (CAP.ZLR)", P::Specification,
                                        "VT-d 11.4; reads here have a length"};
    base::Param<unsigned> fault_records{8, "fault recording registers (CAP.NFR)", base::between(1u, 256u), P::Guess};
    base::Param<bool> caching_mode{false, "entries that are not present may be cached (CAP.CM)", P::Specification,
                                   "VT-d 11.4; such as a hypervisor presents"};
    base::Param<bool> protected_memory{true, "protected memory regions (CAP.PLMR, CAP.PHMR)", P::Specification,
                                       "VT-d 11.4"};
    base::Param<bool> flush_on_root{true, "setting the root table pointer invalidates all (CAP.ESRTPS)",
                                    P::Specification, "VT-d 11.4"};
    base::Param<bool> coherent{true, "table walks see the CPUs' caches (ECAP.C, ECAP.SMPWCS)", P::Specification,
                               "VT-d 11.4"};
    base::Param<bool> queued{true, "invalidation queue (ECAP.QI)", P::Specification, "VT-d 11.4"};
    base::Param<bool> pass_through{true, "pass-through (ECAP.PT)", P::Specification, "VT-d 11.4"};
    base::Param<bool> snoop_control{true, "snooping by page (ECAP.SC)", P::Specification, "VT-d 11.4"};
    base::Param<bool> scalable{true, "scalable mode (ECAP.SMTS); needs the invalidation queue", P::Specification,
                               "VT-d 11.4"};
    base::Param<bool> first_stage{true, "first-stage translation (ECAP.FSTS); needs scalable mode", P::Specification,
                                  "VT-d 11.4"};
    base::Param<bool> second_stage{true, "second-stage translation (ECAP.SSTS)", P::Specification, "VT-d 11.4"};
    base::Param<bool> nested{true, "both stages (ECAP.NEST); needs both", P::Specification, "VT-d 11.4"};
    base::Param<bool> second_access_dirty{true, "second-stage A and D (ECAP.SSADS)", P::Specification, "VT-d 11.4"};
    base::Param<bool> extended_access{true, "extended access flag (ECAP.EAFS)", P::Specification, "VT-d 11.4"};
    base::Param<bool> supervisor{true, "privileged requests (ECAP.SRS)", P::Specification, "VT-d 11.4"};
    base::Param<bool> pasid{true, "requests with PASID (ECAP.PASID); needs scalable mode", P::Specification,
                            "VT-d 11.4"};
    base::Param<unsigned> pasid_bits{
        20, "PASID bits (ECAP.PSS)", base::between(1u, 20u), base::unit("bits"), P::Specification, "VT-d 11.4"};
    base::Param<bool> rid_pasid{true, "requests without PASID have one of choice (ECAP.RPS)", P::Specification,
                                "VT-d 11.4"};
    base::Param<bool> rid_privileged{true, "requests without PASID may be privileged (ECAP.RPRIVS)", P::Specification,
                                     "VT-d 11.4"};
    base::Param<bool> ats{true, "device-TLBs (ECAP.DT)", P::Specification, "VT-d 11.4"};
    base::Param<bool> pri{true, "page requests (ECAP.PRS); needs scalable mode and device-TLBs", P::Specification,
                          "VT-d 11.4"};
    base::Param<bool> page_request_drain{true, "waits that drain page requests (ECAP.PDS)", P::Specification,
                                         "VT-d 11.4"};
    base::Param<bool> invalidation_throttling{true, "descriptors say of which function a device-TLB is (ECAP.DIT)",
                                              P::Specification, "VT-d 11.4"};
    base::Param<bool> no_write_flag{true, "translation requests' no-write flag counts (ECAP.NWFS)", P::Specification,
                                    "VT-d 11.4"};
    base::Param<bool> stop_marker{true, "stop markers are dropped silently (ECAP.SMS)", P::Specification, "VT-d 11.4"};
    base::Param<bool> abort_dma{true, "a root that aborts all DMA (ECAP.ADMS)", P::Specification, "VT-d 11.4"};
    base::Param<bool> virtual_commands{false, "PASIDs by command (ECAP.VCS): such as a hypervisor presents",
                                       P::Specification, "VT-d 11.4"};
    base::Param<unsigned> virtual_pasids{1024, "PASIDs that commands can have allocated at once",
                                         base::between(1u, 1u << 20), P::Guess};

    base::Param<base::Latency> register_access{base::Latency{sim::Duration::ps(10'000)},
                                               "one register access at the unit", P::Guess,
                                               "a few cycles of a 1 GHz programming interface"};
    base::Param<base::Latency> update_delay{base::Latency{sim::Duration::ps(100'000)},
                                            "until GSTS shows a command, and a register-based invalidation begins",
                                            P::Guess};
    base::Param<base::Latency> descriptor_fetch{base::Latency{sim::Duration::ps(5'000)},
                                                "from a ready queue to the read of one descriptor", P::Guess};
    base::Param<base::Latency> descriptor_execute{base::Latency{sim::Duration::ps(5'000)},
                                                  "decode a descriptor and hand it to the caches", P::Guess};
    base::Param<base::Latency> fault_write{base::Latency{sim::Duration::ps(20'000)}, "from a fault to its record",
                                           P::Guess, "as the event queue's of an SMMUv3"};
    base::Param<base::Latency> page_request_write{base::Latency{sim::Duration::ps(20'000)},
                                                  "from a page request to the write of its descriptor", P::Guess,
                                                  "as fault_write"};
    base::Param<unsigned> page_request_buffers{
        16, "page requests that wait for the queue's write; a further one holds up its link", base::between(1u, 256u),
        base::unit("messages"), P::Guess};
    base::Param<base::Latency> virtual_command{base::Latency{sim::Duration::ps(1'000'000)}, "one virtual command",
                                               P::Guess, "an exit to a hypervisor"};
    base::Param<unsigned> stream_entries{
        64,       "context entries kept (scalable mode)", base::between(1u, 65536u), base::power_of_two,
        P::Guess, "as the pipeline's configuration cache"};
    base::Param<unsigned> pasid_entries{256, "PASID table entries kept", base::between(1u, 65536u), base::power_of_two,
                                        P::Guess};
    AgentConfig agent;
    Bugs bugs = no_bugs();
};
DESCRIBE(VtdConfig, version, host_address_bits, domain_bits, width39, width48, width57, second_2m, second_1g, first_1g,
         five_levels, page_selective, address_mask, zero_length_reads, fault_records, caching_mode, protected_memory,
         flush_on_root, coherent, queued, pass_through, snoop_control, scalable, first_stage, second_stage, nested,
         second_access_dirty, extended_access, supervisor, pasid, pasid_bits, rid_pasid, rid_privileged, ats, pri,
         page_request_drain, invalidation_throttling, no_write_flag, stop_marker, abort_dma, virtual_commands,
         virtual_pasids, register_access, update_delay, descriptor_fetch, descriptor_execute, fault_write,
         page_request_write, page_request_buffers, virtual_command, stream_entries, pasid_entries, agent, bugs)
static_assert(base::fully_described<VtdConfig>);

/// All that says what the unit is.
struct Identity {
    Ver ver;
    Cap cap;
    Ecap ecap;
    unsigned haw = 48; ///< host address width; no register has it

    bool has(const Ecap::F<bool>& f) const { return ecap.get(f); }
    bool has(const Cap::F<bool>& f) const { return cap.get(f); }
    /// MODEL: a unit of version 1 is as QEMU's, which other readings of the early revisions agree with (data/vectors):
    /// RID_PASID counts without ECAP.RPS, and A and D are marked whether the walk is coherent or not (no SFS.9, SSS.5).
    bool is_early() const { return version() == 1; }
    unsigned version() const { return static_cast<unsigned>(ver.get(Ver::MAX)); }
};
Identity identity_of(const VtdConfig& config);

/// What software reads from another implementation, and its host address width, to be one like it.
struct IdentityValues {
    u32 ver = 0;
    u64 cap = 0, ecap = 0;
    unsigned haw = 0;
};
Identity identity_of(const IdentityValues& values);
/// The first thing of an identity that this model cannot be, in words; empty: it can be all of it.
std::string_view what_it_cannot_be(const Identity& id);

} // namespace quiesce::iommu::vtd
