// SPDX-License-Identifier: Apache-2.0
/// Recoverable faults of devices with a translation cache (PCIe Base 10.4): what a root port hands to an IOMMU, and
/// what an IOMMU sends back.
#pragma once
#include "base/address.h"
#include "sim/task.h"

namespace quiesce::iommu {

/// One Page Request message, as it left the device. Requests of one group have the same `group`; the last says so.
struct PageRequestMessage {
    StreamId stream{};
    bool has_pasid = false;
    Pasid pasid{};
    Iova at{}; ///< the page; bits 11:0 are ignored
    bool read = false, write = false;
    bool execute = false; ///< of the PASID prefix, as `privileged`: both false without one
    bool privileged = false;
    bool last = false;
    u16 group = 0; ///< page request group index, 9 bits
    BondId bond{}; ///< carried through to observers, never acted on
};

/// A Stop Marker says that no request of this PASID follows. It is never answered; its `group` means nothing.
constexpr bool is_stop_marker(const PageRequestMessage& m) { return m.has_pasid && m.last && !m.read && !m.write; }

/// Response codes (PCIe Base 10.4.2); every other value is received as Failure.
enum class PageResponseCode : u8 {
    Success = 0,        ///< the pages were handled; the device asks for their translations again
    InvalidRequest = 1, ///< at least one page cannot be had
    Failure = 15,       ///< the device must not send page requests until its interface is enabled anew
};

/// One PRG Response message. The PASID is there only if it goes out with one.
struct PageGroupResponse {
    StreamId stream{};
    bool has_pasid = false;
    Pasid pasid{};
    u16 group = 0;
    PageResponseCode code = PageResponseCode::Success;
};

/// The IOMMU's side.
class PageRequestPort {
public:
    virtual ~PageRequestPort() = default;
    /// Goes on when the message has been taken in; messages are taken in the order of the calls. What becomes of it
    /// shows later: a record in memory, a response, or nothing.
    virtual sim::Task<void> page_request(PageRequestMessage message) = 0;
};

/// The fabric's side.
class PageResponsePort {
public:
    virtual ~PageResponsePort() = default;
    /// Sends the response towards the function that `stream` names. Nobody waits for the end of it.
    virtual sim::Task<void> respond(PageGroupResponse response) = 0;
};

} // namespace quiesce::iommu
