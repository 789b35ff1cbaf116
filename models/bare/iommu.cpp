// SPDX-License-Identifier: Apache-2.0
#include "bare/iommu.h"

namespace quiesce::bare {

void Iommu::WatchedMemory::commit(memory::Request& r) {
    PlainMemory::commit(r);
    const bool counts = r.write && r.status == memory::Status::Ok && r.origin.purpose != memory::Purpose::QueueWrite;
    if (!counts) return;
    for (Spa at = r.at.align_down(8); at < r.at + r.bytes; at = at + 8) written.push_back(at);
}

Iommu::Iommu(sim::Calendar& calendar, std::vector<memory::RamRange> ram, const MakeUnit& make)
    : calendar_(calendar), events_(calendar.clock()), memory_(std::move(ram)),
      unit_(make(events_, memory_)) {
    unit_->connect(devices_, devices_);
}

sim::Task<iommu::AtcAnswer> Iommu::Devices::invalidate(iommu::AtcInvalidation what) {
    invalidations.push_back(what);
    co_return iommu::AtcAnswer::Completed;
}
sim::Task<void> Iommu::Devices::respond(iommu::PageGroupResponse response) {
    responses.push_back(response);
    co_return;
}

void Iommu::settle() { calendar_.run_until_idle(calendar_.now() + patience); }

void Iommu::write_register(u64 offset, unsigned bytes, u64 value) {
    sim::spawn(unit_->registers().mmio_write(offset, bytes, value));
    settle();
}

/// A read that ends in a later call has no one to give its value to.
sim::Task<void> Iommu::read(u64 offset, unsigned bytes, u64 number) {
    const u64 value = co_await unit_->registers().mmio_read(offset, bytes);
    if (number == reads_) value_read_ = value;
}

std::optional<u64> Iommu::read_register(u64 offset, unsigned bytes) {
    value_read_.reset();
    sim::spawn(read(offset, bytes, ++reads_));
    settle();
    return value_read_;
}

iommu::TranslationRequest Iommu::request_of(StreamId stream, Iova at, bool write, const Who& who) {
    return {.transaction = ++transactions_,
            .device = DeviceId{0},
            .stream = stream,
            .has_pasid = who.pasid.has_value(),
            .pasid = who.pasid.value_or(Pasid{0}),
            .at = at,
            .bytes = 0,
            .access = write ? iommu::Access::Write : iommu::Access::Read,
            .privileged = who.privileged,
            .instruction = who.execute};
}

sim::Task<void> Iommu::perform(Flight& f) {
    using End = DmaAnswer::End;
    const Dma& d = f.what;
    const auto bytes = static_cast<u32>(d.bytes);
    iommu::TranslationRequest request = request_of(d.stream, d.at, d.write, d.who);
    request.bytes = bytes;
    if (d.translated) request.type = iommu::AddressType::Translated;
    const iommu::Translation t = co_await unit_->translation().translate(request);
    f.answer.to = t.to;
    if (t.ending != iommu::Ending::Grant) {
        const bool zero = t.ending == iommu::Ending::ReadZero;
        if (zero && !d.write) f.what.data.fill(std::byte{});
        f.answer.end = zero ? End::Zero : End::Refused;
        co_return;
    }
    memory::Request move{t.to, f.what.data.data(), bytes, d.write};
    move.origin.purpose = memory::Purpose::Dma;
    move.origin.has_pasid = request.has_pasid;
    move.origin.pasid = request.pasid;
    move.origin.aimed_at = d.at;
    move.origin.transaction = request.transaction;
    move.origin.translated_at = t.looked_up;
    const memory::Status status = co_await memory_.transport(move);
    f.answer.end = status == memory::Status::Ok ? End::Done : End::Aborted;
}

DmaAnswer Iommu::dma(Dma& what) {
    Flight& f = flights_.emplace_back(Flight{what});
    unit_->mark_records();
    sim::spawn(perform(f));
    settle();
    what.data = f.what.data;
    f.answer.records = unit_->records_since_mark();
    const DmaAnswer answer = f.answer;
    while (!flights_.empty() && flights_.front().answer.end != DmaAnswer::End::Open) flights_.pop_front();
    return answer;
}

sim::Task<void> Iommu::perform(OpenQuestion& q) {
    iommu::TranslationRequest request = request_of(q.what.stream, q.what.at.align_down(page_size), false, q.what.who);
    request.bytes = 8; // of an answer
    request.type = iommu::AddressType::TranslationRequest;
    request.no_write = !q.what.write;
    const iommu::Translation t = co_await unit_->translation().translate(request);
    q.answer = {true, t.ending, t.to, t.bytes, t.may};
}

QuestionAnswer Iommu::ask(const Question& what) {
    OpenQuestion& q = questions_.emplace_back(OpenQuestion{what});
    sim::spawn(perform(q));
    settle();
    const QuestionAnswer answer = q.answer;
    while (!questions_.empty() && questions_.front().answer.over) questions_.pop_front();
    return answer;
}

sim::Task<void> Iommu::take(iommu::PageRequestMessage m) {
    auto taken = unit_->page_requests()->page_request(m);
    co_await std::move(taken);
}

bool Iommu::page_request(const iommu::PageRequestMessage& m) {
    if (unit_->page_requests() == nullptr) return false;
    sim::spawn(take(m));
    settle();
    return true;
}

void Iommu::mark() {
    unit_->mark_records();
    devices_.invalidations.clear();
    devices_.responses.clear();
}

Aftermath Iommu::since_mark() const {
    return {unit_->records_since_mark(), unit_->page_requests_since_mark(), devices_.invalidations, devices_.responses};
}

} // namespace quiesce::bare
