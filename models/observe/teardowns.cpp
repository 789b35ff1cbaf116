// SPDX-License-Identifier: Apache-2.0
#include "observe/teardowns.h"

#include <algorithm>

namespace quiesce::observe {

Teardowns::Teardowns(base::EventBus& bus) : bus_(bus), spans_(bus) {
    using Heard = base::EventList<memory::DmaCommitted, memory::FrameUnmapped, memory::FrameFreed, iommu::FaultRaised, pcie::TlpSent,
                                  os::BondChanged, os::TeardownTriggered, os::InvalidationIssued, os::FenceObserved, os::StopSeen,
                                  os::MmputReturned, os::ExitMmapReturned, os::PasidChanged>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { on(now, e); });
}

Teardowns::BondData& Teardowns::bond(BondId b) {
    if (raw(b) >= bonds_.size()) bonds_.resize(raw(b) + 1);
    return bonds_[raw(b)];
}

void Teardowns::on(sim::Time now, const memory::DmaCommitted& e) {
    if (e.bond != no_bond) bond(e.bond).last_commit = now;
}

void Teardowns::on(sim::Time now, const pcie::TlpSent& e) {
    if (e.bond == no_bond || !e.upstream) return;
    BondData& b = bond(e.bond);
    b.last_seen = now;
    b.last_seen_transaction = e.transaction;
}

void Teardowns::on(sim::Time now, const iommu::FaultRaised& e) {
    if (e.bond == no_bond || e.fate != iommu::FaultFate::Recorded) return;
    BondData& b = bond(e.bond);
    b.last_seen = now;
    b.last_seen_transaction = e.transaction;
}

void Teardowns::on(sim::Time now, const memory::FrameUnmapped& e) {
    ++order_;
    for (u32 id = 1; id < bonds_.size(); ++id)
        if (bonds_[id].mm == e.owner && !bonds_[id].device.empty() && !bonds_[id].blocked)
            exposed_[{id, e.page.page_number()}] = {now, order_};
}

void Teardowns::on(sim::Time now, const memory::FrameFreed& e) {
    if (raw(e.owner) == 0) return;
    MmData& m = mms_[raw(e.owner)];
    if (e.use == memory::FrameUse::Leaf) {
        for (BondData& b : bonds_)
            if (b.mm == e.owner && b.torn && !b.free_first) b.free_first = now;
        m.free_last = now;
    } else if (e.use == memory::FrameUse::Table) {
        m.tables_free = now;
    }
}

void Teardowns::on(sim::Time, const os::BondChanged& e) {
    BondData& b = bond(e.bond);
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
    }
    const std::string name{e.trigger.text()};
    if (std::find(b.triggers.begin(), b.triggers.end(), name) == b.triggers.end()) b.triggers.push_back(name);
}

void Teardowns::on(sim::Time, const os::InvalidationIssued& e) { issued_[e.issued_sequence] = ++order_; }

void Teardowns::on(sim::Time now, const os::FenceObserved& e) {
    const auto issued = issued_.find(e.issued_sequence);
    const u64 order = issued == issued_.end() ? order_ : issued->second;
    if (issued != issued_.end()) issued_.erase(issued);
    const u64 pages = e.bytes / page_size;
    for (u32 id = 1; id < bonds_.size(); ++id) {
        BondData& b = bonds_[id];
        if (b.mm != e.mm || (e.bond != no_bond && raw(e.bond) != id)) continue;
        if (e.blocks) {
            b.blocked = true;
            if (b.torn && !b.block) {
                b.block = now;
                b.block_span = e.span;
            }
        }
        auto i = exposed_.lower_bound({id, e.first.page_number()});
        while (i != exposed_.end() && i->first.first == id && i->first.second - e.first.page_number() < pages) {
            if (i->second.order > order && !e.blocks) { // unmapped after the invalidation was issued
                ++i;
                continue;
            }
            b.exposure += now - i->second.since;
            i = exposed_.erase(i);
        }
    }
}

void Teardowns::on(sim::Time now, const os::StopSeen& e) {
    BondData& b = bond(e.bond);
    if (e.gave_up) b.gave_up = now;
    else b.stop = now;
    b.stop_span = e.span;
}

void Teardowns::on(sim::Time now, const os::MmputReturned& e) {
    MmData& m = mms_[raw(e.mm)];
    m.mmput = now; // the last thread's is the last to come
    m.mmput_span = e.span;
}

void Teardowns::on(sim::Time now, const os::ExitMmapReturned& e) { mms_[raw(e.mm)].exit_mmap = now; }

void Teardowns::on(sim::Time now, const os::PasidChanged& e) {
    if (e.state != os::PasidState::Free) return;
    for (BondData& b : bonds_)
        if (b.pasid == e.pasid && b.mm == e.mm && b.torn && !b.reuse) b.reuse = now;
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
    t.trigger = b.triggers.front();
    t.also.assign(b.triggers.begin() + 1, b.triggers.end());
    t.exposure = b.exposure;
    for (const auto& [key, page] : exposed_)
        if (key.first == raw(id)) t.exposure += bus_.now() - page.since;
    const auto found = mms_.find(raw(b.mm));
    const MmData m = found == mms_.end() ? MmData{} : found->second;
    auto mark = [&](const char* name, std::optional<sim::Time> at, bool wanted = true) {
        if (at) t.milestones.emplace_back(name, std::max(*at, t.t0));
        else if (wanted) t.open.emplace_back(name);
    };
    mark("block_observed", std::max(b.last_commit, b.t0));
    mark("block", b.block);
    mark("stop", b.stop);
    mark("drain", b.t0); // no page request or stall exists on this path, so none is outstanding from T0 on
    mark("last_seen", std::max(b.last_seen, b.t0));
    // What was freed before T0 (munmap) is none of this teardown's.
    auto since_t0 = [&](std::optional<sim::Time> at) { return at && *at >= t.t0 ? at : std::nullopt; };
    mark("free_first", b.free_first);
    mark("free_last", b.free_first ? m.free_last : std::nullopt);
    mark("mmput", m.mmput);
    mark("reuse", b.reuse);
    mark("stop_gave_up", b.gave_up, false);
    mark("tables_free", since_t0(m.tables_free), false);
    mark("exit_mmap", m.exit_mmap, false);
    if (b.block && b.stop) break_down(t, b);
    return t;
}

void Teardowns::break_down(Teardown& t, const BondData& b) const {
    sim::Time end = t.t0;
    u64 last = 0;
    auto consider = [&](std::optional<sim::Time> at, u64 span) {
        if (at && *at > end) {
            end = *at;
            last = span;
        }
    };
    consider(t.at("drain"), 0);
    consider(t.at("last_seen"), 0);
    consider(t.at("block"), b.block_span);
    consider(t.at("stop"), b.stop_span);
    t.quiesce = end - t.t0;
    t.breakdown = spans_.path(t.t0, end, last);
}

std::vector<Teardown> Teardowns::results() const {
    std::vector<Teardown> all;
    for (u32 id = 1; id < bonds_.size(); ++id)
        if (bonds_[id].torn) all.push_back(result(BondId{id}, bonds_[id]));
    std::stable_sort(all.begin(), all.end(), [](const Teardown& a, const Teardown& b) { return a.t0 < b.t0; });
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
