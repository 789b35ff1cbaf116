// SPDX-License-Identifier: Apache-2.0
#include "fuzz/amdvi_machine.h"

#include <algorithm>
#include <string>

namespace quiesce::fuzz {

namespace amdvi = iommu::amdvi;

namespace {

/// Whatever is asked of the unit at once is over before: 100 s is the longest that it waits for a device.
constexpr sim::Duration longest = sim::Duration::ps(1'000'000'000'000'000);
/// Steps of the calendar that one access or command may cost on average: a walk of a guest's five levels above a host's
/// six reads 41 entries and marks them, and an access may start over 8 times.
constexpr u64 most_steps_of_one = 6'000;

} // namespace

AmdviMachine::AmdviMachine(sim::Calendar& calendar, const amdvi::AmdviConfig& config)
    : calendar_(calendar), events_(calendar.clock()), memory_(*this), unit_("amdvi", events_, memory_, config),
      consumed_(events_.subscribe<iommu::CommandConsumed>(
          [this](sim::Time, const iommu::CommandConsumed&) { ++tally_.commands; })),
      items_at_start_(calendar.items_run()) {
    unit_.set_ats_port(this);
    unit_.set_page_response_port(this);
    tally_.programs = 1;
}

// ---- what software and devices do -----------------------------------------------------------------------------------

void AmdviMachine::write_register(u64 offset, unsigned bytes, u64 value) {
    ++tally_.register_accesses;
    sim::spawn(register_write(offset, bytes, value));
}
sim::Task<void> AmdviMachine::register_write(u64 offset, unsigned bytes, u64 value) {
    ++register_accesses_under_way_;
    co_await unit_.mmio_write(offset, bytes, value);
    --register_accesses_under_way_;
}

void AmdviMachine::read_register(u64 offset, unsigned bytes) {
    ++tally_.register_accesses;
    sim::spawn(register_read(offset, bytes));
}
sim::Task<void> AmdviMachine::register_read(u64 offset, unsigned bytes) {
    ++register_accesses_under_way_;
    const u64 value = co_await unit_.mmio_read(offset, bytes);
    must(bytes >= 8 || value >> 32 == 0, "a 32-bit register read gives more than 32 bits");
    --register_accesses_under_way_;
}

void AmdviMachine::store(Spa at, u64 value) {
    ++tally_.memory_writes;
    memory_.poke64(at, value); // where no memory is, nothing happens
}

void AmdviMachine::access(const iommu::TranslationRequest& request) {
    ++tally_.device_accesses;
    iommu::TranslationRequest r = request;
    r.transaction = ++transactions_;
    sim::spawn(perform(r));
}

sim::Task<void> AmdviMachine::perform(iommu::TranslationRequest request) {
    ++accesses_under_way_;
    const iommu::Translation t = co_await unit_.translation().translate(request);
    const bool granted = t.ending == iommu::Ending::Grant;
    ++(granted ? tally_.granted : tally_.refused);
    if (granted && request.type != iommu::AddressType::TranslationRequest) {
        const bool passed = t.to.value() == request.at.value(); // translation may be off, or about to be
        must(passed || t.to.value() >> identity().physical_bits == 0, "an address beyond the physical width");
        std::array<std::byte, 64> data{};
        memory::Request move{t.to, data.data(), request.bytes, request.access == iommu::Access::Write};
        move.origin.purpose = memory::Purpose::Dma;
        co_await memory_.transport(move);
    } else if (granted) {
        must(t.bytes >= base::page_size && (t.bytes & (t.bytes - 1)) == 0, "a translation's size is no power of two");
    }
    --accesses_under_way_;
}

void AmdviMachine::page_request(const iommu::PageRequestMessage& message) {
    ++tally_.page_requests;
    sim::spawn(ask_for_page(message));
}
sim::Task<void> AmdviMachine::ask_for_page(iommu::PageRequestMessage message) {
    ++page_requests_under_way_;
    co_await unit_.page_requests().page_request(message);
    --page_requests_under_way_;
}

sim::Task<iommu::AtcAnswer> AmdviMachine::invalidate(iommu::AtcInvalidation) {
    ++invalidations_under_way_;
    const iommu::AtcAnswer answer = atc_answer_;
    co_await sim::delay(atc_delay_);
    --invalidations_under_way_;
    co_return answer;
}
sim::Task<void> AmdviMachine::respond(iommu::PageGroupResponse response) {
    ++responses_under_way_;
    must(response.group < 512, "a page request group index has 9 bits");
    co_await sim::delay(atc_delay_);
    --responses_under_way_;
}

// ---- what must hold -------------------------------------------------------------------------------------------------

void AmdviMachine::Memory::commit(memory::Request& r) {
    if (r.origin.purpose == memory::Purpose::QueueWrite) of_.check_record(r);
    PlainMemory::commit(r);
}

void AmdviMachine::check_record(const memory::Request& r) {
    ++tally_.records;
    must(r.bytes == amdvi::ring_entry_bytes, "a record of no log");
    must(r.at.is_aligned(amdvi::ring_entry_bytes), "a record beside its slot");
}

/// A ring runs only while it and the unit are on, and a log not over an overflow; what the unit is does not change.
void AmdviMachine::check_rings() {
    using amdvi::Control, amdvi::Status;
    const auto& regs = registers();
    const bool on = regs.get(Control::IommuEn);
    must(!regs.get(Status::CmdBufRun) || (on && regs.get(Control::CmdBufEn)),
         "the command buffer runs while it is off");
    must(!regs.get(Status::EventLogRun) || (on && regs.get(Control::EventLogEn)), "the event log runs while it is off");
    must(!regs.get(Status::PPRLogRun) || (on && regs.get(Control::PPRLogEn)), "the PPR log runs while it is off");
    must(!(regs.get(Status::EventLogRun) && regs.get(Status::EventOverflow)), "the event log runs over its overflow");
    must(!(regs.get(Status::PPRLogRun) && regs.get(Status::PPROverflow)), "the PPR log runs over its overflow");
    must(regs.read<amdvi::Efr>() == identity().efr, "the features are others");
}

void AmdviMachine::check_work() {
    const u64 things = 1 + tally_.accesses() + tally_.commands;
    tally_.most_work = std::max(tally_.most_work, (calendar_.items_run() - items_at_start_) / things);
    must(tally_.most_work <= most_steps_of_one, "more work than what was asked for can cost");
}

void AmdviMachine::pass(sim::Duration time) {
    calendar_.run_for(time);
    check_work();
    check_rings();
}

void AmdviMachine::settle() {
    calendar_.run_until_idle(calendar_.now() + longest);
    must(calendar_.idle(), "something goes on for ever");
    check_work();
    check_rings();
    check_quiet();
}

/// Nothing moves: what did not end waits for software.
void AmdviMachine::check_quiet() {
    const auto& regs = registers();
    must(register_accesses_under_way_ == 0, "a register access does not end");
    must(invalidations_under_way_ == 0 && responses_under_way_ == 0, "a device is still being told something");
    must(accesses_under_way_ == 0, "an access is left behind");
    must(page_requests_under_way_ == 0, "a page request is left behind");
    must(unit_.ppr_log().unwritten() == 0, "a page request waits for the log");
    must(unit_.agent().fences().obligations() == 0, "a wait waits for what is over");
    must(unit_.agent().in_flight().inside() == 0, "an access is in flight that nobody makes");
    must(unit_.agent().walker().slots().used() == 0, "a walk slot was not given back");
    base::Leftovers left;
    unit_.left_behind(left);
    for (const base::Leftover& l : left.all()) {
        must(l.what.find("that is not over") == std::string::npos, "a COMPLETION_WAIT is not over");
        must(l.what.find("not carried out") == std::string::npos || !regs.get(amdvi::Status::CmdBufRun),
             "commands are left in the buffer");
    }
}

void AmdviMachine::wind_down() {
    settle();
    write_register(amdvi::Control::offset, 8, 0);
    settle();
    constexpr u64 runs =
        amdvi::Status::CmdBufRun.mask(0) | amdvi::Status::EventLogRun.mask(0) | amdvi::Status::PPRLogRun.mask(0);
    must((registers().read<amdvi::Status>().value() & runs) == 0, "the unit does not go off");
}

} // namespace quiesce::fuzz
