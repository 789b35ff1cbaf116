// SPDX-License-Identifier: Apache-2.0
#include "pcie/link.h"

namespace quiesce::pcie {

void LinkDirection::state(LinkFaultKind fault, const Tlp& t) {
    if (events_.wants<LinkFault>()) events_.emit(LinkFault{link_, upstream_, fault, t.kind, t.transaction, t.bond});
}

sim::Duration LinkDirection::held_up(const Tlp& t, sim::Duration time) {
    const LinkFaults::Held held = faults_->hold(time);
    if (held.replayed) state(LinkFaultKind::Replayed, t);
    if (held.delayed) state(LinkFaultKind::Delayed, t);
    return held.extra;
}

Arrival LinkDirection::damaged(const Tlp& t, u64 life_then) {
    if (life_then != life_ || down_) return Arrival::Lost;
    const Arrival how = faults_->arrival(t.payload_bytes() != 0);
    if (how == Arrival::Lost) state(LinkFaultKind::Dropped, t);
    if (how == Arrival::Malformed) state(LinkFaultKind::Malformed, t);
    if (how == Arrival::Poisoned) state(LinkFaultKind::Poisoned, t);
    return how;
}

} // namespace quiesce::pcie
