// SPDX-License-Identifier: Apache-2.0
/// Runs vectors on bare models, and says where a model and the vector differ.
#pragma once
#include "platform/replay/vectors.h"

#include <string>

namespace quiesce::platform {

/// What replay has to know of an architecture: how to make a bare one, and to read what it shows.
struct BareArchitecture {
    std::string_view name;
    std::unique_ptr<bare::Iommu> (*make)(sim::Calendar& calendar, const Vector& v);
    bare::RecordWords (*record)(std::span<const std::byte> record);
    bare::RecordWords (*page_request)();
    bare::RecordWords (*register_at)(const Vector& v, u64 offset);
};
/// Of a vector that is not to be skipped.
const BareArchitecture& architecture_of(const Vector& v);

/// On a fresh model. The calendar is used by nobody else.
Outcome run_vector(sim::Calendar& calendar, const Vector& v);

/// One item of a vector that came out otherwise.
struct Difference {
    std::string where; ///< "step 15 (dma)", "final"
    std::string field; ///< "F_PERMISSION.CLASS", "CMDQ_CONS.ERR", "status"
    std::string expected, came;
    Level level;
};
struct Judgement {
    std::vector<Difference> differences;
    /// There was something to judge, all of it agrees, and it was expected to differ.
    bool follows_deviation = false;
    bool differs(Level level) const;
};
/// Only for vectors that have `expect` or `final`.
Judgement judge(const Vector& v, const Outcome& came);

/// The outcome as one line of JSON, without its end.
std::string outcome_json(const Vector& v, const Outcome& o);
std::string skip_json(const Vector& v);

} // namespace quiesce::platform
