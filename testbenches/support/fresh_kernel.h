// SPDX-License-Identifier: Apache-2.0
/// A second SystemC kernel within one process, for tests and benchmarks that compare runs.
#pragma once
#include <systemc>

namespace quiesce::testbench {

/// Replaces the current kernel by a new one. Everything that was made in the old one must be gone.
inline void fresh_kernel() {
    delete sc_core::sc_curr_simcontext; // its destructor still asks for the current kernel
    sc_core::sc_curr_simcontext = sc_core::sc_default_global_context = nullptr;
    sc_core::sc_curr_simcontext = sc_core::sc_default_global_context = new sc_core::sc_simcontext;
}

} // namespace quiesce::testbench
