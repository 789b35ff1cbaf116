// SPDX-License-Identifier: Apache-2.0
#include "devices/dsa_mover.h"

namespace quiesce::devices {
namespace {

DmaEnding how_it_ended(pcie::Completion how) {
    if (how.zeroed) return DmaEnding::ReadZero;
    switch (how.status) {
    case pcie::CompletionStatus::Success: return DmaEnding::Success;
    case pcie::CompletionStatus::UnsupportedRequest: return DmaEnding::UnsupportedRequest;
    case pcie::CompletionStatus::TimedOut: return DmaEnding::TimedOut;
    case pcie::CompletionStatus::Poisoned: return DmaEnding::Poisoned;
    case pcie::CompletionStatus::RequestRetry:
    case pcie::CompletionStatus::CompleterAbort: break;
    }
    return DmaEnding::CompleterAbort;
}

/// Waits for the packets of one move.
class MovePackets final : public pcie::Requester {
public:
    MovePackets(base::EventBus& events, DeviceId device) : events_(events), device_(device) {}
    void expect() { ++open_; }
    /// All packets are on their way.
    sim::Latch::Wait all() {
        if (open_ == 0) over_.set();
        sealed_ = true;
        return over_.wait();
    }
    bool ok() const { return ok_; }
    void left(const pcie::Tlp& write) override { end(write, DmaEnding::Success); }
    void completed(const pcie::Tlp& read, pcie::Completion how) override {
        ok_ = ok_ && how.ok();
        end(read, how_it_ended(how));
    }

private:
    void end(const pcie::Tlp& t, DmaEnding how) {
        if (events_.wants<DmaEnded>())
            events_.emit(DmaEnded{t.transaction, device_, t.bond, t.length, t.is_write(), how});
        if (--open_ == 0 && sealed_) over_.set();
    }
    base::EventBus& events_;
    DeviceId device_;
    unsigned open_ = 0;
    bool sealed_ = false, ok_ = true;
    sim::Latch over_;
};

/// Without a PASID prefix, as every translated request (facts/iommu-specs.md 4.1).
pcie::DmaRequest as_translated(const pcie::DmaRequest& r, Iova to) {
    pcie::DmaRequest t;
    t.at = to;
    t.bond = r.bond;
    t.type = iommu::AddressType::Translated;
    t.aimed_at = r.at;
    return t;
}

} // namespace

u64 DsaMover::announce(const pcie::DmaRequest& p, bool write) {
    const u64 transaction = endpoint_.next_transaction();
    if (endpoint_.events().wants<DmaIssued>())
        endpoint_.events().emit(
            DmaIssued{transaction, endpoint_.device(), p.bond, p.has_pasid, p.pasid, p.at, p.bytes, write});
    return transaction;
}

void DsaMover::end(u64 transaction, const pcie::DmaRequest& r, bool write, DmaEnding how) {
    if (endpoint_.events().wants<DmaEnded>())
        endpoint_.events().emit(DmaEnded{transaction, endpoint_.device(), r.bond, r.bytes, write, how});
}

void DsaMover::refused(const pcie::DmaRequest& r, bool write, DmaEnding how) { end(announce(r, write), r, write, how); }

/// A translation is in use until the last of its packets was answered or has left; it is not kept while software has
/// bus mastering off, for which no invalidation waits.
sim::Task<MoveEnding> DsaMover::move(pcie::DmaRequest r, std::byte* bytes, bool write, bool wait_for_page) {
    const u64 life = life_;
    if (!endpoint_.may_send(r)) {
        refused(r, write, DmaEnding::NotSent);
        co_return MoveEnding::Failed;
    }
    while (r.bytes != 0) {
        while (!endpoint_.bus_master()) co_await endpoint_.bus_master_set();
        if (life != life_) co_return MoveEnding::Reset;
        pcie::DmaRequest packet = r;
        Atc::Found place;
        if (atc_ != nullptr && atc_->enabled()) {
            auto asked = atc_->translate(r, write, wait_for_page);
            place = co_await std::move(asked);
            if (life != life_) co_return MoveEnding::Reset;
            if (!place.granted) {
                refused(r, write, DmaEnding::NotTranslated);
                co_return MoveEnding::PageFault;
            }
            packet = as_translated(r, place.at);
        }
        MovePackets packets(endpoint_.events(), endpoint_.device());
        while (r.bytes != 0 && endpoint_.bus_master() && life == life_) {
            packet.bytes = endpoint_.packet_bytes(packet.at, r.bytes, write);
            packet.attributes = endpoint_.attributes(write);
            pcie::DmaRequest what = r; // as the work has it: with its PASID, at its own address
            what.bytes = packet.bytes;
            if (write) {
                packets.expect();
                const auto part = std::span<const std::byte>{bytes, packet.bytes};
                endpoint_.write_packet(packet, announce(what, true), pcie::Payload::copy(part), &packets);
            } else {
                pcie::Tag tag = co_await endpoint_.tags().acquire();
                if (!endpoint_.bus_master() || life != life_) break;
                packets.expect();
                endpoint_.read_packet(packet, announce(what, false), bytes, std::move(tag), packets);
            }
            bytes += packet.bytes;
            packet.at += packet.bytes;
            packet.aimed_at += packet.bytes;
            r.at += packet.bytes;
            r.bytes -= packet.bytes;
        }
        co_await packets.all();
        place.use.end();
        if (!packets.ok()) co_return MoveEnding::Failed;
    }
    co_return life == life_ ? MoveEnding::Done : MoveEnding::Reset;
}

} // namespace quiesce::devices
