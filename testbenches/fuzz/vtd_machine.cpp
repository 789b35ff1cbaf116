// SPDX-License-Identifier: Apache-2.0
#include "fuzz/vtd_machine.h"

#include <algorithm>

namespace quiesce::fuzz {

namespace vtd = iommu::vtd;

namespace {

/// Whatever is asked of the unit at once is over long before.
constexpr sim::Duration longest = sim::Duration::ps(10'000'000'000'000);
/// Steps of the calendar that one access or descriptor may cost on average: a walk of both stages of five levels reads
/// 35 entries and marks them, and an access may start over 8 times.
constexpr u64 most_steps_of_one = 4'000;

} // namespace

VtdMachine::VtdMachine(sim::Calendar& calendar, const vtd::VtdConfig& config)
    : calendar_(calendar), events_(calendar.clock()), memory_(*this), unit_("dmar", events_, memory_, config),
      consumed_(events_.subscribe<iommu::CommandConsumed>(
          [this](sim::Time, const iommu::CommandConsumed&) { check_consumed(); })),
      items_at_start_(calendar.items_run()) {
    unit_.set_ats_port(this);
    unit_.set_page_response_port(this);
    tally_.programs = 1;
}

// ---- what software and devices do -----------------------------------------------------------------------------------

void VtdMachine::write_register(u64 offset, unsigned bytes, u64 value) {
    ++tally_.register_accesses;
    sim::spawn(register_write(offset, bytes, value));
}
sim::Task<void> VtdMachine::register_write(u64 offset, unsigned bytes, u64 value) {
    ++register_accesses_under_way_;
    co_await unit_.mmio_write(offset, bytes, value);
    --register_accesses_under_way_;
}

void VtdMachine::read_register(u64 offset, unsigned bytes) {
    ++tally_.register_accesses;
    sim::spawn(register_read(offset, bytes));
}
sim::Task<void> VtdMachine::register_read(u64 offset, unsigned bytes) {
    ++register_accesses_under_way_;
    const u64 value = co_await unit_.mmio_read(offset, bytes);
    must(bytes >= 8 || value >> 32 == 0, "a 32-bit register read gives more than 32 bits");
    --register_accesses_under_way_;
}

void VtdMachine::store(Spa at, u64 value) {
    ++tally_.memory_writes;
    memory_.poke64(at, value); // where no memory is, nothing happens
}

void VtdMachine::access(const iommu::TranslationRequest& request) {
    ++tally_.device_accesses;
    iommu::TranslationRequest r = request;
    r.transaction = ++transactions_;
    sim::spawn(perform(r));
}

sim::Task<void> VtdMachine::perform(iommu::TranslationRequest request) {
    ++accesses_under_way_;
    const iommu::Translation t = co_await unit_.translation().translate(request);
    const bool granted = t.ending == iommu::Ending::Grant;
    ++(granted ? tally_.granted : tally_.refused);
    if (granted && request.type != iommu::AddressType::TranslationRequest) {
        const bool passed = t.to.value() == request.at.value(); // translation may be off, or about to be
        const bool interrupt = !request.has_pasid && vtd::is_interrupt_address(request.at);
        must(passed || t.to.value() >> identity().haw == 0, "an address beyond the host's width");
        must(passed || interrupt || !vtd::is_interrupt_address(Iova{t.to.value()}), "translated to an interrupt");
        std::array<std::byte, 64> data{};
        memory::Request move{t.to, data.data(), request.bytes, request.access == iommu::Access::Write};
        move.origin.purpose = memory::Purpose::Dma;
        co_await memory_.transport(move);
    } else if (granted) {
        must(t.bytes >= base::page_size && (t.bytes & (t.bytes - 1)) == 0, "a translation's size is no power of two");
    }
    --accesses_under_way_;
}

void VtdMachine::page_request(const iommu::PageRequestMessage& message) {
    ++tally_.page_requests;
    sim::spawn(ask_for_page(message));
}
sim::Task<void> VtdMachine::ask_for_page(iommu::PageRequestMessage message) {
    ++page_requests_under_way_;
    co_await unit_.page_requests().page_request(message);
    --page_requests_under_way_;
}

sim::Task<iommu::AtcAnswer> VtdMachine::invalidate(iommu::AtcInvalidation) {
    ++invalidations_under_way_;
    const iommu::AtcAnswer answer = atc_answer_;
    co_await sim::delay(atc_delay_);
    --invalidations_under_way_;
    co_return answer;
}
sim::Task<void> VtdMachine::respond(iommu::PageGroupResponse response) {
    ++responses_under_way_;
    must(response.group < 512, "a page request group index has 9 bits");
    co_await sim::delay(atc_delay_);
    --responses_under_way_;
}

// ---- what must hold -------------------------------------------------------------------------------------------------

void VtdMachine::check_consumed() { ++tally_.commands; }

void VtdMachine::Memory::commit(memory::Request& r) {
    if (r.origin.purpose == memory::Purpose::QueueWrite) of_.check_record(r);
    PlainMemory::commit(r);
}

/// A descriptor goes where the registers say that the next one goes, and never over an overflow.
void VtdMachine::check_record(const memory::Request& r) {
    ++tally_.records;
    must(r.bytes == vtd::page_request_bytes, "a record of no queue");
    must(r.at.is_aligned(vtd::page_request_bytes), "a page request beside its slot");
}

/// 11.4: PPF is the records' F, whatever happens.
void VtdMachine::check_faults() {
    const vtd::FaultBank& bank = unit_.fault_bank();
    bool pending = false;
    for (std::size_t n = 0; n < bank.size(); ++n) pending = pending || bank.at(n).get(vtd::FaultRecord::F_);
    must(pending == registers().get(vtd::Fsts::PPF), "PPF does not say what the fault records do");
    must(registers().get(vtd::Fsts::FRI) < bank.size(), "FRI names no fault record");
}

void VtdMachine::check_work() {
    const u64 things = 1 + tally_.accesses() + tally_.commands;
    tally_.most_work = std::max(tally_.most_work, (calendar_.items_run() - items_at_start_) / things);
    must(tally_.most_work <= most_steps_of_one, "more work than what was asked for can cost");
}

void VtdMachine::pass(sim::Duration time) {
    calendar_.run_for(time);
    check_work();
    check_faults();
}

void VtdMachine::settle() {
    calendar_.run_until_idle(calendar_.now() + longest);
    must(calendar_.idle(), "something goes on for ever");
    check_work();
    check_faults();
    check_quiet();
}

/// Nothing moves: what did not end waits for software.
void VtdMachine::check_quiet() {
    const auto& regs = registers();
    must(register_accesses_under_way_ == 0, "a register access does not end");
    must(invalidations_under_way_ == 0 && responses_under_way_ == 0, "a device is still being told something");
    must(!regs.get(vtd::Ccmd::ICC) && !regs.get(vtd::Iotlb::IVT), "a register-based invalidation does not end");
    must(!regs.get(vtd::Vcrsp::IP), "a virtual command does not end");
    must(accesses_under_way_ == 0, "an access is left behind");
    must(page_requests_under_way_ == 0, "a page request is left behind");
    must(unit_.agent().fences().obligations() == 0, "a wait waits for what is over");
    must(unit_.agent().in_flight().inside() == 0, "an access is in flight that nobody makes");
    must(unit_.agent().walker().slots().used() == 0, "a walk slot was not given back");
    const bool stopped = regs.get(vtd::Fsts::IQE) || regs.get(vtd::Fsts::ITE);
    if (regs.get(vtd::Gsts::QIES) && !stopped)
        must(regs.get(vtd::Iqh::QH) == regs.get(vtd::Iqt::QT), "descriptors are left in the queue");
    must(!regs.get(vtd::Fectl::IP) || regs.get(vtd::Fectl::IM), "an event waits that is not masked");
}

void VtdMachine::wind_down() {
    settle();
    write_register(vtd::Gcmd::offset, 4, 0);
    settle();
    must(!registers().get(vtd::Gsts::TES) && !registers().get(vtd::Gsts::QIES), "the unit does not go off");
    must(registers().get(vtd::Iqh::QH) == 0, "a queue that is off has a head");
}

} // namespace quiesce::fuzz
