// SPDX-License-Identifier: Apache-2.0
/// Plain counts over a run: DMA, faults, page requests, invalidations, CPU time.
#pragma once
#include "observe/all_events.h"
#include "observe/bystanders.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace quiesce::observe {

struct RunCounts {
    struct Dma { u64 reads = 0, writes = 0, bytes = 0, aborted = 0, legal_after_unmap = 0; } dma;
    struct Faults {
        u64 recorded = 0, suppressed = 0, ats_refused = 0, filtered = 0, lost_overflow = 0, discarded = 0, merged = 0;
        u64 overflows = 0; ///< times that a record found no room after one that had
        std::map<std::string, u64> by_type;
        /// No record was written, though one should have been. An overflow costs both: until the queue has been started again it is off.
        u64 lost() const { return lost_overflow + discarded; }
        u64 raised() const { return recorded + suppressed + merged + lost(); }
    } faults;
    struct Invalidations {
        u64 tlb = 0, atc = 0, configuration = 0, fences = 0;
        std::vector<u64> fence_wait_ps;      ///< by fence that a CPU waited for, in the order of completion
        /// The same, apart: "range" (unmapped pages, the process goes on) and "space" (a bond is blocked).
        std::map<std::string, std::vector<u64>> fence_wait_by{};
        /// Fences that the hardware signalled: by unit, and by the commands before each since the fence before it.
        std::map<std::string, std::map<std::string, u64>> fences_by{};
        /// What one CPU waited for one completion: by queue and phase (cfgi-sync, tlbi-sync ...).
        std::map<std::string, std::map<std::string, std::vector<u64>>> sync_wait_by{};
    } invalidations;
    /// Each request is of one kind: that of the response to its group, or, without one, lost or open.
    struct PageRequests {
        u64 received = 0, success = 0, invalid = 0, failure = 0, auto_response = 0, stop_markers = 0, late = 0;
        u64 lost = 0;       ///< found the queue full, or off, and nobody has answered them
        u64 open = 0;       ///< others that nobody has answered
        u64 dropped = 0;    ///< found the queue full, or off, whoever answered them
        u64 overflows = 0;  ///< times that one found no room after one that had
        u64 forgotten = 0;  ///< by their device, before an answer came
        u64 unexpected = 0; ///< responses to groups that their device did not have outstanding
        std::vector<u64> service_ps; ///< from the unit's taking a request in until the OS's response left the unit
    } page_requests;
    std::vector<std::pair<std::string, u64>> iommu_counters{}; ///< read by the OS from the IOMMU's performance monitors
    std::vector<u64> page_request_latency_ps; ///< observe::PageRequests
    /// Transactions that were held; one that is retried and faults again counts once more.
    struct StallCounts {
        u64 received = 0;                ///< held
        u64 recorded = 0;                ///< software was told of them
        u64 waited_for_tag = 0;          ///< all tags were in use
        u64 retried = 0, aborted = 0;    ///< by an answer of the OS; aborted: or ended with zeros
        u64 retried_by_unit = 0;         ///< not recorded, and what they had met was invalidated
        u64 terminated = 0;              ///< with all of their stream, or with the unit
        u64 late_answers = 0;            ///< answers that found nothing to answer
        u64 outstanding = 0;             ///< at the end
    } stalls;
    /// Of the trace of one device; lateness is of those that were played.
    struct Trace { u64 played = 0, left_out = 0, cut_short = 0, late = 0, late_max_ps = 0, late_total_ps = 0; };
    std::map<std::string, Trace> traces; ///< by device
    std::vector<u64> stall_ps; ///< observe::PageRequests
    u64 most_stalled = 0;
    /// Work that user space gives devices by itself.
    struct Descriptors {
        u64 accepted = 0, retried = 0, dropped = 0;
        u64 late = 0; ///< accepted for an address space that is not bound to the device, or not any more
        u64 succeeded = 0, page_faults = 0, failed = 0, abandoned = 0, records_lost = 0;
        u64 records_missed = 0, errors_seen = 0, pasid_loads = 0, killed = 0;
        std::vector<u64> latency_ps; ///< from acceptance until the completion record had left, or was lost
    } descriptors;
    sim::Time first_dma{}, last_dma{}; ///< at memory; 0: there was none
    u64 completion_timeouts = 0, links_down = 0, peer_to_peer = 0, atomics = 0;
    /// Devices that found an error of their own, those of which their drivers learned, commands that this cut off, and those that the
    /// drivers did not give any more.
    struct Halts { u64 devices = 0, seen = 0, commands_cut = 0, commands_skipped = 0; } halts;
    /// Of network interfaces.
    struct Packets { u64 received = 0, sent = 0, dropped = 0, failed = 0; } packets;
    /// Of GPUs: preemptions begun, accesses tried again, resets by the driver, contexts whose work was lost.
    struct Contexts { u64 preempted = 0, retried = 0, resets = 0, lost = 0; } contexts;
    u64 translations = 0, tlb_hits = 0, near_hits = 0;
    struct Link {
        u64 credit_stalls = 0, credit_stall_ps = 0;
        u64 replayed = 0, delayed = 0, dropped = 0, malformed = 0, poisoned = 0, reordered = 0;
    };
    std::map<std::string, Link> links;       ///< by link and direction: "acc0.link.up"; those on which something happened
    struct Binds { u64 refused = 0; std::map<std::string, u64> by_error; } binds;
    /// In use: until they may be handed out again; parked: those of them that their owners have given back.
    struct Pasids { u64 allocated = 0, reusable = 0, refused = 0, most_in_use = 0, most_parked = 0; } pasids;
    std::map<std::string, u64> cpu_ps;       ///< by context
    std::map<std::string, u64> cpu_on_ps;    ///< by what it was used for
    std::map<std::string, u64> cpu_taken_ps; ///< CPUs taken, spinning and waiting for memory and registers included, by context
    /// Of these, interrupt handlers and threads of IOMMUs, which are called after their unit: "irq/smmu-evtq".
    u64 iommu_interrupts_ps() const;
    Bystanders::Counts bystanders;           ///< observe::Bystanders
    u64 cpu_busy_ps = 0;                     ///< that CPUs were taken, spinning and switching included
    std::map<std::string, u64> global_errors; ///< by name, with the code of a command error
};

class Counters {
public:
    explicit Counters(base::EventBus& bus);
    const RunCounts& counts() const { return c_; }
    /// With what CPUs are in the middle of, and the page requests that nobody has answered.
    RunCounts counts_at(sim::Time now) const;

private:
    RunCounts c_;
    struct Unit {
        std::set<std::string> commands; ///< since its last fence
        u64 last_fence = 0;             ///< its number: the command of that number is the fence itself
    };
    bool losing_ = false; ///< the last fault that was to be recorded had no room
    std::map<u64, sim::Time> issued_;
    struct PageGroup {
        struct Request {
            sim::Time received{};
            u64 page = 0;
            bool dropped = false;
        };
        std::vector<Request> requests;
        bool over = false; ///< its last request was dropped: what comes with its index, and finds it unanswered, is another
    };
    static void count_unanswered(const PageGroup& g, RunCounts::PageRequests& p);
    std::map<std::pair<u32, u16>, PageGroup> page_groups_; ///< by stream and index
    bool dropping_ = false; ///< the last page request that was to be recorded had no room
    std::set<u32> bound_;       ///< bonds
    struct Taken {
        sim::Time since{};
        base::Name by;
    };
    std::map<u32, Taken> taken_; ///< CPUs, since when
    std::set<u32> parked_;           ///< PASIDs
    std::map<u32, RunCounts::Trace*> traces_; ///< by name index: not looked up by its text for each line
    std::map<u32, Unit> units_; ///< by name index: looked up only
    std::vector<base::Subscription> tokens_;
    void on(sim::Time now, const memory::DmaCommitted& e);
    void on(sim::Time now, const devices::DmaEnded& e);
    void on(sim::Time now, const devices::TraceLinePlayed& e);
    void on(sim::Time now, const iommu::AtsRefused& e);
    void on(sim::Time now, const pcie::CreditStalled& e);
    void on(sim::Time now, const pcie::LinkFault& e);
    void on(sim::Time now, const pcie::LinkChanged& e);
    void on(sim::Time now, const pcie::CompletionTimedOut& e);
    void on(sim::Time now, const pcie::PeerToPeer& e);
    void on(sim::Time now, const pcie::AtomicDone& e);
    RunCounts::Link& link(base::Name name, bool upstream);
    void on(sim::Time now, const iommu::FaultRaised& e);
    void on(sim::Time now, const iommu::Translated& e);
    void on(sim::Time now, const iommu::InvalidationBegun& e);
    void on(sim::Time now, const iommu::CommandConsumed& e);
    void on(sim::Time now, const iommu::FenceSignalled& e);
    void on(sim::Time now, const iommu::GlobalError& e);
    void on(sim::Time now, const iommu::PageRequestReceived& e);
    void on(sim::Time now, const iommu::PageRequestRecorded& e);
    void on(sim::Time now, const iommu::PageRequestDropped& e);
    void on(sim::Time now, const iommu::PageResponseSent& e);
    void on(sim::Time now, const devices::PageResponseHeard& e);
    void on(sim::Time now, const devices::PageGroupForgotten& e);
    void on(sim::Time now, const iommu::TransactionStalled& e);
    void on(sim::Time now, const iommu::StallRecorded& e);
    void on(sim::Time now, const iommu::StallAnswerIgnored& e);
    void on(sim::Time now, const iommu::StallResolved& e);
    void on(sim::Time now, const base::Span& e);
    void on(sim::Time now, const os::InvalidationIssued& e);
    void on(sim::Time now, const os::FenceObserved& e);
    void on(sim::Time now, const os::FaultHandled& e);
    void on(sim::Time now, const os::CpuSpent& e);
    void on(sim::Time now, const os::CpuRuns& e);
    void on(sim::Time now, const os::PasidChanged& e);
    void on(sim::Time now, const os::PasidRefused& e);
    void on(sim::Time now, const os::BindRefused& e);
    void on(sim::Time now, const os::BondChanged& e);
    void on(sim::Time now, const devices::DescriptorSubmitted& e);
    void on(sim::Time now, const devices::DescriptorEnded& e);
    void on(sim::Time now, const os::UserSubmitted& e);
    void on(sim::Time now, const os::PasidLoaded& e);
    void on(sim::Time now, const os::RecordAwaited& e);
    void on(sim::Time now, const os::DeviceErrorSeen& e);
    void on(sim::Time now, const devices::QueueState& e);
    void on(sim::Time now, const devices::PacketEnded& e);
    void on(sim::Time now, const devices::AccessRetried& e);
    void on(sim::Time now, const os::DeviceReset& e);
    void on(sim::Time now, const devices::DeviceHalted& e);
    void on(sim::Time now, const os::DeviceHaltSeen& e);
    void on(sim::Time now, const os::CommandSkipped& e);
    void on(sim::Time now, const os::WorkLost& e);
};

/// The p-th percentile (0..100) by the nearest-rank rule; 0 of nothing.
u64 percentile(std::vector<u64> values, unsigned p);

} // namespace quiesce::observe
