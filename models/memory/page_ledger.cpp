// SPDX-License-Identifier: Apache-2.0
#include "memory/page_ledger.h"

#include <algorithm>

namespace quiesce::memory {
namespace {
const PageLedger::Frame nobodys{};
}

const PageLedger::Frame& PageLedger::frame(Spa at) const {
    const u64 n = at.page_number();
    if (n / 512 >= chunks_.size() || !chunks_[n / 512]) return nobodys;
    return (*chunks_[n / 512])[n % 512];
}

PageLedger::Frame& PageLedger::make_frame(Spa at) {
    const u64 n = at.page_number();
    if (n / 512 >= chunks_.size()) chunks_.resize(n / 512 + 1);
    if (!chunks_[n / 512]) chunks_[n / 512] = std::make_unique<Chunk>();
    return (*chunks_[n / 512])[n % 512];
}

void PageLedger::frame_taken(Spa frame, MmId owner, FrameUse use, Va page) {
    Frame& f = make_frame(frame);
    f.owner = owner;
    f.use = use;
    f.page = page.page_number();
    f.unmapped = false;
    f.writes = Writes::Allowed;
    f.since = events_.now();
    ++counts_.frames_taken;
    events_.emit(FrameTaken{frame, owner, use, page});
}

void PageLedger::frame_shared(Spa frame, MmId with) {
    Frame& f = make_frame(frame);
    std::vector<Sharer>& all = sharers_[frame.page_number()];
    if (!f.shared) all = {{f.owner, f.unmapped}};
    f.shared = true;
    all.push_back({with, false});
    events_.emit(FrameShared{frame, f.owner, with, Va{f.page << page_shift}});
}

void PageLedger::frame_unmapped(Spa frame, MmId of) {
    Frame& f = make_frame(frame);
    const MmId whose = f.shared && of != MmId{} ? of : f.owner;
    if (f.shared) {
        for (Sharer& s : sharers_[frame.page_number()])
            if (s.mm == whose) s.unmapped = true;
    } else {
        f.unmapped = true;
    }
    f.since = events_.now();
    events_.emit(FrameUnmapped{frame, whose, Va{f.page << page_shift}});
}

void PageLedger::frame_left(Spa frame, MmId by) {
    Frame& f = make_frame(frame);
    f.previous_owner = by;
    f.previous_page = f.page;
    f.since = events_.now();
    leave_to_others(f, frame, by);
    events_.emit(FrameLeft{frame, by, f.owner, Va{f.page << page_shift}});
}

void PageLedger::leave_to_others(Frame& f, Spa at, MmId by) {
    std::vector<Sharer>& all = sharers_[at.page_number()];
    std::erase_if(all, [by](const Sharer& s) { return s.mm == by; });
    f.owner = all.front().mm;
    if (all.size() > 1) return;
    f.shared = false;
    f.unmapped = all.front().unmapped;
    sharers_.erase(at.page_number());
}

std::optional<PageLedger::Sharer> PageLedger::sharer(const Frame& f, Spa at, MmId mm) const {
    if (!f.shared) return f.owner == mm ? std::optional<Sharer>({mm, f.unmapped}) : std::nullopt;
    for (const Sharer& s : sharers_.at(at.page_number()))
        if (s.mm == mm) return s;
    return std::nullopt;
}

void PageLedger::frame_freed(Spa frame) {
    Frame& f = make_frame(frame);
    ++counts_.frames_freed;
    events_.emit(FrameFreed{frame, f.owner, f.use, Va{f.page << page_shift}});
    if (f.use == FrameUse::Leaf) {
        f.previous_owner = f.owner;
        f.previous_page = f.page;
    }
    f.owner = MmId{};
    f.use = FrameUse::Free;
    f.unmapped = false;
    f.since = events_.now();
}

void PageLedger::bond_opened(BondId bond, MmId mm) {
    if (raw(bond) >= bonds_.size()) bonds_.resize(raw(bond) + 1);
    bonds_[raw(bond)] = {mm, true, {}};
}

void PageLedger::bond_reaches(BondId bond, Spa frame, Va page) {
    bonds_.at(raw(bond)).pages[frame.page_number()] = page.page_number();
}

Iova PageLedger::meant(const Bond& b, Iova aimed_at) {
    if (b.pages.empty()) [[likely]] return aimed_at;
    const auto page = b.pages.find(aimed_at.page_number());
    return page == b.pages.end() ? aimed_at : Iova{page->second << page_shift | (aimed_at.value() & (page_size - 1))};
}

void PageLedger::bond_closed(BondId bond) {
    if (raw(bond) < bonds_.size()) bonds_[raw(bond)].open = false;
}

std::map<u32, PageLedger::Held> PageLedger::held() const {
    std::map<u32, Held> by_mm;
    for (const auto& chunk : chunks_) {
        if (!chunk) continue;
        for (const Frame& f : *chunk) {
            if (f.use == FrameUse::Leaf) ++by_mm[raw(f.owner)].leaves;
            if (f.use == FrameUse::Table) ++by_mm[raw(f.owner)].tables;
        }
    }
    return by_mm;
}

Verdict PageLedger::judge(BondId bond, Iova aimed_at, Spa at, bool write) const {
    if (bond == no_bond) return Verdict::Legal;
    if (raw(bond) >= bonds_.size()) return Verdict::CrossProcess;
    const Bond& b = bonds_[raw(bond)];
    aimed_at = meant(b, aimed_at);
    const Frame& f = frame(at);
    const bool same_page = f.use == FrameUse::Leaf && f.page == aimed_at.page_number();
    if (const auto own = same_page ? sharer(f, at, b.mm) : std::nullopt) [[likely]] {
        if (!b.open) return Verdict::AfterUnbind;
        if (write && f.writes == Writes::Refused) return Verdict::ReadOnly;
        return own->unmapped || (write && f.writes == Writes::Closing) ? Verdict::AfterUnmap : Verdict::Legal;
    }
    if (f.previous_owner == b.mm && f.previous_page == aimed_at.page_number()) return Verdict::Stale;
    return f.owner == b.mm || f.use == FrameUse::Free ? Verdict::Stale : Verdict::CrossProcess;
}

void PageLedger::dma_committed(const Request& r) {
    const Origin& o = r.origin;
    const Verdict verdict = judge(o.bond, o.aimed_at, r.at, r.write);
    ++(r.write ? counts_.writes : counts_.reads);
    counts_.bytes += r.bytes;
    if (verdict != Verdict::Legal) [[unlikely]] ++(verdict == Verdict::AfterUnmap ? counts_.after_unmap : counts_.violations);
    const Iova aimed_at = raw(o.bond) < bonds_.size() ? meant(bonds_[raw(o.bond)], o.aimed_at) : o.aimed_at;
    events_.emit(DmaCommitted{o.transaction, o.bond, o.device, o.has_pasid, o.pasid, aimed_at, r.at, r.bytes, r.write, verdict,
                              o.translated_at});
}

void PageLedger::walk_committed(const Request& r) {
    const Origin& o = r.origin;
    if (o.bond == no_bond || raw(o.bond) >= bonds_.size()) return;
    const Frame& f = frame(r.at);
    const bool own = f.use == FrameUse::Table && f.owner == bonds_[raw(o.bond)].mm;
    const bool stale = !own && f.use != FrameUse::EmptyTable;
    if (stale) ++counts_.violations;
    events_.emit(WalkCommitted{o.bond, o.device, o.pasid, o.aimed_at, r.at, o.level, stale});
}

} // namespace quiesce::memory
