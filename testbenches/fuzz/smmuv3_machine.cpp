// SPDX-License-Identifier: Apache-2.0
#include "fuzz/smmuv3_machine.h"

#include <algorithm>
#include <bit>

namespace quiesce::fuzz {

namespace smmuv3 = iommu::smmuv3;
using base::WrapBit;
using Ring = base::RingIndices<WrapBit>;

namespace {

/// Whatever is asked of the unit at once is over long before.
constexpr sim::Duration patience = sim::Duration::ps(10'000'000'000'000);
/// Steps of the calendar that one access or command may cost on average: a walk of both stages reads 25 entries, and an
/// access may start over 8 times.
constexpr u64 most_work_of_one = 2'000;

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

Tally& Tally::operator+=(const Tally& o) {
    programs += o.programs, register_accesses += o.register_accesses, device_accesses += o.device_accesses;
    page_requests += o.page_requests, commands += o.commands, memory_writes += o.memory_writes;
    granted += o.granted, refused += o.refused, records += o.records;
    most_work = std::max(most_work, o.most_work);
    return *this;
}

Machine::Machine(sim::Calendar& calendar, const smmuv3::Smmuv3Config& config)
    : calendar_(calendar), events_(calendar.clock()), memory_(*this), unit_("smmu", events_, memory_, nullptr, config),
      consumed_(events_.subscribe<iommu::CommandConsumed>(
          [this](sim::Time, const iommu::CommandConsumed&) { check_consumed(); })),
      errors_(events_.subscribe<iommu::GlobalError>([this](sim::Time, const iommu::GlobalError& e) {
          if (e.active) check_error();
      })),
      output_bits_(config.output_bits.get()), items_at_start_(calendar.items_run()) {
    unit_.set_ats_port(this);
    unit_.set_page_response_port(this);
    tally_.programs = 1;
}

// ---- what software and devices do -----------------------------------------------------------------------------------

void Machine::write_register(u64 offset, unsigned bytes, u64 value) {
    ++tally_.register_accesses;
    judge_write(offset, value);
    sim::spawn(register_write(offset, bytes, value));
}
sim::Task<void> Machine::register_write(u64 offset, unsigned bytes, u64 value) {
    ++register_accesses_under_way_;
    co_await unit_.mmio_write(offset, bytes, value);
    --register_accesses_under_way_;
}

void Machine::read_register(u64 offset, unsigned bytes) {
    ++tally_.register_accesses;
    sim::spawn(register_read(offset, bytes));
}
sim::Task<void> Machine::register_read(u64 offset, unsigned bytes) {
    ++register_accesses_under_way_;
    const u64 value = co_await unit_.mmio_read(offset, bytes);
    must(bytes >= 8 || value >> 32 == 0, "a 32-bit register read gives more than 32 bits");
    --register_accesses_under_way_;
}

void Machine::store(Spa at, u64 value) {
    ++tally_.memory_writes;
    memory_.poke64(at, value); // where no memory is, nothing happens
}

void Machine::access(const iommu::TranslationRequest& request) {
    ++tally_.device_accesses;
    iommu::TranslationRequest r = request;
    r.transaction = ++transactions_;
    sim::spawn(perform(r));
}

sim::Task<void> Machine::perform(iommu::TranslationRequest request) {
    ++accesses_under_way_;
    const iommu::Translation t = co_await unit_.translation().translate(request);
    const bool granted = t.ending == iommu::Ending::Grant;
    ++(granted ? tally_.granted : tally_.refused);
    if (granted && request.type != iommu::AddressType::TranslationRequest) {
        must(t.to.value() >> output_bits_ == 0, "an address beyond the output size");
        std::array<std::byte, 64> data{};
        memory::Request move{t.to, data.data(), request.bytes, request.access == iommu::Access::Write};
        move.origin.purpose = memory::Purpose::Dma;
        co_await memory_.transport(move);
    } else if (granted) {
        must(t.bytes >= base::page_size && (t.bytes & (t.bytes - 1)) == 0, "a translation's size is no power of two");
    }
    --accesses_under_way_;
}

void Machine::page_request(const iommu::PageRequestMessage& message) {
    ++tally_.page_requests;
    sim::spawn(ask_for_page(message));
}
sim::Task<void> Machine::ask_for_page(iommu::PageRequestMessage message) {
    ++page_requests_under_way_;
    co_await unit_.page_requests().page_request(message);
    --page_requests_under_way_;
}

sim::Task<iommu::AtcAnswer> Machine::invalidate(iommu::AtcInvalidation) {
    ++invalidations_under_way_;
    const iommu::AtcAnswer answer = atc_answer_;
    co_await sim::delay(atc_delay_);
    --invalidations_under_way_;
    co_return answer;
}
sim::Task<void> Machine::respond(iommu::PageGroupResponse response) {
    ++responses_under_way_;
    must(response.group < 512, "a page request group index has 9 bits");
    co_await sim::delay(atc_delay_);
    --responses_under_way_;
}

// ---- what must hold -------------------------------------------------------------------------------------------------

/// 3.5.1, 7.4: software says where queues are before it enables anything; then it consumes what was produced, and moves
/// the command queue's PROD forward by what there is room for.
void Machine::judge_write(u64 offset, u64 value) {
    using namespace smmuv3;
    const auto& regs = unit_.registers();
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
void Machine::check_consumed() {
    ++tally_.commands;
    const Ring after = command_ring(unit_.registers());
    if (commands_kept_) must(after.used() < after.capacity(), "a command was consumed that was not there");
}

void Machine::Memory::commit(memory::Request& r) {
    if (r.origin.purpose == memory::Purpose::QueueWrite) of_.check_record(r);
    PlainMemory::commit(r);
}

/// A record goes where the queue's registers say that the next one goes: they are software's only while no record is
/// under way.
void Machine::check_record(const memory::Request& r) {
    const auto& regs = unit_.registers();
    ++tally_.records;
    const bool event = r.bytes == smmuv3::event_bytes;
    must(event || r.bytes == smmuv3::page_request_bytes, "a record of no queue");
    const Ring ring = event ? event_ring(regs) : page_request_ring(regs);
    const Spa slot = event ? next_slot<smmuv3::EventqBase>(regs, ring, smmuv3::event_bytes)
                           : next_slot<smmuv3::PriqBase>(regs, ring, smmuv3::page_request_bytes);
    must(r.at == slot, "a record goes beside its slot");
    if (event ? events_kept_ : page_requests_kept_) must(!ring.full(), "a record goes where there is no room");
}

/// 6.3.19: one error becomes active, which was not; a command error says why (4.1.1).
void Machine::check_error() {
    using smmuv3::Gerror, smmuv3::Gerrorn;
    const auto& regs = unit_.registers();
    const u32 now = regs.read<Gerror>().value();
    const u32 toggled = now ^ std::exchange(gerror_, now);
    must(std::has_single_bit(toggled), "errors become active one by one");
    must(((now ^ regs.read<Gerrorn>().value()) & toggled) != 0, "an active error was toggled");
    if (toggled != u32{1} << Gerror::CMDQ_ERR.lsb()) return;
    const auto why = raw(regs.get(smmuv3::CmdqCons::ERR));
    must(why >= 1 && why <= 3, "CMDQ_CONS.ERR does not say why");
}

void Machine::check_work() {
    const u64 things = 1 + tally_.accesses() + tally_.commands;
    tally_.most_work = std::max(tally_.most_work, (calendar_.items_run() - items_at_start_) / things);
    must(tally_.most_work <= most_work_of_one, "more work than what was asked for can cost");
}

void Machine::pass(sim::Duration time) {
    calendar_.run_for(time);
    check_work();
}

void Machine::settle() {
    calendar_.run_until_idle(calendar_.now() + patience);
    must(calendar_.idle(), "something goes on for ever");
    must(unit_.registers().read<smmuv3::Gerror>().value() == gerror_, "an error became active without being stated");
    check_work();
    check_quiet();
}

/// Nothing moves: what did not end waits for software.
void Machine::check_quiet() {
    using namespace smmuv3;
    const auto& regs = unit_.registers();
    must(register_accesses_under_way_ == 0, "a register access does not end");
    must(invalidations_under_way_ == 0 && responses_under_way_ == 0, "a device is still being told something");
    must(regs.read<Cr0>().value() == regs.read<Cr0Ack>().value(), "CR0ACK does not follow");
    must(regs.read<IrqCtrl>().value() == regs.read<IrqCtrlAck>().value(), "IRQ_CTRLACK does not follow");
    must(!regs.get(Gbpa::Update), "GBPA.Update stays set");
    must(accesses_under_way_ == unit_.stalls().held(), "an access is left behind that no stall holds");
    must(page_requests_under_way_ == 0, "a page request is left behind");
    must(unit_.agent().fences().obligations() == 0, "a fence waits for what is over");
    must(unit_.agent().in_flight().inside() == 0, "an access is in flight that nobody makes");
    must(unit_.agent().walker().slots().used() == 0, "a walk slot was not given back");
    must(!events_kept_ || event_ring(regs).consistent(), "more events than the queue holds");
    must(!page_requests_kept_ || page_request_ring(regs).consistent(), "more page requests than the queue holds");
    const bool stopped = regs.get(Gerror::CMDQ_ERR) != regs.get(Gerrorn::CMDQ_ERR);
    if (regs.get(Cr0Ack::CMDQEN) && !stopped) must(command_ring(regs).empty(), "commands are left in the queue");
}

void Machine::wind_down() {
    using namespace smmuv3;
    settle();
    const auto& regs = unit_.registers();
    write_register(Gerrorn::offset, 4, regs.read<Gerror>().value());
    settle();
    write_register(Cr0::offset, 4, 0);
    settle();
    must(unit_.stalls().held() == 0, "a stall survives the end of the unit");
    must(accesses_under_way_ == 0, "an access survives the end of the unit");
    must(regs.read<Cr0Ack>().value() == 0, "the unit does not go off");
}

} // namespace quiesce::fuzz
