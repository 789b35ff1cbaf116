// SPDX-License-Identifier: Apache-2.0
#include "fuzz/vtd_machine.h"

namespace quiesce::fuzz {

namespace vtd = iommu::vtd;

/// A walk of both stages of five levels reads 35 entries and marks them, and an access may start over 8 times.
VtdMachine::VtdMachine(sim::Calendar& calendar, const vtd::VtdConfig& config)
    : Machine(calendar, {.longest = sim::Duration::ps(10'000'000'000'000), .most_steps_of_one = 4'000}),
      unit_("dmar", events(), memory(), config) {
    connect(unit_);
}

void VtdMachine::check_granted(const iommu::TranslationRequest& request, const iommu::Translation& t) {
    const bool passed = t.to.value() == request.at.value(); // translation may be off, or about to be
    const bool interrupt = !request.has_pasid && vtd::is_interrupt_address(request.at);
    must(passed || t.to.value() >> identity().haw == 0, "an address beyond the host's width");
    must(passed || interrupt || !vtd::is_interrupt_address(Iova{t.to.value()}), "translated to an interrupt");
}

void VtdMachine::check_record(const memory::Request& r) {
    must(r.bytes == vtd::page_request_bytes, "a record of no queue");
    must(r.at.is_aligned(vtd::page_request_bytes), "a page request beside its slot");
}

/// 11.4: PPF is the records' F, whatever happens.
void VtdMachine::check_always() {
    const vtd::FaultBank& bank = unit_.fault_bank();
    bool pending = false;
    for (std::size_t n = 0; n < bank.size(); ++n) pending = pending || bank.at(n).get(vtd::FaultRecord::F_);
    must(pending == registers().get(vtd::Fsts::PPF), "PPF does not say what the fault records do");
    must(registers().get(vtd::Fsts::FRI) < bank.size(), "FRI names no fault record");
}

void VtdMachine::check_quiet() {
    const auto& regs = registers();
    must(!regs.get(vtd::Ccmd::ICC) && !regs.get(vtd::Iotlb::IVT), "a register-based invalidation does not end");
    must(!regs.get(vtd::Vcrsp::IP), "a virtual command does not end");
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
