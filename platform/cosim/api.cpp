// SPDX-License-Identifier: Apache-2.0
/// The functions of quiesce/cosim.h: handles, structures and codes; what is done is done by the Machine.
#include "platform/cosim/machine.h"
#include "platform/cosim/structures.h"

#include <cstring>
#include <exception>
#include <fmt/format.h>
#include <new>
#include <systemc>
#include <utility>

namespace {

using namespace quiesce;
using namespace quiesce::platform::cosim;

std::string error_text; // of the last call that failed
const char* error_shown = "";

int fail(qsc_code code, const char* why) {
    try {
        error_text = why;
        error_shown = error_text.c_str();
    } catch (...) {
        error_shown = "out of memory";
    }
    return code;
}

/// No exception leaves the library but the one with which SystemC ends a thread that is inside of a call.
template <class Call> int guarded(Call call) {
    try {
        return call();
    } catch (const Refusal& r) {
        return fail(r.code(), r.what());
    } catch (const sc_core::sc_unwind_exception&) {
        throw;
    } catch (const std::bad_alloc&) {
        return fail(QSC_ERR_INTERNAL, "out of memory");
    } catch (const std::exception& e) {
        return fail(QSC_ERR_INTERNAL, e.what());
    } catch (...) {
        return fail(QSC_ERR_INTERNAL, "an exception of an unknown kind");
    }
}

/// The one that lives. It is never taken down at the end of the process: SystemC may be gone by then.
struct Alive {
    qsc_platform handle = 0;
    Machine* machine = nullptr;
    qsc_platform handles = 0; ///< given out so far
} alive;

Machine& machine_of(qsc_platform p) {
    if (p == 0 || p != alive.handle) throw Refusal(QSC_ERR_HANDLE, fmt::format("there is no platform {}", p));
    if (alive.machine->in_callback()) throw Refusal(QSC_ERR_STATE, "called from inside of a function of host_memory");
    return *alive.machine;
}

/// Calls `call(machine)` inside of the platform's kernel.
template <class Call> int with(qsc_platform p, Call call) {
    return guarded([&] {
        Machine& m = machine_of(p);
        const Inside inside(m.kernel());
        return call(m);
    });
}

void require_pointer(const void* p, const char* name) {
    if (p == nullptr) throw Refusal(QSC_ERR_ARGUMENT, std::string{name} + " is null");
}

/// The end of every blocking form: waits, and either fetches the result or says how it can be had later.
template <class Fetch> int finish(Machine& m, qsc_operation id, uint64_t limit_ps, qsc_operation* still, Fetch fetch) {
    if (m.wait(id, limit_ps)) {
        fetch(m.operations().get(id));
        return QSC_OK;
    }
    if (still != nullptr)
        *still = id;
    else
        m.operations().get(id).forgotten = true;
    return QSC_PENDING;
}

/// The poll of every kind.
template <class Fetch> int poll(Machine& m, qsc_operation id, OperationKind kind, Fetch fetch) {
    Operation& op = m.operations().get(id, kind);
    if (!op.over) return QSC_PENDING;
    fetch(op);
    return QSC_OK;
}

template <class T> int next_of(std::deque<T>& arrived, T* to) {
    if (arrived.empty()) return QSC_EMPTY;
    give(to, arrived.front());
    arrived.pop_front();
    return QSC_OK;
}

void fetch_dma(Machine& m, Operation& op, void* into, qsc_dma_result* result) {
    const bool has_data = (op.dma.flags & QSC_WRITE) == 0 && op.dma_result.ending <= QSC_ZEROED;
    if (has_data) require_pointer(into, "into");
    if (has_data) std::memcpy(into, op.data.data(), op.data.size());
    give(result, op.dma_result);
    m.operations().release(op);
}

void fetch_translation(Machine& m, Operation& op, qsc_translation* entries, qsc_translation_result* result) {
    qsc_translation_result r{};
    r.status = op.completion.status == pcie::CompletionStatus::Success          ? QSC_ATS_SUCCESS
               : op.completion.status == pcie::CompletionStatus::CompleterAbort ? QSC_ATS_ABORT
                                                                                : QSC_ATS_UNSUPPORTED;
    r.entries = static_cast<uint32_t>(op.completion.entries.size());
    r.ended_ps = static_cast<uint64_t>(op.ended.ps());
    for (uint32_t i = 0; i < r.entries; ++i) entries[i] = translation_of(op.completion.entries[i]);
    give(result, r);
    m.operations().release(op);
}

void fetch_instant(Machine& m, Operation& op, uint64_t* ps) {
    if (ps != nullptr) *ps = static_cast<uint64_t>(op.ended.ps());
    m.operations().release(op);
}

void fetch_value(Machine& m, Operation& op, uint64_t* value) {
    if (value != nullptr) *value = op.value;
    m.operations().release(op);
}

/// A register access always ends; this is far beyond what any platform's latencies add up to.
constexpr uint64_t register_limit_ps = UINT64_C(1000000000000);

int access_register(qsc_platform p, uint64_t address, uint32_t bytes, bool write, uint64_t* value) {
    return with(p, [&](Machine& m) {
        m.require_wait(register_limit_ps);
        const qsc_operation id = m.access_register(address, bytes, write, *value).id;
        if (finish(m, id, register_limit_ps, nullptr, [&](Operation& op) { fetch_value(m, op, value); }) == QSC_OK)
            return QSC_OK;
        throw Refusal(QSC_ERR_INTERNAL, "a register access did not end");
    });
}

} // namespace

extern "C" {

uint32_t qsc_version(void) { return QSC_COSIM_VERSION; }
const char* qsc_last_error(void) { return error_shown; }

const char* qsc_code_name(int code) {
    switch (code) {
    case QSC_OK: return "QSC_OK";
    case QSC_PENDING: return "QSC_PENDING";
    case QSC_EMPTY: return "QSC_EMPTY";
    case QSC_ERR_ARGUMENT: return "QSC_ERR_ARGUMENT";
    case QSC_ERR_HANDLE: return "QSC_ERR_HANDLE";
    case QSC_ERR_STATE: return "QSC_ERR_STATE";
    case QSC_ERR_ADDRESS: return "QSC_ERR_ADDRESS";
    case QSC_ERR_CONFIG: return "QSC_ERR_CONFIG";
    case QSC_ERR_UNSUPPORTED: return "QSC_ERR_UNSUPPORTED";
    case QSC_ERR_IO: return "QSC_ERR_IO";
    case QSC_ERR_INTERNAL: return "QSC_ERR_INTERNAL";
    default: return "no qsc_code";
    }
}

int qsc_create(const qsc_config* config, qsc_platform* platform) {
    return guarded([&] {
        require_pointer(platform, "platform");
        const qsc_config c = taken(config, "config");
        if (alive.machine != nullptr) throw Refusal(QSC_ERR_STATE, "a platform lives already: destroy it first");
        const Setup setup = read_setup(c);
        alive.machine = new Machine(setup, setup.hosted ? make_hosted_kernel() : make_own_kernel());
        alive.handle = *platform = ++alive.handles;
        return QSC_OK;
    });
}

int qsc_destroy(qsc_platform platform) {
    return guarded([&] {
        Machine& m = machine_of(platform);
        m.kernel().require_ending();
        alive.handle = 0;
        alive.machine = nullptr;
        delete &m;
        return QSC_OK;
    });
}

int qsc_time(qsc_platform platform, uint64_t* ps) {
    return with(platform, [&](Machine& m) {
        require_pointer(ps, "ps");
        *ps = m.now_ps();
        return QSC_OK;
    });
}

int qsc_advance(qsc_platform platform, uint64_t ps) {
    return with(platform, [&](Machine& m) {
        m.advance(ps);
        return QSC_OK;
    });
}

int qsc_relax(qsc_platform platform, uint64_t most_ps) {
    return with(platform, [&](Machine& m) { return m.relax(most_ps) ? QSC_OK : QSC_EMPTY; });
}

int qsc_wait(qsc_platform platform, qsc_operation operation, uint64_t limit_ps) {
    return with(platform, [&](Machine& m) { return m.wait(operation, limit_ps) ? QSC_OK : QSC_PENDING; });
}

int qsc_forget(qsc_platform platform, qsc_operation operation) {
    return with(platform, [&](Machine& m) {
        Operation& op = m.operations().get(operation);
        if (op.over)
            m.operations().release(op);
        else
            op.forgotten = true;
        return QSC_OK;
    });
}

int qsc_mmio_read(qsc_platform platform, uint64_t address, uint32_t bytes, uint64_t* value) {
    uint64_t got = 0;
    const int code = guarded([&] {
        require_pointer(value, "value");
        return access_register(platform, address, bytes, false, &got);
    });
    if (code == QSC_OK) *value = got;
    return code;
}

int qsc_mmio_write(qsc_platform platform, uint64_t address, uint32_t bytes, uint64_t value) {
    return access_register(platform, address, bytes, true, &value);
}

int qsc_mmio_read_start(qsc_platform platform, uint64_t address, uint32_t bytes, qsc_operation* operation) {
    return with(platform, [&](Machine& m) {
        require_pointer(operation, "operation");
        *operation = m.access_register(address, bytes, false, 0).id;
        return QSC_OK;
    });
}

int qsc_mmio_write_start(qsc_platform platform, uint64_t address, uint32_t bytes, uint64_t value,
                         qsc_operation* operation) {
    return with(platform, [&](Machine& m) {
        require_pointer(operation, "operation");
        *operation = m.access_register(address, bytes, true, value).id;
        return QSC_OK;
    });
}

int qsc_mmio_poll(qsc_platform platform, qsc_operation operation, uint64_t* value) {
    return with(platform, [&](Machine& m) {
        return poll(m, operation, OperationKind::Register, [&](Operation& op) { fetch_value(m, op, value); });
    });
}

int qsc_memory_read(qsc_platform platform, uint64_t address, void* into, uint64_t bytes) {
    return with(platform, [&](Machine& m) {
        m.move_memory(address, static_cast<std::byte*>(into), bytes, false);
        return QSC_OK;
    });
}

int qsc_memory_write(qsc_platform platform, uint64_t address, const void* from, uint64_t bytes) {
    return with(platform, [&](Machine& m) {
        m.move_memory(address, const_cast<std::byte*>(static_cast<const std::byte*>(from)), bytes, true);
        return QSC_OK;
    });
}

int qsc_dma_start(qsc_platform platform, const qsc_dma_request* request, qsc_operation* operation) {
    return with(platform, [&](Machine& m) {
        require_pointer(operation, "operation");
        *operation = m.start(taken(request, "request")).id;
        return QSC_OK;
    });
}

int qsc_dma_poll(qsc_platform platform, qsc_operation operation, void* into, qsc_dma_result* result) {
    return with(platform, [&](Machine& m) {
        check_structure(result, "result");
        return poll(m, operation, OperationKind::Dma, [&](Operation& op) { fetch_dma(m, op, into, result); });
    });
}

int qsc_dma(qsc_platform platform, const qsc_dma_request* request, uint64_t limit_ps, void* into,
            qsc_dma_result* result, qsc_operation* still) {
    return with(platform, [&](Machine& m) {
        check_structure(result, "result");
        const qsc_dma_request r = taken(request, "request");
        if ((r.flags & QSC_WRITE) == 0) require_pointer(into, "into");
        m.require_wait(limit_ps);
        const qsc_operation id = m.start(r).id;
        return finish(m, id, limit_ps, still, [&](Operation& op) { fetch_dma(m, op, into, result); });
    });
}

int qsc_device_set(qsc_platform platform, uint32_t requester, uint32_t features) {
    return with(platform, [&](Machine& m) {
        m.set_features(requester, features);
        return QSC_OK;
    });
}

int qsc_translate_start(qsc_platform platform, const qsc_translation_request* request, qsc_operation* operation) {
    return with(platform, [&](Machine& m) {
        require_pointer(operation, "operation");
        *operation = m.start(taken(request, "request")).id;
        return QSC_OK;
    });
}

int qsc_translate_poll(qsc_platform platform, qsc_operation operation, qsc_translation* entries,
                       qsc_translation_result* result) {
    return with(platform, [&](Machine& m) {
        require_pointer(entries, "entries");
        check_structure(result, "result");
        return poll(m, operation, OperationKind::Translation,
                    [&](Operation& op) { fetch_translation(m, op, entries, result); });
    });
}

int qsc_translate(qsc_platform platform, const qsc_translation_request* request, uint64_t limit_ps,
                  qsc_translation* entries, qsc_translation_result* result, qsc_operation* still) {
    return with(platform, [&](Machine& m) {
        require_pointer(entries, "entries");
        check_structure(result, "result");
        const qsc_translation_request r = taken(request, "request");
        m.require_wait(limit_ps);
        const qsc_operation id = m.start(r).id;
        return finish(m, id, limit_ps, still, [&](Operation& op) { fetch_translation(m, op, entries, result); });
    });
}

int qsc_invalidation_next(qsc_platform platform, qsc_invalidation* invalidation) {
    return with(platform, [&](Machine& m) {
        check_structure(invalidation, "invalidation");
        return next_of(m.requesters().invalidations, invalidation);
    });
}

int qsc_invalidation_complete(qsc_platform platform, uint32_t tag) {
    return with(platform, [&](Machine& m) {
        if (m.requesters().complete(tag)) return QSC_OK;
        throw Refusal(QSC_ERR_ARGUMENT, fmt::format("no invalidation with tag {} is open", tag));
    });
}

int qsc_page_request_start(qsc_platform platform, const qsc_page_request_message* message,
                           qsc_operation* operation) {
    return with(platform, [&](Machine& m) {
        require_pointer(operation, "operation");
        *operation = m.start(taken(message, "message")).id;
        return QSC_OK;
    });
}

int qsc_page_request_poll(qsc_platform platform, qsc_operation operation, uint64_t* taken_ps) {
    return with(platform, [&](Machine& m) {
        return poll(m, operation, OperationKind::PageRequest, [&](Operation& op) { fetch_instant(m, op, taken_ps); });
    });
}

int qsc_page_request(qsc_platform platform, const qsc_page_request_message* message, uint64_t limit_ps,
                     uint64_t* taken_ps, qsc_operation* still) {
    return with(platform, [&](Machine& m) {
        const qsc_page_request_message r = taken(message, "message");
        m.require_wait(limit_ps);
        const qsc_operation id = m.start(r).id;
        return finish(m, id, limit_ps, still, [&](Operation& op) { fetch_instant(m, op, taken_ps); });
    });
}

int qsc_page_response_next(qsc_platform platform, qsc_page_response* response) {
    return with(platform, [&](Machine& m) {
        check_structure(response, "response");
        return next_of(m.requesters().responses, response);
    });
}

int qsc_interrupt_next(qsc_platform platform, qsc_interrupt* interrupt) {
    return with(platform, [&](Machine& m) {
        check_structure(interrupt, "interrupt");
        return next_of(m.interrupts(), interrupt);
    });
}

int qsc_wait_news(qsc_platform platform, uint32_t wanted, uint64_t limit_ps, uint32_t* there) {
    return with(platform, [&](Machine& m) {
        const uint32_t got = m.wait_news(wanted, limit_ps);
        if (there != nullptr) *there = got;
        return got != 0 ? QSC_OK : QSC_PENDING;
    });
}

} // extern "C"
