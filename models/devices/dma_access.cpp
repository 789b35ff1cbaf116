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
    void completed(const pcie::Tlp& read, pcie::Completion how) override { ended(read, false, ending_of(how)); }
    DmaEnding worst() const { return worst_; }

private:
    void ended(const pcie::Tlp& t, bool write, DmaEnding how) {
        if (how != DmaEnding::Success) worst_ = how;
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
    const Iova at = r.type == iommu::AddressType::Translated ? r.aimed_at : r.at;
    if (events_.wants<DmaIssued>())
        events_.emit(DmaIssued{transaction, endpoint_.device(), r.bond, r.has_pasid, r.pasid, at, r.bytes, write});
    return transaction;
}

void DmaAccess::tell(const pcie::DmaRequest& r, u64 transaction, bool write, DmaEnding how) {
    if (events_.wants<DmaEnded>()) events_.emit(DmaEnded{transaction, endpoint_.device(), r.bond, r.bytes, write, how});
}

sim::Task<DmaEnding> DmaAccess::read(pcie::DmaRequest r, std::span<std::byte> into) {
    begin();
    DmaEnding how = DmaEnding::Success;
    for (u64 done = 0; done < into.size() && how == DmaEnding::Success; done += r.bytes, r.at += r.bytes) {
        r.bytes = static_cast<u32>(std::min<u64>(into.size() - done, page_size - r.at.value() % page_size));
        auto part = page(r, into.data() + done, false);
        how = co_await std::move(part);
    }
    end();
    co_return how;
}

sim::Task<DmaEnding> DmaAccess::write(pcie::DmaRequest r, std::span<const std::byte> from) {
    begin();
    DmaEnding how = DmaEnding::Success;
    for (u64 done = 0; done < from.size() && how == DmaEnding::Success; done += r.bytes, r.at += r.bytes) {
        r.bytes = static_cast<u32>(std::min<u64>(from.size() - done, page_size - r.at.value() % page_size));
        auto part = page(r, const_cast<std::byte*>(from.data()) + done, true); // a write only reads them
        how = co_await std::move(part);
    }
    end();
    co_return how;
}

/// As DmaEngine::write_translated: a translation is in use until its packets have left, or were answered, and is not
/// kept while software has bus mastering off.
sim::Task<DmaEnding> DmaAccess::page(pcie::DmaRequest r, std::byte* data, bool write) {
    const u64 life = life_;
    r.attributes = endpoint_.attributes(write);
    if (!endpoint_.may_send(r)) {
        tell(r, announce(r, write), write, DmaEnding::NotSent);
        co_return DmaEnding::NotSent;
    }
    while (life == life_) {
        while (!endpoint_.bus_master()) co_await endpoint_.bus_master_set();
        if (life != life_) break;
        if (!translates(r)) {
            auto sent = send(r, data, write, life);
            const DmaEnding how = co_await std::move(sent);
            co_return how;
        }
        auto asked = atc_->translate(r, write);
        Atc::Found found = co_await std::move(asked);
        if (life != life_) break;
        if (!found.granted) {
            tell(r, announce(r, write), write, DmaEnding::NotTranslated);
            co_return DmaEnding::NotTranslated;
        }
        if (!endpoint_.bus_master()) continue; // turned off meanwhile: the translation is given back
        auto sent = send(translated(r, found.at), data, write, life);
        const DmaEnding how = co_await std::move(sent);
        co_return how;
    }
    co_return DmaEnding::NotSent;
}

/// What bus mastering, turned off in between, or a reset leaves unsent ends as such.
sim::Task<DmaEnding> DmaAccess::send(pcie::DmaRequest r, std::byte* data, bool write, u64 life) {
    Packets packets(*this);
    u32 left = r.bytes;
    while (left != 0) {
        r.bytes = endpoint_.packet_bytes(r.at, left, write);
        if (write) {
            unflushed_ = true;
            last_write_ = r.type == iommu::AddressType::Translated ? r.aimed_at : r.at;
            packets.expect();
            endpoint_.write_packet(r, announce(r, true), pcie::Payload::copy({data, r.bytes}), &packets);
        } else {
            pcie::Tag tag = co_await endpoint_.tags().acquire();
            if (life != life_ || !endpoint_.bus_master()) break;
            packets.expect();
            endpoint_.read_packet(r, announce(r, false), data, std::move(tag), packets);
        }
        data += r.bytes;
        left -= r.bytes;
        r.at += r.bytes;
        r.aimed_at += r.bytes;
    }
    co_await packets.all();
    co_return left != 0 ? DmaEnding::NotSent : packets.worst();
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
