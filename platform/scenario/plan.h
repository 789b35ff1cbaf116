// SPDX-License-Identifier: Apache-2.0
/// What the order of a scenario's sentences makes certain before anything runs.
///
/// Sentences begin in the order of the file; those that are not waited for may still be going on when later ones begin.
/// What only such a race decides is not judged here: `kill` without `wait` and then `bind` is a race worth running.
#pragma once
#include "platform/scenario/scenario.h"

#include <set>

namespace quiesce::platform {

class Plan {
public:
    Plan(const Config& config, Diagnostics& out) : config_(config), out_(out) {}

    // One for each verb, called in the order of the sentences.
    void spawn(const Step& s);
    void fork(const Step& s);
    void open(const Step& s);
    void bind(const Step& s);
    void pin(const Step& s);
    void unbind(const Step& s);
    void close(const Step& s);
    void kill(const Step& s) { end(s, "kill"); }
    void exit(const Step& s) { end(s, "exit"); }
    void exec(const Step& s);
    void mmap(const Step& s);
    /// About pages of the heap.
    void in_heap(const Step& s);
    /// About a thread.
    void in_thread(const Step& s);
    /// About a process, of which it is for the kernel to say what becomes.
    void about_process(const Step& s) { alive(s, s.row->verb); }
    void stream(const Step& s) { work(s, "stream"); }
    void receive(const Step& s) { work(s, "receive"); }
    void play(const Step& s);
    /// After the last sentence.
    void over();
    void stop(const Step& s);
    void enqcmd(const Step& s);
    void hold(const Step& s);
    void drop(const Step& s);
    void allocate_pasids(const Step& s) { pasid_sets_.insert(s.text("set")); }
    void free_pasids(const Step& s);
    /// About one of several guests.
    void about_guest(const Step& s);
    /// About a PCI function alone.
    void about_function(const Step& s);

private:
    enum class Life : u8 { Running, Dying, Dead };
    enum class Surely : u8 { No, Maybe, Yes };
    /// Between a process and a device.
    struct Tie {
        unsigned descriptors = 0, binds = 0;
        Surely bound = Surely::No;
        Surely queue = Surely::No;   ///< a work queue of the device is its
        Surely works = Surely::No;
        const Step* work = nullptr;
    };
    struct Process {
        Life life = Life::Running;
        const Step* ended = nullptr;
        u64 heap_pages = 0;
        u64 threads = 1;
        bool supervisor = false;     ///< the kernel's own
        u64 members = 1;             ///< of a crowd
        u64 guest = 1;
        std::map<std::string, Tie, std::less<>> ties;
        std::set<std::string> holders;
    };
    /// Nothing, after a complaint, if the process named by that argument is certainly dead; nothing too if it never was.
    Process* alive(const Step& s, std::string_view argument);
    void end(const Step& s, std::string_view argument);
    /// The tie that `s` needs to be a bond; nothing, after a complaint, if it is certainly none.
    Tie* bound(const Step& s, Process& p, std::string_view argument, const std::string& device);
    static void let_go(Tie& tie, bool wait);
    bool can_be_of_the_kernel(const Step& s) const;
    void add_process(const Step& s, std::string_view argument, u64 heap_pages, u64 guest);
    void check_pages(const Step& s, const Process& p);
    void check_thread(const Step& s, const Process& p);
    void check_sizes(const Step& s, const Process& p);
    void work(const Step& s, std::string_view argument);
    void check_queue(const Step& s, std::string_view argument, const Tie& mine);
    void begin_work(const Step& s, const Process& p, Tie& tie, std::string_view argument, bool endless);
    void check_pasid(const Step& s, const Process& p);
    bool others_hold(const std::string& device, const Process& p) const;

    const Config& config_;
    Diagnostics& out_;
    std::map<std::string, Process, std::less<>> processes_;
    std::set<std::string> pasid_sets_;
    /// Traces begin when every process that they name plays: by device, the first sentence and who plays.
    struct Played {
        const Step* first = nullptr;
        std::vector<std::string> processes;
    };
    std::map<std::string, Played> played_;
};

} // namespace quiesce::platform
