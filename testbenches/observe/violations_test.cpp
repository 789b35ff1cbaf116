// SPDX-License-Identifier: Apache-2.0
/// The checkers: each kind is found where it happened, and not in the nearest sequence that is legal.
#include "observe/stage.h"
#include "observe/teardowns.h"
#include "observe/violations.h"

#include <catch2/catch.hpp>
#include <functional>
#include <set>

using namespace quiesce;
using namespace quiesce::observe;
using base::page_size;
using iommu::FaultFate;
using memory::FrameUse;
using memory::Verdict;
using os::BondState;
using os::PasidState;

namespace {
using Kinds = std::set<std::string>;
constexpr u64 flood_threshold = 3, refault_threshold = 3, flood_share = 50;

/// Bond 1 of mm 1 with PASID 1 is bound.
struct ViolationsBench : testbench::Stage {
    Checkers checkers{events, flood_threshold, refault_threshold, flood_share};
    ViolationsBench() { bond(10, 1); }

    Kinds kinds() const {
        Kinds all;
        for (const Violation& v : checkers.violations()) all.insert(v.kind);
        return all;
    }
    void state(i64 ps, BondState s) { bond(ps, 1, 1, 1, s); }
    void faults(i64 ps, u64 n, u32 id = 1, FaultFate fate = FaultFate::Recorded) {
        for (u64 i = 0; i < n; ++i) fault(ps, id, fate);
    }
    void stall_records(i64 ps, u64 n) {
        for (u64 i = 0; i < n; ++i)
            say(ps, iommu::StallRecorded{"smmu", i, BondId{1}, stream(1), iova_of(page(5)), static_cast<u16>(i)});
    }
    void begun(const char* unit, u64 sequence) {
        events.emit(iommu::InvalidationBegun{unit, sequence, iommu::InvalidationKind::Translation});
    }
    void done(const char* unit, u64 sequence) { events.emit(iommu::InvalidationDone{unit, sequence}); }
    void signalled(const char* unit, u64 sequence) { events.emit(iommu::FenceSignalled{unit, sequence, true}); }
    void milestones(std::vector<std::pair<std::string, i64>> list) {
        Teardown t;
        t.bond = BondId{1};
        t.t0 = sim::Time::ps(100);
        for (const auto& [name, at] : list) t.milestones.emplace_back(name, sim::Time::ps(at));
        checkers.check(t);
    }
    PageRequests requests{events};
    void run_ends(i64 ps, bool idle = false) {
        clock = sim::Time::ps(ps);
        checkers.check_page_requests(requests, idle, sim::Duration::ps(1000));
    }
    void asked_and_recorded(i64 ps) { page_sent(ps, 1), page_recorded(ps + 1, 1); }
    void pin(i64 ps, u64 p) { say(ps, os::PagePinned{BondId{1}, MmId{1}, page(p), frame(p, 1)}); }
    void left_to_others(i64 ps, u64 p) { say(ps, memory::FrameLeft{frame(p, 1), MmId{1}, MmId{2}, page(p)}); }
    void system_says(const char* kind, const char* object) { events.emit(os::OsViolation{kind, object, BondId{1}}); }
};

/// `wrong` raises `kind` and no other; `right` raises nothing.
struct Row {
    const char* kind;
    const char* difference;
    std::function<void(ViolationsBench&)> wrong, right;
};
const Row rows[] = {
    {"stale-dma", "the page was freed, or only unmapped", [](ViolationsBench& b) { b.commit(50, 1, Verdict::Stale); },
     [](ViolationsBench& b) { b.commit(50, 1, Verdict::AfterUnmap); }},
    {"cross-process-dma", "the frame is another's, or its own",
     [](ViolationsBench& b) { b.commit(50, 1, Verdict::CrossProcess); }, [](ViolationsBench& b) { b.commit(50, 1, Verdict::Legal); }},
    {"stale-walk", "the table page is another's, or its own", [](ViolationsBench& b) { b.walk(50, 1, true); },
     [](ViolationsBench& b) { b.walk(50, 1, false); }},

    {"dma-after-unbind", "a DMA landed after the unbind, or before",
     [](ViolationsBench& b) { b.commit(50, 1, Verdict::AfterUnbind); },
     [](ViolationsBench& b) { b.commit(50, 1), b.state(60, BondState::Unbound); }},
    {"dma-after-unbind", "work issued after the unbind, or inside it",
     [](ViolationsBench& b) { b.state(50, BondState::Unbound), b.dma_issued(60, 1); },
     [](ViolationsBench& b) { b.state(50, BondState::Draining), b.dma_issued(60, 1); }},
    {"dma-after-unbind", "landed after the unbind and was issued after it, or before",
     [](ViolationsBench& b) { b.state(50, BondState::Unbound), b.dma_issued(60, 1), b.commit(70, 1, Verdict::AfterUnbind); },
     [](ViolationsBench& b) { b.dma_issued(40, 1), b.state(50, BondState::Unbound), b.commit(70, 1, Verdict::AfterUnbind); }},
    {"dma-after-unbind", "failed after the unbind and was issued after it, or before",
     [](ViolationsBench& b) { b.state(50, BondState::Unbound), b.dma_issued(60, 1), b.fault(70, 1); },
     [](ViolationsBench& b) { b.dma_issued(40, 1), b.state(50, BondState::Unbound), b.fault(70, 1); }},
    {"dma-after-unbind", "asked after the unbind, or after the mm's exit",
     [](ViolationsBench& b) { b.state(50, BondState::Unbound), b.fault(60, 1); },
     [](ViolationsBench& b) { b.state(50, BondState::Exited), b.fault(60, 1); }},
    {"dma-after-unbind", "unbound, or bound a second time",
     [](ViolationsBench& b) { b.state(50, BondState::Unbound), b.dma_issued(60, 1); },
     [](ViolationsBench& b) { b.state(50, BondState::Unbound), b.bond(55, 2), b.dma_issued(60, 2); }},

    {"pasid-reused-undrained", "handed out before the last DMA ended, or after",
     [](ViolationsBench& b) { b.dma_issued(50, 1), b.pasid(60, PasidState::Allocated, 2); },
     [](ViolationsBench& b) { b.dma_issued(50, 1), b.dma_ended(55, 1), b.pasid(60, PasidState::Allocated, 2); }},
    {"pasid-reused-undrained", "handed to another mm, or to the same",
     [](ViolationsBench& b) { b.dma_issued(50, 1), b.pasid(60, PasidState::Allocated, 2); },
     [](ViolationsBench& b) { b.dma_issued(50, 1), b.pasid(60, PasidState::Allocated, 1); }},
    {"pasid-reused-undrained", "handed out, or only free",
     [](ViolationsBench& b) { b.dma_issued(50, 1), b.pasid(60, PasidState::Allocated, 2); },
     [](ViolationsBench& b) { b.dma_issued(50, 1), b.pasid(60, PasidState::Parked), b.pasid(70, PasidState::Free); }},
    {"pasid-reused-undrained", "this PASID, or another",
     [](ViolationsBench& b) { b.dma_issued(50, 1), b.pasid(60, PasidState::Allocated, 2); },
     [](ViolationsBench& b) { b.dma_issued(50, 1), b.pasid(60, PasidState::Allocated, 2, 2); }},
    {"pasid-reused-undrained", "goes on under the PASID after it is another's, or after that one gave it back",
     [](ViolationsBench& b) { b.pasid(60, PasidState::Allocated, 2), b.dma_issued(70, 1); },
     [](ViolationsBench& b) { b.pasid(60, PasidState::Allocated, 2), b.pasid(65, PasidState::Free, 2), b.dma_issued(70, 1); }},

    {"freed-before-fenced", "unmapped after the fence, or before",
     [](ViolationsBench& b) { b.take(20, 5), b.issue(30, 1), b.fence(40, 1), b.unmap(50, 5), b.free(60, 5); },
     [](ViolationsBench& b) { b.take(20, 5), b.unmap(25, 5), b.issue(30, 1), b.fence(40, 1), b.free(60, 5); }},
    {"freed-before-fenced", "seen after the free, or before, whatever the hardware did",
     [](ViolationsBench& b) { b.take(20, 5), b.unmap(25, 5), b.issue(30, 1), b.free(40, 5), b.fence(40, 1); },
     [](ViolationsBench& b) { b.take(20, 5), b.unmap(25, 5), b.issue(30, 1), b.fence(40, 1), b.free(40, 5); }},
    {"freed-before-fenced", "issued before the unmap, or after",
     [](ViolationsBench& b) { b.take(20, 5), b.issue(25, 1), b.unmap(30, 5), b.fence(40, 1), b.free(50, 5); },
     [](ViolationsBench& b) { b.take(20, 5), b.unmap(30, 5), b.issue(30, 1), b.fence(40, 1), b.free(50, 5); }},
    {"freed-before-fenced", "the fence covers the page before, or this one",
     [](ViolationsBench& b) {
         b.take(20, 5), b.unmap(25, 5), b.issue(30, 1);
         b.fence(40, 1, 0, 1, b.page(3), 2 * page_size), b.free(50, 5);
     },
     [](ViolationsBench& b) {
         b.take(20, 5), b.unmap(25, 5), b.issue(30, 1);
         b.fence(40, 1, 0, 1, b.page(4), 2 * page_size), b.free(50, 5);
     }},
    {"freed-before-fenced", "unmapped when the bond was there, or before it was bound",
     [](ViolationsBench& b) { b.take(20, 5, 2), b.bond(25, 2, 2, 2), b.unmap(30, 5, 2), b.free(40, 5, 2); },
     [](ViolationsBench& b) { b.take(20, 5, 2), b.unmap(25, 5, 2), b.bond(30, 2, 2, 2), b.free(40, 5, 2); }},
    {"freed-before-fenced", "freed though it is pinned for the bond, or left to who shares it",
     [](ViolationsBench& b) { b.take(20, 5), b.pin(25, 5), b.unmap(30, 5), b.free(40, 5); },
     [](ViolationsBench& b) { b.take(20, 5), b.pin(25, 5), b.unmap(30, 5), b.left_to_others(40, 5); }},
    {"freed-before-fenced", "left to who shares it, for a bond that reaches all pages, or for one that has pages pinned",
     [](ViolationsBench& b) { b.take(20, 5), b.unmap(30, 5), b.left_to_others(40, 5); },
     [](ViolationsBench& b) { b.take(20, 5), b.pin(25, 6), b.unmap(30, 5), b.left_to_others(40, 5); }},
    {"freed-before-fenced", "another mm's fence, or its own",
     [](ViolationsBench& b) { b.take(20, 5), b.unmap(25, 5), b.issue(30, 1, 0, 2), b.fence(40, 1, 0, 2), b.free(50, 5); },
     [](ViolationsBench& b) { b.take(20, 5), b.unmap(25, 5), b.issue(30, 1), b.fence(40, 1), b.free(50, 5); }},
    {"freed-before-fenced", "one of two bonds is fenced, or both",
     [](ViolationsBench& b) {
         b.bond(15, 2), b.take(20, 5), b.unmap(25, 5), b.issue(30, 1, 1), b.fence(40, 1, 1), b.free(50, 5);
     },
     [](ViolationsBench& b) {
         b.bond(15, 2), b.take(20, 5), b.unmap(25, 5);
         b.issue(30, 1, 1), b.fence(40, 1, 1), b.issue(41, 2, 2), b.fence(45, 2, 2), b.free(50, 5);
     }},
    {"freed-before-fenced", "freed without an unmap while the device may reach it, or after the block",
     [](ViolationsBench& b) { b.take(20, 5), b.issue(30, 1), b.fence(40, 1), b.free(50, 5); },
     [](ViolationsBench& b) { b.take(20, 5), b.issue(30, 1), b.block(40, 1), b.free(50, 5); }},
    {"freed-before-fenced", "a table page, or a page of the kernel",
     [](ViolationsBench& b) { b.take(20, 5, 1, FrameUse::Table), b.free(50, 5, 1, FrameUse::Table); },
     [](ViolationsBench& b) { b.take(20, 5, 1, FrameUse::Kernel), b.free(50, 5, 1, FrameUse::Kernel); }},
    {"freed-before-fenced", "the mm has a bond, or none",
     [](ViolationsBench& b) { b.take(20, 5), b.unmap(25, 5), b.free(50, 5); },
     [](ViolationsBench& b) { b.take(20, 5, 2), b.unmap(25, 5, 2), b.free(50, 5, 2); }},
    {"freed-before-fenced",
     "two CPUs saw their fences in the other order, and neither covers the page, or the first does",
     [](ViolationsBench& b) { b.issue(20, 1), b.issue(21, 2), b.unmap(25, 5), b.fence(30, 2), b.fence(31, 1), b.free(50, 5); },
     [](ViolationsBench& b) {
         b.unmap(15, 5), b.issue(20, 1, 0, 1, b.page(5), page_size), b.issue(21, 2, 0, 1, b.page(6), page_size);
         b.fence(30, 2, 0, 1, b.page(6), page_size), b.fence(31, 1, 0, 1, b.page(5), page_size), b.free(50, 5);
     }},

    {"torn-entry", "the first word went meanwhile, or stayed",
     [](ViolationsBench& b) { b.say(40, memory::StructureTorn{1, BondId{1}, Spa{0x9000}, 64, 0x41, 0}); },
     [](ViolationsBench& b) { b.say(40, memory::StructureTorn{1, BondId{1}, Spa{0x9000}, 64, 0x41, 0x41}); }},
    {"torn-entry", "what went was present, or was not",
     [](ViolationsBench& b) { b.say(40, memory::StructureTorn{1, BondId{1}, Spa{0x9000}, 64, 0x41, 0}); },
     [](ViolationsBench& b) { b.say(40, memory::StructureTorn{1, BondId{1}, Spa{0x9000}, 64, 0x40, 0x2}); }},
    {"context-lost", "of a process that lives, or is dying",
     [](ViolationsBench& b) { b.fault(50, 1, FaultFate::Suppressed, "SPT.2"); },
     [](ViolationsBench& b) {
         b.say(45, os::ProcessChanged{"app1", MmId{1}, "dying"});
         b.fault(50, 1, FaultFate::Suppressed, "SPT.2");
     }},
    {"lying-fence", "signalled before the invalidation is done, or after",
     [](ViolationsBench& b) { b.begun("smmu", 3), b.signalled("smmu", 4), b.done("smmu", 3); },
     [](ViolationsBench& b) { b.begun("smmu", 3), b.done("smmu", 3), b.signalled("smmu", 4); }},
    {"lying-fence", "the invalidation is before the fence in the queue, or after",
     [](ViolationsBench& b) { b.begun("smmu", 3), b.signalled("smmu", 3); },
     [](ViolationsBench& b) { b.begun("smmu", 5), b.signalled("smmu", 4); }},
    {"lying-fence", "the invalidation is this unit's, or another's",
     [](ViolationsBench& b) { b.begun("smmu", 3), b.signalled("smmu", 4); },
     [](ViolationsBench& b) { b.begun("smmu", 3), b.signalled("other", 4); }},

    {"report-flood", "the threshold is reached, or not",
     [](ViolationsBench& b) { b.trigger(50, 1), b.faults(60, flood_threshold); },
     [](ViolationsBench& b) { b.trigger(50, 1), b.faults(60, flood_threshold - 1); }},
    {"report-flood", "of a dying bond, or of one that is not",
     [](ViolationsBench& b) { b.trigger(50, 1), b.faults(60, flood_threshold); },
     [](ViolationsBench& b) { b.faults(40, flood_threshold), b.trigger(50, 1), b.faults(60, flood_threshold - 1); }},
    {"report-flood", "recorded, or quiet", [](ViolationsBench& b) { b.trigger(50, 1), b.faults(60, flood_threshold); },
     [](ViolationsBench& b) {
         b.trigger(50, 1);
         for (const auto fate : {FaultFate::Suppressed, FaultFate::Lost, FaultFate::Discarded})
             b.faults(60, flood_threshold, 1, fate);
     }},
    {"report-flood", "records of stalled transactions of a dying bond, or of one that is not",
     [](ViolationsBench& b) { b.trigger(50, 1), b.stall_records(60, flood_threshold); },
     [](ViolationsBench& b) { b.stall_records(60, flood_threshold); }},
    {"refault-storm", "the threshold is reached for one page, or for two together",
     [](ViolationsBench& b) {
         for (u16 group = 0; group < refault_threshold; ++group) b.page_sent(40, 1, group);
     },
     [](ViolationsBench& b) {
         for (u16 group = 0; group < 2 * (refault_threshold - 1); ++group) b.page_sent(40, 1, group, 5 + group % 2);
     }},
    {"context-lost", "the context was not there, or the page", [](ViolationsBench& b) { b.fault(50, 1, FaultFate::Suppressed, "C_BAD_CD"); },
     [](ViolationsBench& b) { b.fault(50, 1, FaultFate::Suppressed); }},
    {"context-lost", "of a bond that lives, or of one that is torn down",
     [](ViolationsBench& b) { b.fault(50, 1, FaultFate::Suppressed, "SPT.2"); },
     [](ViolationsBench& b) { b.trigger(45, 1), b.fault(50, 1, FaultFate::Suppressed, "SPT.2"), b.state(55, BondState::Exited), b.fault(60, 1, FaultFate::Suppressed, "SPT.2"); }},
    {"report-flood", "of one bond, or of two together",
     [](ViolationsBench& b) { b.trigger(50, 1), b.faults(60, flood_threshold); },
     [](ViolationsBench& b) {
         b.bond(20, 2), b.trigger(50, 1), b.trigger(50, 2);
         b.faults(60, flood_threshold - 1), b.faults(60, flood_threshold - 1, 2);
     }},

    {"lying-fence", "the last DMA lands after the block was seen, or at that instant",
     [](ViolationsBench& b) {
         b.milestones({{"block_observed", 201}, {"block", 200}});
     },
     [](ViolationsBench& b) {
         b.milestones({{"block_observed", 200}, {"block", 200}});
     }},
    {"inconsistent-milestones", "the first page is freed after the last, or with it",
     [](ViolationsBench& b) {
         b.milestones({{"free_first", 201}, {"free_last", 200}});
     },
     [](ViolationsBench& b) {
         b.milestones({{"free_first", 200}, {"free_last", 200}});
     }},
    {"use-after-free", "the operating system says so, or the bond ends in order",
     [](ViolationsBench& b) { b.system_says("use-after-free", "mm dropped while a bond lives"); },
     [](ViolationsBench& b) {
         b.state(50, BondState::Exited), b.state(60, BondState::Draining), b.state(70, BondState::Unbound);
     }},
    {"illegal-state", "the operating system says so, or the bond takes its arrows",
     [](ViolationsBench& b) { b.system_says("illegal-state", "bond"); },
     [](ViolationsBench& b) { b.state(50, BondState::Draining), b.state(70, BondState::Unbound); }},
    {"sleep-in-atomic", "the operating system says so, or a CPU merely runs",
     [](ViolationsBench& b) { b.system_says("sleep-in-atomic", "app1/main"); },
     [](ViolationsBench& b) {
         b.events.emit(os::CpuRuns{0, "app1/main"});
     }},
    {"deadlock", "the runner says so, or a run ends with DMA under way",
     [](ViolationsBench& b) { b.checkers.report("deadlock", BondId{1}, 0, "nothing can move any more"); },
     [](ViolationsBench& b) { b.dma_issued(50, 1); }},
    {"livelock", "the runner says so, or the same DMA comes over and over",
     [](ViolationsBench& b) { b.checkers.report("livelock", BondId{1}, 0, "no end"); },
     [](ViolationsBench& b) {
         for (int i = 0; i < 100; ++i) b.dma_issued(50 + i, 1), b.dma_ended(50 + i, 1);
     }},
    {"left-behind", "the runner finds a frame, or a frame is merely in use",
     [](ViolationsBench& b) { b.checkers.report("left-behind", BondId{}, 0, "app1: 1 frame", "app1"); },
     [](ViolationsBench& b) { b.take(40, 9); }},
    {"late-page-response", "the group had been answered, or its queue had stopped",
     [](ViolationsBench& b) { b.page_sent(40, 1), b.page_heard(50, 1, 0, 0, devices::PageResponseFate::Unexpected); },
     [](ViolationsBench& b) { b.page_sent(40, 1), b.page_heard(50, 1, 0, 0, devices::PageResponseFate::Stale); }},
    {"late-page-response", "the second answer to a group that its device forgot, or the only one",
     [](ViolationsBench& b) {
         b.page_sent(40, 1), b.page_forgotten(45, 1);
         for (const i64 at : {48, 50}) b.page_heard(at, 1, 0, 0, devices::PageResponseFate::Unexpected);
     },
     [](ViolationsBench& b) {
         b.page_sent(40, 1), b.page_forgotten(45, 1);
         b.page_heard(50, 1, 0, 0, devices::PageResponseFate::Unexpected);
     }},
    {"late-page-response", "the index was used again and answered, or not used again",
     [](ViolationsBench& b) {
         b.page_sent(40, 1), b.page_forgotten(45, 1), b.page_sent(46, 1), b.page_heard(47, 1);
         b.page_heard(50, 1, 0, 0, devices::PageResponseFate::Unexpected);
     },
     [](ViolationsBench& b) {
         b.page_sent(40, 1), b.page_forgotten(45, 1), b.page_sent(46, 1, 1), b.page_heard(47, 1, 1);
         b.page_heard(50, 1, 0, 0, devices::PageResponseFate::Unexpected);
     }},
    {"innocent-victim", "its process lives, or is dying",
     [](ViolationsBench& b) { b.say(50, os::WorkLost{DeviceId{1}, BondId{1}}); },
     [](ViolationsBench& b) { b.trigger(45, 1), b.say(50, os::WorkLost{DeviceId{1}, BondId{1}}); }},
    {"innocent-victim", "a queue in which its record was lost was full of a dying bond's, or of its own",
     [](ViolationsBench& b) { b.bond(20, 2, 2, 2), b.trigger(45, 2), b.faults(50, 2, 2), b.faults(60, 1, 1, FaultFate::Lost); },
     [](ViolationsBench& b) { b.bond(20, 2, 2, 2), b.trigger(45, 2), b.faults(50, 2, 1), b.faults(60, 1, 1, FaultFate::Lost); }},
    {"innocent-victim", "the dying bond's records were still there, or had been taken out before those that filled the queue came",
     [](ViolationsBench& b) { b.bond(20, 2, 2, 2), b.trigger(45, 2), b.faults(50, 2, 2), b.faults(60, 1, 1, FaultFate::Lost); },
     [](ViolationsBench& b) {
         b.bond(20, 2, 2, 2), b.trigger(45, 2), b.faults(50, 2, 2);
         for (int i = 0; i < 2; ++i) b.say(55, os::FaultHandled{"smmu", 0x10, StreamId{8}, true, Pasid{2}, false});
         b.faults(58, 1), b.faults(60, 1, 1, FaultFate::Lost);
     }},
    {"innocent-victim", "its page request found no room among a dying bond's, or among those of one that lives",
     [](ViolationsBench& b) {
         b.bond(20, 2, 2, 2), b.trigger(45, 2), b.page_sent(46, 2, 3), b.page_recorded(50, 2, 3);
         b.page_sent(52, 1), b.page_dropped(60, 1);
     },
     [](ViolationsBench& b) {
         b.bond(20, 2, 2, 2), b.page_sent(46, 2, 3), b.page_recorded(50, 2, 3);
         b.page_sent(52, 1), b.page_dropped(60, 1);
     }},
    {"cross-process-fault", "the OS took another process's address space, or its own",
     [](ViolationsBench& b) { b.asked_and_recorded(40), b.page_ended(50, 1, 0, 5, os::PageRequestFate::Handled, 2); },
     [](ViolationsBench& b) { b.asked_and_recorded(40), b.page_ended(50, 1, 0, 5, os::PageRequestFate::Handled, 1); }},
    {"wrong-response", "a page was granted to a process that had exited, or refused",
     [](ViolationsBench& b) { b.asked_and_recorded(40), b.state(45, BondState::Exited), b.page_ended(50, 1); },
     [](ViolationsBench& b) {
         b.asked_and_recorded(40), b.state(45, BondState::Exited);
         b.page_ended(50, 1, 0, 5, os::PageRequestFate::MmDead), b.page_decided(51, 1, 0, os::PageAnswer::Invalid);
         b.page_answered(52, 1, 0, 1);
     }},
    {"wrong-response", "a page was granted after the unbind, or inside it",
     [](ViolationsBench& b) { b.asked_and_recorded(40), b.state(45, BondState::Unbound), b.page_ended(50, 1); },
     [](ViolationsBench& b) { b.asked_and_recorded(40), b.state(45, BondState::Draining), b.page_ended(50, 1); }},
    {"wrong-response", "the command is not what the OS decided, or is",
     [](ViolationsBench& b) {
         b.page_sent(40, 1), b.page_decided(50, 1, 0, os::PageAnswer::Invalid), b.page_answered(60, 1, 0, 0);
     },
     [](ViolationsBench& b) {
         b.page_sent(40, 1), b.page_decided(50, 1, 0, os::PageAnswer::Invalid), b.page_answered(60, 1, 0, 1);
     }},
    {"wrong-response", "the OS had decided nothing, or the unit answers by itself",
     [](ViolationsBench& b) { b.page_sent(40, 1), b.page_answered(60, 1); },
     [](ViolationsBench& b) { b.page_sent(40, 1), b.page_answered(60, 1, 0, 0, iommu::PageResponseReason::Overflow); }},
    {"wrong-response", "Response Failure for a process that lives, or an invalid request",
     [](ViolationsBench& b) {
         b.page_sent(40, 1), b.page_decided(50, 1, 0, os::PageAnswer::Failure), b.page_answered(60, 1, 0, 15);
     },
     [](ViolationsBench& b) {
         b.page_sent(40, 1), b.page_decided(50, 1, 0, os::PageAnswer::Invalid), b.page_answered(60, 1, 0, 1);
     }},
    {"lost-page-request", "it waited for longer than the limit, or a moment less",
     [](ViolationsBench& b) { b.page_sent(40, 1), b.run_ends(1040); }, [](ViolationsBench& b) { b.page_sent(40, 1), b.run_ends(1039); }},
    {"lost-page-request", "nothing can move and it waits, or its device forgot it",
     [](ViolationsBench& b) { b.page_sent(40, 1), b.page_forgotten(45, 1, 1), b.run_ends(50, true); },
     [](ViolationsBench& b) { b.page_sent(40, 1), b.page_forgotten(45, 1), b.run_ends(50, true); }},
    {"lost-page-request", "nothing can move and it waits, or it was answered",
     [](ViolationsBench& b) { b.page_sent(40, 1), b.run_ends(50, true); },
     [](ViolationsBench& b) { b.page_sent(40, 1), b.page_heard(45, 1, 0, 1), b.run_ends(50, true); }},
};
} // namespace

TEST_CASE("each violation is found, as its own kind, about its own bond, at its own time", "[observe]") {
    for (const Row& row : rows) {
        INFO(row.kind << ": " << row.difference);
        ViolationsBench b;
        row.wrong(b);
        CHECK(b.kinds() == Kinds{row.kind});
        REQUIRE_FALSE(b.checkers.violations().empty());
        for (const Violation& v : b.checkers.violations()) {
            CHECK(v.last >= v.first);
            CHECK(v.last <= b.clock);
            CHECK(v.count >= 1);
            CHECK_FALSE(v.story.empty());
        }
    }
}

TEST_CASE("the nearest legal sequence raises nothing", "[observe]") {
    for (const Row& row : rows) {
        INFO(row.kind << ": " << row.difference);
        ViolationsBench b;
        row.right(b);
        CHECK(b.kinds() == Kinds{});
    }
}

TEST_CASE("every kind is told from its neighbour above", "[observe]") {
    Kinds listed, tested;
    for (const ViolationKind& k : violation_kinds) {
        CHECK(listed.emplace(k.kind).second); // once each
        CHECK_FALSE(k.meaning.empty());
    }
    for (const Row& row : rows) tested.insert(row.kind);
    CHECK(tested == listed);
}

TEST_CASE("of two requests with one index for one page, the one that was granted is the one with that PASID", "[observe][pri]") {
    const u32 dead = GENERATE(1u, 3u);
    ViolationsBench b;
    b.say(15, os::BondChanged{BondId{3}, MmId{3}, "app3", "acc1", b.device(1), Pasid{3}, BondState::Bound});
    b.page_recorded(20, 1, 7, 5, false);
    b.say(25, iommu::PageRequestRecorded{"smmu", BondId{3}, b.stream(1), iova_of(b.page(5)), 7, true, false});
    b.say(30, os::BondChanged{BondId{dead}, MmId{dead}, "app", "acc1", b.device(1), Pasid{dead}, BondState::Exited});
    b.say(40, os::PageRequestEnded{b.stream(1), true, Pasid{3}, b.page(5), 7, MmId{3}, os::PageRequestFate::Handled});
    CHECK(b.kinds() == (dead == 3 ? Kinds{"wrong-response"} : Kinds{}));
}

TEST_CASE("what the kernel throws away of a group that it has whole is lost; of one whose end was lost it is not", "[observe][pri]") {
    const bool whole = GENERATE(true, false);
    ViolationsBench b;
    b.page_recorded(20, 1, 7, 5, false);
    if (whole) b.page_recorded(25, 1, 7, 6, true);
    b.page_ended(30, 1, 7, 5, os::PageRequestFate::Discarded);
    CHECK(b.checkers.violations().size() == (whole ? 1 : 0));
    CHECK(b.kinds().count("lost-page-request") == (whole ? 1 : 0));
}
