// SPDX-License-Identifier: Apache-2.0
/// What the network interface does with packets: those that arrive and those that it sends.
#include "devices/nic.h"

#include <algorithm>

namespace quiesce::devices {

namespace {
constexpr u32 between_packets = 20; ///< bytes of wire time: preamble and gap (IEEE 802.3)
struct ImixRow {
    unsigned weight;
    u32 bytes;
};
constexpr ImixRow imix_table[] = {{7, 64}, {4, 594}, {1, 1518}}; // RFC 6985, A.1
} // namespace

// ---- the wire -------------------------------------------------------------------------------------------------------

bool Nic::in_use() const {
    return std::any_of(queues_.begin(), queues_.end(), [](const auto& q) { return !q->life.is(nic::State::Disabled); });
}

sim::Duration Nic::draw_gap() {
    const u64 mean = static_cast<u64>(config_.traffic.every.get().ps());
    return sim::Duration::ps(static_cast<i64>(gaps_.between(mean - mean / 2, mean + mean / 2)));
}

u32 Nic::draw_size() {
    const auto& t = config_.traffic;
    const u64 size = t.size.get().bytes();
    if (t.sizes == PacketSizes::Fixed) return static_cast<u32>(size);
    if (t.sizes == PacketSizes::Uniform)
        return static_cast<u32>(sizes_.between(size, std::max(size, t.size_max.get().bytes())));
    unsigned weights = 0;
    for (const ImixRow& row : imix_table) weights += row.weight;
    u64 drawn = sizes_.below(weights);
    for (const ImixRow& row : imix_table) {
        if (drawn < row.weight) return row.bytes;
        drawn -= row.weight;
    }
    return imix_table[0].bytes;
}

/// MODEL: while every queue is disabled nobody listens, and nothing is counted.
sim::Task<void> Nic::traffic() {
    while (in_use()) {
        co_await sim::delay(draw_gap());
        for (unsigned n = 0; n < config_.traffic.burst && in_use(); ++n) {
            const u32 bytes = draw_size();
            arrive(bytes);
            co_await sim::delay(config_.line_rate.get().time_for(bytes + between_packets));
        }
    }
    listening_ = false;
}

void Nic::ended(Queue& q, u32 bytes, PacketFate fate) {
    if (fate == PacketFate::Delivered)
        ++q.received;
    else if (fate == PacketFate::Sent)
        ++q.sent;
    else if (fate == PacketFate::Failed)
        ++q.failed;
    else
        ++q.dropped;
    events().emit(PacketEnded{device(), q.identity.bond, bytes, fate});
}

/// A queue with a receive ring takes it, drawn: MODEL: for a hash of the packet's addresses.
void Nic::arrive(u32 bytes) {
    const auto takes = [](const Queue& q) { return q.life.is(nic::State::Enabled) && q.rx.ring.log2size != 0; };
    const u64 hash = hashes_.next();
    u64 open = 0;
    for (const auto& q : queues_) open += takes(*q);
    if (open == 0 || waiting_bytes_ + bytes > config_.buffer.get().bytes()) {
        ++missed_;
        events().emit(PacketEnded{device(), no_bond, bytes, open == 0 ? PacketFate::NoQueue : PacketFate::NoRoom});
        return;
    }
    u64 chosen = hash % open;
    for (auto& q : queues_) {
        if (!takes(*q) || chosen-- != 0) continue;
        waiting_bytes_ += bytes;
        q->packets.push(bytes);
        serve(*q);
        return;
    }
}

void Nic::discard_waiting(Queue& q) {
    while (!q.packets.empty()) {
        const u32 bytes = q.packets.pop();
        waiting_bytes_ -= bytes;
        ended(q, bytes, PacketFate::Discarded);
    }
}

/// Something has come for one of the sides.
void Nic::serve(Queue& q) {
    if (!q.packets.empty() && !std::exchange(q.rx.working, true)) sim::start(receive(q, q.run));
    if (!q.tx.ring.empty() && !std::exchange(q.tx.working, true)) sim::start(transmit(q, q.run));
}

// ---- descriptors ----------------------------------------------------------------------------------------------------

DmaAccess& Nic::ring_access(Queue& q) { return q.kernel_rings ? own_ : q.access; }

pcie::DmaRequest Nic::ring_request(const Queue& q, const Side& s, u32 slot) const {
    pcie::DmaRequest r = q.kernel_rings ? pcie::DmaRequest{} : q.identity;
    r.at = s.base + slot * u64{nic::Descriptor::byte_count};
    return r;
}

/// Makes the next descriptor of a ring that is not empty known: several at once, up to the ring's end. False if they
/// could not be read, or a reset came.
sim::Task<bool> Nic::fetch(Queue& q, Side& s, u64 run) {
    if (!s.cached.empty()) co_return true;
    const u32 first = s.ring.cons_index(), to_end = (u32{1} << s.ring.log2size) - first;
    const u32 count = std::min({config_.prefetch.get(), s.ring.used(), to_end});
    std::array<std::byte, most_prefetched * nic::Descriptor::byte_count> bytes;
    const pcie::DmaRequest r = ring_request(q, s, first);
    auto reading = ring_access(q).read(r, std::span{bytes}.first(count * nic::Descriptor::byte_count));
    const DmaEnding how = co_await std::move(reading);
    if (run != q.run || how != DmaEnding::Success) co_return false;
    for (u32 n = count; n-- != 0;)
        s.cached.push_back(nic::Descriptor::from_bytes(std::span{bytes}.subspan(n * nic::Descriptor::byte_count)));
    co_return true;
}

/// Tells software what became of the oldest descriptor, and is through with it.
sim::Task<void> Nic::write_back(Queue& q, Side& s, nic::Descriptor d) {
    const auto bytes = d.set(nic::Descriptor::DONE, true).to_bytes();
    pcie::DmaRequest r = ring_request(q, s, s.ring.cons_index());
    constexpr std::size_t second_word = 8;
    r.at += second_word;
    const u64 run = q.run;
    auto writing = ring_access(q).write(r, std::span{bytes}.subspan(second_word));
    co_await std::move(writing);
    if (run != q.run) co_return;
    s.ring.consume();
    if (&s == &q.rx) events().emit(base::LevelChanged{q.level, s.ring.used()});
}

// ---- receive --------------------------------------------------------------------------------------------------------

/// As long as packets wait. Without a descriptor a packet is dropped.
sim::Task<void> Nic::receive(Queue& q, u64 run) {
    while (run == q.run && !q.packets.empty()) {
        const u32 bytes = q.packets.pop();
        auto delivering = deliver(q, bytes, run);
        const PacketFate fate = co_await std::move(delivering);
        waiting_bytes_ -= bytes;
        ended(q, bytes, fate);
    }
    if (run != q.run) co_return;
    q.rx.working = false;
    q.quiet.notify_all();
}

sim::Task<PacketFate> Nic::deliver(Queue& q, u32 bytes, u64 run) {
    if (q.rx.ring.empty()) co_return PacketFate::NoBuffer;
    const bool known = co_await fetch(q, q.rx, run);
    if (run != q.run) co_return PacketFate::Discarded;
    if (!known) co_return PacketFate::Failed;
    nic::Descriptor d = q.rx.cached.back();
    q.rx.cached.pop_back();
    bool ok = bytes <= d.get(nic::Descriptor::LENGTH);
    if (ok) {
        pcie::DmaRequest r = q.identity;
        r.at = d.get(nic::Descriptor::ADDRESS);
        auto writing = q.access.write(r, std::span<const std::byte>{pattern_}.first(bytes));
        const DmaEnding how = co_await std::move(writing);
        if (run != q.run) co_return PacketFate::Discarded;
        ok = how == DmaEnding::Success;
    }
    d.set(nic::Descriptor::LENGTH, ok ? bytes : 0).set(nic::Descriptor::ERROR, !ok);
    auto telling = write_back(q, q.rx, d);
    co_await std::move(telling);
    if (run != q.run) co_return PacketFate::Discarded;
    interrupt(q, true);
    co_return ok ? PacketFate::Delivered : PacketFate::Failed;
}

// ---- transmit -------------------------------------------------------------------------------------------------------

/// As long as the ring has descriptors. One that cannot be fetched ends it, until the tail moves again.
sim::Task<void> Nic::transmit(Queue& q, u64 run) {
    sim::Time next{};
    while (run == q.run && q.life.is(nic::State::Enabled) && !q.tx.ring.empty()) {
        co_await sim::until(std::max(next, sim::now()));
        if (run != q.run || !q.life.is(nic::State::Enabled)) break;
        next = sim::now() + 1_ns * q.tx_rate.value();
        const bool known = co_await fetch(q, q.tx, run);
        if (run != q.run) co_return;
        if (!known) {
            ended(q, 0, PacketFate::Failed);
            break;
        }
        nic::Descriptor d = q.tx.cached.back();
        q.tx.cached.pop_back();
        const auto bytes = static_cast<u32>(d.get(nic::Descriptor::LENGTH));
        pcie::DmaRequest r = q.identity;
        r.at = d.get(nic::Descriptor::ADDRESS);
        auto reading = q.access.read(r, std::span{sink_}.first(bytes));
        const DmaEnding how = co_await std::move(reading);
        if (run != q.run) co_return;
        const bool ok = how == DmaEnding::Success;
        if (ok) co_await wire_.send(config_.line_rate.get().time_for(bytes + between_packets));
        if (run != q.run) co_return;
        auto telling = write_back(q, q.tx, d.set(nic::Descriptor::ERROR, !ok));
        co_await std::move(telling);
        if (run != q.run) co_return;
        ended(q, bytes, ok ? PacketFate::Sent : PacketFate::Failed);
        interrupt(q, false);
    }
    if (run != q.run) co_return;
    q.tx.working = false;
    q.quiet.notify_all();
}

} // namespace quiesce::devices
