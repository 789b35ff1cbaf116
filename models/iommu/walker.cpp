// SPDX-License-Identifier: Apache-2.0
#include "iommu/walker.h"

#include "sim/task.h"

namespace quiesce::iommu {
namespace {

constexpr u64 entry_bytes = 8;

u64 low_bits(unsigned n) { return n >= 64 ? ~u64{0} : (u64{1} << n) - 1; }

Permissions both(Permissions a, Permissions b) {
    return {a.read && b.read, a.write && b.write, a.execute && b.execute, a.user && b.user};
}
constexpr Permissions everything{true, true, true, true};

/// The tag of the input range that one entry at `level` is for.
Tag tag_of(const TranslationRequest& r, const Context& c, CacheKind kind, unsigned level) {
    Tag t{};
    t.kind = kind;
    t.domain = c.domain;
    t.space = c.space;
    t.leaf = kind == CacheKind::Translation;
    t.bytes = u64{1} << c.format->index_shift(level);
    t.at = r.at.align_down(t.bytes);
    return t;
}

memory::Origin origin_of(const TranslationRequest& r, unsigned level) {
    memory::Origin o;
    o.purpose = memory::Purpose::TableWalk;
    o.level = static_cast<u8>(level);
    o.device = r.device;
    o.bond = r.bond;
    o.has_pasid = r.has_pasid;
    o.pasid = r.pasid;
    o.aimed_at = r.at;
    o.transaction = r.transaction;
    return o;
}

bool beyond(Spa at, const Context& c) { return c.output_bits < 64 && (at.value() >> c.output_bits) != 0; }

} // namespace

/// Where a walk is on its way down.
struct Walker::Descent {
    const TranslationRequest& r;
    const Context& c;
    const TableRoot& root;
    unsigned level;
    Spa table;
    Permissions allowed = everything;
    WalkResult result{};

    Spa entry_address() const {
        const u64 index = (r.at.value() & low_bits(root.input_bits)) >> c.format->index_shift(level);
        const unsigned bits = c.format->index_bits(level);
        return table + (index & low_bits(bits)) * entry_bytes;
    }
    bool fault(FaultReason why, bool on_table, Spa fetch = Spa{0}) {
        result.fault.why = why;
        result.fault.level = static_cast<u8>(level);
        result.fault.on_table = on_table;
        result.fault.fetch_address = fetch;
        result.basis.leaf = tag_of(r, c, CacheKind::Translation, level);
        return true;
    }
};

Walker::Walker(base::Name unit, base::EventBus& events, memory::MemoryPort& memory, InvalidationEngine& invalidations,
               InFlightTracker& walks, const WalkerConfig& config)
    : memory_(memory), invalidations_(invalidations), in_progress_(walks), slots_(config.slots.get()),
      levels_(events, unit, "walkers", slots_), lookup_(config.cache_lookup.get()), check_(config.pte_check.get()),
      cache_(CacheKind::Walk, {config.cache_entries.get(), config.cache_ways.get(), config.cache_replacement.get()},
             std::string{unit.text()} + ".walk-cache") {
    invalidations_.add(cache_);
}

sim::Task<WalkResult> Walker::walk(TranslationRequest r, Context c) {
    WalkResult result;
    const auto half = root_of(c, r.at);
    if (!half || c.roots[*half].disabled) {
        result.basis.since = invalidations_.applied();
        result.fault.why = FaultReason::NotMapped;
        result.fault.level = static_cast<u8>(c.roots[half.value_or(0)].start_level);
        co_return result;
    }
    const TableRoot& root = c.roots[*half];
    const Key key{c.domain, c.space, root.table, r.at.value() >> c.format->index_shift(c.format->leaf_level)};
    if (Merging::Flight* same = merging_.find(key)) {
        ++merged_;
        result = co_await merging_.join(*same);
        result.merged = true;
        co_return result;
    }
    Merging::Flight flight{merging_, key};
    const sim::Lease slot = co_await slots_.acquire();
    const InFlight walking = in_progress_.begin();
    ++walked_;
    result = co_await descend(r, c, root);
    flight.finish(result);
    co_return result;
}

sim::Task<WalkResult> Walker::descend(const TranslationRequest& r, const Context& c, const TableRoot& root) {
    Descent d{r, c, root, root.start_level, root.table};
    d.result.basis.since = invalidations_.applied();
    co_await lookup_.pass();
    start_below_cached(d);
    for (bool over = false; !over;) {
        const Spa at = d.entry_address();
        const memory::MemoryPort::Word word = co_await memory_.read64(at, origin_of(r, d.level));
        ++entries_read_;
        co_await check_.pass();
        over = judge(d, word, at);
    }
    co_return d.result;
}

void Walker::start_below_cached(Descent& d) {
    Tag wanted{};
    wanted.kind = CacheKind::Walk;
    wanted.domain = d.c.domain;
    wanted.space = d.c.space;
    wanted.at = d.r.at;
    const TablePointer* known = cache_.look_up(wanted);
    if (known == nullptr) return;
    d.table = known->table;
    d.level = known->level;
    d.allowed = known->allowed;
    d.result.basis.has_table = true;
    d.result.basis.table = tag_of(d.r, d.c, CacheKind::Walk, d.level - 1);
}

bool Walker::judge(Descent& d, const memory::MemoryPort::Word& word, Spa entry_at) {
    if (word.status != memory::Status::Ok) return d.fault(FaultReason::WalkAbort, true, entry_at);
    const Decoded entry = d.c.format->decode(word.value, d.level, d.c);
    const bool lowest = d.level >= d.c.format->leaf_level;
    const bool is_leaf = entry.kind == Decoded::Kind::Leaf;
    if (entry.kind == Decoded::Kind::Invalid || (lowest && entry.kind == Decoded::Kind::Table))
        return d.fault(FaultReason::NotMapped, false);
    if (entry.kind == Decoded::Kind::BadAddress)
        return d.fault(FaultReason::AddressSize, !lowest); // MODEL: above, taken for a table
    if (beyond(entry.to, d.c)) return d.fault(FaultReason::AddressSize, !is_leaf);
    if (!is_leaf) {
        keep_pointer(d, entry);
        return false;
    }
    if (!entry.accessed && d.c.access_flag_faults) return d.fault(FaultReason::AccessFlag, false);
    WalkResult& result = d.result;
    result.ok = true;
    result.basis.leaf = tag_of(d.r, d.c, CacheKind::Translation, d.level);
    result.basis.leaf.global = entry.global;
    result.leaf = {entry.to, result.basis.leaf.bytes, both(d.allowed, entry.may), entry.global};
    return true;
}

/// An overtaken walk goes on, for the transaction it serves, but leaves nothing behind.
void Walker::keep_pointer(Descent& d, const Decoded& entry) {
    const Tag tag = tag_of(d.r, d.c, CacheKind::Walk, d.level);
    Basis& basis = d.result.basis;
    if (!basis.has_table) { // ranges nest: whatever covers a lower pointer covers the first one
        basis.has_table = true;
        basis.table = tag;
    }
    d.allowed = both(d.allowed, entry.may);
    d.table = entry.to;
    ++d.level;
    if (!invalidations_.overtaken(basis.since, basis.table))
        cache_.insert(tag, {d.table, static_cast<u8>(d.level), d.allowed});
}

} // namespace quiesce::iommu
