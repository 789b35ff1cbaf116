// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/commands.h"

#include <algorithm>
#include <utility>

namespace quiesce::iommu::amdvi {

CommandBuffer::CommandBuffer(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                             Signals& signals, CommandTargets targets, const Identity& id, const AmdviConfig& config)
    : unit_(unit), actor_(std::string(unit.text()) + ".cmdbuf"), level_name_(std::string(unit.text()) + ".cmdbuf.depth"),
      wait_phase_("wait"), events_(events), regs_(regs), memory_(memory), signals_(signals), on_(targets), id_(id),
      fetch_(config.command_fetch.get()), execute_(config.command_execute.get()),
      early_sync_(has_bug(config.bugs, "early-sync")) {
    for (const CommandRow& row : command_rows()) names_[raw(row.opcode)] = base::Name{row.name()};
}

// ---- the buffer -----------------------------------------------------------------------------------------------------

CommandBuffer::Ring CommandBuffer::ring() const {
    const u32 log2 = static_cast<u32>(std::max(regs_.get(CmdBufBar::Len), smallest_ring));
    const u32 inside = (u32{1} << log2) - 1;
    return {log2, regs_.get(CmdTail::Ptr) & inside, regs_.get(CmdHead::Ptr) & inside};
}

bool CommandBuffer::may_run() const { return regs_.get(Status::CmdBufRun) && !ring().empty(); }

void CommandBuffer::kick() {
    level();
    if (running_ || !may_run()) return;
    running_ = true;
    sim::start(run());
}

/// Commands are fetched from when the buffer, and the unit, are switched on until one of them is switched off, or a command
/// is wrong.
void CommandBuffer::control_written(Control now, Control before) {
    const auto wanted = [](Control c) { return c.get(Control::IommuEn) && c.get(Control::CmdBufEn); };
    if (wanted(now) == wanted(before)) return;
    regs_.set(Status::CmdBufRun, wanted(now));
    if (wanted(now) && failure_) events_.emit(GlobalError{unit_, "CmdBufRun", std::exchange(failure_, {}), false});
    kick();
}

void CommandBuffer::base_written(CmdBufBar before) {
    if (regs_.get(Status::CmdBufRun)) return regs_.write(before);
    regs_.write(CmdHead{});
    regs_.write(CmdTail{});
    level();
}

sim::Task<void> CommandBuffer::run() {
    while (may_run()) {
        co_await sim::delay(fetch_);
        const Spa at = regs_.get(CmdBufBar::Base) + ring().cons_index() * ring_entry_bytes;
        Command::Words words{};
        memory::Origin origin;
        origin.purpose = memory::Purpose::QueueRead;
        const memory::Status status = co_await memory_.fetch(at, words, origin);
        if (status != memory::Status::Ok)
            co_await fail(EventCode::CommandHardwareError, at);
        else
            co_await execute(Command::from_words(words), at);
    }
    running_ = false;
}

/// A command that is wrong stays at the head. MODEL: so NOVA repairs it there; VirtualBox has moved on, QEMU goes on.
sim::Task<void> CommandBuffer::execute(Command c, Spa at) {
    co_await sim::delay(execute_);
    if (!regs_.get(Status::CmdBufRun)) co_return;
    const Decode decoded = decode_command(c, id_);
    if (!decoded.legal) {
        co_await fail(EventCode::IllegalCommandError, at);
        co_return;
    }
    const u64 sequence = ++sequence_;
    begin(c, decoded, at);
    const Ring r = ring();
    regs_.set(CmdHead::Ptr, r.next(r.cons));
    level();
    if (c.get(Command::Op) != Opcode::CompletionWait) {
        consumed(c, sequence, at);
        co_return;
    }
    const auto wait = view_as<CompletionWait>(c);
    begin_wait(wait, at);
    const u64 mine = waits_begun_;
    while (wait.get(CompletionWait::Flush) && waits_over_ < mine) co_await wait_over_.wait();
}

/// Nothing further is fetched until software has switched the buffer off and on again.
sim::Task<void> CommandBuffer::fail(EventCode why, Spa at) {
    regs_.set(Status::CmdBufRun, false);
    failure_ = base::Name{base::enum_text(why)};
    events_.emit(GlobalError{unit_, "CmdBufRun", failure_, true});
    co_await on_.events.log(make_command_event(why, at));
}

void CommandBuffer::consumed(const Command& c, u64 sequence, Spa at) {
    events_.emit(CommandConsumed{unit_, sequence, names_[raw(c.get(Command::Op))], c.word(0), c.word(1), {at}});
}

void CommandBuffer::level() { events_.emit(base::LevelChanged{level_name_, ring().used()}); }

// ---- commands -------------------------------------------------------------------------------------------------------

void CommandBuffer::begin(const Command& c, const Decode& d, Spa at) {
    forget_reports(c);
    if (d.work) on_.agent.invalidate(sequence_, d.work->kind, d.work->scope);
    // MODEL: behind the invalidations before it, lest the device asks again and is told what they remove: Linux from 6.7 on
    // puts no COMPLETION_WAIT between.
    if (d.device && ats_port_ != nullptr) {
        DeviceInvalidation device = *d.device;
        device.what.unit = unit_;
        device.what.sequence = sequence_;
        sim::start(invalidate_device(device, at, sequence_, on_.agent.fences().owe(sequence_)));
    }
    if (d.page_response) on_.page_requests.respond(*d.page_response);
    if (c.get(Command::Op) == Opcode::PrefetchIommuPages)
        sim::start(prefetch(view_as<PrefetchIommuPages>(c), on_.agent.fences().owe(sequence_)));
}

/// What SE has suppressed may be told again once the entry is fetched anew.
void CommandBuffer::forget_reports(const Command& c) {
    if (c.get(Command::Op) == Opcode::InvalidateIommuAll) on_.events.all_invalidated();
    if (c.get(Command::Op) != Opcode::InvalidateDevtabEntry) return;
    const auto k = view_as<InvalidateDevtabEntry>(c);
    on_.events.entry_invalidated(StreamId{raw(k.get(InvalidateDevtabEntry::DeviceID))});
}

/// MODEL: the hint is not taken; what Inval asks to forget first is forgotten, of the context that the device has now.
sim::Task<void> CommandBuffer::prefetch(PrefetchIommuPages c, Obligation owed) {
    const Obligation held = std::move(owed);
    if (!c.get(PrefetchIommuPages::Inval)) co_return;
    TranslationRequest r{};
    r.stream = StreamId{raw(c.get(PrefetchIommuPages::DeviceID))};
    r.has_pasid = c.get(PrefetchIommuPages::GN);
    r.pasid = c.get(PrefetchIommuPages::PASID);
    r.at = c.get(PrefetchIommuPages::Address);
    auto way = on_.resolver.resolve(r);
    const ContextOutcome found = co_await std::move(way);
    if (!found.ok) co_return;
    const u64 sequence = forget(found.context, pages_of(r.at, c.get(PrefetchIommuPages::S)));
    co_await on_.agent.invalidations().wait_finished(sequence);
}

u64 CommandBuffer::forget(const Context& c, std::optional<IovaRange> pages) {
    Scope s;
    s.in = bit_of(CacheKind::Translation) | bit_of(CacheKind::Walk);
    s.domain = c.domain;
    s.space = c.space;
    s.range = pages;
    const u64 sequence = ++sequence_;
    on_.agent.invalidate(sequence, InvalidationKind::Translation, s);
    return sequence;
}

sim::Task<void> CommandBuffer::forget_asked(TranslationRequest r) {
    auto way = on_.resolver.resolve(r);
    const ContextOutcome found = co_await std::move(way);
    if (!found.ok) co_return;
    const u64 sequence = forget(found.context, pages_of(r.at, false));
    co_await on_.agent.invalidations().wait_applied(sequence);
}

sim::Duration CommandBuffer::time_out() const {
    static constexpr i64 milliseconds[] = {0, 1, 10, 100, 1'000, 10'000, 100'000, 0};
    return sim::Duration::ps(1'000'000'000) * milliseconds[raw(regs_.get(Control::InvTimeOut))];
}

sim::Task<void> CommandBuffer::exchange(AtsPort* port, AtcInvalidation what, std::shared_ptr<Exchange> into) {
    auto asked = port->invalidate(what);
    into->answer = co_await std::move(asked);
    into->answered.set();
}

/// False: no answer in time. One that comes later is nobody's.
sim::Task<bool> CommandBuffer::ask(AtcInvalidation what) {
    const auto both = std::make_shared<Exchange>();
    sim::start(exchange(ats_port_, what, both));
    const sim::Duration limit = time_out();
    bool answered = true;
    if (limit == sim::Duration{})
        co_await both->answered.wait();
    else
        answered = co_await both->answered.wait_for(limit);
    co_return answered && both->answer != AtcAnswer::TimedOut;
}

/// MaxPend of those with the same QueueID are under way at once; the others wait in their order.
sim::Task<void> CommandBuffer::invalidate_device(DeviceInvalidation d, Spa command, u64 behind, Obligation owed) {
    const Obligation held = std::move(owed); // COMPLETION_WAIT waits for it
    DeviceQueue& queue = devices_[d.queue];
    const u64 place = queue.last++;
    co_await on_.agent.invalidations().wait_finished(behind);
    while (queue.begun != place || queue.under_way >= d.most) co_await queue.moved.wait();
    ++queue.begun;
    ++queue.under_way;
    queue.moved.notify_all();
    auto asked = ask(d.what);
    const bool answered = co_await std::move(asked);
    --queue.under_way;
    queue.moved.notify_all();
    if (answered) co_return;
    const Event e = make_timeout_event(RequesterId{static_cast<u16>(raw(d.what.stream))}, command);
    co_await on_.events.log(e);
}

// ---- COMPLETION_WAIT ------------------------------------------------------------------------------------------------

void CommandBuffer::begin_wait(const CompletionWait& c, Spa at) {
    ++waits_begun_;
    sim::start(wait(c, sequence_, waits_begun_, at));
}

/// Waits complete one after the other.
sim::Task<void> CommandBuffer::wait(CompletionWait c, u64 upto, u64 number, Spa at) {
    base::Activity span{events_, actor_, wait_phase_, {}, doorbell_span_};
    // bug early-sync: reports what has not happened yet; the invalidations go on in the background
    if (!early_sync_) co_await on_.agent.fence(upto);
    while (waits_over_ + 1 < number) co_await wait_over_.wait();
    last_wait_span_ = span.id(); // before the sign: whoever it wakes may ask
    co_await signal(c, upto);
    consumed(as_command(c), upto, at); // to observers it leaves the buffer when it is over
    waits_over_ = number;
    wait_over_.notify_all();
}

/// MODEL: a store that memory refuses is a COMMAND_HARDWARE_ERROR, with the address of the store.
sim::Task<void> CommandBuffer::signal(CompletionWait c, u64 upto) {
    const bool message = c.get(CompletionWait::S);
    if (message) {
        memory::Origin origin;
        origin.purpose = memory::Purpose::Msi;
        const Spa to = c.get(CompletionWait::StoreAddress);
        const memory::Status stored = co_await memory_.write64(to, c.get(CompletionWait::StoreData), origin);
        if (stored != memory::Status::Ok) co_await fail(EventCode::CommandHardwareError, to);
    }
    if (c.get(CompletionWait::I)) signals_.raise(Status::ComWaitInt);
    events_.emit(FenceSignalled{unit_, upto, message});
}

} // namespace quiesce::iommu::amdvi
