// SPDX-License-Identifier: Apache-2.0
/// How far processes, bonds and work have come, as the run's own events tell: what a sentence finds when its time comes.
#pragma once
#include "base/events.h"
#include "devices/events.h"
#include "os/events.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace quiesce::platform {

class Situation {
public:
    enum class Life : u8 { Unborn, Running, Dying, Dead };

    explicit Situation(base::EventBus& bus);
    Life life(std::string_view process) const;
    /// What killed it that no sentence asked for: the OOM killer, a signal for what its thread did. Empty: nothing did.
    std::string_view killed_for(std::string_view process) const {
        const auto found = victims_.find(process);
        return found == victims_.end() ? std::string_view{} : std::string_view{found->second};
    }
    /// A bond is there that no unbind has begun to take down.
    bool bound(std::string_view process, std::string_view device) const;
    /// A queue of the device still runs, or stops, for the process.
    bool works(std::string_view process, std::string_view device) const;

private:
    void on(const os::ProcessChanged& e);
    void on(const os::OomVictimMarked& e) { victims_.emplace(e.process.text(), "memory"); }
    void on(const os::FatalSignal& e);
    void on(const os::BondChanged& e);
    void on(const devices::QueueState& e);
    struct Bond {
        base::Name process, device;
        os::BondState state = os::BondState::Unbound;
        base::Name queue_state;
    };
    const Bond* bond(std::string_view process, std::string_view device) const;
    std::map<std::string, Life, std::less<>> lives_;
    std::map<std::string, std::string, std::less<>> victims_;
    std::map<u32, Bond> bonds_;
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::platform
