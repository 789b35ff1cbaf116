// SPDX-License-Identifier: Apache-2.0
/// The functions of quiesce/cosim.h that are about the platform, time, registers and memory.
#include "platform/cosim/calls.h"

#include <cstddef>

namespace {

using namespace quiesce;
using namespace quiesce::platform::cosim;

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
const char* qsc_last_error(void) { return last_error(); }

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
        require_none();
        const Setup setup = read_setup(c);
        *platform = take_on(new Machine(setup, setup.hosted ? make_hosted_kernel() : make_own_kernel()));
        return QSC_OK;
    });
}

int qsc_destroy(qsc_platform platform) {
    return guarded([&] {
        Machine& m = machine_of(platform);
        m.kernel().require_ending();
        let_go(m);
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

int qsc_wait_news(qsc_platform platform, uint32_t wanted, uint64_t limit_ps, uint32_t* there) {
    return with(platform, [&](Machine& m) {
        const uint32_t got = m.wait_news(wanted, limit_ps);
        if (there != nullptr) *there = got;
        return got != 0 ? QSC_OK : QSC_PENDING;
    });
}

} // extern "C"
