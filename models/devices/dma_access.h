// SPDX-License-Identifier: Apache-2.0
/// Single accesses of a device to memory, each waited for: descriptors, rings, payloads, saved state. What a DMA engine
/// does by the thousand (devices/dma_engine.h) it does one at a time, and tells how it ended.
#pragma once
#include "base/events.h"
#include "devices/atc.h"
#include "devices/events.h"
#include "pcie/endpoint.h"
#include "sim/signal.h"

#include <span>

namespace quiesce::devices {

DmaEnding ending_of(pcie::Completion how);
/// `r` at the address that its translation gave; without a PASID prefix: on translated requests it needs an enable of
/// its own (facts/iommu-specs.md 4.1), which is not there.
pcie::DmaRequest translated(const pcie::DmaRequest& r, Iova to);

/// A request with a PASID goes through the ATC where there is one that is enabled; one without is never translated by
/// the device. While software has bus mastering off, nothing is sent; what was to be sent waits.
class DmaAccess {
public:
    DmaAccess(base::EventBus& events, pcie::Endpoint& endpoint, Atc* atc);
    DmaAccess(const DmaAccess&) = delete;

    /// Any number of bytes, a page at a time, the packets of a page all under way at once. Ends at the first page that
    /// fails, with the reason. A write without an ATC always succeeds: it is posted. A read that the IOMMU let end as
    /// zero has succeeded: the device cannot tell. `into` and `from` must live so long. `ask_for_page`: as
    /// Atc::translate().
    sim::Task<DmaEnding> read(pcie::DmaRequest r, std::span<std::byte> into, bool ask_for_page = true);
    sim::Task<DmaEnding> write(pcie::DmaRequest r, std::span<const std::byte> from, bool ask_for_page = true);
    /// Returns when every write that was sent is globally observable: a zero-length read, without a PASID that may not
    /// be sent any more (facts/iommu-specs.md 4.1, PASID stop). At once if nothing was written since the last.
    sim::Task<void> flush(pcie::DmaRequest r);
    /// The device was reset: of what was asked for before it, nothing is sent any more.
    void reset();

    /// Accesses that have begun and not ended.
    unsigned outstanding() const { return outstanding_; }
    /// Set while there are none.
    sim::Latch& idle() { return idle_; }

private:
    class Packets;
    bool translates(const pcie::DmaRequest& r) const { return r.has_pasid && atc_ != nullptr && atc_->enabled(); }
    sim::Task<DmaEnding> page(pcie::DmaRequest r, std::byte* data, bool write, bool ask_for_page);
    sim::Task<DmaEnding> send(pcie::DmaRequest& rest, pcie::DmaRequest packet, std::byte* data, bool write, u64 life);
    u64 announce(const pcie::DmaRequest& r, bool write);
    void tell(const pcie::DmaRequest& r, u64 transaction, bool write, DmaEnding how);
    void begin();
    void end();

    base::EventBus& events_;
    pcie::Endpoint& endpoint_;
    Atc* atc_;
    unsigned outstanding_ = 0;
    u64 life_ = 0; ///< resets so far
    bool unflushed_ = false;
    Iova last_write_{};
    sim::Latch idle_;
};

} // namespace quiesce::devices
