// SPDX-License-Identifier: Apache-2.0
/// Which unmapped pages no fence covers yet, for which bond. A fence covers a page if it was issued after the unmap:
/// the order of both decides, whatever the clock says.
#pragma once
#include "observe/all_events.h"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace quiesce::observe {

/// Each page is marked when a fence is seen, not looked for among fences later: what is kept is one entry for a page
/// from its unmap to its free, and one for an invalidation under way while its address space has such pages.
class UnfencedPages {
public:
    void taken(const memory::FrameTaken& e) {
        if (e.use == memory::FrameUse::Table) tables_.insert(e.frame.page_number());
        else if (!tables_.empty()) tables_.erase(e.frame.page_number());
    }
    void unmapped(const memory::FrameUnmapped& e) {
        const bool table = tables_.count(e.frame.page_number()) != 0;
        mms_[raw(e.owner)].pages[{e.page.page_number(), e.frame.page_number()}] = {++order_, {}, table};
    }

    /// An invalidation that is issued while nothing is unmapped can cover no page: those to come are unmapped after it.
    void issued(const os::InvalidationIssued& e) {
        const auto mm = mms_.find(raw(e.mm));
        if (mm != mms_.end()) mm->second.issued[e.issued_sequence] = ++order_;
    }

    void fenced(const os::FenceObserved& e) {
        const auto mm = mms_.find(raw(e.mm));
        if (mm == mms_.end()) return;
        const auto issued = mm->second.issued.find(e.issued_sequence);
        if (issued == mm->second.issued.end()) return;
        const u64 order = issued->second, first = e.first.page_number(), pages = e.bytes / page_size;
        mm->second.issued.erase(issued); // its own only: CPUs need not see fences in the order of issue
        const u64 around = first / reach * reach;
        for (auto p = mm->second.pages.lower_bound({around, 0}); p != mm->second.pages.end(); ++p) {
            const bool inside = p->first.first >= first && p->first.first - first < pages;
            const bool leads_there = p->second.table && p->first.first / reach * reach - around < pages + (first - around);
            if (!inside && p->first.first - around >= pages + reach + (first - around)) break;
            if ((inside || leads_there) && p->second.unmapped_order < order && !by(p->second, e.bond)) p->second.covered.push_back(e.bond);
        }
    }

    /// A place in the order of all unmaps and invalidations.
    u64 mark() { return ++order_; }

    /// A fence for this bond, or for the whole address space, covers the page since it was unmapped; or it was unmapped when the
    /// bond was not yet there (`bound`: the mark of that). A page that never was unmapped is covered by none.
    bool covered(BondId bond, MmId owner, Va page, Spa frame, u64 bound = 0) const {
        const auto mm = mms_.find(raw(owner));
        if (mm == mms_.end()) return false;
        const auto p = mm->second.pages.find({page.page_number(), frame.page_number()});
        if (p == mm->second.pages.end()) return false;
        return p->second.unmapped_order < bound || by(p->second, bond) || by(p->second, no_bond);
    }

    /// Freed, or taken for something new: nobody will ask again.
    void gone(MmId owner, Va page, Spa frame) {
        const auto mm = mms_.find(raw(owner));
        if (mm == mms_.end()) return;
        mm->second.pages.erase({page.page_number(), frame.page_number()});
        if (mm->second.pages.empty()) mms_.erase(mm); // with the invalidations that nobody saw complete
    }

    /// Entries kept now.
    std::size_t size() const {
        std::size_t n = 0;
        for (const auto& [id, mm] : mms_) n += mm.pages.size() + mm.issued.size();
        return n;
    }

private:
    struct Page {
        u64 unmapped_order;          ///< position in the order of all unmaps and invalidations issued
        std::vector<BondId> covered; ///< by fences for these bonds; no_bond: for all
        bool table = false;
    };
    struct Mm {
        std::map<std::pair<u64, u64>, Page> pages; ///< by (page, frame)
        std::map<u64, u64> issued;                 ///< invalidation number -> order
    };
    static bool by(const Page& p, BondId b) {
        return std::find(p.covered.begin(), p.covered.end(), b) != p.covered.end();
    }
    /// Pages that one table of the last level leads to. Who forgets what it has of one of them forgets the table: it is known by
    /// the page for which it was made.
    static constexpr u64 reach = 512;
    std::map<u32, Mm> mms_; ///< with pages only
    std::unordered_set<u64> tables_; ///< frames
    u64 order_ = 0;
};

} // namespace quiesce::observe
