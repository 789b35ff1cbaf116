// SPDX-License-Identifier: Apache-2.0
/// What can be chosen about an SMMUv3: the identification register fields, the times that its steps take, and its bugs.
#pragma once
#include "base/param.h"
#include "iommu/agent.h"
#include "iommu/bugs.h"
#include "iommu/smmuv3/regs.h"

#include <string>
#include <vector>

namespace quiesce::iommu::smmuv3 {

enum class TlbConflicts : u8 { Record, First };
constexpr auto enum_names(TlbConflicts) {
    return base::name_table<TlbConflicts>({{TlbConflicts::Record, "record"}, {TlbConflicts::First, "first"}});
}

/// Presets set values; defaults describe a server SMMU with stage 1 only. Sizes of queues are log2 of entries.
struct Smmuv3Config {
    base::Param<unsigned> sid_bits{16,
                                   "StreamID bits (IDR1.SIDSIZE)",
                                   base::between(1u, 32u),
                                   base::unit("bits"),
                                   base::Provenance::Derived,
                                   "one PCIe segment"};
    base::Param<unsigned> ssid_bits{20,
                                    "SubstreamID bits (IDR1.SSIDSIZE); 0: no substreams",
                                    base::between(0u, 20u),
                                    base::unit("bits"),
                                    base::Provenance::Specification,
                                    "IHI 0070 6.3.2"};
    base::Param<unsigned> cmdq_log2{18, "largest command queue (IDR1.CMDQS)", base::between(0u, 19u),
                                    base::Provenance::Guess};
    base::Param<unsigned> ecmdq_log2{
        0, "log2 of the enhanced command queues beside it, in one control page (IDR1.ECMDQ, IDR6); 0: none",
        base::at_most(8u), base::Provenance::Specification, "IHI 0070 6.3.45"};
    base::Param<unsigned> eventq_log2{17, "largest event queue (IDR1.EVENTQS)", base::between(0u, 19u),
                                      base::Provenance::Guess};
    base::Param<unsigned> output_bits{48,
                                      "physical address bits (IDR5.OAS): 32, 36, 40, 42, 44 or 48",
                                      base::between(32u, 48u),
                                      base::unit("bits"),
                                      base::Provenance::Specification,
                                      "IHI 0070 6.3.6"};
    base::Param<bool> stage1{true, "stage 1 translation (IDR0.S1P)", base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<bool> stage2{false, "stage 2 translation (IDR0.S2P)", base::Provenance::Specification,
                             "IHI 0070 6.3.1"};
    base::Param<bool> vmid16{false, "16-bit VMIDs (IDR0.VMID16); need stage 2", base::Provenance::Specification,
                             "IHI 0070 6.3.1"};
    base::Param<bool> vmid_wildcards{false, "one command for a group of VMIDs (IDR0.VMW); needs stage 2",
                                     base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<bool> hypervisor{false, "EL2 streams, with E2H or without (IDR0.Hyp)", base::Provenance::Specification,
                                 "IHI 0070 6.3.1"};
    base::Param<unsigned> hardware_update{
        0, "hardware marks table entries (IDR0.HTTU) 0: never, 1: as used, 2: as used and written",
        base::at_most(2u), base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<bool> permission_overrides{
        false, "streams say what is privileged and what an instruction (IDR1.ATTR_PERMS_OVR)",
        base::Provenance::Specification, "IHI 0070 6.3.2"};
    base::Param<bool> flat_permissions{
        false, "table descriptors need not take permissions away (IDR3.HAD)", base::Provenance::Specification,
        "IHI 0070 6.3.4"};
    base::Param<bool> stage2_execute_by_privilege{
        false, "stage 2 says for each privilege who may execute (IDR3.XNX)", base::Provenance::Specification,
        "IHI 0070 6.3.4"};
    base::Param<bool> small_tables{false, "input ranges down to 2^16 bytes (IDR3.STT)", base::Provenance::Specification,
                                   "IHI 0070 6.3.4"};
    base::Param<bool> split_ats{
        true, "devices may be told intermediate addresses (IDR0.NS1ATS is 0); needs ATS and both stages",
        base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<bool> two_level_streams{true, "two-level stream tables (IDR0.ST_LEVEL)",
                                        base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<bool> two_level_contexts{true, "two-level context tables (IDR0.CD2L)", base::Provenance::Specification,
                                         "IHI 0070 6.3.1"};
    base::Param<bool> asid16{true, "16-bit ASIDs (IDR0.ASID16)", base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<bool> msi{true, "message-signalled interrupts (IDR0.MSI)", base::Provenance::Specification,
                          "IHI 0070 6.3.1"};
    base::Param<bool> sev{true, "CMD_SYNC can send an event (IDR0.SEV)", base::Provenance::Specification,
                          "IHI 0070 6.3.1"};
    base::Param<bool> coherent{true, "walks and queues see the CPUs' caches (IDR0.COHACC)",
                               base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<bool> ats{true, "translation requests and translated requests of devices (IDR0.ATS)",
                          base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<bool> pri{true, "page requests of devices (IDR0.PRI); needs ATS", base::Provenance::Specification,
                          "IHI 0070 6.3.1"};
    base::Param<unsigned> priq_log2{17, "largest page request queue (IDR1.PRIQS)", base::between(0u, 19u),
                                    base::Provenance::Guess};
    base::Param<bool> pri_response_pasid{false, "every response to a lost page request carries its PASID (IDR3.PPS)",
                                         base::Provenance::Specification, "IHI 0070 6.3.4"};
    base::Param<StallModel> stall_model{
        StallModel::NoStall,
        "whether faulting transactions wait for software where a descriptor says so (optional), never (none) or always "
        "(forced), IDR0.STALL_MODEL; PCIe functions never wait",
        base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<unsigned> stall_max{
        64,
        "stalled transactions that software can know of at once (IDR5.STALL_MAX); more wait "
        "to be recorded",
        base::between(1u, 65535u), base::unit("transactions"), base::Provenance::Guess};
    base::Param<bool> terminate_only_by_abort{false, "no RAZ/WI endings (IDR0.TERM_MODEL)",
                                              base::Provenance::Specification, "IHI 0070 6.3.1"};
    base::Param<bool> range_invalidation{true, "TLBI by address takes a range (IDR3.RIL)",
                                         base::Provenance::Specification, "IHI 0070 6.3.4; mandatory from v3.2 on"};
    base::Param<bool> granule_16k{false, "16 KiB pages (IDR5.GRAN16K)", base::Provenance::Specification,
                                  "IHI 0070 6.3.6"};
    base::Param<bool> granule_64k{false, "64 KiB pages (IDR5.GRAN64K)", base::Provenance::Specification,
                                  "IHI 0070 6.3.6"};
    base::Param<bool> global_entries{
        true, "translations without nG are kept once for all ASIDs and survive TLBI by ASID; false: once per ASID",
        base::Provenance::Specification, "IHI 0070 4.4.2.2 lets an implementation remove more than asked"};
    base::Param<Grouping> contiguous{
        Grouping::Checked,
        "the contiguous hint of table entries: ignored (each kept by itself), believed (the group is kept as one entry "
        "says), checked (the group's other entries are read first, and have to agree)",
        base::Provenance::Guess,
        "DDI 0487 D8.7 leaves it to the implementation; Arm's TLBs take it, gem5 v24.0 src/dev/arm/smmu_v3* does not"};
    base::Param<TlbConflicts> conflicts{
        TlbConflicts::Record,
        "a look-up that finds entries of several sizes, as after a change of size without break-before-make: record "
        "(F_TLB_CONFLICT, the transaction is aborted), first (the smallest is used)",
        base::Provenance::Guess, "IHI 0070 7.3.17 leaves to an implementation what it detects"};
    base::Param<unsigned> minor_revision{2, "architecture minor revision (AIDR): 2 is SMMUv3.2", base::between(0u, 3u),
                                         base::Provenance::Specification, "IHI 0070 6.3.8"};

    base::Param<base::Latency> register_access{base::Latency{sim::Duration::ps(10'000)},
                                               "one register access at the unit", base::Provenance::Guess,
                                               "a few cycles of a 1 GHz programming interface"};
    base::Param<base::Latency> update_delay{base::Latency{sim::Duration::ps(100'000)},
                                            "until CR0ACK, IRQ_CTRLACK or GBPA.Update shows a write",
                                            base::Provenance::Guess};
    base::Param<base::Latency> command_fetch{base::Latency{sim::Duration::ps(5'000)},
                                             "from a ready queue to the read of one command", base::Provenance::Guess};
    base::Param<base::Latency> command_execute{base::Latency{sim::Duration::ps(5'000)},
                                               "decode a command and hand it to the caches", base::Provenance::Guess,
        "CMD_SYNC into an empty queue takes 240 ns on a Kunpeng 920 (B. Song, per-NUMA CMA series, 2020)"};
    base::Param<base::Latency> event_write{base::Latency{sim::Duration::ps(20'000)},
                                           "from a fault to the write of its record", base::Provenance::Guess};
    base::Param<unsigned> event_buffers{
        8, "records that wait for the event queue's write; a further fault holds its transaction",
        base::between(1u, 256u), base::unit("records"), base::Provenance::Guess};
    base::Param<bool> event_merge{
        false,
        "a fault that is like one whose record still waits in event_buffers gets none of its own, where STE.MEV lets",
        base::Provenance::Guess, "IHI 0070 7.3.1 permits it and does not ask for it"};
    base::Param<base::Latency> page_request_write{base::Latency{sim::Duration::ps(20'000)},
                                                  "from a page request to the write of its record",
                                                  base::Provenance::Guess, "as event_write"};
    base::Param<unsigned> page_request_buffers{
        16, "page requests that wait for the queue's write; a further one holds up its link", base::between(1u, 256u),
        base::unit("messages"), base::Provenance::Guess};
    base::Param<bool> pmcg{false, "a performance monitor counter group, in the register frame behind the unit's pages",
                           base::Provenance::Specification, "IHI 0070 10.1: optional"};
    base::Param<unsigned> pmcg_counters{8, "counters of the group (PMCG_CFGR.NCTR)", base::between(1u, 64u),
                                        base::Provenance::Guess};
    base::Param<unsigned> pmcg_counter_bits{
        32, "bits of a counter (PMCG_CFGR.SIZE): 32, 36, 40, 44, 48 or 64", base::between(32u, 64u), base::unit("bits"),
        base::Provenance::Specification, "IHI 0070 10.5.2.13"};
    base::Param<bool> pmcg_one_filter{false, "one StreamID filter for all counters (PMCG_CFGR.SID_FILTER_TYPE)",
                                      base::Provenance::Specification, "IHI 0070 10.5.2.13"};
    base::Param<bool> pmcg_capture{true, "all counters can be sampled at once (PMCG_CFGR.CAPTURE)",
                                   base::Provenance::Specification, "IHI 0070 10.5.2.13"};
    base::Param<bool> pmcg_relocated{false, "counters are in a page of their own (PMCG_CFGR.RELOC_CTRS)",
                                     base::Provenance::Specification, "IHI 0070 10.5.2.13"};
    base::Param<base::Latency> pmcg_cycle{base::Latency{sim::Duration::ps(1'000)}, "period of the clock-cycle event",
                                          base::at_least(base::Latency{sim::Duration::ps(1)}), base::Provenance::Guess,
                                          "1 GHz"};
    base::Param<unsigned> wired_base{
        0, "line number of the first wired interrupt: gerror, eventq, cmd-sync, priq, sev, pmcg",
        base::between(0u, 1014u), base::Provenance::Guess};
    AgentConfig agent;
    Bugs bugs = no_bugs();
};
DESCRIBE(Smmuv3Config, sid_bits, ssid_bits, cmdq_log2, ecmdq_log2, eventq_log2, output_bits, stage1, stage2, vmid16,
         vmid_wildcards, hypervisor, hardware_update, permission_overrides, flat_permissions, stage2_execute_by_privilege, small_tables,
         split_ats, two_level_streams, two_level_contexts,
         asid16, msi, sev, coherent, ats, pri, priq_log2, pri_response_pasid, stall_model, stall_max,
         terminate_only_by_abort, range_invalidation, granule_16k, granule_64k, global_entries, contiguous, conflicts,
         minor_revision, register_access, update_delay, command_fetch, command_execute, event_write, event_buffers,
         event_merge, page_request_write, page_request_buffers, pmcg, pmcg_counters, pmcg_counter_bits, pmcg_one_filter,
         pmcg_capture, pmcg_relocated, pmcg_cycle, wired_base, agent, bugs)
static_assert(base::fully_described<Smmuv3Config>);

/// The identification registers, as one value that the rules ask: all that says what the unit is.
struct Identity {
    Idr0 idr0;
    Idr1 idr1;
    Idr2 idr2;
    Idr3 idr3;
    Idr4 idr4;
    Idr5 idr5;
    Idr6 idr6;
    Aidr aidr;
    unsigned output_bits = 48;  ///< IDR5.OAS
    bool global_entries = true; ///< not in a register: how the unit caches
    Grouping contiguous = Grouping::Ignored; ///< nor this
    bool conflicts = false;                  ///< nor this: F_TLB_CONFLICT is recorded
    // Registers that are as fixed as these while the unit is enabled:
    bool e2h = false;           ///< CR2.E2H: STRW=EL2 is EL2-E2H
    unsigned vmid_wildcard = 0; ///< CR0.VMW: low bits of a VMID that invalidations do not look at
};
Identity identity_of(const Smmuv3Config& config);
/// Where its performance monitors are, if it has them: behind its own pages.
constexpr u64 performance_at(const Identity& id) {
    return register_block_bytes + (id.idr1.get(Idr1::ECMDQ) ? register_page_bytes : 0);
}
/// How much of the address space its registers take.
inline u64 register_bytes_of(const Identity& id, const Smmuv3Config& config) {
    const u64 pages = config.pmcg ? (config.pmcg_relocated ? 2 : 1) : 0;
    return performance_at(id) + pages * register_page_bytes;
}

/// What software reads from another implementation, to be one like it.
struct IdentityValues {
    u32 idr0 = 0, idr1 = 0, idr2 = 0, idr3 = 0, idr4 = 0, idr5 = 0, aidr = 0;
};
Identity identity_of(const IdentityValues& values);
/// The first thing of an identity that this model cannot be, in words; empty: it can be all of it.
std::string_view what_it_cannot_be(const Identity& id);

} // namespace quiesce::iommu::smmuv3
