// SPDX-License-Identifier: Apache-2.0
/// A switch: one link up, several down, and in front of each a queue in which the packets of its ports take turns.
///
/// A packet goes on when its header has arrived, and a latency later (cut-through), but never so early that its end
/// would be missing; it takes room in the port that it came in by until its last bit is out again. Requests are routed
/// by the address windows of the ports below (6.12: Access Control Services decide whether to a peer), answers and
/// messages by bus number or to the root complex. MODEL: no multicast, no ordering between virtual channels (there is
/// one); the upper end of its link has no configuration space; when its link has been down, its registers are as before
/// (the kernel restores them) and what is below it comes up with it.
#pragma once
#include "base/events.h"
#include "base/names.h"
#include "base/param.h"
#include "pcie/config_space.h"
#include "pcie/link.h"
#include "pcie/ordering.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace quiesce::pcie {

/// What a switch advertises on all of its links. Infinite completions are for the ends of a path alone.
inline CreditConfig switch_credits() {
    using P = base::Provenance;
    return {.completion_headers{128, "completions that the receiver has room for; 0: infinite",
                                base::at_most(CreditConfig::most), base::unit("credits"), P::Guess,
                                "as for posted packets; PCIe Base 2.6.1: switches do not advertise infinite"},
            .completion_data{2048, "room for their payloads, 16 bytes each; 0: infinite",
                             base::at_most(CreditConfig::most), base::unit("credits"), P::Guess,
                             "256 bytes for each of the 128 packets"}};
}

struct SwitchConfig {
    using P = base::Provenance;
    base::Param<base::Latency> latency{
        150_ns, "from a packet's header at one port to its first bit out of another, both links idle", P::Derived,
        "Linley 2019-09: 105 ns through a PEX88000 (Gen4 x16) are 30 % less than through a PEX9700 (Gen3)"};
    base::Param<bool> cut_through{true, "packets go on before they are there as a whole; false: store and forward",
                                  P::Measured, "Linley 2019-09: the PEX88000's 105 ns are cut-through"};
    base::Param<base::Latency> register_access{20_ns, "it reads or writes one of its configuration registers", P::Guess,
                                               "as an endpoint"};
    base::Param<bool> acs{true, "its lower ports have Access Control Services", P::Guess, "server switches do"};
    LinkConfig link{.root_port = {},
                    .endpoint = switch_credits()}; ///< above it; `endpoint`: what it advertises, above and below
    LinkFaultConfig faults; ///< of that link; nothing of the root port's refusals
};
DESCRIBE(SwitchConfig, latency, cut_through, register_access, acs, link, faults)
static_assert(base::fully_described<SwitchConfig>);

/// What all functions below one root port have in common.
struct RootPort {
    PostedOrder order;
    ReadOrder reads;
};

class FunctionPort;
class RootComplex;
class Switch;

/// Where a packet is that came into a switch: by which link, in which order with its predecessors, from which port.
struct Ingress {
    Switch* at;
    const LinkDirection* link;
    sim::Lane* lane;
    unsigned source;
};

class Switch {
public:
    static constexpr unsigned most_ports = 32; ///< below; devices 0 to 31 of its internal bus

    /// `above` null: below a root port of its own.
    Switch(RootComplex& rc, base::Name name, const SwitchConfig& config, Switch* above);
    Switch(const Switch&) = delete;

    base::Name name() const { return name_; }
    Link& link() { return link_; }
    Switch* above() const { return above_; }
    RootPort& root() { return *root_; }
    /// From the switch below the root port to this one.
    const std::vector<Switch*>& path() const { return path_; }
    /// What it advertises to what is below it.
    const CreditConfig& credits() const { return credits_; }
    unsigned slot() const { return slot_; } ///< the port of above() that it is below
    ConfigSpace& config_space() { return config_space_; }
    /// Of its upper port: what the root port, which has no registers here, has below it. Only of a switch that is below
    /// one.
    unsigned upper_bus() const { return upper_bus_; }
    void set_upper_bus(unsigned bus) {
        upper_bus_ = bus;
        link_.set_bus(bus);
    }
    sim::Duration register_access() const { return register_access_; }

    /// A port for what comes below: its number.
    unsigned add_port();
    void connect(unsigned port, FunctionPort& function) { ports_.at(port)->function = &function; }
    struct Port {
        explicit Port(const BridgeConfig& c) : config_space(c) {}
        ConfigSpace config_space;
        Switch* below = nullptr;         ///< or
        FunctionPort* function = nullptr;
        sim::Lane lane;                  ///< what came in by it, until it goes on
    };
    unsigned port_count() const { return static_cast<unsigned>(ports_.size()); }
    Port& port(unsigned n) { return *ports_.at(n); }
    Ingress from_port(unsigned n, const LinkDirection& link) { return {this, &link, &ports_.at(n)->lane, n + 1}; }
    Ingress from_above() { return {this, &link_.down, &lane_, 0}; }

    /// The address is in the window of the port.
    bool has(unsigned port, u64 address) const;
    /// Who answers a configuration access that has come to the bus below its upper port, as the bus numbers of its
    /// ports say; nobody: all are null. MODEL: they are looked at when the access sets out.
    struct Target {
        FunctionPort* function = nullptr;
        Switch* at = nullptr; ///< or a port of this switch: its registers
        ConfigSpace* registers = nullptr;
    };
    Target find(unsigned bus, unsigned device, unsigned function);

    /// Where a packet that came in by a port below goes.
    enum class Way : u8 { Up, Peer, Violation, Unrouted };
    struct Route {
        Way way = Way::Up;
        unsigned port = 0; ///< Peer: out of which
    };
    /// A memory request. Refusals are logged in the port (AER).
    Route route(const Tlp& request, unsigned port);
    /// A completion of a peer, for a function below: up, because of ACS, or back the way that the request came.
    bool redirects(const Tlp& completion, unsigned port) const;

    /// From where the packet is through the switch and on to the other end of `egress`. `room` is what it takes in the
    /// switch, and then what it takes there.
    /// -> the life of that link in which it left, to ask how it arrived.
    sim::Task<u64> cross(Ingress in, LinkDirection& egress, const Tlp& t, u32 payload, TransmitQueue::Credit& room);

    struct Climb {
        Way way = Way::Up;
        Switch* at = nullptr; ///< Peer: where it turns
        unsigned port = 0;    ///< Peer: out of which port there
        Ingress in{};         ///< Peer: and where it is now
        Arrival how = Arrival::Whole; ///< gone: it came no further
    };
    /// From an endpoint's link `from` (which it has crossed) into this switch's `port` and on to the root port, or to
    /// the switch where it turns to a peer or is refused. Only `routed` packets turn: memory requests.
    sim::Task<Climb> climb(const LinkDirection& from, unsigned port, const Tlp& t, u32 payload,
                           TransmitQueue::Credit& room, bool routed);
    /// From switch `in.at`, on the way down, into this one; then out of `last`, whose damage is not looked at here.
    sim::Task<Arrival> go_on_down(Ingress in, LinkDirection* last, const Tlp& t, u32 payload,
                                  TransmitQueue::Credit& room);

    /// A configuration access to its upper port, or to a lower one. As FunctionPort's.
    sim::Task<u32> config_access(ConfigSpace& registers, TlpKind kind, u32 offset, unsigned size, u32 value);
    /// What waits for room on its link, in words; empty if nothing does.
    std::string who_waits();
    void left_behind(base::Leftovers& out) const;

    /// Its link goes down, with all that is on it and with all links below (6.6.1: the reset is passed on), or comes up
    /// with those that it took along.
    void set_link(bool up);
    /// A function below comes up when this does.
    void bring_up_later(FunctionPort& function) { taken_down_.push_back(&function); }

private:
    Route refuse(unsigned port, cfg::Uncorrectable error, Way way);
    sim::Task<void> go_down_and_up(sim::Duration at, sim::Duration length);
    RequesterId id_of(const ConfigSpace& registers) const;
    sim::Task<Arrival> come_down(const Tlp& t, TransmitQueue::Credit& room);
    sim::Task<Arrival> go_up(const Tlp& t);
    sim::Task<u32> unanswered();
    void follow(bool up);

    RootComplex& rc_;
    base::Name name_;
    Switch* above_;
    unsigned slot_ = 0, upper_bus_ = 0;
    CreditConfig credits_;
    std::unique_ptr<RootPort> own_root_;
    RootPort* root_;
    std::vector<Switch*> path_;
    Link link_;
    sim::Lane lane_; ///< what came from above, until it goes on
    sim::Duration latency_, register_access_;
    bool cut_through_, acs_;
    ExpressConfig express_;
    ConfigSpace config_space_;
    std::vector<std::unique_ptr<Port>> ports_;
    std::vector<FunctionPort*> taken_down_; ///< with its own link: they come up with it
    bool taken_down_itself_ = false;        ///< with the link above
};

} // namespace quiesce::pcie
