// SPDX-License-Identifier: Apache-2.0
#include "platform/scenario/situation.h"

#include <algorithm>
#include <iterator>

namespace quiesce::platform {

Situation::Situation(base::EventBus& bus) {
    using Heard = base::EventList<os::ProcessChanged, os::BondChanged, os::OomVictimMarked, os::FatalSignal, devices::QueueState>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time, const auto& e) { on(e); });
}

void Situation::on(const os::ProcessChanged& e) {
    static const base::Name running = "running", dying = "dying";
    lives_[std::string{e.process.text()}] = e.state == running ? Life::Running : e.state == dying ? Life::Dying : Life::Dead;
}

void Situation::on(const os::FatalSignal& e) {
    victims_.emplace(e.process.text(), std::string{e.cause.text()} + " (" + std::string{e.signal.text()} + ")");
}

void Situation::on(const os::BondChanged& e) {
    Bond& b = bonds_[raw(e.bond)];
    b.process = e.process;
    b.device = e.device;
    b.state = e.state;
}

void Situation::on(const devices::QueueState& e) {
    if (const auto found = bonds_.find(raw(e.bond)); found != bonds_.end()) found->second.queue_state = e.state;
}

Situation::Life Situation::life(std::string_view process) const {
    const auto found = lives_.find(process);
    return found == lives_.end() ? Life::Unborn : found->second;
}

const Situation::Bond* Situation::bond(std::string_view process, std::string_view device) const {
    for (const auto& [id, b] : bonds_)
        if (b.process.text() == process && b.device.text() == device && b.state != os::BondState::Unbound) return &b;
    return nullptr;
}

bool Situation::bound(std::string_view process, std::string_view device) const {
    const Bond* b = bond(process, device);
    return b != nullptr && b->state != os::BondState::Draining;
}

bool Situation::works(std::string_view process, std::string_view device) const {
    static const base::Name at_work[] = {"running", "stopping", "waiting", "saving"};
    const Bond* b = bond(process, device);
    return b != nullptr && std::find(std::begin(at_work), std::end(at_work), b->queue_state) != std::end(at_work);
}

} // namespace quiesce::platform
