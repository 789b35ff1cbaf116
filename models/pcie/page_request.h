// SPDX-License-Identifier: Apache-2.0
/// Page requests on the wire (PCIe Base 10.4; facts/iommu-specs.md 4.2): the third and the fourth double word of both
/// messages' headers as one 64-bit word, the third one above. Neither has data; a PASID is in the prefix.
#pragma once
#include "base/structure.h"
#include "iommu/page_request.h"

namespace quiesce::pcie {

inline constexpr unsigned page_request_groups = 512; ///< that a function has under way at most: 9 bits of index

/// 10.4.1: Page Request, message code 04h, routed to the root complex. L alone, with a PASID: Stop Marker.
struct PageRequestHeader : base::Structure<PageRequestHeader, 8> {
    static constexpr F<bool> R{"R", 0, 0};
    static constexpr F<bool> W{"W", 1, 1};
    static constexpr F<bool> L{"L", 2, 2}; ///< last of its group
    static constexpr F<> Group{"Page Request Group Index", 11, 3};
    static constexpr F<> Address{"Page Address", 63, 12};
    static constexpr auto fields = base::layout(R, W, L, Group, Address);
    static_assert(base::disjoint(fields));
};

/// 10.4.2: PRG Response, message code 05h, routed by id.
struct PageGroupResponseHeader : base::Structure<PageGroupResponseHeader, 8> {
    static constexpr F<> Group{"Page Request Group Index", 40, 32};
    static constexpr F<> Code{"Response Code", 47, 44};
    static constexpr F<> DeviceID{"Destination Device ID", 63, 48};
    static constexpr auto fields = base::layout(Group, Code, DeviceID);
    static_assert(base::disjoint(fields));
};

/// A PRG Response as it arrives at a function.
struct PageGroupAnswer {
    bool has_pasid = false;
    Pasid pasid{};
    PageGroupResponseHeader header{};
};

} // namespace quiesce::pcie
