// SPDX-License-Identifier: Apache-2.0
/// The sentences that actors can say: one row each, with its arguments, its help and what it does.
#include "platform/scenario.h"
#include "platform/system.h"

#include <stdexcept>

namespace quiesce::platform {
namespace {
using Kind = ArgumentSpec::Kind;

const ArgumentSpec as_process{"as", Kind::Process, true, "the process that does it", {}};
const ArgumentSpec to_device{"to", Kind::Device, true, "the device", {}};

[[noreturn]] void refuse(const Step& s, const std::string& why) {
    throw std::runtime_error(s.place.text() + ": " + s.sentence() + ": " + why);
}

sim::Task<void> spawn_process(System& y, const Step& s) {
    y.kernel().spawn(s.text("spawn"), s.integer("pages", 64), static_cast<unsigned>(s.integer("threads", 1)));
    co_return;
}
sim::Task<void> fork_process(System& y, const Step& s) {
    y.kernel().fork(s.text("fork"), s.text("child"));
    co_return;
}
/// A system call that may find nothing to do: the process may be dying, or somebody was quicker.
sim::Task<void> may_find_nothing(sim::Task<bool> call) { co_await std::move(call); }

sim::Task<void> open_file(System& y, const Step& s) { return may_find_nothing(y.kernel().open(s.text("as"), s.text("open"))); }
sim::Task<void> bind(System& y, const Step& s) {
    const bool bound = co_await y.kernel().bind(s.text("bind"), s.text("to"));
    if (!bound) refuse(s, "the kernel refused: the mm is dying or no PASID is free");
}
sim::Task<void> unbind(System& y, const Step& s) { return may_find_nothing(y.kernel().unbind(s.text("unbind"), s.text("from"))); }
sim::Task<void> close_file(System& y, const Step& s) { return may_find_nothing(y.kernel().close(s.text("as"), s.text("close"))); }
sim::Task<void> kill(System& y, const Step& s) { return y.kernel().kill(s.text("kill")); }
sim::Task<void> exit_process(System& y, const Step& s) { return y.kernel().exit(s.text("exit")); }
sim::Task<void> unmap(System& y, const Step& s) {
    const auto [first, count] = s.pages("pages", {0, 1});
    return may_find_nothing(y.kernel().munmap(s.text("unmap"), first, count));
}
sim::Task<void> stop_work(System& y, const Step& s) { return may_find_nothing(y.kernel().stop(s.text("stop"), s.actor)); }

sim::Task<void> stream(System& y, const Step& s) {
    os::drivers::Work w;
    const std::string& access = s.text("access");
    w.direction = access == "read" ? os::drivers::Work::Direction::Read
                                   : access == "write" ? os::drivers::Work::Direction::Write : os::drivers::Work::Direction::Mixed;
    w.pattern = s.text("pattern") == "sequential" ? os::drivers::Work::Pattern::Sequential : os::drivers::Work::Pattern::Random;
    const os::Vma* heap = y.kernel().heap(s.text("stream"));
    if (heap == nullptr) refuse(s, "the process has no heap");
    const auto [first, count] = s.pages("pages", {0, heap->pages});
    if (first + count > heap->pages) refuse(s, "the heap has only " + std::to_string(heap->pages) + " pages");
    w.first = heap->start + first * page_size;
    w.bytes = count * page_size;
    w.request_min = static_cast<u32>(s.size("size"));
    w.request_max = static_cast<u32>(s.size("size-max"));
    w.every = s.duration("every");
    w.count = s.integer("count");
    w.outstanding = static_cast<unsigned>(s.integer("outstanding"));
    const bool taken = co_await y.kernel().submit(s.text("stream"), s.actor, w);
    if (!taken) refuse(s, "the process is not bound to the device, or it has no queue left");
}
} // namespace

const std::vector<VerbRow>& verb_rows() {
    static const std::vector<VerbRow> rows{
        {"os", "spawn", "a process appears, with a heap of present pages at a random address", "os: {spawn: app0, pages: 64}",
         {{"spawn", Kind::NewProcess, true, "its name", {}}, {"pages", Kind::Integer, false, "heap pages (64)", {}},
          {"threads", Kind::Integer, false, "threads (1)", {}}}, true, spawn_process},
        {"os", "fork", "a child that shares the parent's open files", "os: {fork: app0, child: app1}",
         {{"fork", Kind::Process, true, "the parent", {}}, {"child", Kind::NewProcess, true, "the child's name", {}}}, true, fork_process},
        {"os", "open", "a process opens a device's file (bind does it by itself)", "os: {open: acc0, as: app0}",
         {{"open", Kind::Device, true, "the device", {}}, as_process}, true, open_file},
        {"os", "bind", "a process binds its address space to a device", "os: {bind: app0, to: acc0}",
         {{"bind", Kind::Process, true, "the process", {}}, to_device}, true, bind},
        {"os", "unbind", "the driver stops the device for the process and unbinds", "os: {unbind: app0, from: acc0}",
         {{"unbind", Kind::Process, true, "the process", {}}, {"from", Kind::Device, true, "the device", {}}}, false, unbind},
        {"os", "close", "a process closes its descriptor of a device", "os: {close: acc0, as: app0}",
         {{"close", Kind::Device, true, "the device", {}}, as_process}, false, close_file},
        {"os", "kill", "SIGKILL", "os: {kill: app0}", {{"kill", Kind::Process, true, "the process", {}}}, false, kill},
        {"os", "exit", "the process exits by itself", "os: {exit: app0}", {{"exit", Kind::Process, true, "the process", {}}}, false, exit_process},
        {"os", "unmap", "munmap of pages of the heap", "os: {unmap: app0, pages: 0-15}",
         {{"unmap", Kind::Process, true, "the process", {}}, {"pages", Kind::Pages, true, "heap pages, from 0", {}}}, false, unmap},
        {"device", "stream", "work for a process: DMA to its heap until it is stopped", "acc0: {stream: app0, access: mixed, size: 64B, size-max: 4KiB}",
         {{"stream", Kind::Process, true, "the process that submits it", {}},
          {"access", Kind::Choice, false, "read, write or mixed (mixed)", {"read", "write", "mixed"}},
          {"pattern", Kind::Choice, false, "sequential or random (random)", {"sequential", "random"}},
          {"pages", Kind::Pages, false, "which pages of the heap (all)", {}}, {"size", Kind::Size, false, "bytes of a request (the device's)", {}},
          {"size-max", Kind::Size, false, "requests from size up to this", {}}, {"every", Kind::Duration, false, "from one request to the next (as fast as it goes)", {}},
          {"count", Kind::Integer, false, "requests (endless)", {}}, {"outstanding", Kind::Integer, false, "requests under way at most (all tags)", {}}},
         true, stream},
        {"device", "stop", "the driver stops the work of a process", "acc0: {stop: app0}", {{"stop", Kind::Process, true, "the process", {}}}, false, stop_work},
    };
    return rows;
}

} // namespace quiesce::platform
