// SPDX-License-Identifier: Apache-2.0
/// How the unit speaks up: three events, each with a message, a mask and a pending bit (VT-d 11.4, 7.3;
/// facts/iommu-specs.md 2.3 and 2.4).
#pragma once
#include "base/events.h"
#include "base/names.h"
#include "base/registers.h"
#include "iommu/vtd/config.h"
#include "memory/memory_port.h"

namespace quiesce::iommu::vtd {

using RegisterFile = base::RegisterFile<Registers>;

class Signals {
public:
    Signals(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory);

    /// Some fault or queue error is reported in FSTS.
    bool fault_reported() const { return (regs_.read<Fsts>().value() & reported_bits) != 0; }
    /// Sets a queue error of FSTS and raises the fault event, unless something was reported already. `why`:
    /// IQERCD.IQEI.
    void raise(const Fsts::F<bool>& error, base::Name why = {});
    /// Software has written FSTS, or cleared a fault record: the event waits no longer once nothing is reported.
    void fault_status_written(Fsts before);
    /// Something is now reported that may not have been before.
    void fault_event(bool reported_before) {
        if (!reported_before) event<Fectl, Feaddr, Feuaddr, Fedata>();
    }

    /// A wait descriptor asked for it. Nothing if the last one has not been seen (ICS.IWC).
    void invalidation_event();
    void invalidation_status_written();
    /// A page request was queued, or lost to an overflow.
    void page_request_event(const Prs::F<bool>& what);
    void page_request_status_written();

    /// Software wrote a control register: what waits goes out when it is unmasked.
    template <class Control, class Address, class Upper, class Data>
    void control_written() {
        if (regs_.get(Control::IP) && !regs_.get(Control::IM)) send<Control, Address, Upper, Data>();
    }

private:
    static constexpr u32 reported_bits = static_cast<u32>(Fsts::PFO.mask(0) | Fsts::PPF.mask(0) | Fsts::IQE.mask(0) |
                                                          Fsts::ICE.mask(0) | Fsts::ITE.mask(0));
    template <class Control, class Address, class Upper, class Data>
    void event() {
        regs_.set(Control::IP, true);
        if (!regs_.get(Control::IM)) send<Control, Address, Upper, Data>();
    }
    template <class Control, class Address, class Upper, class Data>
    void send() {
        regs_.set(Control::IP, false);
        const Spa at{regs_.get(Address::MA).value() | regs_.get(Upper::MUA) << 32};
        sim::start(message(at, regs_.template read<Data>().value()));
    }
    sim::Task<void> message(Spa at, u32 data);

    base::Name unit_;
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
};

} // namespace quiesce::iommu::vtd
