// SPDX-License-Identifier: Apache-2.0
#include "os/cpu.h"

#include "base/text.h"
#include "os/kthread.h"

#include <algorithm>

namespace quiesce::os {

sim::Task<void> Cpu::store(Spa at, u64 value, unsigned bytes) {
    auto place = co_await places_.acquire();
    buffer_.push_back({at, value, bytes});
    taken_.push_back(std::move(place));
    if (draining_) co_return;
    draining_ = true;
    sim::spawn(drain());
}

sim::Task<void> Cpu::drain() {
    while (!buffer_.empty()) {
        Store s = buffer_.front();
        memory::Request r{s.at, reinterpret_cast<std::byte*>(&s.value), s.bytes, true, memory::Origin{}};
        co_await memory_.transport(r);
        buffer_.erase(buffer_.begin());
        taken_.erase(taken_.begin());
    }
    draining_ = false;
    empty_.notify_all();
}

sim::Task<u64> Cpu::load(Spa at, unsigned bytes) {
    for (auto s = buffer_.rbegin(); s != buffer_.rend(); ++s)
        if (s->at == at && s->bytes == bytes) co_return s->value;
    u64 value = 0;
    memory::Request r{at, reinterpret_cast<std::byte*>(&value), bytes, false, memory::Origin{}};
    co_await memory_.transport(r);
    co_return value;
}

sim::Task<void> Cpu::barrier() {
    while (draining_) co_await empty_.wait();
}

Scheduler::Scheduler(base::EventBus& events, const CpuConfig& config, memory::MemoryPort& memory, memory::MmioBus& mmio)
    : events_(events), config_(config), mmio_(mmio), idle_(config.cpus), leases_(config.cpus) {
    for (unsigned i = 0; i < config.cpus; ++i) cpus_.push_back(std::make_unique<Cpu>(i, memory, config.store_buffer));
}

sim::Task<Cpu*> Scheduler::run(KernelContext& who, bool woken) {
    if (woken) co_await sim::jittery_delay(config_.wake_up.get(), who.name().text());
    sim::Lease lease = co_await idle_.acquire();
    auto free = std::find_if(cpus_.begin(), cpus_.end(), [](auto& c) { return c->running == nullptr; });
    Cpu& cpu = **free;
    cpu.running = &who;
    leases_[cpu.number] = std::move(lease);
    events_.emit(CpuRuns{cpu.number, who.name()});
    co_await sim::jittery_delay(config_.context_switch.get(), who.name().text());
    co_return &cpu;
}

void Scheduler::leave(Cpu& cpu) {
    cpu.running = nullptr;
    events_.emit(CpuRuns{cpu.number, {}});
    leases_[cpu.number].release();
}

void Scheduler::interrupt(base::Name name, std::function<sim::Task<void>(KernelContext&)> handler, u64 begun_by) {
    sim::spawn(serve(name, std::move(handler), begun_by));
}

/// MODEL: an interrupt's handler runs beside what it interrupts; its CPU only has to have interrupts on when it is taken.
sim::Task<void> Scheduler::serve(base::Name name, std::function<sim::Task<void>(KernelContext&)> handler, u64 begun_by) {
    Cpu& cpu = *cpus_[next_irq_++ % cpus_.size()];
    co_await cpu.until_irqs_on();
    co_await sim::jittery_delay(config_.irq_entry.get(), name.text());
    KernelContext thread(*this, name, begun_by);
    co_await thread.run();
    co_await handler(thread);
    thread.stop();
}

// ---- contexts -------------------------------------------------------------------------------------------------------

Asleep::Asleep(Scheduler& scheduler, base::Name who, base::Name phase, base::Name waits_for)
    : scheduler_(scheduler), who_(who), phase_(phase), waits_for_(waits_for), since_(sim::now()) {
    place_ = scheduler_.asleep_.insert(scheduler_.asleep_.end(), this);
}

Asleep::~Asleep() {
    if (sim::Calendar::exists()) scheduler_.asleep_.erase(place_);
}

std::string Asleep::text() const {
    return std::string{who_.text()} + " sleeps in " + std::string{phase_.text()} + ", waiting for " +
           std::string{waits_for_.text()} + " since " + base::format_duration(since_ - sim::Time{});
}

std::string Scheduler::who_sleeps() const {
    std::string all;
    for (const Asleep* a : asleep_) all += (all.empty() ? "" : "; ") + a->text();
    return all;
}

KernelContext::~KernelContext() {
    if (cpu_ != nullptr && sim::Calendar::exists()) stop_cpu();
}

sim::Task<void> KernelContext::run() {
    cpu_ = co_await s_.run(*this, false);
    since_ = sim::now();
}
sim::Task<void> KernelContext::run_woken() {
    auto a = begin_wait("schedule", "cpu");
    cpu_ = co_await s_.run(*this, true);
    since_ = sim::now();
}
void KernelContext::stop() { stop_cpu(); }

void KernelContext::stop_cpu() {
    if (cpu_ != nullptr) s_.leave(*std::exchange(cpu_, nullptr));
}

sim::Task<void> KernelContext::spend(sim::Duration d, base::Name on) {
    co_await sim::delay(d);
    events().emit(CpuSpent{name_, on, static_cast<u64>(d.ps())});
}

void KernelContext::check_may_sleep() {
    if (atomic()) events().emit(OsViolation{"sleep-in-atomic", name_, BondId{}});
}

} // namespace quiesce::os
