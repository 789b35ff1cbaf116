// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/faults.h"

#include "iommu/amdvi/page_table.h"

namespace quiesce::iommu::amdvi {
namespace {

RequesterId device_of(StreamId stream) { return RequesterId{static_cast<u16>(raw(stream))}; }
/// Without a context the cause says whether the device table entry sent the request to a guest's tables.
bool is_guest(Cause cause, const TranslationRequest& r, const Context* context) {
    if (r.has_pasid || (context != nullptr && !context->bypass)) return true;
    return cause == Cause::PasidRange || cause == Cause::Gcr3NotValid || cause == Cause::Gcr3Reserved ||
           cause == Cause::Gcr3Read;
}

/// The address of a fault of tables and of what they lead to, of reads of tables the entry's own.
u64 address_of(const CauseRow& row, const Fault& f, const TranslationRequest& r) {
    const bool of_memory =
        row.event == EventCode::DevTabHardwareError || row.event == EventCode::PageTabHardwareError;
    if (of_memory) return f.fetch_address.value();
    return row.event == EventCode::IllegalDevTableEntry ? r.at.value() & ~u64{3} : r.at.value();
}

Event invalid_device_request(const CauseRow& row, const TranslationRequest& r) {
    InvalidDeviceRequest e;
    e.set(InvalidDeviceRequest::Code, row.event).set(InvalidDeviceRequest::DeviceID, device_of(r.stream));
    e.set(InvalidDeviceRequest::TR, r.type == AddressType::TranslationRequest).set(InvalidDeviceRequest::Type, row.type);
    e.set(InvalidDeviceRequest::Address, r.at.value()).set(InvalidDeviceRequest::GN, r.has_pasid);
    if (!r.has_pasid) return as_event(e);
    e.set(InvalidDeviceRequest::PasidLo, static_cast<u16>(raw(r.pasid))).set(InvalidDeviceRequest::US, !r.privileged);
    return as_event(e.set(InvalidDeviceRequest::PasidHi, raw(r.pasid) >> 16 & 15));
}

} // namespace

/// AddressSize is what the walker says of an output beyond the physical addresses, which v1 and v2 take for reserved bits,
/// and the pipeline of an address that nothing translates.
Cause cause_of(const Fault& f, const TranslationRequest& r, const Context* context) {
    switch (f.why) {
    case FaultReason::Configuration: return static_cast<Cause>(f.code);
    case FaultReason::NotMapped: return Cause::NotPresent;
    case FaultReason::WalkAbort: return Cause::TableRead;
    case FaultReason::Malformed:
        return f.code == static_cast<u16>(Flaw::LevelEncoding) ? Cause::TableEncoding : Cause::TableReserved;
    case FaultReason::AddressSize:
        return context != nullptr && context->translates() ? Cause::TableReserved : Cause::AddressSize;
    case FaultReason::Forbidden:
        return r.type == AddressType::Translated ? Cause::Pretranslated : Cause::TranslationRefused;
    default: return Cause::NoPermission;
    }
}

/// MODEL: with GN the address is the guest's, and there is no DomainID, whichever stage it was; GN is set of requests
/// without PASID, too, that GIoV sends to a guest's tables, whether they are there or not. MODEL: NX says that the request
/// was to execute.
Event make_event(Cause cause, const Fault& f, const TranslationRequest& r, const Context* context) {
    const CauseRow& row = cause_row(cause);
    if (row.event == EventCode::InvalidDeviceRequest) return invalid_device_request(row, r);
    const bool fault = row.event == EventCode::IoPageFault, guest = is_guest(cause, r, context);
    const bool of_memory =
        row.event == EventCode::DevTabHardwareError || row.event == EventCode::PageTabHardwareError;
    Event e;
    e.set(Event::Code, row.event).set(Event::DeviceID, device_of(r.stream)).set(Event::Address, address_of(row, f, r));
    e.set(Event::RW, r.access != Access::Read).set(Event::TR, r.type == AddressType::TranslationRequest);
    if (of_memory) e.set(Event::Type, HardwareError::TargetAbort); // MODEL: as VirtualBox has it
    if (row.event == EventCode::IllegalDevTableEntry) e.set(Event::RZ, row.reserved);
    if (fault) e.set(Event::PR, row.present).set(Event::PE, row.permission).set(Event::RZ, row.reserved);
    if (row.event == EventCode::DevTabHardwareError) return e;
    e.set(Event::GN, guest);
    const DomainTag domain = context != nullptr ? context->domain : f.domain;
    if (!guest) return e.set(Event::DomainOrPasid, static_cast<u16>(raw(domain)));
    if (fault) e.set(Event::US, r.has_pasid && !r.privileged).set(Event::NX, r.instruction);
    const u32 pasid = r.has_pasid ? raw(r.pasid) : 0;
    return e.set(Event::DomainOrPasid, static_cast<u16>(pasid)).set(Event::PasidHi, pasid >> 16 & 15);
}

InvalidPprRequest make_event(const PageRequestMessage& m) {
    InvalidPprRequest e;
    e.set(InvalidPprRequest::Code, EventCode::InvalidPprRequest).set(InvalidPprRequest::DeviceID, device_of(m.stream));
    e.set(InvalidPprRequest::Tag, static_cast<u16>((m.group & 0x1ff) | (m.last ? 0x200 : 0)));
    // Whoever sent a stop marker, or a request that others of its group follow, waits for no answer.
    e.set(InvalidPprRequest::RX, !m.last || is_stop_marker(m)).set(InvalidPprRequest::Address, m.at.value());
    if (m.has_pasid) e.set(InvalidPprRequest::GN, true).set(InvalidPprRequest::PASID, Pasid{raw(m.pasid) & 0xf'ffff});
    return e;
}

Event make_event(Cause cause, const Fault& f, const PageRequestMessage& m) {
    TranslationRequest r{};
    r.stream = m.stream;
    r.has_pasid = m.has_pasid;
    r.pasid = m.pasid;
    r.at = m.at;
    r.access = m.write ? Access::Write : Access::Read;
    r.privileged = m.privileged;
    return make_event(cause, f, r, nullptr);
}

Event make_command_event(EventCode code, Spa at) {
    Event e;
    if (code == EventCode::CommandHardwareError) e.set(Event::Type, HardwareError::DataError); // MODEL: as VirtualBox has it
    return e.set(Event::Code, code).set(Event::Address, at.value());
}

Event make_timeout_event(RequesterId device, Spa command) {
    return make_command_event(EventCode::IotlbInvTimeout, command).set(Event::DeviceID, device);
}

EventLog::EventLog(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                   Signals& signals, const AmdviConfig& config)
    : events_(events), ring_(unit, events, regs, memory, signals, config.event_write.get()) {
    for (unsigned code = 1; code < names_.size() - 1; ++code)
        names_[code] = base::Name{base::enum_text(static_cast<EventCode>(code))};
}

FaultRaised EventLog::fact_of(Cause cause, const TranslationRequest& r) const {
    const auto code = raw(cause_row(cause).event);
    return {r.transaction, r.bond, r.stream, r.has_pasid, r.pasid, r.at, names_[code], code, FaultFate::Recorded};
}
FaultRaised EventLog::fact_of(EventCode code, const PageRequestMessage& m) const {
    return {0, m.bond, m.stream, m.has_pasid, m.pasid, m.at, names_[raw(code)], raw(code), FaultFate::Recorded};
}

sim::Task<void> EventLog::record(Event event, FaultRaised fact) {
    const LogFate fate = co_await ring_.append(event.words());
    fact.fate = fate == LogFate::Written      ? FaultFate::Recorded
                : fate == LogFate::Overflowed ? FaultFate::Lost
                                              : FaultFate::Discarded;
    events_.emit(fact);
}

sim::Task<bool> EventLog::log(Event event) {
    const LogFate fate = co_await ring_.append(event.words());
    co_return fate == LogFate::Written;
}

void EventLog::suppress(FaultRaised fact) {
    fact.fate = FaultFate::Suppressed;
    events_.emit(fact);
}

} // namespace quiesce::iommu::amdvi
