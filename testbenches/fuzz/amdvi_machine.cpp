// SPDX-License-Identifier: Apache-2.0
#include "fuzz/amdvi_machine.h"

#include <string>

namespace quiesce::fuzz {

namespace amdvi = iommu::amdvi;

/// 100 s is the longest that the unit waits for a device. A walk of a guest's five levels above a host's six reads 41
/// entries and marks them, and an access may start over 8 times.
AmdviMachine::AmdviMachine(sim::Calendar& calendar, const amdvi::AmdviConfig& config)
    : Machine(calendar, {.longest = sim::Duration::ps(1'000'000'000'000'000), .most_steps_of_one = 6'000}),
      unit_("amdvi", events(), memory(), config) {
    connect(unit_);
}

void AmdviMachine::check_granted(const iommu::TranslationRequest& request, const iommu::Translation& t) {
    const bool passed = t.to.value() == request.at.value(); // translation may be off, or about to be
    must(passed || t.to.value() >> identity().physical_bits == 0, "an address beyond the physical width");
}

void AmdviMachine::check_record(const memory::Request& r) {
    must(r.bytes == amdvi::ring_entry_bytes, "a record of no log");
    must(r.at.is_aligned(amdvi::ring_entry_bytes), "a record beside its slot");
}

/// A ring runs only while it and the unit are on, and a log not over an overflow; what the unit is does not change.
void AmdviMachine::check_always() {
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

void AmdviMachine::check_quiet() {
    must(unit_.ppr_log().unwritten() == 0, "a page request waits for the log");
    base::Leftovers left;
    unit_.left_behind(left);
    for (const base::Leftover& l : left.all()) {
        must(l.what.find("that is not over") == std::string::npos, "a COMPLETION_WAIT is not over");
        must(l.what.find("not carried out") == std::string::npos || !registers().get(amdvi::Status::CmdBufRun),
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
