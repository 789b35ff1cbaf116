// SPDX-License-Identifier: Apache-2.0
/// Where the requests of a DMA engine go: the link of a PCIe function, or the interconnect of the system.
#pragma once
#include "pcie/endpoint.h"

namespace quiesce::devices {

class DmaPort {
public:
    virtual ~DmaPort() = default;
    virtual DeviceId device() const = 0;
    /// The simulation's own number of the next transaction.
    virtual u64 next_transaction() = 0;
    /// A request that is answered holds one until it has been.
    virtual pcie::Tags& tags() = 0;
    /// Bytes of a packet at most.
    virtual u32 largest_packet(bool write) const = 0;
    /// The part of a request that fits one packet.
    virtual u32 packet_bytes(Iova at, u64 bytes, bool write) const = 0;
    virtual pcie::Attributes attributes(bool write) const = 0;
    /// Software lets the device send requests, and this one.
    virtual bool bus_master() const = 0;
    virtual sim::Latch::Wait bus_master_set() = 0;
    virtual bool may_send(const pcie::DmaRequest& r) const = 0;
    /// Nobody hears when a write commits, or whether: a later read has to push it.
    virtual bool posts_writes() const = 0;

    /// One packet each. `who` hears left() of a posted write, completed() of everything else. A posted write has no
    /// tag.
    virtual void read(const pcie::DmaRequest& r, u64 transaction, std::byte* into, pcie::Tag tag,
                      pcie::Requester& who) = 0;
    virtual void write(const pcie::DmaRequest& r, u64 transaction, pcie::Payload data, pcie::Tag tag,
                       pcie::Requester& who) = 0;
    /// What sends AtomicOps, where software lets it; null: nothing does. MODEL: an interconnect's own are not modelled.
    virtual pcie::Endpoint* atomics() { return nullptr; }
    /// As read(), for who has to know when it is over.
    virtual sim::Task<void> reading(const pcie::DmaRequest& r, u64 transaction, std::byte* into, pcie::Tag tag,
                                    pcie::Requester& who) = 0;
};

/// A PCIe function's.
class EndpointPort final : public DmaPort {
public:
    explicit EndpointPort(pcie::Endpoint& e) : e_(e) {}
    DeviceId device() const override { return e_.device(); }
    u64 next_transaction() override { return e_.next_transaction(); }
    pcie::Tags& tags() override { return e_.tags(); }
    u32 largest_packet(bool write) const override { return write ? e_.port().link().mps() : e_.port().link().mrrs(); }
    u32 packet_bytes(Iova at, u64 bytes, bool write) const override { return e_.packet_bytes(at, bytes, write); }
    pcie::Attributes attributes(bool write) const override { return e_.attributes(write); }
    bool bus_master() const override { return e_.bus_master(); }
    sim::Latch::Wait bus_master_set() override { return e_.bus_master_set(); }
    bool may_send(const pcie::DmaRequest& r) const override { return e_.may_send(r); }
    bool posts_writes() const override { return true; }
    pcie::Endpoint* atomics() override { return e_.may_send_atomics() ? &e_ : nullptr; }
    void read(const pcie::DmaRequest& r, u64 transaction, std::byte* into, pcie::Tag tag,
              pcie::Requester& who) override {
        e_.read_packet(r, transaction, into, std::move(tag), who);
    }
    void write(const pcie::DmaRequest& r, u64 transaction, pcie::Payload data, pcie::Tag,
               pcie::Requester& who) override {
        e_.write_packet(r, transaction, std::move(data), &who);
    }
    sim::Task<void> reading(const pcie::DmaRequest& r, u64 transaction, std::byte* into, pcie::Tag tag,
                            pcie::Requester& who) override {
        return e_.reading(r, transaction, into, std::move(tag), who);
    }

private:
    pcie::Endpoint& e_;
};

} // namespace quiesce::devices
