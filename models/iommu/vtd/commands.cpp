// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/commands.h"

#include <algorithm>
#include <utility>

namespace quiesce::iommu::vtd {

InvalidationQueue::InvalidationQueue(base::Name unit, base::EventBus& events, RegisterFile& regs,
                                     memory::MemoryPort& memory, Signals& signals, QueueTargets targets,
                                     const Identity& id, const VtdConfig& config)
    : unit_(unit), actor_(std::string(unit.text()) + ".iq"), level_name_(std::string(unit.text()) + ".iq.depth"),
      wait_phase_("wait"), events_(events), regs_(regs), memory_(memory), signals_(signals), on_(targets), id_(id),
      fetch_(config.descriptor_fetch.get()), execute_(config.descriptor_execute.get()),
      early_sync_(has_bug(config.bugs, "early-sync")) {
    for (const DescriptorRow& row : descriptor_rows()) names_[raw(row.type)] = base::Name{row.name()};
}

/// Positions count descriptors: IQH and IQT count 16 bytes.
InvalidationQueue::Ring InvalidationQueue::ring() const {
    const u32 step = wide() ? 1 : 0;
    return {regs_.get(Iqa::QS) + 8 - step, regs_.get(Iqt::QT) >> step, regs_.get(Iqh::QH) >> step};
}

/// 6.5.2: fetching goes on with the queue enabled, something in it and neither IQE nor ITE set.
bool InvalidationQueue::may_run() const {
    if (!regs_.get(Gsts::QIES) || regs_.get(Fsts::IQE) || regs_.get(Fsts::ITE)) return false;
    return regs_.get(Iqt::QT) != regs_.get(Iqh::QH);
}

/// 6.5.2.10.
QueueError InvalidationQueue::queue_error() const {
    const TableMode mode = on_.root.mode();
    if (mode == TableMode::Reserved) return QueueError::BadTableMode;
    if (wide() && !id_.has(Ecap::SMTS) && !id_.has(Ecap::ADMS)) return QueueError::BadWidth;
    if (!wide() && mode != TableMode::Legacy) return QueueError::BadWidth;
    if (wide() && (regs_.get(Iqt::QT) & 1) != 0) return QueueError::TailAlignment;
    return ring().prod >> ring().log2size != 0 ? QueueError::BadTail : QueueError::None;
}

void InvalidationQueue::kick() {
    level();
    if (running_ || !may_run()) return;
    running_ = true;
    sim::start(run());
}

sim::Task<void> InvalidationQueue::idle() {
    while (running_ || waits_over_ != waits_begun_) co_await stopped_.wait();
}

sim::Task<void> InvalidationQueue::run() {
    while (may_run()) {
        co_await sim::delay(fetch_);
        const QueueError wrong = queue_error();
        if (wrong != QueueError::None) {
            fail(wrong);
            break;
        }
        const u64 bytes = wide() ? wide_descriptor_bytes : narrow_descriptor_bytes;
        const Spa at = regs_.get(Iqa::ADDR).align_down(bytes << ring().log2size) + ring().cons_index() * bytes;
        Descriptor::Words words{};
        memory::Origin origin;
        origin.purpose = memory::Purpose::QueueRead;
        const std::span<u64> read{words.data(), bytes / 8};
        entry_ = at;
        const memory::Status status = co_await memory_.fetch(at, read, origin);
        if (status != memory::Status::Ok)
            fail(QueueError::Fetch);
        else
            co_await execute(Descriptor::from_words(words));
    }
    running_ = false;
    stopped_.notify_all();
}

sim::Task<void> InvalidationQueue::execute(Descriptor d) {
    co_await sim::delay(execute_);
    const Decode decoded = decode_descriptor(d, id_, on_.root.mode());
    if (decoded.error != QueueError::None) {
        fail(decoded.error);
        co_return;
    }
    const DescriptorRow& row = *descriptor_row(d.get(Descriptor::Type));
    const u64 sequence = on_.sequence.next();
    begin(decoded);
    const Ring r = ring();
    regs_.set(Iqh::QH, r.next(r.cons) << (wide() ? 1 : 0));
    level();
    if (row.type != DescriptorType::Wait) {
        consumed(d, sequence, entry_);
        co_return;
    }
    begin_wait(d);
    // FN=1: nothing behind it begins before it is complete. One that is aborted holds nothing up.
    const u64 mine = waits_begun_;
    while (view_as<InvWaitDsc>(d).get(InvWaitDsc::FN) && waits_over_ < mine) co_await wait_over_.wait();
}

void InvalidationQueue::begin(const Decode& d) {
    const u64 sequence = on_.sequence.last();
    if (d.work) on_.agent.invalidate(sequence, d.work->kind, d.work->scope);
    // 6.5.2.5: behind the invalidations before it, lest the device asks again and is told what they remove.
    if (d.atc && ats_port_ != nullptr && regs_.get(Gsts::TES))
        sim::start(invalidate_device(told(*d.atc, sequence), sequence, on_.agent.fences().owe(sequence)));
    if (d.page_response) on_.page_requests.respond(*d.page_response);
}

AtcInvalidation InvalidationQueue::told(AtcInvalidation what, u64 sequence) const {
    what.unit = unit_;
    what.sequence = sequence;
    return what;
}

sim::Task<void> InvalidationQueue::invalidate_device(AtcInvalidation what, u64 behind, Obligation owed) {
    Obligation held = std::move(owed); // a wait waits for it
    co_await on_.agent.invalidations().wait_finished(behind);
    auto asked = ats_port_->invalidate(what);
    const AtcAnswer answer = co_await std::move(asked);
    if (answer == AtcAnswer::TimedOut) timed_out(RequesterId{static_cast<u16>(raw(what.stream))});
}

/// 6.5.2.10: nothing is fetched until software has answered; the waits that are open are over without a sign.
void InvalidationQueue::timed_out(RequesterId who) {
    if (!regs_.get(Fsts::ITE)) regs_.set(Iqercd::ITESID, who);
    aborted_waits_ = waits_begun_;
    signals_.raise(Fsts::ITE);
}

void InvalidationQueue::stray_completion(RequesterId from) {
    if (!regs_.get(Fsts::ICE)) regs_.set(Iqercd::ICESID, from);
    signals_.raise(Fsts::ICE);
}

void InvalidationQueue::begin_wait(const Descriptor& d) {
    ++waits_begun_;
    sim::start(wait(view_as<InvWaitDsc>(d), on_.sequence.last(), waits_begun_));
}

/// Waits complete one after the other.
sim::Task<void> InvalidationQueue::wait(InvWaitDsc d, u64 upto, u64 number) {
    const Spa entry = entry_; // it begins before the next is fetched
    base::Activity span{events_, actor_, wait_phase_, {}, doorbell_span_};
    if (!early_sync_) { // bug early-sync: reports what has not happened yet; the invalidations go on in the background
        co_await on_.agent.fence(upto);
        if (d.get(InvWaitDsc::PD)) co_await on_.page_requests.drained();
    }
    while (waits_over_ + 1 < number) co_await wait_over_.wait();
    if (number > aborted_waits_) {
        last_wait_span_ = span.id(); // before the sign: whoever it wakes may ask
        co_await signal(d, upto, span.id());
    }
    consumed(as_descriptor(d), upto, entry); // to observers it leaves the queue when it is over
    waits_over_ = number;
    wait_over_.notify_all();
    stopped_.notify_all();
}

/// 6.5.2.9. Nothing reports a status write that memory refuses.
sim::Task<void> InvalidationQueue::signal(InvWaitDsc d, u64 upto, u64 span) {
    const bool message = d.get(InvWaitDsc::SW);
    if (message) {
        memory::Origin origin;
        origin.purpose = memory::Purpose::Msi;
        co_await memory_.write32(d.get(InvWaitDsc::ADDR), d.get(InvWaitDsc::DATA), origin);
    }
    if (d.get(InvWaitDsc::IF)) signals_.invalidation_event();
    events_.emit(FenceSignalled{unit_, upto, message, {span}});
}

void InvalidationQueue::consumed(const Descriptor& d, u64 sequence, Spa entry) {
    events_.emit(CommandConsumed{unit_, sequence, names_[raw(d.get(Descriptor::Type))], d.word(0), d.word(1), {entry}});
}

/// 6.5.2.10: the head stays at the descriptor.
void InvalidationQueue::fail(QueueError why) {
    regs_.set(Iqercd::IQEI, why);
    signals_.raise(Fsts::IQE, base::enum_text(why));
}

void InvalidationQueue::level() { events_.emit(base::LevelChanged{level_name_, ring().used()}); }

// ---- by register ----------------------------------------------------------------------------------------------------

bool RegisterInvalidation::allowed() const {
    constexpr unsigned without_registers = 6; // the first version
    return id_.version() < without_registers && on_.root.mode() == TableMode::Legacy && !regs_.get(Gsts::QIES);
}

/// A command that is written while one is under way is ignored.
void RegisterInvalidation::context_command(Ccmd now, Ccmd before) {
    if (before.get(Ccmd::ICC)) return regs_.write(before);
    if (now.get(Ccmd::ICC)) sim::start(invalidate_contexts(now));
}
void RegisterInvalidation::iotlb_command(Iotlb now, Iotlb before) {
    if (before.get(Iotlb::IVT)) return regs_.write(before);
    if (now.get(Iotlb::IVT)) sim::start(invalidate_iotlb(now, regs_.read<Iva>()));
}

/// 11.4: the granularity that was carried out; 00 is an error.
sim::Task<void> RegisterInvalidation::invalidate_contexts(Ccmd c) {
    co_await sim::delay(delay_);
    const ContextGranularity g = c.get(Ccmd::CIRG);
    const bool good = allowed() && g != ContextGranularity::Reserved;
    if (good) {
        const u64 sequence = on_.sequence.next();
        const Scope s = context_scope(g, c.get(Ccmd::DID), c.get(Ccmd::SID), c.get(Ccmd::FM), false);
        on_.agent.invalidate(sequence, InvalidationKind::Configuration, s);
        co_await on_.agent.fence(sequence);
    }
    regs_.set(Ccmd::CAIG, good ? g : ContextGranularity::Reserved);
    regs_.set(Ccmd::ICC, false);
}

sim::Task<void> RegisterInvalidation::invalidate_iotlb(Iotlb c, Iva at) {
    co_await sim::delay(delay_);
    IotlbGranularity g = c.get(Iotlb::IIRG);
    if (g == IotlbGranularity::Page && !id_.has(Cap::PSI)) g = IotlbGranularity::Domain;
    const bool too_many = g == IotlbGranularity::Page && at.get(Iva::AM) > id_.cap.get(Cap::MAMV); // 11.4.6.3
    std::optional<Scope> s;
    if (allowed() && !too_many)
        s = iotlb_scope(g, c.get(Iotlb::DID), at.get(Iva::ADDR), at.get(Iva::AM), at.get(Iva::IH), id_);
    if (s) {
        const u64 sequence = on_.sequence.next();
        on_.agent.invalidate(sequence, InvalidationKind::Translation, *s);
        co_await on_.agent.fence(sequence);
    }
    regs_.set(Iotlb::IAIG, s ? g : IotlbGranularity::Reserved);
    regs_.set(Iotlb::IVT, false);
}

} // namespace quiesce::iommu::vtd
