// SPDX-License-Identifier: Apache-2.0
#include "iommu/invalidation.h"

#include "sim/task.h"

namespace quiesce::iommu {

InvalidationEngine::InvalidationEngine(base::Name unit, base::EventBus& events, InFlightTracker& in_flight,
                                       const InvalidationConfig& config)
    : unit_(unit), events_(events), in_flight_(in_flight), per_command_(config.per_command.get()),
      per_entry_(config.per_entry.get()), journal_(remembered) {}

void InvalidationEngine::begin(u64 sequence, InvalidationKind kind, const Scope& scope, base::Latency extra,
                               base::Name queue) {
    const base::Name told_of = queue ? queue : unit_;
    outstanding_.push(sequence);
    events_.emit(InvalidationBegun{told_of, sequence, kind});
    queue_.push({sequence, scope, extra, told_of});
    if (running_) return;
    running_ = true;
    sim::start(run());
}

/// The entries go, the journal tells who is under way, and the line is drawn, in one instant: who begins later finds
/// nothing old, who began earlier is inside the closed epoch.
std::size_t InvalidationEngine::apply(const Scope& scope) {
    std::size_t erased = 0;
    for (CacheBase* cache : caches_)
        if (scope.in & bit_of(cache->kind())) erased += cache->erase(scope);
    journal_[applied_ % remembered] = scope;
    ++applied_;
    return erased;
}

/// As at the unit, a way later. Epochs of one place do not fall, so that its answers come in order.
sim::Task<void> InvalidationEngine::apply_at(RemoteCaches& remote, Scope scope) {
    co_await remote.down_.pass();
    std::size_t erased = 0;
    for (CacheBase* cache : remote.caches_)
        if (scope.in & bit_of(cache->kind())) erased += cache->erase(scope);
    const u64 epoch = remote.in_flight_.close();
    co_await remote.work_.send(per_entry_ * static_cast<i64>(erased));
    ++remote.erased_;
    emptied_.notify_all();
    co_await remote.in_flight_.drained(epoch);
    co_await remote.up_.pass();
    ++remote.acknowledged_;
    answered_.notify_all();
}

bool InvalidationEngine::acknowledged(u64 scopes) const {
    for (const RemoteCaches* remote : remotes_)
        if (remote->acknowledged_ < scopes) return false;
    return true;
}

sim::Task<void> InvalidationEngine::run() {
    while (!queue_.empty()) {
        const Work work = queue_.pop();
        co_await sim::delay(per_command_ + work.extra);
        const std::size_t erased = apply(work.scope);
        const u64 epoch = in_flight_.close();
        for (RemoteCaches* remote : remotes_) sim::start(apply_at(*remote, work.scope));
        const u64 number = applied_;
        co_await sim::delay(per_entry_ * static_cast<i64>(erased));
        applied_sequence_ = work.sequence;
        emptied_.notify_all();
        retiring_.push({work.sequence, epoch, number, work.told_of});
        if (retire_running_) continue;
        retire_running_ = true;
        sim::start(retire());
    }
    running_ = false;
}

/// In order: epochs do not fall, so the oldest is done first.
sim::Task<void> InvalidationEngine::retire() {
    while (!retiring_.empty()) {
        const Applied oldest = retiring_.pop();
        co_await in_flight_.drained(oldest.epoch);
        while (!acknowledged(oldest.number)) co_await answered_.wait();
        outstanding_.pop();
        events_.emit(InvalidationDone{oldest.told_of, oldest.sequence});
        progress_.notify_all();
    }
    retire_running_ = false;
}

sim::Task<void> InvalidationEngine::wait_applied(u64 upto) {
    while (applied_sequence_ < upto) co_await emptied_.wait();
    const u64 scopes = applied_;
    for (const RemoteCaches* remote : remotes_)
        while (remote->erased_ < scopes) co_await emptied_.wait();
}

sim::Task<void> InvalidationEngine::wait_finished(u64 upto) {
    while (!finished(upto)) co_await progress_.wait();
}

} // namespace quiesce::iommu
