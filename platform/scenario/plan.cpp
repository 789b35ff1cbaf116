// SPDX-License-Identifier: Apache-2.0
#include "platform/scenario/plan.h"

#include "platform/machine/devices.h"
#include "platform/scenario/traces.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {

std::string line_of(const Step& s) { return fmt::format("line {}", s.place.line); }
} // namespace

Plan::Process* Plan::alive(const Step& s, std::string_view argument) {
    const auto found = processes_.find(s.text(argument));
    if (found == processes_.end()) return nullptr;
    Process& p = found->second;
    if (p.supervisor && !can_be_of_the_kernel(s)) {
        out_.error(s.mark(argument), fmt::format("{} is no process but a driver in the kernel (supervisor: true): `{}` is not for it", found->first,
                                                 s.row->verb));
        return nullptr;
    }
    if (p.life != Life::Dead) return &p;
    out_.error(s.mark(argument), fmt::format("{} is dead by then: {} waits for the end of `{}`", found->first, line_of(*p.ended),
                                             p.ended->sentence()));
    return nullptr;
}

Plan::Tie* Plan::bound(const Step& s, Process& p, std::string_view argument, const std::string& device) {
    Tie& tie = p.ties[device];
    if (tie.bound != Surely::No) return &tie;
    const std::string& name = s.text(argument);
    out_.error(s.mark(argument), fmt::format("{} is not bound to {} by then: say `os: {{bind: {}, to: {}}}` before", name, device,
                                             name, device));
    return nullptr;
}

/// The bond is gone when the sentence is over; the device was stopped for it.
void Plan::let_go(Tie& tie, bool wait) {
    const Surely left = wait ? Surely::No : Surely::Maybe;
    tie.bound = tie.queue = tie.works = left;
    tie.binds = 0;
}

// ---- processes ------------------------------------------------------------------------------------------------------

void Plan::add_process(const Step& s, std::string_view argument, u64 heap_pages, u64 guest) {
    const u64 members = s.integer("count", 1);
    u64 needed = heap_pages * members;
    for (const auto& [name, p] : processes_)
        if (p.life == Life::Running && p.guest == guest) needed += p.heap_pages * p.members;
    const u64 ram_pages = os::Guests::part_bytes(config_.platform.memory.ram.get().bytes(), config_.os.guests) / page_size;
    const char* const whose = config_.os.guests > 1 ? ", of which a guest has" : ":";
    if (needed > ram_pages)
        out_.error(s.mark(s.has("pages") ? "pages" : argument),
                   fmt::format("the heaps of the running processes are {} pages by then, but platform.memory.ram is {}{} {} pages", needed,
                               config_.platform.memory.ram.text(), whose, ram_pages));
    processes_[s.text(argument)].heap_pages = heap_pages;
    processes_[s.text(argument)].members = members;
    processes_[s.text(argument)].guest = guest;
}

void Plan::spawn(const Step& s) {
    if (s.has("guest")) about_guest(s);
    add_process(s, "spawn", s.integer("pages", default_heap_pages), s.integer("guest", 1));
    processes_[s.text("spawn")].threads = s.integer("threads", 1);
    processes_[s.text("spawn")].supervisor = s.text("supervisor") == "true";
}

/// Which guests there are then, the kernel knows.
void Plan::about_guest(const Step& s) {
    const std::string_view argument = s.has("guest") ? "guest" : s.row->verb;
    if (config_.os.guests == 1 && !(s.row->verb == "spawn" && s.integer(argument) == 1))
        out_.error(s.mark(argument), "there is one kernel on this machine: set os.guests, the guests that there are at a time");
    if (s.row->verb == "spawn" && s.text("supervisor") == "true")
        out_.error(s.mark(argument), "guest: drivers in the kernel are the first guest's");
}

/// What can be said of the kernel as of a process.
bool Plan::can_be_of_the_kernel(const Step& s) const {
    static const std::set<std::string_view> verbs{"bind", "unbind", "open", "close", "unmap", "stream", "stop"};
    return verbs.count(s.row->verb) != 0;
}

void Plan::fork(const Step& s) {
    const Process* parent = alive(s, "fork");
    if (parent == nullptr) return;
    if (s.text("memory") == "shared") { // and so what is bound, and works, is the clone's as well
        Process clone = *parent;
        clone.threads = 1;
        clone.holders.clear();
        processes_[s.text("child")] = std::move(clone);
        return;
    }
    add_process(s, "child", parent->heap_pages, parent->guest);
    for (const auto& [device, tie] : parent->ties) processes_[s.text("child")].ties[device].descriptors = tie.descriptors;
}

/// Bonds are of the address space that it had.
void Plan::exec(const Step& s) {
    Process* p = alive(s, "exec");
    if (p == nullptr) return;
    for (auto& [device, tie] : p->ties) {
        if (tie.bound != Surely::No || tie.queue != Surely::No) tie.queue = Surely::Maybe;
        tie.bound = s.wait ? Surely::No : tie.bound == Surely::Yes ? Surely::Maybe : tie.bound;
        tie.works = Surely::No;
        tie.binds = 0;
        if (s.text("close-files") == "true") tie.descriptors = 0;
    }
    p->heap_pages = s.integer("pages", default_heap_pages);
}

void Plan::end(const Step& s, std::string_view argument) {
    const auto found = processes_.find(s.text(argument));
    if (found == processes_.end()) return;
    Process& p = found->second;
    if (p.supervisor)
        return out_.error(s.mark(argument), fmt::format("{} is no process but a driver in the kernel (supervisor: true): nothing ends it", found->first));
    if (p.ended != nullptr)
        return out_.error(s.mark(argument), fmt::format("{} dies once: `{}` ({}) came before", found->first, p.ended->sentence(),
                                                        line_of(*p.ended)));
    p.life = s.wait ? Life::Dead : Life::Dying;
    p.ended = &s;
}

// ---- descriptors and bonds ------------------------------------------------------------------------------------------

void Plan::open(const Step& s) {
    if (Process* p = alive(s, "as")) ++p->ties[s.text("open")].descriptors;
}

void Plan::check_pasid(const Step& s, const Process& p) {
    const auto holds_one = [](const Process& q) {
        return q.life == Life::Running &&
               std::any_of(q.ties.begin(), q.ties.end(), [](const auto& t) { return t.second.bound == Surely::Yes; });
    };
    if (holds_one(p)) return; // an mm has one PASID for all its devices
    const u64 lowest = config_.os.pasid.min, highest = highest_pasid(config_);
    u64 taken = p.members - 1;
    for (const auto& [name, q] : processes_)
        if (holds_one(q)) taken += q.members;
    if (lowest <= highest && taken > highest - lowest)
        out_.error(s.mark("bind"), fmt::format("no PASID is left by then: {} to {} (os.pasid.min, os.pasid.max) belong to {} bound processes",
                                               lowest, highest, taken));
}

void Plan::bind(const Step& s) {
    Process* p = alive(s, "bind");
    if (p == nullptr) return;
    const bool may_fail = s.text("may-fail") == "true";
    if (!may_fail) check_pasid(s, *p);
    Tie& tie = p->ties[s.text("to")];
    if (tie.descriptors == 0) tie.descriptors = 1; // bind opens the device's file where need be
    ++tie.binds;
    if (p->life == Life::Running && !may_fail) tie.bound = Surely::Yes;
    else if (tie.bound == Surely::No) tie.bound = Surely::Maybe;
}

namespace {
std::vector<std::string> kinds_that_pin() {
    std::vector<std::string> kinds;
    for (const DeviceRow& row : device_rows())
        for (const auto& [kind, name] : enum_names(DeviceKind{}))
            if (kind == row.kind && row.pins_pages) kinds.emplace_back(name);
    return kinds;
}
} // namespace

/// As a bind, without a PASID of the process's.
void Plan::pin(const Step& s) {
    Process* p = alive(s, "pin");
    if (p == nullptr) return;
    if (s.has("pages")) check_pages(s, *p);
    if (s.has("tag") && !s.has("for")) out_.error(s.mark("tag"), "tag: is of a device's driver: say `for` which device the pages are pinned");
    if (!s.has("for")) return;
    if (s.has("tag") && pasid_sets_.count(s.text("tag")) == 0)
        out_.error(s.mark("tag"), fmt::format("no set '{0}' by then: say `os: {{allocate-pasids: 1, set: {0}}}` before", s.text("tag")));
    if (!row_of(config_.devices.at(s.text("for"))).pins_pages)
        return out_.error(s.mark("for"), fmt::format("{} is no device whose driver pins pages: it knows nothing but shared address spaces (kinds that do: {})",
                                                     s.text("for"), base::join(kinds_that_pin())));
    Tie& tie = p->ties[s.text("for")];
    if (tie.bound == Surely::Yes)
        out_.error(s.mark("pin"), fmt::format("{} has pages of {} already: say `os: {{unbind: {}, from: {}}}` before", s.text("for"),
                                              s.text("pin"), s.text("pin"), s.text("for")));
    if (tie.descriptors == 0) tie.descriptors = 1;
    tie.binds = 1;
    tie.bound = p->life == Life::Running ? Surely::Yes : Surely::Maybe;
}

void Plan::unbind(const Step& s) {
    Process* p = alive(s, "unbind");
    Tie* tie = p == nullptr ? nullptr : bound(s, *p, "unbind", s.text("from"));
    if (tie == nullptr) return;
    if (tie->binds > 1) --tie->binds; // the bond lives until the last of them
    else let_go(*tie, s.wait);
}

bool Plan::others_hold(const std::string& device, const Process& p) const {
    return std::any_of(processes_.begin(), processes_.end(), [&](const auto& q) {
        const auto tie = q.second.ties.find(device);
        return &q.second != &p && q.second.life != Life::Dead && tie != q.second.ties.end() && tie->second.descriptors > 0;
    });
}

void Plan::close(const Step& s) {
    Process* p = alive(s, "as");
    if (p == nullptr) return;
    const std::string& device = s.text("close");
    Tie& tie = p->ties[device];
    if (tie.descriptors == 0)
        return out_.error(s.mark("close"), fmt::format("{} has not opened {} by then: `os: {{open: {}, as: {}}}` or a bind does it",
                                                       s.text("as"), device, device, s.text("as")));
    if (--tie.descriptors == 0 && tie.bound != Surely::No) let_go(tie, s.wait && !others_hold(device, *p));
}

/// One of each kind, of a PASID that is there or of an address space.
void Plan::hold(const Step& s) {
    Process* p = alive(s, "hold");
    if (p == nullptr) return;
    const std::string& by = s.text("by");
    const auto bound = [](const auto& t) { return t.second.bound != Surely::No; };
    if (by != "procfs" && std::none_of(p->ties.begin(), p->ties.end(), bound))
        out_.error(s.mark("hold"), fmt::format("{} has no PASID by then: bind it to a device before", s.text("hold")));
    if (!p->holders.insert(by).second)
        out_.error(s.mark("by"), fmt::format("{} holds it already: say `os: {{drop: {}, by: {}}}` before", by, s.text("hold"), by));
}

void Plan::drop(const Step& s) {
    const auto found = processes_.find(s.text("drop"));
    if (found == processes_.end() || found->second.holders.erase(s.text("by")) != 0) return;
    out_.error(s.mark("by"), fmt::format("{} holds nothing of {} by then: say `os: {{hold: {}, by: {}}}` before", s.text("by"),
                                         s.text("drop"), s.text("drop"), s.text("by")));
}

void Plan::free_pasids(const Step& s) {
    if (pasid_sets_.erase(s.text("free-pasids")) != 0) return;
    out_.error(s.mark("free-pasids"), fmt::format("no set '{0}' by then: say `os: {{allocate-pasids: 1, set: {0}}}` before",
                                                  s.text("free-pasids")));
}

void Plan::mmap(const Step& s) {
    Process* p = alive(s, "as");
    if (p == nullptr) return;
    const std::string& device = s.text("mmap");
    if (p->ties[device].descriptors == 0)
        out_.error(s.mark("mmap"), fmt::format("{} has not opened {} by then: `os: {{open: {}, as: {}}}` or a bind does it", s.text("as"), device,
                                               device, s.text("as")));
}

// ---- memory ---------------------------------------------------------------------------------------------------------

void Plan::check_pages(const Step& s, const Process& p) {
    const auto [first, count] = s.pages("pages", {0, 1});
    if (first + count > p.heap_pages)
        out_.error(s.mark("pages"), fmt::format("the heap has {} pages, 0 to {}; got {}", p.heap_pages, p.heap_pages - 1, s.text("pages")));
}

void Plan::in_heap(const Step& s) {
    if (const Process* p = alive(s, s.row->verb)) check_pages(s, *p);
}

// ---- threads --------------------------------------------------------------------------------------------------------

void Plan::check_thread(const Step& s, const Process& p) {
    if (s.integer("thread") >= p.threads)
        out_.error(s.mark("thread"), fmt::format("{} has {} threads, from 0; got {}", s.text(s.row->verb), p.threads, s.text("thread")));
}

void Plan::in_thread(const Step& s) {
    if (const Process* p = alive(s, s.row->verb)) check_thread(s, *p);
}

// ---- devices --------------------------------------------------------------------------------------------------------

void Plan::about_function(const Step& s) {
    for (const ArgumentSpec& a : s.row->arguments) {
        if (a.kind != ArgumentSpec::Kind::Device || is_function(config_.devices.at(s.text(a.name)))) continue;
        out_.error(s.mark(a.name), fmt::format("{} is no PCI function: it has no {}", s.text(a.name),
                                               s.row->verb == "reset" ? "function-level reset" : "Bus Master Enable"));
    }
}

// ---- work -----------------------------------------------------------------------------------------------------------

/// A queue belongs to a bond from its first work until the driver stops it.
void Plan::check_queue(const Step& s, std::string_view argument, const Tie& mine) {
    if (mine.queue == Surely::Yes) return;
    const DeviceConfig& device = config_.devices.at(s.actor);
    const unsigned queues = row_of(device).queues(device);
    u64 taken = 0;
    for (const auto& [name, p] : processes_) {
        const auto tie = p.ties.find(s.actor);
        taken += p.life == Life::Running && tie != p.ties.end() && tie->second.queue == Surely::Yes;
    }
    if (taken >= queues)
        out_.error(s.mark(argument),
                   fmt::format("{} has {} queues (devices.{}.{}) and each works for a process by then", s.actor, queues,
                               s.actor, row_of(device).queues_name));
}

void Plan::check_sizes(const Step& s, const Process& p) {
    const DeviceConfig& device = config_.devices.at(s.actor);
    if (s.text("access") == "atomic") {
        const auto atomics = row_of(device).atomics;
        if (atomics == nullptr || !atomics(device))
            out_.error(s.mark("access"), fmt::format("{} sends no AtomicOps: an accelerator does with `atomics: true`", s.actor));
    }
    const u64 own = row_of(device).request_size(device);
    const u64 least = s.size("size", own), most = s.size("size-max", least);
    if (most < least)
        out_.error(s.mark("size-max"),
                   fmt::format("size-max {} is below {} {}", s.text("size-max"), s.has("size") ? "size" : "the device's request_size",
                               base::exact_size(least)));
    const u64 bytes = s.pages("pages", {0, p.heap_pages}).second * page_size;
    if (most >= least && most > bytes)
        out_.error(s.mark(s.has("size-max") ? "size-max" : "size"),
                   fmt::format("requests of {} do not fit in the {} that the work is on", base::exact_size(most), base::exact_size(bytes)));
}

void Plan::work(const Step& s, std::string_view argument) {
    Process* p = alive(s, argument);
    if (p == nullptr) return;
    if (s.has("pages")) check_pages(s, *p);
    check_sizes(s, *p);
    Tie* tie = bound(s, *p, argument, s.actor);
    if (tie == nullptr) return;
    check_queue(s, argument, *tie);
    begin_work(s, *p, *tie, argument, !s.has("count"));
}

void Plan::begin_work(const Step& s, const Process& p, Tie& tie, std::string_view argument, bool endless) {
    if (tie.works == Surely::Yes)
        return out_.error(s.mark(argument), fmt::format("{} works for {} already ({}): say `{}: {{stop: {}}}` with `wait: true` before",
                                                        s.actor, s.text(argument), line_of(*tie.work), s.actor, s.text(argument)));
    const bool surely = p.life == Life::Running && tie.bound == Surely::Yes;
    tie.queue = surely ? Surely::Yes : Surely::Maybe;
    tie.works = surely && endless ? Surely::Yes : Surely::Maybe;
    tie.work = &s;
}

void Plan::play(const Step& s) {
    Process* p = alive(s, "play");
    Tie* tie = p == nullptr ? nullptr : bound(s, *p, "play", s.actor);
    if (tie == nullptr) return;
    const std::vector<std::string> names = processes_of(config_.devices.at(s.actor).trace_player);
    const std::string& name = s.text("play");
    if (!names.empty() && std::find(names.begin(), names.end(), name) == names.end())
        return out_.error(s.mark("play"), fmt::format("the trace of {} does not name {}: its processes are {}", s.actor, name,
                                                      base::join(names)));
    Played& played = played_[s.actor];
    if (played.first == nullptr) played.first = &s;
    played.processes.push_back(name);
    begin_work(s, *p, *tie, "play", false);
}

void Plan::over() {
    for (const auto& [device, played] : played_)
        for (const std::string& name : processes_of(config_.devices.at(device).trace_player))
            if (std::find(played.processes.begin(), played.processes.end(), name) == played.processes.end())
                out_.error(played.first->mark("play"),
                           fmt::format("the trace of {} names {}, too: it begins when that plays, and no sentence says so", device, name));
}

/// Whether the process may do that is for the simulated kernel to say: a submission that comes too late is what
/// scenarios are for.
void Plan::enqcmd(const Step& s) {
    const Process* p = alive(s, "enqcmd");
    if (p == nullptr) return;
    if (s.has("pages")) check_pages(s, *p);
    check_thread(s, *p);
    const u64 size = s.size("size", row_of(config_.devices.at(s.actor)).request_size(config_.devices.at(s.actor)));
    const u64 half = s.pages("pages", {0, p->heap_pages}).second * page_size / 2;
    if (size > half)
        out_.error(
            s.mark(s.has("size") ? "size" : "enqcmd"),
            fmt::format("{} do not fit twice in the {} that the work is on: it moves from the first half to the second",
                        base::exact_size(size), base::exact_size(2 * half)));
}

void Plan::stop(const Step& s) {
    Process* p = alive(s, "stop");
    Tie* tie = p == nullptr ? nullptr : bound(s, *p, "stop", s.actor);
    if (tie != nullptr) tie->queue = tie->works = s.wait ? Surely::No : Surely::Maybe;
}

} // namespace quiesce::platform
