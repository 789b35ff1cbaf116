// SPDX-License-Identifier: Apache-2.0
/// Threads that give a device work from user space: a portal of the device mapped into the process, ENQCMD with the
/// thread's PASID register (facts/linux-sva.md 6.7), MOVDIR64B where the device's queue has the PASID, and polling for
/// completion records.
///
/// On x86 ENQCMD puts IA32_PASID into bits 31:0 of the 64 bytes, its valid bit left out (a user's work is not
/// privileged). On Arm ST64BV0 puts ACCDATA_EL1 there; the kernel keeps it per thread in the same way.
/// MODEL: on every kernel and architecture as Linux has it on x86 from 5.18 on (a register loaded at the first #GP, a PASID
/// that lives with the mm); 5.10 to 5.12 loaded it in all threads at the bind, 5.13 to 5.17 and Arm have no ENQCMD.
#include "os/kernel.h"

#include <algorithm>
#include <cstring>

namespace quiesce::os {
namespace {

constexpr u64 record_bytes = 32,
              single_records = 512; ///< slots from here on are for single descriptors, one for each thread

std::string thread_name(const Process& p, unsigned thread) { return p.name + "/" + std::to_string(thread); }

/// What the CPU sends: the first word is not the user's.
memory::Line with_pasid(memory::Line line, Pasid pasid) {
    const u32 word = raw(pasid);
    for (unsigned i = 0; i < sizeof word; ++i) line.bytes[i] = static_cast<std::byte>(word >> 8 * i);
    return line;
}

} // namespace

// ---- portals --------------------------------------------------------------------------------------------------------

const drivers::Portal* Kernel::portal_of(const Process& p, const drivers::DeviceDriver& d) {
    const auto its = [&](const PortalMapping& m) { return m.device == &d; };
    const auto found = std::find_if(p.portals.begin(), p.portals.end(), its);
    return found == p.portals.end() ? nullptr : &found->portal;
}

/// The process's mmap of the device file, right after it was opened.
sim::Task<bool> Kernel::map_portal(KernelContext& ctx, Process& p, const Bond& bond) {
    const std::optional<drivers::Portal> portal = bond.device.portal(bond);
    if (!portal || portal_of(p, bond.device) != nullptr) co_return false;
    co_await ctx.spend(config_.process.system_call.get(), p.name);
    p.portals.push_back({&bond.device, *portal});
    co_return true;
}

sim::Task<void> Kernel::unmap_portal(KernelContext& ctx, Process& p, const drivers::DeviceDriver& d) {
    if (portal_of(p, d) == nullptr) co_return;
    std::erase_if(p.portals, [&](const PortalMapping& m) { return m.device == &d; });
    co_await ctx.spend(config_.mm.tlb_flush.get(), p.name);
}

// ---- one instruction ------------------------------------------------------------------------------------------------

/// try_fixup_enqcmd_gp: the mm has a PASID, and this thread has not had one loaded before.
bool Kernel::load_pasid(const KernelContext& ctx, Process& p, PasidRegister& reg) {
    const std::optional<Pasid> pasid = sva_.pasid_of(*p.mm);
    if (!pasid || reg.activated) return false;
    reg = {raw(*pasid) | PasidRegister::valid_bit, true};
    events_.emit(PasidLoaded{ctx.name(), p.mm->id(), *pasid});
    return true;
}

/// No signal is handled before the instruction is over. Full: the device said Retry.
sim::Task<UserSubmission> Kernel::put_line(KernelContext& ctx, Process& p, unsigned thread, drivers::DeviceDriver& d,
                                           memory::Line line) {
    if (p.dying()) co_return UserSubmission::Dying; // its death may wait for a call that waits for this thread
    const auto inside = co_await p.calls.read();
    if (p.dying()) co_return UserSubmission::Dying;
    const drivers::Portal* const mapped = portal_of(p, d);
    if (mapped == nullptr) co_return UserSubmission::NoPortal;
    const drivers::Portal portal = *mapped;
    if (!portal.deferrable) {
        co_await ctx.write_line(portal.at, line);
        co_return UserSubmission::Accepted; // as far as the thread can know
    }
    PasidRegister& reg = p.pasid_registers.at(thread);
    if (!reg.valid()) {
        co_await ctx.spend(config_.enqcmd.general_protection.get(), p.name);
        if (!load_pasid(ctx, p, reg)) co_return UserSubmission::NoPasid;
    }
    const memory::Enqueued answer = co_await ctx.enqueue(portal.at, with_pasid(line, reg.pasid()));
    if (answer == memory::Enqueued::Accepted) co_return UserSubmission::Accepted;
    co_return answer == memory::Enqueued::Retry ? UserSubmission::Full : UserSubmission::Failed;
}

sim::Task<UserSubmission> Kernel::submit_line(KernelContext& ctx, Process& p, unsigned thread, drivers::DeviceDriver& d,
                                              memory::Line line) {
    const Bond* const bond = sva_.latest(*p.mm, d);
    line.bond = bond != nullptr ? bond->id : no_bond;
    co_await ctx.spend(config_.enqcmd.describe.get(), p.name);
    co_await ctx.barrier(); // what the descriptor points at is visible before the device reads it
    UserSubmission how = UserSubmission::Full;
    for (unsigned tries = 0; how == UserSubmission::Full && tries <= config_.enqcmd.retries; ++tries) {
        if (ctx.slice_over()) co_await ctx.give_way();
        if (tries != 0) co_await ctx.spin(config_.enqcmd.retry_pause.get());
        auto put = put_line(ctx, p, thread, d, line);
        how = co_await std::move(put);
    }
    const PasidRegister& reg = p.pasid_registers.at(thread);
    events_.emit(UserSubmitted{ctx.name(), d.name(), p.mm->id(), line.bond, reg.valid(), reg.pasid(), how});
    if (how == UserSubmission::NoPortal) fatal_signal(p, "SIGBUS", "a store to a portal that it has not mapped");
    if (how == UserSubmission::NoPasid) fatal_signal(p, "SIGSEGV", "an ENQCMD without a PASID");
    co_return how;
}

void Kernel::fatal_signal(Process& p, base::Name signal, base::Name cause) {
    if (p.dying()) return;
    events_.emit(FatalSignal{p.name, p.mm->id(), signal, cause});
    sim::spawn(die(p, "kill", config_.process.signal.get()));
}

// ---- completion records ---------------------------------------------------------------------------------------------

/// A record's place is on the stack of the first thread, which is always there.
std::optional<Va> Kernel::record_at(const Process& p, u64 slot) {
    const Vma* const stack = p.mm->find("stack");
    if (stack == nullptr) return std::nullopt;
    return stack->start + slot * record_bytes % (stack->pages * page_size);
}

/// A thread looks at it for a while and then sleeps between two looks. 0: it did not come until then, or nobody waits
/// for it any more. MODEL: a signal interrupts the thread at its next look.
sim::Task<u8> Kernel::poll(KernelContext& ctx, Process& p, Va record, sim::Time until, const Submitter* submitter) {
    const sim::Time awake_until = sim::now() + config_.enqcmd.spin.get();
    while (!p.dying() && (submitter == nullptr || !submitter->end)) {
        if (ctx.slice_over()) co_await ctx.give_way();
        const std::optional<Spa> place = co_await user_page(ctx, p, record, false);
        if (!place) co_return 0;
        const u64 first = co_await ctx.load(*place);
        if ((first & 0xff) != 0) co_return static_cast<u8>(first & 0xff);
        if (sim::now() >= until) co_return 0;
        if (sim::now() < awake_until)
            co_await ctx.spin(config_.enqcmd.poll.get());
        else
            co_await ctx.sleep_on(sim::delay(config_.enqcmd.nap.get()), "user-wait", "completion record");
    }
    co_return 0;
}

// ---- a single descriptor --------------------------------------------------------------------------------------------

sim::Task<Kernel::Enqcmd> Kernel::one(KernelContext& ctx, Process& p, unsigned thread, drivers::DeviceDriver& d,
                                      drivers::Work work, sim::Duration patience) {
    const std::optional<Va> record = record_at(p, single_records + thread);
    if (p.dying() || !record) co_return Enqcmd{};
    const auto place = co_await user_page(ctx, p, *record, true);
    if (place) co_await ctx.store(*place, 0);
    Enqcmd result;
    auto submitted = submit_line(ctx, p, thread, d, d.describe(work, 0, *record));
    result.how = co_await std::move(submitted);
    if (result.how != UserSubmission::Accepted) co_return result;
    const sim::Time since = sim::now();
    const Bond* const bond = sva_.latest(*p.mm, d);
    auto polled = poll(ctx, p, *record,
                       since + (patience != sim::Duration{} ? patience : config_.enqcmd.patience.get()), nullptr);
    result.status = co_await std::move(polled);
    events_.emit(RecordAwaited{ctx.name(), d.name(), bond != nullptr ? bond->id : no_bond, result.status, since});
    co_return result;
}

sim::Task<Kernel::Enqcmd> Kernel::enqcmd(const std::string& name, unsigned thread, const std::string& device,
                                         const drivers::Work& work, sim::Duration patience) {
    Process& p = process(name);
    KernelContext ctx(scheduler_, thread_name(p, thread));
    co_await ctx.run();
    auto done = one(ctx, p, thread, *devices_.at(device), work, patience);
    const Enqcmd result = co_await std::move(done);
    ctx.stop();
    co_return result;
}

// ---- a stream of them -----------------------------------------------------------------------------------------------

/// False: a thread does already.
bool Kernel::begin_submitting(Process& p, drivers::DeviceDriver& d, const drivers::Work& work) {
    std::erase_if(p.submitters, [](const auto& s) { return s->over.is_set(); });
    const auto its = [&](const auto& s) { return &s->device == &d; };
    if (std::any_of(p.submitters.begin(), p.submitters.end(), its)) return false;
    p.submitters.push_back(std::make_shared<Submitter>(d));
    sim::spawn(keep_submitting(p, p.submitters.back(), work));
    return true;
}

/// In the last thread. A record's place is used again when the record has come, or has been waited for in vain.
sim::Task<void> Kernel::keep_submitting(Process& p, std::shared_ptr<Submitter> s, drivers::Work work) {
    const unsigned thread = p.threads - 1;
    const u64 limit =
        std::min<u64>(work.outstanding != 0 ? work.outstanding : config_.enqcmd.outstanding.get(), single_records);
    std::vector<sim::Time> since(limit);
    KernelContext ctx(scheduler_, thread_name(p, thread));
    co_await ctx.run();
    const Bond* const bond = sva_.latest(*p.mm, s->device);
    const BondId id = bond != nullptr ? bond->id : no_bond;
    sim::Time next = sim::now();
    UserSubmission how = UserSubmission::Accepted;
    for (u64 n = 0; how == UserSubmission::Accepted && (work.count == 0 || n < work.count); ++n) {
        const std::optional<Va> record = record_at(p, n % limit);
        if (!record) break;
        if (n >= limit) {
            auto polled = poll(ctx, p, *record, since[n % limit] + config_.enqcmd.patience.get(), s.get());
            const u8 status = co_await std::move(polled);
            if (s->end || p.dying()) break;
            events_.emit(RecordAwaited{ctx.name(), s->device.name(), id, status, since[n % limit]});
        }
        if (next > sim::now() + config_.enqcmd.spin.get())
            co_await ctx.sleep_on(s->changed.wait_until(next), "user-wait", "scenario");
        else if (next > sim::now())
            co_await ctx.spin(next - sim::now());
        if (s->end || p.dying()) break;
        next = std::max(next, sim::now()) + work.every;
        const auto place = co_await user_page(ctx, p, *record, true);
        if (place) co_await ctx.store(*place, 0);
        do { // as long as the device is full of others' work
            auto submitted = submit_line(ctx, p, thread, s->device, s->device.describe(work, n, *record));
            how = co_await std::move(submitted);
        } while (how == UserSubmission::Full && !s->end);
        since[n % limit] = sim::now();
    }
    s->over.set();
    ctx.stop();
}

sim::Task<void> Kernel::end_submitting(KernelContext& ctx, Process& p, const drivers::DeviceDriver& d) {
    for (const auto& s : std::vector<std::shared_ptr<Submitter>>(p.submitters)) {
        if (&s->device != &d) continue;
        s->end = true;
        s->changed.notify_all();
        co_await ctx.sleep_on(s->over.wait(), "user-wait", d.name());
    }
}

} // namespace quiesce::os
