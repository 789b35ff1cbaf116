// SPDX-License-Identifier: Apache-2.0
#include "platform/cosim/calls.h"

#include <fmt/format.h>

namespace quiesce::platform::cosim {
namespace {

std::string error_text; // of the last call that failed
const char* error_shown = "";

/// The one that lives. It is never taken down at the end of the process: SystemC may be gone by then.
struct Alive {
    qsc_platform handle = 0;
    Machine* machine = nullptr;
    qsc_platform handles = 0; ///< given out so far
} alive;

} // namespace

int fail(qsc_code code, const char* why) {
    try {
        error_text = why;
        error_shown = error_text.c_str();
    } catch (...) { error_shown = "out of memory"; }
    return code;
}

const char* last_error() { return error_shown; }

qsc_platform take_on(Machine* machine) {
    alive.machine = machine;
    return alive.handle = ++alive.handles;
}

void require_none() {
    if (alive.machine != nullptr) throw Refusal(QSC_ERR_STATE, "a platform lives already: destroy it first");
}

Machine& machine_of(qsc_platform p) {
    if (p == 0 || p != alive.handle) throw Refusal(QSC_ERR_HANDLE, fmt::format("there is no platform {}", p));
    if (alive.machine->in_callback()) throw Refusal(QSC_ERR_STATE, "called from inside of a function of host_memory");
    return *alive.machine;
}

void let_go(Machine& machine) {
    alive.handle = 0;
    alive.machine = nullptr;
    delete &machine;
}

} // namespace quiesce::platform::cosim
