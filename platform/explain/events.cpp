// SPDX-License-Identifier: Apache-2.0
/// `explain` of one fault or one transaction; of one page request: page_requests.cpp.
#include "base/text.h"
#include "platform/explain/chain.h"
#include "platform/explain/explain.h"
#include "platform/explain/page.h"
#include "platform/explain/sentences.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <set>

namespace quiesce::platform::explain {

std::string in_hex(const Record& f, const char* field) { return fmt::format("{:#x}", f[field].get<u64>()); }

std::string bond_named(const Results& r, u64 bond) {
    std::string name = bond == 0 ? "no bond" : fmt::format("bond {}", bond);
    for (const StoredEvent& e : r.events)
        if (e.kind == "BondChanged" && e.bond == bond) {
            const Record f = Record::parse(e.fields);
            return fmt::format("{} on {} (bond {}, PASID {})", f["process"].get<std::string>(), f["device"].get<std::string>(), bond,
                               f["pasid"].get<u64>());
        }
    return name;
}

void print_when(Page& out, const Results& r, u64 bond, i64 at) {
    const Record* const t = teardown_of(r, bond);
    if (t == nullptr) return;
    const i64 t0 = (*t)["t0_ps"].get<i64>();
    out.print("  {} {} T0 of its teardown {} ({})\n", for_people(at < t0 ? t0 - at : at - t0), at < t0 ? "before" : "after",
               (*t)["id"].get<std::string>(), (*t)["trigger"].get<std::string>());
}

void print_from_first(Page& out, std::string_view heading, const std::vector<Told>& told) {
    const auto first = std::min_element(told.begin(), told.end(), [](const Told& a, const Told& b) { return a.at < b.at; });
    print_told(out, heading, told, first->at);
}

namespace {
constexpr const char* fates[] = {"hardware writes a record of it", "no record: its context is quiet, or it is a translation request, whose completion tells the device",
                                 "its record is lost, because there is no room", "its record is discarded, because the queue is off",
                                 "a record that waits tells of it, too"};
constexpr const char* resolutions[] = {"is translated once more", "ends with an error", "ends with zeros"};

/// Stop Markers ask for nothing: they are counted apart.
constexpr std::string_view stop_markers = "stop markers";
bool counts(const StoredEvent& e, std::string_view kind) {
    if (kind != "PageRequestSent" && kind != stop_markers) return e.kind == kind;
    return e.kind == "PageRequestSent" && Record::parse(e.fields)["stop_marker"].get<bool>() == (kind == stop_markers);
}
const StoredEvent* nth(const Results& r, std::string_view kind, u64 n) {
    for (const StoredEvent& e : r.events)
        if (counts(e, kind) && n-- == 0) return &e;
    return nullptr;
}
u64 how_many(const Results& r, std::string_view kind) {
    return static_cast<u64>(std::count_if(r.events.begin(), r.events.end(), [&](const StoredEvent& e) { return counts(e, kind); }));
}

// ---- a fault --------------------------------------------------------------------------------------------------------

/// Records are taken out in the order in which they were written: as many of the same source before this one as before its
/// handling.
const StoredEvent* handled(const Results& r, const StoredEvent& fault, const Record& f) {
    const auto same = [&](const Record& g) { return g["stream"] == f["stream"] && g["pasid"] == f["pasid"] && g["code"] == f["code"]; };
    u64 before = 0;
    bool met = false;
    std::vector<const StoredEvent*> taken;
    for (const StoredEvent& e : r.events) {
        if (e.kind == "FaultRaised" && !met) {
            met = &e == &fault;
            const Record g = Record::parse(e.fields);
            before += !met && same(g) && g["fate"] == 0;
        } else if (e.kind == "FaultHandled" && same(Record::parse(e.fields))) {
            taken.push_back(&e);
        }
    }
    return before < taken.size() ? taken[before] : nullptr;
}

void explain_fault(Page& out, const Results& r, Chains& chains, const StoredEvent& e, const std::string& id) {
    const Record f = Record::parse(e.fields);
    const u64 bond = e.bond.value_or(0);
    out.print("{}  {} of {} at {}, {} into the run\n", id, f["type"].get<std::string>(), bond_named(r, bond), in_hex(f, "at"),
               for_people(ps(e)));
    print_when(out, r, bond, ps(e));
    std::vector<Told> told = e.transaction.value_or(0) == 0 ? std::vector<Told>{} : way_of(r, *e.transaction);
    if (told.empty()) told.push_back({ps(e), word(f, "fate", fates)});
    if (f["fate"] == 0) {
        if (const StoredEvent* h = handled(r, e, f)) {
            const bool shown = Record::parse(h->fields)["shown"].get<bool>();
            told.push_back({ps(*h), shown ? "the driver has read the record and printed it"
                                          : "the driver has read the record and prints nothing: too many already, or the process is dead"});
        } else {
            told.push_back({ps(e), "no driver was seen to read the record as a fault"});
        }
    }
    print_from_first(out, e.transaction.value_or(0) == 0 ? "the fault" : fmt::format("transaction x{}", *e.transaction), told);
    const auto decision = [&](const char* field, const char* what) {
        if (f.contains(field) && !f[field].get<std::string>().empty())
            out.decided({{f[field].get<std::string>(), what, section_of_field(f[field].get<std::string>(), chains.iommu())}});
    };
    decision("decided", "refuses the transaction");
    decision("unrecorded_by", "keeps hardware from recording it");
    out.chain("what led to it, event by event, each because of the one before it", chains.to(e.id));
}

// ---- a transaction --------------------------------------------------------------------------------------------------

bool explain_transaction(Page& out, const Results& r, Chains& chains, u64 transaction, const std::string& id) {
    const std::vector<Told> told = way_of(r, transaction);
    if (transaction == 0 || told.empty()) return false;
    u64 bond = 0;
    for (const StoredEvent& e : r.events)
        if (e.transaction == transaction && e.bond) bond = *e.bond;
    out.print("{}  a transaction of {}\n", id, bond_named(r, bond));
    print_when(out, r, bond, told.front().at);
    print_from_first(out, "its way", told);
    out.decided(chains.decided_for_transaction(transaction));
    u64 last = 0;
    for (const StoredEvent& e : r.events)
        if (e.transaction == transaction) last = e.id;
    out.chain("event by event, each because of the one before it", chains.to(last));
    return true;
}

} // namespace

std::vector<Told> way_of(const Results& r, u64 transaction) {
    std::vector<Told> told;
    for (const StoredEvent& e : r.events) {
        if (e.transaction != transaction) continue;
        const Record f = Record::parse(e.fields);
        std::string what = sentence_of(e.kind, f);
        if (e.kind == "DmaIssued")
            what = fmt::format("the device issues {} B to be {} {}", f["bytes"].get<u64>(), f["write"].get<bool>() ? "written at" : "read from",
                               in_hex(f, "at"));
        if (e.kind == "TlpSent") what = fmt::format("its packet has left on {}", f["link"].get<std::string>());
        if (e.kind == "RequestArrived") what = "it arrives at the IOMMU";
        if (e.kind == "Translated") what = fmt::format("the IOMMU has looked it up: {}", f["granted"].get<bool>() ? "granted" : "refused");
        if (e.kind == "FaultRaised") what = fmt::format("{}: {}", f["type"].get<std::string>(), word(f, "fate", fates));
        if (e.kind == "TransactionStalled") what = "it is held: the kernel is to decide";
        if (e.kind == "StallRecorded") what = "a record of it is in the kernel's queue";
        if (e.kind == "StallResolved") what = fmt::format("it {}", word(f, "how", resolutions));
        if (e.kind == "DmaCommitted")
            what = fmt::format("it {} memory at {}", f["write"].get<bool>() ? "is written to" : "is read from", in_hex(f, "at"));
        told.push_back({ps(e), std::move(what)});
    }
    return told;
}

std::optional<u64> number_of(const std::string& id) {
    u64 n = 0;
    const char* const end = id.data() + id.size();
    if (id.size() < 2) return std::nullopt;
    const auto [stop, bad] = std::from_chars(id.data() + 1, end, n);
    return bad != std::errc{} || stop != end ? std::nullopt : std::optional{n};
}

void explain_any(Page& out, const Results& r, Chains& chains, u64 event) {
    const std::vector<Link> chain = chains.to(event);
    const Link& self = chain.back();
    out.print("e{}  {}: {}\n", event, self.kind, self.text);
    if (!self.manual.empty()) out.print("  as in {}\n", self.manual);
    const auto stored = std::find_if(r.events.begin(), r.events.end(), [&](const StoredEvent& e) { return e.id == event; });
    const u64 bond = stored == r.events.end() ? 0 : stored->bond.value_or(0);
    out.print("  {} into the run{}\n", for_people(self.at_ps), bond == 0 ? "" : fmt::format(", of {}", bond_named(r, bond)));
    print_when(out, r, bond, self.at_ps);
    if (stored != r.events.end() && stored->transaction.value_or(0) != 0) {
        out.print("  transaction x{}\n", *stored->transaction);
        out.decided(chains.decided_for_transaction(*stored->transaction));
    }
    out.chain("what led to it, event by event, each because of the one before it", chain);
    out.chain("what came of it at once", chains.effects(event));
}

bool explain_event(Page& out, const Results& r, Chains& chains, const std::string& id) {
    u64 n = 0;
    if (const auto number = number_of(id)) n = *number;
    else return false;
    if (id[0] == 'x') return explain_transaction(out, r, chains, n, id);
    if (id[0] == 'e') {
        if (!chains.has(n)) return false;
        explain_any(out, r, chains, n);
        return true;
    }
    const StoredEvent* const e = id[0] == 'f'   ? nth(r, "FaultRaised", n)
                                 : id[0] == 'p' ? nth(r, "PageRequestSent", n)
                                 : id[0] == 's' ? nth(r, stop_markers, n)
                                                : nullptr;
    if (e == nullptr) return false;
    if (id[0] == 'f') explain_fault(out, r, chains, *e, id);
    else explain_page_request(out, r, chains, *e, id);
    return true;
}

std::string events_there(const Results& r) {
    if (r.events.empty()) return "no events.sqlite, and so no faults, page requests and transactions";
    const auto range = [](u64 n, char letter) { return n == 0 ? fmt::format("no {}", letter) : fmt::format("{0}0 to {0}{1}", letter, n - 1); };
    std::set<u64> transactions;
    for (const StoredEvent& e : r.events)
        if (e.transaction.value_or(0) != 0) transactions.insert(*e.transaction);
    const std::string ways = transactions.empty() ? std::string{"no x"}
                                                  : fmt::format("{} of x{} to x{}", transactions.size(), *transactions.begin(), *transactions.rbegin());
    const u64 markers = how_many(r, stop_markers);
    return fmt::format("{} (faults), {} (page requests), {}and {} (transactions: what faulted or went wrong, and all shortly after each T0, or "
                       "with observe.events=all)",
                       range(how_many(r, "FaultRaised"), 'f'), range(how_many(r, "PageRequestSent"), 'p'),
                       markers == 0 ? "" : range(markers, 's') + " (Stop Markers) ", ways);
}

} // namespace quiesce::platform::explain
