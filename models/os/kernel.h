// SPDX-License-Identifier: Apache-2.0
/// The operating system as a whole: what a scenario's sentences call.
#pragma once
#include "os/bugs.h"
#include "os/console.h"
#include "os/interrupts.h"
#include "os/iopf.h"
#include "os/mm/lazy_tlb.h"
#include "os/mm/oom.h"

#include <map>
#include <set>

namespace quiesce::os {

struct KernelConfig {
    using P = base::Provenance;
    base::Param<Policy> policy{Policy::QuietUnbind, "what an mm's release does to its bonds, and when PASIDs go back", P::Kernel,
                               "linux: iommu: Remove iommu_sva_ops::mm_exit(), edcc40d2ab5f, v5.8"};
    base::Param<KernelVersion> kernel{KernelVersion::V6_12, "the drivers' generation: their step lists", P::Kernel, "Debian's current kernel"};
    base::Param<Suppression> suppression{Suppression::Hardware, "who keeps a dying bond's faults quiet", P::Kernel,
                                         "linux: arm-smmu-v3-sva.c, arm_smmu_mm_release: the quiet CD"};
    base::Param<std::vector<std::string>> bugs{
        {},
        "deliberate mistakes: see `quiesce list bugs`",
        any_bug(),
        P::Guess,
        "none"};
    base::Param<bool> acs{true, "switch on Access Control Services in the ports of switches at boot, where there is an IOMMU", P::Kernel,
                          "linux: pci_enable_acs, after the IOMMU driver's pci_request_acs"};
    base::Param<bool> randomize_va_space{true, "heaps and stacks begin at random addresses; false: every process has them at the same",
                                         P::Kernel, "linux: randomize_va_space is 2"};
    base::Param<unsigned> guests{1,
                                 "guests of a hypervisor at a time; above 1 RAM is divided, and a process says whose it is (needs os.smmuv3_driver.nested, "
                                 "os.vtd_driver.nested)",
                                 base::between(1u, 16u), P::Guess, "one kernel has the machine"};
    PasidConfig pasid;
    CpuConfig cpu;
    ConsoleConfig console;
    MmConfig mm;
    ProcessConfig process;
    IopfConfig iopf;
    EnqcmdConfig enqcmd;
    OomConfig oom;
};
DESCRIBE(KernelConfig, policy, kernel, suppression, bugs, acs, randomize_va_space, guests, pasid, cpu, console, mm, process, iopf, enqcmd, oom)
static_assert(base::fully_described<KernelConfig>);

class Kernel {
public:
    /// Throws std::invalid_argument for a policy that this kernel cannot have.
    Kernel(base::EventBus& events, const KernelConfig& config, memory::Ownership& ledger, memory::MemoryPort& memory,
           memory::MmioBus& mmio, Spa ram, u64 ram_bytes, u64 seed, const Architecture& architecture = arm64,
           IommuArch iommu = IommuArch::Smmuv3);
    Kernel(const Kernel&) = delete;

    Scheduler& scheduler() { return scheduler_; }
    InterruptController& interrupts() { return interrupts_; }
    FrameAllocator& frames() { return frames_; }
    Guests& guests() { return guests_; }
    base::EventBus& events() { return events_; }
    const KernelConfig& config() const { return config_; }
    Sva& sva() { return sva_; }
    IopfQueue& page_faults() { return page_faults_; }
    Console& console() { return console_; }
    bool has_bug(Bug b) const { return bugs_.has(b); }
    /// os.suppression driver-filter: a driver's handler drops what the unit recorded of this PASID, whose mm is dead.
    bool filters_faults(StreamId stream, Pasid pasid) const;
    const Era& era() const { return era_; }
    const Architecture& architecture() const { return architecture_; }

    void set_iommu(drivers::IommuDriver* d) {
        iommu_ = d;
        sva_.set_iommu(d);
        page_faults_.set_iommu(d);
    }
    void add_device(std::string name, drivers::DeviceDriver& d) { devices_[std::move(name)] = &d; }
    /// pci_device_is_present: a PCI function of that stream answers.
    sim::Task<bool> function_present(KernelContext& ctx, StreamId stream);
    /// A port of a switch, found before the devices. MODEL: its path to a device is not checked when PASIDs are enabled
    /// (pci_acs_path_enabled).
    void add_port(std::string name, drivers::PciFunction& p) { ports_.emplace_back(std::move(name), &p); }
    /// Initialises the IOMMU and every device: the end of booting. boot_error() says what the drivers did not take.
    sim::Task<void> boot();
    const std::string& boot_error() const { return boot_error_; }

    // ---- what scenarios say; each ends when the system call, or the death, is over. What is a coroutine takes names by
    // value: it begins when it is awaited or spawned, and whoever called may be gone by then ----
    /// Has RAM of its own from now on, unless it runs already. Throws std::runtime_error where no part of RAM is free for another.
    void begin_guest(GuestId guest) { guests_.begin(guest); }
    /// All three below are for guests that run.
    void spawn(const std::string& name, const NewMapping& heap, unsigned threads = 1, GuestId guest = first_guest);
    /// Where memory is short: pages that are to be present are had as a thread has them that touches them. False: there was not
    /// even one for the process, or it was killed before it had them all.
    sim::Task<bool> spawn_by_faults(std::string name, NewMapping heap, unsigned threads, int oom_score_adj, GuestId guest = first_guest);
    /// Processes of a guest can have so many frames together before whoever wants another waits.
    u64 frames_for_processes(GuestId guest = first_guest) const {
        const FrameAllocator& its = guests_.memory_of(guest);
        return its.limit() - std::min(its.limit(), its.needed(nullptr));
    }
    bool has_frames(const NewMapping& heap, GuestId guest = first_guest) const { return guests_.memory_of(guest).left() >= heap.frames(); }
    /// No process: a driver in the kernel, which binds the kernel's own address space (SVM_FLAG_SUPERVISOR_MODE). MODEL: pages of its
    /// own stand where a process's heap would, and calls are a process's; nothing kills it, and so nobody asks what such a run left behind.
    void spawn_supervisor(const std::string& name, u64 pages);
    /// /proc/<pid>/oom_score_adj.
    void set_oom_score_adj(const std::string& name, int adj) { process(name).oom_score_adj = adj; }
    /// A child that shares the parent's open files and nothing else.
    sim::Task<bool> fork(const std::string& parent, const std::string& child);
    // ---- guests.cpp: what the hypervisor's administrator asks for; what comes back is an error, or nothing
    /// The device's function is the guest's from now on. EBUSY: somebody is bound to it; ESRCH: no such guest runs.
    sim::Task<base::Name> assign(std::string device, GuestId guest);
    /// When nothing of the guest is left: its functions are nobody's, its second stage and its memory are anybody's. EBUSY: processes
    /// of it live.
    sim::Task<base::Name> destroy_guest(GuestId guest);
    // ---- process_life.cpp
    /// One that shares the address space, too (CLONE_VM without CLONE_THREAD).
    void clone(const std::string& parent, const std::string& child);
    /// execve: a new address space with a heap of so many pages; open files stay, unless they are closed on exec.
    sim::Task<bool> exec(std::string process, u64 heap_pages, bool close_files);
    /// A mapping of the device's file, which holds the file as a descriptor does.
    sim::Task<bool> mmap_file(const std::string& process, const std::string& device);
    /// System calls. False if the kernel refused or there was nothing to do it to: the process is dying, not bound, not open,
    /// no PASID or queue is left.
    sim::Task<bool> open(const std::string& process, const std::string& device);
    sim::Task<bool> bind(const std::string& process, const std::string& device);
    sim::Task<bool> submit(const std::string& process, const std::string& device, const drivers::Work& work);
    /// A thread gives the device one descriptor from user space and, once it is accepted, polls for its completion
    /// record for at most `patience` (0: os.enqcmd.patience). What the kernel cannot help kills the process.
    struct Enqcmd {
        UserSubmission how = UserSubmission::Dying;
        u8 status = 0;               ///< the record's first byte; 0: it did not come
    };
    sim::Task<Enqcmd> enqcmd(const std::string& process, unsigned thread, const std::string& device,
                             const drivers::Work& work, sim::Duration patience = {});
    sim::Task<bool> stop(const std::string& process, const std::string& device);
    sim::Task<bool> unbind(const std::string& process, const std::string& device);
    sim::Task<bool> close(const std::string& process, const std::string& device);
    sim::Task<bool> munmap(const std::string& process, u64 first_page, u64 pages);
    // ---- pinned_dma.cpp
    /// A driver without SVA pins pages of the heap for its device, and knows the process by a PASID of a set that it has
    /// allocated (allocate_pasids). False: the driver works with shared address spaces only, or the device has some already.
    sim::Task<bool> pin(const std::string& process, const std::string& device, u64 first_page, u64 pages, const std::string& set);
    // ---- user_memory.cpp
    /// A thread writes to each of these pages of the heap, and has those made that are not there. False: it was killed meanwhile.
    sim::Task<bool> touch(std::string process, u64 first_page, u64 pages);
    sim::Task<bool> mprotect(const std::string& process, u64 first_page, u64 pages, bool writable);
    /// What became of the pages is in `moved`.
    sim::Task<bool> migrate(const std::string& process, u64 first_page, u64 pages, AddressSpace::Moved& moved);
    sim::Task<bool> page_out(const std::string& process, u64 first_page, u64 pages, AddressSpace::Moved& moved);
    /// Every 2 MiB of the heap that can be; `made` counts them.
    sim::Task<bool> collapse(const std::string& process, u64& made);
    /// io_uring's registered buffers: pages are pinned until the process unregisters them, or closes its files.
    sim::Task<bool> register_buffers(const std::string& process, u64 first_page, u64 pages);
    sim::Task<bool> unregister_buffers(const std::string& process);
    /// A thread is in the kernel for so long, asleep, and no signal reaches it.
    sim::Task<void> sleep_in_kernel(std::string process, unsigned thread, sim::Duration d);
    /// A GPU works with these pages of the heap; whoever takes them away waits for it.
    sim::Task<bool> register_user_pointers(const std::string& process, u64 first_page, u64 pages, sim::Duration takes);
    /// process_mrelease, which another process calls.
    sim::Task<OomKiller::Release> mrelease(std::string process);
    /// Somebody else begins to use the process's PASID, or its memory, and ends it at a time of their own. False: there is
    /// nothing to hold, or it is not held.
    sim::Task<bool> hold(std::string process, Holder by);
    sim::Task<bool> drop(std::string process, Holder by);
    /// PASIDs without a process, for a driver that only needs numbers: how many it got of `count`. They take no time.
    unsigned allocate_pasids(base::Name set, unsigned count);
    struct FreedPasids {
        std::size_t count = 0;
        std::vector<std::string> held; ///< "PASID 3 by app0 on acc0": it goes back when the driver is through with it
    };
    FreedPasids free_pasids(const std::string& set);
    /// The administrator's, through sysfs. False if the driver cannot, or the device is gone.
    sim::Task<bool> reset(std::string device);
    sim::Task<bool> allow_dma(std::string device, bool allowed);
    /// The device was disconnected.
    bool gone(const std::string& device) const;
    sim::Task<void> kill(std::string process);
    sim::Task<void> exit(std::string process);

    const Vma* heap(const std::string& process) const;
    /// No process is dying, no bond is draining. Otherwise unrest() says what is not at rest.
    bool at_rest() const;
    std::string unrest() const;
    /// There were processes, and none is left.
    bool all_dead() const;
    /// What they had and the kernel still keeps for them; none may be left.
    void left_behind(base::Leftovers& out) const;

private:
    Pasid take_tag(const std::string& set);
    static bool in_bus_addresses(const Bond& b, drivers::Work& work);
    Process& process(const std::string& name) { return *processes_.at(name); }
    static std::shared_ptr<File> file_of(const Process& p, const std::string& device);
    sim::Task<bool> system_call(Process& p, std::function<sim::Task<bool>(KernelContext&)> body);
    void trigger(Process& p, base::Name what, bool all_files, const std::string& device, u64 span);
    bool lives_on(const Process& p) const;
    sim::Task<void> die(Process& p, base::Name trigger, sim::Duration delay);
    void begin_dying(Process& p, base::Name trigger, sim::Duration delay, u64 span);
    void kill_for_memory(Process& p, u64 span);
    std::vector<Process*> by_birth() const;
    sim::Task<void> reap_zombie(Process& p);
    AddressSpace& empty_mm(const std::string& name, const Architecture& written_as, GuestId guest);
    AddressSpace& new_mm(const std::string& name, const NewMapping& heap, GuestId guest) { return new_mm(name, heap, architecture_, guest); }
    AddressSpace& new_mm(const std::string& name, const NewMapping& heap, const Architecture& written_as, GuestId guest,
                         u64 stack_present = stack_pages);
    sim::Task<void> touch_pages(KernelContext& ctx, Process& p, Va first, u64 pages);
    sim::Task<void> populate(KernelContext& ctx, Process& p, u64 heap_pages);
    bool guest_is_over(GuestId guest) const;
    bool guest_lives(GuestId guest) const;
    sim::Task<FaultResult> page_fault(KernelContext& ctx, Process& p, Va at, bool write);
    sim::Task<std::optional<Spa>> user_page(KernelContext& ctx, Process& p, Va at, bool write);
    sim::Task<bool> with_heap(const std::string& name, std::function<sim::Task<bool>(KernelContext&, AddressSpace&, const Vma&)> body);
    Process& new_process(const std::string& name, AddressSpace& mm, unsigned threads);
    static void share_files(const Process& parent, Process& child);
    sim::Task<void> exec_mmap(KernelContext& ctx, Process& p, u64 heap_pages, bool close_files);
    sim::Task<void> task_work(KernelContext& ctx, Process& p);
    sim::Task<void> delayed_fput(std::shared_ptr<File> file);
    static void put_task(Process& p);
    sim::Task<void> do_exit(Process& p, unsigned thread, sim::Duration delay);
    sim::Task<void> exit_files(KernelContext& ctx, Process& p);
    sim::Task<void> fput(KernelContext& ctx, std::shared_ptr<File> file);
    sim::Task<void> release_file(KernelContext& ctx, File& file);
    sim::Task<void> stop_device(KernelContext& ctx, Bond& bond);
    // ---- user_submission.cpp
    sim::Task<bool> map_portal(KernelContext& ctx, Process& p, const Bond& bond);
    sim::Task<void> unmap_portal(KernelContext& ctx, Process& p, const drivers::DeviceDriver& d);
    static const drivers::Portal* portal_of(const Process& p, const drivers::DeviceDriver& d);
    bool load_pasid(const KernelContext& ctx, Process& p, PasidRegister& reg);
    sim::Task<UserSubmission> put_line(KernelContext& ctx, Process& p, unsigned thread, drivers::DeviceDriver& d,
                                       memory::Line line);
    sim::Task<UserSubmission> submit_line(KernelContext& ctx, Process& p, unsigned thread, drivers::DeviceDriver& d,
                                          memory::Line line);
    sim::Task<u8> poll(KernelContext& ctx, Process& p, Va record, sim::Time until, const Submitter* submitter);
    sim::Task<Enqcmd> one(KernelContext& ctx, Process& p, unsigned thread, drivers::DeviceDriver& d, drivers::Work work,
                          sim::Duration patience);
    bool begin_submitting(Process& p, drivers::DeviceDriver& d, const drivers::Work& work);
    sim::Task<void> keep_submitting(Process& p, std::shared_ptr<Submitter> s, drivers::Work work);
    sim::Task<void> end_submitting(KernelContext& ctx, Process& p, const drivers::DeviceDriver& d);
    static std::optional<Va> record_at(const Process& p, u64 slot);
    void fatal_signal(Process& p, base::Name signal, base::Name cause);
    static void let_go(Bond& b);
    // ---- holders.cpp
    struct HeldBy {
        base::Name process;
        AddressSpace* mm;
        Holder by;
        std::vector<Pasid> pasids;
    };
    bool pasid_is_held(const AddressSpace& mm) const;
    bool held_by(const AddressSpace& mm, Holder by) const;
    void add_holder(HeldBy h);
    sim::Task<void> give_up_devices(KernelContext& ctx, AddressSpace& mm);
    sim::Task<void> end_guest(KernelContext& ctx, Process& p, AddressSpace& mm);
    sim::Task<void> end_parked(KernelContext& ctx, AddressSpace& mm);
    sim::Task<void> end_bond(KernelContext& ctx, Bond& b);
    sim::Task<void> unbind_in_worker(Bond& b, u64 begun_by);
    sim::Task<void> give_pasid_to_host(Pasid pasid);
    sim::Task<void> release_in_worker(std::shared_ptr<File> file, u64 begun_by);
    sim::Task<void> flush_releases(KernelContext& ctx, base::Name device);
    Va random_heap_address();
    sim::Task<void> attach(KernelContext& ctx, const std::string& name, drivers::DeviceDriver& device);
    void boot_failed(std::string why);

    base::EventBus& events_;
    KernelConfig config_;
    const Bugs bugs_;
    const Era era_;
    const Architecture& architecture_;
    const Architecture own_architecture_ = of_the_kernel(architecture_);
    sim::Random random_;
    Scheduler scheduler_;
    LazyTlb lazy_tlb_;
    InterruptController interrupts_;
    Console console_;
    FrameAllocator frames_;
    Guests guests_;
    sim::Signal mm_dropped_;
    PasidAllocator pasids_;
    Sva sva_;
    IopfQueue page_faults_;
    OomKiller oom_;
    drivers::IommuDriver* iommu_ = nullptr;
    std::string boot_error_;
    std::vector<std::pair<std::string, drivers::PciFunction*>> ports_;
    unsigned releasing_ = 0; ///< workers that release a file
    std::set<u64> releases_; ///< those of drivers whose workers do it (kfd_process_wq), numbered as they were queued
    u64 last_release_ = 0, last_release_span_ = 0;
    sim::Signal release_over_;
    unsigned dying_ = 0;     ///< processes that are no zombies yet
    std::vector<const AddressSpace*> left_; ///< those of zombies that are not dropped yet
    std::vector<HeldBy> holders_;
    std::map<std::string, std::vector<Pasid>> pasid_sets_;
    std::map<std::string, std::size_t> tags_taken_; ///< by set
    std::map<std::string, drivers::DeviceDriver*> devices_;
    std::map<std::string, std::unique_ptr<Process>> processes_;
    std::vector<std::unique_ptr<AddressSpace>> spaces_;
};

} // namespace quiesce::os
