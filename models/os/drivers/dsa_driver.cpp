// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/dsa_driver.h"

#include <algorithm>

namespace quiesce::os::drivers {

namespace dsa = devices::dsa;

namespace {
constexpr u64 default_transfer = 4096, transfer_alignment = 64;

/// The same sizes and places in every run: numbers that are spread well (the finaliser of SplitMix64).
u64 spread(u64 n) {
    n = (n ^ n >> 30) * 0xbf58'476d'1ce4'e5b9;
    n = (n ^ n >> 27) * 0x94d0'49bb'1331'11eb;
    return n ^ n >> 31;
}

dsa::Operation operation_of(const Work& w) {
    switch (w.operation) {
    case Work::Operation::Noop: return dsa::Operation::Noop;
    case Work::Operation::Drain: return dsa::Operation::Drain;
    case Work::Operation::Move: return dsa::Operation::Move;
    case Work::Operation::Fill: return dsa::Operation::Fill;
    case Work::Operation::Compare: return dsa::Operation::Compare;
    case Work::Operation::ByDirection: break;
    }
    const bool read = w.direction == Work::Direction::Read;
    return read                                    ? dsa::Operation::Compare
           : w.direction == Work::Direction::Write ? dsa::Operation::Fill
                                                   : dsa::Operation::Move;
}
} // namespace

DsaDriver::DsaDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel, const DsaDriverConfig& config,
                     Spa function, std::function<u64()> command_span)
    : PciDeviceDriver(name, device, stream, kernel, function, config.reset_wait.get()), config_(config),
      command_span_(std::move(command_span)) {}

sim::Task<void> DsaDriver::probe(KernelContext& ctx) {
    co_await pci_.enable_memory(ctx);
    co_await pci_.set_master(ctx);
    const dsa::WQCAP cap = co_await read<dsa::WQCAP>(ctx);
    queues_ = std::min(config_.queues.get(), static_cast<unsigned>(cap.get(dsa::WQCAP::QUEUES)));
    request_interrupt(command_span_);
    co_await configure(ctx);
}

/// The queues are alike, and the administrator has enabled the device and all of them.
sim::Task<void> DsaDriver::configure(KernelContext& ctx) {
    co_await write(ctx, dsa::MSI_ADDR{}.set(dsa::MSI_ADDR::ADDR, kernel_.interrupts().window().value()));
    co_await write(ctx, dsa::MSI_DATA::of(message_));
    co_await write(ctx, dsa::GENCTRL{}.set(dsa::GENCTRL::SOFTERR_INT_EN, true).set(dsa::GENCTRL::HALT_INT_EN, true));
    const dsa::GENCAP cap = co_await read<dsa::GENCAP>(ctx);
    dsa::QueueSetting s;
    s.set(dsa::QueueSetting::SIZE, config_.queue_size.get()).set(dsa::QueueSetting::MODE, config_.mode.get());
    s.set(dsa::QueueSetting::THRESHOLD, config_.threshold != 0u ? config_.threshold.get() : config_.queue_size.get());
    s.set(dsa::QueueSetting::BOF, config_.block_on_fault && cap.get(dsa::GENCAP::BLOCK_ON_FAULT))
        .set(dsa::QueueSetting::PRIORITY, config_.priority.get());
    s.set(dsa::QueueSetting::MAX_XFER_SHIFT, cap.get(dsa::GENCAP::MAX_XFER_SHIFT));
    for (unsigned n = 0; n < queues_; ++n)
        for (unsigned i = 0; i < dsa::QueueSetting::byte_count / 4; ++i)
            co_await ctx.mmio_write(pci_.bar0() + dsa::settings_at + n * dsa::QueueSetting::byte_count + i * 4, 4,
                                    s.word(i / 2) >> i % 2 * 32 & 0xffff'ffff);
    dsa::CommandError error = co_await issue(ctx, dsa::Command::EnableDevice, 0, {});
    for (unsigned n = 0; n < queues_ && error == dsa::CommandError::None; ++n) {
        const dsa::CommandError enabled = co_await issue(ctx, dsa::Command::EnableQueue, n, {});
        error = enabled;
    }
    if (error != dsa::CommandError::None) queues_ = 0; // idxd: the queues' users find no device
}

// ---- commands -------------------------------------------------------------------------------------------------------

/// idxd_cmd_exec: who comes while another one's command is active waits.
sim::Task<dsa::CommandError> DsaDriver::command(KernelContext& ctx, dsa::Command command, u32 operand, BondId bond) {
    auto held = co_await ctx.sleep_on(commands_.lock(), "device-lock", name_);
    auto issued = issue(ctx, command, operand, bond);
    const dsa::CommandError error = co_await std::move(issued);
    co_return error;
}

/// idxd_device_is_halted, before every command.
sim::Task<bool> DsaDriver::halted(KernelContext& ctx) {
    const dsa::GENSTS state = co_await read<dsa::GENSTS>(ctx);
    co_return !gone_ && !in_reset_ && state.get(dsa::GENSTS::STATE) == dsa::DeviceState::Halted;
}

/// A device that is gone or that is being reset has nothing left to wait for.
sim::Task<dsa::CommandError> DsaDriver::issue(KernelContext& ctx, dsa::Command command, u32 operand, BondId bond) {
    if (gone_) co_return dsa::CommandError::None;
    const bool refused = co_await halted(ctx);
    if (refused) {
        kernel_.events().emit(CommandSkipped{name_, static_cast<u8>(command), bond});
        co_return dsa::CommandError::Hardware;
    }
    command_over_.reset();
    {
        auto work = ctx.begin("stop-command", bond);
        co_await write(
            ctx,
            dsa::CMD{}.set(dsa::CMD::COMMAND, command).set(dsa::CMD::OPERAND, operand).set(dsa::CMD::INT_REQ, true));
    }
    co_await ctx.sleep_on(command_over_.wait(), "device-stop", name_,
                          [this] { return command_span_ ? command_span_() : 0; });
    if (gone_ || in_reset_) co_return dsa::CommandError::None;
    const dsa::CMDSTS status = co_await read<dsa::CMDSTS>(ctx);
    co_return status.get(dsa::CMDSTS::ERR);
}

/// idxd_wq_set_pasid, idxd_wq_disable_pasid: the queue is disabled, which drains it, and enabled again.
sim::Task<bool> DsaDriver::set_pasid(KernelContext& ctx, unsigned queue, std::optional<Pasid> pasid, BondId bond) {
    const u32 those = 1u << queue;
    const dsa::CommandError disabled = co_await command(ctx, dsa::Command::DisableQueue, those, bond);
    if (disabled != dsa::CommandError::None || gone_ || in_reset_) co_return false;
    const Spa at = pci_.bar0() + dsa::settings_at + queue * dsa::QueueSetting::byte_count + 8;
    const u64 before = co_await ctx.mmio_read(at, 4);
    dsa::QueueSetting s = dsa::QueueSetting::from_words({0, before, 0, 0});
    s.set(dsa::QueueSetting::PASID_EN, pasid.has_value()).set(dsa::QueueSetting::PASID, pasid.value_or(Pasid{}));
    co_await ctx.mmio_write(at, 4, s.word(1) & 0xffff'ffff);
    const dsa::CommandError enabled = co_await command(ctx, dsa::Command::EnableQueue, queue, bond);
    co_return enabled == dsa::CommandError::None;
}

// ---- bonds ----------------------------------------------------------------------------------------------------------

/// Shared: the one with the fewest users. Dedicated: one without any (-EBUSY otherwise).
std::optional<unsigned> DsaDriver::queue_for() const {
    std::vector<unsigned> count(queues_);
    for (const auto& [bond, user] : users_) ++count[user.queue];
    const auto least = std::min_element(count.begin(), count.end());
    if (least == count.end() || (!shared() && *least != 0)) return std::nullopt;
    return static_cast<unsigned>(least - count.begin());
}

sim::Task<bool> DsaDriver::opened(KernelContext& ctx, Bond& bond) {
    if (users_.count(raw(bond.id)) != 0) co_return true; // once more
    const std::optional<unsigned> queue = queue_for();
    if (gone_ || !queue) co_return false;
    User& user = users_[raw(bond.id)];
    user = {*queue, bond.pasid, shared()};
    if (shared()) co_return true;
    user.programmed = co_await set_pasid(ctx, *queue, bond.pasid, bond.id);
    if (!user.programmed) users_.erase(raw(bond.id));
    co_return users_.count(raw(bond.id)) != 0;
}

std::optional<Portal> DsaDriver::portal(const Bond& bond) const {
    const auto found = users_.find(raw(bond.id));
    if (found == users_.end()) return std::nullopt;
    return Portal{pci_.bar0() + dsa::portals_at + found->second.queue * page_size, shared()};
}

sim::Task<bool> DsaDriver::submit(KernelContext& ctx, Bond& bond, const Work&) {
    const auto found = users_.find(raw(bond.id));
    if (gone_ || found == users_.end()) co_return false;
    co_await ctx.spend(config_.submit.get(), name_);
    if (found->second.programmed) co_return true;
    const bool done = co_await set_pasid(ctx, found->second.queue, bond.pasid, bond.id); // it was stopped before
    found->second.programmed = done;
    co_return done;
}

/// idxd_file_dev_release.
sim::Task<bool> DsaDriver::stop(KernelContext& ctx, Bond& bond) {
    if (const auto found = users_.find(raw(bond.id)); found != users_.end() && !gone_) {
        if (shared()) {
            co_await command(ctx, dsa::Command::DrainPasid, raw(bond.pasid), bond.id);
        } else if (found->second.programmed) {
            found->second.programmed = false;
            co_await set_pasid(ctx, found->second.queue, std::nullopt, bond.id);
        }
    }
    kernel_.events().emit(StopSeen{bond.id, false, ctx.last_span()});
    co_return true;
}

/// What waits for a command goes on: the device forgets it.
sim::Task<bool> DsaDriver::reset(KernelContext& ctx) {
    if (gone_) co_return false;
    in_reset_ = true;
    command_over_.set();
    auto held = co_await ctx.sleep_on(commands_.lock(), "device-lock", name_);
    auto waited = PciDeviceDriver::reset(ctx);
    const bool done = co_await std::move(waited);
    held.release();
    if (!done) co_return false;
    const std::map<u32, User> before = users_; // some may be released meanwhile
    for (const auto& [bond, user] : before) {
        if (shared() || !user.programmed) continue;
        const bool programmed = co_await set_pasid(ctx, user.queue, user.pasid, BondId{bond});
        if (const auto still = users_.find(bond); still != users_.end()) still->second.programmed = programmed;
    }
    co_return true;
}

sim::Task<void> DsaDriver::program_anew(KernelContext& ctx) { return configure(ctx); }
void DsaDriver::nothing_comes() { command_over_.set(); }

// ---- interrupts -----------------------------------------------------------------------------------------------------

sim::Task<void> DsaDriver::on_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("device-interrupt");
    co_await ctx.spend(config_.interrupt.get(), name_);
    const dsa::INTCAUSE cause = co_await read<dsa::INTCAUSE>(ctx);
    if (gone_ || in_reset_) co_return; // nobody answered: all ones
    co_await write(ctx, cause);
    if (cause.get(dsa::INTCAUSE::HALT)) { // before the others are looked at
        co_await see_halt(ctx);
        co_return;
    }
    if (cause.get(dsa::INTCAUSE::ERR)) co_await read_error(ctx);
    if (cause.get(dsa::INTCAUSE::CMD)) command_over_.set();
}

/// idxd_misc_thread, halt. For a reset by command a worker would have to give one (idxd_device_reinit), and idxd_cmd_exec gives none to
/// a device that is halted: whatever it needs, it stays so until its function is reset (os: {reset: ...}). Who works with it is not
/// told. MODEL: there is no event log (DSA 1.0 has none), whose entries of a PASID a release would have ignored.
sim::Task<void> DsaDriver::see_halt(KernelContext& ctx) {
    const dsa::GENSTS state = co_await read<dsa::GENSTS>(ctx);
    if (gone_ || in_reset_ || state.get(dsa::GENSTS::STATE) != dsa::DeviceState::Halted) co_return;
    kernel_.events().emit(DeviceHaltSeen{name_, static_cast<u8>(state.get(dsa::GENSTS::RESET_TYPE))});
    tell_losses();
    if (state.get(dsa::GENSTS::RESET_TYPE) == dsa::ResetType::Software) sim::spawn(reinit(ctx.last_span()));
}

sim::Task<void> DsaDriver::reinit(u64 begun_by) {
    KernelContext ctx(kernel_.scheduler(), "kworker/" + std::string{name_.text()}, begun_by);
    {
        auto wait = ctx.begin_wait("schedule", "cpu");
        co_await sim::delay(kernel_.scheduler().config().wake_up.get());
        co_await ctx.run();
    }
    const dsa::CommandError error = co_await command(ctx, dsa::Command::ResetDevice, 0);
    if (error == dsa::CommandError::None && !gone_ && !in_reset_) co_await configure(ctx);
    ctx.stop();
}

/// idxd_misc_thread: the record is read before it is acknowledged.
sim::Task<void> DsaDriver::read_error(KernelContext& ctx) {
    const dsa::SWERR0 error = co_await read<dsa::SWERR0>(ctx);
    if (gone_ || !error.get(dsa::SWERR0::VALID)) co_return;
    const dsa::SWERR2 at = co_await read<dsa::SWERR2>(ctx);
    co_await write(ctx, error);
    kernel_.events().emit(DeviceErrorSeen{name_, static_cast<u8>(error.get(dsa::SWERR0::ERROR)),
                                          error.get(dsa::SWERR0::PASID), Va{at.get(dsa::SWERR2::FAULT_ADDR).value()},
                                          error.get(dsa::SWERR0::OVERFLOW)});
}

// ---- descriptors ----------------------------------------------------------------------------------------------------

/// Sources are in the first half of the work's memory, destinations in the second.
memory::Line DsaDriver::describe(const Work& work, u64 n, Va record) const {
    const u64 half = work.bytes / 2;
    const u64 least =
        std::min<u64>(work.request_min != 0 ? work.request_min : default_transfer, std::max<u64>(half, 1));
    const u64 most = std::min<u64>(std::max<u64>(work.request_max, least), std::max<u64>(half, 1));
    const u64 size = least + (most > least ? spread(n) % (most - least + 1) : 0);
    const u64 places = half > size ? (half - size) / transfer_alignment + 1 : 1;
    const u64 place = work.pattern == Work::Pattern::Sequential
                          ? n * ((size + transfer_alignment - 1) / transfer_alignment)
                          : spread(~n);
    const u64 offset = place % places * transfer_alignment;
    const dsa::Operation operation = operation_of(work);
    dsa::Descriptor d;
    d.set(dsa::Descriptor::OPERATION, operation).set(dsa::Descriptor::COMPLETION, Iova{record.value()});
    d.set(dsa::Descriptor::CRAV, true).set(dsa::Descriptor::RCR, true);
    d.set(dsa::Descriptor::BOF, work.block_on_fault && config_.block_on_fault);
    if (operation != dsa::Operation::Noop && operation != dsa::Operation::Drain) {
        d.set(dsa::Descriptor::SIZE, size).set(dsa::Descriptor::DST, Iova{work.first.value() + half + offset});
        d.set(dsa::Descriptor::SRC, Iova{operation == dsa::Operation::Fill ? spread(n) : work.first.value() + offset});
    }
    return {d.to_bytes(), {}};
}

} // namespace quiesce::os::drivers
