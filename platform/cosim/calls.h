// SPDX-License-Identifier: Apache-2.0
/// What every function of quiesce/cosim.h does around its work: handles, codes, texts.
#pragma once
#include "platform/cosim/machine.h"
#include "platform/cosim/structures.h"

#include <exception>
#include <new>
#include <systemc>

namespace quiesce::platform::cosim {

/// Keeps `why` for qsc_last_error(). -> code
int fail(qsc_code code, const char* why);
const char* last_error();

/// There is one machine at a time. The handle of a new one, which must be the only one.
qsc_platform take_on(Machine* machine);
/// Throws a Refusal if a machine lives.
void require_none();
/// The machine of a handle, which may be called now; else a Refusal.
Machine& machine_of(qsc_platform p);
/// Its handle is void from now on.
void let_go(Machine& machine);

/// No exception leaves the library but the one with which SystemC ends a thread that is inside of a call.
template <class Call>
int guarded(Call call) {
    try {
        return call();
    } catch (const Refusal& r) { return fail(r.code(), r.what()); } catch (const sc_core::sc_unwind_exception&) {
        throw;
    } catch (const std::bad_alloc&) {
        return fail(QSC_ERR_INTERNAL, "out of memory");
    } catch (const std::exception& e) { return fail(QSC_ERR_INTERNAL, e.what()); } catch (...) {
        return fail(QSC_ERR_INTERNAL, "an exception of an unknown kind");
    }
}

/// Calls `call(machine)` inside of the platform's kernel.
template <class Call>
int with(qsc_platform p, Call call) {
    return guarded([&] {
        Machine& m = machine_of(p);
        const Inside inside(m.kernel());
        return call(m);
    });
}

inline void require_pointer(const void* p, const char* name) {
    if (p == nullptr) throw Refusal(QSC_ERR_ARGUMENT, std::string{name} + " is null");
}

/// The end of every blocking form: waits, and either fetches the result or says how it can be had later.
template <class Fetch>
int finish(Machine& m, qsc_operation id, uint64_t limit_ps, qsc_operation* still, Fetch fetch) {
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
template <class Fetch>
int poll(Machine& m, qsc_operation id, OperationKind kind, Fetch fetch) {
    Operation& op = m.operations().get(id, kind);
    if (!op.over) return QSC_PENDING;
    fetch(op);
    return QSC_OK;
}

} // namespace quiesce::platform::cosim
