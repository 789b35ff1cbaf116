// SPDX-License-Identifier: Apache-2.0
/// What golden tests of VT-d share: rows that somebody else worked out by hand (golden/vtd_*.h), held against the
/// layouts by the names of their fields, and a list of the rows that are not met, with the reason of each.
#pragma once
#include "golden/vtd_golden.h"
#include "support/golden_rows.h"
#include "vtd/bench.h"

#include <sstream>

namespace quiesce::iommu::vtd::test {

namespace gold = quiesce::golden::vtd;

using golden::all_met, golden::any_row, golden::check_listed, golden::flipped, golden::from_words, golden::judge,
    golden::judge_all, golden::plain_name, golden::reason_not_to, golden::shows_one_field, golden::Unmet,
    golden::value_in, golden::with_field;

/// A row's name has what tells pieces and forms apart behind the field's.
template <class S>
constexpr auto meant = [](std::string_view name, auto f) { return with_field<S>(plain_name(name), f) == 1; };

template <class S>
std::string differs(std::span<const gold::Value> values, std::span<const std::uint64_t> words) {
    return golden::differs<S>(values, words, meant<S>);
}
template <class S, std::size_t Words>
std::string differs(const gold::Structure<Words>& row) {
    static_assert(S::byte_count == Words * 8);
    return differs<S>(row.fields, row.words);
}
template <class S, class Positions>
void check_positions(const Positions& positions) {
    golden::FieldMasks masks;
    golden::collect_positions(positions, masks, meant<S>);
    golden::check_masks<S>(masks);
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
