// SPDX-License-Identifier: Apache-2.0
/// Commands of the driver: one at a time, in CMD; CMDSTS says that it is active and how it ended.
#include "devices/dsa.h"

#include <bit>

namespace quiesce::devices {

using namespace dsa;

void Dsa::give(CMD c) {
    if (regs_.get(CMDSTS::ACTIVE)) {
        ++refused_;
        return;
    }
    if (regs_.get(GENSTS::STATE) == DeviceState::Halted) { // MODEL: at once; what a halted device makes of a command is a guess
        regs_.write(CMDSTS{}.set(CMDSTS::ERR, CommandError::Hardware));
        raise(INTCAUSE::CMD, c.get(CMD::INT_REQ));
        return;
    }
    regs_.write(CMDSTS{}.set(CMDSTS::ACTIVE, true));
    sim::start(run(c));
}

sim::Task<void> Dsa::run(CMD c) {
    const u64 life = life_;
    base::Activity span{events(), name(), drain_phase_};
    command_span_ = span.id();
    co_await sim::delay(config_.command.get());
    CommandError error = CommandError::None;
    if (life == life_) {
        auto obeyed = obey(c.get(CMD::COMMAND), static_cast<u32>(c.get(CMD::OPERAND)));
        error = co_await std::move(obeyed);
    }
    span.end();
    if (life != life_) co_return; // a reset came, or the device halted
    regs_.write(CMDSTS{}.set(CMDSTS::ERR, error));
    raise(INTCAUSE::CMD, c.get(CMD::INT_REQ));
}

sim::Task<CommandError> Dsa::obey(Command command, u32 operand) {
    const bool enabled = regs_.get(GENSTS::STATE) == DeviceState::Enabled;
    const bool abandon =
        command == Command::AbortAll || command == Command::AbortPasid || command == Command::ResetDevice;
    switch (command) {
    case Command::EnableDevice: co_return enable_device();
    case Command::EnableQueue: co_return enable_queue(operand);
    case Command::DisableQueue:
    case Command::DrainQueue:
    case Command::AbortQueue:
    case Command::ResetQueue: {
        auto done = about_queues(command, operand);
        const CommandError error = co_await std::move(done);
        co_return error;
    }
    case Command::DisableDevice:
    case Command::DrainAll:
    case Command::AbortAll:
    case Command::ResetDevice:
    case Command::DrainPasid:
    case Command::AbortPasid: break;
    default: co_return CommandError::InvalidCommand;
    }
    if (!enabled && command != Command::ResetDevice) co_return CommandError::NotEnabled;
    Which which;
    if (command == Command::DrainPasid || command == Command::AbortPasid) which.pasid = Pasid{operand};
    if (command == Command::DisableDevice || command == Command::ResetDevice) disable(~u32{0});
    co_await drain(which, abandon);
    if (command == Command::DisableDevice || command == Command::ResetDevice) regs_.write(GENSTS{});
    if (command == Command::ResetDevice)
        for (Queue& q : queues_) q.setting = {};
    co_return CommandError::None;
}

CommandError Dsa::enable_device() {
    if (regs_.get(GENSTS::STATE) == DeviceState::Enabled) return CommandError::DeviceIsEnabled;
    if (!bus_master()) return CommandError::BusMasterOff;
    u64 total = 0;
    for (const Queue& q : queues_) total += q.setting.get(QueueSetting::SIZE);
    if (total > config_.entries) return CommandError::TotalSize;
    regs_.set(GENSTS::STATE, DeviceState::Enabled);
    return CommandError::None;
}

CommandError Dsa::enable_queue(u32 number) {
    if (regs_.get(GENSTS::STATE) != DeviceState::Enabled) return CommandError::DeviceNotEnabled;
    if (number >= config_.queues) return CommandError::InvalidQueue;
    Queue& q = queues_[number];
    const QueueSetting& s = q.setting;
    const bool shared = s.get(QueueSetting::MODE) == QueueMode::Shared;
    const u64 size = s.get(QueueSetting::SIZE), threshold = s.get(QueueSetting::THRESHOLD);
    u64 total = 0;
    for (const Queue& other : queues_) total += other.setting.get(QueueSetting::SIZE);
    if (q.enabled) return CommandError::QueueIsEnabled;
    if (size == 0 || total > config_.entries || (shared && (threshold == 0 || threshold > size)))
        return CommandError::QueueSize;
    if (s.get(QueueSetting::PRIORITY) == 0) return CommandError::QueuePriority;
    if ((shared || s.get(QueueSetting::PASID_EN)) && !config_space().get(pcie::cfg::PasidControl::Enable))
        return CommandError::QueuePasid;
    if (s.get(QueueSetting::MAX_XFER_SHIFT) > config_.max_transfer_shift) return CommandError::QueueTransferSize;
    q.enabled = true;
    return CommandError::None;
}

/// The operand has a bit for each of 16 queues, and which 16 they are.
sim::Task<CommandError> Dsa::about_queues(Command command, u32 operand) {
    const u32 those = operand >> 16 == 0 ? operand & 0xffff : 0;
    if (those == 0 || static_cast<unsigned>(std::bit_width(those)) > config_.queues)
        co_return CommandError::InvalidQueue;
    for (unsigned n = 0; n < config_.queues; ++n)
        if ((those >> n & 1) != 0 && !queues_[n].enabled) co_return CommandError::QueueNotEnabled;
    const bool abandon = command == Command::AbortQueue || command == Command::ResetQueue;
    if (command == Command::DisableQueue || command == Command::ResetQueue) disable(those);
    Which which;
    which.queues = those;
    co_await drain(which, abandon);
    if (command != Command::ResetQueue) co_return CommandError::None;
    for (unsigned n = 0; n < config_.queues; ++n)
        if ((those >> n & 1) != 0) queues_[n].setting = {};
    co_return CommandError::None;
}

/// They take nothing more; what they have is worked on.
void Dsa::disable(u32 those) {
    for (unsigned n = 0; n < dsa::max_queues; ++n)
        if ((those >> n & 1) != 0) queues_[n].enabled = false;
}

// ---- draining -------------------------------------------------------------------------------------------------------

/// facts/iommu-specs.md 4.1: what was inside when the command came is over, its reads answered, its writes globally
/// observable, its page requests answered or closed by a Stop Marker. What arrives later is not waited for.
sim::Task<void> Dsa::drain(Which which, bool abandon_it) {
    const u64 life = life_;
    which.before = number_ + 1;
    if (abandon_it) {
        abandon(which);
        co_await close_pages(which); // who waits for a page need not wait any longer
    }
    while (any(which)) co_await ended_.wait();
    const sim::Duration more = abandon_it ? sim::Duration{} : config_.drain_time.get().draw(drain_times_);
    if (more != sim::Duration{}) co_await sim::delay(more);
    if (life != life_) co_return;
    co_await flush(which);
    if (which.pasid && page_requests() != nullptr) {
        pcie::DmaRequest r;
        r.has_pasid = true;
        r.pasid = *which.pasid;
        if (!abandon_it) co_await page_requests()->stop(r);
        page_requests()->mark_stopped(r);
        if (!any(Which{.pasid = which.pasid})) co_return;
        page_requests()->begin(r); // what arrived later may ask
    }
}

/// MODEL: what waits in a queue leaves no completion record; what an engine has ends at its next step, without one.
void Dsa::abandon(const Which& which) {
    for (Queue& q : queues_) {
        q.waiting.remove_if([&](u32 place) { return which.holds(works_[place]); });
        level(q);
    }
    for (Work& w : works_) {
        if (!which.holds(w)) continue;
        if (w.running)
            w.abandoned = true;
        else
            end(w, Result{.status = Status::None}, RecordFate::NotWanted);
    }
}

sim::Task<void> Dsa::close_pages(Which which) {
    if (page_requests() == nullptr) co_return;
    std::vector<pcie::DmaRequest> asking;
    for (const Work& w : works_)
        if (which.holds(w)) asking.push_back(request_of(w));
    for (const pcie::DmaRequest& r : asking) co_await page_requests()->stop(r);
}

/// A zero-length read to the last page written pushes the posted writes, of every PASID alike.
sim::Task<void> Dsa::flush(Which which) {
    std::vector<pcie::DmaRequest> reads;
    for (auto at = unflushed_.begin(); at != unflushed_.end();) {
        const bool mine = !which.pasid || (at->second.has_pasid && at->second.pasid == *which.pasid);
        if (mine) reads.push_back(at->second);
        at = mine ? unflushed_.erase(at) : std::next(at);
    }
    for (pcie::DmaRequest r : reads) {
        std::byte nothing{};
        r.bytes = 0;
        if (!may_send(r)) r.has_pasid = r.privileged = false;
        co_await dma_read(r, &nothing);
    }
}

} // namespace quiesce::devices
