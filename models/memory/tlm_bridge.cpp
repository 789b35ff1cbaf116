// SPDX-License-Identifier: Apache-2.0
#include "memory/tlm_bridge.h"

#include "memory/atomics.h"

#include <cstring>

namespace quiesce::memory {

// ---- registers ------------------------------------------------------------------------------------------------------

TlmMmioTarget::TlmMmioTarget(sc_core::sc_module_name name, MmioTarget& registers) : sc_module(name), registers_(registers) {
    from_bus.register_b_transport(this, &TlmMmioTarget::b_transport);
}

void TlmMmioTarget::b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) {
    const unsigned size = p.get_data_length();
    if ((size != 4 && size != 8) || p.get_address() % size != 0 || p.get_streaming_width() < size) {
        p.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
        return;
    }
    if (p.get_byte_enable_ptr() != nullptr) {
        p.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
        return;
    }
    u64 value = 0;
    auto access = [](MmioTarget& t, tlm::tlm_command c, u64 offset, unsigned n, u64& v) -> sim::Task<void> {
        if (c == tlm::TLM_READ_COMMAND) v = co_await t.mmio_read(offset, n);
        else if (c == tlm::TLM_WRITE_COMMAND) co_await t.mmio_write(offset, n, v);
    };
    if (p.is_write()) std::memcpy(&value, p.get_data_ptr(), size);
    sim::run_in_calendar(access(registers_, p.get_command(), p.get_address(), size, value), delay);
    if (p.is_read()) std::memcpy(p.get_data_ptr(), &value, size);
    p.set_response_status(tlm::TLM_OK_RESPONSE);
}

sim::Task<void> TlmMmioInitiator::transfer(tlm::tlm_command command, u64 offset, unsigned size, u64& value) {
    co_await threads_.call([this, command, offset, size, &value] {
        auto* p = payloads_.acquire(command, offset, reinterpret_cast<unsigned char*>(&value), size);
        sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
        to_target->b_transport(*p, delay);
        if (delay != sc_core::SC_ZERO_TIME) sc_core::wait(delay);
        if (!p->is_response_ok()) value = ~u64{0};
        p->release();
    });
}

sim::Task<void> TlmMmioInitiator::mmio_write(u64 offset, unsigned size, u64 value) {
    co_await transfer(tlm::TLM_WRITE_COMMAND, offset, size, value);
}

sim::Task<u64> TlmMmioInitiator::mmio_read(u64 offset, unsigned size) {
    u64 value = 0;
    co_await transfer(tlm::TLM_READ_COMMAND, offset, size, value);
    co_return value;
}

// ---- memory out -----------------------------------------------------------------------------------------------------

/// MODEL: the base protocol has no read-modify-write, so of somebody else's memory it is a read and a write: whoever
/// shares that memory can come between.
void TlmMemoryPort::modify(Request& r) {
    std::byte word[widest_operand];
    Request part{r.at, word, r.bytes, false, r.origin};
    if (r.bytes > sizeof word) part.status = Status::ExternalAbort;
    else b_transport(part);
    if (part.status == Status::Ok) {
        memory::modify(word, r);
        part.write = true;
        b_transport(part);
    }
    r.status = part.status;
}

void TlmMemoryPort::b_transport(Request& r) {
    if (r.atomic != AtomicOp::None) return modify(r);
    auto* p = payloads_.acquire(r.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, r.at.value(),
                                reinterpret_cast<unsigned char*>(r.data), r.bytes);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    to_memory->b_transport(*p, delay);
    if (delay != sc_core::SC_ZERO_TIME) sc_core::wait(delay);
    r.status = p->is_response_ok() ? Status::Ok : Status::ExternalAbort;
    p->release();
}

sim::Task<void> TlmMemoryPort::transfer(Request& r, std::coroutine_handle<> who) {
    co_await threads_.call([this, &r] { b_transport(r); });
    sim::Calendar::current().schedule_now(who);
}

/// The request lives in the frame of the coroutine that waits, so it is still there when the call returns.
void TlmMemoryPort::start(const Request& r, std::coroutine_handle<> who) { sim::spawn(transfer(const_cast<Request&>(r), who)); }

sim::Task<Status> TlmMemoryPort::fetch(Spa at, std::span<u64> words, Origin origin) {
    Request r{at, reinterpret_cast<std::byte*>(words.data()), static_cast<u32>(words.size_bytes()), false, origin};
    co_return co_await transport(r);
}

unsigned TlmMemoryPort::debug(tlm::tlm_command command, Spa at, std::byte* data, std::size_t bytes) const {
    auto* p = payloads_.acquire(command, at.value(), reinterpret_cast<unsigned char*>(data), static_cast<unsigned>(bytes));
    auto& socket = const_cast<TlmMemoryPort*>(this)->to_memory;
    const unsigned n = socket->transport_dbg(*p);
    p->release();
    return n;
}

bool TlmMemoryPort::peek(Spa at, std::span<std::byte> into) const {
    return debug(tlm::TLM_READ_COMMAND, at, into.data(), into.size()) == into.size();
}

bool TlmMemoryPort::poke(Spa at, std::span<const std::byte> from) {
    return debug(tlm::TLM_WRITE_COMMAND, at, const_cast<std::byte*>(from.data()), from.size()) == from.size();
}

// ---- memory in ------------------------------------------------------------------------------------------------------

TlmMemoryTarget::TlmMemoryTarget(sc_core::sc_module_name name, MemoryPort& memory) : sc_module(name), memory_(memory) {
    from_bus.register_b_transport(this, &TlmMemoryTarget::b_transport);
    from_bus.register_transport_dbg(this, &TlmMemoryTarget::transport_dbg);
}

void TlmMemoryTarget::b_transport(tlm::tlm_generic_payload& p, sc_core::sc_time& delay) {
    if (p.get_byte_enable_ptr() != nullptr || p.get_streaming_width() < p.get_data_length()) {
        p.set_response_status(p.get_byte_enable_ptr() != nullptr ? tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE : tlm::TLM_BURST_ERROR_RESPONSE);
        return;
    }
    bool ok = true;
    auto access = [](MemoryPort& m, tlm::tlm_generic_payload& t, bool& good) -> sim::Task<void> {
        for (unsigned done = 0; done < t.get_data_length() && good;) {
            const u64 at = t.get_address() + done;
            const unsigned n = std::min<unsigned>(8 - at % 8, t.get_data_length() - done);
            Request r{Spa{at}, reinterpret_cast<std::byte*>(t.get_data_ptr()) + done, n, t.is_write(), Origin{}};
            good = co_await m.transport(r) == Status::Ok;
            done += n;
        }
    };
    sim::run_in_calendar(access(memory_, p, ok), delay);
    p.set_response_status(ok ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

unsigned TlmMemoryTarget::transport_dbg(tlm::tlm_generic_payload& p) {
    auto* data = reinterpret_cast<std::byte*>(p.get_data_ptr());
    const unsigned n = p.get_data_length();
    const bool ok = p.is_write() ? memory_.poke(Spa{p.get_address()}, {data, n}) : memory_.peek(Spa{p.get_address()}, {data, n});
    return ok ? n : 0;
}

} // namespace quiesce::memory
