// SPDX-License-Identifier: Apache-2.0
/// `explain DIR ID`: of results on disk, what a teardown waited for, how a violation came about, or what became of a fault, a
/// page request, a transaction or an event (events.cpp).
#include "base/text.h"
#include "os/bugs.h"
#include "platform/explain/chain.h"
#include "platform/explain/explain.h"
#include "platform/files.h"
#include "platform/results.h"
#include "platform/verbs.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace quiesce::platform {
namespace explain {

std::string for_people(i64 ps) { return (ps < 0 ? "-" : "") + base::format_duration(sim::Duration::ps(ps < 0 ? -ps : ps)); }

const Record* teardown_of(const Results& r, u64 bond) {
    const Record* found = nullptr;
    for (const Record& t : r.run["teardowns"])
        if (bond != 0 && t["bond"] == bond) found = &t;
    return found;
}

void print_told(Page& out, std::string_view heading, std::vector<Told> told, i64 t0) {
    if (told.empty()) return;
    std::stable_sort(told.begin(), told.end(), [](const Told& a, const Told& b) { return a.at < b.at; });
    out.print("\n{}\n", heading);
    for (const Told& t : told)
        out.print("  {:>12}  {}\n", t.at < t0 ? fmt::format("T0 - {}", for_people(t0 - t.at)) : fmt::format("+{}", for_people(t.at - t0)), t.what);
}

} // namespace explain

namespace {
using namespace explain;
namespace fs = std::filesystem;
Results read_results(const fs::path& dir) {
    Results r;
    r.directory = dir;
    r.run = read_run(dir);
    r.events = read_events_of(dir, r.run);
    return r;
}

const Record* find_id(const Record& list, const std::string& id) {
    for (const Record& item : list)
        if (item["id"] == id) return &item;
    return nullptr;
}

// ---- a violation ----------------------------------------------------------------------------------------------------

/// What became of a page, or of a table of pages (known by its frame): its frame, the invalidations that cover it and the
/// fences that were to end them.
class PageLife {
public:
    PageLife(const Results& r, const Record& v, i64 t0) : events_(r.events), t0_(t0), until_(v["last_ps"].get<i64>()) {
        bond_ = v["bond"].get<u64>();
        page_ = std::stoull(v["page"].get<std::string>(), nullptr, 16) / page_size * page_size;
        const auto object = v["object"].get<std::string>();
        if (const auto at = object.find(frame_word); at != std::string::npos) frame_ = std::stoull(object.substr(at + frame_word.size()), nullptr, 16);
        table_ = frame_ != 0;
        for (const StoredEvent& e : events_)
            if (e.kind == "BondChanged" && e.bond == bond_) mm_ = e.mm.value_or(0);
    }
    bool known() const { return page_ != 0 || table_; }
    std::string name() const { return table_ ? fmt::format("the page table in frame {:#x}", frame_) : fmt::format("the page {:#x}", page_); }
    std::vector<Told> told() {
        for (const StoredEvent& e : events_) {
            const Record f = Record::parse(e.fields);
            frame(e, f);
            invalidation(e, f);
        }
        return std::move(told_);
    }
    /// An invalidation that was never seen complete, or that never came.
    std::string missing() const {
        if (!unmapped_) return {};
        const char* const it = table_ ? "the table" : "the page";
        if (!fenced_ && covering_.empty()) return fmt::format("no invalidation that covers {} was ever given", it);
        if (!fenced_) return fmt::format("no fence that covers {} was ever seen complete", it);
        const i64 end = freed_.value_or(until_);
        if (end < *fenced_)
            return fmt::format("the fence that covers {} was seen {} after {}", it, for_people(*fenced_ - end), freed_ ? "it had been freed" : "that");
        return fmt::format("a fence that covers {} had been seen {} before {}: it did not stop what reached it", it, for_people(end - *fenced_),
                           freed_ ? "it was freed" : "that");
    }

private:
    static constexpr std::string_view frame_word = "frame ";
    static constexpr u64 leaf = 1, table = 2; ///< memory::FrameUse
    static constexpr u64 reach = page_size * 512; ///< of what a table of the last level leads to

    void tell(const StoredEvent& e, std::string what) { told_.push_back({ps(e), std::move(what)}); }
    bool mine(const StoredEvent& e, const Record& f) const {
        return e.mm == mm_ && (table_ ? f["frame"].get<u64>() == frame_ : e.page == page_);
    }
    void frame(const StoredEvent& e, const Record& f) {
        const u64 use = table_ ? table : leaf;
        if (e.kind == "FrameTaken" && mine(e, f) && f["use"] == use) {
            frame_ = f["frame"].get<u64>();
            page_ = e.page.value_or(page_);
            tell(e, table_ ? fmt::format("it becomes a table, for {:#x}", page_) : fmt::format("mapped, in frame {:#x}", frame_));
        } else if (e.kind == "FrameUnmapped" && mine(e, f) && (table_ || frame_ == 0 || f["frame"].get<u64>() == frame_)) {
            unmapped_ = ps(e);
            tell(e, table_ ? "the entry that leads to it is cleared" : "its entry is cleared");
        } else if (e.kind == "FrameFreed" && mine(e, f) && f["use"] == use) {
            freed_ = ps(e);
            tell(e, table_ ? "it is freed" : "its frame is freed");
        } else if (e.kind == "FrameTaken" && freed_ && f["frame"].get<u64>() == frame_) {
            tell(e, e.mm.value_or(0) == 0 ? std::string{"the kernel takes the frame"}
                                          : fmt::format("mm {} takes the frame{}", *e.mm, f["use"] == leaf ? "" : " for a page table"));
        }
    }
    /// Who forgets what it has of a page forgets the table that leads there.
    bool covers(const Record& f) const {
        const u64 first = f["first"].get<u64>(), bytes = f["bytes"].get<u64>();
        if (bytes == ~u64{0}) return true;
        if (!table_) return page_ >= first && page_ - first < bytes;
        const u64 from = page_ / reach * reach;
        return first < from + reach && first + bytes > from;
    }
    void invalidation(const StoredEvent& e, const Record& f) {
        if ((!unmapped_ && ps(e) < t0_) || e.mm != mm_ || (e.bond != bond_ && e.bond != u64{0})) return;
        if (e.kind == "InvalidationIssued" && covers(f)) {
            covering_.push_back(f["issued_sequence"].get<u64>());
            tell(e, fmt::format("invalidation {} that covers it is given", covering_.back()));
        } else if (e.kind == "FenceObserved" && (covers(f) || f["blocks"].get<bool>())) {
            if (!fenced_ && (unmapped_ || f["blocks"].get<bool>())) fenced_ = ps(e);
            tell(e, fmt::format("the fence of invalidation {} is seen", f["issued_sequence"].get<u64>()));
        }
    }
    const std::vector<StoredEvent>& events_;
    i64 t0_, until_;
    u64 bond_ = 0, page_ = 0, mm_ = 0, frame_ = 0;
    bool table_ = false;
    std::optional<i64> unmapped_, freed_, fenced_;
    std::vector<u64> covering_;
    std::vector<Told> told_;
};

/// The way of the DMA that landed where it must not: from the device's decision to memory.
std::vector<Told> dma_path(const Results& r, const Record& v) {
    const u64 page = std::stoull(v["page"].get<std::string>(), nullptr, 16) / page_size * page_size;
    const auto bad = [&](const StoredEvent& e) {
        if (e.kind != "DmaCommitted" || e.bond != v["bond"].get<u64>() || e.page != page || ps(e) < v["story_ps"].get<i64>()) return false;
        return Record::parse(e.fields)["verdict"].get<u64>() > static_cast<u64>(memory::Verdict::AfterUnmap);
    };
    const auto landed = std::find_if(r.events.begin(), r.events.end(), bad);
    if (landed == r.events.end()) return {};
    return way_of(r, landed->transaction.value_or(0));
}

/// Steps that the kernel took without a command, and those that had not ended: what was missing, or late.
void explain_steps_of(Page& out, const Record& t, i64 at) {
    const i64 t0 = t["t0_ps"].get<i64>();
    out.print("\nsteps of {} by then\n", t["id"].get<std::string>());
    for (const Record& s : t["steps"]) {
        const i64 start = s["start_ps"].get<i64>();
        const std::string state = start > at                                            ? "not begun"
                                  : !s.contains("end_ps") || s["end_ps"].get<i64>() > at ? "under way"
                                                                                         : "over, +" + for_people(s["end_ps"].get<i64>() - t0);
        out.print("  {:<22} {:<18} {}\n", s["step"].get<std::string>(), state, start > at ? "" : commands_of(s));
    }
}

/// What the run does wrong because somebody asked for it: where a violation comes from in the end.
void explain_mistakes(Page& out, const Results& r) {
    for (const Record& bug : r.run["platform"]["bugs"]) {
        const auto name = bug.get<std::string>();
        const auto rows = os::bug_rows();
        const auto row = std::find_if(rows.begin(), rows.end(), [&](const os::BugRow& b) { return b.name == name; });
        out.print("\nthe run makes the mistake {} on purpose{}{}\n", name, row == rows.end() ? "" : ": ", row == rows.end() ? "" : row->help);
    }
}

void explain_violation(Page& out, const Results& r, Chains& chains, const Record& v) {
    out.print("{}  {}, first {} into the run, {} in all\n  {}\n", v["id"].get<std::string>(), v["kind"].get<std::string>(),
               for_people(v["time_ps"].get<i64>()), v["count"].get<u64>() == 1 ? "once" : fmt::format("{} times", v["count"].get<u64>()),
               v["story"].get<std::string>());
    if (const u64 event = event_in(v, "event"); event != 0)
        out.chain("what led to it, event by event, each because of the one before it", chains.to(event));
    const Record* const teardown = teardown_of(r, v["bond"].get<u64>());
    if (v["bond"].get<u64>() == 0) return; // of no bond: the story is all
    const i64 at = v["story_ps"].get<i64>(), t0 = teardown == nullptr ? 0 : (*teardown)["t0_ps"].get<i64>();
    if (teardown != nullptr)
        out.print("\nit is of {} on {} (PASID {}), {} {} T0 of its teardown {}\n", v["process"].get<std::string>(), v["device"].get<std::string>(),
                   v["pasid"].get<u64>(), for_people(at < t0 ? t0 - at : at - t0), at < t0 ? "before" : "after", (*teardown)["id"].get<std::string>());
    if (PageLife life(r, v, t0); life.known() && !r.events.empty()) {
        std::vector<Told> told = life.told();
        print_told(out, life.name(), std::move(told), t0);
        if (const std::string missing = life.missing(); !missing.empty()) out.print("  {}\n", missing);
        print_told(out, "the DMA", dma_path(r, v), t0);
    }
    if (r.events.empty()) out.print("\nthe run left no events.sqlite: nothing more is known of the page\n");
    if (teardown != nullptr) explain_steps_of(out, *teardown, at);
    explain_mistakes(out, r);
}

/// What there is, for an id that is not there, and what is close to it.
std::string what_there_is(const Results& r, Chains& chains, const std::string& id) {
    const auto range = [](const Record& list, const char* letter) {
        return list.empty() ? fmt::format("no {}", letter) : fmt::format("{0}0 to {0}{1}", letter, list.size() - 1);
    };
    std::string there = fmt::format("{} (teardowns), {} (violations), {}", range(r.run["teardowns"], "t"), range(r.run["violations"], "v"), events_there(r));
    if (const auto n = number_of(id); n && id[0] == 'e') return there + "; " + chains.near(*n);
    // A device, a process, a kind: whoever asks by name is told the ids.
    std::vector<std::string> close;
    for (const Record& t : r.run["teardowns"])
        for (const char* name : {"process", "device", "trigger"})
            if (t[name] == id) close.push_back(t["id"].get<std::string>());
    for (const Record& v : r.run["violations"])
        for (const char* name : {"process", "device", "kind"})
            if (v[name] == id) close.push_back(v["id"].get<std::string>());
    std::sort(close.begin(), close.end());
    close.erase(std::unique(close.begin(), close.end()), close.end());
    if (close.size() > 12) close.resize(12);
    return close.empty() ? there : fmt::format("{}; '{}' is of {}", there, printable(id), base::join(close));
}

bool explain_id(Page& out, const Results& r, Chains& chains, const std::string& id) {
    if (const Record* t = find_id(r.run["teardowns"], id)) {
        explain_teardown(out, r, chains, *t);
        return true;
    }
    if (const Record* v = find_id(r.run["violations"], id)) {
        explain_violation(out, r, chains, *v);
        return true;
    }
    return explain_event(out, r, chains, id);
}
} // namespace

Exit explain_verb(const CommandLine& line) {
    const Results r = read_results(line.directory);
    Chains chains(r.directory / "events.sqlite", r.run["platform"]["iommu"].get<std::string>());
    static constexpr std::pair<char, const char*> kinds[] = {{'t', "teardown"}, {'v', "violation"}, {'f', "fault"}, {'p', "page request"}, {'s', "stop marker"}, {'x', "transaction"}, {'e', "event"}};
    const auto* const kind = std::find_if(std::begin(kinds), std::end(kinds), [&](const auto& k) { return !line.id.empty() && line.id[0] == k.first; });
    Page page(line.id, kind == std::end(kinds) ? "" : kind->second);
    if (explain_id(page, r, chains, line.id)) {
        page.show(line.json);
        return Exit::Ok;
    }
    complain(fmt::format("{} has no '{}': there are {}", line.directory, printable(line.id), what_there_is(r, chains, line.id)));
    return Exit::Usage;
}

} // namespace quiesce::platform
