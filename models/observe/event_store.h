// SPDX-License-Identifier: Apache-2.0
/// Events on disk (events.sqlite): what is kept of a run (event_log.h), with the transactions that it was about and with what
/// came about because of what. Ids are those of base::EventBus: timeline, run.json and reports name the same ones.
///
///     meta(key TEXT PRIMARY KEY, value TEXT)                fingerprint, window, left_out: events that found no room
///     kinds(kind TEXT PRIMARY KEY, emitted INTEGER, kept INTEGER)        of every event type that there is
///     events(id INTEGER PRIMARY KEY, time_ps INTEGER, kind TEXT, bond INTEGER, mm INTEGER, page INTEGER, txn INTEGER,
///            fields TEXT, began_ps INTEGER, device INTEGER)
///     transactions(id INTEGER PRIMARY KEY, bond INTEGER, device INTEGER, kind TEXT, address INTEGER, bytes INTEGER,
///                  began_ps INTEGER, ended_ps INTEGER, outcome TEXT, first_event INTEGER, last_event INTEGER, asked_by INTEGER)
///     causes(effect INTEGER, cause INTEGER, why TEXT)       event ids; the cause's is the lower one
///     whys(why TEXT PRIMARY KEY, meaning TEXT)
///
/// `kind` is the event's name, `fields` a JSON object of all its fields; bond, mm, page (an input address), txn (a transaction)
/// and device are NULL where an event has none. An event is stated when what it tells of is over: `began_ps` is when it began,
/// where that is told. Of a transaction, `kind` is read, write, atomic, translation or message, `asked_by` the one that needed a translation.
#pragma once
#include "observe/causes.h"
#include "observe/event_log.h"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::observe {

struct StoredEvent {
    u64 id = 0;
    sim::Time at{};
    std::string kind;
    std::optional<u64> bond, mm, page, transaction;
    std::string fields; ///< JSON
};

/// Whole or not at all. Throws std::runtime_error.
void write_events(const EventLog& log, const std::filesystem::path& file, const std::string& fingerprint);

/// The rows of a database but those of levels, states, spans and CPU time, in the order of their time; or those of some kinds
/// only. Throws std::runtime_error if there is none.
std::vector<StoredEvent> read_events(const std::filesystem::path& file, std::span<const std::string_view> kinds = {});
/// Of the run that left it. Throws std::runtime_error if it is no such database.
std::string fingerprint_of_events(const std::filesystem::path& file);

/// One of its fields, as JSON; empty: it has none of that name. Cheaper than to parse all of them.
std::string_view field_of(const StoredEvent& e, std::string_view name);

/// The fields of an event as JSON.
void append_fields(std::string& out, const LoggedEvent& e);

} // namespace quiesce::observe
