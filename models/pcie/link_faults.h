// SPDX-License-Identifier: Apache-2.0
/// Mistakes of a link, on purpose and by count: packets that are replayed, delayed, lost or damaged, answers that are
/// refused, and a link that goes down.
#pragma once
#include "base/param.h"
#include "pcie/tlp.h"

#include <string>

namespace quiesce::pcie {

using namespace sim::literals;
using namespace base::literals;

/// The n-th packet of a direction, the 2n-th and so on; 0: none. Where several hit the same packet, the first of them
/// as listed here counts.
struct LinkFaultConfig {
    using P = base::Provenance;
    static constexpr u64 most = 1'000'000'000'000;
    base::Param<std::string> direction{"both", "which packets: those upstream, downstream, or both",
                                       base::one_of("up", "down", "both"), P::Guess, "a fault to try"};
    base::Param<base::Latency> from{0_ns, "packets count from so long after the start on: the kernel's boot is the first tens of microseconds", P::Guess,
                                    "a fault to try"};
    base::Param<u64> corrupt_every{0,
                                   "packets: one fails its LCRC and is sent again after the NAK; 0: never",
                                   base::at_most(most),
                                   base::unit("packets"),
                                   P::Specification,
                                   "PCIe Base 3.6: bit errors are rare and repaired"};
    base::Param<u64> delay_every{0,
                                 "packets: one, and what is behind it, is held up; 0: never",
                                 base::at_most(most),
                                 base::unit("packets"),
                                 P::Guess,
                                 "a fault to try"};
    base::Param<base::Latency> delay{1_us, "how long", P::Guess, "a link's recovery takes microseconds"};
    base::Param<u64> reorder_every{0,
                                   "packets: one is kept back, and those behind it that may pass it do; 0: never",
                                   base::at_most(most),
                                   base::unit("packets"),
                                   P::Guess,
                                   "a fault to try"};
    base::Param<base::Latency> reorder_for{1_us, "for how long", P::Guess, "a fault to try"};
    base::Param<u64> drop_every{0,
                                "packets: one never arrives, though the link says it did; 0: never",
                                base::at_most(most),
                                base::unit("packets"),
                                P::Guess,
                                "a fault to try"};
    base::Param<u64> malformed_every{0,
                                     "packets: the receiver finds one malformed and discards it; 0: never",
                                     base::at_most(most),
                                     base::unit("packets"),
                                     P::Guess,
                                     "a fault to try"};
    base::Param<u64> poison_every{0,
                                  "packets with data: one is poisoned (EP set); 0: never",
                                  base::at_most(most),
                                  base::unit("packets"),
                                  P::Guess,
                                  "a fault to try"};
    base::Param<u64> unsupported_every{0,
                                       "reads: the root port answers one with Unsupported Request; 0: never",
                                       base::at_most(most),
                                       base::unit("reads"),
                                       P::Guess,
                                       "a fault to try"};
    base::Param<u64> abort_every{0,
                                 "reads: the root port answers one with Completer Abort; 0: never",
                                 base::at_most(most),
                                 base::unit("reads"),
                                 P::Guess,
                                 "a fault to try"};
    base::Param<base::Latency> down_at{0_ns, "the link goes down so long after the start; 0: it does not", P::Guess,
                                       "a fault to try"};
    base::Param<base::Latency> down_for{0_ns, "and comes up again so much later; 0: it stays down", P::Guess,
                                        "a fault to try"};
};
DESCRIBE(LinkFaultConfig, direction, from, corrupt_every, delay_every, delay, reorder_every, reorder_for, drop_every,
         malformed_every, poison_every, unsupported_every, abort_every, down_at, down_for)
static_assert(base::fully_described<LinkFaultConfig>);

/// How a packet comes out of a link.
enum class Arrival : u8 { Whole, Poisoned, Malformed, Lost };
/// It does not go on from there.
constexpr bool gone(Arrival a) { return a == Arrival::Malformed || a == Arrival::Lost; }
/// Of a packet that has crossed two links, or an answer of two packets.
constexpr Arrival worse(Arrival a, Arrival b) { return a > b ? a : b; }

/// The faults of one direction. A direction without any has none of these.
class LinkFaults {
public:
    LinkFaults(const LinkFaultConfig& c, sim::Duration nak)
        : corrupt_{c.corrupt_every}, delay_{c.delay_every}, drop_{c.drop_every},
          malformed_{c.malformed_every}, poison_{c.poison_every}, hold_(c.delay.get()), nak_(nak),
          from_(sim::Time::at(c.from.get())) {}
    static bool concern(const LinkFaultConfig& c, bool upstream) {
        return c.direction.get() != (upstream ? "down" : "up");
    }
    static bool any(const LinkFaultConfig& c, bool upstream) {
        if (!concern(c, upstream)) return false;
        return c.corrupt_every != 0 || c.delay_every != 0 || c.drop_every != 0 || c.malformed_every != 0 ||
               c.poison_every != 0;
    }
    struct Held {
        sim::Duration extra{};
        bool replayed = false, delayed = false;
    };
    /// By how much longer the next packet, which takes `occupancy`, keeps the wire. What was sent after a packet that
    /// failed is discarded and sent again behind it, so that all of it waits.
    Held hold(sim::Duration occupancy) {
        if (sim::now() < from_) return {};
        if (corrupt_.hits()) return {nak_ + occupancy, true, false};
        if (delay_.hits()) return {hold_, false, true};
        return {};
    }
    Arrival arrival(bool has_data) {
        if (sim::now() < from_) return Arrival::Whole;
        if (drop_.hits()) return Arrival::Lost;
        if (malformed_.hits()) return Arrival::Malformed;
        return has_data && poison_.hits() ? Arrival::Poisoned : Arrival::Whole;
    }

private:
    struct Every {
        u64 every, n = 0;
        bool hits() { return every != 0 && ++n % every == 0; }
    };
    Every corrupt_, delay_, drop_, malformed_, poison_;
    sim::Duration hold_, nak_;
    sim::Time from_;
};

/// Reads that the root port refuses.
class Refusals {
public:
    explicit Refusals(const LinkFaultConfig& c) : unsupported_(c.unsupported_every), abort_(c.abort_every) {}
    bool any() const { return unsupported_ != 0 || abort_ != 0; }
    /// For the next read: Success, it is not refused.
    CompletionStatus next() {
        ++reads_;
        if (unsupported_ != 0 && reads_ % unsupported_ == 0) return CompletionStatus::UnsupportedRequest;
        if (abort_ != 0 && reads_ % abort_ == 0) return CompletionStatus::CompleterAbort;
        return CompletionStatus::Success;
    }

private:
    u64 unsupported_, abort_, reads_ = 0;
};

} // namespace quiesce::pcie
