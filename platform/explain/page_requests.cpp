// SPDX-License-Identifier: Apache-2.0
/// `explain` of one page request, or of one Stop Marker.
#include "platform/explain/chain.h"
#include "platform/explain/explain.h"
#include "platform/explain/page.h"

#include <algorithm>
#include <deque>
#include <fmt/format.h>
#include <set>

namespace quiesce::platform::explain {
namespace {
constexpr const char* request_ends[] = {"the page is there", "nobody is bound to that PASID", "the address space is dead",
                                        "nothing is mapped there, or not for that access", "there is no memory for it",
                                        "one before it in its group could not be handled", "the group may never become whole",
                                        "it asked for nothing", "the OOM reaper takes the address space's pages"};
constexpr const char* answers[] = {"success", "invalid request", "response failure"};
constexpr const char* reasons[] = {"as the kernel said", "by itself: there was no room", "by itself: the queue is off",
                                   "by itself: the record could not be written"};

std::string code_name(u64 code) { return code == 0 ? "success" : code == 1 ? "invalid request" : "response failure"; }
u64 page_of(const Record& f) { return f["at"].get<u64>() / page_size; }
bool flag(const Record& f, const char* name) { return f.contains(name) && f[name].get<bool>(); }

/// What happens to one of those that share an index of page request groups. A Stop Marker is of no group, but has an index, and
/// a driver may answer it: decisions of the kernel, responses of the unit and their arrivals follow each other in one order, so that
/// each is known to be of whoever the kernel was through with before it.
class Story {
public:
    Story(const Results& r, Chains& chains, const StoredEvent& asked)
        : chains_(chains), asked_(asked), a_(Record::parse(asked.fields)), marker_(flag(a_, "stop_marker")) {
        told_.push_back({ps(asked), "the device sends it"});
        last_ = asked.id;
        for (const StoredEvent& e : r.events)
            if (!over_ && e.kind.starts_with("Page")) follow(e);
        if (dropped_) restarted();
        if (!over_ && !marker_) told_.push_back({ps(r.events.back()), "no answer had come when the run ended"});
    }
    const std::vector<Told>& told() const { return told_; }
    u64 last() const { return last_; }

private:
    enum class Whose : u8 { Mine, Marker, Other };
    using Step = void (Story::*)(const StoredEvent&, const Record&);
    struct Row {
        std::string_view kind;
        Step step;
    };

    void follow(const StoredEvent& e) {
        static constexpr Row rows[] = {
            {"PageRequestSent", &Story::sent},       {"PageRequestReceived", &Story::received}, {"PageRequestRecorded", &Story::recorded},
            {"PageRequestDropped", &Story::dropped}, {"PageRequestEnded", &Story::ended},       {"PageGroupAnswered", &Story::decided},
            {"PageResponseSent", &Story::responded}, {"PageResponseHeard", &Story::heard},      {"PageGroupForgotten", &Story::forgotten},
        };
        const auto* const row = std::find_if(std::begin(rows), std::end(rows), [&](const Row& k) { return k.kind == e.kind; });
        if (row == std::end(rows)) return;
        const Record f = Record::parse(e.fields);
        if (f["stream"] == a_["stream"] && f["group"] == a_["group"]) (this->*row->step)(e, f);
    }
    void tell(const StoredEvent& e, std::string what) {
        told_.push_back({ps(e), std::move(what)});
        last_ = e.id;
    }
    /// The first of its kind that is about this one.
    bool of_this(const StoredEvent& e, const Record& f) {
        return sent_ && page_of(f) == page_of(a_) && flag(f, "stop_marker") == marker_ && seen_.insert(e.kind).second;
    }
    void sent(const StoredEvent& e, const Record& f) {
        if (&e == &asked_) sent_ = true;
        else if (flag(f, "stop_marker")) markers_.insert(page_of(f));
    }
    void received(const StoredEvent& e, const Record& f) {
        if (of_this(e, f)) tell(e, "the IOMMU has taken it in");
    }
    void recorded(const StoredEvent& e, const Record& f) {
        if (of_this(e, f)) tell(e, "it is a record in the kernel's queue");
    }
    void dropped(const StoredEvent& e, const Record& f) {
        if (!of_this(e, f)) return;
        queue_ = f["queue"].get<std::string>();
        dropped_ = ps(e);
        std::string since;
        for (const auto& s : chains_.states(queue_))
            if (s.at_ps <= dropped_ && s.state == "overflow") since = fmt::format(", and takes nothing since it overflowed {} into the run", for_people(s.at_ps));
        tell(e, fmt::format("{} is {}{}: no record is written of it, and the kernel never sees it", queue_, flag(f, "off") ? "off" : "full", since));
    }
    void restarted() {
        for (const auto& s : chains_.states(queue_))
            if (s.at_ps >= *dropped_ && s.state == "running") {
                told_.push_back({s.at_ps, fmt::format("the driver has started {} again: what it had no room for stays lost", queue_)});
                return;
            }
    }
    void ended(const StoredEvent& e, const Record& f) {
        Whose whose = Whose::Other;
        const bool here = sent_ && page_of(f) == page_of(a_) && seen_.count(e.kind) == 0;
        if (const auto marker = markers_.find(page_of(f)); marker != markers_.end() && !(here && !marker_)) {
            markers_.erase(marker);
            whose = Whose::Marker;
        } else if (here) {
            seen_.insert(e.kind);
            whose = Whose::Mine;
            tell(e, "a worker of the kernel, or its handler: " + word(f, "fate", request_ends));
        }
        through_.push_back(whose);
    }
    /// Nobody's before it: the kernel refused it without looking at it as a page.
    void decided(const StoredEvent& e, const Record& f) {
        const auto any = [&](Whose w) { return std::find(through_.begin(), through_.end(), w) != through_.end(); };
        const Whose whose = any(Whose::Mine) || (through_.empty() && sent_ && !marker_) ? Whose::Mine : any(Whose::Marker) ? Whose::Marker : Whose::Other;
        through_.clear();
        decided_.push_back(whose);
        if (whose == Whose::Mine) tell(e, "the kernel decides on " + word(f, "code", answers));
    }
    Whose next(std::deque<Whose>& of) const {
        if (of.empty()) return sent_ && !marker_ ? Whose::Mine : Whose::Other; // nothing was kept of what was before it
        const Whose whose = of.front();
        of.pop_front();
        return whose;
    }
    void responded(const StoredEvent& e, const Record& f) {
        const bool by_itself = f["reason"] != 0;
        const Whose whose = !by_itself ? next(decided_) : sent_ && !marker_ ? Whose::Mine : Whose::Other;
        on_the_way_.push_back(whose);
        if (whose == Whose::Mine) tell(e, fmt::format("the IOMMU sends {} {}", code_name(f["code"].get<u64>()), word(f, "reason", reasons)));
    }
    void heard(const StoredEvent& e, const Record& f) {
        const Whose whose = next(on_the_way_);
        const std::string code = code_name(f["code"].get<u64>());
        const u64 fate = f["fate"].get<u64>();
        if (whose == Whose::Mine) {
            tell(e, fmt::format("the device has the answer, {}, {}", code,
                                marker_     ? "for which no Stop Marker asks"
                                : fate == 0 ? "which it waited for"
                                            : "which it was not, or no longer, ready for"));
            if (marker_ && fate <= stale) tell(e, "and takes it for that of the page requests that have the same index: their group is over for it");
            over_ = true;
        } else if (sent_ && !marker_ && fate <= stale) {
            tell(e, fmt::format("the device has the answer to {} with the same index, {}, and takes it for this one's: the group is over for it",
                                whose == Whose::Marker ? "a Stop Marker" : "another request", code));
        }
    }
    void forgotten(const StoredEvent& e, const Record&) {
        if (!sent_ || marker_) return;
        tell(e, "the device forgets the group");
        over_ = true;
    }

    static constexpr u64 stale = 1; ///< devices::PageResponseFate: taken, or taken for a queue that has stopped
    Chains& chains_;
    const StoredEvent& asked_;
    const Record a_;
    const bool marker_;
    bool sent_ = false, over_ = false;
    std::set<std::string> seen_;
    std::multiset<u64> markers_;              ///< others, that the kernel has not been through with: their pages
    std::vector<Whose> through_;              ///< with whom the kernel is, since it answered the group last
    std::deque<Whose> decided_, on_the_way_;
    std::string queue_;
    std::optional<i64> dropped_;
    std::vector<Told> told_;
    u64 last_ = 0;
};
} // namespace

void explain_page_request(Page& out, const Results& r, Chains& chains, const StoredEvent& asked, const std::string& id) {
    const Record a = Record::parse(asked.fields);
    const u64 bond = asked.bond.value_or(0);
    const bool marker = flag(a, "stop_marker");
    if (marker)
        out.print("{}  a Stop Marker of {}: no page request of that PASID comes behind it, and it asks for nothing; its index is {}, {} into the run\n", id,
                  bond_named(r, bond), a["group"].get<u64>(), for_people(ps(asked)));
    else
        out.print("{}  {} asks for page {} to {}, in group {}, {} into the run\n", id, bond_named(r, bond), in_hex(a, "at"),
                  a["write"].get<bool>() ? "write" : "read", a["group"].get<u64>(), for_people(ps(asked)));
    print_when(out, r, bond, ps(asked));
    const Story story(r, chains, asked);
    print_from_first(out, marker ? "the stop marker" : "the page request", story.told());
    out.chain(marker ? "from the marker to what became of it, each because of the one before it"
                     : "from the access to what became of the request, each because of the one before it",
              chains.to(story.last()));
}

} // namespace quiesce::platform::explain
