// SPDX-License-Identifier: Apache-2.0
#include "observe/teardowns.h"

#include <algorithm>

namespace quiesce::observe {

Teardowns::Teardowns(base::EventBus& bus, std::size_t told) : bus_(bus), told_(told), spans_(bus), page_requests_(bus), steps_(bus) {
    using Heard = base::EventList<memory::DmaCommitted, memory::FrameUnmapped, memory::FrameFreed, iommu::FaultRaised, pcie::TlpSent, devices::RequestArrived,
                                  os::BondChanged, os::TeardownTriggered, os::InvalidationIssued, os::FenceObserved, os::StopSeen,
                                  os::MmputReturned, os::ExitMmapReturned, os::PasidChanged, os::PagePinned>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { on(now, e); });
}

Teardowns::BondData& Teardowns::bond(BondId b) {
    if (raw(b) >= bonds_.size()) bonds_.resize(raw(b) + 1);
    return bonds_[raw(b)];
}

void Teardowns::on(sim::Time now, const memory::DmaCommitted& e) {
    if (e.bond == no_bond) return;
    BondData& b = bond(e.bond);
    b.last_commit = now;
    b.commit_event = bus_.event_id();
}

void Teardowns::seen(BondData& b, sim::Time now) {
    b.last_seen = now;
    b.seen_event = bus_.event_id();
}

void Teardowns::on(sim::Time now, const pcie::TlpSent& e) {
    if (e.bond == no_bond || !e.upstream) return;
    seen(bond(e.bond), now);
}

void Teardowns::on(sim::Time now, const devices::RequestArrived& e) {
    if (e.bond != no_bond) seen(bond(e.bond), now);
}

void Teardowns::on(sim::Time now, const iommu::FaultRaised& e) {
    if (e.bond == no_bond || e.fate != iommu::FaultFate::Recorded) return;
    seen(bond(e.bond), now);
}

void Teardowns::on(sim::Time now, const memory::FrameUnmapped& e) {
    ++order_;
    for (const u32 id : mms_[raw(e.owner)].bonds)
        if (!bonds_[id].blocked)
            exposed_[{id, e.page.page_number(), e.frame.page_number()}] = {now, order_};
}

Exposure* Teardowns::BondData::window(sim::Time now, Exposure::By by) {
    if (!exposed.empty() && exposed.back().until == now && exposed.back().by == by) return &exposed.back();
    if (exposed.size() == most_exposures) {
        ++exposed_left_out;
        return nullptr;
    }
    Exposure& fresh = exposed.emplace_back();
    fresh.until = now;
    fresh.by = by;
    return &fresh;
}

/// The page's time is over for this bond.
Teardowns::ExposedPages::iterator Teardowns::end_exposure(ExposedPages::iterator page, sim::Time now, Exposure::By by) {
    BondData& b = bonds_[std::get<0>(page->first)];
    b.exposure += now - page->second.since;
    if (Exposure* const w = b.window(now, by)) w->add(std::get<1>(page->first) * page_size, page->second.since);
    const auto next = exposed_.erase(page);
    if (exposed_.empty()) issued_.clear(); // what is unmapped from here on was unmapped after them
    return next;
}

void Teardowns::on(sim::Time now, const memory::FrameFreed& e) {
    if (raw(e.owner) == 0) return;
    MmData& m = mms_[raw(e.owner)];
    for (const u32 id : m.bonds)
        if (const auto page = exposed_.find({id, e.page.page_number(), e.frame.page_number()}); page != exposed_.end())
            end_exposure(page, now, Exposure::By::Free);
    if (e.use == memory::FrameUse::Leaf) {
        for (const u32 id : m.bonds)
            if (BondData& b = bonds_[id]; b.torn && !b.free_first) {
                b.free_first = now;
                b.free_first_event = bus_.event_id();
            }
        m.free_last = now;
        m.free_last_event = bus_.event_id();
    } else if (e.use == memory::FrameUse::Table) {
        m.tables_free = now;
        m.tables_event = bus_.event_id();
    }
}

void Teardowns::on(sim::Time, const os::BondChanged& e) {
    BondData& b = bond(e.bond);
    if (b.mm != e.mm) mms_[raw(e.mm)].bonds.push_back(raw(e.bond));
    b.mm = e.mm;
    b.process = e.process.text();
    b.device = e.device.text();
    b.pasid = e.pasid;
    if (e.state == os::BondState::Bound) b.blocked = false;
}

void Teardowns::on(sim::Time now, const os::TeardownTriggered& e) {
    BondData& b = bond(e.bond);
    if (!b.torn) {
        b.torn = true;
        b.t0 = now;
        b.t0_span = e.span;
        b.t0_event = bus_.event_id();
    }
    const std::string name{e.trigger.text()};
    if (std::find(b.triggers.begin(), b.triggers.end(), name) == b.triggers.end()) b.triggers.push_back(name);
}

void Teardowns::on(sim::Time, const os::InvalidationIssued& e) {
    if (!exposed_.empty()) issued_[e.issued_sequence] = ++order_;
}

void Teardowns::on(sim::Time now, const os::FenceObserved& e) {
    const auto issued = issued_.find(e.issued_sequence);
    const u64 order = issued == issued_.end() ? 0 : issued->second;
    if (issued != issued_.end()) issued_.erase(issued);
    const u64 pages = e.bytes / page_size;
    for (const u32 id : mms_[raw(e.mm)].bonds) {
        BondData& b = bonds_[id];
        if (e.bond != no_bond && raw(e.bond) != id) continue;
        if (e.blocks) {
            b.blocked = true;
            if (b.torn && !b.block) {
                b.block = now;
                b.block_span = e.span;
                b.block_event = bus_.event_id();
            }
        }
        const u64 first = e.first.page_number();
        auto i = exposed_.lower_bound({id, first, 0});
        while (i != exposed_.end() && std::get<0>(i->first) == id && std::get<1>(i->first) - first < pages) {
            const bool unmapped_after_issue = i->second.order > order && !e.blocks;
            i = unmapped_after_issue ? std::next(i) : end_exposure(i, now, Exposure::By::Fence);
        }
    }
}

void Teardowns::on(sim::Time now, const os::StopSeen& e) {
    BondData& b = bond(e.bond);
    (e.gave_up ? b.gave_up : b.stop) = now;
    (e.gave_up ? b.gave_up_span : b.stop_span) = e.span;
    (e.gave_up ? b.gave_up_event : b.stop_event) = bus_.event_id();
}

void Teardowns::on(sim::Time now, const os::MmputReturned& e) {
    MmData& m = mms_[raw(e.mm)];
    m.mmput = now; // the last thread's is the last to come
    m.mmput_span = e.span;
    m.mmput_event = bus_.event_id();
    m.mmput_ran_exit_mmap = e.last;
}

void Teardowns::on(sim::Time now, const os::ExitMmapReturned& e) {
    MmData& m = mms_[raw(e.mm)];
    m.exit_mmap = now;
    m.exit_mmap_span = e.span;
    m.exit_mmap_event = bus_.event_id();
}

void Teardowns::on(sim::Time now, const os::PasidChanged& e) {
    if (e.state != os::PasidState::Free) return;
    for (const u32 id : mms_[raw(e.mm)].bonds)
        if (BondData& b = bonds_[id]; b.pasid == e.pasid && b.torn && !b.reuse) {
            b.reuse = now;
            b.reuse_event = bus_.event_id();
        }
}

Teardown Teardowns::result(BondId id, const BondData& b) const {
    Teardown t;
    t.bond = id;
    t.process = b.process;
    t.device = b.device;
    t.mm = b.mm;
    t.pasid = b.pasid;
    t.t0 = b.t0;
    t.t0_span = b.t0_span;
    t.t0_event = b.t0_event;
    t.trigger = b.triggers.front();
    t.also.assign(b.triggers.begin() + 1, b.triggers.end());
    t.exposure = b.exposure;
    const auto from = exposed_.lower_bound({raw(id), 0, 0}), to = exposed_.lower_bound({raw(id) + 1, 0, 0});
    t.exposed = b.exposed;
    t.exposed_left_out = b.exposed_left_out;
    if (from != to) t.exposed.emplace_back();
    if (from != to) t.exposed.back().until = bus_.now(), t.exposed.back().by = Exposure::By::Open;
    for (auto page = from; page != to; ++page, ++t.exposed_pages_open) {
        t.exposure += bus_.now() - page->second.since;
        t.exposed.back().add(std::get<1>(page->first) * page_size, page->second.since);
    }
    const auto found = mms_.find(raw(b.mm));
    const MmData m = found == mms_.end() ? MmData{} : found->second;
    auto mark = [&](const char* name, std::optional<sim::Time> at, bool wanted = true) {
        if (at) t.milestones.emplace_back(name, std::max(*at, t.t0));
        else if (wanted) t.open.emplace_back(name);
    };
    mark("block_observed", std::max(b.last_commit, b.t0));
    mark("block", b.block);
    mark("stop", b.stop);
    // From T0 on if no request was outstanding then.
    mark("drain",
         page_requests_.open(id) == 0 ? std::optional{page_requests_.drained(id).value_or(b.t0)} : std::nullopt);
    mark("last_seen", std::max(b.last_seen, b.t0));
    // What was freed before T0 (munmap) is none of this teardown's.
    auto since_t0 = [&](std::optional<sim::Time> at) { return at && *at >= t.t0 ? at : std::nullopt; };
    mark("free_first", b.free_first);
    mark("free_last", b.free_first ? m.free_last : std::nullopt);
    mark("mmput", m.mmput);
    if (b.pinned) t.not_applicable.emplace_back("reuse"); // its PASID is a tag of its driver's
    else mark("reuse", b.reuse);
    mark("stop_gave_up", b.gave_up, false);
    mark("tables_free", since_t0(m.tables_free), false);
    mark("exit_mmap", m.exit_mmap, false);
    t.mmput_ran_exit_mmap = m.mmput_ran_exit_mmap;
    t.pinned = m.pinned;
    const std::pair<const char*, u64> events[] = {
        {"block_observed", b.commit_event}, {"block", b.block_event}, {"stop", b.stop_event}, {"drain", page_requests_.drained_by(id)},
        {"last_seen", b.seen_event}, {"free_first", b.free_first_event}, {"free_last", m.free_last_event}, {"mmput", m.mmput_event},
        {"reuse", b.reuse_event}, {"stop_gave_up", b.gave_up_event}, {"tables_free", m.tables_event}, {"exit_mmap", m.exit_mmap_event}};
    for (const auto& [name, event] : events)
        if (const auto at = t.at(name); at && *at > t.t0 && event > t.t0_event) t.events.emplace_back(name, event);
    judge(t, b);
    return t;
}

/// To something that the device did: through its answer to the stop command if it was draining, else it worked all the
/// time.
std::vector<PathPart> Teardowns::device_path(const Teardown& t, sim::Time to) const {
    const u64 draining =
        spans_.latest(to, [&](const base::Span& s) { return s.bond == t.bond && s.actor.text() == t.device; });
    if (draining == 0 || spans_.end_of(draining) <= t.t0) return {{"device-work", t.device, "", t.t0, to, 0}};
    return spans_.path(t.t0, to, draining);
}

/// To the end of the bond's last page request: through the worker that handled it, if one did. One that the device
/// forgot was under way until then.
std::vector<PathPart> Teardowns::drain_path(const Teardown& t, sim::Time to) const {
    static const base::Name page_fault{"page-fault"};
    const u64 handled =
        spans_.latest(to, [&](const base::Span& s) { return s.bond == t.bond && s.phase == page_fault; });
    if (handled == 0 || spans_.end_of(handled) <= t.t0 || page_requests_.forgotten(t.bond)) return device_path(t, to);
    const sim::Time answered = std::clamp(spans_.end_of(handled), t.t0, to);
    auto parts = spans_.path(t.t0, answered, handled);
    if (answered < to) parts.push_back({"page-response", t.device, "", answered, to, 0});
    return parts;
}

/// To something that the dying process's threads did, or that they left to somebody who drops the last reference later.
std::vector<PathPart> Teardowns::process_path(const Teardown& t, sim::Time to) const {
    const std::string threads = t.process + "/";
    const BondData& b = bonds_[raw(t.bond)];
    const auto m = mms_.find(raw(t.mm));
    const base::Name last_user = spans_.actor_of(m == mms_.end() ? 0 : m->second.exit_mmap_span), stopper = spans_.actor_of(b.stop_span);
    const auto had_part = [&](const base::Span& s) {
        return (last_user && s.actor == last_user) || (stopper && s.actor == stopper) || s.actor.text().substr(0, threads.size()) == threads;
    };
    const u64 last = spans_.latest(to, had_part);
    const sim::Time left = last == 0 ? t.t0 : std::clamp(spans_.end_of(last), t.t0, to);
    auto parts = spans_.path(t.t0, left, last);
    if (left < to) parts.push_back({"deferred", "kernel", "", left, to, 0});
    return parts;
}

std::vector<PathPart> Teardowns::path_of(const Teardown& t, const BondData& b, const std::string& milestone,
                                         sim::Time at) const {
    const auto found = mms_.find(raw(t.mm));
    const MmData m = found == mms_.end() ? MmData{} : found->second;
    const std::pair<const char*, u64> told[] = {{"block", b.block_span},
                                                {"stop", b.stop_span},
                                                {"stop_gave_up", b.gave_up_span},
                                                {"mmput", m.mmput_span},
                                                {"exit_mmap", m.exit_mmap_span}};
    for (const auto& [name, span] : told)
        if (milestone == name) {
            if (span != 0) return spans_.path(t.t0, at, span);
            return {{"running", t.process, "", t.t0, at, 0}}; // nothing that was done for it has a name
        }
    if (milestone == "drain") return drain_path(t, at);
    if (milestone == "block_observed" || milestone == "last_seen") return device_path(t, at);
    return process_path(t, at); // frees and reuse: their events name no span
}

void Teardowns::judge(Teardown& t, const BondData& b) {
    if (!b.block || !b.stop || !t.at("drain")) return;
    t.quiesce = sim::Duration{};
    for (const char* name : {"drain", "last_seen", "block", "stop"})
        if (const auto at = t.at(name); at && *at - t.t0 > *t.quiesce) {
            t.quiesce = *at - t.t0;
            t.last = name;
        }
}

void Teardowns::break_down(Teardown& t) const {
    t.steps = steps_.of(t.bond);
    for (const auto& [name, at] : t.milestones)
        if (at > t.t0) t.paths.emplace_back(name, path_of(t, bonds_[raw(t.bond)], name, at));
    if (!t.quiesce) return;
    for (const auto& [name, parts] : t.paths)
        if (name == t.last) t.breakdown = parts;
}

/// A path leads through whomever the bond waited for: where many wait for each other, all of them together would be as long as
/// the square of their number.
void Teardowns::make_brief(std::vector<Teardown>& all) const {
    if (all.size() <= told_) return;
    std::vector<Teardown*> slowest_first;
    for (Teardown& t : all) slowest_first.push_back(&t);
    std::stable_sort(slowest_first.begin(), slowest_first.end(), [](const Teardown* a, const Teardown* b) {
        return a->quiesce.value_or(sim::Duration::max()) > b->quiesce.value_or(sim::Duration::max());
    });
    for (std::size_t i = told_; i < slowest_first.size(); ++i) slowest_first[i]->brief = true;
}

std::vector<Teardown> Teardowns::results() const {
    std::vector<Teardown> all;
    for (u32 id = 1; id < bonds_.size(); ++id)
        if (bonds_[id].torn) all.push_back(result(BondId{id}, bonds_[id]));
    std::stable_sort(all.begin(), all.end(), [](const Teardown& a, const Teardown& b) { return a.t0 < b.t0; });
    make_brief(all);
    for (Teardown& t : all)
        if (!t.brief) break_down(t);
    return all;
}

std::size_t Teardowns::begun() const {
    return static_cast<std::size_t>(std::count_if(bonds_.begin(), bonds_.end(), [](const BondData& b) { return b.torn; }));
}

bool Teardowns::all_quiet() const {
    return std::all_of(bonds_.begin(), bonds_.end(),
                       [](const BondData& b) { return !b.torn || ((b.stop || b.gave_up) && b.block); });
}

} // namespace quiesce::observe
