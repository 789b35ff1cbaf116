// SPDX-License-Identifier: Apache-2.0
#include "devices/sva_function.h"

#include "devices/events.h"

#include <algorithm>

namespace quiesce::devices {
namespace {
pcie::FunctionConfig function_of(const SvaFunctionConfig& c, base::Size registers, bool atomics) {
    pcie::FunctionConfig f = pcie::Endpoint::plain_function();
    f.bar0.size = registers;
    f.express.flr = true;
    f.express.atomic_requester = atomics;
    f.ats.present = c.atc.present.get();
    f.pri.present = c.atc.present.get() && c.pri.present.get();
    f.pri.capacity = c.pri.capacity.get();
    f.pasid.width = c.pasid_bits.get();
    return f;
}
} // namespace

SvaFunction::SvaFunction(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex,
                         const pcie::LinkConfig& link, const SvaFunctionConfig& config, base::Size registers,
                         DeviceId device, bool atomics)
    : Endpoint(name, events, root_complex, link, config.endpoint, device, function_of(config, registers, atomics)) {
    if (!config.atc.present) return;
    atc_ = std::make_unique<Atc>(name, events, *this, config.atc);
    // Not only when it changes: written once more it turns an ATC on again that Unsupported Request turned off.
    config_space().on_write(pcie::cfg::AtsControl::Enable, [this](bool on) { atc_->enable(on); });
    if (config.pri.present) add_page_requests(config.pri);
}

void SvaFunction::lose_work() {
    for (const BondId bond : at_work())
        if (bond != no_bond && std::find(lost_work_.begin(), lost_work_.end(), bond) == lost_work_.end()) {
            lost_work_.push_back(bond);
            events().emit(WorkDropped{device(), bond});
        }
}

void SvaFunction::left_behind(base::Leftovers& out) const {
    Endpoint::left_behind(out);
    for (const BondId bond : at_work()) out.say(name().text(), "work for bond " + std::to_string(raw(bond)));
    if (atc_) out.count(name().text(), atc_->asking(), "translation request", "under way or waiting for its turn");
    if (pages_) out.count(name().text(), pages_->outstanding(), "page request", "without a response");
}

void SvaFunction::add_page_requests(const PageRequestConfig& config) {
    pages_ = std::make_unique<PageRequestInterface>(name(), events(), *this, config);
    atc_->set_page_requests(pages_.get());
    config_space().on_write(pcie::cfg::PriControl::Enable, [this](bool on) { pages_->enable(on); });
    config_space().on_pri_reset([this] { pages_->reset(); });
}

} // namespace quiesce::devices
