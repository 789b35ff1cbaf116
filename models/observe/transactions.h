// SPDX-License-Identifier: Apache-2.0
/// What transactions were, from the events that name them.
#pragma once
#include "observe/event_log.h"

#include <optional>
#include <string_view>
#include <vector>

namespace quiesce::observe {

struct Transaction {
    u64 id = 0;
    std::optional<u64> bond, device, address, bytes, asked_by;
    std::string_view kind;    ///< read, write, atomic, translation, message, config; empty: no event says
    std::string_view outcome; ///< committed, refused, ...; empty: it is not known how it ended
    sim::Time began{}, ended{};
    u64 first_event = 0, last_event = 0;
};

/// In the order of their first events.
std::vector<Transaction> find_transactions(const std::vector<LoggedEvent>& events);

} // namespace quiesce::observe
