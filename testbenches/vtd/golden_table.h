// SPDX-License-Identifier: Apache-2.0
/// What golden tests of VT-d share: rows that somebody else worked out by hand (golden/vtd_*.h), held against the
/// layouts by the names of their fields, and a list of the rows that are not met, with the reason of each.
#pragma once
#include "golden/vtd_golden.h"
#include "support/golden_rows.h"
#include "vtd/bench.h"

#include <set>
#include <sstream>

namespace quiesce::iommu::vtd::test {

namespace gold = quiesce::golden::vtd;

using golden::all_met, golden::any_row, golden::check_listed, golden::flipped, golden::from_words, golden::judge,
    golden::judge_all, golden::plain_name, golden::reason_not_to, golden::Unmet, golden::with_field;

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
