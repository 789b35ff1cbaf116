// SPDX-License-Identifier: Apache-2.0
#include "observe/queue_levels.h"

#include <algorithm>

namespace quiesce::observe {
namespace {
constexpr std::string_view depth = ".depth";
constexpr sim::Duration shortest_stretch = sim::Duration::ps(100'000);
} // namespace

QueueLevels::QueueLevels(base::EventBus& bus) {
    tokens_.push_back(bus.subscribe<base::LevelChanged>([this](sim::Time now, const base::LevelChanged& e) { on(now, e); }));
}

/// What stood for no time at all is not told: of one instant the last level counts.
void QueueLevels::Followed::stood_until(sim::Time now) {
    if (now == since) return;
    if (told.stretch == sim::Duration{}) told.stretch = shortest_stretch;
    const i64 last = now.ps() - 1;
    while (last / told.stretch.ps() >= static_cast<i64>(most_stretches)) {
        told.stretch = told.stretch + told.stretch;
        for (std::size_t n = 0; n < told.levels.size(); n += 2)
            told.levels[n / 2] = n + 1 < told.levels.size() ? std::max(told.levels[n], told.levels[n + 1]) : told.levels[n];
        told.levels.resize((told.levels.size() + 1) / 2);
    }
    const auto from = static_cast<std::size_t>(since.ps() / told.stretch.ps()), to = static_cast<std::size_t>(last / told.stretch.ps());
    told.levels.resize(std::max(told.levels.size(), to + 1));
    for (std::size_t n = from; n <= to; ++n) told.levels[n] = std::max(told.levels[n], level);
    if (level > told.most) {
        told.most = level;
        told.most_at = since;
    }
    since = now;
}

void QueueLevels::on(sim::Time now, const base::LevelChanged& e) {
    const u32 index = e.what.index();
    if (index < others_.size() && others_[index]) return;
    auto found = queues_.find(index);
    if (found == queues_.end()) {
        const std::string_view name = e.what.text();
        if (!name.ends_with(depth)) {
            if (index >= others_.size()) others_.resize(index + 1);
            others_[index] = true;
            return;
        }
        found = queues_.try_emplace(index).first;
        found->second.told.name = name.substr(0, name.size() - depth.size());
    }
    found->second.stood_until(now);
    found->second.level = e.value;
}

std::vector<QueueLevels::Queue> QueueLevels::results(sim::Time end) const {
    std::vector<Queue> all;
    for (const auto& [index, q] : queues_) {
        Followed whole = q;
        whole.stood_until(end);
        if (whole.told.most != 0) all.push_back(std::move(whole.told));
    }
    std::sort(all.begin(), all.end(), [](const Queue& a, const Queue& b) { return a.name < b.name; });
    return all;
}

} // namespace quiesce::observe
