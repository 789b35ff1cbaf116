// SPDX-License-Identifier: Apache-2.0
#include "platform/compare/divergence.h"

#include "platform/children.h"
#include "platform/explain/sentences.h"
#include "platform/files.h"
#include "platform/verbs.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>
#include <sqlite3.h>

namespace quiesce::platform::comparison {
namespace {
using observe::Trail;
using observe::TrailEvent;
namespace fs = std::filesystem;

TrailEvent event_from(const Json& j) {
    return {j.at("number").get<u64>(), j.at("time_ps").get<i64>(), j.at("kind").get<std::string>(), j.at("fields")};
}
std::vector<TrailEvent> events_from(const Json& list) {
    std::vector<TrailEvent> all;
    for (const Json& j : list) all.push_back(event_from(j));
    return all;
}

std::string value_text(const TrailEvent& e, const std::string& field, const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    const std::string words = value.is_number_unsigned() ? explain::value_in_words(e.kind, field, value.get<u64>()) : std::string{};
    return words.empty() ? value.dump() : words;
}

/// Numbers that count what nobody else speaks of.
bool is_internal(std::string_view field) {
    constexpr std::string_view fields[] = {"span", "context", "device_id", "issued_sequence"};
    return std::find(std::begin(fields), std::end(fields), field) != std::end(fields);
}

struct TrailFile {
    std::vector<u64> digests;
    std::map<std::string, std::vector<TrailEvent>> lanes;
    std::vector<TrailEvent> told;
    std::string fingerprint;
};
std::optional<TrailFile> read_trail(const fs::path& file) {
    const Json j = read_json(file);
    if (!j.is_object()) return std::nullopt;
    TrailFile t;
    t.digests = j.at("digests").get<std::vector<u64>>();
    for (const auto& [lane, events] : j.at("lanes").items()) t.lanes[lane] = events_from(events);
    t.told = events_from(j.at("told"));
    t.fingerprint = j.at("fingerprint").get<std::string>();
    return t;
}

/// The chunk in which two runs part.
std::optional<u64> parting_chunk(const TrailFile& a, const TrailFile& b) {
    const auto [x, y] = std::mismatch(a.digests.begin(), a.digests.end(), b.digests.begin(), b.digests.end());
    if (x == a.digests.end() && y == b.digests.end()) return std::nullopt;
    return static_cast<u64>(x - a.digests.begin());
}

template <class Same> std::optional<Parting> parting_of(const std::vector<TrailEvent>& a, const std::vector<TrailEvent>& b, Same same) {
    const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end(), same);
    if (x == a.end() && y == b.end()) return std::nullopt;
    Parting p;
    if (x != a.end()) p.reference = *x;
    if (y != b.end()) p.other = *y;
    return p;
}

std::vector<TrailEvent> of_chunk(const std::vector<TrailEvent>& told, u64 chunk) {
    std::vector<TrailEvent> events;
    std::copy_if(told.begin(), told.end(), std::back_inserter(events), [&](const TrailEvent& e) { return e.number / Trail::chunk == chunk; });
    return events;
}

/// When it can be seen: at the earlier of both events.
i64 seen_at(const Parting& p) {
    if (!p.reference || !p.other) return (p.reference ? p.reference : p.other)->time_ps;
    return std::min(p.reference->time_ps, p.other->time_ps);
}

std::optional<Parting> parting_of_lanes(const TrailFile& a, const TrailFile& b) {
    std::set<std::string> names;
    for (const auto& lane : a.lanes) names.insert(lane.first);
    for (const auto& lane : b.lanes) names.insert(lane.first);
    const auto lane = [](const TrailFile& t, const std::string& name) {
        const auto found = t.lanes.find(name);
        return found == t.lanes.end() ? std::vector<TrailEvent>{} : found->second;
    };
    std::optional<Parting> first;
    for (const std::string& name : names) {
        auto p = parting_of(lane(a, name), lane(b, name), [](const auto& x, const auto& y) { return x.does_same_as(y); });
        if (!p || (first && seen_at(*first) <= seen_at(*p))) continue;
        p->lane = name;
        first = std::move(p);
    }
    return first;
}

/// The number that events.sqlite has for it. Of a lane's event fields are left out: the rest decides.
std::optional<u64> id_in(const fs::path& dir, const std::optional<TrailEvent>& e) {
    const fs::path file = dir / "events.sqlite";
    if (!e || dir.empty() || !fs::exists(file)) return std::nullopt;
    sqlite3* db = nullptr;
    sqlite3_stmt* rows = nullptr;
    std::optional<u64> id;
    if (sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "SELECT id, fields FROM events WHERE time_ps = ? AND kind = ? ORDER BY id", -1, &rows, nullptr) == SQLITE_OK) {
        sqlite3_bind_int64(rows, 1, e->time_ps);
        sqlite3_bind_text(rows, 2, e->kind.c_str(), -1, SQLITE_TRANSIENT);
        while (!id && sqlite3_step(rows) == SQLITE_ROW) {
            const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(rows, 1));
            const Json fields = Json::parse(text == nullptr ? "" : text, nullptr, false);
            bool same = fields.is_object();
            for (const auto& [name, value] : e->fields.items()) same = same && fields.contains(name) && fields[name] == value;
            if (same) id = static_cast<u64>(sqlite3_column_int64(rows, 0));
        }
    }
    sqlite3_finalize(rows);
    sqlite3_close(db);
    return id;
}

/// In processes of their own; a trail that cannot be had is not there afterwards.
void follow(const std::vector<Followed>& runs, const std::map<std::size_t, std::set<u64>>& told, unsigned jobs) {
    Children children(jobs);
    for (const auto& wanted : told) {
        const Followed& run = runs[wanted.first];
        const std::set<u64>& chunks = wanted.second;
        remove_file(run.trail);
        children.start(
            [&] {
                const auto s = run.scenario();
                if (s == nullptr) return Exit::BadInput;
                s->config.observe.waves = false;
                return simulate(*s, std::nullopt, TrailWanted{chunks, run.trail}).exit;
            },
            [](Exit) {});
    }
    children.finish();
}

std::string told_at(const std::optional<TrailEvent>& e, const std::optional<u64>& id) {
    if (!e) return "nothing more";
    return fmt::format("{}{}  {}", base::format_duration(sim::Duration::ps(e->time_ps)), id ? fmt::format(" (e{})", *id) : "", in_words(*e));
}

void print_parting(const Divergence& d, const Parting& p) {
    const std::size_t width = std::max(d.name.size(), d.reference.size());
    fmt::print("    {:<{}}  {}\n", d.reference, width, told_at(p.reference, p.reference_id));
    fmt::print("    {:<{}}  {}\n", d.name, width, told_at(p.other, p.other_id));
}

Json side_json(const std::optional<TrailEvent>& e, const std::optional<u64>& id) {
    if (!e) return nullptr;
    Json j{{"number", e->number}, {"time_ps", e->time_ps}, {"kind", e->kind}, {"fields", e->fields}, {"text", in_words(*e)}};
    if (id) j["id"] = *id;
    return j;
}
} // namespace

std::string in_words(const TrailEvent& e) {
    std::string text;
    for (const char c : e.kind) {
        if (std::isupper(static_cast<unsigned char>(c)) != 0 && !text.empty()) text += ' ';
        text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    constexpr std::string_view addresses[] = {"at", "page", "frame", "first", "address", "aimed_at", "fault_at", "record"};
    std::string_view separator = ": ";
    for (const auto& [name, value] : e.fields.items()) {
        std::string said = value_text(e, name, value);
        if (said.empty() || name.rfind("has_", 0) == 0 || (is_internal(name) && !value.is_string())) continue;
        if (const auto has = e.fields.find("has_" + name); has != e.fields.end() && *has == false) continue;
        if (value.is_boolean()) said = value.get<bool>() ? name : "not " + name;
        else if (std::find(std::begin(addresses), std::end(addresses), name) != std::end(addresses)) said = fmt::format("{} {:#x}", name, value.get<u64>());
        else if (name == "ps" || name == "since" || name == "asked" || name == "translated_at") said = fmt::format("{} {}", name, base::format_duration(sim::Duration::ps(value.get<i64>())));
        else said = name + " " + said;
        text += std::string{separator} + said;
        separator = ", ";
    }
    return text;
}

std::vector<Divergence> find_divergences(const std::vector<Followed>& runs, unsigned jobs) {
    std::vector<std::optional<TrailFile>> trails(runs.size());
    std::map<std::size_t, std::set<u64>> missing;
    for (std::size_t i = 0; i < runs.size(); ++i)
        if (!fs::exists(runs[i].trail)) missing[i];
    follow(runs, missing, jobs);
    for (std::size_t i = 0; i < runs.size(); ++i) trails[i] = read_trail(runs[i].trail);
    std::vector<Divergence> all;
    std::map<std::size_t, std::set<u64>> wanted;
    for (std::size_t i = 1; i < runs.size(); ++i) {
        Divergence d{runs[i].name, runs[0].name, {}, {}, runs[i].iommu == runs[0].iommu, {}};
        for (const std::size_t n : {std::size_t{0}, i})
            if (d.unknown.empty() && (!trails[n] || trails[n]->fingerprint != runs[n].fingerprint))
                d.unknown = trails[n] ? fmt::format("this binary does not do again what {} did: its fingerprint was {} and is {}", runs[n].name,
                                                    runs[n].fingerprint, trails[n]->fingerprint)
                                      : fmt::format("{} cannot be run again", runs[n].name);
        if (d.unknown.empty()) {
            d.doing = parting_of_lanes(*trails[0], *trails[i]);
            if (const auto chunk = parting_chunk(*trails[0], *trails[i]); chunk && d.same_architecture) {
                wanted[0].insert(*chunk);
                wanted[i].insert(*chunk);
            }
        }
        all.push_back(std::move(d));
    }
    follow(runs, wanted, jobs);
    const auto reference = wanted.empty() ? std::nullopt : read_trail(runs[0].trail);
    for (const auto& [i, chunks] : wanted) {
        const auto trail = i == 0 ? std::nullopt : read_trail(runs[i].trail);
        if (!trail || !reference) continue;
        all[i - 1].event = parting_of(of_chunk(reference->told, *chunks.begin()), of_chunk(trail->told, *chunks.begin()),
                                      [](const auto& x, const auto& y) { return x.same_as(y); });
    }
    for (std::size_t i = 1; i < runs.size(); ++i)
        for (auto* p : {&all[i - 1].event, &all[i - 1].doing}) {
            if (!*p) continue;
            (*p)->reference_id = id_in(runs[0].dir, (*p)->reference);
            (*p)->other_id = id_in(runs[i].dir, (*p)->other);
        }
    return all;
}

void print_divergences(const std::vector<Divergence>& all) {
    for (const Divergence& d : all) {
        fmt::print("\n");
        if (!d.unknown.empty()) {
            fmt::print("{} and {}: {}\n", d.name, d.reference, d.unknown);
            continue;
        }
        if (d.same_architecture && !d.event) {
            fmt::print("{} is event by event what {} is\n", d.name, d.reference);
            continue;
        }
        if (d.event) {
            fmt::print("{} parts from {} after {} events that are the same:\n", d.name, d.reference, (d.event->reference ? d.event->reference : d.event->other)->number);
            print_parting(d, *d.event);
        }
        if (d.doing) {
            fmt::print("{}first something else, whatever the time, for {}:\n", d.event ? "  " : d.name + " and " + d.reference + ": ", d.doing->lane);
            print_parting(d, *d.doing);
        } else {
            fmt::print("{}the same happens to each process, bond and device, at other times\n", d.event ? "  " : d.name + " and " + d.reference + ": ");
        }
    }
}

Json to_json(const std::vector<Divergence>& all) {
    Json list = Json::array();
    for (const Divergence& d : all) {
        Json j{{"variant", d.name}, {"reference", d.reference}};
        if (!d.unknown.empty()) {
            j["unknown"] = d.unknown;
            list.push_back(std::move(j));
            continue;
        }
        const auto parting = [](const std::optional<Parting>& p) {
            if (!p) return Json(nullptr);
            Json at{{"reference", side_json(p->reference, p->reference_id)}, {"variant", side_json(p->other, p->other_id)}};
            if (!p->lane.empty()) at["lane"] = p->lane;
            return at;
        };
        if (d.same_architecture) j["event"] = parting(d.event);
        j["doing"] = parting(d.doing);
        list.push_back(std::move(j));
    }
    return list;
}

} // namespace quiesce::platform::comparison
