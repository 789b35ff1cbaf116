// SPDX-License-Identifier: Apache-2.0
/// The kernel's log, and the console that lines of it go to (linux: kernel/printk/printk.c).
#pragma once
#include "os/kthread.h"
#include "sim/lock.h"

namespace quiesce::os {

struct ConsoleConfig {
    using P = base::Provenance;
    base::Param<unsigned> baud{0,
                               "a serial console: whoever prints a line writes it there, character by character, before going on; "
                               "0: lines go to the log alone",
                               base::at_most(4'000'000u), P::Guess,
                               "none, as on a machine with a quiet console; 115200 is usual where there is one"};
    base::Param<unsigned> line{80, "characters of a line, with its time stamp and the device's name", base::between(1u, 1024u), P::Derived,
                               "the lines of arm_smmu_evtq_thread and dmar_fault_do_one have 50 to 130"};
};
DESCRIBE(ConsoleConfig, baud, line)
static_assert(base::fully_described<ConsoleConfig>);

/// One line after the other. MODEL: who finds the console busy spins until it is his turn and then writes his own lines;
/// Linux has him write the other one's next lines, too.
class Console {
public:
    explicit Console(const ConsoleConfig& config) : config_(config) {}
    Console(const Console&) = delete;

    /// printk: `formatting` is what it takes to put all of the lines into the log.
    sim::Task<void> print(KernelContext& ctx, sim::Duration formatting, unsigned lines);
    /// How long a line keeps whoever writes it, and its interrupts off: a start bit, eight bits and a stop bit each.
    sim::Duration line_time() const;

private:
    ConsoleConfig config_;
    sim::Mutex busy_;
};

} // namespace quiesce::os
