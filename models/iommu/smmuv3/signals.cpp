// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/signals.h"

#include "iommu/events.h"

namespace quiesce::iommu::smmuv3 {

Signals::Signals(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                 memory::InterruptSink* sink, const Identity& id, const Smmuv3Config& config)
    : unit_(unit), events_(events), regs_(regs), memory_(memory), sink_(sink),
      msi_(id.idr0.get(Idr0::MSI)), wired_base_(config.wired_base.get()) {
    base::apply([&](const auto&... flag) { ((error_names_[flag.lsb()] = base::Name{flag.name()}), ...); },
               Gerror::fields);
}

bool Signals::active(const Gerror::Flag& error) const {
    return ((regs_.read<Gerror>().value() ^ regs_.read<Gerrorn>().value()) >> error.lsb() & 1) != 0;
}

void Signals::raise(const Gerror::Flag& error, base::Name why) {
    if (active(error)) return;
    regs_.set(error, !regs_.get(error));
    events_.emit(GlobalError{unit_, error_names_[error.lsb()], why, true});
    // 6.3.18: an abort of GERROR's own message must not ask for another one.
    if (error.lsb() != Gerror::MSI_GERROR_ABT_ERR.lsb()) gerror_interrupt();
}

void Signals::acknowledged(Gerrorn now, Gerrorn before) {
    const u32 gerror = regs_.read<Gerror>().value();
    const u32 over = (gerror ^ before.value()) & ~(gerror ^ now.value());
    for (unsigned bit = 0; bit < 32; ++bit)
        if ((over >> bit & 1) != 0) events_.emit(GlobalError{unit_, error_names_[bit], {}, false});
}

template <class Address, class Data> void Signals::interrupt(WiredLine line, const Gerror::Flag& abort_error) {
    const Spa at = regs_.read<Address>().get(Address::ADDR);
    if (!msi_ || at == Spa{0}) return wire(line);
    sim::start(message(at, static_cast<u32>(regs_.read<Data>().get(Data::DATA)), abort_error));
}

void Signals::gerror_interrupt() {
    if (regs_.get(IrqCtrlAck::GERROR_IRQEN))
        interrupt<GerrorIrqCfg0, GerrorIrqCfg1>(WiredLine::Gerror, Gerror::MSI_GERROR_ABT_ERR);
}
void Signals::event_queue_interrupt() {
    if (regs_.get(IrqCtrlAck::EVENTQ_IRQEN))
        interrupt<EventqIrqCfg0, EventqIrqCfg1>(WiredLine::Eventq, Gerror::MSI_EVENTQ_ABT_ERR);
}
void Signals::page_request_interrupt() {
    if (regs_.get(IrqCtrlAck::PRIQ_IRQEN))
        interrupt<PriqIrqCfg0, PriqIrqCfg1>(WiredLine::Priq, Gerror::MSI_PRIQ_ABT_ERR);
}
sim::Task<void> Signals::sync_message(Spa at, u32 data) { return message(at, data, Gerror::MSI_CMDQ_ABT_ERR); }

void Signals::wire(WiredLine line) {
    if (sink_ != nullptr) sink_->wire(wired_base_ + raw(line));
}

sim::Task<void> Signals::message(Spa at, u32 data, Gerror::Flag abort_error) {
    memory::Origin origin;
    origin.purpose = memory::Purpose::Msi;
    if (co_await memory_.write32(at, data, origin) != memory::Status::Ok) raise(abort_error);
}

} // namespace quiesce::iommu::smmuv3
