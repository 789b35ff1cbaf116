// SPDX-License-Identifier: Apache-2.0
/// Devices at the ports of an IOMMU: what they ask, and what they are told. The host is all of them.
/// MODEL: no link lies between (quiesce/cosim.h).
#pragma once
#include "iommu/ats_port.h"
#include "iommu/in_flight.h"
#include "iommu/page_request.h"
#include "memory/memory_port.h"
#include "pcie/ats.h"
#include "platform/cosim/host_memory.h"
#include "platform/cosim/kernel.h"
#include "platform/cosim/operations.h"
#include "platform/machine/iommus.h"
#include "sim/signal.h"
#include "sim/slots.h"

#include <deque>
#include <map>

namespace quiesce::platform::cosim {

/// An entry of a completion as hosts see it.
qsc_translation translation_of(const pcie::TranslationEntry& e);

class Requesters final : public iommu::AtsPort, public iommu::PageResponsePort {
public:
    struct Seat {
        Kernel& kernel;
        IommuUnit& unit;
        memory::MemoryPort& memory;
        HostMemory* host; ///< null: memory is the simulator's
        u32 stream_base;
        unsigned stream_bits;
        sim::Duration invalidate_timeout;
    };
    explicit Requesters(const Seat& seat) : seat_(seat) {}
    Requesters(const Requesters&) = delete;

    /// Requesters that have a stream.
    bool has_stream(u32 requester) const { return (u64{seat_.stream_base} + requester) >> seat_.stream_bits == 0; }
    unsigned stream_bits() const { return seat_.stream_bits; }
    void set_features(u32 requester, u32 features) { devices_[requester].features = features; }
    /// Carries an operation out; it is checked already. Its page faults may take as long as software takes.
    sim::Task<void> dma(Operation& op);
    sim::Task<void> translate(Operation& op);
    sim::Task<void> request_page(Operation& op);

    sim::Task<iommu::AtcAnswer> invalidate(iommu::AtcInvalidation what) override;
    sim::Task<void> respond(iommu::PageGroupResponse response) override;
    /// False: no invalidation of this tag is open.
    bool complete(u32 tag);
    /// A completion that no invalidation waits for.
    void complete_stray(u32 requester) { seat_.unit.stray_completion(stream_of(requester)); }

    /// What was not fetched yet.
    std::deque<qsc_invalidation> invalidations;
    std::deque<qsc_page_response> responses;

private:
    struct Device {
        u32 features = 0;
        iommu::InFlightTracker writes; ///< those that a completion must stay behind
        sim::Slots invalidations{pcie::itags};
    };
    struct OpenInvalidation {
        explicit OpenInvalidation(Device& d) : device(d) {}
        Device& device;
        bool completed = false;
        sim::Latch over;
    };
    StreamId stream_of(u32 requester) const { return StreamId{seat_.stream_base + requester}; }
    u32 requester_of(StreamId stream) const { return raw(stream) - seat_.stream_base; }
    Device* device_with(StreamId stream, u32 feature);
    iommu::TranslationRequest question(const qsc_dma_request& r) const;
    sim::Task<qsc_ending> move_page(iommu::TranslationRequest question, std::byte* data, Operation& op);
    sim::Task<void> answer(u32 tag);

    Seat seat_;
    std::map<u32, Device> devices_;
    std::map<u32, OpenInvalidation> open_;
    u32 tags_ = 0;
    u64 transactions_ = 0;
};

} // namespace quiesce::platform::cosim
