// SPDX-License-Identifier: Apache-2.0
/// A NIC-like engine: packets arrive from a wire whatever the host does. Where a queue's receive ring has buffers they
/// are written by DMA: the payload, then the descriptor, then, moderated, an interrupt; where it has none they are
/// dropped and counted. It goes on when the process that gave the buffers has died, until its driver disables the
/// queue.
#pragma once
#include "base/facts.h"
#include "base/lifecycle.h"
#include "base/ring_queue.h"
#include "base/spread.h"
#include "devices/dma_access.h"
#include "devices/nic_layout.h"
#include "devices/nic_regs.h"
#include "devices/sva_function.h"
#include "sim/random.h"
#include "sim/wire.h"

#include <array>
#include <memory>
#include <vector>

namespace quiesce::devices {

enum class PacketSizes : u8 { Fixed, Uniform, Imix };
constexpr auto enum_names(PacketSizes) {
    return base::name_table<PacketSizes>(
        {{PacketSizes::Fixed, "fixed"}, {PacketSizes::Uniform, "uniform"}, {PacketSizes::Imix, "imix"}});
}

/// What comes down the wire while any queue is in use: bursts of packets.
struct TrafficConfig {
    using P = base::Provenance;
    base::Param<base::Latency> every{2_us,
                                     "from one burst to the next on average, drawn from half to one and a half of it; "
                                     "0: nothing arrives",
                                     P::Guess, "of the order of 5 Gb/s of mixed sizes"};
    base::Param<unsigned> burst{1, "packets of a burst, one behind the other on the wire", base::between(1u, 65'536u),
                                P::Guess, "single packets"};
    base::Param<PacketSizes> sizes{PacketSizes::Imix,
                                   "bytes of a packet: always size, uniform in [size, size_max], or 64, 594 "
                                   "and 1518 as 7 : 4 : 1",
                                   P::Specification, "IMIX, RFC 6985 A.1"};
    base::Param<base::Size> size{64_B, "of a fixed packet, and the least of uniform ones", base::between(64_B, 9216_B),
                                 P::Specification, "IEEE 802.3: 64 bytes at least"};
    base::Param<base::Size> size_max{1518_B, "the most of uniform ones", base::between(64_B, 9216_B), P::Specification,
                                     "IEEE 802.3: 1518 bytes at most, 9216 with jumbo frames"};
};
DESCRIBE(TrafficConfig, every, burst, sizes, size, size_max)
static_assert(base::fully_described<TrafficConfig>);

inline constexpr unsigned most_prefetched = 64;

struct NicConfig {
    using P = base::Provenance;
    base::Param<unsigned> queues{8, "pairs of receive and transmit rings", base::between(1u, nic::max_queues), P::Guess,
                                 "a small interface"};
    base::Param<base::Bandwidth> line_rate{25_Gbps, "of the wire, either way", P::Specification, "IEEE 802.3by"};
    base::Param<base::Size> buffer{128_KiB, "packets that wait in the device for their descriptors",
                                   base::between(16_KiB, 64_MiB), P::Guess, "some tens of microseconds at line rate"};
    base::Param<unsigned> prefetch{8, "descriptors fetched at once", base::between(1u, most_prefetched), P::Guess,
                                   "two cache lines"};
    base::Param<base::Spread> disable_time{10_us, "a disabled queue takes at least so long to empty its pipeline",
                                           P::Guess, "linux: ice waits up to 50 times 20 to 40 us for it"};
    TrafficConfig traffic;
    SvaFunctionConfig function;
};
DESCRIBE(NicConfig, queues, line_rate, buffer, prefetch, disable_time, traffic, function)
static_assert(base::fully_described<NicConfig>);

enum class RingEvent : u8 { Enable, Disable, Emptied, Reset };
inline constexpr base::Arrow<nic::State, RingEvent> ring_arrows[] = {
    {nic::State::Disabled, RingEvent::Enable, nic::State::Enabled},
    {nic::State::Enabled, RingEvent::Disable, nic::State::Disabling},
    {nic::State::Disabling, RingEvent::Emptied, nic::State::Disabled},
    {nic::State::Disabled, RingEvent::Reset, nic::State::Disabled},
    {nic::State::Enabled, RingEvent::Reset, nic::State::Disabled},
    {nic::State::Disabling, RingEvent::Reset, nic::State::Disabled},
};
static_assert(base::deterministic(ring_arrows) && base::all_reachable(ring_arrows, nic::State::Disabled));

/// When a queue reports Disabled it issues nothing any more, its reads have been answered and its writes are globally
/// observable; its page requests have been answered, or a Stop Marker is behind them.
class Nic final : public SvaFunction {
public:
    /// `seed` is the run's: what arrives follows from it. The calendar must be shut down before the interface goes.
    Nic(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
        const NicConfig& config, DeviceId device, u64 seed = 0);

    nic::State state(unsigned queue) const { return queues_.at(queue)->life.state(); }
    /// The id of the span of the queue's last stop, 0 if there was none.
    u64 last_stop_span(unsigned queue) const { return queues_.at(queue)->stop_span; }
    /// One packet comes down the wire, besides those of the generator.
    void arrive(u32 bytes);
    u64 missed() const { return missed_; }
    /// Commands that the state of their queue did not allow; they had no effect.
    u64 refused_commands() const { return refused_; }

private:
    using Ring = base::RingIndices<base::HeadTail>; ///< prod: software's tail; cons: the device's head
    struct Side {
        Ring ring;
        Iova base{};
        bool working = false;                ///< a coroutine serves it
        std::vector<nic::Descriptor> cached; ///< fetched, the next one last
    };
    struct Queue {
        Queue(base::Name n, base::Name l, unsigned i, Nic& c)
            : name(n), level(l), number(i), life(nic::State::Disabled), access(c.events(), c, c.atc()),
              disable_times(c.seed_, std::string(n.text()) + ".disable_time") {}
        base::Name name, level; ///< buffers in its receive ring
        unsigned number;
        base::Lifecycle<nic::State, RingEvent, ring_arrows> life;
        DmaAccess access;
        sim::Random disable_times;
        pcie::DmaRequest identity; ///< PASID and work tag, since ENABLE
        bool kernel_rings = false;
        Side rx, tx;
        sim::Fifo<u32> packets;   ///< lengths of those that wait
        bool armed = false;       ///< an interrupt is on its way
        bool interrupted = false; ///< one has been since ENABLE
        u64 causes = 0;           ///< of the next one
        sim::Time last_interrupt{};
        sim::Signal quiet; ///< a side has stopped working
        u64 run = 0;       ///< enables and resets so far
        u64 stop_span = 0;
        u64 received = 0, dropped = 0, sent = 0, failed = 0;
        nic::Q_PASID pasid;
        nic::Q_WORK_TAG work_tag;
        nic::Q_RX_BASE rx_base;
        nic::Q_TX_BASE tx_base;
        nic::Q_RINGS rings;
        nic::Q_MODERATION moderation;
        nic::Q_TX_RATE tx_rate;
        nic::Q_RX_TAIL rx_tail;
        nic::Q_TX_TAIL tx_tail;
    };
    void bar_write(u64 offset, unsigned size, u64 value) override {
        regs_.bus_write(static_cast<u32>(offset), size, value);
    }
    u64 bar_read(u64 offset, unsigned size) override {
        return regs_.bus_read(static_cast<u32>(offset), size).value_or(0);
    }
    std::vector<BondId> at_work() const override;
    void forget() override;

    // ---- registers and commands (nic.cpp)
    void bind_registers();
    Queue* selected();
    void show(const Queue* q);
    bool take(Queue& q, RingEvent e);
    void command(Queue& q, nic::Q_CTRL c);
    void enable(Queue& q);
    sim::Task<void> disable(Queue& q);
    void tail_moved(Queue& q, Side& s, u32 tail);
    void serve(Queue& q);
    void interrupt(Queue& q, bool was_received);
    sim::Task<void> moderate(Queue& q, u64 run);

    // ---- packets (nic_packets.cpp)
    bool in_use() const;
    sim::Task<void> traffic();
    u32 draw_size();
    sim::Duration draw_gap();
    void ended(Queue& q, u32 bytes, PacketFate fate);
    void discard_waiting(Queue& q);
    pcie::DmaRequest ring_request(const Queue& q, const Side& s, u32 slot) const;
    DmaAccess& ring_access(Queue& q);
    sim::Task<bool> fetch(Queue& q, Side& s, u64 run);
    sim::Task<void> write_back(Queue& q, Side& s, nic::Descriptor d);
    sim::Task<void> receive(Queue& q, u64 run);
    sim::Task<PacketFate> deliver(Queue& q, u32 bytes, u64 run);
    sim::Task<void> transmit(Queue& q, u64 run);

    NicConfig config_;
    u64 seed_;
    sim::Random gaps_, sizes_, hashes_; ///< of packets: what is dropped changes no later one
    base::RegisterFile<nic::Registers> regs_;
    DmaAccess own_; ///< of rings in kernel memory: no PASID
    std::vector<std::unique_ptr<Queue>> queues_;
    std::array<base::Name, 3> state_names_;
    sim::Wire wire_; ///< of what is sent
    u64 waiting_bytes_ = 0;
    bool listening_ = false;
    u64 missed_ = 0, refused_ = 0;
    std::vector<std::byte> pattern_, sink_; ///< what arrives; where what is sent goes: nobody looks at the data
};

} // namespace quiesce::devices
