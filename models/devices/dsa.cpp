// SPDX-License-Identifier: Apache-2.0
#include "devices/dsa.h"

#include <algorithm>
#include <string>

namespace quiesce::devices {

using namespace dsa;

Dsa::Dsa(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
         const DsaConfig& config, DeviceId device, u64 seed)
    : SvaFunction(name, events, root_complex, link, config.function, base::Size{dsa::bar_bytes}, device),
      config_(config), access_(events, *this, atc()), works_(config.entries.get() + config.engines.get()),
      drain_times_(seed, std::string(name.text()) + ".drain_time"), drain_phase_("device-drain"), running_("running"), idle_("idle") {
    for (unsigned n = 0; n < dsa::max_queues; ++n) {
        const std::string queue = std::string(name.text()) + ".wq" + std::to_string(n);
        queues_[n].name = base::Name{queue};
        queues_[n].level = base::Name{queue + ".occupancy"};
    }
    set_capabilities();
    regs_.on_write<CMD>([this](CMD c) { give(c); });
    for (unsigned n = 0; n < config.engines; ++n) sim::spawn(engine(n));
}

void Dsa::set_capabilities() {
    regs_.write(GENCAP{}
                    .set(GENCAP::BLOCK_ON_FAULT, true)
                    .set(GENCAP::CMD_CAP, true)
                    .set(GENCAP::CONFIG_EN, true)
                    .set(GENCAP::MAX_XFER_SHIFT, config_.max_transfer_shift.get()));
    regs_.write(WQCAP{}
                    .set(WQCAP::TOTAL_SIZE, config_.entries.get())
                    .set(WQCAP::QUEUES, config_.queues.get())
                    .set(WQCAP::SHARED, true)
                    .set(WQCAP::DEDICATED, true)
                    .set(WQCAP::PRIORITY, true)
                    .set(WQCAP::OCCUPANCY, true));
    regs_.write(ENGCAP{}.set(ENGCAP::ENGINES, config_.engines.get()));
    regs_.write(OPCAP::of(operations));
    regs_.write(OFFSETS{}.set(OFFSETS::WQCFG, settings_at / 0x100));
}

std::vector<BondId> Dsa::at_work() const {
    std::vector<BondId> bonds;
    for (const Work& w : works_)
        if (w.used && !w.abandoned) bonds.push_back(w.bond);
    return bonds;
}

/// Nothing is sent and nothing taken any more; registers can be read. MODEL: translation caches are invalidated as before; its
/// queues show as disabled.
bool Dsa::halt(ResetType needs) {
    if (regs_.get(GENSTS::STATE) == DeviceState::Halted) return false;
    const bool obeying = regs_.get(CMDSTS::ACTIVE);
    lose_work();
    if (page_requests() != nullptr) {
        page_requests()->enable(false);
        page_requests()->reset();
    }
    drop_all();
    for (Queue& q : queues_) q.enabled = false;
    regs_.write(GENSTS{}.set(GENSTS::STATE, DeviceState::Halted).set(GENSTS::RESET_TYPE, needs));
    events().emit(DeviceHalted{device(), raw(needs), obeying});
    if (obeying && config_.halt_ends_commands) {
        regs_.write(CMDSTS{}.set(CMDSTS::ERR, CommandError::Hardware));
        regs_.set(INTCAUSE::HALT, config_.halt_report.get() == sim::Duration{});
        raise(INTCAUSE::CMD, regs_.get(CMD::INT_REQ));
        sim::spawn(report_halt(life_));
    } else {
        raise(INTCAUSE::HALT, regs_.get(GENCTRL::HALT_INT_EN));
    }
    return true;
}

sim::Task<void> Dsa::report_halt(u64 life) {
    co_await sim::delay(config_.halt_report.get());
    if (life == life_) raise(INTCAUSE::HALT, regs_.get(GENCTRL::HALT_INT_EN));
}

/// No descriptor is inside, no command goes on; what is on the link goes its way.
void Dsa::drop_all() {
    ++life_;
    access_.reset();
    for (Queue& q : queues_) {
        q.waiting.clear();
        level(q);
    }
    for (Work& w : works_)
        if (w.used) end(w, Result{.status = Status::None}, RecordFate::NotWanted);
    unflushed_.clear();
}

/// A reset: all registers are as after power-on, no descriptor is inside, and what is on the link goes its way.
void Dsa::forget() {
    SvaFunction::forget();
    for (Queue& q : queues_) {
        q.setting = {};
        q.enabled = false;
    }
    drop_all();
    regs_.reset();
    set_capabilities();
}

// ---- registers ------------------------------------------------------------------------------------------------------

std::optional<unsigned> Dsa::setting_at(u64 offset) const {
    if (offset < settings_at) return std::nullopt;
    const u64 number = (offset - settings_at) / QueueSetting::byte_count;
    return number < config_.queues ? std::optional{static_cast<unsigned>(number)} : std::nullopt;
}

void Dsa::bar_write(u64 offset, unsigned size, u64 value) {
    if (const auto number = setting_at(offset))
        write_setting(queues_[*number], static_cast<unsigned>((offset - settings_at) % QueueSetting::byte_count), size,
                      value);
    else
        regs_.bus_write(static_cast<u32>(offset), size, value);
}

u64 Dsa::bar_read(u64 offset, unsigned size) {
    const auto number = setting_at(offset);
    if (!number) return regs_.bus_read(static_cast<u32>(offset), size).value_or(0);
    const u64 at = (offset - settings_at) % QueueSetting::byte_count;
    if (at % size != 0) return 0;
    return shown(queues_[*number]).word(static_cast<unsigned>(at / 8)) >> at % 8 * 8 & base::low_bits(size * 8);
}

/// An enabled queue keeps its setting.
void Dsa::write_setting(Queue& q, unsigned at, unsigned size, u64 value) {
    if (q.enabled || at % size != 0) return;
    QueueSetting::Words words = q.setting.words();
    const u64 lanes = base::low_bits(size * 8) << at % 8 * 8;
    u64& word = words[at / 8];
    word = (word & ~lanes) | (value << at % 8 * 8 & lanes);
    for (unsigned i = 0; i < words.size(); ++i) words[i] &= base::mask_of(QueueSetting::fields, i);
    q.setting = QueueSetting::from_words(words);
}

QueueSetting Dsa::shown(const Queue& q) const {
    return q.setting.with(QueueSetting::OCCUPANCY, q.waiting.size()).with(QueueSetting::ENABLED, q.enabled);
}

template <class Field>
void Dsa::raise(const Field& cause, bool enabled) {
    regs_.set(cause, true);
    const u64 to = regs_.get(dsa::MSI_ADDR::ADDR);
    if (enabled && to != 0) send_message(to, regs_.read<dsa::MSI_DATA>().value());
}

void Dsa::report(const Work& w, Status error, Iova at, bool write) {
    if (regs_.get(SWERR0::VALID)) {
        regs_.set(SWERR0::OVERFLOW, true);
    } else {
        const Descriptor& d = w.descriptor;
        regs_.write(SWERR0{}
                        .set(SWERR0::VALID, true)
                        .set(SWERR0::DESC_VALID, true)
                        .set(SWERR0::WQ_IDX_VALID, true)
                        .set(SWERR0::RW, write)
                        .set(SWERR0::PRIV, w.privileged)
                        .set(SWERR0::ERROR, raw(error))
                        .set(SWERR0::WQ_IDX, w.queue)
                        .set(SWERR0::OPERATION, raw(d.get(Descriptor::OPERATION)))
                        .set(SWERR0::PASID, w.has_pasid ? w.pasid : Pasid{}));
        regs_.write(SWERR2{}.set(SWERR2::FAULT_ADDR, at));
    }
    raise(INTCAUSE::ERR, regs_.get(GENCTRL::SOFTERR_INT_EN));
}

// ---- portals --------------------------------------------------------------------------------------------------------

pcie::CompletionStatus Dsa::take_line(u64 offset, const memory::Line& line, bool deferrable) {
    const u64 number = (offset - portals_at) / page_size;
    if (offset < portals_at || number >= config_.queues) return pcie::CompletionStatus::UnsupportedRequest;
    const SubmissionFate fate = submit(static_cast<unsigned>(number), line, deferrable);
    return fate == SubmissionFate::Retry ? pcie::CompletionStatus::RequestRetry : pcie::CompletionStatus::Success;
}

/// Of a deferrable write the PASID and the privilege count, which the CPU put into its first double word; of a posted
/// one those of the queue's setting. MODEL: a queue that is not enabled, or of the other mode, answers Retry for ever.
SubmissionFate Dsa::submit(unsigned number, const memory::Line& line, bool deferrable) {
    Queue& q = queues_[number];
    const QueueSetting& s = q.setting;
    const bool shared = s.get(QueueSetting::MODE) == QueueMode::Shared;
    Work w;
    w.queue = number;
    w.bond = line.bond;
    w.descriptor = Descriptor::from_bytes(line.bytes);
    w.has_pasid = shared || s.get(QueueSetting::PASID_EN);
    w.pasid = shared ? w.descriptor.get(Descriptor::PASID) : s.get(QueueSetting::PASID);
    w.privileged = shared ? w.descriptor.get(Descriptor::PRIV) : s.get(QueueSetting::PRIV);
    const u64 limit = s.get(shared ? QueueSetting::THRESHOLD : QueueSetting::SIZE);
    const bool taken = q.enabled && shared == deferrable && q.waiting.size() < limit;
    const SubmissionFate fate = taken        ? SubmissionFate::Accepted
                                : deferrable ? SubmissionFate::Retry
                                             : SubmissionFate::Dropped;
    events().emit(DescriptorSubmitted{q.name, device(), w.bond, w.has_pasid, w.pasid,
                                      static_cast<u8>(w.descriptor.get(Descriptor::OPERATION)), fate});
    if (taken) accept(number, w);
    if (fate == SubmissionFate::Dropped) report(w, Status::Portal, {}, false);
    return fate;
}

/// The settings' sizes are not more than there are places, and each engine has one besides.
void Dsa::accept(unsigned number, Work w) {
    const auto place = std::find_if(works_.begin(), works_.end(), [](const Work& x) { return !x.used; });
    const bool first = !any(Which{.pasid = w.has_pasid ? std::optional{w.pasid} : std::nullopt});
    w.used = true;
    w.number = ++number_;
    w.since = sim::now();
    *place = w;
    ++inside_;
    Queue& q = queues_[number];
    q.waiting.push(static_cast<u32>(place - works_.begin()));
    level(q);
    if (first) occupied(w, running_);
    arrived_.notify_one();
}

void Dsa::level(const Queue& q) {
    if (events().wants<base::LevelChanged>())
        events().emit(base::LevelChanged{q.level, static_cast<u32>(q.waiting.size())});
}

/// The device works for the PASID, or has nothing of it any more.
void Dsa::occupied(const Work& w, base::Name state) {
    events().emit(QueueState{queues_[w.queue].name, device(), w.bond, w.pasid, state});
}

bool Dsa::any(const Which& which) const {
    return std::any_of(works_.begin(), works_.end(), [&](const Work& w) { return which.holds(w); });
}

pcie::DmaRequest Dsa::request_of(const Work& w) {
    pcie::DmaRequest r;
    r.has_pasid = w.has_pasid;
    r.pasid = w.pasid;
    r.privileged = w.privileged;
    r.bond = w.bond;
    return r;
}

} // namespace quiesce::devices
