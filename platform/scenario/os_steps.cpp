// SPDX-License-Identifier: Apache-2.0
/// What the operating system can be told: a row for each sentence, with its arguments, its help, what is known of it beforehand, and
/// what it does.
#include "platform/scenario/said.h"

namespace quiesce::platform {
namespace {
using Kind = ArgumentSpec::Kind;
using Life = Situation::Life;

const ArgumentSpec as_process{"as", Kind::Process, true, "the process that does it"};
const ArgumentSpec to_device{"to", Kind::Device, true, "the device"};

constexpr u64 most_guests = 1'000;
constexpr u64 most_waiting = 1'000'000'000 * one_ns * 1'000; ///< 1000 s

os::MemoryKind kind_of(const std::string& word) {
    for (const auto& [value, name] : enum_names(os::MemoryKind{}))
        if (name == word) return value;
    return os::MemoryKind::Private;
}

/// So many frames there never are, whoever is killed.
void check_frames(os::Kernel& kernel, const Step& s, const std::string& process, const os::NewMapping& heap,
                  os::GuestId guest = os::first_guest) {
    const u64 most = kernel.frames_for_processes(guest), kept = kernel.frames().limit() - most;
    if (heap.frames() <= most) return;
    const u64 would_do = (heap.frames() + kept) * page_size / 1024, missing = (heap.frames() - most) * page_size / 1024;
    const std::string help = kernel.config().guests.get() > 1 ? "its guest has its part of platform.memory.ram alone (os.guests)"
                             : kernel.config().oom.ram.get().bytes() != 0 ? fmt::format("os.oom.ram of {} KiB would do", would_do)
                                                                          : fmt::format("{} KiB more of platform.memory.ram would do", missing);
    throw cannot_be(s, fmt::format("the simulated machine is out of memory: {} begins with {} pages, its stack and its tables among them, and there are {}; {}",
                                   process, heap.frames(), most, help));
}

sim::Task<void> spawn_process(Stage& g, const Step& s) {
    if (s.text("supervisor") == "true") {
        g.system.kernel().spawn_supervisor(s.text("spawn"), s.integer("pages", default_heap_pages));
        co_return;
    }
    const os::NewMapping heap{.pages = s.integer("pages", default_heap_pages),
                              .present = s.integer("present", most_heap_pages),
                              .kind = kind_of(s.text("memory")),
                              .huge = s.text("memory") == "huge" || s.text("memory") == "hugetlb"};
    const auto threads = static_cast<unsigned>(s.integer("threads", 1));
    const int adj = s.has("oom-protect") ? -static_cast<int>(s.integer("oom-protect")) : static_cast<int>(s.integer("oom-prefer", 0));
    os::Kernel& kernel = g.system.kernel();
    const os::GuestId guest{static_cast<u32>(s.integer("guest", 1))};
    kernel.begin_guest(guest);
    check_frames(kernel, s, s.text("spawn"), heap, guest);
    if (kernel.has_frames(heap, guest)) {
        kernel.spawn(s.text("spawn"), heap, threads, guest);
        kernel.set_oom_score_adj(s.text("spawn"), adj);
        co_return;
    }
    const bool born = co_await kernel.spawn_by_faults(s.text("spawn"), heap, threads, adj, guest);
    if (born) co_return;
    if (kernel.heap(s.text("spawn")) == nullptr) throw cannot_be(s, fmt::format("no memory is left for {} (os.oom.ram), and nobody to be killed for it", s.text("spawn")));
    g.note(s, fmt::format("{} was killed before it had all its pages", s.text("spawn")));
}

sim::Task<void> fork_process(Stage& g, const Step& s) {
    if (g.now.life(s.text("fork")) == Life::Dying) throw cannot_be(s, fmt::format("{} is dying and cannot fork", s.text("fork")));
    if (s.text("memory") == "shared") g.system.kernel().clone(s.text("fork"), s.text("child"));
    else {
        const bool born = co_await g.system.kernel().fork(s.text("fork"), s.text("child"));
        if (!born) throw cannot_be(s, fmt::format("{} cannot be born: {} is dying, or there is no memory for its tables (ENOMEM)", s.text("child"), s.text("fork")));
    }
}

sim::Task<void> exec(Stage& g, const Step& s) {
    const u64 pages = s.integer("pages", default_heap_pages);
    check_frames(g.system.kernel(), s, s.text("exec"), {.pages = pages});
    const bool done = co_await g.system.kernel().exec(s.text("exec"), pages, s.text("close-files") == "true");
    if (done) co_return;
    g.note(s, g.now.life(s.text("exec")) == Life::Running ? "no memory for a new address space (ENOMEM)" : fmt::format("nothing to do: {} is dying", s.text("exec")));
}

sim::Task<void> mmap_file(Stage& g, const Step& s) {
    const bool mapped = co_await g.system.kernel().mmap_file(s.text("as"), s.text("mmap"));
    if (!mapped) note_lost(g, s, fmt::format("has not opened {} any more", s.text("mmap")));
}

sim::Task<void> open_file(Stage& g, const Step& s) {
    const bool opened = co_await g.system.kernel().open(s.text("as"), s.text("open"));
    if (!opened) note_lost(g, s, "cannot open it");
}

sim::Task<void> bind(Stage& g, const Step& s) {
    const std::string& p = s.text("bind");
    const bool bound = co_await g.system.kernel().bind(p, s.text("to"));
    if (bound) co_return;
    if (s.text("may-fail") == "true") co_return g.note(s, fmt::format("refused (binds.by_error of run.json): {} is not bound", p));
    if (g.now.life(p) == Life::Running) {
        const auto& pasid = g.system.kernel().config().pasid;
        if (g.system.kernel().gone(s.text("to"))) co_return note_gone(g, s, s.text("to"));
        const std::string lost = g.system.faulty(s.text("to"))
                                     ? fmt::format("; or an answer of {}'s registers was lost on a link with faults (faults.from: when they begin)", s.text("to"))
                                     : std::string{};
        throw cannot_be(s, fmt::format("no PASID or ASID is free for {0}: os.pasid.min is {1}, os.pasid.max {2}, os.pasid.grace {3}; "
                                       "or {4} takes no such PASID (devices.{4}.pasid_bits), or no further process, or has halted; or there is no memory for its context (os.oom.ram); "
                                       "binds.by_error of run.json has the kernel's error{5}",
                                       p, pasid.min.text(), pasid.max.text(), pasid.grace.text(), s.text("to"), lost));
    }
    g.note(s, fmt::format("refused: {} is dying", p));
}

sim::Task<void> pin(Stage& g, const Step& s) {
    const std::string p = s.text("pin"), d = s.has("for") ? s.text("for") : std::string{};
    const os::Vma* const heap = g.system.kernel().heap(p);
    if (heap == nullptr) co_return note_lost(g, s, "has no heap any more");
    const auto [first, count] = s.pages("pages", {0, heap->pages});
    if (!s.has("for")) {
        const bool all = co_await g.system.kernel().register_buffers(p, first, count);
        if (!all) note_lost(g, s, "cannot have all of them pinned: they are not mapped, may only be read, or there is no memory");
        co_return;
    }
    const std::string tag = s.has("tag") ? s.text("tag") : std::string{};
    const bool pinned = co_await g.system.kernel().pin(p, d, first, count, tag);
    if (pinned) co_return;
    if (g.now.life(p) != Life::Running) co_return g.note(s, fmt::format("refused: {} is dying", p));
    throw cannot_be(s, fmt::format("{0} has pages of {1} already (EINVAL); or not all of the pages are mapped and may be written, or there is no memory for "
                                   "them (EFAULT)", d, p));
}

sim::Task<void> unbind(Stage& g, const Step& s) {
    const bool unbound = co_await g.system.kernel().unbind(s.text("unbind"), s.text("from"));
    if (!unbound) note_lost(g, s, not_bound(s));
}

sim::Task<void> close_file(Stage& g, const Step& s) {
    const bool closed = co_await g.system.kernel().close(s.text("as"), s.text("close"));
    if (!closed) note_lost(g, s, fmt::format("has not opened {} any more", s.text("close")));
}

sim::Task<void> kill(Stage& g, const Step& s) { return g.system.kernel().kill(s.text("kill")); }
sim::Task<void> exit_process(Stage& g, const Step& s) { return g.system.kernel().exit(s.text("exit")); }

sim::Task<void> unmap(Stage& g, const Step& s) {
    const auto [first, count] = s.pages("pages", {0, 1});
    const bool unmapped = co_await g.system.kernel().munmap(s.text("unmap"), first, count);
    if (!unmapped) note_lost(g, s, "has no heap any more");
}

/// Who dies of it meanwhile dies of the scenario.
sim::Task<void> touch(Stage& g, const Step& s) {
    const auto [first, count] = s.pages("pages", {0, 1});
    const bool touched = co_await g.system.kernel().touch(s.text("touch"), first, count);
    const std::string& p = s.text("touch");
    if (!touched) g.note(s, fmt::format("{} was killed before it was through{}", p, g.now.killed_for(p).empty() ? "" : fmt::format(": for {}", g.now.killed_for(p))));
}

sim::Task<void> sleep_in_kernel(Stage& g, const Step& s) {
    return g.system.kernel().sleep_in_kernel(s.text("block"), static_cast<unsigned>(s.integer("thread")), s.duration("time"));
}

sim::Task<void> user_pointers(Stage& g, const Step& s) {
    const auto [first, count] = s.pages("pages", {0, 1});
    const bool done = co_await g.system.kernel().register_user_pointers(s.text("user-pointers"), first, count, s.duration("takes"));
    if (!done) note_lost(g, s, "has no heap any more");
}

sim::Task<void> protect(Stage& g, const Step& s) {
    const auto [first, count] = s.pages("pages", {0, 1});
    const bool done = co_await g.system.kernel().mprotect(s.text("protect"), first, count, s.text("to") == "read-write");
    if (!done) note_lost(g, s, "has no heap any more");
}

/// What did not move, and why, is said: a claim about pages that stayed where they were would be about nothing.
void note_unmoved(Stage& g, const Step& s, const os::AddressSpace::Moved& moved, u64 asked, std::string_view what) {
    if (moved.done == asked) return;
    std::string why;
    const auto of = [&why](u64 count, std::string_view text) {
        if (count != 0) why += fmt::format("{} {} {}", why.empty() ? ";" : ",", count, text);
    };
    of(moved.absent, "are not there");
    of(moved.pinned, "are pinned");
    of(moved.shared, "are another process's, too");
    of(moved.no_swap, "found swap full (os.oom.swap: its size)");
    of(moved.failed, "found no memory, or were gone when it was their turn");
    g.note(s, fmt::format("{} of {} pages {}{}", moved.done, asked, what, why));
}

sim::Task<void> migrate(Stage& g, const Step& s) {
    const auto [first, count] = s.pages("pages", {0, 1});
    os::AddressSpace::Moved moved;
    const bool done = co_await g.system.kernel().migrate(s.text("migrate"), first, count, moved);
    if (!done) note_lost(g, s, "has no heap any more");
    else note_unmoved(g, s, moved, count, "have moved");
}

sim::Task<void> page_out(Stage& g, const Step& s) {
    const auto [first, count] = s.pages("pages", {0, 1});
    os::AddressSpace::Moved moved;
    const bool done = co_await g.system.kernel().page_out(s.text("page-out"), first, count, moved);
    if (!done) note_lost(g, s, "has no heap any more");
    else if (moved.refused) g.note(s, "EINVAL: a mapping of hugetlb pages, or of frames without a struct page, never goes to swap");
    else note_unmoved(g, s, moved, count, "went to swap");
}

sim::Task<void> collapse(Stage& g, const Step& s) {
    u64 made = 0;
    const bool done = co_await g.system.kernel().collapse(s.text("collapse"), made);
    if (!done) note_lost(g, s, "has no heap any more");
    else if (made == 0) g.note(s, "no 2 MiB of the heap could be one page: they have to be present, writable, its own and not pinned");
}

sim::Task<void> unpin(Stage& g, const Step& s) {
    const bool done = co_await g.system.kernel().unregister_buffers(s.text("unpin"));
    if (!done) note_lost(g, s, "has no heap any more");
}

sim::Task<void> mrelease(Stage& g, const Step& s) {
    using Release = os::OomKiller::Release;
    const Release how = co_await g.system.kernel().mrelease(s.text("mrelease"));
    static const std::map<Release, const char*> told{{Release::Again, "EAGAIN: somebody would have had to be waited for"},
                                                     {Release::NotDying, "EINVAL: it is not dying"},
                                                     {Release::NoProcess, "ESRCH: its address space is gone"},
                                                     {Release::NoCall, "ENOSYS: process_mrelease came with 5.15"}};
    if (const auto t = told.find(how); t != told.end()) g.note(s, t->second);
}

sim::Task<void> allocate_pasids(Stage& g, const Step& s) {
    const auto wanted = static_cast<unsigned>(s.integer("allocate-pasids"));
    const unsigned taken = g.system.kernel().allocate_pasids(base::Name{s.text("set")}, wanted);
    if (taken < wanted) g.note(s, fmt::format("{} of {}: no more are free (ENOSPC)", taken, wanted));
    co_return;
}

sim::Task<void> free_pasids(Stage& g, const Step& s) {
    const os::Kernel::FreedPasids freed = g.system.kernel().free_pasids(s.text("free-pasids"));
    if (freed.count == 0) g.note(s, fmt::format("nothing to do: {} has none", s.text("free-pasids")));
    if (!freed.held.empty()) g.note(s, fmt::format("in use as tags, and given back when the driver is through with them: {}", fmt::join(freed.held, ", ")));
    co_return;
}

std::vector<std::string> holder_names() {
    std::vector<std::string> names;
    for (const auto& row : enum_names(os::Holder{})) names.emplace_back(row.name);
    return names;
}

os::Holder holder_of(const Step& s) {
    for (const auto& row : enum_names(os::Holder{}))
        if (row.name == s.text("by")) return row.value;
    return os::Holder::Procfs;
}

sim::Task<void> hold(Stage& g, const Step& s) {
    const bool held = co_await g.system.kernel().hold(s.text("hold"), holder_of(s));
    if (!held) note_lost(g, s, "has nothing that could be held any more");
}

sim::Task<void> drop(Stage& g, const Step& s) {
    const bool dropped = co_await g.system.kernel().drop(s.text("drop"), holder_of(s));
    if (!dropped) g.note(s, fmt::format("nothing to do: {} holds nothing of {}", s.text("by"), s.text("drop")));
}

/// What the hypervisor's error says.
InputError refused_by_hypervisor(const Step& s, base::Name error) {
    static const std::map<std::string_view, const char*> told{
        {"ENODEV", "there is no IOMMU"},
        {"ESRCH", "there is no such guest: spawn a process of it before"},
        {"EBUSY", "processes of the guest live, or are bound to a device"},
        {"EINVAL", "the IOMMU takes no further guest, or the device is not attached"}};
    return cannot_be(s, fmt::format("{} ({})", told.at(error.text()), error.text()));
}

os::GuestId guest_of(const Step& s, std::string_view argument) { return os::GuestId{static_cast<u32>(s.integer(argument))}; }

sim::Task<void> assign_device(Stage& g, const Step& s) {
    const base::Name error = co_await g.system.kernel().assign(s.text("assign"), guest_of(s, "guest"));
    if (error) throw refused_by_hypervisor(s, error);
}

sim::Task<void> end_guest(Stage& g, const Step& s) {
    const base::Name error = co_await g.system.kernel().destroy_guest(guest_of(s, "end-guest"));
    if (error) throw refused_by_hypervisor(s, error);
}

sim::Task<void> reset_device(Stage& g, const Step& s) {
    const bool done = co_await g.system.kernel().reset(s.text("reset"));
    if (!done) note_gone(g, s, s.text("reset"));
}

sim::Task<void> set_bus_master(Stage& g, const Step& s) {
    const bool done = co_await g.system.kernel().allow_dma(s.text("of"), s.text("bus-master") == "set");
    if (!done) note_gone(g, s, s.text("of"));
}
} // namespace

std::vector<VerbRow> os_sentence_rows() {
    return {
        {"os", "spawn", "a process appears, with a heap at a random address", "os: {spawn: app0, pages: 64}",
         {{"spawn", Kind::NewProcess, true, "its name"},
          {"pages", Kind::Integer, false, "heap pages (64)", {}, 1, most_heap_pages},
          {"present", Kind::Integer, false, "pages of the heap, from its beginning, touched before (all)", {}, 0, most_heap_pages},
          {"threads", Kind::Integer, false, "threads (1)", {}, 1, 1024},
          {"count", Kind::Integer, false, "a crowd of so many processes: what is said of it is said of each (one process)", {}, 2,
           largest_crowd},
          {"memory", Kind::Choice, false,
           "what the heap is: private, huge (private, by 2 MiB), shared, hugetlb or pfn-mapped; the OOM reaper takes private memory alone (private)",
           {"private", "huge", "shared", "hugetlb", "pfn-mapped"}},
          {"guest", Kind::Integer, false, "whose process it is, of several guests (os.guests); a new one gets a part of RAM (1)", {}, 1, most_guests},
          {"supervisor", Kind::Flag, false,
           "true: no process but a driver in the kernel, which binds the kernel's own address space (VT-d, kernels up to 6.1) (false)"},
          {"oom-prefer", Kind::Integer, false, "oom_score_adj above 0: it is killed for memory sooner, by thousandths of all RAM (0)", {}, 0, 1000},
          {"oom-protect", Kind::Integer, false, "oom_score_adj below 0: later; 1000: never (0)", {}, 0, 1000}},
         true, &Plan::spawn, spawn_process},
        {"os", "exec", "a process gets a new address space; the old one goes, and open descriptors, with what is bound to them, stay",
         "os: {exec: app0}",
         {{"exec", Kind::Process, true, "the process"},
          {"pages", Kind::Integer, false, "heap pages of the new address space (64)", {}, 1, most_heap_pages},
          {"close-files", Kind::Flag, false, "true or false: its descriptors are closed on exec (false)"}},
         false, &Plan::exec, exec},
        {"os", "mmap", "a process maps a device's file: the mapping holds the file, as a descriptor does", "os: {mmap: acc0, as: app0}",
         {{"mmap", Kind::Device, true, "the device"}, as_process}, true, &Plan::mmap, mmap_file},
        {"os", "fork", "a child that shares the parent's open files, and its pages until one of them writes", "os: {fork: app0, child: app1}",
         {{"fork", Kind::Process, true, "the parent"}, {"child", Kind::NewProcess, true, "the child's name"},
          {"memory", Kind::Choice, false, "own or shared: a clone that has the parent's address space (own)", {"own", "shared"}}}, true, &Plan::fork,
         fork_process, nullptr, false},
        {"os", "open", "a process opens a device's file (bind does it by itself)", "os: {open: acc0, as: app0}",
         {{"open", Kind::Device, true, "the device"}, as_process}, true, &Plan::open, open_file},
        {"os", "bind", "a process binds its address space to a device", "os: {bind: app0, to: acc0}",
         {{"bind", Kind::Process, true, "the process"}, to_device,
          {"may-fail", Kind::Flag, false, "true: the kernel may refuse it, and the run goes on"}}, true, &Plan::bind, bind},
        {"os", "pin",
         "pages of a process stay in their frames, until unpin; or a driver without shared address spaces pins them for its device, which gets "
         "their own addresses (no IOMMU), until unbind",
         "os: {pin: app0, for: acc0, tag: contexts}",
         {{"pin", Kind::Process, true, "the process"},
          {"for", Kind::Device, false, "the device whose driver pins them (none: the process registers buffers, as for io_uring)"},
          {"pages", Kind::Pages, false, "heap pages, from 0 (all)", {}, 0, most_heap_pages - 1},
          {"tag", Kind::Name, false, "a PASID of this set (allocate-pasids) is what the driver knows the process by (none)"}},
         true, &Plan::pin, pin},
        {"os", "unbind", "the driver stops the device for the process and unbinds", "os: {unbind: app0, from: acc0}",
         {{"unbind", Kind::Process, true, "the process"}, {"from", Kind::Device, true, "the device"}}, false, &Plan::unbind, unbind},
        {"os", "close", "a process closes its descriptor of a device", "os: {close: acc0, as: app0}",
         {{"close", Kind::Device, true, "the device"}, as_process}, false, &Plan::close, close_file},
        {"os", "kill", "SIGKILL", "os: {kill: app0}", {{"kill", Kind::Process, true, "the process"}}, false, &Plan::kill, kill},
        {"os", "exit", "the process exits by itself", "os: {exit: app0}", {{"exit", Kind::Process, true, "the process"}}, false,
         &Plan::exit, exit_process},
        {"os", "unmap", "munmap of pages of the heap", "os: {unmap: app0, pages: 0-15}",
         {{"unmap", Kind::Process, true, "the process"}, {"pages", Kind::Pages, true, "heap pages, from 0", {}, 0, most_heap_pages - 1}},
         false, &Plan::in_heap, unmap},
        {"os", "touch", "a process writes to pages of its heap: those that are not there are made, as long as there is memory",
         "os: {touch: app0, pages: 0-1023}",
         {{"touch", Kind::Process, true, "the process"}, {"pages", Kind::Pages, true, "heap pages, from 0", {}, 0, most_heap_pages - 1}},
         false, &Plan::in_heap, touch},
        {"os", "protect", "mprotect of pages of the heap", "os: {protect: app0, pages: 0-15, to: read-only}",
         {{"protect", Kind::Process, true, "the process"}, {"pages", Kind::Pages, true, "heap pages, from 0", {}, 0, most_heap_pages - 1},
          {"to", Kind::Choice, true, "what may be done with them", {"read-only", "read-write"}}},
         false, &Plan::in_heap, protect},
        {"os", "migrate", "pages of the heap get other frames (move_pages): not those that are pinned, or another process's, too",
         "os: {migrate: app0, pages: 0-15}",
         {{"migrate", Kind::Process, true, "the process"}, {"pages", Kind::Pages, true, "heap pages, from 0", {}, 0, most_heap_pages - 1}},
         false, &Plan::in_heap, migrate},
        {"os", "page-out", "pages of the heap go to swap (MADV_PAGEOUT), as far as os.oom.swap has room", "os: {page-out: app0, pages: 0-15}",
         {{"page-out", Kind::Process, true, "the process"}, {"pages", Kind::Pages, true, "heap pages, from 0", {}, 0, most_heap_pages - 1}},
         false, &Plan::in_heap, page_out},
        {"os", "collapse", "each 2 MiB of the heap becomes one page, where it can be (MADV_COLLAPSE)", "os: {collapse: app0}",
         {{"collapse", Kind::Process, true, "the process"}}, false, &Plan::about_process, collapse},
        {"os", "unpin", "a process gives up the pages that it has had pinned itself", "os: {unpin: app0}", {{"unpin", Kind::Process, true, "the process"}}, true, &Plan::about_process, unpin},
        {"os", "block", "a thread sleeps in the kernel where no signal reaches it (D state); its process dies only afterwards",
         "os: {block: app0, thread: 1, time: 3s}",
         {{"block", Kind::Process, true, "the process"},
          {"thread", Kind::Integer, false, "which of its threads (0)", {}, 0, 1023},
          {"time", Kind::Duration, true, "for so long", {}, one_ns, most_waiting}},
         false, &Plan::in_thread, sleep_in_kernel},
        {"os", "user-pointers", "a GPU works with pages of the heap: whoever takes them away waits for it, or is refused if it must not wait",
         "os: {user-pointers: app0, pages: 0-63, takes: 5ms}",
         {{"user-pointers", Kind::Process, true, "the process"},
          {"pages", Kind::Pages, true, "heap pages, from 0", {}, 0, most_heap_pages - 1},
          {"takes", Kind::Duration, true, "how long the GPU is waited for", {}, one_ns, most_waiting}},
         true, &Plan::in_heap, user_pointers},
        {"os", "mrelease", "a supervisor calls process_mrelease for a process that it has killed", "os: {mrelease: app0}",
         {{"mrelease", Kind::Process, true, "the process"}}, false, &Plan::about_process, mrelease},
        {"os", "hold",
         "somebody else begins to use a process's PASID (vfio, kvm, mdev: with park-refcount it is counted) or its memory (procfs)",
         "os: {hold: app0, by: kvm}",
         {{"hold", Kind::Process, true, "the process"},
          {"by", Kind::Choice, true, "vfio and mdev own its devices, the guest of kvm has their portals mapped", holder_names()}},
         true, &Plan::hold, hold},
        {"os", "drop", "and ends it, at its own time, be the process dead or not", "os: {drop: app0, by: kvm}",
         {{"drop", Kind::Process, true, "the process"}, {"by", Kind::Choice, true, "who holds it", holder_names()}}, true,
         &Plan::drop, drop, nullptr, true, true},
        {"os", "allocate-pasids", "a driver takes PASIDs without a process, as amdgpu does for each of a device's contexts",
         "os: {allocate-pasids: 3, set: contexts}",
         {{"allocate-pasids", Kind::Integer, true, "how many", {}, 1, 0xfffff},
          {"set", Kind::Name, true, "what they are for; os.pasid.quota limits each set"}},
         true, &Plan::allocate_pasids, allocate_pasids},
        {"os", "free-pasids", "and gives all of a set back", "os: {free-pasids: contexts}",
         {{"free-pasids", Kind::Name, true, "the set"}}, true, &Plan::free_pasids, free_pasids},
        {"os", "assign", "a hypervisor gives a device to a guest; nobody of the guest that had it is bound to it any more",
         "os: {assign: acc0, guest: 2}",
         {{"assign", Kind::Device, true, "the device"}, {"guest", Kind::Integer, true, "the guest, of which there is a process", {}, 1, most_guests}}, true,
         &Plan::about_guest, assign_device},
        {"os", "end-guest",
         "a guest whose processes have ended is over: its devices are nobody's, and its second stage, its number (VMID, DID) and its memory are the next one's",
         "os: {end-guest: 1}", {{"end-guest", Kind::Integer, true, "the guest", {}, 1, most_guests}}, true, &Plan::about_guest, end_guest},
        {"os", "reset", "the administrator resets the device's function (FLR), and the driver waits 100 ms for it", "os: {reset: acc0}",
         {{"reset", Kind::Device, true, "the device"}}, false, &Plan::about_function, reset_device},
        {"os", "bus-master", "the driver sets or clears Bus Master Enable: without it the device sends no requests",
         "os: {bus-master: clear, of: acc0}",
         {{"bus-master", Kind::Choice, true, "set or clear", {"set", "clear"}}, {"of", Kind::Device, true, "the device"}}, true,
         &Plan::about_function, set_bus_master},
    };
}

} // namespace quiesce::platform
