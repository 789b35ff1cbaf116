// SPDX-License-Identifier: Apache-2.0
#include "observe/waves.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace quiesce::observe {
namespace {
constexpr std::size_t ring_size = 1u << 16;
}

Waves::Waves(base::EventBus& bus, const WaveWindow& window, unsigned pasid_lanes) : window_(window), lane_bond_(pasid_lanes) {
    using Heard = base::EventList<base::LevelChanged, base::StateChanged, base::Span, devices::QueueState, os::BondChanged, os::ProcessChanged>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { on(now, e); });
    auto moves_on = on_teardown_steps(bus, [this](sim::Time now) { open_window(now); });
    std::move(moves_on.begin(), moves_on.end(), std::back_inserter(tokens_));
    if (window_.everything || window_.stretch) open_until_ = sim::Time::never();
    for (unsigned i = 0; i < pasid_lanes; ++i) {
        variable(fmt::format("pasid_lane{}.pasid", i), Source::Lane, Shape::Level);
        variable(fmt::format("pasid_lane{}.state", i), Source::Lane, Shape::State);
    }
}

u32 Waves::variable(base::Name name, Source source, Shape shape) {
    auto& known = by_name_[static_cast<std::size_t>(source) * 2 + static_cast<std::size_t>(shape)];
    if (name.index() >= known.size()) known.resize(name.index() + 1);
    u32& slot = known[name.index()];
    if (slot == 0) {
        variables_.push_back({std::string{name.text()}, shape});
        slot = static_cast<u32>(variables_.size());
    }
    return slot - 1;
}

/// Inside a window a change is kept; outside it goes to the ring, from which a window that opens takes its beginning. Of what
/// falls out of the ring each variable keeps its last value.
void Waves::change(sim::Time at, u32 variable, u32 value, sim::Time until) {
    const Change c{at, variable, value, ++order_, until};
    if (window_.stretch) {
        const auto& [from, to] = *window_.stretch;
        if (at > to || (c.is_phase() && until <= from)) return;
        if (!c.is_phase() && at < from) variables_[variable].fallen = c;
        else kept_.push_back(c);
        return;
    }
    if (at <= open_until_) {
        kept_.push_back(c);
        return;
    }
    if (recent_.size() < ring_size) {
        recent_.push_back(c);
        return;
    }
    Change& oldest = recent_[recent_at_++ % ring_size];
    if (!oldest.is_phase()) variables_[oldest.variable].fallen = oldest;
    oldest = c;
}

void Waves::open_window(sim::Time now) {
    if (window_.everything || window_.stretch) return;
    if (now > open_until_) {
        // The last value of every variable before the window stands at its beginning, so that gaps hide no change.
        const sim::Time from = now.ps() > window_.before.ps() ? now - window_.before : sim::Time{};
        std::map<u32, Change> before;
        std::vector<Change> inside;
        for (Variable& v : variables_)
            if (const Change c = std::exchange(v.fallen, {}); c.order != 0) before[c.variable] = c;
        for (std::size_t i = 0; i < recent_.size(); ++i) {
            const Change& c = recent_[(recent_at_ + i) % recent_.size()];
            if (c.is_phase() ? c.until > from : c.at >= from)
                inside.push_back(c);
            else if (!c.is_phase())
                before[c.variable] = c;
        }
        for (auto& [v, c] : before) kept_.push_back({std::max(from, open_until_), v, c.value, c.order});
        kept_.insert(kept_.end(), inside.begin(), inside.end());
        recent_.clear();
        recent_at_ = 0;
    }
    open_until_ = std::max(open_until_, now + window_.after);
}

void Waves::set_state(sim::Time now, Source source, const std::string& name, base::Name state) {
    change(now, variable(name, source, Shape::State), state.index());
}

void Waves::on(sim::Time now, const base::LevelChanged& e) {
    change(now, variable(e.what, Source::Model, Shape::Level), e.value);
}
void Waves::on(sim::Time now, const base::StateChanged& e) {
    change(now, variable(e.what, Source::Model, Shape::State), e.state.index());
}

/// A span is known when it ends, and those inside it before it: which of them shows is decided when all are known.
void Waves::on(sim::Time now, const base::Span& e) {
    // Threads and workers have a slash in their names and are the kernel's, as in the timeline.
    const bool of_kernel = e.actor.text().find('/') != std::string_view::npos;
    const u32 v = variable(fmt::format("{}{}.phase", of_kernel ? "kernel." : "", e.actor.text()), Source::Span, Shape::State);
    if (e.start != now) change(e.start, v, e.phase.index(), now);
}

void Waves::on(sim::Time now, const devices::QueueState& e) {
    set_state(now, Source::Queue, fmt::format("{}.state", e.queue.text()), e.state);
}
void Waves::on(sim::Time now, const os::ProcessChanged& e) {
    set_state(now, Source::Process, fmt::format("{}.state", e.process.text()), e.state);
}

void Waves::on(sim::Time now, const os::BondChanged& e) {
    static const base::Name names[] = {"UNBOUND", "BOUND", "EXITED", "DRAINING"};
    auto lane = std::find(lane_bond_.begin(), lane_bond_.end(), raw(e.bond));
    if (lane == lane_bond_.end()) lane = std::find(lane_bond_.begin(), lane_bond_.end(), 0u);
    if (lane == lane_bond_.end()) return; // more bonds at once than lanes: the rest is in the other outputs
    const auto k = lane - lane_bond_.begin();
    *lane = e.state == os::BondState::Unbound ? 0 : raw(e.bond);
    change(now, variable(fmt::format("pasid_lane{}.pasid", k), Source::Lane, Shape::Level),
           *lane == 0 ? 0 : raw(e.pasid));
    set_state(now, Source::Lane, fmt::format("pasid_lane{}.state", k), names[static_cast<unsigned>(e.state)]);
}

/// Changes are in any order: a phase is told when it is over.
void Waves::cut(sim::Time from, sim::Time until) {
    std::map<u32, Change> before;
    std::vector<Change> inside;
    const auto stood = [&](const Change& c) {
        const auto [last, fresh] = before.try_emplace(c.variable, c);
        if (!fresh && std::pair(last->second.at, last->second.order) < std::pair(c.at, c.order)) last->second = c;
    };
    for (Variable& v : variables_)
        if (const Change c = std::exchange(v.fallen, {}); c.order != 0) stood(c);
    for (Change c : kept_) {
        if (c.at > until || (c.is_phase() && c.until <= from)) continue;
        if (!c.is_phase() && c.at < from) {
            stood(c);
            continue;
        }
        c.at = std::max(c.at, from);
        if (c.is_phase()) c.until = std::min(c.until, until);
        if (!c.is_phase() || c.at < c.until) inside.push_back(c);
    }
    kept_.clear();
    for (auto& [v, c] : before) kept_.push_back({from, v, c.value, 0});
    kept_.insert(kept_.end(), inside.begin(), inside.end());
    cut_to_ = {from, until};
}

/// Phases of one actor as a stack: at every instant the one begun last shows, of those begun together the shortest.
std::vector<Waves::Change> Waves::sorted() const {
    std::vector<Change> all;
    std::map<u32, std::map<sim::Time, std::vector<std::pair<bool, const Change*>>>>
        edges; // by variable and instant: begins, which
    for (const Change& c : kept_) {
        if (!c.is_phase()) {
            all.push_back(c);
            continue;
        }
        edges[c.variable][c.at].emplace_back(true, &c);
        edges[c.variable][c.until].emplace_back(false, &c);
    }
    for (const auto& [variable, instants] : edges) {
        std::set<std::tuple<sim::Time, sim::Duration, u64, u32>>
            open; // start, how soon it ends, order, phase: the last one shows
        for (const auto& [at, changes] : instants) {
            for (const auto& [begins, c] : changes) {
                const std::tuple entry{c->at, c->at - c->until, c->order, c->value};
                if (begins)
                    open.insert(entry);
                else
                    open.erase(entry);
            }
            all.push_back({at, variable, open.empty() ? 0 : std::get<u32>(*open.rbegin()), 0});
        }
    }
    std::sort(all.begin(), all.end(), [](const Change& a, const Change& b) { return a.at != b.at ? a.at < b.at : a.order < b.order; });
    return all;
}

} // namespace quiesce::observe
