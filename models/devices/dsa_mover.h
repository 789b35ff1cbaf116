// SPDX-License-Identifier: Apache-2.0
/// Reads and writes for a descriptor: packets, translated by the ATC where it is on, gathered until all have ended.
#pragma once
#include "devices/atc.h"
#include "devices/events.h"
#include "pcie/endpoint.h"

namespace quiesce::devices {

/// PageFault: no translation allowed it. Failed: the function may not send it, or an answer was an error. Reset: the
/// device was.
enum class MoveEnding : u8 { Done, PageFault, Failed, Reset };

class DsaMover {
public:
    /// Without an `atc` that is enabled, requests go out untranslated.
    DsaMover(pcie::Endpoint& endpoint, Atc* atc) : endpoint_(endpoint), atc_(atc) {}

    /// All of `r`, which lies in one page; a write's bytes are copied. `wait_for_page`: what has no translation is
    /// asked of the host as a page, where the device can do that. Returns when reads have been answered and writes have
    /// left.
    sim::Task<MoveEnding> read(pcie::DmaRequest r, std::byte* into, bool wait_for_page) {
        return move(r, into, false, wait_for_page);
    }
    sim::Task<MoveEnding> write(pcie::DmaRequest r, const std::byte* from, bool wait_for_page) {
        return move(r, const_cast<std::byte*>(from), true, wait_for_page); // only a read writes there
    }
    /// What is not on its way is not sent any more.
    void reset() { ++life_; }

private:
    sim::Task<MoveEnding> move(pcie::DmaRequest r, std::byte* bytes, bool write, bool wait_for_page);
    u64 announce(const pcie::DmaRequest& packet, bool write);
    void refused(const pcie::DmaRequest& r, bool write, DmaEnding how);
    void end(u64 transaction, const pcie::DmaRequest& r, bool write, DmaEnding how);

    pcie::Endpoint& endpoint_;
    Atc* atc_;
    u64 life_ = 0;
};

} // namespace quiesce::devices
