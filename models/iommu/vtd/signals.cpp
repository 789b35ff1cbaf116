// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/signals.h"

#include "iommu/events.h"

namespace quiesce::iommu::vtd {

Signals::Signals(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory)
    : unit_(unit), events_(events), regs_(regs), memory_(memory) {}

void Signals::raise(const Fsts::F<bool>& error, base::Name why) {
    if (regs_.get(error)) return;
    const bool before = fault_reported();
    regs_.set(error, true);
    events_.emit(GlobalError{unit_, base::Name{error.name()}, why, true});
    fault_event(before);
}

void Signals::fault_status_written(Fsts before) {
    const Fsts now = regs_.read<Fsts>();
    for (const auto* error : {&Fsts::IQE, &Fsts::ICE, &Fsts::ITE})
        if (before.get(*error) && !now.get(*error))
            events_.emit(GlobalError{unit_, base::Name{error->name()}, {}, false});
    if (!fault_reported()) regs_.set(Fectl::IP, false);
}

void Signals::invalidation_event() {
    if (regs_.get(Ics::IWC)) return;
    regs_.set(Ics::IWC, true);
    event<Iectl, Ieaddr, Ieuaddr, Iedata>();
}
void Signals::invalidation_status_written() {
    if (!regs_.get(Ics::IWC)) regs_.set(Iectl::IP, false);
}

void Signals::page_request_event(const Prs::F<bool>& what) {
    const bool before = regs_.read<Prs>().value() != 0;
    regs_.set(what, true);
    if (!before) event<Pectl, Peaddr, Peuaddr, Pedata>();
}
void Signals::page_request_status_written() {
    if (regs_.read<Prs>().value() == 0) regs_.set(Pectl::IP, false);
}

/// A message that memory refuses is lost: there is nothing to report it with.
sim::Task<void> Signals::message(Spa at, u32 data) {
    memory::Origin origin;
    origin.purpose = memory::Purpose::Msi;
    co_await memory_.write32(at, data, origin);
}

} // namespace quiesce::iommu::vtd
