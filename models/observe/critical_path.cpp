// SPDX-License-Identifier: Apache-2.0
#include "observe/critical_path.h"

#include <algorithm>

namespace quiesce::observe {

SpanLog::SpanLog(base::EventBus& bus) {
    tokens_.push_back(bus.subscribe<base::Span>([this](sim::Time now, const base::Span& s) {
        const u32 actor = s.actor.index();
        if (actor >= last_of_.size()) last_of_.resize(actor + 1);
        spans_.push_back({s, now, last_of_[actor]});
        last_of_[actor] = spans_.size();
        by_id_.emplace(s.id, spans_.size() - 1);
        if (s.ended_by != 0) wait_for_.emplace(s.ended_by, s.id);
    }));
    tokens_.push_back(bus.subscribe<os::CpuRuns>([this](sim::Time now, const os::CpuRuns& e) { hear(now, e); }));
    tokens_.push_back(bus.subscribe<os::ProcessChanged>([this](sim::Time, const os::ProcessChanged& e) {
        if (e.process.index() >= processes_.size()) processes_.resize(e.process.index() + 1);
        processes_[e.process.index()] = true;
    }));
}

void SpanLog::hear(sim::Time now, const os::CpuRuns& e) {
    if (e.cpu >= runs_.size()) runs_.resize(e.cpu + 1);
    const base::Name left = std::exchange(runs_[e.cpu], e.context);
    if (left) {
        OnCpu& l = on_cpu_[left.index()];
        if (--l.running == 0) l.left = now;
    }
    if (!e.context) return;
    if (e.context.index() >= on_cpu_.size()) on_cpu_.resize(e.context.index() + 1);
    OnCpu& c = on_cpu_[e.context.index()];
    if (c.running++ == 0 && c.left) c.off.emplace_back(*std::exchange(c.left, std::nullopt), now);
}

/// Between two instants, from when an actor had no CPU until it had one for what it did last.
std::optional<std::pair<sim::Time, sim::Time>> SpanLog::away(base::Name actor, sim::Time from, sim::Time to) const {
    if (actor.index() >= on_cpu_.size()) return std::nullopt;
    const OnCpu& c = on_cpu_[actor.index()];
    const auto first = std::lower_bound(c.off.begin(), c.off.end(), from, [](const auto& s, sim::Time at) { return s.second <= at; });
    const auto last = std::lower_bound(first, c.off.end(), to, [](const auto& s, sim::Time at) { return s.first < at; });
    const bool still = c.left && *c.left < to;
    if (first == last && !still) return std::nullopt;
    const sim::Time left = std::max(from, first == last ? *c.left : first->first);
    return std::pair{left, still ? to : std::min(to, std::prev(last)->second)};
}

/// Of a process: "app0/0".
bool SpanLog::is_thread(base::Name actor) const {
    const std::size_t slash = actor.text().rfind('/');
    if (slash == std::string_view::npos) return false;
    const u32 process = base::Name{actor.text().substr(0, slash)}.index();
    return process < processes_.size() && processes_[process];
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

base::Name SpanLog::actor_of(u64 id) const {
    const Kept* const k = by_id(id);
    return k == nullptr ? base::Name{} : k->span.actor;
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

/// A part of a path while it is being found.
struct SpanLog::Stretch {
    enum class Of : u8 { Scenario, Span, Gap, Idle, UserSpace, HoldsFile, HandOver } of;
    sim::Time start, end;
    const Kept* by = nullptr;
    const Kept* to = nullptr; ///< of a hand-over: who begins
};

PathPart SpanLog::told(const Stretch& s) {
    switch (s.of) {
    case Stretch::Of::Scenario: return {"scenario", "scenario", "", s.start, s.end, 0};
    case Stretch::Of::Gap: return {"running", std::string{s.by->span.actor.text()}, "", s.start, s.end, 0};
    case Stretch::Of::Idle: return {"idle", std::string{s.by->span.actor.text()}, "", s.start, s.end, 0};
    case Stretch::Of::UserSpace: return {"user-space", std::string{s.by->span.actor.text()}, "", s.start, s.end, 0};
    case Stretch::Of::HoldsFile: return {"holds-file", std::string{s.by->span.actor.text()}, "", s.start, s.end, 0};
    case Stretch::Of::HandOver:
        return {"hand-over", std::string{s.by->span.actor.text()}, std::string{s.to->span.actor.text()}, s.start, s.end, 0};
    case Stretch::Of::Span: break;
    }
    const base::Span& span = s.by->span;
    return {std::string{span.phase.text()}, std::string{span.actor.text()}, std::string{span.waits_for.text()}, s.start, s.end, span.id};
}

/// In the order of time. Of a path through very many the middle is one part.
std::vector<PathPart> SpanLog::tell(const std::vector<Stretch>& last_first) {
    std::vector<PathPart> parts;
    const std::size_t n = last_first.size();
    const auto at = [&](std::size_t i) -> const Stretch& { return last_first[n - 1 - i]; };
    if (n <= most_parts) {
        for (std::size_t i = 0; i < n; ++i) parts.push_back(told(at(i)));
        return parts;
    }
    constexpr std::size_t kept = most_parts / 2;
    for (std::size_t i = 0; i < kept; ++i) parts.push_back(told(at(i)));
    parts.push_back({"folded", std::to_string(n - 2 * kept) + " parts", "", at(kept).start, at(n - kept - 1).end, 0});
    for (std::size_t i = n - kept; i < n; ++i) parts.push_back(told(at(i)));
    return parts;
}

std::vector<PathPart> SpanLog::path(sim::Time from, sim::Time to, u64 last) const {
    std::vector<Stretch> parts; // the last one first
    const Kept* k = by_id(last);
    const Kept* later = nullptr; // the span that the walk came from
    const auto waits = wait_for_.find(last);
    const Kept* waiter =
        waits == wait_for_.end() ? nullptr : by_id(waits->second); // the span whose wait the current one ended
    static const base::Name close_files{"close-files"};
    base::Name closer; // who, later on the way, closed a file
    auto add = [&](const Kept* k, sim::Time start, sim::Time end) {
        start = std::max(start, from);
        if (end <= start) return;
        parts.push_back({k == nullptr ? Stretch::Of::Scenario : Stretch::Of::Span, start, end, k});
    };
    // Of one actor: what it did under no name, and between that where it was when it had no CPU. Inside the kernel it has one, or a
    // span says what it waits for.
    auto own_gap = [&](const Kept& before, sim::Time start, sim::Time end) {
        const auto put = [&](Stretch::Of of, sim::Time a, sim::Time b) {
            if (b > a) parts.push_back({of, a, b, &before});
        };
        const base::Name actor = before.span.actor;
        const auto gone = away(actor, start, end);
        if (!gone) return put(Stretch::Of::Gap, start, end);
        put(Stretch::Of::Gap, gone->second, end);
        put(!is_thread(actor) ? Stretch::Of::Idle : closer == actor ? Stretch::Of::HoldsFile : Stretch::Of::UserSpace, gone->first, gone->second);
        put(Stretch::Of::Gap, start, gone->first);
    };
    // Between two spans: the same actor was busy with what has no span of its own, or the later one was on its way to begin, or
    // nobody had asked for it yet.
    auto gap = [&](const Kept& before, sim::Time end) {
        const sim::Time start = std::max(before.end, from);
        if (end <= start) return;
        if (later == nullptr || later->span.actor == before.span.actor)
            own_gap(before, start, end);
        else if (later->span.begun_by == before.span.id || waiter == nullptr)
            parts.push_back({Stretch::Of::HandOver, start, end, &before, later});
        else
            add(nullptr, start, end);
    };
    sim::Time at = to;
    seen_.resize(spans_.size());
    ++walk_;
    while (at > from && k != nullptr) {
        u32& seen = seen_[static_cast<std::size_t>(k - spans_.data())];
        if (seen == walk_) break;
        seen = walk_;
        if (k->end < at) gap(*k, at);
        if (k->span.phase == close_files) closer = k->span.actor;
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
    return tell(parts);
}

} // namespace quiesce::observe
