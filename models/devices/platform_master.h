// SPDX-License-Identifier: Apache-2.0
/// A platform device with work queues: a bus master that is no PCI function. It has no configuration space, no link and
/// no ATC; its requests go over the interconnect to the SMMU with a StreamID and a SubstreamID and are all answered,
/// writes too, and its interrupt is a wire. A request that the SMMU holds (stall model) simply takes longer.
#pragma once
#include "devices/work_queues.h"
#include "memory/mmio.h"
#include "sim/wire.h"

#include <functional>

namespace quiesce::devices {

struct PlatformMasterConfig {
    using P = base::Provenance;
    WorkQueueConfig work;
    base::Param<unsigned> pasid_bits{20,
                                     "width of the SubstreamIDs that it sends",
                                     base::between(1u, 20u),
                                     base::unit("bits"),
                                     P::Specification,
                                     "device tree: pasid-num-bits"};
    base::Param<bool> can_stall{true, "its faulting requests can be kept waiting for software; firmware says so",
                                P::Specification, "device tree: dma-can-stall"};
    base::Param<unsigned> outstanding{64,
                                      "requests under way at most",
                                      base::between(1, 1024),
                                      base::unit("requests"),
                                      P::Guess,
                                      "of the order of a server interconnect's trackers for one port"};
    base::Param<base::Size> burst{256_B,
                                  "bytes of one request at most; a request ends at a 4 KiB boundary",
                                  base::between(16_B, 4_KiB),
                                  base::power_of_two,
                                  P::Specification,
                                  "AMBA AXI: at most 256 beats, and no burst crosses 4 KiB; 16 beats of 16 B"};
    base::Param<base::Latency> to_smmu{20_ns, "from the decision for a request to the SMMU", P::Guess,
                                       "an on-chip hop or two; no measurement to cite"};
    base::Param<base::Latency> from_memory{20_ns, "from the memory's answer, or the SMMU's refusal, to the device",
                                           P::Guess, "as to_smmu"};
    base::Param<base::Bandwidth> bandwidth{256_Gbps, "of its port, each way", base::at_least(1_Gbps), P::Guess,
                                           "16 B a beat at 2 GHz"};
    base::Param<base::Latency> register_access{20_ns, "one access to its registers", P::Guess,
                                               "a few cycles of a device clock"};
};
DESCRIBE(PlatformMasterConfig, work, pasid_bits, can_stall, outstanding, burst, to_smmu, from_memory, bandwidth,
         register_access)
static_assert(base::fully_described<PlatformMasterConfig>);

/// Where a platform device sits. `smmu` may be null: addresses then pass as they are.
struct InterconnectSeat {
    memory::MemoryPort& memory;
    iommu::TranslationPort* smmu;
    memory::InterruptSink& interrupts;
    unsigned wire; ///< of its interrupt
    StreamId stream;
    std::function<u64()> next_transaction;
};

/// MODEL: no request is ordered with any other, not even to the same address: who needs order waits for an answer.
class PlatformMaster final : public memory::MmioTarget, private DmaPort {
public:
    /// `seed` is the run's. The calendar must be shut down before the device goes.
    PlatformMaster(base::Name name, base::EventBus& events, InterconnectSeat seat, const PlatformMasterConfig& config,
                   DeviceId device, u64 seed = 0);

    /// It finds an error of its own, closes its way to memory and loses its work. False: it has done so before.
    bool halt();
    WorkQueues& queues() { return queues_; }
    void left_behind(base::Leftovers& out) const;
    StreamId stream() const { return seat_.stream; }
    /// As firmware describes it.
    unsigned pasid_bits() const { return config_.pasid_bits; }
    bool can_stall() const { return config_.can_stall; }

    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override;
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override;

private:
    DeviceId device() const override { return device_; }
    u64 next_transaction() override { return seat_.next_transaction(); }
    pcie::Tags& tags() override { return tags_; }
    u32 largest_packet(bool) const override { return burst_; }
    u32 packet_bytes(Iova at, u64 bytes, bool write) const override;
    pcie::Attributes attributes(bool) const override { return {}; }
    bool bus_master() const override { return true; }
    sim::Latch::Wait bus_master_set() override { return always_.wait(); }
    /// Nothing but its own width keeps it from sending a SubstreamID.
    bool may_send(const pcie::DmaRequest& r) const override {
        return !r.has_pasid || raw(r.pasid) >> config_.pasid_bits == 0;
    }
    bool posts_writes() const override { return false; }
    void read(const pcie::DmaRequest& r, u64 transaction, std::byte* into, pcie::Tag tag,
              pcie::Requester& who) override {
        sim::start(transfer(r, transaction, into, false, std::move(tag), who));
    }
    void write(const pcie::DmaRequest& r, u64 transaction, pcie::Payload data, pcie::Tag tag,
               pcie::Requester& who) override {
        sim::start(transfer(r, transaction, data.data(), true, std::move(tag), who));
    }
    sim::Task<void> reading(const pcie::DmaRequest& r, u64 transaction, std::byte* into, pcie::Tag tag,
                            pcie::Requester& who) override {
        return transfer(r, transaction, into, false, std::move(tag), who);
    }
    sim::Task<void> transfer(pcie::DmaRequest r, u64 transaction, std::byte* data, bool write, pcie::Tag tag,
                             pcie::Requester& who);
    sim::Task<pcie::Completion> carry_out(const pcie::DmaRequest& r, u64 transaction, std::byte* data, bool write);

    base::Name name_;
    base::EventBus& events_;
    InterconnectSeat seat_;
    PlatformMasterConfig config_;
    DeviceId device_;
    u32 burst_;
    pcie::Tags tags_;
    sim::Wire requests_, answers_;
    sim::Latch always_;
    WorkQueues queues_;
};

} // namespace quiesce::devices
