// SPDX-License-Identifier: Apache-2.0
/// Processes, threads and files: who holds what, and the order in which a death lets go (facts/linux-sva.md 1.2).
#pragma once
#include "os/sva.h"

#include <memory>
#include <string>

namespace quiesce::os {

struct ProcessConfig {
    using P = base::Provenance;
    base::Param<base::Latency> signal{3_us, "SIGKILL until a thread of the process handles it", P::Guess, "an IPI and a return to user space"};
    base::Param<base::Latency> exit_signals{2_us, "do_exit up to exit_mm, per thread", P::Guess,
                                            "no measurement to cite"};
    base::Param<base::Latency> close_file{1_us, "close_files and fput of one descriptor", P::Guess,
                                          "no measurement to cite"};
    base::Param<base::Latency> system_call{300_ns, "entry and exit of a system call", P::Guess,
                                           "no measurement to cite"};
};
DESCRIBE(ProcessConfig, signal, exit_signals, close_file, system_call)
static_assert(base::fully_described<ProcessConfig>);

/// An open device file; descriptors of several processes may share it. Its release runs when the last descriptor goes.
struct File {
    drivers::DeviceDriver& device;
    unsigned references = 1;
    std::vector<Bond*> bonds;
    bool released = false;
};

struct Process {
    std::string name;
    AddressSpace* mm = nullptr;
    unsigned threads = 1;
    sim::RwLock calls;               ///< read: a system call is under way in the first thread, which cannot die meanwhile
    base::Name death;                ///< kill, exit; empty while it lives
    std::vector<std::shared_ptr<File>> files;
    bool dying() const { return !death.text().empty(); }
    unsigned alive = 1;              ///< threads that have not passed exit_mm
    unsigned leaving = 1;            ///< threads that have not passed exit_files
    sim::Latch zombie;
};

} // namespace quiesce::os
