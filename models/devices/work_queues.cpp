// SPDX-License-Identifier: Apache-2.0
#include "devices/work_queues.h"
#include "devices/register_bank.h"

#include <algorithm>
#include <string>

namespace quiesce::devices {

using namespace accelerator;

WorkQueues::WorkQueues(WorkQueueHost host, const WorkQueueConfig& config)
    : host_(std::move(host)), config_(config), drain_phase_("device-drain") {
    const std::string prefix = std::string(host_.name.text()) + ".q";
    for (unsigned n = 0; n < config.queues; ++n)
        queues_.push_back(std::make_unique<Queue>(base::Name{prefix + std::to_string(n)}, host_, config.engine));
    for (const auto& row : enum_names(State{})) state_names_[raw(row.value)] = base::Name{row.name};
    regs_.set(DEV_CAP::QUEUES, config.queues.get());
    regs_.set(DEV_CAP::TAGS, host_.port.tags().count());
    regs_.set(DEV_CAP::ATOMICS, host_.atomics);
    bind_registers();
}

// ---- registers ------------------------------------------------------------------------------------------------------

WorkQueues::Queue* WorkQueues::selected() {
    const u64 n = regs_.get(QUEUE_SELECT::QUEUE);
    return n < queues_.size() ? queues_[n].get() : nullptr;
}

unsigned WorkQueues::number_of(const Queue& q) const {
    const auto at = std::find_if(queues_.begin(), queues_.end(), [&](const auto& p) { return p.get() == &q; });
    return static_cast<unsigned>(at - queues_.begin());
}

void WorkQueues::bind_registers() {
    const auto bank = [this] { return selected(); };
    bind_setting(regs_, bank, &Queue::pasid);
    bind_setting(regs_, bank, &Queue::work_tag);
    bind_setting(regs_, bank, &Queue::base);
    bind_setting(regs_, bank, &Queue::length);
    bind_setting(regs_, bank, &Queue::mode);
    bind_setting(regs_, bank, &Queue::size);
    bind_setting(regs_, bank, &Queue::rate);
    bind_setting(regs_, bank, &Queue::stride);
    bind_setting(regs_, bank, &Queue::count);
    regs_.on_write<QUEUE_SELECT>([this](QUEUE_SELECT) {
        const Queue* q = selected(); // the register file shows the settings of the selected queue
        const auto show = [&]<class R>(R Queue::*setting) { regs_.write(q != nullptr ? q->*setting : R{}); };
        show(&Queue::pasid);
        show(&Queue::work_tag);
        show(&Queue::base);
        show(&Queue::length);
        show(&Queue::mode);
        show(&Queue::size);
        show(&Queue::rate);
        show(&Queue::stride);
        show(&Queue::count);
    });
    regs_.on_write<Q_CTRL>([this](Q_CTRL c) {
        if (Queue* q = selected()) command(*q, c);
    });
    bind_status<Q_STATUS>(regs_, bank, [](Queue& q) {
        const unsigned most = 0xffff;
        return Q_STATUS{}
            .set(Q_STATUS::STATE, q.life.state())
            .set(Q_STATUS::ERROR, q.bad_work || q.engine.counts().errors != 0)
            .set(Q_STATUS::OUTSTANDING, std::min(q.engine.outstanding(), most));
    });
    bind_status<Q_COMPLETED>(regs_, bank, [](Queue& q) { return Q_COMPLETED::of(q.engine.counts().bytes); });
    bind_status<Q_ERRORS>(regs_, bank, [](Queue& q) { return Q_ERRORS::of(q.engine.counts().errors); });
    bind_status<Q_ISSUED>(
        regs_, bank, [](Queue& q) { return Q_ISSUED::of(q.engine.counts().reads + q.engine.counts().writes); });
}

template <class Pending>
void WorkQueues::raise(const Queue& q, bool enabled) {
    regs_.write(Pending::of(regs_.read<Pending>().value() | u64{1} << number_of(q)));
    if (enabled) host_.interrupt();
}

// ---- work -----------------------------------------------------------------------------------------------------------

void WorkQueues::command(Queue& q, Q_CTRL c) {
    if (halted()) {
        ++refused_;
        return;
    }
    if (c.get(Q_CTRL::DOORBELL)) return doorbell(q);
    const bool abort = c.get(Q_CTRL::ABORT);
    if (!abort && !c.get(Q_CTRL::STOP)) return;
    const bool stopping = q.life.is(State::Stopping);
    if (!take(q, abort ? QueueEvent::Abort : QueueEvent::Stop)) return;
    if (abort) q.abort.set();
    if (!stopping) sim::start(stop(q));
}

bool WorkQueues::take(Queue& q, QueueEvent e) {
    const State before = q.life.state();
    const bool taken = q.life.apply(e);
    refused_ += !taken;
    if (q.life.state() != before)
        host_.events.emit(
            QueueState{q.name, host_.port.device(), q.work.bond, q.work.pasid, state_names_[raw(q.life.state())]});
    return taken;
}

Workload WorkQueues::work_of(const Queue& q) const {
    Workload w;
    w.direction = q.mode.get(Q_MODE::DIRECTION);
    w.pattern = q.mode.get(Q_MODE::PATTERN);
    w.reads_percent = static_cast<unsigned>(q.mode.get(Q_MODE::READS));
    w.outstanding = static_cast<unsigned>(q.mode.get(Q_MODE::OUTSTANDING));
    const u64 size = q.size.get(Q_SIZE::MIN);
    w.min_bytes = static_cast<u32>(size != 0 ? size : config_.request_size.get().bytes());
    w.max_bytes = static_cast<u32>(std::max<u64>(w.min_bytes, q.size.get(Q_SIZE::MAX)));
    w.stride = q.stride.value();
    w.footprint = {IovaRange{q.base.get(Q_BASE::BASE), q.length.value()}};
    w.every = 1_ns * q.rate.value();
    w.count = q.count.value();
    w.has_pasid = q.pasid.get(Q_PASID::VALID);
    w.pasid = q.pasid.get(Q_PASID::PASID);
    w.privileged = q.pasid.get(Q_PASID::PRIVILEGED);
    w.bond = q.work_tag.get(Q_WORK_TAG::TAG);
    return w;
}

/// What a request for the PASID of the queue's work has in common with all others.
pcie::DmaRequest WorkQueues::pasid_of(const Queue& q) {
    pcie::DmaRequest r;
    r.has_pasid = q.work.has_pasid;
    r.pasid = q.work.pasid;
    r.bond = q.work.bond;
    r.privileged = q.work.privileged;
    return r;
}

void WorkQueues::doorbell(Queue& q) {
    // After a reset, what was under way before it comes to its end first.
    const bool can_begin = q.life.accepts(QueueEvent::Doorbell) && q.engine.idle().is_set();
    const bool atomic = q.mode.get(Q_MODE::DIRECTION) == Direction::Atomic;
    const u64 least = atomic ? 15 : 1; // an aligned operand is in there wherever it begins
    if (can_begin) q.bad_work = q.length.value() < least || (atomic && !host_.atomics);
    if (!can_begin || q.bad_work) {
        ++refused_;
        return;
    }
    q.work = work_of(q);
    q.abort.reset();
    if (host_.pages != nullptr) host_.pages->begin(pasid_of(q));
    take(q, QueueEvent::Doorbell);
    if (host_.begin)
        host_.begin(number_of(q), q.work);
    else
        q.engine.start(q.work);
    sim::start(watch(q, ++q.run));
}

/// Notices that the work of a queue has ended by itself.
sim::Task<void> WorkQueues::watch(Queue& q, u64 run) {
    co_await q.engine.idle().wait();
    if (run != q.run || !q.life.is(State::Running)) co_return; // it was stopped: stop() sees to it
    take(q, QueueEvent::WorkEnds);
    raise<INT_DONE>(q, regs_.get(INT_ENABLE::DONE));
}

sim::Duration WorkQueues::draw_stop_time(Queue& q) {
    if (!config_.stop_time.get().is_constant()) return config_.stop_time.get().draw(q.stop_times);
    const u64 low = static_cast<u64>(config_.stop_time.get().first().ps()),
              high = static_cast<u64>(config_.stop_time_max.get().ps());
    return sim::Duration::ps(static_cast<i64>(high > low ? q.stop_times.between(low, high) : low));
}

std::vector<BondId> WorkQueues::at_work() const {
    std::vector<BondId> bonds;
    for (const auto& q : queues_)
        if (q->life.is(State::Running)) bonds.push_back(q->work.bond);
    return bonds;
}

void WorkQueues::drop(Queue& q) {
    ++q.run;
    q.engine.reset();
    q.abort.set();
    take(q, QueueEvent::Reset);
}

void WorkQueues::halt() {
    for (auto& q : queues_) drop(*q);
    regs_.set(DEV_ERROR::FATAL, true);
}

void WorkQueues::reset() {
    for (auto& q : queues_) {
        drop(*q);
        q->bad_work = false;
        q->pasid = {};
        q->work_tag = {};
        q->base = {};
        q->length = {};
        q->mode = {};
        q->size = {};
        q->rate = {};
        q->stride = {};
        q->count = {};
    }
    const DEV_CAP cap = regs_.read<DEV_CAP>();
    regs_.reset();
    regs_.write(cap);
}

/// facts/iommu-specs.md 4.1: no new requests, every read answered, every posted write observable, page requests
/// answered or closed by a Stop Marker; only then Stopped.
sim::Task<void> WorkQueues::stop(Queue& q) {
    base::Activity span{host_.events, host_.name, drain_phase_, {}, 0, q.work.bond};
    last_stop_span_ = q.stop_span = span.id();
    const u64 run = q.run;
    if (q.engine.running() && !q.abort.is_set()) {
        if (!config_.dma_while_stopping) q.engine.stop();
        co_await q.abort.wait_for(draw_stop_time(q));
    }
    q.engine.stop();
    if (host_.pages != nullptr) co_await host_.pages->stop(pasid_of(q));
    co_await q.engine.idle().wait();
    co_await q.engine.flush();
    if (host_.pages != nullptr) host_.pages->mark_stopped(pasid_of(q));
    span.end();
    if (run != q.run) co_return; // a reset came
    take(q, QueueEvent::Drained);
    raise<INT_STOPPED>(q, regs_.get(INT_ENABLE::STOPPED));
}

} // namespace quiesce::devices
