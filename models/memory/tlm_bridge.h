// SPDX-License-Identifier: Apache-2.0
/// Between the calendar's ports and TLM-2.0 base-protocol sockets, both ways: registers and memory.
#pragma once
#include "memory/memory_port.h"
#include "memory/mmio.h"
#include "sim/tlm_call.h"
#include "sim/tlm_payload.h"

namespace quiesce::memory {

/// A register block behind a target socket. A call takes effect at sc_time_stamp() + delay, blocks the caller until it is
/// over and returns with delay zero. transport_dbg is refused (registers have side effects); DMI is denied.
class TlmMmioTarget : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<TlmMmioTarget> from_bus{"from_bus"};
    TlmMmioTarget(sc_core::sc_module_name name, MmioTarget& registers);

private:
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay);
    MmioTarget& registers_;
};

/// Registers of somebody else's target, as an MmioTarget.
class TlmMmioInitiator : public sc_core::sc_module, public MmioTarget {
public:
    tlm_utils::simple_initiator_socket<TlmMmioInitiator> to_target{"to_target"};
    explicit TlmMmioInitiator(sc_core::sc_module_name name) : sc_module(name) {}
    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override;
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override;

private:
    sim::Task<void> transfer(tlm::tlm_command command, u64 offset, unsigned size, u64& value);
    sim::ThreadPool threads_{"threads"};
    sim::PayloadPool payloads_;
};

/// Somebody else's memory, as a MemoryPort. The commit is where b_transport returns; requests are issued in order.
class TlmMemoryPort : public sc_core::sc_module, public MemoryPort {
public:
    tlm_utils::simple_initiator_socket<TlmMemoryPort> to_memory{"to_memory"};
    explicit TlmMemoryPort(sc_core::sc_module_name name) : sc_module(name) {}
    void start(const Request& r, std::coroutine_handle<> who) override;
    void commit(Request&) override {}
    sim::Task<Status> fetch(Spa at, std::span<u64> words, Origin origin) override;
    unsigned beat_bytes() const override { return 64; }
    bool peek(Spa at, std::span<std::byte> into) const override;
    bool poke(Spa at, std::span<const std::byte> from) override;

private:
    sim::Task<void> transfer(Request& r, std::coroutine_handle<> who);
    void b_transport(Request& r);
    void modify(Request& r);
    unsigned debug(tlm::tlm_command command, Spa at, std::byte* data, std::size_t bytes) const;
    sim::ThreadPool threads_{"threads"};
    mutable sim::PayloadPool payloads_;
};

/// Our memory behind a target socket, for foreign initiators. Up to 8 bytes are atomic; more moves in 8-byte pieces.
class TlmMemoryTarget : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<TlmMemoryTarget> from_bus{"from_bus"};
    TlmMemoryTarget(sc_core::sc_module_name name, MemoryPort& memory);

private:
    void b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay);
    unsigned transport_dbg(tlm::tlm_generic_payload& p);
    MemoryPort& memory_;
};

} // namespace quiesce::memory
