// SPDX-License-Identifier: Apache-2.0
/// TLM-2.0 payloads from a pool with a memory manager, and an in-line checker of the base protocol's rules for b_transport and
/// transport_dbg (IEEE 1666-2011, clauses 11.1 and 14).
#pragma once
#include <functional>
#include <string>
#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <vector>

namespace quiesce::sim {

/// acquire() gives a payload with one reference and the base protocol's initial attributes; release() puts it back.
class PayloadPool : public tlm::tlm_mm_interface {
public:
    PayloadPool() = default;
    PayloadPool(const PayloadPool&) = delete;
    PayloadPool& operator=(const PayloadPool&) = delete;
    ~PayloadPool() override;

    tlm::tlm_generic_payload* acquire(tlm::tlm_command command, std::uint64_t address, unsigned char* data, unsigned length);
    void free(tlm::tlm_generic_payload* p) override;
    std::size_t made() const { return all_.size(); }
    std::size_t idle() const { return idle_.size(); }

private:
    std::vector<tlm::tlm_generic_payload*> all_, idle_;
};

/// Sits between an initiator and a target. A broken rule is a SystemC error report (/QUIESCE/TLM/...), which fails a test, and
/// is counted. It changes nothing that passes.
class BaseProtocolChecker : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<BaseProtocolChecker> from_initiator{"from_initiator"};
    tlm_utils::simple_initiator_socket<BaseProtocolChecker> to_target{"to_target"};

    explicit BaseProtocolChecker(sc_core::sc_module_name name);
    std::uint64_t transactions() const { return transactions_; }
    std::uint64_t broken() const { return broken_; }
    /// Instead of reporting: for tests of the checker itself.
    std::function<void(const std::string&)> on_broken;

private:
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay);
    unsigned transport_dbg(tlm::tlm_generic_payload& p);
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& p, tlm::tlm_dmi& dmi);
    void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last);
    void check_request(const tlm::tlm_generic_payload& p);
    void require(bool held, const char* rule);
    std::vector<const tlm::tlm_generic_payload*> inside_;
    std::uint64_t transactions_ = 0, broken_ = 0;
};

} // namespace quiesce::sim
