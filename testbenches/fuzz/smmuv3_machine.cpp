// SPDX-License-Identifier: Apache-2.0
#include "fuzz/smmuv3_machine.h"

#include <algorithm>
#include <bit>

namespace quiesce::fuzz {

namespace smmuv3 = iommu::smmuv3;
using base::WrapBit;
using Ring = base::RingIndices<WrapBit>;

namespace {

template <class Base, class Prod, class Cons>
Ring ring_of(const smmuv3::RegisterFile& regs, u64 most) {
    const u64 log2size = std::min<u64>(regs.get(Base::LOG2SIZE), most);
    return {static_cast<u32>(log2size), regs.get(Prod::WR), regs.get(Cons::RD)};
}
Ring event_ring(const smmuv3::RegisterFile& regs) {
    using namespace smmuv3;
    return ring_of<EventqBase, EventqProd, EventqCons>(regs, regs.get(Idr1::EVENTQS));
}
Ring page_request_ring(const smmuv3::RegisterFile& regs) {
    using namespace smmuv3;
    return ring_of<PriqBase, PriqProd, PriqCons>(regs, regs.get(Idr1::PRIQS));
}
Ring command_ring(const smmuv3::RegisterFile& regs) {
    using namespace smmuv3;
    return ring_of<CmdqBase, CmdqProd, CmdqCons>(regs, regs.get(Idr1::CMDQS));
}
/// Where the next record of a queue goes.
template <class Base>
Spa next_slot(const smmuv3::RegisterFile& regs, const Ring& ring, u64 entry_bytes) {
    return regs.get(Base::ADDR).align_down(std::max<u64>(32, entry_bytes << ring.log2size)) +
           ring.prod_index() * entry_bytes;
}

} // namespace

/// A walk of both stages reads 25 entries, and an access may start over 8 times.
Smmuv3Machine::Smmuv3Machine(sim::Calendar& calendar, const smmuv3::Smmuv3Config& config)
    : Machine(calendar, {.longest = sim::Duration::ps(10'000'000'000'000), .most_steps_of_one = 2'000}),
      unit_("smmu", events(), memory(), nullptr, config),
      errors_(events().subscribe<iommu::GlobalError>([this](sim::Time, const iommu::GlobalError& e) {
          if (e.active) check_error();
      })),
      output_bits_(config.output_bits.get()) {
    connect(unit_);
}

/// 3.5.1, 7.4: software says where queues are before it enables anything; then it consumes what was produced, and moves
/// the command queue's PROD forward by what there is room for.
void Smmuv3Machine::judge_write(u64 offset, u64 value) {
    using namespace smmuv3;
    const auto& regs = registers();
    const auto touches = [&](u64 first, u64 end) { return offset + 8 > first && offset < end; };
    const bool started = set_up_;
    set_up_ = set_up_ || touches(Cr0::offset, Cr0::offset + 4);
    Ring commands = command_ring(regs);
    commands.prod = doorbell_; // a write may be under way
    const u32 forward = WrapBit::distance(commands.prod, static_cast<u32>(value), commands.log2size);
    const bool doorbell = started && offset == CmdqProd::offset && forward <= commands.free();
    if (doorbell) doorbell_ = static_cast<u32>(value);
    if (touches(CmdqBase::offset, CmdqBase::offset + 8) && started) commands_kept_ = false;
    if (touches(CmdqProd::offset, CmdqCons::offset + 4) && !doorbell) commands_kept_ = false;
    const auto output = [&](u64 base, u64 indices, u64 cons, u32 produced, bool& kept) {
        const bool consumes = started && offset == cons && static_cast<u32>(value) == produced;
        if ((touches(base, base + 8) && started) || (touches(indices, indices + 8) && !consumes)) kept = false;
    };
    output(EventqBase::offset, EventqProd::offset, EventqCons::offset, regs.read<EventqProd>().value(), events_kept_);
    output(PriqBase::offset, PriqProd::offset, PriqCons::offset, regs.read<PriqProd>().value(), page_requests_kept_);
}

/// CONS does not pass PROD: there was something to consume.
void Smmuv3Machine::check_consumed() {
    const Ring after = command_ring(registers());
    if (commands_kept_) must(after.used() < after.capacity(), "a command was consumed that was not there");
}

void Smmuv3Machine::check_granted(const iommu::TranslationRequest&, const iommu::Translation& t) {
    must(t.to.value() >> output_bits_ == 0, "an address beyond the output size");
}

/// A record goes where the queue's registers say that the next one goes: they are software's only while no record is
/// under way.
void Smmuv3Machine::check_record(const memory::Request& r) {
    const auto& regs = registers();
    const bool event = r.bytes == smmuv3::event_bytes;
    must(event || r.bytes == smmuv3::page_request_bytes, "a record of no queue");
    const Ring ring = event ? event_ring(regs) : page_request_ring(regs);
    const Spa slot = event ? next_slot<smmuv3::EventqBase>(regs, ring, smmuv3::event_bytes)
                           : next_slot<smmuv3::PriqBase>(regs, ring, smmuv3::page_request_bytes);
    must(r.at == slot, "a record goes beside its slot");
    if (event ? events_kept_ : page_requests_kept_) must(!ring.full(), "a record goes where there is no room");
}

/// 6.3.19: one error becomes active, which was not; a command error says why (4.1.1).
void Smmuv3Machine::check_error() {
    using smmuv3::Gerror, smmuv3::Gerrorn;
    const auto& regs = registers();
    const u32 now = regs.read<Gerror>().value();
    const u32 toggled = now ^ std::exchange(gerror_, now);
    must(std::has_single_bit(toggled), "errors become active one by one");
    must(((now ^ regs.read<Gerrorn>().value()) & toggled) != 0, "an active error was toggled");
    if (toggled != u32{1} << Gerror::CMDQ_ERR.lsb()) return;
    const auto why = raw(regs.get(smmuv3::CmdqCons::ERR));
    must(why >= 1 && why <= 3, "CMDQ_CONS.ERR does not say why");
}

void Smmuv3Machine::check_quiet() {
    using namespace smmuv3;
    const auto& regs = registers();
    must(regs.read<Gerror>().value() == gerror_, "an error became active without being stated");
    must(regs.read<Cr0>().value() == regs.read<Cr0Ack>().value(), "CR0ACK does not follow");
    must(regs.read<IrqCtrl>().value() == regs.read<IrqCtrlAck>().value(), "IRQ_CTRLACK does not follow");
    must(!regs.get(Gbpa::Update), "GBPA.Update stays set");
    must(!events_kept_ || event_ring(regs).consistent(), "more events than the queue holds");
    must(!page_requests_kept_ || page_request_ring(regs).consistent(), "more page requests than the queue holds");
    const bool stopped = regs.get(Gerror::CMDQ_ERR) != regs.get(Gerrorn::CMDQ_ERR);
    if (regs.get(Cr0Ack::CMDQEN) && !stopped) must(command_ring(regs).empty(), "commands are left in the queue");
}

void Smmuv3Machine::wind_down() {
    using namespace smmuv3;
    settle();
    const auto& regs = registers();
    write_register(Gerrorn::offset, 4, regs.read<Gerror>().value());
    settle();
    write_register(Cr0::offset, 4, 0);
    settle();
    must(held() == 0, "a stall survives the end of the unit");
    must(regs.read<Cr0Ack>().value() == 0, "the unit does not go off");
}

} // namespace quiesce::fuzz
