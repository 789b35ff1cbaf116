// SPDX-License-Identifier: Apache-2.0
/// Where a walk is; the walker's own (walker.cpp, walker_leaf.cpp).
#pragma once
#include "base/structure.h"
#include "iommu/origin.h"
#include "iommu/walker.h"

namespace quiesce::iommu {

constexpr u64 entry_bytes = 8;
constexpr Permissions every_permission{true, true, true, true, true};

constexpr Permissions both(Permissions a, Permissions b) {
    return {a.read && b.read, a.write && b.write, a.execute && b.execute, a.user && b.user,
            a.privileged_execute && b.privileged_execute};
}

/// Tables of the second stage are nobody's address space.
inline memory::Origin table_origin(const TranslationRequest& r, unsigned level, bool second) {
    memory::Origin o = origin_of(r, memory::Purpose::TableWalk);
    o.level = static_cast<u8>(level);
    if (second) o.bond = {};
    return o;
}

/// Where a walk of one stage is on its way down.
struct Walker::Descent {
    const TranslationRequest& r;
    const Context& c;
    const TableRoot& root;
    SpaceTag space;
    Iova input;      ///< the transaction's address, or an intermediate one
    bool second;     ///< it is the second stage
    bool for_write;  ///< a clean entry is marked written
    Intermediate use = Intermediate::Input;
    unsigned level = root.start_level;
    Spa table = root.table;
    Permissions allowed = every_permission;
    bool mark_used = false, mark_written = false; ///< the entry just judged is to be marked before it is used
    bool grouped = false;                         ///< it says that it is one of a group
    WalkResult result{};

    /// Its tables are at intermediate addresses.
    bool above_second() const { return !second && c.second.root.present; }
    Spa entry_address() const {
        const u64 index = (input.value() & base::low_bits(root.input_bits)) >> root.format->index_shift(level);
        // The first level has as many tables as it takes.
        const u64 here = level == root.start_level ? ~u64{0} : base::low_bits(root.format->index_bits(level));
        return table + (index & here) * entry_bytes;
    }
    /// The way down that the entry says is one for this input: what would index the levels that it skips is zero.
    bool reaches(const Decoded& entry) const {
        if (entry.skips == 0) return true;
        const u64 above = base::low_bits(root.format->index_shift(level));
        return (input.value() & above & ~base::low_bits(root.format->index_shift(level + entry.skips))) == 0;
    }
    /// The tag of the input range that one entry at `at_level` is for.
    Tag tag(CacheKind kind, unsigned at_level) const {
        Tag t{};
        t.kind = kind;
        t.domain = c.domain;
        t.space = space;
        t.leaf = kind == CacheKind::Translation;
        t.bytes = u64{1} << root.format->index_shift(at_level);
        t.at = input.align_down(t.bytes);
        return t;
    }
    bool fault(FaultReason why, bool on_table, Spa fetch = Spa{0}) {
        Fault& f = result.fault;
        f.why = why;
        f.level = static_cast<u8>(level);
        f.on_table = on_table;
        f.fetch_address = fetch;
        f.second_stage = second;
        f.use = use;
        f.at = second ? Gpa{input.value()} : Gpa{0};
        result.ok = false;
        result.basis.leaf = tag(CacheKind::Translation, level);
        return true;
    }
    /// A leaf that lets the transaction go on may be marked: nothing is marked for one that is refused. Of tables the
    /// walk is who reads and writes, whatever the transaction is.
    bool permitted(const Permissions& may) const {
        if (second && use != Intermediate::Input) return for_write ? may.write : may.read;
        if (r.type == AddressType::TranslationRequest) return r.privileged || may.user;
        return permits(may, r, c);
    }
};

} // namespace quiesce::iommu
