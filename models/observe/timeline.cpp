// SPDX-License-Identifier: Apache-2.0
#include "observe/timeline.h"

#include "observe/protobuf.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <ostream>
#include <set>
#include <utility>

namespace quiesce::observe {

// ---- what is kept ---------------------------------------------------------------------------------------------------

Timeline::Timeline(base::EventBus& bus, const WaveWindow& window) : bus_(bus), window_(window) {
    using Heard = base::EventList<base::Span, base::LevelChanged, base::StateChanged, devices::QueueState, os::BondChanged,
                                  os::TeardownTriggered, os::FenceObserved, devices::DmaIssued, devices::DmaEnded,
                                  memory::DmaCommitted, iommu::FaultRaised, pcie::TlpSent, os::ProcessChanged, iommu::Translated,
                                  iommu::InvalidationBegun, iommu::InvalidationDone>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { on(now, e); });
    if (window_.everything) open_until_ = sim::Time::never();
}

/// By its end: what began long before a window and reaches into it is in it.
void Timeline::keep(Entry e) {
    if (e.event == 0) e.event = bus_.event_id();
    if (e.to <= open_until_ || e.from <= open_until_) {
        if (kept_.size() < most_entries) kept_.push_back(e);
        else ++left_out_;
        return;
    }
    recent_.push_back(e);
    while (recent_.front().to + window_.before < e.to) recent_.pop_front();
}

void Timeline::open_window(sim::Time now) {
    if (window_.everything) return;
    if (now > open_until_)
        for (Entry& e : recent_) {
            if (e.to + window_.before < now) continue;
            if (kept_.size() < most_entries) kept_.push_back(e);
            else ++left_out_;
        }
    recent_.clear();
    open_until_ = std::max(open_until_, now + window_.after);
}

void Timeline::set_state(sim::Time now, base::Name track, base::Name state, BondId bond) {
    const auto [at, fresh] = states_.try_emplace(track.index(), Standing{now, state, bond, bus_.event_id()});
    if (fresh) return;
    Standing& s = at->second;
    if (s.since != now) keep({.kind = Kind::State, .from = s.since, .to = now, .track = track, .what = s.state, .bond = s.bond, .event = s.event});
    s = {now, state, bond, bus_.event_id()};
}

base::Name Timeline::device_of(BondId bond, DeviceId device) const {
    const auto found = devices_.find(raw(bond));
    return found != devices_.end() ? found->second : base::Name{fmt::format("device{}", raw(device))};
}

void Timeline::on(sim::Time now, const base::Span& e) {
    keep({Kind::Span, e.start, now, e.actor, e.phase, e.waits_for, e.id, e.begun_by, 0, e.bond});
}
void Timeline::on(sim::Time now, const base::LevelChanged& e) {
    keep({.kind = Kind::Level, .from = now, .to = now, .track = e.what, .what = {}, .value = e.value});
}

void Timeline::on(sim::Time now, const os::BondChanged& e) {
    static const base::Name names[] = {"unbound", "bound", "exited", "draining"};
    devices_[raw(e.bond)] = e.device;
    const base::Name track{fmt::format("bonds.{} {} on {}", raw(e.bond), e.process.text(), e.device.text())};
    set_state(now, track, names[static_cast<unsigned>(e.state)], e.bond);
    if (e.state != os::BondState::Bound) open_window(now);
}

void Timeline::on(sim::Time now, const os::TeardownTriggered&) { open_window(now); }

void Timeline::on(sim::Time now, const os::FenceObserved& e) {
    if (e.blocks) open_window(now);
}

void Timeline::on(sim::Time now, const devices::DmaIssued& e) {
    outstanding_[e.transaction] = {now, device_of(e.bond, e.device), e.at.value(), e.bond, e.write, devices_.count(raw(e.bond)) != 0};
}

/// A write is over where it lands, which may be after its device is through with it.
void Timeline::end_transaction(sim::Time now, u64 transaction, base::Name how) {
    const auto found = outstanding_.find(transaction);
    if (found == outstanding_.end()) return;
    const Outstanding& o = found->second;
    keep({Kind::Transaction, o.since, now, o.device, how, {}, transaction, 0, o.at, o.bond, o.tag});
    outstanding_.erase(found);
}

void Timeline::on(sim::Time now, const devices::DmaEnded& e) {
    static const base::Name read{"read"}, refused{"refused"};
    if (e.ending != devices::DmaEnding::Success) end_transaction(now, e.transaction, refused);
    else if (!e.write) end_transaction(now, e.transaction, read);
}
void Timeline::on(sim::Time now, const memory::DmaCommitted& e) {
    static const base::Name write{"write"}, late{"write after unmap"}, wrong{"WRONG"};
    const bool bad = e.verdict > memory::Verdict::AfterUnmap;
    if (bad) keep({Kind::Mark, now, now, device_of(e.bond, e.device), wrong, {}, e.transaction, 0, e.aimed_at.value(), e.bond});
    if (e.write) end_transaction(now, e.transaction, bad ? wrong : e.verdict == memory::Verdict::AfterUnmap ? late : write);
}
void Timeline::on(sim::Time now, const iommu::FaultRaised& e) {
    keep({Kind::Mark, now, now, base::Name{"faults"}, e.type, {}, e.transaction, 0, e.at.value(), e.bond});
    end_transaction(now, e.transaction, e.type);
}
void Timeline::on(sim::Time now, const pcie::TlpSent& e) {
    static const std::array<base::Name, 10> kinds{"MRd", "MWr", "Cpl", "Msg", "CfgRd", "CfgWr", "DMWr", "FetchAdd", "Swap", "CAS"};
    const LinkTracks& tracks = tracks_of(e.link);
    keep({Kind::Packet, e.began, now, e.upstream ? tracks.up : tracks.down, kinds.at(static_cast<std::size_t>(e.kind)), {}, e.transaction, 0, e.address, e.bond});
    const auto found = e.upstream ? outstanding_.find(e.transaction) : outstanding_.end();
    if (found == outstanding_.end()) return;
    Outstanding& o = found->second;
    if (!o.named) o.device = tracks.lower; // a device that nobody is bound to: its link has its name
    if (!o.write) o.tag = e.tag;
    o.named = true;
    o.arrived = now;
    o.upper = e.upper;
}

const Timeline::LinkTracks& Timeline::tracks_of(base::Name link) {
    const auto [at, fresh] = links_.try_emplace(link.index());
    if (fresh) {
        std::string_view lower = link.text();
        if (lower.ends_with(".link")) lower.remove_suffix(5);
        at->second = {base::Name{fmt::format("{}.up", link.text())}, base::Name{fmt::format("{}.down", link.text())}, base::Name{std::string{lower}}};
    }
    return at->second;
}

base::Name Timeline::track_below(base::Name owner, std::string_view what) {
    const auto [at, fresh] = tracks_below_.try_emplace({owner.index(), what});
    if (fresh) at->second = base::Name{fmt::format("{}.{}", owner.text(), what)};
    return at->second;
}

/// From where it left the last link: the root complex asks the IOMMU, which looks it up or walks.
void Timeline::on(sim::Time now, const iommu::Translated& e) {
    static const std::array<base::Name, 4> found{"TLB hit", "walk", "untranslated", "hit of a neighbour"};
    static const base::Name refused{"refused"};
    const auto request = outstanding_.find(e.transaction);
    if (request == outstanding_.end() || !request->second.upper) return;
    const Outstanding& o = request->second;
    keep({Kind::Translation, o.arrived, now, track_below(o.upper, "translations"), e.granted ? found.at(static_cast<std::size_t>(e.look_up)) : refused, {},
          e.transaction, 0, e.at.value(), e.bond});
}

void Timeline::on(sim::Time now, const iommu::InvalidationBegun& e) { invalidations_[{e.unit.index(), e.sequence}] = {now, e.kind}; }

void Timeline::on(sim::Time now, const iommu::InvalidationDone& e) {
    static const std::array<base::Name, 3> kinds{"configuration", "translation", "device TLB"};
    const auto found = invalidations_.find({e.unit.index(), e.sequence});
    if (found == invalidations_.end()) return;
    const auto [since, kind] = found->second;
    keep({.kind = Kind::Invalidation, .from = since, .to = now, .track = track_below(e.unit, "invalidations"), .what = kinds.at(static_cast<std::size_t>(kind)),
          .value = e.sequence});
    invalidations_.erase(found);
}

// ---- how it is written (perfetto: protos/perfetto/trace/{trace,trace_packet}.proto, track_event/*.proto) ---------------

namespace {
namespace field {
constexpr u32 trace_packet = 1, timestamp = 8, sequence = 10, track_event = 11, track_descriptor = 60;
constexpr u32 uuid = 1, name = 2, parent = 5, counter = 8, child_ordering = 11, rank = 12, unit_name = 6;
constexpr u32 type = 9, of_track = 11, category = 22, event_name = 23, counter_value = 30, flow = 47, annotation = 4;
constexpr u32 annotation_name = 10, annotation_number = 3, annotation_text = 6;
} // namespace field
constexpr u64 explicit_order = 3, our_sequence = 1;
enum class EventType : u64 { Begin = 1, End = 2, Instant = 3, Counter = 4 };

/// Packets with their times: sorted at the end, those of one track stay in their order.
class TrackEvents {
public:
    u64 group(const std::string& name, u64 rank) {
        const auto [at, fresh] = groups_.try_emplace(name, 0);
        if (fresh) at->second = describe(name, 0, rank, false);
        return at->second;
    }
    u64 describe(const std::string& name, u64 parent, u64 rank, bool counter) {
        Protobuf d;
        d.number(field::uuid, ++last_).text(field::name, name);
        if (parent != 0) d.number(field::parent, parent);
        if (counter) d.message(field::counter, Protobuf{});
        d.number(field::child_ordering, explicit_order).number(field::rank, rank);
        descriptors_.push_back(std::move(d));
        return last_;
    }
    Protobuf event(EventType type, u64 track) const {
        Protobuf e;
        e.number(field::type, static_cast<u64>(type)).number(field::of_track, track);
        return e;
    }
    void add(sim::Time at, Protobuf event) { events_.emplace_back(at, std::move(event)); }
    void write(std::ostream& out) {
        for (const Protobuf& d : descriptors_) packet(out, Protobuf{}.number(field::sequence, our_sequence).message(field::track_descriptor, d));
        std::stable_sort(events_.begin(), events_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        for (const auto& [at, e] : events_)
            packet(out, Protobuf{}
                            .number(field::timestamp, static_cast<u64>(at.ps()) / 1'000)
                            .number(field::sequence, our_sequence)
                            .message(field::track_event, e));
    }

private:
    static void packet(std::ostream& out, const Protobuf& p) {
        const std::string bytes = Protobuf{}.message(field::trace_packet, p).bytes();
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
    u64 last_ = 0;
    std::map<std::string, u64> groups_;
    std::vector<Protobuf> descriptors_;
    std::vector<std::pair<sim::Time, Protobuf>> events_;
};

void annotate(Protobuf& e, std::string_view name, u64 value) {
    e.message(field::annotation, Protobuf{}.text(field::annotation_name, name).number(field::annotation_number, value));
}
void annotate(Protobuf& e, std::string_view name, std::string_view value) {
    e.message(field::annotation, Protobuf{}.text(field::annotation_name, name).text(field::annotation_text, value));
}

struct Slice {
    sim::Time from, to;
    Protobuf begin; ///< an event without its type and track: put behind them
};

/// Slices of one track nest: those that do not go to a further lane. With `apart` none is inside another.
class Lanes {
public:
    explicit Lanes(bool apart) : apart_(apart) {}
    void add(Slice s) { all_.push_back(std::move(s)); }
    void write(TrackEvents& out, const std::string& name, u64 group, u64 rank) {
        std::stable_sort(all_.begin(), all_.end(), [](const Slice& a, const Slice& b) { return a.from != b.from ? a.from < b.from : a.to > b.to; });
        for (Slice& s : all_) {
            Lane& lane = room_for(s);
            if (lane.track == 0) lane.track = out.describe(lanes_.size() == 1 ? name : fmt::format("{} ({})", name, lanes_.size()), group, rank, false);
            put(out, lane, s);
        }
        for (Lane& lane : lanes_)
            while (!lane.open.empty()) end(out, lane);
    }

private:
    struct Lane {
        u64 track = 0;
        std::vector<sim::Time> open{};
    };
    bool fits(const Lane& lane, const Slice& s) const {
        const auto goes_on = std::find_if(lane.open.rbegin(), lane.open.rend(), [&](sim::Time t) { return t > s.from; });
        if (goes_on == lane.open.rend()) return true;
        return !apart_ && *goes_on >= s.to;
    }
    Lane& room_for(const Slice& s) {
        const auto found = std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& l) { return fits(l, s); });
        if (found != lanes_.end()) return *found;
        return lanes_.emplace_back();
    }
    static void end(TrackEvents& out, Lane& lane) {
        out.add(lane.open.back(), out.event(EventType::End, lane.track));
        lane.open.pop_back();
    }
    static void put(TrackEvents& out, Lane& lane, const Slice& s) {
        while (!lane.open.empty() && lane.open.back() <= s.from) end(out, lane);
        Protobuf e = out.event(s.from == s.to ? EventType::Instant : EventType::Begin, lane.track);
        e.append(s.begin);
        out.add(s.from, std::move(e));
        if (s.from != s.to) lane.open.push_back(s.to);
    }
    bool apart_;
    std::vector<Slice> all_;
    std::vector<Lane> lanes_;
};

constexpr std::size_t most_teardowns = 1'000; ///< of more, those that are told in full
constexpr u64 teardown_rank = 0, bond_rank = 1, kernel_rank = 2, unit_rank = 3, fault_rank = 4;

struct Place {
    std::string group, track;
    u64 rank;
};
/// Threads and workers have a slash in their names; units and devices are before the first dot.
Place place_of(std::string_view name) {
    if (name.find('/') != std::string_view::npos && name.substr(0, 6) != "bonds.") return {"kernel", std::string{name}, kernel_rank};
    const auto dot = name.find('.');
    const std::string first{name.substr(0, dot)};
    return {first, std::string{dot == std::string_view::npos ? name : name.substr(dot + 1)},
            first == "bonds" ? bond_rank : first == "faults" ? fault_rank : unit_rank};
}

std::string told(const Teardown& t) { return fmt::format("{} of {} on {}, bond {}, PASID {}", t.trigger, t.process, t.device, raw(t.bond), raw(t.pasid)); }

Protobuf slice_named(std::string_view name, std::string_view category, sim::Time from) {
    Protobuf e;
    e.text(field::category, category).text(field::event_name, name);
    annotate(e, "start_ps", static_cast<u64>(from.ps()));
    return e;
}

/// Its whole, what it took to be quiet, its milestones as instants; its steps below.
void write_teardown(TrackEvents& out, u64 group, u64 rank, const std::string& id, const Teardown& t) {
    Lanes whole(false), steps(false);
    sim::Time last = t.t0;
    for (const auto& [name, at] : t.milestones) last = std::max(last, at);
    Protobuf all = slice_named(told(t), "teardown", t.t0);
    annotate(all, "event", fmt::format("e{}", t.t0_event));
    whole.add({t.t0, last, std::move(all)});
    if (t.quiesce) whole.add({t.t0, t.t0 + *t.quiesce, slice_named("quiesce", "teardown", t.t0)});
    for (const auto& [name, at] : t.milestones) {
        Protobuf e = slice_named(name, "milestone", at);
        for (const auto& [of, event] : t.events)
            if (of == name) annotate(e, "event", fmt::format("e{}", event));
        whole.add({at, at, std::move(e)});
    }
    for (const StepTaken& s : t.steps) {
        Protobuf e = slice_named(s.step, "step", s.start);
        annotate(e, "by", s.by);
        for (const auto& [command, count] : s.commands) annotate(e, command, count);
        steps.add({s.start, s.open ? last : s.end, std::move(e)});
    }
    whole.write(out, id + ": " + told(t), group, rank);
    steps.write(out, id + ": steps", group, rank);
}
} // namespace

/// Who is pointed to, and by whom: a span and those that it caused, the stations of a transaction.
struct Timeline::Arrows {
    explicit Arrows(const std::vector<Entry>& all) {
        for (const Entry& e : all) {
            if (e.kind == Kind::Span) spans.insert(e.id);
            if (e.kind == Kind::Span && e.begun_by != 0) caused[e.begun_by].push_back(e.id);
            if (is_station(e)) ++stations[e.id];
        }
    }
    static bool is_station(const Entry& e) {
        return e.id != 0 && (e.kind == Kind::Transaction || e.kind == Kind::Packet || e.kind == Kind::Mark || e.kind == Kind::Translation);
    }
    void add_to(Protobuf& event, const Entry& e) const {
        if (is_station(e) && stations.at(e.id) > 1) event.fixed64(field::flow, e.id * 2 + 1);
        if (e.kind != Kind::Span) return;
        if (e.begun_by != 0 && spans.count(e.begun_by) != 0) event.fixed64(field::flow, e.id * 2);
        if (const auto found = caused.find(e.id); found != caused.end())
            for (const u64 target : found->second) event.fixed64(field::flow, target * 2);
    }
    std::set<u64> spans;
    std::unordered_map<u64, std::vector<u64>> caused;
    std::unordered_map<u64, u64> stations;
};

void Timeline::write(std::ostream& out, const std::vector<Teardown>& teardowns, sim::Time end) const {
    std::vector<Entry> all = kept_;
    for (const auto& [track, s] : states_)
        if (s.since < end) all.push_back({.kind = Kind::State, .from = s.since, .to = end, .track = base::Name::at(track), .what = s.state, .bond = s.bond, .event = s.event});
    const Arrows arrows(all);
    std::map<std::pair<std::string, std::string>, Lanes> tracks;
    std::map<std::pair<std::string, std::string>, std::vector<const Entry*>> levels;
    std::map<std::string, u64> ranks;
    for (const Entry& e : all) {
        Place p = place_of(e.track.text());
        if (e.kind == Kind::Transaction) p.track = "DMA";
        if (e.kind == Kind::Mark) p.track = p.rank == fault_rank ? "of all units" : "landed wrong";
        if (e.kind == Kind::State && p.group != "bonds") p.track += " (state)";
        ranks[p.group] = p.rank;
        if (e.kind == Kind::Level) {
            levels[{p.group, p.track}].push_back(&e);
            continue;
        }
        static constexpr const char* categories[] = {"span", "state", "level", "transaction", "packet", "mark", "translation", "invalidation"};
        Protobuf event = slice_named(e.what.text(), categories[static_cast<unsigned>(e.kind)], e.from);
        arrows.add_to(event, e);
        if (e.event != 0) annotate(event, "event", fmt::format("e{}", e.event));
        if (e.waits_for) annotate(event, "waits_for", e.waits_for.text());
        if (e.bond != no_bond) annotate(event, "bond", raw(e.bond));
        if (Arrows::is_station(e)) annotate(event, "transaction", fmt::format("x{}", e.id));
        if (e.kind == Kind::Invalidation) annotate(event, "sequence", e.value);
        else if (e.value != 0) annotate(event, "address", fmt::format("{:#x}", e.value));
        if (e.tag) annotate(event, "tag", u64{*e.tag});
        tracks.try_emplace({p.group, p.track}, e.kind == Kind::Transaction || e.kind == Kind::Translation || e.kind == Kind::Invalidation).first->second.add({e.from, e.to, std::move(event)});
    }
    TrackEvents events;
    const u64 all_teardowns = events.group("teardowns", teardown_rank);
    if (left_out_ != 0) {
        Lanes note(false);
        note.add({sim::Time{}, end, slice_named(fmt::format("{} further entries are left out: of a shorter window (observe.window) all are told", left_out_), "note", sim::Time{})});
        note.write(events, "left out", all_teardowns, 0);
    }
    for (std::size_t i = 0; i < teardowns.size(); ++i)
        if (teardowns.size() <= most_teardowns || !teardowns[i].brief) write_teardown(events, all_teardowns, i, fmt::format("t{}", i), teardowns[i]);
    for (auto& [where, lanes] : tracks) lanes.write(events, where.second, events.group(where.first, ranks[where.first]), 0);
    for (const auto& [where, entries] : levels) {
        const u64 track = events.describe(where.second, events.group(where.first, ranks[where.first]), 1, true);
        for (const Entry* e : entries) events.add(e->from, std::move(events.event(EventType::Counter, track).number(field::counter_value, e->value)));
    }
    events.write(out);
}

} // namespace quiesce::observe
