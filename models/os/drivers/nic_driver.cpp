// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/nic_driver.h"

#include <algorithm>
#include <string>

namespace quiesce::os::drivers {

namespace nic = devices::nic;

namespace {
/// Where the rings of processes are: below every heap.
constexpr Va first_rings{0x0000'7d00'0000'0000};
constexpr u64 rings_step = u64{1} << 21;
constexpr u64 longest_frame = 1518; ///< IEEE 802.3
} // namespace

NicDriver::NicDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel, const NicDriverConfig& config,
                     Spa function, std::function<u64(unsigned)> stop_span)
    : PciDeviceDriver(name, device, stream, kernel, function, config.reset_wait.get()), config_(config),
      stop_span_(std::move(stop_span)) {}

sim::Task<void> NicDriver::probe(KernelContext& ctx) {
    co_await pci_.enable_memory(ctx);
    const u64 cap = co_await read<nic::DEV_CAP>(ctx);
    queues_ = std::vector<Queue>(nic::DEV_CAP::of(static_cast<u32>(cap)).get(nic::DEV_CAP::QUEUES));
    request_interrupt();
    co_await program(ctx);
    co_await pci_.set_master(ctx);
}

sim::Task<void> NicDriver::program(KernelContext& ctx) {
    co_await write<nic::MSI_ADDR>(ctx, kernel_.interrupts().window().value());
    co_await write<nic::MSI_DATA>(ctx, message_);
}

// ---- rings ----------------------------------------------------------------------------------------------------------

/// The bond's queue; a free one becomes it. Null if none is left.
NicDriver::Queue* NicDriver::queue_of(const Bond& bond, unsigned& number) {
    for (const Bond* wanted : {&bond, static_cast<const Bond*>(nullptr)})
        for (number = 0; number < queues_.size(); ++number)
            if (queues_[number].bond == wanted) return &queues_[number];
    return nullptr;
}

/// MODEL: user space has mapped its rings, in no time.
void NicDriver::place_rings(Queue& q, unsigned number, Bond& bond) {
    const u64 bytes = slots() * u64{nic::Descriptor::byte_count};
    if (config_.rings.get() == RingPlace::Kernel) {
        for (Ring* r : {&q.rx, &q.tx}) {
            if (r->kernel == Spa{0}) r->kernel = kernel_.frames().take_kernel(bytes);
            r->base = Iova{r->kernel.value()};
        }
        return;
    }
    const std::string area = std::string{name_.text()} + ".rings" + std::to_string(number);
    const u64 pages = (2 * bytes + page_size - 1) / page_size, place = raw(device_) * u64{nic::max_queues} + number;
    if (bond.mm.find(area) == nullptr) bond.mm.map(area, first_rings + place * rings_step, {pages});
    q.rx.base = iova_of(bond.mm.find(area)->start);
    q.tx.base = q.rx.base + bytes;
}

std::optional<Spa> NicDriver::slot(const Queue& q, const Ring& r, u32 n) const {
    const u64 offset = n * u64{nic::Descriptor::byte_count};
    if (config_.rings.get() == RingPlace::Kernel) return r.kernel + offset;
    return q.bond->mm.place_of(va_of(r.base + offset));
}

/// Who refills is user space.
bool NicDriver::alive(const Queue& q) { return q.enabled && q.bond != nullptr && !q.bond->mm.dead(); }

/// Buffers from the beginning of the work's pages on.
void NicDriver::plan(Queue& q, const Work& work) const {
    q.buffer_bytes = work.request_min != 0 ? work.request_min : config_.buffer.get().bytes();
    q.buffer_bytes = std::min(q.buffer_bytes, work.bytes);
    q.buffer_count = work.bytes / q.buffer_bytes;
    q.buffers = iova_of(work.first);
    q.rx.length = work.direction == Work::Direction::Read ? 0 : q.buffer_bytes;
    q.tx.length = work.direction == Work::Direction::Write ? 0 : std::min(q.buffer_bytes, longest_frame);
    q.rx.head = q.rx.tail = q.tx.head = q.tx.tail = 0;
}

/// One descriptor at the tail. False if the ring is not there any more.
sim::Task<bool> NicDriver::post(KernelContext& ctx, const Queue& q, Ring& r, Iova buffer) {
    const std::optional<Spa> at = slot(q, r, r.tail);
    if (!at) co_return false;
    nic::Descriptor d;
    d.set(nic::Descriptor::ADDRESS, buffer).set(nic::Descriptor::LENGTH, r.length);
    co_await ctx.store(*at, d.word(0));
    co_await ctx.store(*at + 8, d.word(1));
    r.tail = (r.tail + 1) & (slots() - 1);
    co_return true;
}

/// As many buffers as there are, or as the ring takes.
sim::Task<void> NicDriver::fill(KernelContext& ctx, Queue& q, Ring& r) {
    if (r.length == 0) co_return;
    const u64 count = std::min<u64>(slots() - 1, q.buffer_count);
    for (u64 n = 0; n < count; ++n) {
        co_await ctx.spend(config_.packet.get(), name_);
        co_await post(ctx, q, r, q.buffers + n * q.buffer_bytes);
    }
    co_await ctx.barrier();
}

/// Whoever calls holds the lock. The tails come behind ENABLE, which sets them to 0.
sim::Task<void> NicDriver::enable(KernelContext& ctx, const Queue& q, unsigned number, const Work& work) {
    nic::Q_PASID pasid;
    pasid.set(nic::Q_PASID::PASID, q.bond->pasid).set(nic::Q_PASID::VALID, true);
    nic::Q_RINGS rings;
    if (q.rx.length != 0) rings.set(nic::Q_RINGS::RX_LOG2, config_.ring_log2.get());
    if (q.tx.length != 0) rings.set(nic::Q_RINGS::TX_LOG2, config_.ring_log2.get());
    rings.set(nic::Q_RINGS::KERNEL, config_.rings.get() == RingPlace::Kernel);
    co_await write<nic::QUEUE_SELECT>(ctx, number);
    co_await write<nic::Q_PASID>(ctx, pasid.value());
    co_await write<nic::Q_WORK_TAG>(ctx, raw(q.bond->id));
    co_await write<nic::Q_RX_BASE>(ctx, q.rx.base.value());
    co_await write<nic::Q_TX_BASE>(ctx, q.tx.base.value());
    co_await write<nic::Q_RINGS>(ctx, rings.value());
    co_await write<nic::Q_MODERATION>(ctx, static_cast<u64>(config_.moderation.get().ps()) / 1000);
    co_await write<nic::Q_TX_RATE>(ctx, static_cast<u64>(work.every.ps()) / 1000);
    co_await write<nic::Q_CTRL>(ctx, 1);
    if (q.rx.length != 0) co_await write<nic::Q_RX_TAIL>(ctx, q.rx.tail);
    if (q.tx.length != 0) co_await write<nic::Q_TX_TAIL>(ctx, q.tx.tail);
}

// ---- what the kernel asks for ---------------------------------------------------------------------------------------

sim::Task<bool> NicDriver::submit(KernelContext& ctx, Bond& bond, const Work& work) {
    unsigned number = 0;
    Queue* const q = queue_of(bond, number);
    if (q == nullptr || gone_) co_return false;
    if (q->enabled) co_return true; // its rings go on
    q->bond = &bond;
    co_await ctx.spend(config_.submit.get(), name_);
    place_rings(*q, number, bond);
    plan(*q, work);
    co_await fill(ctx, *q, q->rx);
    co_await fill(ctx, *q, q->tx);
    auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
    if (gone_) co_return false;
    q->enabled = true;
    co_await enable(ctx, *q, number, work);
    co_return true;
}

sim::Task<bool> NicDriver::stop(KernelContext& ctx, Bond& bond) {
    unsigned number = 0;
    Queue* const q = queue_of(bond, number);
    bool idle = true;
    if (q != nullptr && q->bond == &bond) {
        if (q->enabled && !gone_) idle = co_await disable(ctx, number, bond.id);
        if (idle) {
            q->enabled = false;
            q->bond = nullptr;
        }
    }
    kernel_.events().emit(StopSeen{bond.id, !idle, ctx.last_span()});
    co_return idle;
}

/// ice_vsi_ctrl_one_rx_ring, ice_pf_rxq_wait: the command, then a look now and then. False: it was never seen disabled.
sim::Task<bool> NicDriver::disable(KernelContext& ctx, unsigned number, BondId bond) {
    {
        auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
        auto work = ctx.begin("stop-command", bond);
        co_await write<nic::QUEUE_SELECT>(ctx, number);
        co_await write<nic::Q_CTRL>(ctx, 2);
    }
    for (unsigned polls = 0; polls < config_.disable_polls && !gone_; ++polls) {
        co_await ctx.sleep_on(sim::delay(config_.disable_poll.get()), "ring-disable", name_,
                              [&] { return stop_span_ ? stop_span_(number) : 0; });
        auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
        co_await write<nic::QUEUE_SELECT>(ctx, number);
        const u64 status = co_await read<nic::Q_STATUS>(ctx);
        if (nic::Q_STATUS::of(static_cast<u32>(status)).get(nic::Q_STATUS::STATE) == nic::State::Disabled)
            co_return true;
    }
    co_return gone_; // of a device that is gone nothing comes any more
}

/// No queue does anything.
sim::Task<void> NicDriver::program_anew(KernelContext& ctx) {
    co_await program(ctx);
    nothing_comes();
}

void NicDriver::nothing_comes() {
    for (Queue& q : queues_) q.enabled = false;
}

// ---- interrupts -----------------------------------------------------------------------------------------------------

sim::Task<void> NicDriver::on_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("device-interrupt");
    co_await ctx.spend(config_.interrupt.get(), name_);
    const u64 received = co_await read<nic::INT_RX>(ctx);
    const u64 sent = co_await read<nic::INT_TX>(ctx);
    if (gone_ || in_reset_) co_return; // nobody answered: all ones
    if (received != 0) co_await write<nic::INT_RX>(ctx, received);
    if (sent != 0) co_await write<nic::INT_TX>(ctx, sent);
    for (unsigned n = 0; n < queues_.size(); ++n) {
        if ((received >> n & 1) != 0) co_await clean(ctx, n, true);
        if ((sent >> n & 1) != 0) co_await clean(ctx, n, false);
    }
}

/// NAPI: takes what is done and, while the process lives, gives the buffers back. MODEL: what user space does with a
/// packet takes it no time.
sim::Task<void> NicDriver::clean(KernelContext& ctx, unsigned number, bool received) {
    Queue& q = queues_[number];
    Ring& r = received ? q.rx : q.tx;
    const u32 before = r.tail;
    while (alive(q) && r.head != r.tail) {
        const std::optional<Spa> at = slot(q, r, r.head);
        if (!at) break;
        const u64 state = co_await ctx.load(*at + 8);
        const auto d = nic::Descriptor::from_words({0, state});
        if (!d.get(nic::Descriptor::DONE)) break;
        co_await ctx.spend(config_.packet.get(), name_);
        ++completed_;
        errors_ += d.get(nic::Descriptor::ERROR);
        const u64 buffer = co_await ctx.load(*at);
        r.head = (r.head + 1) & (slots() - 1);
        if (!alive(q)) break;
        const bool posted = co_await post(ctx, q, r, Iova{buffer});
        if (!posted) break;
    }
    if (r.tail == before || !alive(q)) co_return;
    co_await ctx.barrier();
    auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
    if (!alive(q) || gone_) co_return;
    co_await write<nic::QUEUE_SELECT>(ctx, number);
    if (received)
        co_await write<nic::Q_RX_TAIL>(ctx, r.tail);
    else
        co_await write<nic::Q_TX_TAIL>(ctx, r.tail);
}

} // namespace quiesce::os::drivers
