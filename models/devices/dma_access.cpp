// SPDX-License-Identifier: Apache-2.0
#include "devices/dma_access.h"

#include <algorithm>

namespace quiesce::devices {

DmaEnding ending_of(pcie::Completion how) {
    if (how.zeroed) return DmaEnding::ReadZero;
    switch (how.status) {
    case pcie::CompletionStatus::Success: return DmaEnding::Success;
    case pcie::CompletionStatus::UnsupportedRequest: return DmaEnding::UnsupportedRequest;
    case pcie::CompletionStatus::TimedOut: return DmaEnding::TimedOut;
    case pcie::CompletionStatus::Poisoned: return DmaEnding::Poisoned;
    case pcie::CompletionStatus::RequestRetry: // of deferrable writes only
    case pcie::CompletionStatus::CompleterAbort: break;
    }
    return DmaEnding::CompleterAbort;
}

pcie::DmaRequest translated(const pcie::DmaRequest& r, Iova to) {
    pcie::DmaRequest t;
    t.at = to;
    t.bytes = r.bytes;
    t.bond = r.bond;
    t.type = iommu::AddressType::Translated;
    t.aimed_at = r.at;
    t.attributes = r.attributes;
    return t;
}

/// The packets of one page: waits for all of them.
class DmaAccess::Packets final : public pcie::Requester {
public:
    explicit Packets(DmaAccess& a) : a_(a) {}
    void expect() { ++open_; }
    sim::Latch::Wait all() {
        sealed_ = true;
        if (open_ == 0) over_.set();
        return over_.wait();
    }
    void left(const pcie::Tlp& write) override { ended(write, true, DmaEnding::Success); }
    void completed(const pcie::Tlp& read, pcie::Completion how) override {
        if (!how.ok()) worst_ = ending_of(how);
        ended(read, false, ending_of(how));
    }
    /// What the device sees.
    DmaEnding worst() const { return worst_; }

private:
    void ended(const pcie::Tlp& t, bool write, DmaEnding how) {
        if (a_.events_.wants<DmaEnded>())
            a_.events_.emit(DmaEnded{t.transaction, a_.endpoint_.device(), t.bond, t.length, write, how});
        if (--open_ == 0 && sealed_) over_.set();
    }
    DmaAccess& a_;
    unsigned open_ = 0;
    bool sealed_ = false;
    DmaEnding worst_ = DmaEnding::Success;
    sim::Latch over_;
};

DmaAccess::DmaAccess(base::EventBus& events, pcie::Endpoint& endpoint, Atc* atc)
    : events_(events), endpoint_(endpoint), atc_(atc) {
    idle_.set();
}

void DmaAccess::begin() {
    ++outstanding_;
    idle_.reset();
}

void DmaAccess::end() {
    if (--outstanding_ == 0) idle_.set();
}

void DmaAccess::reset() {
    ++life_;
    unflushed_ = false;
}

u64 DmaAccess::announce(const pcie::DmaRequest& r, bool write) {
    const u64 transaction = endpoint_.next_transaction();
    if (events_.wants<DmaIssued>())
        events_.emit(DmaIssued{transaction, endpoint_.device(), r.bond, r.has_pasid, r.pasid, r.at, r.bytes, write});
    return transaction;
}

void DmaAccess::tell(const pcie::DmaRequest& r, u64 transaction, bool write, DmaEnding how) {
    if (events_.wants<DmaEnded>()) events_.emit(DmaEnded{transaction, endpoint_.device(), r.bond, r.bytes, write, how});
}

sim::Task<DmaEnding> DmaAccess::read(pcie::DmaRequest r, std::span<std::byte> into, bool ask_for_page) {
    begin();
    DmaEnding how = DmaEnding::Success;
    for (u64 done = 0; done < into.size() && how == DmaEnding::Success; done += r.bytes, r.at += r.bytes) {
        r.bytes = static_cast<u32>(std::min<u64>(into.size() - done, page_size - r.at.value() % page_size));
        auto part = page(r, into.data() + done, false, ask_for_page);
        how = co_await std::move(part);
    }
    end();
    co_return how;
}

sim::Task<DmaEnding> DmaAccess::write(pcie::DmaRequest r, std::span<const std::byte> from, bool ask_for_page) {
    begin();
    DmaEnding how = DmaEnding::Success;
    for (u64 done = 0; done < from.size() && how == DmaEnding::Success; done += r.bytes, r.at += r.bytes) {
        r.bytes = static_cast<u32>(std::min<u64>(from.size() - done, page_size - r.at.value() % page_size));
        auto* bytes = const_cast<std::byte*>(from.data()) + done; // a write only reads them
        auto part = page(r, bytes, true, ask_for_page);
        how = co_await std::move(part);
    }
    end();
    co_return how;
}

/// A translation is in use until its packets have left, or were answered, and is not kept while software has bus
/// mastering off, for which no invalidation waits: what is left of the page is then translated anew.
sim::Task<DmaEnding> DmaAccess::page(pcie::DmaRequest r, std::byte* data, bool write, bool ask_for_page) {
    const u64 life = life_;
    r.attributes = endpoint_.attributes(write);
    if (!endpoint_.may_send(r)) {
        tell(r, announce(r, write), write, DmaEnding::NotSent);
        co_return DmaEnding::NotSent;
    }
    DmaEnding how = DmaEnding::Success;
    while (r.bytes != 0 && how == DmaEnding::Success) {
        while (life == life_ && !endpoint_.bus_master()) co_await endpoint_.bus_master_set();
        if (life != life_) co_return DmaEnding::NotSent;
        pcie::DmaRequest packet = r;
        Atc::Found found;
        if (translates(r)) {
            auto asked = atc_->translate(r, write, ask_for_page);
            found = co_await std::move(asked);
            if (life != life_) co_return DmaEnding::NotSent;
            if (!found.granted) {
                tell(r, announce(r, write), write, DmaEnding::NotTranslated);
                co_return DmaEnding::NotTranslated;
            }
            packet = translated(r, found.at);
        }
        const u32 before = r.bytes;
        auto sent = send(r, packet, data, write, life);
        how = co_await std::move(sent);
        data += before - r.bytes;
    }
    co_return how;
}

/// As much of `rest` as can be sent before bus mastering is turned off or the device reset, beginning with `packet`,
/// which is `rest` where it really goes. What is told is as the work has it: with its PASID, at its own address.
sim::Task<DmaEnding> DmaAccess::send(pcie::DmaRequest& rest, pcie::DmaRequest packet, std::byte* data, bool write,
                                     u64 life) {
    Packets packets(*this);
    while (rest.bytes != 0 && endpoint_.bus_master() && life == life_) {
        pcie::DmaRequest told = rest;
        told.bytes = packet.bytes = endpoint_.packet_bytes(packet.at, rest.bytes, write);
        if (write) {
            unflushed_ = true;
            last_write_ = rest.at;
            packets.expect();
            endpoint_.write_packet(packet, announce(told, true), pcie::Payload::copy({data, packet.bytes}), &packets);
        } else {
            pcie::Tag tag = co_await endpoint_.tags().acquire();
            if (life != life_ || !endpoint_.bus_master()) break;
            packets.expect();
            endpoint_.read_packet(packet, announce(told, false), data, std::move(tag), packets);
        }
        data += packet.bytes;
        packet.at += packet.bytes;
        packet.aimed_at += packet.bytes;
        rest.at += packet.bytes;
        rest.bytes -= packet.bytes;
    }
    co_await packets.all();
    co_return packets.worst();
}

sim::Task<void> DmaAccess::flush(pcie::DmaRequest r) {
    if (!unflushed_) co_return;
    begin();
    const u64 life = life_;
    pcie::Tag tag = co_await endpoint_.tags().acquire();
    while (life == life_ && !endpoint_.bus_master()) co_await endpoint_.bus_master_set();
    if (life == life_) {
        unflushed_ = false;
        r.at = last_write_;
        r.bytes = 0;
        if (!endpoint_.may_send(r)) r.has_pasid = r.privileged = false;
        Packets packets(*this);
        packets.expect();
        std::byte nothing{};
        endpoint_.read_packet(r, announce(r, false), &nothing, std::move(tag), packets);
        co_await packets.all();
    }
    end();
}

} // namespace quiesce::devices
