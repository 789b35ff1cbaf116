// SPDX-License-Identifier: Apache-2.0
/// Processes, threads and files: who holds what, and the order in which a death lets go (facts/linux-sva.md 1.2).
#pragma once
#include "os/sva.h"

#include <map>
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
    base::Param<base::Latency> fault_entry{500_ns, "a page fault of a CPU, entry and exit", P::Guess, "as a system call, and finding the mapping"};
    base::Param<base::Latency> touch{20_ns, "a thread writes to a page that is there", P::Guess, "a store that misses the CPU's caches"};
    base::Param<base::Latency> fork{60_us, "fork, but for the page tables", P::Guess, "copy_process of a small program: 50 to 100 us with its tables"};
    base::Param<base::Latency> exec{200_us, "execve, but for letting go of the old address space", P::Guess, "a small program's pages are read and mapped"};
    base::Param<base::Latency> delayed_fput{4_ms, "fput of a kernel thread until a worker does it", P::Kernel, "linux: fs/file_table.c, delayed_fput_work, 1 jiffy; Debian has HZ=250"};
    base::Param<base::Latency> reaped_after{50_us, "from a victim's zombie until its parent has waited for it", P::Guess, "the parent wakes up and calls wait4"};
};
DESCRIBE(ProcessConfig, signal, exit_signals, close_file, system_call, fault_entry, touch, fork, exec, delayed_fput, reaped_after)
static_assert(base::fully_described<ProcessConfig>);

/// What submitting from user space costs (models/os/user_submission.cpp).
struct EnqcmdConfig {
    using P = base::Provenance;
    base::Param<base::Latency> describe{60_ns, "CPU time to write a descriptor", P::Guess, "one cache line"};
    base::Param<base::Latency> general_protection{1_us,
                                                  "a #GP for an invalid PASID register, its handler, and the return",
                                                  P::Guess, "of the order of a page fault without its work"};
    base::Param<unsigned> retries{32, "how often a thread tries again when the device answers Retry",
                                  base::at_most(1'000'000u), P::Kernel,
                                  "linux: drivers/dma/idxd/idxd.h, IDXD_ENQCMDS_RETRIES"};
    base::Param<base::Latency> retry_pause{500_ns, "pause before it tries again", P::Guess, "a few PAUSE instructions"};
    base::Param<base::Latency> poll{200_ns, "from one look at a completion record to the next", base::at_least(1_ns),
                                    P::Guess, "UMWAIT with a short time-out"};
    base::Param<base::Latency> spin{5_us, "how long it looks without giving up its CPU", P::Guess, "a few descriptors"};
    base::Param<base::Latency> nap{10_us, "from then on it sleeps so long between two looks", base::at_least(100_ns),
                                   P::Guess, "clock_nanosleep of a polling library"};
    base::Param<base::Latency> patience{200_us, "how long a thread waits for a completion record", P::Guess,
                                        "longer than any descriptor that is not held up"};
    base::Param<unsigned> outstanding{16, "descriptors of a stream under way at most", base::between(1u, 256u),
                                      P::Guess, "queue depths of 16 to 32 saturate a device"};
};
DESCRIBE(EnqcmdConfig, describe, general_protection, retries, retry_pause, poll, spin, nap, patience, outstanding)
static_assert(base::fully_described<EnqcmdConfig>);

/// An open device file; descriptors of several processes may share it. Its release runs when the last descriptor goes.
struct File {
    drivers::DeviceDriver& device;
    unsigned references = 1;
    std::vector<Bond*> bonds;
    bool released = false;
};

/// IA32_PASID, a thread's own (supervisor state that XSAVE keeps); on Arm ACCDATA_EL1, which ST64BV0 puts into the
/// first word.
struct PasidRegister {
    static constexpr u32 valid_bit = 1u << 31;
    u32 value = 0;
    bool activated = false;          ///< task_struct::pasid_activated: the kernel has loaded it once
    bool valid() const { return (value & valid_bit) != 0; }
    Pasid pasid() const { return Pasid{value & ~valid_bit}; }
};

/// A portal in a process's address space. MODEL: it has no address there, and holds no reference to the file: what the
/// process does to the file (close, exit) takes it away first.
struct PortalMapping {
    drivers::DeviceDriver* device = nullptr;
    drivers::Portal portal;
};

/// A thread that goes on giving a device work, until it is told to end or its process dies.
struct Submitter {
    explicit Submitter(drivers::DeviceDriver& d) : device(d) {}
    drivers::DeviceDriver& device;
    bool end = false;
    sim::Signal changed; ///< it is to end, or its process dies
    sim::Latch over;
};

/// A GPU's user pointers: whoever invalidates those pages waits until the GPU has finished with them.
struct UserPointers final : RangeNotifier {
    sim::Task<bool> invalidate(KernelContext& ctx, bool may_block) override;
    sim::Duration takes{};
};

struct Process {
    std::string name;
    u64 number = 0;                  ///< in the order of birth
    AddressSpace* mm = nullptr;
    CurrentTask task;
    unsigned threads = 1;
    std::vector<PasidRegister> pasid_registers; ///< by thread; fork and exec begin with invalid ones
    std::vector<PortalMapping> portals;
    std::vector<PinnedPage> registered; ///< pages that it has had pinned itself
    std::vector<std::shared_ptr<Submitter>> submitters;
    sim::RwLock calls;               ///< read: a system call is under way in the first thread, which cannot die meanwhile
    std::map<unsigned, sim::RwLock> asleep; ///< by thread; read: it sleeps uninterruptibly (D state), and no signal ends that
    std::vector<std::unique_ptr<UserPointers>> user_pointers;
    base::Name death;                ///< kill, exit; empty while it lives
    std::vector<std::shared_ptr<File>> files;
    std::vector<std::shared_ptr<File>> mapped;    ///< that its mappings hold
    std::vector<std::shared_ptr<File>> task_work; ///< ____fput, when the task leaves the kernel or exits
    bool dying() const { return !death.text().empty(); }
    unsigned alive = 1;              ///< threads that have not passed exit_mm
    unsigned leaving = 1;            ///< threads that have not passed exit_files
    sim::Latch zombie;
    bool reaped = false;             ///< its parent has waited for it
    // ---- the OOM killer's (os/mm/oom.h)
    int oom_score_adj = 0;
    AddressSpace* oom_mm = nullptr;  ///< signal_struct::oom_mm: it was chosen; holds mm_count
    unsigned task_references = 1;    ///< until it is reaped by its parent, and as long as the OOM reaper has it
};

} // namespace quiesce::os
