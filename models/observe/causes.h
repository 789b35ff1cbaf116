// SPDX-License-Identifier: Apache-2.0
/// Which event came about because of which: by what events name in common, never by what merely came before.
#pragma once
#include "observe/event_log.h"

#include <string_view>
#include <vector>

namespace quiesce::observe {

/// Why an event is a cause of another. What each means: cause_rows, in cause_rows.cpp.
enum class Why : u8 {
    SameTransaction, Translation, PageGranted,
    SameContext, SameUnit, BegunBy, HandedOver, EndedBy, Trigger, Death, StepBegan, InStep,
    Command, Fence, Request, Covers, Completes, Done,
    PageAsked, PageTaken, PageRecorded, PageHandled, PageAnswered, PageResponse, GroupOver, QueueStopped, FaultRecord,
    Mapped, Unmapped, Fenced, Freed, SameState, Bound, Work, Reset, Victim, LastClose, Count
};

struct CauseRow {
    Why why;
    std::string_view name;    ///< as in the table `causes`
    std::string_view meaning; ///< of the effect, said of the cause: "its command was put into the queue"
};
/// One for each, in the order of the enumeration.
extern const std::array<CauseRow, static_cast<std::size_t>(Why::Count)> cause_rows;

struct Cause {
    u64 effect, cause; ///< event ids; the cause's is the lower one
    Why why;
};

/// Of events in the order of their ids: in the order of effects, each pair once, and only between events of the list.
std::vector<Cause> find_causes(const std::vector<LoggedEvent>& events);

} // namespace quiesce::observe
