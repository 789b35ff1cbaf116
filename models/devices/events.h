// SPDX-License-Identifier: Apache-2.0
/// Facts that devices state.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "base/names.h"
#include "sim/time.h"

#include <string_view>

namespace quiesce::devices {

/// A device decided on a DMA, and gave it its number.
struct DmaIssued {
    static constexpr std::string_view event_name = "DmaIssued";
    u64 transaction;
    DeviceId device;
    BondId bond;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    u32 bytes;
    bool write;
};
DESCRIBE(DmaIssued, transaction, device, bond, has_pasid, pasid, at, bytes, write)

/// A request of a device that is no PCI function reached the IOMMU over the interconnect.
struct RequestArrived {
    static constexpr std::string_view event_name = "RequestArrived";
    u64 transaction;
    DeviceId device;
    BondId bond;
    StreamId stream;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    u32 bytes;
    bool write;
};
DESCRIBE(RequestArrived, transaction, device, bond, stream, has_pasid, pasid, at, bytes, write)

/// NotTranslated: the device asked for a translation, and none allowed the access. NotSent: software has not enabled
/// what the request needs (its PASID), and the device sent nothing. TimedOut: no completion came. Poisoned: its data is bad.
enum class DmaEnding : u8 { Success, UnsupportedRequest, CompleterAbort, ReadZero, NotTranslated, NotSent, TimedOut, Poisoned };

/// The device is through with a transaction: a read's last completion arrived, a write left (posted: no answer comes back).
struct DmaEnded {
    static constexpr std::string_view event_name = "DmaEnded";
    u64 transaction;
    DeviceId device;
    BondId bond;
    u32 bytes;
    bool write;
    DmaEnding ending;
};
DESCRIBE(DmaEnded, transaction, device, bond, bytes, write, ending)

/// A device forgot the work that was under way for a bond: it, its engines or its link were reset, or the state of a
/// context could not be saved. Its driver finds out later, and may give the work to the device again.
struct WorkDropped {
    static constexpr std::string_view event_name = "WorkDropped";
    DeviceId device;
    BondId bond;
};
DESCRIBE(WorkDropped, device, bond)

/// A device found an error of its own and stopped working. `needs`: the reset that gets it going (0 by command, 1 of the function,
/// 2 and 3 of the machine). `obeying`: a command of its driver was under way.
struct DeviceHalted {
    static constexpr std::string_view event_name = "DeviceHalted";
    DeviceId device;
    u8 needs;
    bool obeying;
};
DESCRIBE(DeviceHalted, device, needs, obeying)

/// How much of a trace's request a device sent. The rest of one that is cut short, and all of one that is left out, was
/// for somebody who had stopped.
enum class TraceLineFate : u8 { Played, CutShort, LeftOut };

/// A device that plays a trace is through with one of its requests.
struct TraceLinePlayed {
    static constexpr std::string_view event_name = "TraceLinePlayed";
    base::Name device;
    u64 line;
    BondId bond;
    TraceLineFate fate;
    u64 late_ps;             ///< behind its time in the trace
};
DESCRIBE(TraceLinePlayed, device, line, bond, fate, late_ps)

/// A device sent a Page Request, or a Stop Marker, which asks for nothing and is never answered.
struct PageRequestSent {
    static constexpr std::string_view event_name = "PageRequestSent";
    DeviceId device;
    StreamId stream;
    BondId bond;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    u16 group;
    bool write;
    bool last;
    bool stop_marker;
    u64 transaction = 0;     ///< the DMA that needs the page; 0: a Stop Marker
};
DESCRIBE(PageRequestSent, device, stream, bond, has_pasid, pasid, at, group, write, last, stop_marker, transaction)

/// Taken: somebody waited for it. Stale: the group was outstanding, but its queue has stopped meanwhile. Unexpected: no
/// such group is outstanding. Ignored: the interface had stopped with a Response Failure before.
enum class PageResponseFate : u8 { Taken, Stale, Unexpected, Ignored };

/// A PRG Response arrived at a device. `bond` is that of the group, 0 if there is none.
struct PageResponseHeard {
    static constexpr std::string_view event_name = "PageResponseHeard";
    DeviceId device;
    StreamId stream;
    BondId bond;
    bool has_pasid;
    Pasid pasid;
    u16 group;
    u8 code;                 ///< the message's: 0 success, 1 invalid, all others failure
    PageResponseFate fate;
};
DESCRIBE(PageResponseHeard, device, stream, bond, has_pasid, pasid, group, code, fate)

/// A device forgot a group of page requests that it had sent: it, its link or its page request interface was reset, or
/// another group's answer was Response Failure. It waits for no answer any more; one that still comes it discards.
struct PageGroupForgotten {
    static constexpr std::string_view event_name = "PageGroupForgotten";
    DeviceId device;
    StreamId stream;
    BondId bond;
    bool has_pasid;
    Pasid pasid;
    u16 group;
    u32 requests;
};
DESCRIBE(PageGroupForgotten, device, stream, bond, has_pasid, pasid, group, requests)

/// An access of a GPU's wave found no translation before and is tried again.
struct AccessRetried {
    static constexpr std::string_view event_name = "AccessRetried";
    DeviceId device;
    BondId bond;
    Iova at;
    bool write;
};
DESCRIBE(AccessRetried, device, bond, at, write)

/// Delivered: payload and completion were written. Sent: read and put on the wire. NoBuffer: the ring had none. NoRoom:
/// the device's own buffer was full. NoQueue: no ring was enabled. Failed: an access of its ended with an error.
/// Discarded: the ring was stopped meanwhile.
enum class PacketFate : u8 { Delivered, Sent, NoBuffer, NoRoom, NoQueue, Failed, Discarded };

/// A network packet is done with.
struct PacketEnded {
    static constexpr std::string_view event_name = "PacketEnded";
    DeviceId device;
    BondId bond;
    u32 bytes;
    PacketFate fate;
};
DESCRIBE(PacketEnded, device, bond, bytes, fate)

/// A work queue of a device changed state: idle, running, stopping, stopped; a GPU's context: unmapped, idle, waiting,
/// running, saving.
struct QueueState {
    static constexpr std::string_view event_name = "QueueState";
    base::Name queue;
    DeviceId device;
    BondId bond;
    Pasid pasid;
    base::Name state;
};
DESCRIBE(QueueState, queue, device, bond, pasid, state)

/// What became of a descriptor that arrived at a portal. Accepted: it is in the queue. Retry: there is no room for it,
/// or the queue does not take it, and its sender is told so. Dropped: it was posted, so nobody is told.
enum class SubmissionFate : u8 { Accepted, Retry, Dropped };

/// User space gave a device a descriptor: it was taken, told to try again, or dropped.
struct DescriptorSubmitted {
    static constexpr std::string_view event_name = "DescriptorSubmitted";
    base::Name queue;
    DeviceId device;
    BondId bond;
    bool has_pasid;
    Pasid pasid;
    u8 operation;            ///< the descriptor's
    SubmissionFate fate;
};
DESCRIBE(DescriptorSubmitted, queue, device, bond, has_pasid, pasid, operation, fate)

/// Lost: it was to be written and could not be.
enum class RecordFate : u8 { NotWanted, Written, Lost };

/// A device is through with a descriptor.
struct DescriptorEnded {
    static constexpr std::string_view event_name = "DescriptorEnded";
    base::Name queue;
    DeviceId device;
    BondId bond;
    bool has_pasid;
    Pasid pasid;
    u8 operation;
    u8 status;               ///< as in its completion record; 0: it was abandoned
    u32 bytes;               ///< done before it ended
    Iova fault_at;
    RecordFate record;
    sim::Time since;         ///< when it was accepted
};
DESCRIBE(DescriptorEnded, queue, device, bond, has_pasid, pasid, operation, status, bytes, fault_at, record, since)

} // namespace quiesce::devices
