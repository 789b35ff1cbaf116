// SPDX-License-Identifier: Apache-2.0
/// Which part of a run is kept, for observers whose output grows with everything that happens.
#pragma once
#include "observe/all_events.h"

#include <optional>
#include <utility>
#include <vector>

namespace quiesce::observe {

/// Everything, a stretch of time, or `before` and `after` each instant at which a teardown moved on.
struct WaveWindow {
    bool everything = false;
    sim::Duration before = sim::Duration::ps(20'000'000);
    sim::Duration after = sim::Duration::ps(100'000'000);
    /// If there is one, it alone is kept.
    std::optional<std::pair<sim::Time, sim::Time>> stretch{};
};

/// `call(now)` at each instant at which a teardown moves on. `call` is copied.
template <class Call>
[[nodiscard]] std::vector<base::Subscription> on_teardown_steps(base::EventBus& bus, Call call) {
    using Heard = base::EventList<os::BondChanged, os::TeardownTriggered, os::FenceObserved, os::StopSeen, os::MmputReturned, os::PasidChanged>;
    return base::for_each_event<Heard>(bus, [call](sim::Time now, const auto& e) {
        using E = std::remove_cvref_t<decltype(e)>;
        if constexpr (std::same_as<E, os::BondChanged>) {
            if (e.state == os::BondState::Bound) return;
        } else if constexpr (std::same_as<E, os::FenceObserved>) {
            if (!e.blocks) return;
        } else if constexpr (std::same_as<E, os::PasidChanged>) {
            if (e.state != os::PasidState::Free) return;
        }
        call(now);
    });
}

} // namespace quiesce::observe
