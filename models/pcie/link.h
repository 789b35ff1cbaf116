// SPDX-License-Identifier: Apache-2.0
/// A link: two directions of serial lanes with what the data link layer takes of them. facts/published-figures.md 1.1.
#pragma once
#include "base/names.h"
#include "base/events.h"
#include "base/param.h"
#include "pcie/flow_control.h"
#include "pcie/link_faults.h"
#include "pcie/stages.h"
#include "pcie/tlp.h"
#include "sim/wire.h"

#include <algorithm>
#include <array>
#include <optional>

namespace quiesce::pcie {

using namespace sim::literals;
using namespace base::literals;

struct LinkConfig {
    using P = base::Provenance;
    base::Param<unsigned> generation{3, "PCIe generation: signalling rate and line code", base::between(1, 7),
                                     P::Measured, "pcie-bench (SIGCOMM 2018): Gen3 x8 in every row"};
    base::Param<unsigned> lanes{8, "lanes", base::between(1, 32), base::power_of_two, P::Measured,
                                "pcie-bench (SIGCOMM 2018): Gen3 x8 in every row"};
    base::Param<u32> mps{256,
                         "maximum payload of a packet",
                         base::between(128, 4096),
                         base::power_of_two,
                         base::unit("bytes"),
                         P::Measured,
                         "pcie-bench (SIGCOMM 2018): MPS 256"};
    base::Param<u32> mrrs{512,
                          "maximum read request",
                          base::between(128, 4096),
                          base::power_of_two,
                          base::unit("bytes"),
                          P::Measured,
                          "pcie-bench (SIGCOMM 2018): MRRS 512 on most hosts"};
    base::Param<u32> rcb{64,
                         "read completion boundary",
                         base::between(64, 128),
                         base::power_of_two,
                         base::unit("bytes"),
                         P::Measured,
                         "pcie-bench (SIGCOMM 2018): RCB 64"};
    base::Param<bool> split_at_rcb{
        false, "every completion ends at the next read completion boundary, as on old chipsets", P::Measured,
        "pcie-bench/pcie-model: completions of MPS, or per RCB on old chipsets"};
    base::Param<bool> ecrc{false, "packets carry an end-to-end CRC", P::Measured,
                           "pcie-bench (SIGCOMM 2018): off on most hosts"};
    base::Param<unsigned> ack_limit{203,
                                    "one 8-byte ACK per so many bytes",
                                    base::between(32, 100'000),
                                    base::unit("bytes"),
                                    P::Measured,
                                    "pcie-bench/pcie-model: Gen3 x8, MPS 256; other links need their own"};
    base::Param<unsigned> fc_limit{203, "one 8-byte flow-control update per so many bytes", base::between(32, 100'000),
                                   base::unit("bytes"), P::Measured,
                                   "pcie-bench/pcie-model: Gen3 x8, MPS 256; other links need their own"};
    base::Param<base::Latency> propagation{
        130_ns, "from a packet's last bit at the sender to the receiver's transaction layer", P::Derived,
        "pcie-bench (SIGCOMM 2018): 64 B read 552 ns on an E5-2630v4, less the other parts"};
    base::Param<base::Latency> credit_update{130_ns, "from a receiver's release of room to the sender's use of it",
                                             P::Derived, "an UpdateFC crosses the link as a packet does: propagation"};
    CreditConfig root_port; ///< what a root port above advertises: room for what goes upstream; a switch has its own
    CreditConfig endpoint;  ///< what the lower end advertises: room for what goes downstream
};
DESCRIBE(LinkConfig, generation, lanes, mps, mrrs, rcb, split_at_rcb, ecrc, ack_limit, fc_limit, propagation,
         credit_update, root_port, endpoint)
static_assert(base::fully_described<LinkConfig>);

/// Bits per second that the line code leaves: GT/s times lanes times code.
inline base::Bandwidth raw_rate(unsigned generation, unsigned lanes) {
    struct Row {
        u64 transfers_per_second, of, code;
    };
    static constexpr std::array<Row, 7> generations{{{2'500'000'000, 8, 10},
                                                     {5'000'000'000, 8, 10},
                                                     {8'000'000'000, 128, 130},
                                                     {16'000'000'000, 128, 130},
                                                     {32'000'000'000, 128, 130},
                                                     {64'000'000'000, 242, 256},
                                                     {128'000'000'000, 242, 256}}};
    const Row& g = generations.at(generation - 1);
    return base::Bandwidth::bits_per_second(g.transfers_per_second * lanes * g.of / g.code);
}

/// What is left for packets: 8 bytes per ACK and per flow-control update, and a 4-symbol SKP set per 1538, are taken
/// off.
inline base::Bandwidth tlp_rate(const LinkConfig& c) {
    __extension__ using Wide = unsigned __int128;
    const u64 ack = c.ack_limit, fc = c.fc_limit, skp = 1538;
    const Wide all = Wide{ack} * fc * skp;
    const Wide left = all - Wide{8} * fc * skp - Wide{8} * ack * skp - Wide{4} * ack * fc;
    const Wide bits = raw_rate(c.generation, c.lanes).bits_per_second() * left / all;
    return base::Bandwidth::bits_per_second(static_cast<u64>(bits));
}

/// One direction. A packet waits for its turn, occupies the wire, leaves with its last bit, and travels.
class LinkDirection {
public:
    LinkDirection(base::EventBus& events, base::Name link, base::Name upper, bool upstream, const LinkConfig& c,
                  Stages& stages)
        : queue_(events, link, upstream, upstream ? c.root_port : c.endpoint, c.credit_update.get()),
          wire_(sim::Duration{}), flight_(stages.of(c.propagation)), events_(events), link_(link), upper_(upper),
          upstream_(upstream), ecrc_(c.ecrc.get()), ps_per_byte_(fixed_point(tlp_rate(c))) {}

    /// co_await: the receiver has room for the packet, and it is its turn. `t` must live until then.
    TransmitQueue::Enter enter(const Tlp& t, u32 payload, unsigned source = 0) {
        return queue_.enter(t, payload, source);
    }
    TransmitQueue& queue() { return queue_; }
    const TransmitQueue& queue() const { return queue_; }
    u32 bytes_of(const Tlp& t, u32 payload) const { return wire_bytes(t, payload, ecrc_); }
    /// Time per byte is kept in 2^-24 ps, rounded up, and a packet's time is rounded up to the picosecond: a packet is
    /// never early and at most 1 ps late.
    sim::Duration occupancy(u32 bytes) const {
        return sim::Duration::ps(static_cast<i64>((bytes * ps_per_byte_ + fraction - 1) / fraction));
    }
    /// co_await: the last bit of the packet, which carries `payload` bytes, has left.
    sim::Wire::Send leave(const Tlp& t, u32 payload) {
        const sim::Duration time = occupancy(bytes_of(t, payload));
        return wire_.send(faults_ ? time + held_up(t, time) : time);
    }
    /// As leave(), out of a switch: its first bit not before `first`, which may have passed, its last not before
    /// `last`.
    sim::Wire::Sent leave(const Tlp& t, u32 payload, sim::Time first, sim::Time last) {
        const sim::Duration time = occupancy(bytes_of(t, payload));
        const sim::Time end = wire_.reserve(faults_ ? time + held_up(t, time) : time, first, last);
        queue_.sent_until(end);
        return wire_.sent(end);
    }
    /// From the arrival of the last bit of a packet's header and prefix until that of its last bit.
    sim::Duration after_header(const Tlp& t, u32 payload) const {
        return occupancy(bytes_of(t, payload)) - occupancy(wire_bytes(t, 0, false) - lcrc_bytes);
    }
    /// co_await: the packet is at the other end. In order. Then ask arrival().
    sim::Stage::Pass travel() { return flight_.pass(); }
    /// How a packet came through that left when life() was `life_then`.
    Arrival arrival(const Tlp& t, u64 life_then) {
        if (life_then == life_ && !faults_ && !down_) [[likely]] return Arrival::Whole;
        return damaged(t, life_then);
    }
    /// Changes whenever the link goes down or comes up: what left in another one is lost.
    u64 life() const { return life_; }
    void set_up(bool up) {
        ++life_;
        down_ = !up;
        queue_.set_down(down_);
    }
    /// The number of the link as a bus.
    void set_bus(unsigned bus) { bus_ = bus; }
    void inject(const LinkFaultConfig& c) {
        if (LinkFaults::any(c, upstream_)) faults_.emplace(c, 2 * propagation());
        if (LinkFaults::concern(c, upstream_)) queue_.keep_back(c.reorder_every, c.reorder_for.get(), sim::Time::at(c.from.get()));
    }
    /// States that the packet's last bit has left just now.
    void left(const Tlp& t, u32 payload) {
        if (events_.wants<TlpSent>()) [[unlikely]] state(t, payload);
    }
    sim::Duration busy() const { return wire_.busy(); }
    sim::Duration propagation() const { return flight_.latency(); }

private:
    sim::Duration held_up(const Tlp& t, sim::Duration time);
    Arrival damaged(const Tlp& t, u64 life_then);
    void state(LinkFaultKind fault, const Tlp& t);
    void state(const Tlp& t, u32 payload) {
        const u32 bytes = bytes_of(t, payload);
        events_.emit(TlpSent{link_, upstream_, t.kind, t.transaction, t.tag, t.has_pasid, t.pasid, t.bond, t.address,
                             payload, bytes, sim::now() - occupancy(bytes), t.requester, t.completer,
                             static_cast<u8>(t.at), t.message, static_cast<u8>(t.status), &t, upper_,
                             t.is_config() && static_cast<unsigned>(t.completer) >> 8 != bus_});
    }
    static constexpr u64 fraction = u64{1} << 24;
    static constexpr u64 fixed_point(base::Bandwidth rate) {
        __extension__ using Wide = unsigned __int128;
        const Wide work = Wide{8'000'000'000'000} * fraction, bits = rate.bits_per_second();
        return static_cast<u64>((work + bits - 1) / bits);
    }
    TransmitQueue queue_;
    sim::Wire wire_;
    sim::Stage& flight_;
    base::EventBus& events_;
    base::Name link_, upper_;
    unsigned bus_ = 0;
    bool upstream_, ecrc_, down_ = false;
    u64 ps_per_byte_, life_ = 0;
    std::optional<LinkFaults> faults_;
};

/// Both directions, and how big packets may be.
class Link {
public:
    /// `upper`: what is above it.
    Link(base::EventBus& events, base::Name name, base::Name upper, const LinkConfig& c, Stages& stages)
        : up(events, name, upper, true, c, stages), down(events, name, upper, false, c, stages), mps_(c.mps), mrrs_(c.mrrs),
          rcb_(c.rcb), split_at_rcb_(c.split_at_rcb), name_(name) {}

    LinkDirection up, down;

    base::Name name() const { return name_; }
    void set_bus(unsigned bus) {
        up.set_bus(bus);
        down.set_bus(bus);
    }
    bool is_up() const { return up_; }
    void set_up(bool to) {
        up_ = to;
        up.set_up(to);
        down.set_up(to);
    }

    /// The part of a request of `bytes` from `at` on that goes into one packet: not beyond a 4 KiB boundary, nor over
    /// the limit.
    u32 request_bytes(Iova at, u64 bytes, bool write) const {
        return static_cast<u32>(std::min({bytes, page_size - at.page_offset(), u64{write ? mps_ : mrrs_}}));
    }
    /// The part of a read's answer, of which `bytes` from `at` on are left, that goes into one completion: all but the
    /// last end at a multiple of the read completion boundary.
    u32 completion_bytes(u64 at, u32 bytes) const {
        const u64 limit = split_at_rcb_ ? rcb_ : mps_;
        const u64 end = (at + limit) & ~(u64{rcb_} - 1);
        return static_cast<u32>(std::min<u64>(bytes, end - at));
    }
    u32 mps() const { return mps_; }
    u32 mrrs() const { return mrrs_; }

private:
    u32 mps_, mrrs_, rcb_;
    bool split_at_rcb_, up_ = true;
    base::Name name_;
};

} // namespace quiesce::pcie
