// SPDX-License-Identifier: Apache-2.0
#include "iommu/page_request_interface.h"

namespace quiesce::iommu {

sim::Task<void> PageRequestInterface::take(PageRequestMessage m) {
    auto buffer = co_await buffers_.acquire();
    events_.emit(PageRequestReceived{unit_, m.bond, m.stream, m.has_pasid, m.pasid, m.at, m.group, m.write, m.last,
                                     is_stop_marker(m)});
    waiting_.push({m, std::move(buffer)});
    ++taken_;
    if (running_) co_return;
    running_ = true;
    sim::start(run());
}

sim::Task<void> PageRequestInterface::run() {
    while (!waiting_.empty()) {
        const Waiting next = waiting_.pop();
        auto handled = handle_(next.message);
        co_await std::move(handled);
        ++handled_;
        progress_.notify_all();
    }
    running_ = false;
}

sim::Task<void> PageRequestInterface::drained() {
    const u64 upto = taken_;
    while (handled_ < upto) co_await progress_.wait();
}

void PageRequestInterface::send(const PageGroupResponse& r, PageResponseReason why) {
    if (port_ == nullptr) return;
    events_.emit(PageResponseSent{unit_, r.stream, r.has_pasid, r.pasid, r.group, static_cast<u8>(r.code), why});
    sim::start(port_->respond(r));
}

} // namespace quiesce::iommu
