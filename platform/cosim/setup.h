// SPDX-License-Identifier: Apache-2.0
/// What a host asks for when it creates a platform, read and checked.
#pragma once
#include "platform/config.h"
#include "platform/cosim/refusal.h"
#include "platform/machine/iommus.h"

#include <optional>

namespace quiesce::platform::cosim {

inline constexpr u64 first_address_beyond = u64{1} << QSC_ADDRESS_BITS;

struct Setup {
    PlatformConfig platform;
    const IommuRow* iommu = nullptr; ///< its kind
    std::vector<IdValue> ids;
    Spa iommu_base{0x0904'0000}; ///< as where the scenarios have it
    std::optional<qsc_host_memory> host;
    Spa message_base{};
    u64 message_bytes = 0; ///< 0: no window
    bool hosted = false;
};

/// Throws a Refusal that names what is wrong. What passes can be made.
Setup read_setup(const qsc_config& config);

} // namespace quiesce::platform::cosim
