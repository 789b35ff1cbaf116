// SPDX-License-Identifier: Apache-2.0
#include "iommu/walker_descent.h"

#include "sim/task.h"

namespace quiesce::iommu {
namespace {

bool beyond(Spa at, unsigned bits) { return bits < 64 && (at.value() >> bits) != 0; }

/// All that the second stage of a domain translates.
Tag whole_second(const Context& c) {
    Tag t{};
    t.kind = CacheKind::Translation;
    t.domain = c.domain;
    t.space = intermediate;
    t.bytes = ~u64{0};
    return t;
}

/// Identical walks are those whose way down is the same: where entries are marked or a second stage judges, that
/// depends on what the transaction wants.
u8 intent_of(const TranslationRequest& r, const Context& c, const TableRoot& root) {
    const bool marks = root.marks_used || root.marks_written;
    if (!marks && !c.second.root.present) return 0;
    return static_cast<u8>(1 | (writes(r) ? 2 : 0) | (r.privileged ? 4 : 0) | (r.instruction ? 8 : 0) |
                           (r.type == AddressType::Untranslated ? 16 : 0));
}

} // namespace

Walker::Walker(base::Name unit, base::EventBus& events, memory::MemoryPort& memory, InvalidationEngine& invalidations,
               InFlightTracker& walks, const OccurrenceTap& occurrences, const WalkerConfig& config)
    : events_(events), cache_name_(std::string{unit.text()} + ".walk-cache"), memory_(memory),
      invalidations_(invalidations), in_progress_(walks), occurrences_(occurrences), slots_(config.slots.get()),
      levels_(events, unit, "walkers", slots_), lookup_(config.cache_lookup.get()), check_(config.pte_check.get()),
      second_lookup_(config.second_lookup.get()),
      second_(CacheKind::Translation,
              {config.second_entries.get(), config.second_ways.get(), config.cache_replacement.get()},
              std::string{unit.text()} + ".second-stage-cache"),
      joins_waiting_(config.merges.get() == WalkMerging::Waiting), slow_share_(config.slow_share),
      slow_by_(config.slow_by.get()), name_(std::string{unit.text()} + ".walker") {
    add_caches(config);
    invalidations_.add(second_);
}

void Walker::add_caches(const WalkerConfig& config) {
    const std::string name{cache_name_.text()};
    const auto add = [&](unsigned entries, const std::string& named) {
        const Geometry g{entries, config.cache_ways.get(), config.cache_replacement.get()};
        caches_.push_back(std::make_unique<Cache<TablePointer>>(CacheKind::Walk, g, named));
        invalidations_.add(*caches_.back());
    };
    if (!config.keeps_pointers) return;
    if (!config.cache_by_level) return add(config.cache_entries, name);
    add(config.level0_entries, name + "-0");
    add(config.level1_entries, name + "-1");
    add(config.level2_entries, name + "-2");
}

/// Levels above the first and below the last that have one of their own share it.
Cache<Walker::TablePointer>& Walker::cache_of(unsigned level) {
    return *caches_[std::min<std::size_t>(level, caches_.size() - 1)];
}

sim::Task<WalkResult> Walker::walk(TranslationRequest r, Context c) {
    WalkResult result;
    const auto half = c.bypass ? std::optional{0u} : root_of(c, r.at);
    if (!half || (!c.bypass && c.roots[*half].disabled)) {
        result.basis.since = invalidations_.applied();
        result.fault.why = FaultReason::NotMapped;
        result.fault.level = static_cast<u8>(c.roots[half.value_or(0)].start_level);
        co_return result;
    }
    const TableRoot& root = c.bypass ? c.second.root : c.roots[*half];
    const u64 page = r.at.value() >> root.format->index_shift(root.format->leaf_level);
    const Key key{c.domain, c.space, root.table, page, intent_of(r, c, root)};
    sim::Lease slot;
    if (!joins_waiting_) slot = co_await slots_.acquire();
    if (Merging::Flight* same = joins_waiting_ || key == last_begun_ ? merging_.find(key) : nullptr) {
        slot.release();
        ++merged_;
        result = co_await merging_.join(*same);
        result.merged = true;
        co_return result;
    }
    Merging::Flight flight{merging_, key};
    last_begun_ = key;
    if (joins_waiting_) slot = co_await slots_.acquire();
    const InFlight walking = in_progress_.begin();
    ++walked_;
    if (c.bypass)
        result = co_await second_stage(r, c, Gpa{r.at.value()}, Intermediate::Input, false);
    else
        result = co_await both_stages(r, c, root);
    if (slow_share_ != 0) co_await slow_down(r.stream);
    flight.finish(result);
    co_return result;
}

/// MODEL: what delays some walks (other traffic on the way to the tables, refresh) is a share of them and a time.
sim::Task<void> Walker::slow_down(StreamId of) {
    auto [stream, is_new] = slow_walks_.try_emplace(of, 0, "");
    if (is_new) stream->second = {sim::Calendar::seed(), name_ + "." + std::to_string(raw(of))};
    if (stream->second.below(100) < slow_share_) co_await sim::delay(slow_by_);
}

sim::Task<WalkResult> Walker::reach(TranslationRequest r, Context c, Gpa at) {
    const sim::Lease slot = co_await slots_.acquire();
    const InFlight walking = in_progress_.begin();
    const WalkResult result = co_await second_stage(r, c, at, Intermediate::Structure, false);
    co_return result;
}

/// The first stage, and the second for what it leads to. What the first refuses never reaches the second.
sim::Task<WalkResult> Walker::both_stages(const TranslationRequest& r, const Context& c, const TableRoot& root) {
    Descent d{r, c, root, c.space, r.at, false, writes(r)};
    d.result.basis.since = invalidations_.applied();
    co_await descend(d);
    if (!d.result.ok || !c.second.root.present) co_return d.result;
    Leaf& leaf = d.result.leaf;
    if (r.type == AddressType::Untranslated && !permits(leaf.may, r, c)) {
        d.fault(FaultReason::Permission, false);
        d.result.fault.may = leaf.may;
        co_return d.result;
    }
    const Gpa reached{leaf.to.value() + (r.at.value() & (leaf.bytes - 1))};
    const WalkResult second = co_await second_stage(r, c, reached, Intermediate::Input, false);
    if (!second.ok) {
        d.result.ok = false;
        d.result.fault = second.fault;
        co_return d.result;
    }
    leaf.bytes = std::min(leaf.bytes, second.leaf.bytes);
    leaf.via = reached.align_down(leaf.bytes);
    leaf.to = (second.leaf.to + (reached.value() & (second.leaf.bytes - 1))).align_down(leaf.bytes);
    leaf.may = both(leaf.may, second.leaf.may);
    leaf.clean = leaf.clean || second.leaf.clean;
    d.result.basis.leaf.bytes = leaf.bytes;
    d.result.basis.leaf.at = r.at.align_down(leaf.bytes);
    co_return d.result;
}

sim::Task<WalkResult> Walker::second_stage(const TranslationRequest& r, const Context& c, Gpa at, Intermediate use,
                                           bool marking) {
    const bool input = use == Intermediate::Input;
    Descent d{r, c, c.second.root, intermediate, Iova{at.value()}, true, input ? writes(r) : marking, use};
    d.result.basis.since = invalidations_.applied();
    d.result.fault.marking = marking;
    if (beyond(Spa{at.value()}, d.root.input_bits)) {
        d.fault(FaultReason::NotMapped, false);
        co_return d.result;
    }
    co_await second_lookup_.pass();
    Tag wanted = d.tag(CacheKind::Translation, d.root.format->leaf_level);
    wanted.at = d.input;
    const Leaf* known = second_.look_up(wanted);
    if (c.conflicts && second_.ambiguous(wanted)) {
        d.fault(FaultReason::Conflict, false);
        co_return d.result;
    }
    if (known != nullptr && !(known->clean && d.for_write)) {
        d.result.ok = true;
        d.result.leaf = *known;
        d.result.basis.leaf = wanted;
        d.result.basis.leaf.bytes = known->bytes;
        d.result.basis.leaf.at = d.input.align_down(known->bytes);
    } else {
        co_await descend(d);
        if (d.result.ok) d.result.leaf.first = every_permission;
        if (d.result.ok && !invalidations_.overtaken(d.result.basis))
            second_.insert(d.result.basis.leaf, d.result.leaf);
    }
    if (!d.result.ok) co_return d.result;
    const Leaf& leaf = d.result.leaf;
    d.result.leaf.via = at.align_down(leaf.bytes);
    if (!input && (!d.permitted(leaf.may) || (leaf.device && c.second.tables_not_in_devices))) {
        d.fault(FaultReason::Permission, true);
        d.result.fault.may = leaf.may;
    }
    co_return d.result;
}

sim::Task<void> Walker::descend(Descent& d) {
    co_await lookup_.pass();
    start_below_cached(d);
    for (bool over = false; !over;) {
        Spa at = d.entry_address();
        if (d.above_second()) {
            const std::optional<Spa> reached = co_await entry_through_second(d, false);
            if (!reached) co_return;
            at = *reached;
        }
        occurrences_.note(Occurrence::WalkAccess, d.r.stream);
        const memory::MemoryPort::Word word = co_await memory_.read64(at, table_origin(d.r, d.level, d.second));
        ++entries_read_;
        co_await check_.pass();
        over = judge(d, word, at);
        if (d.mark_used || d.mark_written) over = co_await mark(d, at, word.value);
        if (over && d.result.ok && d.grouped) co_await widen(d, at, word.value);
    }
}

sim::Task<std::optional<Spa>> Walker::entry_through_second(Descent& d, bool marking) {
    const Gpa at{d.entry_address().value()};
    d.result.basis.has_second = true;
    d.result.basis.second = whole_second(d.c);
    const WalkResult reached = co_await second_stage(d.r, d.c, at, Intermediate::Table, marking);
    if (reached.ok) co_return reached.leaf.to + (at.value() & (reached.leaf.bytes - 1));
    d.fault(reached.fault.why, true);
    d.result.fault = reached.fault;
    co_return std::nullopt;
}

void Walker::start_below_cached(Descent& d) {
    Tag wanted{};
    wanted.kind = CacheKind::Walk;
    wanted.domain = d.c.domain;
    wanted.space = d.space;
    wanted.at = d.input;
    const TablePointer* known = nullptr;
    for (std::size_t n = caches_.size(); n-- != 0 && known == nullptr;) known = caches_[n]->look_up(wanted); // the longest way first
    if (!caches_.empty() && events_.wants<base::CacheLookedUp>())
        events_.emit(base::CacheLookedUp{cache_name_, base::CachedThing::TablePointer, d.r.bond, known != nullptr});
    if (known == nullptr) return;
    d.table = known->table;
    d.level = known->level;
    d.allowed = known->allowed;
    d.result.basis.has_table = true;
    d.result.basis.table = d.tag(CacheKind::Walk, d.level - 1);
}

bool Walker::judge(Descent& d, const memory::MemoryPort::Word& word, Spa entry_at) {
    if (word.status != memory::Status::Ok) return d.fault(FaultReason::WalkAbort, true, entry_at);
    const Decoded entry = d.root.format->decode(word.value, d.level, d.root);
    const bool lowest = d.level >= d.root.format->leaf_level;
    const bool is_leaf = entry.kind == Decoded::Kind::Leaf;
    if (entry.kind == Decoded::Kind::Malformed || !d.reaches(entry)) {
        d.result.fault.code = entry.flaw;
        return d.fault(FaultReason::Malformed, !lowest);
    }
    if (entry.kind == Decoded::Kind::Invalid || (lowest && !is_leaf)) return d.fault(FaultReason::NotMapped, false);
    if (beyond(entry.to, d.root.output_bits)) return d.fault(FaultReason::AddressSize, !is_leaf);
    const bool unused = !entry.accessed && (is_leaf || d.root.tables_too);
    if (unused && d.root.used_faults && !d.root.marks_used) return d.fault(FaultReason::AccessFlag, !is_leaf);
    if (is_leaf) return judge_leaf(d, entry);
    d.mark_used = unused && d.root.marks_used;
    if (!d.mark_used) keep_pointer(d, entry);
    return false;
}

sim::Task<bool> Walker::mark(Descent& d, Spa entry_at, u64 before) {
    const u64 after = d.root.format->mark(before, d.mark_written);
    const Decoded marked = d.root.format->decode(after, d.level, d.root);
    d.mark_used = d.mark_written = false;
    if (d.above_second()) {
        const std::optional<Spa> writable = co_await entry_through_second(d, true);
        if (!writable) co_return true;
    }
    occurrences_.note(Occurrence::WalkAccess, d.r.stream);
    const memory::MemoryPort::Word held =
        co_await memory_.swap64(entry_at, before, after, table_origin(d.r, d.level, d.second));
    if (held.status != memory::Status::Ok) {
        d.fault(FaultReason::WalkAbort, true, entry_at);
        d.result.fault.marking = true;
        co_return true;
    }
    if (held.value == before && marked.kind == Decoded::Kind::Leaf) co_return true;
    if (held.value == before) keep_pointer(d, marked); // a table: on to it
    d.result.ok = false;
    co_return false;
}

/// An overtaken walk goes on, for the transaction it serves, but leaves nothing behind.
void Walker::keep_pointer(Descent& d, const Decoded& entry) {
    const Tag tag = d.tag(CacheKind::Walk, d.level + entry.skips);
    Basis& basis = d.result.basis;
    if (!basis.has_table) { // ranges nest: whatever covers a lower pointer covers the first one
        basis.has_table = true;
        basis.table = tag;
    }
    d.allowed = both(d.allowed, entry.may);
    d.table = entry.to;
    d.level += 1u + entry.skips;
    if (!caches_.empty() && !invalidations_.overtaken(basis.since, basis.table))
        cache_of(d.level - 1u).insert(tag, {d.table, static_cast<u8>(d.level), d.allowed});
}

} // namespace quiesce::iommu
