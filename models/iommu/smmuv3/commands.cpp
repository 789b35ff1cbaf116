// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/commands.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {

CommandQueue::CommandQueue(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                           Signals& signals, CommandTargets targets, const Identity& id, const Smmuv3Config& config)
    : unit_(unit), actor_(std::string(unit.text()) + ".cmdq"), level_name_(std::string(unit.text()) + ".cmdq.depth"),
      sync_phase_("sync"), events_(events), regs_(regs), memory_(memory), signals_(signals), on_(targets), id_(id),
      max_log2_(static_cast<unsigned>(id.idr1.get(Idr1::CMDQS))), fetch_(config.command_fetch.get()),
      execute_(config.command_execute.get()), early_sync_(config.has_bug("early-sync")) {
    for (const CommandRow& row : command_rows()) names_[raw(row.op)] = base::Name{row.name};
}

CommandQueue::Ring CommandQueue::ring() const {
    const u64 log2size = regs_.get(CmdqBase::LOG2SIZE);
    return {static_cast<u32>(std::min<u64>(log2size, max_log2_)), regs_.get(CmdqProd::WR), regs_.get(CmdqCons::RD)};
}

bool CommandQueue::may_run() const {
    return regs_.get(Cr0Ack::CMDQEN) && !signals_.active(Gerror::CMDQ_ERR) && !ring().empty();
}

void CommandQueue::kick() {
    level();
    if (running_ || !may_run()) return;
    running_ = true;
    sim::start(run());
}

sim::Task<void> CommandQueue::idle() {
    while (running_) co_await stopped_.wait();
}

sim::Task<void> CommandQueue::run() {
    // CR0.CMDQEN is asked too: a queue that is being switched off finishes its command and takes no other (6.3.9).
    while (may_run() && regs_.get(Cr0::CMDQEN)) {
        co_await sim::delay(fetch_);
        const Ring r = ring();
        const Spa queue = regs_.get(CmdqBase::ADDR).align_down(std::max<u64>(32, command_bytes << r.log2size));
        Command::Words words{};
        memory::Origin origin;
        origin.purpose = memory::Purpose::QueueRead;
        if (co_await memory_.fetch(queue + r.cons_index() * command_bytes, words, origin) != memory::Status::Ok)
            fail(CommandError::Abort);
        else
            co_await execute(Command::from_words(words));
    }
    running_ = false;
    stopped_.notify_all();
}

sim::Task<void> CommandQueue::execute(Command c) {
    co_await sim::delay(execute_);
    const Decode d = decode_command(c, id_);
    if (!d.legal) {
        fail(CommandError::Illegal);
        co_return;
    }
    const CommandRow& row = *command_row(c.get(Command::Op));
    ++sequence_;
    begin(d);
    bool done = true;
    if (row.op == Opcode::SYNC) done = co_await sync(c);
    if (done) consume(c, row);
}

void CommandQueue::begin(const Decode& d) {
    if (d.work) on_.agent.invalidate(sequence_, d.work->kind, d.work->scope);
    // 4.5.1: ignored while the unit is disabled.
    if (d.atc && ats_port_ != nullptr && regs_.get(Cr0Ack::SMMUEN))
        sim::start(invalidate_atc(*d.atc, on_.agent.fences().owe(sequence_)));
    // 4.7.3: no CMD_SYNC waits for these; they are complete when they are consumed.
    if (d.page_response) on_.page_requests.respond(*d.page_response);
    if (d.stall) on_.stalls.carry_out(*d.stall);
}

sim::Task<void> CommandQueue::invalidate_atc(AtcInvalidation what, Obligation owed) {
    const Obligation held = std::move(owed); // a CMD_SYNC waits for it
    auto asked = ats_port_->invalidate(what);
    const AtcAnswer answer = co_await std::move(asked);
    // An endpoint without an ATC answers UR: the command completes without an error.
    if (answer == AtcAnswer::TimedOut) atc_timed_out_ = true;
}

sim::Task<bool> CommandQueue::sync(Command c) {
    base::Activity span{events_, actor_, sync_phase_, {}, doorbell_span_};
    if (!early_sync_) { // bug early-sync: reports what has not happened yet; the invalidations go on in the background
        co_await on_.agent.fence(sequence_);
        co_await on_.event_queue.drained();
        if (std::exchange(atc_timed_out_, false)) { // 4.5.1, 4.7.3: no signal, and RD stays at the CMD_SYNC
            fail(CommandError::AtcInvSync);
            co_return false;
        }
    }
    const Sync k = view_as<Sync>(c);
    const bool message =
        k.get(Sync::CS) == SyncSignal::Irq && id_.idr0.get(Idr0::MSI) && k.get(Sync::MSIAddress) != Spa{0};
    last_sync_span_ = span.id(); // before the message: whoever it wakes may ask
    // 4.7.3: the completion is visible before CONS passes the command.
    if (message)
        co_await signals_.sync_message(k.get(Sync::MSIAddress), k.get(Sync::MSIData));
    else if (k.get(Sync::CS) == SyncSignal::Irq)
        signals_.wire(WiredLine::CmdSync);
    else if (k.get(Sync::CS) == SyncSignal::Sev && id_.idr0.get(Idr0::SEV))
        signals_.wire(WiredLine::Sev);
    events_.emit(FenceSignalled{unit_, sequence_, message});
    co_return true;
}

void CommandQueue::consume(const Command& c, const CommandRow& row) {
    regs_.set(CmdqCons::RD, ring().next(regs_.get(CmdqCons::RD)));
    events_.emit(CommandConsumed{unit_, sequence_, names_[raw(row.op)], c.word(0), c.word(1)});
    level();
}

/// 4.1.1, 7.1: RD stays at the command, ERR says why, then the error becomes active; nothing is consumed until GERRORN
/// answers.
void CommandQueue::fail(CommandError why) {
    regs_.set(CmdqCons::ERR, why);
    signals_.raise(Gerror::CMDQ_ERR, base::enum_text(why));
}

void CommandQueue::level() { events_.emit(base::LevelChanged{level_name_, ring().used()}); }

} // namespace quiesce::iommu::smmuv3
