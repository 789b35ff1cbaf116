// SPDX-License-Identifier: Apache-2.0
#include "observe/critical_path.h"

#include <algorithm>

namespace quiesce::observe {

SpanLog::SpanLog(base::EventBus& bus) {
    token_ = bus.subscribe<base::Span>([this](sim::Time now, const base::Span& s) {
        const u32 actor = s.actor.index();
        if (actor >= last_of_.size()) last_of_.resize(actor + 1);
        spans_.push_back({s, now, last_of_[actor]});
        last_of_[actor] = spans_.size();
        by_id_.emplace(s.id, spans_.size() - 1);
        if (s.ended_by != 0) wait_for_.emplace(s.ended_by, s.id);
    });
}

const SpanLog::Kept* SpanLog::by_id(u64 id) const {
    const auto found = by_id_.find(id);
    return id == 0 || found == by_id_.end() ? nullptr : &spans_[found->second];
}

/// What this span could not begin before: the span that caused it, or the same actor's previous one, whichever ended last.
/// A cause may still go on when its effect begins; then it counts up to that instant.
const SpanLog::Kept* SpanLog::predecessor(const Kept& k) const {
    const Kept* cause = by_id(k.span.begun_by);
    const Kept* before = k.previous == 0 ? nullptr : &spans_[k.previous - 1];
    if (before != nullptr && before->end > k.span.start) before = nullptr; // overlapping activities of one actor
    if (cause == nullptr || cause->span.start > k.span.start) return before;
    if (before == nullptr) return cause;
    return std::min(cause->end, k.span.start) >= before->end ? cause : before;
}

u64 SpanLog::latest(sim::Time at, const Which& which) const {
    const Kept* best = nullptr;
    auto better = [&](const Kept& k) {
        const bool goes_on = k.end >= at, best_goes_on = best->end >= at;
        if (goes_on != best_goes_on) return goes_on;
        return goes_on ? k.span.id > best->span.id : k.end >= best->end;
    };
    for (const Kept& k : spans_)
        if (k.span.start <= at && which(k.span) && (best == nullptr || better(k))) best = &k;
    return best == nullptr ? 0 : best->span.id;
}

sim::Time SpanLog::end_of(u64 id) const {
    const Kept* k = by_id(id);
    return k == nullptr ? sim::Time{} : k->end;
}

std::vector<PathPart> SpanLog::path(sim::Time from, sim::Time to, u64 last) const {
    std::vector<PathPart> parts;
    const Kept* k = by_id(last);
    const Kept* later = nullptr; // the span that the walk came from
    const auto waits = wait_for_.find(last);
    const Kept* waiter =
        waits == wait_for_.end() ? nullptr : by_id(waits->second); // the span whose wait the current one ended
    auto add = [&](const Kept* k, sim::Time start, sim::Time end) {
        start = std::max(start, from);
        if (end <= start) return;
        if (k == nullptr) parts.push_back({"scenario", "scenario", "", start, end, 0});
        else
            parts.push_back({std::string{k->span.phase.text()}, std::string{k->span.actor.text()}, std::string{k->span.waits_for.text()},
                             start, end, k->span.id});
    };
    // Between two spans: the same actor was busy with what has no span of its own, or the later one was on its way to begin, or
    // nobody had asked for it yet.
    auto gap = [&](const Kept& before, sim::Time end) {
        const sim::Time start = std::max(before.end, from);
        if (end <= start) return;
        const std::string actor{before.span.actor.text()};
        if (later == nullptr || later->span.actor == before.span.actor)
            parts.push_back({"running", actor, "", start, end, 0});
        else if (later->span.begun_by == before.span.id || waiter == nullptr)
            parts.push_back({"hand-over", actor, std::string{later->span.actor.text()}, start, end, 0});
        else
            add(nullptr, start, end);
    };
    sim::Time at = to;
    std::vector<bool> visited(spans_.size());
    while (at > from && k != nullptr) {
        const std::size_t index = static_cast<std::size_t>(k - spans_.data());
        if (visited[index]) break;
        visited[index] = true;
        if (k->end < at) gap(*k, at);
        at = std::min(at, std::max(k->end, from));
        const Kept* ender = by_id(k->span.ended_by);
        if (ender != nullptr && ender->end <= at && ender->end > k->span.start) {
            add(k, ender->end, at);
            at = ender->end;
            later = waiter = k;
            k = ender;
            continue;
        }
        add(k, k->span.start, at);
        at = std::min(at, k->span.start);
        later = k;
        const Kept* own = predecessor(*k);
        // What ended a wait was asked for by the waiter's step before the wait, unless it had a later cause of its own.
        const Kept* asked = waiter == nullptr ? nullptr : predecessor(*waiter);
        waiter = nullptr;
        k = asked != nullptr && (own == nullptr || std::min(asked->end, at) >= own->end) ? asked : own;
    }
    if (at > from) add(nullptr, from, at);
    std::reverse(parts.begin(), parts.end());
    return parts;
}

} // namespace quiesce::observe
