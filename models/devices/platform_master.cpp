// SPDX-License-Identifier: Apache-2.0
#include "devices/platform_master.h"

#include "devices/events.h"

#include <algorithm>
#include <cstring>

namespace quiesce::devices {

PlatformMaster::PlatformMaster(base::Name name, base::EventBus& events, InterconnectSeat seat,
                               const PlatformMasterConfig& config, DeviceId device, u64 seed)
    : name_(name), events_(events), seat_(std::move(seat)), config_(config), device_(device),
      burst_(static_cast<u32>(config.burst.get().bytes())), tags_(config.outstanding.get()),
      requests_(config.to_smmu.get()), answers_(config.from_memory.get()),
      queues_({name, events, *this, nullptr, nullptr, seed, [this] { seat_.interrupts.wire(seat_.wire); }},
              config.work) {
    always_.set();
}

void PlatformMaster::left_behind(base::Leftovers& out) const {
    out.count(name_.text(), tags_.used(), "request", "without an answer");
    for (const BondId bond : queues_.at_work()) out.say(name_.text(), "work for bond " + std::to_string(raw(bond)));
}

sim::Task<void> PlatformMaster::mmio_write(u64 offset, unsigned size, u64 value) {
    co_await sim::delay(config_.register_access.get());
    queues_.bus_write(offset, size, value);
}

sim::Task<u64> PlatformMaster::mmio_read(u64 offset, unsigned size) {
    co_await sim::delay(config_.register_access.get());
    co_return queues_.bus_read(offset, size);
}

u32 PlatformMaster::packet_bytes(Iova at, u64 bytes, bool) const {
    const u64 to_page_end = page_size - (at.value() & (page_size - 1));
    return static_cast<u32>(std::min({bytes, to_page_end, u64{burst_}}));
}

/// From the decision for a request to the arrival of its answer.
sim::Task<void> PlatformMaster::transfer(pcie::DmaRequest r, u64 transaction, std::byte* data, bool write,
                                         pcie::Tag tag, pcie::Requester& who) {
    const sim::Duration occupancy = config_.bandwidth.get().time_for(r.bytes);
    co_await requests_.send(write ? occupancy : sim::Duration{});
    if (events_.wants<RequestArrived>())
        events_.emit(
            RequestArrived{transaction, device_, r.bond, seat_.stream, r.has_pasid, r.pasid, r.at, r.bytes, write});
    auto asked = carry_out(r, transaction, data, write);
    const pcie::Completion answer = co_await std::move(asked);
    co_await answers_.send(write ? sim::Duration{} : occupancy);
    tag.release();
    pcie::Tlp request; // what its requester wants to know of it
    request.kind = write ? pcie::TlpKind::MemoryWrite : pcie::TlpKind::MemoryRead;
    request.length = r.bytes;
    request.bond = r.bond;
    request.transaction = transaction;
    who.completed(request, answer);
}

/// As where a HiSilicon device finds a fatal error (linux: hisilicon/qm.c, the master's OOO). What the SMMU has of it already, goes its way.
/// MODEL: only a reset of the machine mends it.
bool PlatformMaster::halt() {
    if (queues_.halted()) return false;
    for (const BondId bond : queues_.at_work()) events_.emit(WorkDropped{device_, bond});
    queues_.halt();
    events_.emit(DeviceHalted{device_, 3, false});
    return true;
}

/// Translation, which may take as long as software takes, and access. A refusal is a bus error, of writes as of reads.
sim::Task<pcie::Completion> PlatformMaster::carry_out(const pcie::DmaRequest& r, u64 transaction, std::byte* data,
                                                      bool write) {
    iommu::Translation t{iommu::Ending::Grant, Spa{r.at.value()}, sim::now(), {}};
    if (seat_.smmu != nullptr) {
        auto asked = seat_.smmu->translate({.transaction = transaction,
                                            .device = device_,
                                            .stream = seat_.stream,
                                            .has_pasid = r.has_pasid,
                                            .pasid = r.pasid,
                                            .at = r.at,
                                            .bytes = r.bytes,
                                            .access = write ? iommu::Access::Write : iommu::Access::Read,
                                            .privileged = r.privileged,
                                            .bond = r.bond,
                                            .may_stall = config_.can_stall.get()});
        t = co_await std::move(asked);
    }
    pcie::Completion answer;
    if (t.ending == iommu::Ending::Grant) {
        memory::Request request{t.to, data, r.bytes, write, {}, memory::Status::Ok};
        request.origin = {.purpose = memory::Purpose::Dma,
                          .device = device_,
                          .bond = r.bond,
                          .has_pasid = r.has_pasid,
                          .pasid = r.pasid,
                          .aimed_at = r.at,
                          .transaction = transaction,
                          .translated_at = t.looked_up};
        const memory::Status status = co_await seat_.memory.transport(request);
        if (status != memory::Status::Ok) answer.status = pcie::CompletionStatus::CompleterAbort;
    } else if (t.ending == iommu::Ending::ReadZero) {
        if (!write) std::memset(data, 0, r.bytes);
        answer.zeroed = true;
    } else {
        answer.status = pcie::CompletionStatus::CompleterAbort;
    }
    t.in_flight.end();
    co_return answer;
}

} // namespace quiesce::devices
