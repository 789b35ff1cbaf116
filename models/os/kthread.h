// SPDX-License-Identifier: Apache-2.0
/// A kernel context: a task inside the kernel, a kthread, an interrupt thread, a worker. It takes CPU time, loads and stores,
/// reaches registers, sleeps and spins; all its steps form one chain of spans.
#pragma once
#include "os/cpu.h"

#include <optional>

namespace quiesce::os {

/// What the page allocator asks about the process in whose name a context works (linux: current). Kernel threads have none.
struct CurrentTask {
    bool dying = false;      ///< SIGKILL is pending, or it exits
    bool oom_victim = false; ///< the OOM killer has chosen it: a part of the reserve is for it
};

class KernelContext {
public:
    /// Works on no CPU yet: `co_await run()` first. `begun_by`: the span that queued or woke it.
    KernelContext(Scheduler& scheduler, base::Name name, u64 begun_by = 0)
        : s_(scheduler), name_(name), number_(scheduler.next_context()), begun_by_(begun_by) {}
    KernelContext(const KernelContext&) = delete;
    ~KernelContext();

    base::Name name() const { return name_; }
    /// Several contexts can have one name, none the number of another.
    u64 number() const { return number_; }
    Scheduler& scheduler() { return s_; }
    base::EventBus& events() { return s_.events(); }
    sim::Task<void> run();
    /// Gives the CPU back: the context has nothing more to do.
    void stop();
    /// The CPU that it runs on; not asleep.
    unsigned cpu() const { return cpu_->number; }
    void set_current(const CurrentTask* t) { current_ = t; }
    const CurrentTask* current() const { return current_; }

    /// CPU time used for `on`.
    sim::Task<void> spend(sim::Duration d, base::Name on);
    sim::Task<void> store(Spa at, u64 value, unsigned bytes = 8) { return cpu_->store(at, value, bytes); }
    sim::Task<u64> load(Spa at, unsigned bytes = 8) { return cpu_->load(at, bytes); }
    /// dma_wmb, dsb: every store before it is visible.
    sim::Task<void> barrier() { return cpu_->barrier(); }
    sim::Task<void> mmio_write(Spa at, unsigned size, u64 value) { return s_.mmio().write(at, size, value); }
    sim::Task<u64> mmio_read(Spa at, unsigned size) { return s_.mmio().read(at, size); }
    /// 64 bytes at once: posted (MOVDIR64B), or with the device's answer (ENQCMD).
    sim::Task<void> write_line(Spa at, const memory::Line& line) { return s_.mmio().write_line(at, line); }
    sim::Task<memory::Enqueued> enqueue(Spa at, const memory::Line& line) { return s_.mmio().enqueue(at, line); }
    /// In user space, where the tick may take the CPU away: it has had it for a slice, and somebody waits for one.
    bool slice_over() const { return s_.waiting() > 0 && sim::now() - since_ >= s_.config().slice.get(); }
    sim::Task<void> give_way() {
        stop_cpu();
        co_await run();
    }
    /// Of an interrupt's thread, between two things to do: its part of the period is over. MODEL: counted from when it got its CPU,
    /// for each thread by itself.
    bool rt_over() const { return sim::now() - since_ >= s_.config().rt_runtime.get(); }
    /// Others have the rest of the period.
    sim::Task<void> throttle() {
        const sim::Duration period = s_.config().rt_period.get(), part = s_.config().rt_runtime.get();
        if (period > part) co_await sleep_on(sim::delay(period - part), "rt-throttled", "cpu");
    }
    /// Busy: the CPU is kept.
    sim::Task<void> spin(sim::Duration d) { co_await sim::delay(d); }

    /// Sleeps on anything awaitable; the CPU is free meanwhile. Asleep with interrupts off is a violation. `ender`, asked when
    /// the sleep is over, names the span that ended it. co_await it in the statement that calls it: it refers to `awaitable`,
    /// which most often is a temporary there.
    template <class Awaitable>
    auto sleep_on(Awaitable&& awaitable, base::Name phase, base::Name waits_for, std::function<u64()> ender = {})
        -> sim::Task<decltype(awaitable.await_resume())> {
        return sleep<Awaitable>(awaitable, phase, waits_for, std::move(ender));
    }

    /// Interrupts off on this CPU while it is held.
    class [[nodiscard]] IrqsOff {
    public:
        explicit IrqsOff(Cpu& c) : c_(&c) { c.irqs_off(); }
        IrqsOff(IrqsOff&& o) noexcept : c_(std::exchange(o.c_, nullptr)) {}
        ~IrqsOff() { if (c_) c_->irqs_on(); }
    private:
        Cpu* c_;
    };
    IrqsOff irqs_off() { return IrqsOff{*cpu_}; }
    bool atomic() const { return cpu_ != nullptr && !cpu_->takes_irqs(); }

    /// A named piece of work, or a wait, of this context; ends with the scope.
    base::Activity begin(base::Name phase, BondId bond = {}) { return wait_or_work(phase, {}, bond); }
    base::Activity begin_wait(base::Name phase, base::Name waits_for) { return wait_or_work(phase, waits_for, {}); }
    u64 last_span() const { return last_span_; }

private:
    template <class Awaitable>
    auto sleep(std::remove_reference_t<Awaitable>& awaitable, base::Name phase, base::Name waits_for, std::function<u64()> ender)
        -> sim::Task<decltype(awaitable.await_resume())> {
        check_may_sleep();
        const bool ready = awaitable.await_ready();
        if (ready) co_return awaitable.await_resume();
        auto wait = begin_wait(phase, waits_for);
        std::optional<Asleep> asleep{std::in_place, s_, name_, phase, waits_for};
        stop_cpu();
        if constexpr (std::is_void_v<decltype(awaitable.await_resume())>) {
            co_await Suspended<std::remove_reference_t<Awaitable>>{awaitable};
            asleep.reset();
            end_wait(wait, ender);
            co_await run_woken();
        } else {
            auto result = co_await Suspended<std::remove_reference_t<Awaitable>>{awaitable};
            asleep.reset();
            end_wait(wait, ender);
            co_await run_woken();
            co_return result;
        }
    }
    /// An awaitable that was found not ready: suspends on it without asking again.
    template <class A> struct Suspended {
        A& a;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> h) { a.await_suspend(h); }
        decltype(auto) await_resume() { return a.await_resume(); }
    };
    static void end_wait(base::Activity& wait, const std::function<u64()>& ender) {
        if (ender) wait.ended_by(ender());
        wait.end();
    }
    base::Activity wait_or_work(base::Name phase, base::Name waits_for, BondId bond) {
        base::Activity a(events(), name_, phase, waits_for, std::exchange(begun_by_, 0), bond);
        last_span_ = a.id();
        return a;
    }
    void check_may_sleep();
    void stop_cpu();
    sim::Task<void> run_woken();
    Scheduler& s_;
    base::Name name_;
    u64 number_;
    u64 begun_by_, last_span_ = 0;
    Cpu* cpu_ = nullptr;
    sim::Time since_{}; ///< that it has had it
    const CurrentTask* current_ = nullptr;
};

} // namespace quiesce::os
