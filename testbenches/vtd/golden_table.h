// SPDX-License-Identifier: Apache-2.0
/// What golden tests of VT-d share: rows that somebody else worked out by hand (golden/vtd_*.h), held against the
/// layouts by the names of their fields, and a list of the rows that are not met, with the reason of each.
#pragma once
#include "golden/vtd_golden.h"
#include "vtd/bench.h"

#include <set>
#include <sstream>

namespace quiesce::iommu::vtd::test {

namespace gold = quiesce::golden::vtd;

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
/// value at all: the row has only bits.
template <class S>
std::string differs(std::span<const gold::Value> values, std::span<const std::uint64_t> words) {
    std::ostringstream out;
    const S read = from_words<S>(words);
    S made{};
    std::set<std::string_view> named;
    for (const gold::Value& v : values) {
        if (v.field == nullptr) break;
        const std::string_view name = plain_name(v.field);
        named.insert(name);
        const unsigned found = with_field<S>(name, [&](const auto& f) {
            using T = typename std::decay_t<decltype(f)>::value_type;
            made.set(f, base::detail::from_bits<T>(v.value));
            if (base::detail::to_bits(read.get(f)) != v.value) out << v.field << " is read as another value; ";
        });
        if (found != 1) out << "no field " << name << "; ";
    }
    if (named.empty()) return {};
    base::for_each(read, [&](std::string_view name, const auto& value) {
        if (named.count(name) == 0 && base::detail::to_bits(value) != 0) out << name << " is not 0; ";
    });
    if (!(made == read)) out << "the fields make other words";
    return out.str();
}
template <class S, std::size_t Words>
std::string differs(const gold::Structure<Words>& row) {
    static_assert(S::byte_count == Words * 8);
    return differs<S>(row.fields, row.words);
}

/// The layout's fields are those of `positions`, bit by bit.
template <class S, class Positions>
void check_positions(const Positions& positions) {
    const auto mask_in_rows = [&](std::string_view name, unsigned word) {
        u64 mask = 0;
        for (const gold::Position& p : positions)
            if (plain_name(p.field) == name && p.lsb / 64 == word)
                mask |= base::low_bits(p.msb - p.lsb + 1) << p.lsb % 64;
        return mask;
    };
    for (const gold::Position& p : positions) {
        INFO(p.field);
        CHECK(with_field<S>(plain_name(p.field), [](const auto&) {}) == 1);
    }
    const auto compare = [&](const auto& field) {
        for (unsigned w = 0; w < S::word_count; ++w) {
            INFO(field.name() << ", word " << w);
            CHECK(field.mask(w) == mask_in_rows(field.name(), w));
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

/// A unit of Rev 5.10 with every optional feature, also those that this model cannot be, and 52 bits of addresses.
inline Identity every_feature() {
    VtdConfig c;
    c.host_address_bits.set(52);
    c.address_mask.set(63);
    Identity id = identity_of(c);
    for (const auto* f : {&Ecap::MTS, &Ecap::IR, &Ecap::HPTS, &Ecap::PTRS, &Ecap::SSIRWS}) id.ecap.set(*f, true);
    return id;
}
/// "ECAP.SMTS ECAP.ADMS": the capabilities that a row names, taken away.
inline Identity without(Identity id, std::string_view names) {
    std::istringstream in{std::string{names}};
    for (std::string name; in >> name;) {
        const auto clear = [&](const auto& f) { id.ecap.set(f, {}); };
        if (name.starts_with("ECAP.")) REQUIRE(with_field<Ecap>(std::string_view{name}.substr(5), clear) == 1);
    }
    return id;
}

} // namespace quiesce::iommu::vtd::test
