// SPDX-License-Identifier: Apache-2.0
/// What golden tests of several architectures share: rows that somebody else worked out by hand (golden/*.h), judged
/// one by one, and a list of the rows that are not met, with the reason of each.
#pragma once
#include "base/structure.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

namespace quiesce::golden {

/// A row that the model does not meet, and why.
struct Unmet {
    std::string_view what, why;
};
template <class Unmets>
const Unmet* reason_not_to(const Unmets& unmet, std::string_view what) {
    const auto found = std::find_if(unmet.begin(), unmet.end(), [&](const Unmet& u) { return u.what == what; });
    return found == unmet.end() ? nullptr : &*found;
}
inline constexpr std::array<Unmet, 0> all_met{};

/// `difference`: between a row and the model; empty: none. A row that is listed as unmet has one.
template <class Unmets>
void judge(std::string_view what, const std::string& difference, const Unmets& unmet) {
    const Unmet* reason = reason_not_to(unmet, what);
    INFO(what << ": " << (reason != nullptr ? reason->why : difference));
    CHECK(difference.empty() == (reason == nullptr));
}
/// What is listed as unmet is in the table.
template <class Rows, class Unmets, class NameOf>
void check_listed(const Rows& rows, const Unmets& unmet, NameOf name_of) {
    std::set<std::string> names;
    for (const auto& row : rows) names.insert(std::string{name_of(row)});
    for (const Unmet& u : unmet) {
        INFO(u.what);
        CHECK(names.count(std::string{u.what}) == 1);
    }
}
/// Each row of a table.
template <class Rows, class Differs, class Unmets>
void judge_all(const Rows& rows, Differs differs, const Unmets& unmet) {
    for (const auto& row : rows) judge(row.what, differs(row), unmet);
    check_listed(rows, unmet, [](const auto& row) { return row.what; });
}
template <class Rows, class Differs>
void judge_all(const Rows& rows, Differs differs) {
    judge_all(rows, differs, all_met);
}
template <class Rows>
const auto& any_row(const Rows& rows) {
    return rows[GENERATE_REF(range(std::size_t{0}, rows.size()))];
}

/// A field's name without what tells its pieces or forms apart: "Type[3:0]", "ADDR, 2 MiB".
inline std::string_view plain_name(std::string_view name) { return name.substr(0, name.find_first_of("[,")); }

template <class S, class F>
unsigned with_field(std::string_view name, F f) {
    unsigned found = 0;
    const auto one = [&](const auto& field) {
        if (field.name() != name) return;
        f(field);
        ++found;
    };
    base::apply([&](const auto&... field) { (one(field), ...); }, S::fields);
    return found;
}

/// A structure or a register from its words, by way of bytes in memory.
template <class S>
S from_words(std::span<const std::uint64_t> words) {
    if constexpr (requires { S::offset; }) {
        return S::of(static_cast<typename S::Value>(words[0]));
    } else {
        std::array<std::byte, S::byte_count> raw{};
        for (unsigned i = 0; i < S::byte_count; ++i) raw[i] = static_cast<std::byte>(words[i / 8] >> (i % 8 * 8));
        return S::from_bytes(raw);
    }
}

/// How the layout's reading of `words` differs from `values`, or the words that it makes of `values` from `words`. No
/// value at all beside words that are not 0: the row has only bits. `meant(name, f)` calls `f` with the one field that
/// a row's name means, and says whether there is one.
template <class S, class Values, class Meant>
std::string differs(const Values& values, std::span<const std::uint64_t> words, Meant meant) {
    std::ostringstream out;
    const S read = from_words<S>(words);
    S made{};
    std::set<std::string_view> named;
    for (const auto& v : values) {
        if (v.field == nullptr) break;
        const bool found = meant(v.field, [&](const auto& f) {
            using T = typename std::decay_t<decltype(f)>::value_type;
            named.insert(f.name());
            made.set(f, base::detail::from_bits<T>(v.value));
            if (base::detail::to_bits(read.get(f)) != v.value) out << v.field << " is read as another value; ";
        });
        if (!found) out << "no field " << v.field << "; ";
    }
    const bool zero = std::all_of(words.begin(), words.end(), [](u64 w) { return w == 0; });
    if (named.empty() && !zero) return out.str();
    base::for_each(read, [&](std::string_view name, const auto& value) {
        if (named.count(name) == 0 && base::detail::to_bits(value) != 0) out << name << " is not 0; ";
    });
    if (!(made == read)) out << "the fields make other words";
    return out.str();
}

/// Made to show where one field is, and perhaps nothing that there is.
template <class Row>
bool shows_one_field(const Row& row) {
    return std::string_view{row.what}.find("alone") != std::string_view::npos;
}
/// What a row says of a field; 0 if nothing.
template <class Row>
u64 value_in(const Row& row, std::string_view name) {
    for (const auto& v : row.fields)
        if (v.field != nullptr && v.field == name) return v.value;
    return 0;
}

/// Where the rows have the fields of a layout; those that are in none of its fields, or not all in one, are failures.
using FieldMasks = std::map<std::string, std::array<u64, 8>, std::less<>>;
template <class Positions, class Meant>
void collect_positions(const Positions& positions, FieldMasks& into, Meant meant) {
    for (const auto& p : positions) {
        INFO(p.field);
        const u64 mask = base::low_bits(p.msb - p.lsb + 1) << p.lsb % 64;
        const bool found = meant(p.field, [&](const auto& f) {
            CHECK((mask & ~f.mask(p.lsb / 64)) == 0);
            into[std::string{f.name()}].at(p.lsb / 64) |= mask;
        });
        CHECK(found);
    }
}
/// The layout's fields are those of the rows, bit by bit. `beyond`: a field that the layout has beside them.
template <class S>
void check_masks(const FieldMasks& masks, std::string_view beyond = {}) {
    const auto compare = [&](const auto& field) {
        const auto rows = masks.find(field.name());
        for (unsigned w = 0; w < S::word_count; ++w) {
            INFO(field.name() << ", word " << w);
            const u64 in_rows = rows == masks.end() ? 0 : rows->second[w];
            CHECK(in_rows == (field.name() == beyond ? 0 : field.mask(w)));
        }
    };
    base::apply([&](const auto&... field) { (compare(field), ...); }, S::fields);
}

/// Bit `n` of a structure turned over.
template <class S>
S flipped(const S& s, unsigned n) {
    typename S::Words words = s.words();
    words[n / 64] ^= u64{1} << n % 64;
    return S::from_words(words);
}

} // namespace quiesce::golden
