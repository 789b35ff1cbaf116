// SPDX-License-Identifier: Apache-2.0
#include "sim/tlm_payload.h"

#include <algorithm>

namespace quiesce::sim {

PayloadPool::~PayloadPool() {
    for (auto* p : all_) delete p;
}

tlm::tlm_generic_payload* PayloadPool::acquire(tlm::tlm_command command, std::uint64_t address, unsigned char* data, unsigned length) {
    if (idle_.empty()) {
        all_.push_back(new tlm::tlm_generic_payload(this));
        idle_.push_back(all_.back());
    }
    auto* p = idle_.back();
    idle_.pop_back();
    p->set_command(command);
    p->set_address(address);
    p->set_data_ptr(data);
    p->set_data_length(length);
    p->set_streaming_width(length);
    p->set_byte_enable_ptr(nullptr);
    p->set_byte_enable_length(0);
    p->set_dmi_allowed(false);
    p->set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    p->acquire();
    return p;
}

void PayloadPool::free(tlm::tlm_generic_payload* p) {
    p->reset();
    idle_.push_back(p);
}

BaseProtocolChecker::BaseProtocolChecker(sc_core::sc_module_name name) : sc_module(name) {
    from_initiator.register_b_transport(this, &BaseProtocolChecker::b_transport);
    from_initiator.register_transport_dbg(this, &BaseProtocolChecker::transport_dbg);
    from_initiator.register_get_direct_mem_ptr(this, &BaseProtocolChecker::get_direct_mem_ptr);
    to_target.register_invalidate_direct_mem_ptr(this, &BaseProtocolChecker::invalidate_direct_mem_ptr);
}

void BaseProtocolChecker::require(bool held, const char* rule) {
    if (held) return;
    ++broken_;
    const std::string message = std::string{name()} + ": " + rule;
    if (on_broken) on_broken(message);
    else SC_REPORT_ERROR("/QUIESCE/TLM/BASE_PROTOCOL", message.c_str());
}

void BaseProtocolChecker::check_request(const tlm::tlm_generic_payload& p) {
    require(p.get_data_ptr() != nullptr, "the data pointer must be set (14.11)");
    require(p.get_data_length() > 0, "the data length must be greater than zero (14.12)");
    require(p.get_streaming_width() > 0, "the streaming width must be greater than zero (14.15)");
    require(p.get_byte_enable_ptr() == nullptr || p.get_byte_enable_length() > 0, "byte enables need a length (14.14)");
    require(p.get_response_status() == tlm::TLM_INCOMPLETE_RESPONSE, "the response status must start incomplete (14.17)");
    require(!p.is_dmi_allowed(), "the DMI hint must start false (14.16)");
}

void BaseProtocolChecker::b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) {
    ++transactions_;
    const auto process = sc_core::sc_get_current_process_handle();
    require(!process.valid() || process.proc_kind() != sc_core::SC_METHOD_PROC_, "b_transport must not be called from a method process (11.1.1.4)");
    require(std::find(inside_.begin(), inside_.end(), &p) == inside_.end(), "a payload must not be used again while in flight (14.5)");
    check_request(p);
    inside_.push_back(&p);
    const auto command = p.get_command();
    const auto address = p.get_address();
    const auto* data = p.get_data_ptr();
    const auto length = p.get_data_length();
    const sc_core::sc_time entered = sc_core::sc_time_stamp() + delay;
    to_target->b_transport(p, delay);
    inside_.erase(std::find(inside_.begin(), inside_.end(), &p));
    require(sc_core::sc_time_stamp() + delay >= entered, "the local time must not go back (11.1.1.5)");
    require(p.get_response_status() != tlm::TLM_INCOMPLETE_RESPONSE, "the target must set the response status (14.17)");
    require(p.get_command() == command, "the command must not change (14.7)");
    require(p.get_data_ptr() == data && p.get_data_length() == length, "data pointer and length must not change (14.7)");
    (void)address; // an interconnect may change it (14.7)
}

unsigned BaseProtocolChecker::transport_dbg(tlm::tlm_generic_payload& p) {
    const unsigned length = p.get_data_length();
    const unsigned n = to_target->transport_dbg(p);
    require(n <= length, "transport_dbg must not return more than the data length (11.2.4)");
    return n;
}

bool BaseProtocolChecker::get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi) { return to_target->get_direct_mem_ptr(p, dmi); }

void BaseProtocolChecker::invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) {
    from_initiator->invalidate_direct_mem_ptr(first, last);
}

} // namespace quiesce::sim
