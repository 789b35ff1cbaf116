// SPDX-License-Identifier: Apache-2.0
#include "pcie/root_complex.h"

namespace quiesce::pcie {

FunctionPort& RootComplex::attach(base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint,
                                  const LinkConfig& link) {
    ports_.push_back(std::make_unique<FunctionPort>(*this, name, device, requester, endpoint, link, config_));
    return *ports_.back();
}

std::string RootComplex::who_waits() const {
    std::string all;
    for (const auto& port : ports_)
        if (const std::string one = port->who_waits(); !one.empty()) all += (all.empty() ? "" : "; ") + one;
    return all;
}

sim::Task<iommu::AtcAnswer> RootComplex::invalidate(iommu::AtcInvalidation what) {
    for (const auto& port : ports_) {
        if (port->stream() != what.stream) continue;
        auto asked = port->invalidate(what);
        const iommu::AtcAnswer answer = co_await std::move(asked);
        co_return answer;
    }
    co_return iommu::AtcAnswer::Unsupported;
}

sim::Task<void> RootComplex::respond(iommu::PageGroupResponse response) {
    for (const auto& port : ports_) {
        if (port->stream() != response.stream) continue;
        co_await port->respond(response);
        co_return;
    }
}

} // namespace quiesce::pcie
