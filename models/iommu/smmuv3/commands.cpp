// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/commands.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {

FirstCommandInterface::Ring FirstCommandInterface::ring() const {
    const u64 log2size = regs_.get(CmdqBase::LOG2SIZE);
    return {static_cast<u32>(std::min<u64>(log2size, max_log2_)), regs_.get(CmdqProd::WR), regs_.get(CmdqCons::RD)};
}

/// 4.1.1, 7.1: RD stays at the command, ERR says why, then the error becomes active; nothing is consumed until GERRORN
/// answers.
void FirstCommandInterface::fail(CommandError why) {
    regs_.set(CmdqCons::ERR, why);
    signals_.raise(Gerror::CMDQ_ERR, base::enum_text(why));
}

CommandEngine::CommandEngine(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                             Signals& signals, CommandTargets targets, const Identity& id, const Smmuv3Config& config)
    : unit_(unit), sync_phase_("sync"), events_(events), regs_(regs), memory_(memory), signals_(signals), on_(targets),
      id_(id), fetch_(config.command_fetch.get()), execute_(config.command_execute.get()),
      early_sync_(has_bug(config.bugs, "early-sync")) {
    for (const CommandRow& row : command_rows()) names_[raw(row.op)] = base::Name{row.name};
}

CommandQueue::CommandQueue(CommandEngine& engine, CommandInterface& interface, const std::string& name, bool apart)
    : e_(engine), at_(interface), actor_(std::string(engine.unit_.text()) + name),
      level_name_(std::string(engine.unit_.text()) + name + ".depth"), told_as_(apart ? actor_ : engine.unit_),
      apart_(apart ? actor_ : base::Name{}) {}

void CommandQueue::kick() {
    level();
    if (running_ || !may_run()) return;
    running_ = true;
    sim::start(run());
}

sim::Task<void> CommandQueue::idle() {
    while (running_) co_await stopped_.wait();
}

/// MODEL: each queue fetches its commands by itself, one at a time.
sim::Task<void> CommandQueue::run() {
    // The wish is asked too: a queue that is being switched off finishes its command and takes no other (6.3.9).
    while (may_run() && at_.wanted()) {
        co_await sim::delay(e_.fetch_);
        const CommandInterface::Ring r = at_.ring();
        const Spa queue = at_.base().align_down(std::max<u64>(32, command_bytes << r.log2size));
        Command::Words words{};
        memory::Origin origin;
        origin.purpose = memory::Purpose::QueueRead;
        entry_ = queue + r.cons_index() * command_bytes;
        if (co_await e_.memory_.fetch(entry_, words, origin) != memory::Status::Ok)
            at_.fail(CommandError::Abort);
        else
            co_await execute(Command::from_words(words));
    }
    running_ = false;
    stopped_.notify_all();
}

/// The decoder is free for other queues while a CMD_SYNC waits.
sim::Task<void> CommandQueue::execute(Command c) {
    auto turn = co_await e_.decoder_.acquire();
    co_await sim::delay(e_.execute_);
    const Decode d = decode_command(c, e_.id_);
    if (!d.legal) {
        at_.fail(CommandError::Illegal);
        co_return;
    }
    const u64 sequence = ++e_.sequence_;
    begin(d, sequence);
    turn.release();
    bool done = true;
    if (c.get(Command::Op) == Opcode::SYNC)
        done = co_await sync(c, sequence);
    else
        last_ = sequence;
    if (done) consume(c, sequence);
}

void CommandQueue::begin(const Decode& d, u64 sequence) {
    if (d.work) e_.on_.agent.invalidate(sequence, d.work->kind, d.work->scope, apart_);
    // 4.5.1: ignored while the unit is disabled.
    if (d.atc && e_.ats_port_ != nullptr && e_.regs_.get(Cr0Ack::SMMUEN))
        sim::start(invalidate_atc(told(*d.atc, sequence), e_.on_.agent.fences().owe(sequence, apart_)));
    // 4.7.3: no CMD_SYNC waits for these; they are complete when they are consumed.
    if (d.page_response) e_.on_.page_requests.respond(*d.page_response);
    if (d.stall) e_.on_.stalls.carry_out(*d.stall);
}

AtcInvalidation CommandQueue::told(AtcInvalidation what, u64 sequence) const {
    what.unit = told_as_;
    what.sequence = sequence;
    return what;
}

sim::Task<void> CommandQueue::invalidate_atc(AtcInvalidation what, Obligation owed) {
    const Obligation held = std::move(owed); // a CMD_SYNC waits for it
    auto asked = e_.ats_port_->invalidate(what);
    const AtcAnswer answer = co_await std::move(asked);
    // An endpoint without an ATC answers UR: the command completes without an error.
    if (answer == AtcAnswer::TimedOut) atc_timed_out_ = true;
}

/// 3.5.6.1: of its own queue's commands. MODEL: of events it waits for all that have been taken, whosever they are.
sim::Task<bool> CommandQueue::sync(Command c, u64 sequence) {
    base::Activity span{e_.events_, actor_, e_.sync_phase_, {}, doorbell_span_};
    if (!e_.early_sync_) { // bug early-sync: reports what has not happened yet; invalidations go on in the background
        co_await e_.on_.agent.fence(last_, apart_);
        co_await e_.on_.event_queue.drained();
        if (std::exchange(atc_timed_out_, false)) { // 4.5.1, 4.7.3: no signal, and RD stays at the CMD_SYNC
            at_.fail(CommandError::AtcInvSync);
            co_return false;
        }
    }
    const Sync k = view_as<Sync>(c);
    const bool message =
        k.get(Sync::CS) == SyncSignal::Irq && e_.id_.idr0.get(Idr0::MSI) && k.get(Sync::MSIAddress) != Spa{0};
    last_sync_span_ = span.id(); // before the message: whoever it wakes may ask
    // 4.7.3: the completion is visible before CONS passes the command.
    if (message)
        co_await e_.signals_.sync_message(k.get(Sync::MSIAddress), k.get(Sync::MSIData));
    else if (k.get(Sync::CS) == SyncSignal::Irq)
        e_.signals_.wire(WiredLine::CmdSync);
    else if (k.get(Sync::CS) == SyncSignal::Sev && e_.id_.idr0.get(Idr0::SEV))
        e_.signals_.wire(WiredLine::Sev);
    e_.events_.emit(FenceSignalled{told_as_, sequence, message, {span.id()}});
    co_return true;
}

void CommandQueue::consume(const Command& c, u64 sequence) {
    const CommandInterface::Ring r = at_.ring();
    at_.consumed(r.next(r.cons));
    e_.events_.emit(
        CommandConsumed{told_as_, sequence, e_.names_[raw(c.get(Command::Op))], c.word(0), c.word(1), {entry_}});
    level();
}

void CommandQueue::level() { e_.events_.emit(base::LevelChanged{level_name_, at_.ring().used()}); }

} // namespace quiesce::iommu::smmuv3
