// SPDX-License-Identifier: Apache-2.0
#include "platform/explain/chain.h"

#include "platform/explain/sentences.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform::explain {
namespace {
using observe::Statement;
constexpr std::size_t longest_chain = 2'000;

std::optional<u64> key(u64 v) { return v; }
} // namespace

Chains::Chains(const std::filesystem::path& file, std::string iommu) : iommu_(std::move(iommu)) {
    if (!std::filesystem::exists(file)) return;
    db_ = std::make_unique<observe::Database>(file, SQLITE_OPEN_READONLY);
    Statement tables(*db_, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'causes'");
    const bool there = tables.step();
    tables.reset();
    if (!there) db_.reset(); // of a version that kept no causes
}

std::optional<Link> Chains::link(u64 event) {
    Statement s(*db_, "SELECT time_ps, kind, fields FROM events WHERE id = ?");
    s.bind(1, key(event));
    if (!s.step()) return std::nullopt;
    Link l;
    l.event = event;
    l.at_ps = static_cast<i64>(s.number(0).value_or(0));
    l.kind = s.text(1);
    const Record fields = Record::parse(s.text(2));
    l.text = sentence_of(l.kind, fields);
    l.manual = manual_of(l.kind, fields, iommu_);
    return l;
}

bool Chains::has(u64 event) { return db_ != nullptr && link(event).has_value(); }

/// What came of `from` and was a cause of `event`, both included; empty: the one does not lead to the other.
std::set<u64> Chains::between(u64 from, u64 event) {
    std::set<u64> found{from};
    Statement causes(*db_, "SELECT effect, cause FROM causes WHERE effect > ?1 AND effect <= ?2 AND cause >= ?1 ORDER BY effect");
    causes.bind(1, key(from));
    causes.bind(2, key(event));
    while (causes.step())
        if (found.count(causes.number(1).value_or(0)) != 0) found.insert(causes.number(0).value_or(0));
    if (found.count(event) == 0) found.clear();
    return found;
}

std::vector<Link> Chains::to(u64 event, u64 from) {
    std::vector<Link> chain;
    if (db_ == nullptr) return chain;
    const std::set<u64> way = from == 0 ? std::set<u64>{} : between(from, event);
    Statement causes(*db_, "SELECT cause, meaning, time_ps FROM causes JOIN whys USING(why) JOIN events ON id = cause WHERE effect = ? ORDER BY cause DESC");
    while (chain.size() < longest_chain) {
        auto l = link(event);
        if (!l) break;
        chain.push_back(std::move(*l));
        Link& last = chain.back();
        if (event == from) break;
        causes.bind(1, key(event));
        u64 next = 0;
        while (causes.step()) {
            const u64 cause = causes.number(0).value_or(0);
            const i64 before = last.at_ps - static_cast<i64>(causes.number(2).value_or(0));
            if (next != 0 || (!way.empty() && way.count(cause) == 0)) {
                if (cause >= from) last.also.push_back({cause, causes.text(1), before});
                continue;
            }
            next = cause;
            last.because = causes.text(1);
            last.waited_ps = before;
        }
        causes.reset();
        if (next == 0 || next < from) {
            last.because.clear();
            break;
        }
        event = next;
    }
    std::reverse(chain.begin(), chain.end());
    return chain;
}

std::vector<Link> Chains::effects(u64 event) {
    std::vector<Link> all;
    if (db_ == nullptr) return all;
    Statement s(*db_, "SELECT effect, meaning FROM causes JOIN whys USING(why) WHERE cause = ? ORDER BY effect LIMIT 20");
    s.bind(1, key(event));
    while (s.step())
        if (auto l = link(s.number(0).value_or(0))) {
            l->because = s.text(1);
            all.push_back(std::move(*l));
        }
    if (const auto self = link(event))
        for (Link& l : all) l.waited_ps = l.at_ps - self->at_ps;
    return all;
}

/// Of faults, what refused the transactions and what kept them from being recorded: each field once.
std::vector<Decision> Chains::decisions(const char* where, u64 one, i64 two) {
    std::vector<Decision> all;
    if (db_ == nullptr) return all;
    for (const auto& [field, what] : {std::pair{"decided", "refuses what comes to it"}, {"unrecorded_by", "keeps hardware from recording it"}}) {
        const std::string sql = fmt::format("SELECT json_extract(fields, '$.{0}') AS by, COUNT(*) FROM events WHERE kind = 'FaultRaised' AND {1} "
                                            "AND by != '' GROUP BY by ORDER BY MIN(id)", field, where);
        Statement s(*db_, sql.c_str());
        s.bind(1, key(one));
        s.bind(2, key(static_cast<u64>(two)));
        while (s.step()) {
            const std::string by = s.text(0);
            all.push_back({by, what, section_of_field(by, iommu_), s.number(1).value_or(0)});
        }
    }
    return all;
}

std::vector<Decision> Chains::decided_for_bond(u64 bond, i64 from_ps) { return decisions("bond = ?1 AND time_ps >= ?2", bond, from_ps); }
std::vector<Decision> Chains::decided_for_transaction(u64 transaction) {
    return transaction == 0 ? std::vector<Decision>{} : decisions("txn = ?1 AND time_ps >= ?2", transaction, 0);
}

std::vector<Chains::State> Chains::states(const std::string& what) {
    std::vector<State> all;
    if (db_ == nullptr) return all;
    Statement s(*db_, "SELECT time_ps, json_extract(fields, '$.state'), json_extract(fields, '$.what') FROM events WHERE kind = 'StateChanged' ORDER BY id");
    while (s.step())
        if (s.text(2) == what) all.push_back({static_cast<i64>(s.number(0).value_or(0)), s.text(1)});
    return all;
}

std::string Chains::near(u64 event) {
    if (db_ == nullptr) return "no events with causes";
    const auto one = [&](const char* sql) -> std::string {
        Statement s(*db_, sql);
        s.bind(1, key(event));
        return s.step() && s.number(0) ? fmt::format("e{}", *s.number(0)) : std::string{};
    };
    const std::string first = one("SELECT MIN(id) FROM events WHERE id >= 0 AND ?1 >= 0"), last = one("SELECT MAX(id) FROM events WHERE ?1 >= 0"),
                      below = one("SELECT MAX(id) FROM events WHERE id < ?"), above = one("SELECT MIN(id) FROM events WHERE id > ?");
    if (first.empty()) return "no event";
    return fmt::format("{} to {} (events; close are {})", first, last, below.empty() ? above : above.empty() ? below : below + " and " + above);
}

} // namespace quiesce::platform::explain
