// SPDX-License-Identifier: Apache-2.0
/// The page request interface of a unit, before any architecture's queue: messages wait for a buffer and are handled one
/// by one, in the order in which they came; responses go out.
#pragma once
#include "iommu/events.h"
#include "iommu/page_request.h"
#include "sim/calendar.h"
#include "sim/signal.h"
#include "sim/slots.h"

#include <functional>

namespace quiesce::iommu {

class PageRequestInterface {
public:
    using Handler = std::function<sim::Task<void>(PageRequestMessage)>;
    /// `handle` is what the architecture makes of a message: a record in memory, an answer, or nothing.
    PageRequestInterface(base::Name unit, base::EventBus& events, unsigned buffers, Handler handle)
        : unit_(unit), events_(events), buffers_(buffers), handle_(std::move(handle)) {}
    PageRequestInterface(const PageRequestInterface&) = delete;
    PageRequestInterface& operator=(const PageRequestInterface&) = delete;

    /// Where responses go. Without one there is no page request interface in the system, and nothing is sent.
    void set_port(PageResponsePort* port) { port_ = port; }
    /// Returns once the message has a buffer, which it keeps until it has been handled. States PageRequestReceived.
    sim::Task<void> take(PageRequestMessage m);
    /// Goes on when every message taken before this call has been handled.
    sim::Task<void> drained();
    /// States PageResponseSent.
    void send(const PageGroupResponse& r, PageResponseReason why);
    /// Messages whose turn has not come.
    std::size_t waiting() const { return waiting_.size(); }

private:
    struct Waiting {
        PageRequestMessage message;
        sim::Lease buffer{};
    };
    sim::Task<void> run();

    base::Name unit_;
    base::EventBus& events_;
    sim::Slots buffers_;
    Handler handle_;
    sim::Fifo<Waiting> waiting_;
    PageResponsePort* port_ = nullptr;
    u64 taken_ = 0, handled_ = 0;
    bool running_ = false;
    sim::Signal progress_;
};

} // namespace quiesce::iommu
