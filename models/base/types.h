// SPDX-License-Identifier: Apache-2.0
/// Short names of the fixed-width integers, and the one place that makes the base vocabulary visible in all of quiesce.
#pragma once
#include <cstdint>

namespace quiesce {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i64 = std::int64_t;

namespace base {}
/// Every room speaks this vocabulary: `quiesce::Iova` and `quiesce::base::Iova` are the same type.
using namespace base;

} // namespace quiesce
