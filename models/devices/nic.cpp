// SPDX-License-Identifier: Apache-2.0
/// The network interface's registers, commands and interrupts.
#include "devices/nic.h"
#include "devices/register_bank.h"

#include <algorithm>
#include <string>

namespace quiesce::devices {

namespace {
constexpr u64 longest_packet = 64 * 1024; ///< nic::Descriptor.LENGTH has 16 bits
enum InterruptCause : u64 { received_cause = 1, sent_cause = 2 };
} // namespace

Nic::Nic(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
         const NicConfig& config, DeviceId device, u64 seed)
    : SvaFunction(name, events, root_complex, link, config.function, base::Size{nic::bar_bytes}, device),
      config_(config), seed_(seed), gaps_(seed, std::string(name.text()) + ".gap"), sizes_(seed, std::string(name.text()) + ".size"),
      hashes_(seed, std::string(name.text()) + ".hash"), own_(events, *this, nullptr), wire_(sim::Duration{}),
      pattern_(longest_packet), sink_(longest_packet) {
    const std::string prefix = std::string(name.text()) + ".q";
    for (unsigned n = 0; n < config.queues; ++n)
        queues_.push_back(std::make_unique<Queue>(base::Name{prefix + std::to_string(n)},
                                                  base::Name{prefix + std::to_string(n) + ".rx"}, n, *this));
    // Those of every device's queue: who asks whether a queue works need not know the kind.
    state_names_[raw(nic::State::Disabled)] = "stopped";
    state_names_[raw(nic::State::Enabled)] = "running";
    state_names_[raw(nic::State::Disabling)] = "stopping";
    for (std::size_t i = 0; i < pattern_.size(); ++i) pattern_[i] = static_cast<std::byte>(i);
    regs_.set(nic::DEV_CAP::QUEUES, config.queues.get());
    bind_registers();
}

// ---- registers ------------------------------------------------------------------------------------------------------

Nic::Queue* Nic::selected() {
    const u64 n = regs_.get(nic::QUEUE_SELECT::QUEUE);
    return n < queues_.size() ? queues_[n].get() : nullptr;
}

/// The register file shows the settings of the selected queue.
void Nic::show(const Queue* q) {
    const auto one = [&]<class R>(R Queue::*setting) { regs_.write(q != nullptr ? q->*setting : R{}); };
    one(&Queue::pasid);
    one(&Queue::work_tag);
    one(&Queue::rx_base);
    one(&Queue::tx_base);
    one(&Queue::rings);
    one(&Queue::moderation);
    one(&Queue::tx_rate);
    one(&Queue::rx_tail);
    one(&Queue::tx_tail);
}

void Nic::bind_registers() {
    const auto bank = [this] { return selected(); };
    bind_setting(regs_, bank, &Queue::pasid);
    bind_setting(regs_, bank, &Queue::work_tag);
    bind_setting(regs_, bank, &Queue::rx_base);
    bind_setting(regs_, bank, &Queue::tx_base);
    bind_setting(regs_, bank, &Queue::rings);
    bind_setting(regs_, bank, &Queue::moderation);
    bind_setting(regs_, bank, &Queue::tx_rate);
    regs_.on_write<nic::QUEUE_SELECT>([this](nic::QUEUE_SELECT) { show(selected()); });
    regs_.on_write<nic::Q_RX_TAIL>([this](nic::Q_RX_TAIL t) {
        Queue* q = selected();
        if (q == nullptr) return regs_.write(nic::Q_RX_TAIL{});
        q->rx_tail = t;
        tail_moved(*q, q->rx, t.value());
    });
    regs_.on_write<nic::Q_TX_TAIL>([this](nic::Q_TX_TAIL t) {
        Queue* q = selected();
        if (q == nullptr) return regs_.write(nic::Q_TX_TAIL{});
        q->tx_tail = t;
        tail_moved(*q, q->tx, t.value());
    });
    regs_.on_write<nic::Q_CTRL>([this](nic::Q_CTRL c) {
        if (Queue* q = selected()) command(*q, c);
    });
    bind_status<nic::Q_RX_HEAD>(regs_, bank, [](Queue& q) { return nic::Q_RX_HEAD::of(q.rx.ring.cons); });
    bind_status<nic::Q_TX_HEAD>(regs_, bank, [](Queue& q) { return nic::Q_TX_HEAD::of(q.tx.ring.cons); });
    bind_status<nic::Q_STATUS>(
        regs_, bank, [](Queue& q) { return nic::Q_STATUS{}.set(nic::Q_STATUS::STATE, q.life.state()); });
    bind_status<nic::Q_RECEIVED>(regs_, bank, [](Queue& q) { return nic::Q_RECEIVED::of(q.received); });
    bind_status<nic::Q_DROPPED>(regs_, bank, [](Queue& q) { return nic::Q_DROPPED::of(q.dropped); });
    bind_status<nic::Q_SENT>(regs_, bank, [](Queue& q) { return nic::Q_SENT::of(q.sent); });
    bind_status<nic::Q_FAILED>(regs_, bank, [](Queue& q) { return nic::Q_FAILED::of(q.failed); });
    regs_.on_read<nic::MISSED>([this](nic::MISSED) { return nic::MISSED::of(missed_); });
}

/// Only an enabled queue has rings.
void Nic::tail_moved(Queue& q, Side& s, u32 tail) {
    if (!q.life.is(nic::State::Enabled)) {
        ++refused_;
        return;
    }
    s.ring.prod = base::HeadTail::index(tail, s.ring.log2size);
    if (&s == &q.rx) events().emit(base::LevelChanged{q.level, s.ring.used()});
    serve(q);
}

// ---- commands -------------------------------------------------------------------------------------------------------

bool Nic::take(Queue& q, RingEvent e) {
    const nic::State before = q.life.state();
    const bool taken = q.life.apply(e);
    refused_ += !taken;
    if (q.life.state() != before)
        events().emit(
            QueueState{q.name, device(), q.identity.bond, q.identity.pasid, state_names_[raw(q.life.state())]});
    return taken;
}

void Nic::command(Queue& q, nic::Q_CTRL c) {
    if (c.get(nic::Q_CTRL::ENABLE)) return enable(q);
    if (c.get(nic::Q_CTRL::DISABLE) && take(q, RingEvent::Disable)) sim::start(disable(q));
}

void Nic::enable(Queue& q) {
    const u64 rx = q.rings.get(nic::Q_RINGS::RX_LOG2), tx = q.rings.get(nic::Q_RINGS::TX_LOG2);
    // After a reset, what was under way before it comes to its end first.
    if (!q.life.accepts(RingEvent::Enable) || !q.access.idle().is_set() || rx > nic::max_log2size ||
        tx > nic::max_log2size) {
        ++refused_;
        return;
    }
    q.identity = {};
    q.identity.has_pasid = q.pasid.get(nic::Q_PASID::VALID);
    q.identity.pasid = q.pasid.get(nic::Q_PASID::PASID);
    q.identity.bond = q.work_tag.get(nic::Q_WORK_TAG::TAG);
    q.kernel_rings = q.rings.get(nic::Q_RINGS::KERNEL);
    q.rx = {{static_cast<u32>(rx), 0, 0}, q.rx_base.get(nic::Q_RX_BASE::BASE), false, {}};
    q.tx = {{static_cast<u32>(tx), 0, 0}, q.tx_base.get(nic::Q_TX_BASE::BASE), false, {}};
    q.received = q.dropped = q.sent = q.failed = 0;
    q.armed = q.interrupted = false;
    q.causes = 0;
    ++q.run;
    if (PageRequestInterface* pages = page_requests()) pages->begin(q.identity);
    take(q, RingEvent::Enable);
    if (listening_ || config_.traffic.every.get() == sim::Duration{}) return;
    listening_ = true;
    sim::spawn(traffic());
}

/// facts/iommu-specs.md 4.1: no new requests, every read answered, page requests answered or closed by a Stop Marker,
/// every posted write observable; only then Disabled.
sim::Task<void> Nic::disable(Queue& q) {
    base::Activity span{events(), name(), "device-drain", {}, 0, q.identity.bond};
    q.stop_span = span.id();
    const u64 run = q.run;
    discard_waiting(q);
    PageRequestInterface* const pages = page_requests();
    if (pages != nullptr) co_await pages->stop(q.identity);
    co_await sim::delay(config_.disable_time.get().draw(q.disable_times));
    while (run == q.run && (q.rx.working || q.tx.working)) co_await q.quiet.wait();
    co_await q.access.idle().wait();
    co_await q.access.flush(q.identity);
    co_await own_.flush(pcie::DmaRequest{});
    span.end();
    if (run != q.run) co_return; // a reset came
    if (pages != nullptr) pages->mark_stopped(q.identity);
    take(q, RingEvent::Emptied);
}

/// Packets may come as long as a ring is enabled.
std::vector<BondId> Nic::at_work() const {
    std::vector<BondId> bonds;
    for (const auto& q : queues_)
        if (q->life.is(nic::State::Enabled)) bonds.push_back(q->identity.bond);
    return bonds;
}

/// All registers are as after power-on, no queue does anything. MODEL: what is on the link goes its way.
void Nic::forget() {
    SvaFunction::forget();
    own_.reset();
    for (auto& q : queues_) {
        ++q->run;
        q->access.reset();
        discard_waiting(*q);
        take(*q, RingEvent::Reset);
        q->rx = {};
        q->tx = {};
        q->pasid = {};
        q->work_tag = {};
        q->rx_base = {};
        q->tx_base = {};
        q->rings = {};
        q->moderation = {};
        q->tx_rate = {};
        q->rx_tail = {};
        q->tx_tail = {};
        q->quiet.notify_all();
    }
    const nic::DEV_CAP cap = regs_.read<nic::DEV_CAP>();
    regs_.reset();
    regs_.write(cap);
}

// ---- interrupts -----------------------------------------------------------------------------------------------------

/// At once if the last one is long enough ago, else when it will be; what happens until then is told by the same one.
void Nic::interrupt(Queue& q, bool was_received) {
    q.causes |= was_received ? received_cause : sent_cause;
    if (std::exchange(q.armed, true)) return;
    sim::start(moderate(q, q.run));
}

sim::Task<void> Nic::moderate(Queue& q, u64 run) {
    const sim::Duration interval = 1_ns * q.moderation.value();
    if (q.interrupted) co_await sim::until(std::max(sim::now(), q.last_interrupt + interval));
    if (run != q.run) co_return;
    q.armed = false;
    q.interrupted = true;
    q.last_interrupt = sim::now();
    const u64 causes = std::exchange(q.causes, 0), bit = u64{1} << q.number;
    if ((causes & received_cause) != 0) regs_.write(nic::INT_RX::of(regs_.read<nic::INT_RX>().value() | bit));
    if ((causes & sent_cause) != 0) regs_.write(nic::INT_TX::of(regs_.read<nic::INT_TX>().value() | bit));
    const u64 to = regs_.get(nic::MSI_ADDR::ADDR);
    if (to != 0) send_message(to, regs_.read<nic::MSI_DATA>().value());
}

} // namespace quiesce::devices
