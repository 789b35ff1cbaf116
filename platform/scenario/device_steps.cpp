// SPDX-License-Identifier: Apache-2.0
/// What devices can be told, in rows as those of the operating system.
#include "platform/scenario/said.h"

namespace quiesce::platform {
namespace {
using Kind = ArgumentSpec::Kind;
using Life = Situation::Life;

constexpr u64 largest_request = 65'535, most_packets = 65'535; ///< Q_SIZE and Q_MODE.OUTSTANDING have 16 bits
constexpr u64 largest_transfer = u64{1} << 31;
constexpr u64 most_requests = 1'000'000'000'000;

sim::Task<void> stop_work(Stage& g, const Step& s) {
    const bool stopped = co_await g.system.kernel().stop(s.text("stop"), s.actor);
    if (!stopped) note_lost(g, s, not_bound(s));
}

os::drivers::Work work_of(const Stage&, const Step& s, const os::Vma& heap) {
    using os::drivers::Work;
    Work w;
    const std::string& access = s.text("access");
    w.direction = access == "read" ? Work::Direction::Read : access == "write" ? Work::Direction::Write
                  : access == "atomic" ? Work::Direction::Atomic : Work::Direction::Mixed;
    w.pattern = s.text("pattern") == "sequential" ? Work::Pattern::Sequential : Work::Pattern::Random;
    const auto [first, count] = s.pages("pages", {0, heap.pages});
    w.first = heap.start + first * page_size;
    w.bytes = count * page_size;
    w.request_min = static_cast<u32>(s.size("size"));
    w.request_max = static_cast<u32>(s.size("size-max"));
    w.every = s.duration("every");
    w.count = s.integer("count");
    w.outstanding = static_cast<unsigned>(s.integer("outstanding"));
    w.stuck = s.text("preempt") == "never";
    return w;
}

/// Receive buffers in the heap, and packets to be sent from there.
os::drivers::Work rings_of(const Stage& g, const Step& s, const os::Vma& heap) {
    using os::drivers::Work;
    Work w = work_of(g, s, heap);
    w.direction = s.has("send-every") ? Work::Direction::Mixed : Work::Direction::Write;
    w.every = s.duration("send-every");
    w.request_min = static_cast<u32>(s.size("buffer"));
    return w;
}

/// As the trace says.
os::drivers::Work trace_of(const Stage& g, const Step& s, const os::Vma& heap) {
    os::drivers::Work w;
    w.first = heap.start;
    w.bytes = heap.pages * page_size;
    w.queue = g.system.queue_of(s.actor, s.text("play"));
    return w;
}

/// Work on a process's heap, as `describe` has it.
sim::Task<void> submit(Stage& g, const Step& s,
                       os::drivers::Work (*describe)(const Stage&, const Step&, const os::Vma&)) {
    const std::string p = process_of(s);
    const os::Vma* heap = g.system.kernel().heap(p);
    if (heap == nullptr) co_return note_lost(g, s, "has no heap any more");
    if (g.now.works(p, s.actor))
        throw cannot_be(s, fmt::format("{} still works for {}: say `{}: {{stop: {}}}` with `wait: true` before", s.actor, p, s.actor, p));
    const os::drivers::Work work = describe(g, s, *heap);
    const bool taken = co_await g.system.kernel().submit(p, s.actor, work);
    if (taken) co_return;
    if (g.system.kernel().gone(s.actor)) co_return note_gone(g, s, s.actor);
    if (g.now.life(p) == Life::Running && g.now.bound(p, s.actor))
        throw cannot_be(s, fmt::format("{0} has none of its {2} left for {1} (devices.{0}.{2})", s.actor, p,
                                       g.system.row(s.actor).queues_name));
    note_lost(g, s, not_bound(s));
}
sim::Task<void> stream(Stage& g, const Step& s) { return submit(g, s, work_of); }
sim::Task<void> receive(Stage& g, const Step& s) { return submit(g, s, rings_of); }
sim::Task<void> play(Stage& g, const Step& s) { return submit(g, s, trace_of); }

bool is_nic(const DeviceRow& r) { return r.kind == DeviceKind::Nic; }
bool is_gpu(const DeviceRow& r) { return r.kind == DeviceKind::Gpu; }
bool is_dsa(const DeviceRow& r) { return r.kind == DeviceKind::Dsa; }
bool halts(const DeviceRow& r) { return r.kind == DeviceKind::Dsa || r.kind == DeviceKind::PlatformMaster; }
bool plays(const DeviceRow& r) { return r.plays; }
bool streams(const DeviceRow& r) { return !is_nic(r) && !plays(r); }

os::drivers::Work::Operation operation_of(const std::string& word) {
    using Operation = os::drivers::Work::Operation;
    return word == "noop"      ? Operation::Noop
           : word == "drain"   ? Operation::Drain
           : word == "fill"    ? Operation::Fill
           : word == "compare" ? Operation::Compare
                               : Operation::Move;
}

sim::Task<void> enqcmd(Stage& g, const Step& s) {
    const std::string& p = s.text("enqcmd");
    const os::Vma* heap = g.system.kernel().heap(p);
    if (heap == nullptr) co_return note_lost(g, s, "has no heap any more");
    os::drivers::Work work = work_of(g, s, *heap);
    work.operation = operation_of(s.text("operation"));
    work.block_on_fault = s.text("block-on-fault") != "false";
    auto said =
        g.system.kernel().enqcmd(p, static_cast<unsigned>(s.integer("thread")), s.actor, work, s.duration("patience"));
    const os::Kernel::Enqcmd result = co_await std::move(said);
    switch (result.how) {
    case os::UserSubmission::Accepted:
        if (result.status == 0) g.note(s, fmt::format("{} took it, and no completion record came", s.actor));
        break;
    case os::UserSubmission::Full: g.note(s, fmt::format("{} answered Retry, again and again", s.actor)); break;
    case os::UserSubmission::NoPortal:
        g.note(s, fmt::format("{} has no portal of {} mapped: SIGBUS", p, s.actor));
        break;
    case os::UserSubmission::NoPasid:
        g.note(s, fmt::format("{} has no PASID that its thread could use: SIGSEGV", p));
        break;
    case os::UserSubmission::Failed: g.note(s, fmt::format("{} gave no answer", s.actor)); break;
    case os::UserSubmission::Dying: g.note(s, fmt::format("nothing to do: {} is dying", p)); break;
    }
}

sim::Task<void> set_link(Stage& g, const Step& s) {
    g.system.set_link(s.actor, s.text("link") == "up");
    co_return;
}

sim::Task<void> halt_device(Stage& g, const Step& s) {
    using devices::dsa::ResetType;
    const std::string& needs = s.text("halt");
    const ResetType type = needs == "command" ? ResetType::Software : needs == "flr" ? ResetType::FunctionLevel : ResetType::Cold;
    if (!g.system.halt(s.actor, type)) g.note(s, fmt::format("nothing to do: {} has halted before", s.actor));
    co_return;
}
} // namespace

std::vector<VerbRow> device_sentence_rows() {
    return {
        {"device", "link", "the device's link goes down, with all that is on it, or comes up: the kernel has removed the device and does not take it into service again",
         "acc0: {link: down}",
         {{"link", Kind::Choice, true, "down or up", {"down", "up"}}}, true, &Plan::about_function, set_link,
         [](const DeviceRow& row) { return row.function(DeviceConfig{}) != nullptr; }},
        {"device", "halt",
         "the device finds an error of its own, loses its work and stops, a dsa until os: {reset: ...}; its driver gives it no command any more",
         "dsa0: {halt: flr}",
         {{"halt", Kind::Choice, true,
           "the reset that a dsa says it needs: command (which idxd does not give to a halted device), flr, or machine; a platform-master needs machine", {"command", "flr", "machine"}}},
         true, &Plan::about_function, halt_device, halts},
        {"device", "stream", "work for a process: DMA to its heap until it is stopped",
         "acc0: {stream: app0, access: mixed, size: 64B, size-max: 4KiB}",
         {{"stream", Kind::Process, true, "the process that submits it"},
          {"access", Kind::Choice, false, "read, write, mixed or atomic: FetchAdd of one to words of 4 or 8 bytes, of an accelerator with atomics (mixed)",
           {"read", "write", "mixed", "atomic"}},
          {"pattern", Kind::Choice, false, "sequential or random (random)", {"sequential", "random"}},
          {"pages", Kind::Pages, false, "which pages of the heap (all)", {}, 0, most_heap_pages - 1},
          {"size", Kind::Size, false, "bytes of a request (the device's)", {}, 1, largest_request},
          {"size-max", Kind::Size, false, "requests from size up to this", {}, 1, largest_request},
          {"every", Kind::Duration, false, "whole nanoseconds from one request to the next (as fast as it goes)", {}, one_ns, slowest_pace},
          {"count", Kind::Integer, false, "requests (endless)", {}, 1, most_requests},
          {"outstanding", Kind::Integer, false, "requests under way at most (all tags); of a gpu: waves", {}, 1,
           most_packets},
          {"preempt", Kind::Choice, false,
           "never: a gpu's program that comes to no point where it can be preempted (in-time)", {"in-time", "never"}, 0, 0,
           is_gpu}},
         true, &Plan::stream, stream, streams},
        {"device", "receive", "rings for a process: packets that arrive go to buffers in its heap until it is stopped",
         "nic0: {receive: app0, pages: 0-31, buffer: 2KiB}",
         {{"receive", Kind::Process, true, "the process whose buffers they are"},
          {"pages", Kind::Pages, false, "which pages of the heap (all)", {}, 0, most_heap_pages - 1},
          {"buffer", Kind::Size, false, "bytes of a buffer (os.nic_driver.buffer)", {}, 64, largest_request},
          {"send-every", Kind::Duration, false, "besides, a packet is sent from the buffers so often (none)", {},
           one_ns, slowest_pace}},
         true, &Plan::receive, receive, is_nic},
        {"device", "enqcmd", "a thread submits one descriptor from user space and polls for its completion record",
         "dsa0: {enqcmd: app0, thread: 1, operation: move, size: 16KiB}",
         {{"enqcmd", Kind::Process, true, "the process that submits it, bound or not"},
          {"thread", Kind::Integer, false, "which of its threads (0)", {}, 0, 1023},
          {"operation", Kind::Choice, false, "move, fill, compare, noop or drain (move)",
           {"move", "fill", "compare", "noop", "drain"}},
          {"pages", Kind::Pages, false, "which pages of the heap (all): sources in their first half, destinations in the second",
           {}, 0, most_heap_pages - 1},
          {"size", Kind::Size, false, "bytes (a page)", {}, 1, largest_transfer},
          {"block-on-fault", Kind::Flag, false, "true or false: the device waits for a page that is not there (true)"},
          {"patience", Kind::Duration, false, "how long the thread polls (os.enqcmd.patience)", {}, one_ns, slowest_pace}},
         false, &Plan::enqcmd, enqcmd, is_dsa},
        {"device", "play", "the device plays its trace for a process; it begins when every process that the trace names plays",
         "tp0: {play: app0}", {{"play", Kind::Process, true, "the process; the trace names it"}}, true, &Plan::play, play,
         plays, false},
        {"device", "stop", "the driver stops the work of a process", "acc0: {stop: app0}", {{"stop", Kind::Process, true, "the process"}},
         false, &Plan::stop, stop_work},
    };
}

} // namespace quiesce::platform
