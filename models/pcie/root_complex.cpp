// SPDX-License-Identifier: Apache-2.0
#include "pcie/root_complex.h"

namespace quiesce::pcie {

FunctionPort& RootComplex::attach(base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint,
                                  const LinkConfig& link) {
    const auto place = places_.find(device);
    Switch* const below = place == places_.end() ? nullptr : place->second.below;
    const unsigned slot = below == nullptr ? 0 : place->second.slot;
    ports_.push_back(
        std::make_unique<FunctionPort>(*this, name, device, requester, endpoint, link, config_, below, slot));
    return *ports_.back();
}

Switch& RootComplex::add_switch(base::Name name, const SwitchConfig& config, Switch* above) {
    switches_.push_back(std::make_unique<Switch>(*this, name, config, above));
    return *switches_.back();
}

void RootComplex::place(DeviceId device, Switch& below) {
    Place& p = places_[device];
    p.below = &below;
    p.slot = below.add_port();
}

void RootComplex::set_bus(const Switch& above, unsigned port, unsigned bus) {
    for (auto& [device, p] : places_)
        if (p.below == &above && p.slot == port) p.bus = bus;
}

Switch* RootComplex::switch_of(DeviceId device) const {
    const auto p = places_.find(device);
    return p == places_.end() ? nullptr : p->second.below;
}

RequesterId RootComplex::requester_of(DeviceId device) const {
    const auto p = places_.find(device);
    const unsigned bus = p == places_.end() || p->second.bus == 0 ? raw(device) + 1 : p->second.bus;
    return static_cast<RequesterId>(bus << 8);
}

std::string RootComplex::who_waits() const {
    std::string all;
    const auto add = [&all](const std::string& one) {
        if (!one.empty()) all += (all.empty() ? "" : "; ") + one;
    };
    for (const auto& port : ports_) add(port->who_waits());
    for (const auto& s : switches_) add(s->who_waits());
    return all;
}

void RootComplex::left_behind(base::Leftovers& out) const {
    for (const auto& port : ports_) port->left_behind(out);
    for (const auto& s : switches_) s->left_behind(out);
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
