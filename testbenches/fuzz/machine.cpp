// SPDX-License-Identifier: Apache-2.0
#include "fuzz/machine.h"

#include "iommu/events.h"

#include <algorithm>
#include <array>

namespace quiesce::fuzz {

Tally& Tally::operator+=(const Tally& o) {
    programs += o.programs, register_accesses += o.register_accesses, device_accesses += o.device_accesses;
    page_requests += o.page_requests, commands += o.commands, memory_writes += o.memory_writes;
    granted += o.granted, refused += o.refused, records += o.records;
    most_work = std::max(most_work, o.most_work);
    return *this;
}

void print(const Tally& t, double seconds) {
    const auto n = [](u64 value) { return static_cast<unsigned long long>(value); };
    std::printf("%llu programs: %llu accesses (%llu of devices, %llu of registers, %llu page requests), %llu commands, "
                "%llu granted, %llu refused, %llu records; at most %llu steps for one; %.0f accesses per second\n",
                n(t.programs), n(t.accesses()), n(t.device_accesses), n(t.register_accesses), n(t.page_requests),
                n(t.commands), n(t.granted), n(t.refused), n(t.records), n(t.most_work),
                static_cast<double>(t.accesses()) / seconds);
}

Machine::Machine(sim::Calendar& calendar, const Limits& limits)
    : calendar_(calendar), events_(calendar.clock()), memory_(*this),
      consumed_(events_.subscribe<iommu::CommandConsumed>([this](sim::Time, const iommu::CommandConsumed&) {
          ++tally_.commands;
          check_consumed();
      })),
      limits_(limits), items_at_start_(calendar.items_run()) {
    tally_.programs = 1;
}

// ---- what software and devices do -----------------------------------------------------------------------------------

void Machine::begin(u64& under_way, sim::Task<void> what) { sim::spawn(count(under_way, std::move(what))); }
sim::Task<void> Machine::count(u64& under_way, sim::Task<void> what) {
    ++under_way;
    co_await std::move(what);
    --under_way;
}

void Machine::write_register(u64 offset, unsigned bytes, u64 value) {
    ++tally_.register_accesses;
    judge_write(offset, value);
    begin(register_accesses_under_way_, registers_->mmio_write(offset, bytes, value));
}

void Machine::read_register(u64 offset, unsigned bytes) {
    ++tally_.register_accesses;
    begin(register_accesses_under_way_, register_read(offset, bytes));
}
sim::Task<void> Machine::register_read(u64 offset, unsigned bytes) {
    const u64 value = co_await registers_->mmio_read(offset, bytes);
    must(bytes >= 8 || value >> 32 == 0, "a 32-bit register read gives more than 32 bits");
}

void Machine::store(Spa at, u64 value) {
    ++tally_.memory_writes;
    memory_.poke64(at, value); // where no memory is, nothing happens
}

void Machine::access(const iommu::TranslationRequest& request) {
    ++tally_.device_accesses;
    iommu::TranslationRequest r = request;
    r.transaction = ++transactions_;
    begin(accesses_under_way_, perform(r));
}
sim::Task<void> Machine::perform(iommu::TranslationRequest request) {
    const iommu::Translation t = co_await translation_->translate(request);
    const bool granted = t.ending == iommu::Ending::Grant;
    ++(granted ? tally_.granted : tally_.refused);
    if (!granted) co_return;
    if (request.type == iommu::AddressType::TranslationRequest) {
        must(t.bytes >= base::page_size && (t.bytes & (t.bytes - 1)) == 0, "a translation's size is no power of two");
        co_return;
    }
    check_granted(request, t);
    std::array<std::byte, 64> data{};
    memory::Request move{t.to, data.data(), request.bytes, request.access == iommu::Access::Write};
    move.origin.purpose = memory::Purpose::Dma;
    co_await memory_.transport(move);
}

void Machine::page_request(const iommu::PageRequestMessage& message) {
    ++tally_.page_requests;
    begin(page_requests_under_way_, page_request_port_->page_request(message));
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

void Machine::Memory::commit(memory::Request& r) {
    if (r.origin.purpose == memory::Purpose::QueueWrite) {
        ++of_.tally_.records;
        of_.check_record(r);
    }
    PlainMemory::commit(r);
}

void Machine::check_work() {
    const u64 things = 1 + tally_.accesses() + tally_.commands;
    tally_.most_work = std::max(tally_.most_work, (calendar_.items_run() - items_at_start_) / things);
    must(tally_.most_work <= limits_.most_steps_of_one, "more work than what was asked for can cost");
}

void Machine::check_nothing_left() {
    must(register_accesses_under_way_ == 0, "a register access does not end");
    must(invalidations_under_way_ == 0 && responses_under_way_ == 0, "a device is still being told something");
    must(accesses_under_way_ == held(), "an access is left behind that nobody holds");
    must(page_requests_under_way_ == 0, "a page request is left behind");
    must(agent_->fences().obligations() == 0, "a fence waits for what is over");
    must(agent_->in_flight().inside() == 0, "an access is in flight that nobody makes");
    must(agent_->walker().slots().used() == 0, "a walk slot was not given back");
}

void Machine::pass(sim::Duration time) {
    calendar_.run_for(time);
    check_work();
    check_always();
}

void Machine::settle() {
    calendar_.run_until_idle(calendar_.now() + limits_.longest);
    must(calendar_.idle(), "something goes on for ever");
    check_work();
    check_always();
    check_nothing_left();
    check_quiet();
}

} // namespace quiesce::fuzz
