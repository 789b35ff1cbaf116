// SPDX-License-Identifier: Apache-2.0
/// The calendar: one SC_METHOD that resumes every coroutine of the simulation in (time, sequence) order and runs ahead of
/// the SystemC kernel as far as nothing foreign can notice. design.md section 1.
#pragma once
#include "sim/random.h"
#include "sim/time.h"

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <systemc>
#include <unordered_map>
#include <utility>
#include <vector>

namespace quiesce::sim {

class Calendar;
class Lane;

/// A FIFO over a power-of-two array that grows and never shrinks: the shape of every waiting line here.
template <class T>
class Fifo {
public:
    bool empty() const { return head_ == tail_; }
    std::size_t size() const { return tail_ - head_; }
    T& front() { return items_[head_ & mask()]; }
    T& back() { return items_[(tail_ - 1) & mask()]; }
    T& at(std::size_t i) { return items_[(head_ + i) & mask()]; }
    void push(T v) {
        if (size() == items_.size()) grow();
        items_[tail_++ & mask()] = std::move(v);
    }
    T pop() { return std::move(items_[head_++ & mask()]); }
    void clear() { head_ = tail_ = 0; }
    template <class P> bool remove_if(P match) {
        std::size_t kept = head_;
        for (std::size_t i = head_; i != tail_; ++i)
            if (!match(items_[i & mask()])) items_[kept++ & mask()] = std::move(items_[i & mask()]);
        return std::exchange(tail_, kept) != kept;
    }

private:
    std::size_t mask() const { return items_.size() - 1; }
    void grow() {
        std::vector<T> bigger(items_.empty() ? 16 : items_.size() * 2);
        const std::size_t n = size();
        for (std::size_t i = 0; i < n; ++i) bigger[i] = std::move(at(i));
        items_.swap(bigger);
        head_ = 0;
        tail_ = n;
    }
    std::vector<T> items_;
    std::size_t head_ = 0, tail_ = 0;
};

/// A cancellable entry; lives in the awaiter that waits for it. Ordinary delays do not need one.
class Timer : public boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    using Fire = void (*)(Timer&);
    explicit Timer(Fire fire) : fire_(fire) {}
    Time at() const { return at_; }
    bool armed() const { return is_linked(); }
    void cancel() { if (armed()) unlink(); }
    friend bool operator<(const Timer& a, const Timer& b) { return a.at_ != b.at_ ? a.at_ < b.at_ : a.seq_ < b.seq_; }

private:
    friend class Calendar;
    Fire fire_;
    Time at_;
    std::uint64_t seq_ = 0;
};

/// The list hook of a spawned root task; the calendar destroys roots that have not ended when it is shut down.
struct RootHook : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    std::coroutine_handle<> self;
};

/// Which order simultaneous items take and how far jittery delays stray. Off by default; race exploration drives it.
struct Perturbation {
    std::uint64_t seed = 0;
    bool shuffle_simultaneous = false;
    Duration jitter_bound{};          ///< added to delays marked jittery: uniform in [0, bound]
};

class Calendar : public sc_core::sc_module {
public:
    SC_HAS_PROCESS(Calendar);
    explicit Calendar(sc_core::sc_module_name name = "calendar");
    ~Calendar() override;

    /// The calendar of this simulation. Exactly one exists while models exist.
    static Calendar& current() { return *current_; }
    static bool exists() { return current_ != nullptr; }
    Time now() const { return now_; }
    const Time* clock() const { return &now_; }

    /// Resumes `h` at `at` (>= now), after everything already scheduled for that instant.
    void schedule(std::coroutine_handle<> h, Time at) {
        if (at == now_ && !shuffle_) return enqueue_now(reinterpret_cast<std::uintptr_t>(h.address()));
        push(at, next_sequence(at), reinterpret_cast<std::uintptr_t>(h.address()));
    }
    void schedule_now(std::coroutine_handle<> h) { schedule(h, now_); }
    /// For an item that is to come at `at`.
    std::uint64_t next_sequence(Time at) { return shuffle_ ? shuffled_sequence(at) : ++sequence_; }
    void arm(Timer& t, Time at);

    void adopt(RootHook& root) { roots_.push_back(root); }
    /// Destroys every unfinished root task. Call before the models that they refer to go away. Afterwards nothing runs.
    void shutdown();
    /// As shutdown(), but what is scheduled afterwards runs: other models can take the place of those that went away.
    void clear();
    void fail(std::exception_ptr e);

    /// Runs everything before `end` (half-open, like sc_start). Returns early after stop(). Rethrows what a root task threw.
    void run_until(Time end);
    void run_for(Duration d) { run_until(now_ + d); }
    /// Runs until no item is left, or `limit`.
    void run_until_idle(Time limit = Time::never());
    void stop() { stop_ = true; }
    bool stopped() const { return stop_; }
    bool idle() const { return heap_.empty() && today_.empty() && timers_.empty() && bridge_.empty(); }
    Time next_item_time() const;

    void perturb(const Perturbation& p);
    /// The seed of the run's streams; 0 until perturb() says another.
    static std::uint64_t seed() { return exists() ? current().seed_ : 0; }
    /// `d` and a share of the bound that is drawn from the stream of `who`.
    Duration jitter(Duration d, std::string_view who);
    /// Off: one SystemC wake-up per distinct time even inside run_until(). For tests and async-update channels.
    void set_run_ahead(bool on) { run_ahead_ = on; }
    std::uint64_t items_run() const { return items_run_; }

    /// For code that SystemC calls (TLM targets, foreign processes): brings now() up to sc_time_stamp() and makes sure that
    /// what it schedules is seen.
    void entered_from_kernel();
    /// True while a bridged item runs: only then may a coroutine touch SystemC objects.
    bool at_kernel_time() const { return bridged_; }
    void schedule_bridged(std::coroutine_handle<> h) { bridge_.push(h); }

private:
    friend class Lane;
    struct Item {
        Time time;
        std::uint64_t seq;
        std::uintptr_t target;       ///< coroutine address, or Lane* with bit 0 set
        bool before(const Item& o) const { return time != o.time ? time < o.time : seq < o.seq; }
    };
    using Timers = boost::intrusive::multiset<Timer, boost::intrusive::constant_time_size<false>>;
    using Roots = boost::intrusive::list<RootHook, boost::intrusive::constant_time_size<false>>;

    void push(Time at, std::uint64_t seq, std::uintptr_t target);
    void enqueue_now(std::uintptr_t target) {
        if (closed_) return;
        today_.push(target);
    }
    Item pop_heap();
    void resume(std::uintptr_t target);
    bool step(Time limit);
    void drain();
    void run_bridged();
    void wake_at(Time t);
    void rethrow();

    static inline Calendar* current_ = nullptr;
    Time now_;
    Time end_ = Time::never();
    bool bounded_ = false, run_ahead_ = true, stop_ = false, shuffle_ = false, closed_ = false, bridged_ = false,
         draining_ = false;
    std::uint64_t sequence_ = 0, items_run_ = 0;
    std::vector<Item> heap_;
    Fifo<std::uintptr_t> today_;
    Fifo<std::coroutine_handle<>> bridge_;
    Timers timers_;
    Roots roots_;
    std::uint64_t shuffled_sequence(Time at);
    std::uint64_t seed_ = 0, order_ = 0;
    Time shuffled_now_;
    std::unordered_map<std::int64_t, std::uint64_t> shuffled_; ///< items scheduled at this instant, by the one they are to come at
    std::unordered_map<std::string, Random> jitter_; ///< by entity
    Duration jitter_bound_{};
    std::exception_ptr failure_;
    sc_core::sc_event wake_;
};

inline Time now() { return Calendar::current().now(); }

/// Coroutines that leave in the order they came, each at an instant not before its predecessor's: fixed-latency stages,
/// wires, in-order memories. However many are inside, the calendar holds one entry, for the head.
class Lane {
public:
    Lane() = default;
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// Resumes `h` at `at`, which must not be before the time given for anything still inside.
    void push(std::coroutine_handle<> h, Time at) {
        Calendar& c = Calendar::current();
        const bool first = inside_.empty();
        inside_.push({at, c.next_sequence(at), h});
        if (first) c.push(at, inside_.front().seq, tagged());
    }
    std::size_t size() const { return inside_.size(); }

private:
    friend class Calendar;
    struct Entry {
        Time at;
        std::uint64_t seq;
        std::coroutine_handle<> who;
    };
    std::uintptr_t tagged() { return reinterpret_cast<std::uintptr_t>(this) | 1u; }
    std::coroutine_handle<> leave(Calendar& c) {
        auto who = inside_.pop().who;
        if (!inside_.empty()) c.push(inside_.front().at, inside_.front().seq, tagged());
        return who;
    }
    Fifo<Entry> inside_;
};

// ---- delays -------------------------------------------------------------------------------------------------------

/// co_await until(t): goes on at instant `t`; at once if it is not in the future.
struct until {
    Time at;
    explicit until(Time t) : at(t) {}
    bool await_ready() const { return at <= now(); }
    void await_suspend(std::coroutine_handle<> h) const { Calendar::current().schedule(h, at); }
    void await_resume() const {}
};

/// co_await delay(d): goes on `d` later; a zero delay does not suspend.
struct delay : until {
    explicit delay(Duration d) : until(now() + d) {}
};

/// co_await jittery_delay(d, who): as delay(d), plus the calendar's bounded jitter when perturbation is on. Whoever it is has a
/// stream of its own.
struct jittery_delay : until {
    jittery_delay(Duration d, std::string_view who) : until(now() + Calendar::current().jitter(d, who)) {}
};

/// co_await yield(): lets everything already scheduled for this instant run first.
struct yield {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> h) const { Calendar::current().schedule_now(h); }
    void await_resume() const {}
};

/// co_await at_kernel(): goes on when sc_time_stamp() has reached now(); until the next suspension the coroutine may touch
/// SystemC objects (notify, write a signal, call out without blocking). The calendar yields a delta before its next item.
struct at_kernel {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> h) const { Calendar::current().schedule_bridged(h); }
    void await_resume() const {}
};

} // namespace quiesce::sim
