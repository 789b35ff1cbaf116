// SPDX-License-Identifier: Apache-2.0
#include "observe/causes.h"

#include "observe/causes_ahead.h"

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>

namespace quiesce::observe {

namespace {

constexpr u32 invalidate_request_bytes = 8; ///< of a message down, none else carries a body

class CauseFinder {
public:
    explicit CauseFinder(const std::vector<LoggedEvent>& events) : ahead_(events) {
        for (const LoggedEvent& row : events) {
            id_ = row.id;
            at_ = row.at;
            from_ = found_.size();
            visit(row, [this](const auto& e) { hear(e); });
        }
    }
    std::vector<Cause> take() { return std::move(found_); }

private:
    using Ahead = CausesAhead;
    using CommandKey = Ahead::CommandKey;
    using Group = std::pair<u32, u16>; ///< stream and index, or the tag of a stall
    struct Requests {
        std::map<u64, u64> sent, taken, recorded; ///< by page: the event
        std::vector<u64> ended, transactions;
        u64 last_taken = 0, answered = 0, response = 0, over = 0;
    };
    struct Observed {
        u64 id;
        u32 bond;
        u64 first, bytes;
        bool blocks;
    };
    struct Bond {
        u32 mm = 0, pasid = 0, process = 0;
        u64 changed = 0, trigger = 0, step = 0, working = 0;
    };

    void add(u64 cause, Why why) {
        if (cause == 0) return;
        for (std::size_t i = from_; i < found_.size(); ++i)
            if (found_[i].cause == cause) return;
        found_.push_back({id_, cause, why});
    }
    template <class Map, class Key> static u64 in(const Map& map, const Key& key) {
        const auto found = map.find(key);
        return found == map.end() ? 0 : found->second;
    }
    Bond& bond(BondId b) { return bonds_[raw(b)]; }

    /// In one context, or one unit, one thing is done after the other.
    void next_of(base::Name actor, Why why) {
        if (!actor) return;
        u64& last = last_of_[actor.index()];
        add(last, why);
        last = id_;
    }
    void done_in(u64 span) {
        if (span == 0) return;
        add(in(spans_, span), Why::SameContext);
        if (const auto actor = ahead_.actors.find(span); actor != ahead_.actors.end()) next_of(actor->second, Why::SameContext);
    }
    u64 command(CommandKey key) const {
        const auto entry = ahead_.entries.find(key);
        return entry == ahead_.entries.end() ? 0 : in(issued_, entry->second.value());
    }

    template <class E> void hear(const E& e) {
        if constexpr (requires { e.transaction; }) in_transaction(e.transaction);
        if constexpr (requires { on(e); }) on(e);
    }
    void in_transaction(u64 transaction) {
        if (transaction == 0) return;
        u64& last = last_of_transaction_[transaction];
        add(last, Why::SameTransaction);
        last = id_;
        if (const auto asked = translations_.find(transaction); asked != translations_.end()) {
            add(in(last_of_transaction_, asked->second), Why::Translation);
            translations_.erase(asked);
        }
        if (const auto page = pages_heard_.find(transaction); page != pages_heard_.end()) {
            add(page->second, Why::PageGranted);
            pages_heard_.erase(page);
        }
    }

    // ---- what anybody does -----------------------------------------------------------------------------------------
    void on(const base::Span& e) {
        const bool of_kernel = e.actor.text().find('/') != std::string_view::npos;
        add(in(spans_, e.begun_by), Why::BegunBy);
        if (e.ended_by != 0) {
            add(in(spans_, e.ended_by), Why::EndedBy);
            add(in(fences_, e.ended_by), Why::Fence);
        }
        static const base::Name signal{"signal-delivery"};
        if (e.phase == signal) add(in(signalled_, base::Name{e.actor.text().substr(0, e.actor.text().find('/'))}.index()), Why::Trigger);
        static const base::Name close_files{"close-files"};
        if (e.phase == close_files && e.bond != no_bond) add(bond(e.bond).trigger, Why::LastClose);
        // Who waits for a unit gave it the work, unless the unit was at it already.
        const auto wait = ahead_.waits.find(e.id);
        if (e.begun_by == 0 && wait != ahead_.waits.end() && wait->second.since <= e.start)
            add(in(last_of_, wait->second.actor.index()), Why::HandedOver);
        next_of(e.actor, of_kernel ? Why::SameContext : Why::SameUnit);
        spans_[e.id] = id_;
    }
    void on(const base::StateChanged& e) { in_order(states_[e.what.index()]); }
    void on(const base::LevelChanged& e) { in_order(states_[e.what.index()]); }
    void in_order(u64& last) {
        add(last, Why::SameState);
        last = id_;
    }
    void on(const os::CpuSpent& e) { add(in(last_of_, e.context.index()), Why::SameContext); }
    void on(const os::CpuRuns& e) {
        if (e.context) add(in(last_of_, e.context.index()), Why::SameContext);
    }

    // ---- teardowns --------------------------------------------------------------------------------------------------
    void on(const os::BondChanged& e) {
        Bond& b = bond(e.bond);
        b.mm = raw(e.mm);
        b.pasid = raw(e.pasid);
        b.process = e.process.index();
        in_order(b.changed);
        add(b.step, Why::InStep);
        if (e.state != os::BondState::Bound) add(b.trigger, Why::Trigger);
    }
    void on(const os::ProcessChanged& e) {
        in_order(processes_[e.process.index()]);
        static const base::Name dying{"dying"};
        if (!(e.state == dying)) return;
        dying_[raw(e.mm)] = id_;
        for (const auto& [n, b] : bonds_)
            if (b.mm == raw(e.mm)) add(b.trigger, Why::Trigger);
    }
    void on(const os::TeardownTriggered& e) {
        Bond& b = bond(e.bond);
        add(b.changed, Why::Bound);
        add(b.trigger, Why::Trigger);
        add(in(dying_, b.mm), Why::Death);
        done_in(e.span);
        if (b.trigger == 0) b.trigger = id_;
        signalled_.try_emplace(b.process, id_);
    }
    void on(const os::TeardownStepChanged& e) {
        Bond& b = bond(e.bond);
        add(b.trigger, Why::Trigger);
        if (e.ended) add(b.step, Why::StepBegan);
        next_of(e.by, Why::SameContext);
        b.step = e.ended ? 0 : id_;
        if (e.ended) open_.erase(e.context);
        else open_[e.context] = id_;
    }
    void on(const os::StopSeen& e) {
        done_in(e.span);
        add(bond(e.bond).step, Why::InStep);
        add(bond(e.bond).trigger, Why::Trigger);
    }
    void on(const os::MmputReturned& e) {
        done_in(e.span);
        add(in(dying_, raw(e.mm)), Why::Death);
    }
    void on(const os::ExitMmapReturned& e) {
        done_in(e.span);
        add(in(dying_, raw(e.mm)), Why::Death);
    }
    void on(const os::PasidChanged& e) {
        in_order(pasids_[raw(e.pasid)]);
        if (e.state == os::PasidState::Allocated) return;
        for (const auto& [n, b] : bonds_)
            if (b.mm == raw(e.mm) && b.pasid == raw(e.pasid)) add(b.step, Why::InStep);
    }
    void on(const os::DeviceReset& e) {
        add(bond(e.guilty).step, Why::InStep);
        resets_[raw(e.device)] = id_;
    }
    void on(const os::WorkLost& e) { add(in(resets_, raw(e.device)), Why::Reset); }
    void on(const devices::WorkDropped& e) { add(in(resets_, raw(e.device)), Why::Reset); }
    void on(const os::OomVictimMarked& e) { victims_[raw(e.mm)] = id_; }
    void on(const os::OomReapTried& e) { add(in(victims_, raw(e.mm)), Why::Victim); }
    void on(const os::OomMappingReaped& e) { add(in(victims_, raw(e.mm)), Why::Victim); }
    void on(const os::OomMappingSkipped& e) { add(in(victims_, raw(e.mm)), Why::Victim); }
    void on(const os::OomVictimHidden& e) { add(in(victims_, raw(e.mm)), Why::Victim); }

    // ---- commands ---------------------------------------------------------------------------------------------------
    void on(const os::InvalidationIssued& e) {
        invalidations_[e.issued_sequence] = id_;
        add(bond(e.bond).step, Why::InStep);
    }
    void on(const os::IommuCommandIssued& e) {
        add(in(open_, e.context), Why::InStep);
        next_of(e.by, Why::SameContext);
        if (e.entry != Spa{}) issued_[e.entry.value()] = id_; // each time that its slot is used again
    }
    void on(const iommu::CommandConsumed& e) {
        add(command({e.unit.index(), e.sequence}), Why::Command);
    }
    void on(const iommu::InvalidationBegun& e) {
        add(command({e.unit.index(), e.sequence}), Why::Command);
        begun_[{e.unit.index(), e.sequence}] = id_;
    }
    void on(const iommu::InvalidationDone& e) {
        add(in(begun_, CommandKey{e.unit.index(), e.sequence}), Why::Done);
        complete({e.unit.index(), e.sequence});
    }
    void complete(CommandKey key) { completed_[key.first].emplace_back(key.second, id_); }
    void on(const pcie::TlpSent& e) {
        if (e.kind != pcie::TlpKind::Message || e.upstream || e.payload_bytes != invalidate_request_bytes) return;
        const auto found = ahead_.invalidations.find({e.link.index(), e.tag});
        if (found == ahead_.invalidations.end()) return;
        auto& all = found->second; // a tag is one invalidation's until it is over
        while (all.size() > 1 && all[1].asked <= at_) all.pop_front();
        if (all.front().asked > at_) return;
        add(command(all.front().command), Why::Command);
        requests_[all.front().command] = id_;
    }
    void on(const pcie::InvalidationAnswered& e) {
        const CommandKey key{e.unit.index(), e.sequence};
        add(command(key), Why::Command);
        add(in(requests_, key), Why::Request);
        complete(key);
    }
    void on(const iommu::FenceSignalled& e) {
        add(command({e.unit.index(), e.sequence}), Why::Command);
        auto& all = completed_[e.unit.index()];
        for (const auto& [sequence, id] : all)
            if (sequence < e.sequence) add(id, Why::Covers);
        std::erase_if(all, [&](const auto& c) { return c.first < e.sequence; });
        if (e.span.what != 0) fences_[e.span.what] = id_;
    }
    void on(const os::FenceObserved& e) {
        add(in(invalidations_, e.issued_sequence), Why::Completes);
        done_in(e.span);
        if (e.bond != no_bond) {
            add(bond(e.bond).step, Why::InStep);
            if (e.blocks) add(bond(e.bond).trigger, Why::Trigger);
        }
        auto& seen = observed_[raw(e.mm)];
        seen.push_back({id_, raw(e.bond), e.first.value(), e.bytes, e.blocks});
        if (seen.size() > most_observed) seen.pop_front();
    }

    // ---- pages ------------------------------------------------------------------------------------------------------
    void on(const memory::FrameTaken& e) {
        u64& frame = frames_[e.frame.page_number()];
        add(frame, Why::Freed);
        frame = id_;
    }
    void on(const memory::FrameUnmapped& e) {
        u64& frame = frames_[e.frame.page_number()];
        add(frame, Why::Mapped);
        add(in(dying_, raw(e.owner)), Why::Death);
        frame = id_;
    }
    void on(const memory::FrameFreed& e) {
        u64& frame = frames_[e.frame.page_number()];
        add(frame, Why::Unmapped);
        const u64 unmapped = frame;
        const auto seen = observed_.find(raw(e.owner));
        if (seen != observed_.end() && e.use != memory::FrameUse::Table)
            for (auto f = seen->second.rbegin(); f != seen->second.rend() && f->id > unmapped; ++f)
                if (f->blocks || e.page.value() - f->first < f->bytes) {
                    add(f->id, Why::Fenced);
                    break;
                }
        frame = id_;
    }

    // ---- DMA and faults ---------------------------------------------------------------------------------------------
    void on(const devices::QueueState& e) {
        in_order(states_[e.queue.index()]);
        if (e.bond != no_bond) add(bond(e.bond).changed, Why::Bound);
        if (e.bond != no_bond) bond(e.bond).working = id_;
    }
    void on(const devices::DmaIssued& e) {
        if (e.bond != no_bond) add(bond(e.bond).working != 0 ? bond(e.bond).working : bond(e.bond).changed, Why::Work);
    }
    void on(const pcie::TranslationRequested& e) {
        if (e.asked_by == 0) return;
        add(in(last_of_transaction_, e.asked_by), Why::SameTransaction);
        translations_[e.asked_by] = e.transaction;
    }
    void on(const iommu::FaultRaised& e) {
        if (e.fate == iommu::FaultFate::Recorded) records_[{raw(e.stream), raw(e.pasid), e.code}].push_back(id_);
    }
    /// Records are taken out in the order in which they were written.
    void on(const os::FaultHandled& e) {
        auto& waiting = records_[{raw(e.stream), raw(e.pasid), e.code}];
        if (waiting.empty()) return;
        add(waiting.front(), Why::FaultRecord);
        waiting.pop_front();
    }
    /// A Stop Marker is of no group: it may have the index of one that is under way.
    void on(const devices::PageRequestSent& e) {
        Requests& r = requests_of(e.stream, e.group);
        if (e.stop_marker) {
            r.sent[e.at.page_number()] = id_;
            return;
        }
        if (r.answered != 0 || r.response != 0) r = {}; // the index is used again
        r.sent[e.at.page_number()] = id_;
        r.transactions.push_back(e.transaction);
    }
    void on(const iommu::PageRequestReceived& e) {
        Requests& r = requests_of(e.stream, e.group);
        add(in(r.sent, e.at.page_number()), Why::PageAsked);
        r.taken[e.at.page_number()] = id_;
        if (!e.stop_marker) r.last_taken = id_;
    }
    void on(const iommu::PageRequestRecorded& e) {
        Requests& r = requests_of(e.stream, e.group);
        add(in(r.taken, e.at.page_number()), Why::PageTaken);
        r.recorded[e.at.page_number()] = id_;
    }
    void on(const iommu::PageRequestDropped& e) {
        Requests& r = requests_of(e.stream, e.group);
        add(in(r.taken, e.at.page_number()), Why::PageTaken);
        add(in(states_, e.queue.index()), Why::QueueStopped);
    }
    void on(const iommu::StallRecorded& e) {
        Requests& r = requests_of(e.stream, e.tag);
        r = {};
        r.recorded[e.at.page_number()] = id_;
    }
    void on(const os::PageRequestEnded& e) {
        Requests& r = requests_of(e.stream, e.group);
        add(in(r.recorded, e.at.page_number()), Why::PageRecorded);
        r.recorded.erase(e.at.page_number());
        r.ended.push_back(id_);
    }
    void on(const os::PageGroupAnswered& e) {
        Requests& r = requests_of(e.stream, e.group);
        for (const u64 ended : r.ended) add(ended, Why::PageHandled);
        r.ended.clear();
        r.answered = id_;
    }
    void on(const iommu::PageResponseSent& e) {
        Requests& r = requests_of(e.stream, e.group);
        if (e.reason == iommu::PageResponseReason::Driver) add(r.answered, Why::PageAnswered);
        else add(r.last_taken, Why::PageTaken);
        r.response = id_;
    }
    void on(const devices::PageResponseHeard& e) {
        Requests& r = requests_of(e.stream, e.group);
        add(r.response, Why::PageResponse);
        for (const u64 transaction : r.transactions)
            if (transaction != 0 && e.fate == devices::PageResponseFate::Taken) pages_heard_[transaction] = id_;
        if (e.fate == devices::PageResponseFate::Unexpected) add(r.over, Why::GroupOver);
        // What the kernel still has of it goes on: somebody else's answer may have ended the group.
        Requests after;
        after.recorded = std::move(r.recorded);
        after.over = e.fate == devices::PageResponseFate::Unexpected ? r.over : id_;
        r = std::move(after);
    }
    void on(const devices::PageGroupForgotten& e) {
        Requests& r = requests_of(e.stream, e.group);
        for (const auto& [page, sent] : r.sent) add(sent, Why::PageAsked);
        r.transactions.clear();
    }
    void on(const iommu::StallResolved& e) {
        if (e.by == iommu::StallResolver::Resume && e.recorded) add(requests_of(e.stream, e.tag).answered, Why::PageAnswered);
    }
    Requests& requests_of(StreamId stream, u16 group) { return groups_[{raw(stream), group}]; }

    static constexpr std::size_t most_observed = 256; ///< fences of an address space that may cover what is freed
    Ahead ahead_;
    u64 id_ = 0;
    sim::Time at_{};
    std::size_t from_ = 0; ///< of this event's causes
    std::vector<Cause> found_;
    std::unordered_map<u64, u64> last_of_transaction_, spans_, fences_, translations_, pages_heard_;
    std::unordered_map<u32, u64> last_of_, states_, processes_, dying_, pasids_, resets_, victims_, signalled_; ///< signalled: by process, the first reason to die
    std::unordered_map<u64, u64> open_, issued_, invalidations_, frames_; ///< issued: by place in memory
    std::map<u32, Bond> bonds_;
    std::map<CommandKey, u64> begun_, requests_;
    std::map<u32, std::vector<std::pair<u64, u64>>> completed_; ///< by unit: sequence and event, since its last fence
    std::map<u32, std::deque<Observed>> observed_;
    std::map<Group, Requests> groups_;
    std::map<std::tuple<u32, u32, u16>, std::deque<u64>> records_;
};
} // namespace

std::vector<Cause> find_causes(const std::vector<LoggedEvent>& events) { return CauseFinder(events).take(); }

} // namespace quiesce::observe
