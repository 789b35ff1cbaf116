// SPDX-License-Identifier: Apache-2.0
/// What a model has of its architecture's manual, as rows.
#pragma once
#include "base/describe.h"

#include <string_view>

namespace quiesce::iommu {

/// Stored: it keeps what is written and has no other effect.
enum class Status : u8 { Modelled, Stored, Absent };
constexpr auto enum_names(Status) {
    return base::name_table<Status>(
        {{Status::Modelled, "modelled"}, {Status::Stored, "stored"}, {Status::Absent, "absent"}});
}
enum class FeatureKind : u8 { Register, Field, Command, Event, Extension };
constexpr auto enum_names(FeatureKind) {
    return base::name_table<FeatureKind>({{FeatureKind::Register, "register"},
                                          {FeatureKind::Field, "field"},
                                          {FeatureKind::Command, "command"},
                                          {FeatureKind::Event, "event"},
                                          {FeatureKind::Extension, "extension"}});
}
struct Feature {
    FeatureKind kind;
    std::string_view owner; ///< the structure or register of a field; otherwise empty
    std::string_view name;
    std::string_view section; ///< of the manual
    Status status;
    std::string_view why{}; ///< why it is absent
};

} // namespace quiesce::iommu
