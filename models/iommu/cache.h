// SPDX-License-Identifier: Apache-2.0
/// The one cache: tagged, set-associative, several page sizes at once. Translations, table pointers and contexts are
/// instances of it. A look-up allocates nothing; the only predicate that removes entries is covers().
#pragma once
#include "base/describe.h"
#include "base/names.h"
#include "iommu/context.h"
#include "sim/calendar.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <utility>
#include <vector>

namespace quiesce::iommu {

enum class Replacement : u8 { RoundRobin, Lru, Random };
constexpr auto enum_names(Replacement) {
    return base::name_table<Replacement>(
        {{Replacement::RoundRobin, "round-robin"}, {Replacement::Lru, "lru"}, {Replacement::Random, "random"}});
}

/// More ways than entries are as many as entries (fully associative); otherwise there is a power of two of sets.
struct Geometry {
    unsigned entries = 64;
    unsigned ways = 4;
    Replacement replacement = Replacement::RoundRobin;

    bool is_fully_associative() const { return ways >= entries; }
    bool is_whole() const {
        return is_fully_associative() || (entries % ways == 0 && std::has_single_bit(entries / ways));
    }
};

struct CacheCounts {
    u64 hits = 0, misses = 0;
    u64 fills = 0;
    u64 evictions = 0; ///< valid entries that made room for others
    u64 erased = 0;    ///< by invalidations
};

/// What an invalidation sees of a cache.
class CacheBase {
public:
    CacheBase(CacheKind kind, base::Name name) : kind_(kind), name_(name) {}
    CacheBase(const CacheBase&) = delete;
    CacheBase& operator=(const CacheBase&) = delete;
    virtual ~CacheBase() = default;
    CacheKind kind() const { return kind_; }
    base::Name name() const { return name_; }
    /// Removes every entry that the scope covers; returns how many those were.
    virtual std::size_t erase(const Scope& scope) = 0;
    virtual std::size_t size() const = 0;

private:
    CacheKind kind_;
    base::Name name_;
};

/// Configuration entries and their parts are found by stream and pasid; the others by domain, space and an address inside
/// [tag.at, tag.at + tag.bytes), where `bytes` is a power of two and `at` a multiple of it. A global entry is found in
/// every space of its domain.
template <class Value> class Cache final : public CacheBase {
public:
    Cache(CacheKind kind, const Geometry& g, base::Name name = {})
        : CacheBase(kind, name), ways_(std::min(g.ways, g.entries)), set_mask_(std::bit_floor(g.entries / ways_) - 1),
          replacement_(g.replacement), lines_(entries()),
          tags_(entries()), values_(entries()), stamps_(replacement_ == Replacement::Lru ? entries() : 0),
          next_way_(set_mask_ + 1), random_(sim::Calendar::seed(), name.text()) {}

    /// The entry for what `wanted` says of stream and pasid, or of domain, space and `at`: the smallest of its own
    /// space, or else the smallest global one; null if there is none. The pointer is good until the next insert or
    /// erase.
    const Value* look_up(const Tag& wanted) {
        const std::size_t i = find(wanted);
        if (i == none) {
            ++counts_.misses;
            return nullptr;
        }
        ++counts_.hits;
        if (replacement_ == Replacement::Lru) stamps_[i] = ++clock_;
        return &values_[i];
    }
    /// As look_up(), without a trace.
    const Value* peek(const Tag& wanted) const {
        const std::size_t i = find(wanted);
        return i == none ? nullptr : &values_[i];
    }

    /// There are entries of several sizes for what `wanted` says, of its own space or global.
    bool ambiguous(const Tag& wanted) const {
        if ((present_ & (present_ - 1)) == 0) return false;
        const u64 own = who_of(wanted.domain, raw(wanted.space)), all = who_of(wanted.domain, any_space);
        unsigned sizes_found = 0;
        for (u64 left = present_; left != 0 && sizes_found < 2; left &= left - 1) {
            const auto log2 = static_cast<unsigned>(std::countr_zero(left));
            const bool found = find(address_line(own, wanted.at, log2)) != none ||
                               (globals_ != 0 && find(address_line(all, wanted.at, log2)) != none);
            sizes_found += found ? 1 : 0;
        }
        return sizes_found > 1;
    }

    /// Replaces the entry with the same place and size, or an empty way, or the victim of the replacement policy.
    void insert(Tag tag, Value value) {
        const Line line = line_of(tag);
        if (!is_configuration(kind())) tag.at = tag.at.align_down(tag.bytes);
        const std::size_t set = set_of(line);
        std::size_t i = find_in(set, line);
        if (i == none) {
            i = place_in(set);
            count(line, +1);
        }
        lines_[i] = line;
        tags_[i] = tag;
        values_[i] = std::move(value);
        if (replacement_ == Replacement::Lru) stamps_[i] = ++clock_;
        ++counts_.fills;
    }

    std::size_t erase(const Scope& s) override {
        if ((s.in & bit_of(kind())) == 0 || size_ == 0) return 0;
        if (s.range && s.range->empty()) return 0;
        const std::size_t erased =
            worth_probing(s) ? erase_probed(s) : erase_if([&](const Tag& t) { return covers(s, t); });
        counts_.erased += erased;
        return erased;
    }
    template <class Predicate> std::size_t erase_if(Predicate&& gone) {
        std::size_t erased = 0;
        for (std::size_t i = 0; i < lines_.size(); ++i)
            if (lines_[i].valid() && gone(std::as_const(tags_[i]))) {
                drop(i);
                ++erased;
            }
        return erased;
    }
    /// `f(const Tag&, const Value&)` for each entry, in the order of places.
    template <class F> void for_each(F&& f) const {
        for (std::size_t i = 0; i < lines_.size(); ++i)
            if (lines_[i].valid()) f(tags_[i], values_[i]);
    }

    std::size_t size() const override { return size_; }
    std::size_t capacity() const { return lines_.size(); }
    std::size_t ways() const { return ways_; }
    const CacheCounts& counts() const { return counts_; }

private:
    static constexpr std::size_t none = ~std::size_t{0};
    static constexpr u32 any_space = ~u32{0};
    static constexpr std::size_t sizes = 64;

    /// Sixteen bytes, so that the tags of four ways share a host cache line.
    struct Line {
        u64 who = 0;         ///< stream, or domain and space
        u64 place = ~u64{0}; ///< number of the page (or pasid + 1) and, in the low 6 bits, log2 of its size
        bool valid() const { return place != ~u64{0}; }
        unsigned size_log2() const { return static_cast<unsigned>(place & 63); }
        bool operator==(const Line&) const = default;
    };
    static u64 who_of(DomainTag domain, u32 space) { return u64{raw(domain)} << 32 | space; }
    static Line address_line(u64 who, Iova at, unsigned log2) { return {who, (at.value() >> log2) << 6 | log2}; }
    static Line configuration_line(const Tag& t) {
        if (t.whole_stream) return {raw(t.stream), u64{1} << 60};
        return {raw(t.stream), t.has_pasid ? (u64{raw(t.pasid)} + 1) << 6 : 0};
    }
    Line line_of(const Tag& t) const {
        if (is_configuration(kind())) return configuration_line(t);
        return address_line(who_of(t.domain, t.global ? any_space : raw(t.space)), t.at,
                            static_cast<unsigned>(std::countr_zero(t.bytes)));
    }

    std::size_t entries() const { return (set_mask_ + 1) * ways_; }
    std::size_t set_of(const Line& l) const {
        return static_cast<std::size_t>((l.place >> 6) + ((l.who * 0x9e3779b97f4a7c15u) >> 40)) & set_mask_;
    }
    std::size_t find_in(std::size_t set, const Line& wanted) const {
        const std::size_t first = set * ways_;
        for (std::size_t i = first; i < first + ways_; ++i)
            if (lines_[i] == wanted) return i;
        return none;
    }
    std::size_t find(const Line& wanted) const { return find_in(set_of(wanted), wanted); }
    std::size_t find(const Tag& t) const {
        if (is_configuration(kind())) return find(configuration_line(t));
        const std::size_t own = find_sizes(who_of(t.domain, raw(t.space)), t.at);
        if (own != none || globals_ == 0) return own;
        return find_sizes(who_of(t.domain, any_space), t.at);
    }
    /// Probes only the sizes that are present, smallest first.
    std::size_t find_sizes(u64 who, Iova at) const {
        for (u64 left = present_; left != 0; left &= left - 1) {
            const std::size_t i = find(address_line(who, at, static_cast<unsigned>(std::countr_zero(left))));
            if (i != none) return i;
        }
        return none;
    }

    std::size_t place_in(std::size_t set) {
        const std::size_t first = set * ways_;
        for (std::size_t i = first; i < first + ways_; ++i)
            if (!lines_[i].valid()) return i;
        const std::size_t victim = first + victim_way(set);
        drop(victim);
        ++counts_.evictions;
        return victim;
    }
    std::size_t victim_way(std::size_t set) {
        if (replacement_ == Replacement::Random) return static_cast<std::size_t>(random_.below(ways_));
        if (replacement_ == Replacement::RoundRobin) {
            const std::size_t way = next_way_[set];
            next_way_[set] = way + 1 == ways_ ? 0 : static_cast<u32>(way + 1);
            return way;
        }
        const auto first = stamps_.begin() + static_cast<std::ptrdiff_t>(set * ways_);
        return static_cast<std::size_t>(std::min_element(first, first + static_cast<std::ptrdiff_t>(ways_)) - first);
    }
    void drop(std::size_t i) {
        count(lines_[i], -1);
        lines_[i] = Line{};
    }
    void count(const Line& l, int by) {
        const unsigned log2 = l.size_log2();
        size_ += static_cast<std::size_t>(by);
        of_size_[log2] += static_cast<u32>(by);
        present_ = of_size_[log2] != 0 ? present_ | u64{1} << log2 : present_ & ~(u64{1} << log2);
        if (!is_configuration(kind()) && static_cast<u32>(l.who) == any_space)
            globals_ += static_cast<u32>(by);
    }

    /// A scope of one space and few pages is quicker to probe for than to compare with every entry.
    bool worth_probing(const Scope& s) const {
        if (is_configuration(kind()) || !s.domain || !s.space || !s.range || globals_ != 0) return false;
        if (s.domain_bits != ~u32{0}) return false;
        u64 probes = 0;
        for (u64 left = present_; left != 0; left &= left - 1) probes += pages_of(*s.range, left).second;
        return probes * ways_ < lines_.size() / 2;
    }
    /// The first page of the lowest size in `left` that the range touches, and how many it touches (at most 2^32).
    static std::pair<u64, u64> pages_of(const IovaRange& range, u64 left) {
        const auto log2 = static_cast<unsigned>(std::countr_zero(left));
        const u64 first = range.first.value() >> log2, last = range.last().value() >> log2;
        return {first, std::min(last - first, ~u64{0} >> 32) + 1};
    }
    std::size_t erase_probed(const Scope& s) {
        std::size_t erased = 0;
        for (u64 left = present_; left != 0; left &= left - 1) {
            const auto [first, pages] = pages_of(*s.range, left);
            for (u64 n = 0; n < pages; ++n) {
                const Line wanted{who_of(*s.domain, raw(*s.space)),
                                  (first + n) << 6 | static_cast<u64>(std::countr_zero(left))};
                const std::size_t i = find(wanted);
                if (i == none || !covers(s, tags_[i])) continue;
                drop(i);
                ++erased;
            }
        }
        return erased;
    }

    std::size_t ways_, set_mask_;
    Replacement replacement_;
    std::vector<Line> lines_;
    std::vector<Tag> tags_;
    std::vector<Value> values_;
    std::vector<u64> stamps_;
    std::vector<u32> next_way_;
    sim::Random random_;
    u64 clock_ = 0;
    u64 present_ = 0; ///< bit n: there are entries of 2^n bytes
    std::array<u32, sizes> of_size_{};
    u32 globals_ = 0;
    std::size_t size_ = 0;
    CacheCounts counts_;
};

} // namespace quiesce::iommu
