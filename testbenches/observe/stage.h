// SPDX-License-Identifier: Apache-2.0
/// A clock, a bus and the facts of a run in a word each: observers are tested with events and without models.
#pragma once
#include "observe/all_events.h"

#include <string>

namespace quiesce::testbench {

inline constexpr u64 everything = ~u64{0};

/// Bond n is the one of device accn; mm n is the address space of process appn, which owns page p in a frame of its
/// own.
struct Stage {
    sim::Time clock;
    base::EventBus events{&clock};

    template <class E>
    void say(i64 ps, const E& event) {
        clock = sim::Time::ps(ps);
        events.emit(event);
    }

    static Va page(u64 p) { return Va{p * base::page_size}; }
    static Spa frame(u64 p, u32 mm) { return Spa{0x8000'0000 + mm * 0x100'0000 + p * base::page_size}; }
    static DeviceId device(u32 bond) { return DeviceId{static_cast<u16>(bond)}; }

    // ---- bonds and what ends them
    void bond(i64 ps, u32 id, u32 mm = 1, u32 pasid = 1, os::BondState state = os::BondState::Bound) {
        const base::Name process = "app" + std::to_string(mm), device_name = "acc" + std::to_string(id);
        say(ps, os::BondChanged{BondId{id}, MmId{mm}, process, device_name, device(id), Pasid{pasid}, state});
    }
    void trigger(i64 ps, u32 id, const char* why = "kill", u64 span = 0) {
        say(ps, os::TeardownTriggered{BondId{id}, why, span});
    }
    void stop(i64 ps, u32 id, bool gave_up = false, u64 span = 0) { say(ps, os::StopSeen{BondId{id}, gave_up, span}); }
    void pasid(i64 ps, os::PasidState state, u32 mm = 1, u32 pasid = 1) {
        say(ps, os::PasidChanged{Pasid{pasid}, MmId{mm}, state});
    }
    void mmput(i64 ps, u32 mm = 1) { say(ps, os::MmputReturned{"app" + std::to_string(mm), MmId{mm}, true, 0}); }
    void exit_mmap(i64 ps, u32 mm = 1) { say(ps, os::ExitMmapReturned{MmId{mm}, 0}); }

    // ---- fences; bond 0 means every bond of the mm
    void issue(i64 ps, u64 number, u32 id = 0, u32 mm = 1, Va first = {}, u64 bytes = everything) {
        say(ps, os::InvalidationIssued{number, BondId{id}, MmId{mm}, first, bytes});
    }
    void fence(i64 ps, u64 number, u32 id = 0, u32 mm = 1, Va first = {}, u64 bytes = everything) {
        say(ps, os::FenceObserved{BondId{id}, MmId{mm}, first, bytes, false, number, 0});
    }
    void block(i64 ps, u64 number, u32 id = 0, u32 mm = 1, u64 span = 0) {
        say(ps, os::FenceObserved{BondId{id}, MmId{mm}, Va{}, everything, true, number, span});
    }

    // ---- pages
    void take(i64 ps, u64 p, u32 mm = 1, memory::FrameUse use = memory::FrameUse::Leaf) {
        say(ps, memory::FrameTaken{frame(p, mm), MmId{mm}, use, page(p)});
    }
    void unmap(i64 ps, u64 p, u32 mm = 1) { say(ps, memory::FrameUnmapped{frame(p, mm), MmId{mm}, page(p)}); }
    void free(i64 ps, u64 p, u32 mm = 1, memory::FrameUse use = memory::FrameUse::Leaf) {
        say(ps, memory::FrameFreed{frame(p, mm), MmId{mm}, use, page(p)});
    }

    // ---- a device at work
    void dma_issued(i64 ps, u32 id, u64 p = 5, u32 pasid = 1, u64 transaction = 7) {
        say(ps,
            devices::DmaIssued{transaction, device(id), BondId{id}, true, Pasid{pasid}, iova_of(page(p)), 64, true});
    }
    void dma_ended(i64 ps, u32 id, devices::DmaEnding ending = devices::DmaEnding::Success) {
        say(ps, devices::DmaEnded{7, device(id), BondId{id}, 64, true, ending});
    }
    void commit(i64 ps, u32 id, memory::Verdict verdict = memory::Verdict::Legal, u64 p = 5, bool write = true,
                u64 transaction = 7) {
        say(ps, memory::DmaCommitted{transaction, BondId{id}, device(id), true, Pasid{1}, iova_of(page(p)), frame(p, 1),
                                     64, write, verdict, sim::Time{}});
    }
    void walk(i64 ps, u32 id, bool stale, u64 p = 5) {
        say(ps, memory::WalkCommitted{BondId{id}, device(id), Pasid{1}, iova_of(page(p)), frame(90, 1), 3, stale});
    }
    void tlp(i64 ps, u32 id, bool upstream = true) {
        say(ps, pcie::TlpSent{"acc.link", upstream, pcie::TlpKind::MemoryWrite, 7, 0, true, Pasid{1}, BondId{id},
                              0x5000, 64, 88, sim::Time{}});
    }

    // ---- page requests: bond n's device is stream 8 + n
    static StreamId stream(u32 bond) { return StreamId{8 + bond}; }
    void page_sent(i64 ps, u32 id, u16 group = 0, u64 p = 5) {
        say(ps, devices::PageRequestSent{device(id), stream(id), BondId{id}, true, Pasid{1}, iova_of(page(p)), group,
                                         true, true, false});
    }
    void page_received(i64 ps, u32 id, u16 group = 0, u64 p = 5, bool stop_marker = false) {
        say(ps, iommu::PageRequestReceived{"smmu", BondId{id}, stream(id), true, Pasid{1}, iova_of(page(p)), group,
                                           true, true, stop_marker});
    }
    void page_recorded(i64 ps, u32 id, u16 group = 0, u64 p = 5, bool last = true) {
        say(ps, iommu::PageRequestRecorded{"smmu", BondId{id}, stream(id), iova_of(page(p)), group, last, false});
    }
    void page_dropped(i64 ps, u32 id, u16 group = 0, u64 p = 5, bool last = true, bool off = false, bool stop_marker = false) {
        say(ps, iommu::PageRequestDropped{"smmu.priq", BondId{id}, stream(id), iova_of(page(p)), group, last, stop_marker, off});
    }
    void page_ended(i64 ps, u32 id, u16 group = 0, u64 p = 5, os::PageRequestFate fate = os::PageRequestFate::Handled,
                    u32 mm = 1) {
        say(ps, os::PageRequestEnded{stream(id), true, Pasid{1}, page(p), group, MmId{mm}, fate});
    }
    void page_decided(i64 ps, u32 id, u16 group = 0, os::PageAnswer code = os::PageAnswer::Success) {
        say(ps, os::PageGroupAnswered{stream(id), true, Pasid{1}, group, code});
    }
    void page_answered(i64 ps, u32 id, u16 group = 0, u8 code = 0,
                       iommu::PageResponseReason reason = iommu::PageResponseReason::Driver) {
        say(ps, iommu::PageResponseSent{"smmu", stream(id), true, Pasid{1}, group, code, reason});
    }
    void page_heard(i64 ps, u32 id, u16 group = 0, u8 code = 0,
                    devices::PageResponseFate fate = devices::PageResponseFate::Taken) {
        say(ps, devices::PageResponseHeard{device(id), stream(id), BondId{id}, true, Pasid{1}, group, code, fate});
    }

    void page_forgotten(i64 ps, u32 id, u16 group = 0, u32 requests = 1) {
        say(ps, devices::PageGroupForgotten{device(id), stream(id), BondId{id}, true, Pasid{1}, group, requests});
    }

    // ---- stalled transactions: the tag is the group
    void stalled(i64 ps, u32 id, u64 transaction = 7, u16 tag = 0, bool tagged = true, u64 p = 5) {
        say(ps, iommu::TransactionStalled{"smmu", transaction, BondId{id}, stream(id), true, Pasid{1}, iova_of(page(p)),
                                          tagged, tag});
    }
    void stall_recorded(i64 ps, u32 id, u64 transaction = 7, u16 tag = 0, u64 p = 5) {
        say(ps, iommu::StallRecorded{"smmu", transaction, BondId{id}, stream(id), iova_of(page(p)), tag});
    }
    void stall_over(i64 ps, u32 id, iommu::StallResolution how = iommu::StallResolution::Retried,
                    iommu::StallResolver by = iommu::StallResolver::Resume, u64 transaction = 7, u16 tag = 0) {
        say(ps, iommu::StallResolved{"smmu", transaction, BondId{id}, stream(id), Pasid{1}, true, tag, how, by});
    }

    void fault(i64 ps, u32 id, iommu::FaultFate fate = iommu::FaultFate::Recorded, const char* type = "F_TRANSLATION") {
        say(ps, iommu::FaultRaised{7, BondId{id}, StreamId{8}, true, Pasid{1}, iova_of(page(5)), type, 0x10, fate});
    }
};

} // namespace quiesce::testbench
