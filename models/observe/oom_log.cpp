// SPDX-License-Identifier: Apache-2.0
#include "observe/oom_log.h"

#include <algorithm>

namespace quiesce::observe {

OomLog::OomLog(base::EventBus& bus) {
    using Heard = base::EventList<os::OomVictimMarked, os::OomReapTried, os::OomMappingReaped, os::OomMappingSkipped,
                                  os::OomVictimHidden, os::OomFoundNobody, os::AllocationDelayed, memory::FrameFreed>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { on(now, e); });
}

OomVictim* OomLog::victim(MmId mm) {
    const auto found = by_mm_.find(raw(mm));
    return found == by_mm_.end() ? nullptr : &victims_[found->second];
}

void OomLog::end_wait(OomVictim& v, sim::Time now) {
    if (!v.held_up) v.held_up = now - v.mark;
}

void OomLog::on(sim::Time now, const os::OomVictimMarked& e) {
    by_mm_[raw(e.mm)] = victims_.size();
    OomVictim v;
    v.process = e.process.text();
    v.asked_by = e.asked_by.text();
    v.mm = e.mm;
    v.mark = now;
    v.points = e.points;
    v.pages = e.pages;
    v.tables = e.tables;
    v.was_dying = e.was_dying;
    v.innocent = e.enough && !e.was_dying;
    victims_.push_back(std::move(v));
}

void OomLog::on(sim::Time now, const os::OomReapTried& e) {
    if (OomVictim* v = victim(e.mm)) v->tries.push_back({std::string{e.by.text()}, std::string{base::enum_text(e.how)}, now});
}

void OomLog::on(sim::Time, const os::OomMappingReaped& e) {
    OomVictim* v = victim(e.mm);
    if (v == nullptr) return;
    v->reaped_pages += e.pages;
    std::erase_if(v->skipped, [&](const auto& s) { return s.mapping == e.mapping.text(); });
}

void OomLog::on(sim::Time, const os::OomMappingSkipped& e) {
    OomVictim* v = victim(e.mm);
    if (v == nullptr || e.pages == 0) return;
    std::erase_if(v->skipped, [&](const auto& s) { return s.mapping == e.mapping.text(); });
    v->skipped.push_back({std::string{e.mapping.text()}, std::string{e.why.text()}, e.pages});
}

void OomLog::on(sim::Time now, const os::OomVictimHidden& e) {
    OomVictim* v = victim(e.mm);
    if (v == nullptr) return;
    v->hidden = now;
    v->given_up = e.given_up;
    end_wait(*v, now);
}

void OomLog::on(sim::Time now, const os::AllocationDelayed& e) {
    ++(e.served ? allocations_.delayed : allocations_.failed);
    allocations_.longest = std::max(allocations_.longest, now - e.since);
    if (!e.served) return;
    for (OomVictim& v : victims_)
        if (v.mark >= e.since) end_wait(v, now);
}

void OomLog::on(sim::Time, const os::OomFoundNobody& e) { allocations_.nobody += e.comes; }

void OomLog::on(sim::Time now, const memory::FrameFreed& e) {
    if (victims_.empty() || e.use != memory::FrameUse::Leaf) return;
    OomVictim* v = victim(e.owner);
    if (v == nullptr) return;
    if (!v->first_free) v->first_free = now;
    v->last_free = now;
    ++v->freed_pages;
}

} // namespace quiesce::observe
