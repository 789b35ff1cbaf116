// SPDX-License-Identifier: Apache-2.0
/// What golden tests of several architectures share: rows that somebody else worked out by hand (golden/*.h), judged
/// one by one, and a list of the rows that are not met, with the reason of each.
#pragma once
#include "base/structure.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <set>
#include <span>
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

/// Bit `n` of a structure turned over.
template <class S>
S flipped(const S& s, unsigned n) {
    typename S::Words words = s.words();
    words[n / 64] ^= u64{1} << n % 64;
    return S::from_words(words);
}

} // namespace quiesce::golden
