// SPDX-License-Identifier: Apache-2.0
/// What can be chosen about an AMD-Vi unit: what its feature registers say, the times that its steps take, its bugs.
#pragma once
#include "base/param.h"
#include "iommu/agent.h"
#include "iommu/amdvi/config_regs.h"
#include "iommu/amdvi/regs.h"
#include "iommu/bugs.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::iommu::amdvi {

/// Defaults describe a unit of a fourth generation EPYC, without what is not modelled.
struct AmdviConfig {
    using P = base::Provenance;
    base::Param<unsigned> physical_bits{48, "system physical address bits (MiscInfo0.PAsize)", base::between(32u, 52u),
                                        base::unit("bits"), P::Derived, "of a server"};
    base::Param<bool> iotlb{true, "devices may keep translations (CapHeader.IotlbSup)", P::Derived, "EPYC 9004"};
    base::Param<bool> prefetch{false, "PREFETCH_IOMMU_PAGES (EFR.PREFSup)", P::Derived, "EPYC 9004"};
    base::Param<bool> ppr{true, "page requests (EFR.PPRSup)", P::Derived, "EPYC 9004"};
    base::Param<bool> no_execute{true, "requests to execute, and NX of guests' pages (EFR.NXSup)", P::Derived, "EPYC 9004"};
    base::Param<bool> guest{true, "guests' page tables, and PASIDs (EFR.GTSup)", P::Derived, "EPYC 9004"};
    base::Param<bool> invalidate_all{true, "INVALIDATE_IOMMU_ALL (EFR.IASup)", P::Derived, "EPYC 9004"};
    base::Param<unsigned> host_levels{6, "levels of hosts' page tables at most (EFR.HATS)", base::between(4u, 6u), P::Derived,
                                      "EPYC 9004"};
    base::Param<unsigned> guest_levels{5, "levels of guests' page tables at most (EFR.GATS)", base::between(4u, 5u),
                                       P::Derived, "EPYC 9004"};
    base::Param<unsigned> gcr3_levels{2, "levels of GCR3 tables at most (EFR.GLXSup)", base::between(1u, 3u), P::Derived,
                                      "EPYC 9004"};
    base::Param<unsigned> pasid_bits{16, "PASID bits (EFR.PASMax)", base::between(1u, 20u), base::unit("bits"), P::Derived,
                                     "EPYC 9004"};
    base::Param<bool> user_supervisor{true, "guests' pages of users and of supervisors are told apart (EFR.USSup)",
                                      P::Derived, "EPYC 9004"};
    base::Param<bool> guest_io{true, "requests without PASID through a guest's tables (EFR.GIoSup)", P::Derived, "EPYC 9004"};
    base::Param<bool> host_accessed{true, "A of hosts' page tables (EFR.HASup)", P::Derived, "EPYC 9004"};
    base::Param<bool> host_dirty{true, "D of hosts' page tables (EFR.HDSup)", P::Derived, "EPYC 9004"};
    base::Param<bool> ppr_auto_response{true, "the unit may answer page requests (EFR.PPRAutoRspSup)", P::Derived,
                                        "EPYC 9004"};
    base::Param<bool> ppr_early_warning{true, "the PPR log warns before it is full (EFR.PPROvrflwEarlySup)", P::Derived,
                                        "EPYC 9004"};
    base::Param<bool> block_stop_markers{true, "stop markers can be kept out of the PPR log (EFR.BlkStopMrkSup)", P::Derived,
                                         "EPYC 9004"};
    base::Param<bool> message_registers{true, "message registers in memory, too (EFR.MsiCapMmioSup)", P::Derived,
                                        "EPYC 9004"};
    base::Param<bool> x2apic{true,
                             "an interrupt for each log, by registers in memory (EFR.XTSup; and EFR.GASup, without which Linux "
                             "does not use them): Linux from 6.6 on has a thread for each, else one reads all logs",
                             P::Derived, "EPYC 9004; not EPYC 7001"};

    base::Param<base::Latency> register_access{base::Latency{sim::Duration::ps(10'000)}, "one register access at the unit",
                                               P::Guess, "as of the other architectures"};
    base::Param<base::Latency> command_fetch{base::Latency{sim::Duration::ps(5'000)},
                                             "from a ready command buffer to the read of one command", P::Guess};
    base::Param<base::Latency> command_execute{base::Latency{sim::Duration::ps(5'000)},
                                               "decode a command and hand it to the caches", P::Guess};
    base::Param<base::Latency> event_write{base::Latency{sim::Duration::ps(20'000)},
                                           "from an event to the write of its entry in the log", P::Guess,
                                           "as the event queue's of an SMMUv3"};
    base::Param<base::Latency> ppr_write{base::Latency{sim::Duration::ps(20'000)},
                                         "from a page request to the write of its entry in the log", P::Guess,
                                         "as event_write"};
    base::Param<unsigned> ppr_buffers{16, "page requests that wait for the log; a further one holds up its link",
                                      base::between(1u, 256u), base::unit("messages"), P::Guess};
    base::Param<unsigned> device_entries{64, "device table entries kept", base::between(1u, 65536u), base::power_of_two,
                                         P::Guess, "as the pipeline's configuration cache"};
    base::Param<unsigned> gcr3_entries{256, "GCR3 table entries kept", base::between(1u, 65536u), base::power_of_two,
                                       P::Guess};
    AgentConfig agent;
    Bugs bugs = no_bugs();
};
DESCRIBE(AmdviConfig, physical_bits, iotlb, prefetch, ppr, no_execute, guest, invalidate_all, host_levels, guest_levels,
         gcr3_levels, pasid_bits, user_supervisor, guest_io, host_accessed, host_dirty, ppr_auto_response, ppr_early_warning,
         block_stop_markers, message_registers, x2apic, register_access, command_fetch, command_execute, event_write, ppr_write,
         ppr_buffers, device_entries, gcr3_entries, agent, bugs)
static_assert(base::fully_described<AmdviConfig>);

/// All that says what the unit is.
struct Identity {
    Efr efr;
    Efr2 efr2;
    bool iotlb = true;
    unsigned physical_bits = 48;

    bool has(const Efr::F<bool>& f) const { return efr.get(f); }
};
Identity identity_of(const AmdviConfig& config);

/// What software reads from a machine, to be one like it. MODEL: features that are not modelled read as absent, whatever
/// the machine has.
struct IdentityValues {
    u64 efr = 0, efr2 = 0;
    unsigned physical_bits = 48;
};
Identity identity_of(const IdentityValues& values);
/// A configuration whose unit has identity_of(values): everything else is by default.
AmdviConfig config_of(const IdentityValues& values);
/// The fields of EFR that are set, and that no unit here has; "bit 53" where a bit has no name.
std::vector<std::string> absent_features(const IdentityValues& values);
/// The bits of EFR that a unit here can have: GASup beside XTSup only.
u64 modelled_features(Efr efr);
/// The first thing of an identity that this model cannot be, in words; empty: it can be all of it.
std::string_view what_it_cannot_be(const Identity& id);

/// Machines whose feature registers somebody has published.
struct Machine {
    std::string_view name, what;
    IdentityValues values;
    std::string_view source;
};
std::span<const Machine> machines();

} // namespace quiesce::iommu::amdvi
