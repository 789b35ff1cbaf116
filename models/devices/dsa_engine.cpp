// SPDX-License-Identifier: Apache-2.0
/// Engines: one descriptor each at a time, from the queue to the completion record. MODEL: an engine moves a page at a
/// time and begins the next when the one before has been written; one that waits for a page does nothing else.
#include "devices/dsa.h"

#include <algorithm>
#include <cstring>

namespace quiesce::devices {

using namespace dsa;

namespace {
u32 up_to_page_end(Iova at, u64 bytes) {
    return static_cast<u32>(std::min<u64>(bytes, page_size - (at.value() & (page_size - 1))));
}
/// What the completion record says of an access that failed.
Status status_of(DmaEnding how, bool waited_for_page) {
    if (how != DmaEnding::NotTranslated) return Status::TranslationFailed;
    return waited_for_page ? Status::PageFaultInvalid : Status::PageFault;
}
constexpr u32 record_alignment = CompletionRecord::byte_count;
} // namespace

/// The queue of the highest priority that has work; those of one priority take turns. MODEL: strict priorities, where a
/// device gives the lower ones a share.
Dsa::Work* Dsa::next() {
    const unsigned count = config_.queues;
    Queue* best = nullptr;
    unsigned number = 0;
    for (unsigned i = 1; i <= count; ++i) {
        Queue& q = queues_[(last_queue_ + i) % count];
        if (q.waiting.empty()) continue;
        if (best != nullptr && q.setting.get(QueueSetting::PRIORITY) <= best->setting.get(QueueSetting::PRIORITY))
            continue;
        best = &q;
        number = (last_queue_ + i) % count;
    }
    if (best == nullptr) return nullptr;
    last_queue_ = number;
    Work& w = works_[best->waiting.pop()];
    level(*best);
    w.running = true;
    return &w;
}

sim::Task<void> Dsa::engine(unsigned) {
    std::vector<std::byte> buffer(2 * page_size);
    for (;;) {
        Work* w = next();
        if (w == nullptr) {
            co_await arrived_.wait();
            continue;
        }
        const u64 life = life_;
        if (page_requests() != nullptr) page_requests()->begin(request_of(*w));
        co_await sim::delay(config_.dispatch.get());
        if (life != life_) continue;
        auto work = carry_out(*w, buffer);
        const Result r = co_await std::move(work);
        if (life != life_) continue;
        co_await finish(*w, r);
    }
}

/// Success: nothing is wrong with the descriptor.
Status Dsa::judge(const Work& w, u32& invalid_flags) const {
    const Descriptor& d = w.descriptor;
    const QueueSetting& s = queues_[w.queue].setting;
    const auto operation = static_cast<unsigned>(d.get(Descriptor::OPERATION));
    if (operation >= 64 || (operations >> operation & 1) == 0) return Status::BadOperation;
    const auto flag = [](const Descriptor::F<bool>& f) { return 1u << (f.lsb() - 32); };
    u32 valid =
        flag(Descriptor::CRAV) | flag(Descriptor::RCR) | flag(Descriptor::CC); // RCI: users may not raise interrupts
    if (s.get(QueueSetting::BOF)) valid |= flag(Descriptor::BOF);
    invalid_flags = d.flags() & ~valid;
    if (d.get(Descriptor::RCR) && !d.get(Descriptor::CRAV)) invalid_flags |= flag(Descriptor::RCR);
    if (invalid_flags != 0) return Status::InvalidFlags;
    if (w.privileged && !s.get(QueueSetting::PRIV)) return Status::Privilege;
    if (d.get(Descriptor::OPERATION) == Operation::Noop || d.get(Descriptor::OPERATION) == Operation::Drain)
        return Status::Success;
    const u64 size = d.get(Descriptor::SIZE), src = d.get(Descriptor::SRC).value(),
              dst = d.get(Descriptor::DST).value();
    if (size == 0 || size > u64{1} << s.get(QueueSetting::MAX_XFER_SHIFT)) return Status::TransferSize;
    const bool overlap = src < dst + size && dst < src + size;
    if (d.get(Descriptor::OPERATION) == Operation::Move && overlap && !regs_.get(GENCAP::OVERLAP_COPY))
        return Status::Overlap;
    return Status::Success;
}

/// Its queue and itself want to wait for pages, and the function can ask for them.
bool Dsa::waits_for_pages(const Work& w) {
    return page_requests() != nullptr && w.descriptor.get(Descriptor::BOF) &&
           queues_[w.queue].setting.get(QueueSetting::BOF);
}

sim::Task<Dsa::Result> Dsa::carry_out(Work& w, std::vector<std::byte>& buffer) {
    const u64 life = life_;
    const Descriptor d = w.descriptor;
    const Operation operation = d.get(Descriptor::OPERATION);
    Result r;
    r.status = judge(w, r.invalid_flags);
    if (r.status != Status::Success || operation == Operation::Noop) co_return r;
    if (operation == Operation::Drain) { // of a shared queue, what has its PASID
        Which before;
        before.queues = 1u << w.queue;
        before.before = w.number;
        if (w.has_pasid) before.pasid = w.pasid;
        while (life == life_ && any(before)) co_await ended_.wait();
        co_return r;
    }
    const u64 size = d.get(Descriptor::SIZE);
    while (r.bytes < size && !w.abandoned && life == life_) {
        pcie::DmaRequest first = request_of(w), second = first;
        first.at = d.get(Descriptor::SRC) + r.bytes;
        second.at = d.get(Descriptor::DST) + r.bytes;
        u32 bytes = up_to_page_end(second.at, size - r.bytes);
        if (operation != Operation::Fill) bytes = up_to_page_end(first.at, bytes);
        first.bytes = second.bytes = bytes;
        auto work = step(w, first, second, buffer, r);
        const DmaEnding how = co_await std::move(work);
        if (how != DmaEnding::Success) r.status = status_of(how, waits_for_pages(w));
        if (how != DmaEnding::Success || r.value != 0) break;
        r.bytes += bytes;
    }
    co_return r;
}

/// One page's share of the work. A difference that is found is counted in the result.
sim::Task<DmaEnding> Dsa::step(const Work& w, pcie::DmaRequest first, pcie::DmaRequest second,
                               std::vector<std::byte>& buffer, Result& r) {
    const Operation operation = w.descriptor.get(Descriptor::OPERATION);
    const bool wait = waits_for_pages(w);
    const auto fault = [&r](Iova at, bool write) {
        r.fault_at = at;
        r.fault_write = write;
    };
    DmaEnding how = DmaEnding::Success;
    if (operation != Operation::Fill) {
        fault(first.at, false);
        auto read = access_.read(first, std::span{buffer}.first(first.bytes), wait);
        how = co_await std::move(read);
        if (how != DmaEnding::Success) co_return how;
    }
    if (operation == Operation::Compare) {
        fault(second.at, false);
        auto read = access_.read(second, std::span{buffer}.subspan(page_size, second.bytes), wait);
        how = co_await std::move(read);
        const auto same = std::mismatch(buffer.begin(), buffer.begin() + first.bytes, buffer.begin() + page_size).first;
        if (how != DmaEnding::Success || same == buffer.begin() + first.bytes) co_return how;
        r.value = 1;
        r.bytes += static_cast<u32>(same - buffer.begin());
        co_return how;
    }
    if (operation == Operation::Fill) { // the pattern begins at the first byte of all
        const u64 pattern = w.descriptor.get(Descriptor::SRC).value();
        for (u32 i = 0; i < second.bytes; ++i) buffer[i] = static_cast<std::byte>(pattern >> (r.bytes + i) % 8 * 8);
    }
    fault(second.at, true);
    auto written = access_.write(second, std::span{buffer}.first(second.bytes), wait);
    how = co_await std::move(written);
    if (how == DmaEnding::Success) to_be_flushed(second);
    co_return how;
}

// ---- the end of a descriptor ----------------------------------------------------------------------------------------

sim::Task<void> Dsa::finish(Work& w, Result r) {
    const u64 life = life_;
    RecordFate record = RecordFate::NotWanted;
    if (w.abandoned) {
        r.status = Status::None;
    } else {
        auto recorded = write_record(w, r);
        record = co_await std::move(recorded);
    }
    if (life == life_) end(w, r, record);
}

/// With Request Completion Record always, without it for an error. One that cannot be written, or may not be, is an
/// error for the driver to hear of.
sim::Task<RecordFate> Dsa::write_record(const Work& w, Result r) {
    const u64 life = life_;
    const Descriptor& d = w.descriptor;
    const bool failed = r.status != Status::Success;
    const bool fault = r.status == Status::PageFault || r.status == Status::PageFaultInvalid;
    const Iova at = d.get(Descriptor::COMPLETION);
    if (!d.get(Descriptor::CRAV)) {
        if (failed) report(w, r.status, r.fault_at, r.fault_write);
        co_return RecordFate::NotWanted;
    }
    if (!failed && !d.get(Descriptor::RCR)) co_return RecordFate::NotWanted;
    if (at.value() % record_alignment != 0) {
        report(w, Status::RecordAlignment, at, true);
        co_return RecordFate::Lost;
    }
    CompletionRecord record;
    record.set(CompletionRecord::STATUS, r.status).set(CompletionRecord::WRITE, fault && r.fault_write);
    record.set(CompletionRecord::RESULT, r.value).set(CompletionRecord::BYTES_COMPLETED, r.bytes);
    if (fault) record.set(CompletionRecord::FAULT_ADDR, r.fault_at);
    record.set(CompletionRecord::INVALID_FLAGS, r.invalid_flags);
    const auto bytes = record.to_bytes();
    pcie::DmaRequest to = request_of(w);
    to.at = at;
    to.bytes = CompletionRecord::byte_count;
    auto written = access_.write(to, bytes, waits_for_pages(w));
    const DmaEnding how = co_await std::move(written);
    if (how == DmaEnding::Success) {
        to_be_flushed(to);
        co_return RecordFate::Written;
    }
    if (life == life_) report(w, Status::RecordTranslation, at, true);
    co_return RecordFate::Lost;
}

void Dsa::end(Work& w, const Result& r, RecordFate record) {
    const bool fault = r.status == Status::PageFault || r.status == Status::PageFaultInvalid;
    const Work ended = std::exchange(w, Work{});
    --inside_;
    events().emit(DescriptorEnded{queues_[ended.queue].name, device(), ended.bond, ended.has_pasid, ended.pasid,
                                  static_cast<u8>(ended.descriptor.get(Descriptor::OPERATION)),
                                  static_cast<u8>(r.status), r.bytes, fault ? r.fault_at : Iova{}, record,
                                  ended.since});
    if (!any(Which{.pasid = ended.has_pasid ? std::optional{ended.pasid} : std::nullopt})) occupied(ended, idle_);
    ended_.notify_all();
}

} // namespace quiesce::devices
