// SPDX-License-Identifier: Apache-2.0
#include "platform/cosim/requesters.h"

#include <algorithm>
#include <cstring>

namespace quiesce::platform::cosim {
namespace {

bool has(u32 flags, qsc_flag flag) { return (flags & flag) != 0; }
u32 flag_if(bool set, qsc_flag flag) { return set ? u32{flag} : 0; }

/// As MemoryPort::transport(); the host's memory learns whose access it is.
struct DeviceTransport {
    memory::MemoryPort& port;
    memory::Request& request;
    HostMemory* host;
    const qsc_dma_request& whose;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> who) { port.start(request, who); }
    memory::Status await_resume() {
        if (host != nullptr) host->set_device(&whose);
        port.commit(request);
        if (host != nullptr) host->set_device(nullptr);
        return request.status;
    }
};

u32 flags_of(const pcie::TranslationEntry& e) {
    using E = pcie::TranslationEntry;
    return flag_if(e.get(E::R), QSC_READ) | flag_if(e.get(E::W), QSC_WRITE) | flag_if(e.get(E::Exe), QSC_EXECUTE) |
           flag_if(e.get(E::Priv), QSC_PRIVILEGED) | flag_if(e.get(E::Global), QSC_GLOBAL) |
           flag_if(e.get(E::U), QSC_UNTRANSLATED_ONLY) | flag_if(e.get(E::N), QSC_NO_SNOOP);
}

} // namespace

qsc_translation translation_of(const pcie::TranslationEntry& e) {
    return {e.place().first(), e.place().bytes(), flags_of(e), 0, e.word(0)};
}

// ---- DMA
// -------------------------------------------------------------------------------------------------------------

iommu::TranslationRequest Requesters::question(const qsc_dma_request& r) const {
    return {.transaction = 0,
            .device = DeviceId{0},
            .stream = stream_of(r.requester),
            .has_pasid = has(r.flags, QSC_PASID),
            .pasid = Pasid{r.pasid},
            .at = Iova{r.address},
            .bytes = 0,
            .access = has(r.flags, QSC_WRITE) ? iommu::Access::Write : iommu::Access::Read,
            .privileged = has(r.flags, QSC_PRIVILEGED),
            .instruction = has(r.flags, QSC_EXECUTE),
            .type = has(r.flags, QSC_TRANSLATED) ? iommu::AddressType::Translated : iommu::AddressType::Untranslated,
            .may_stall = has(r.flags, QSC_MAY_WAIT)};
}

/// A page at a time. One that the IOMMU answers with zeros does not end it: the device is not told.
sim::Task<void> Requesters::dma(Operation& op) {
    const qsc_dma_request& r = op.dma;
    iommu::InFlight posted;
    if (has(r.flags, QSC_WRITE) && !has(r.flags, QSC_MAY_WAIT)) posted = devices_[r.requester].writes.begin();
    iommu::TranslationRequest page = question(r);
    std::byte* data = op.data.data();
    for (u32 left = r.bytes; left != 0; left -= page.bytes, data += page.bytes, page.at += page.bytes) {
        page.bytes = static_cast<u32>(std::min<u64>(left, page_size - page.at.page_offset()));
        page.transaction = ++transactions_;
        auto moving = move_page(page, data, op);
        const qsc_ending ending = co_await std::move(moving);
        if (ending == QSC_DONE) {
            op.dma_result.bytes += page.bytes;
            continue;
        }
        op.dma_result.ending = ending;
        if (ending != QSC_ZEROED) break;
    }
    op.dma_result.ended_ps = static_cast<u64>(sim::now().ps());
}

sim::Task<qsc_ending> Requesters::move_page(iommu::TranslationRequest question, std::byte* data, Operation& op) {
    auto asked = seat_.unit.translation().translate(question);
    iommu::Translation t = co_await std::move(asked);
    const bool write = question.access == iommu::Access::Write;
    if (t.ending == iommu::Ending::ReadZero) {
        if (!write) std::memset(data, 0, question.bytes);
        co_return QSC_ZEROED;
    }
    if (t.ending != iommu::Ending::Grant) co_return QSC_REFUSED;
    op.dma_result.physical = t.to.value();
    memory::Request request{t.to, data, question.bytes, write, {}, memory::Status::Ok};
    request.origin = {.purpose = memory::Purpose::Dma,
                      .has_pasid = question.has_pasid,
                      .pasid = question.pasid,
                      .aimed_at = question.at,
                      .transaction = question.transaction,
                      .translated_at = t.looked_up};
    const memory::Status status = co_await DeviceTransport{seat_.memory, request, seat_.host, op.dma};
    t.in_flight.end();
    co_return status == memory::Status::Ok ? QSC_DONE : QSC_ABORTED;
}

// ---- translation cache
// -----------------------------------------------------------------------------------------------

sim::Task<void> Requesters::translate(Operation& op) {
    const qsc_translation_request& r = op.translation;
    const iommu::TranslationRequest asked{.transaction = ++transactions_,
                                          .device = DeviceId{0},
                                          .stream = stream_of(r.requester),
                                          .has_pasid = has(r.flags, QSC_PASID),
                                          .pasid = Pasid{r.pasid},
                                          .at = Iova{r.address}.align_down(page_size),
                                          .bytes = 0,
                                          .access = iommu::Access::Read,
                                          .privileged = has(r.flags, QSC_PRIVILEGED),
                                          .instruction = has(r.flags, QSC_EXECUTE),
                                          .type = iommu::AddressType::TranslationRequest,
                                          .no_write = has(r.flags, QSC_NO_WRITE)};
    auto answering = pcie::answer_translation(&seat_.unit.translation(), asked, r.entries);
    op.completion = co_await std::move(answering);
    if (op.completion.status != pcie::CompletionStatus::Success) op.completion.entries.clear();
}

Requesters::Device* Requesters::device_with(StreamId stream, u32 feature) {
    const auto found = devices_.find(requester_of(stream));
    return found != devices_.end() && (found->second.features & feature) != 0 ? &found->second : nullptr;
}

sim::Task<iommu::AtcAnswer> Requesters::invalidate(iommu::AtcInvalidation what) {
    Device* const device = device_with(what.stream, QSC_DEVICE_ATS);
    if (device == nullptr) co_return iommu::AtcAnswer::Unsupported;
    const sim::Lease place = co_await device->invalidations.acquire();
    const u32 tag = ++tags_;
    OpenInvalidation& open = open_.try_emplace(tag, *device).first->second;
    qsc_invalidation seen{sizeof seen, tag, requester_of(what.stream), 0, 0, 0, 0, 0, 0};
    if (what.has_pasid) {
        seen.flags = QSC_PASID | flag_if(what.global, QSC_GLOBAL);
        seen.pasid = raw(what.pasid);
    }
    seen.flags |= flag_if(what.everything, QSC_EVERYTHING);
    seen.address = what.everything ? 0 : what.range.first.value();
    seen.bytes = what.everything ? 0 : what.range.bytes;
    seen.arrived_ps = static_cast<u64>(sim::now().ps());
    invalidations.push_back(seen);
    seat_.kernel.ring();
    const bool answered = co_await open.over.wait_for(seat_.invalidate_timeout);
    open_.erase(tag);
    co_return answered ? iommu::AtcAnswer::Completed : iommu::AtcAnswer::TimedOut;
}

bool Requesters::complete(u32 tag) {
    const auto found = open_.find(tag);
    if (found == open_.end() || found->second.completed) return false;
    found->second.completed = true;
    sim::spawn(answer(tag));
    return true;
}

/// The completion stays behind the requester's posted writes (PCIe Base 10.3.2).
sim::Task<void> Requesters::answer(u32 tag) {
    const auto still = open_.find(tag); // it may have been given up at this very instant
    if (still == open_.end()) co_return;
    auto writes = still->second.device.writes.drain();
    co_await std::move(writes);
    if (const auto found = open_.find(tag); found != open_.end()) found->second.over.set();
}

// ---- page requests
// ---------------------------------------------------------------------------------------------------

sim::Task<void> Requesters::request_page(Operation& op) {
    const qsc_page_request_message& r = op.message;
    iommu::PageRequestMessage m;
    m.stream = stream_of(r.requester);
    m.has_pasid = has(r.flags, QSC_PASID);
    m.pasid = Pasid{r.pasid};
    m.at = Iova{r.address}.align_down(page_size);
    m.read = has(r.flags, QSC_READ);
    m.write = has(r.flags, QSC_WRITE);
    m.execute = has(r.flags, QSC_EXECUTE);
    m.privileged = has(r.flags, QSC_PRIVILEGED);
    m.last = has(r.flags, QSC_LAST);
    m.group = static_cast<u16>(r.group);
    auto taken = seat_.unit.page_requests().page_request(m);
    co_await std::move(taken);
}

sim::Task<void> Requesters::respond(iommu::PageGroupResponse r) {
    if (device_with(r.stream, QSC_DEVICE_PRI) == nullptr) co_return;
    const u32 flags = flag_if(r.has_pasid, QSC_PASID);
    responses.push_back({sizeof(qsc_page_response), requester_of(r.stream), flags, r.has_pasid ? raw(r.pasid) : 0,
                         r.group, static_cast<u32>(r.code), static_cast<u64>(sim::now().ps())});
    seat_.kernel.ring();
}

} // namespace quiesce::platform::cosim
