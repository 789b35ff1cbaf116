// SPDX-License-Identifier: Apache-2.0
/// What `explain` reads of results, and how it tells of it.
#pragma once
#include "base/address.h"
#include "observe/event_store.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace quiesce::platform::explain {

using Record = nlohmann::json; ///< of run.json, or the fields of an event
using observe::StoredEvent;

/// What a directory has of one run.
struct Results {
    std::filesystem::path directory;
    Record run;
    std::vector<StoredEvent> events; ///< empty: the run left none
};

struct Told {
    i64 at;
    std::string what;
};

class Chains;
class Page;

std::string for_people(i64 ps);
inline i64 ps(const StoredEvent& e) { return e.at.ps(); }
/// In the order of time, from T0.
void print_told(Page& out, std::string_view heading, std::vector<Told> told, i64 t0);
/// Null: nobody tore the bond down.
const Record* teardown_of(const Results& r, u64 bond);
/// A transaction's way, from the device's decision on.
std::vector<Told> way_of(const Results& r, u64 transaction);

/// "CFGI_CD, 3 x TLBI_NH_VA", of a step of the kernel's list.
std::string commands_of(const Record& step);
/// "e12": 12; 0: there is none.
u64 event_in(const Record& j, const char* name);

/// One of several words, by the number of an enumeration.
template <std::size_t N> std::string word(const Record& f, const char* field, const char* const (&words)[N]) {
    const u64 n = f[field].get<u64>();
    return n < N ? words[n] : std::to_string(n);
}

// ---- teardown.cpp
void explain_teardown(Page& out, const Results& r, Chains& chains, const Record& teardown);

// ---- page_requests.cpp
/// Or a Stop Marker.
void explain_page_request(Page& out, const Results& r, Chains& chains, const StoredEvent& asked, const std::string& id);

// ---- events.cpp: faults are f0, f1 ..., page requests p0, p1 ..., Stop Markers s0, s1 ..., each in the order of the run; x7 is
// transaction 7, e7 event 7
std::string in_hex(const Record& f, const char* field);
std::string bond_named(const Results& r, u64 bond);
/// Of whose teardown, if there was one.
void print_when(Page& out, const Results& r, u64 bond, i64 at);
/// From the first on.
void print_from_first(Page& out, std::string_view heading, const std::vector<Told>& told);
/// False: there is none of that name.
bool explain_event(Page& out, const Results& r, Chains& chains, const std::string& id);
/// "f0 to f12 (faults), ...": what of that there is.
std::string events_there(const Results& r);
/// The number behind the letter; nothing: it is none.
std::optional<u64> number_of(const std::string& id);
/// "in what": of whose event it is and what was before it, for an event of whatever kind.
void explain_any(Page& out, const Results& r, Chains& chains, u64 event);

} // namespace quiesce::platform::explain
