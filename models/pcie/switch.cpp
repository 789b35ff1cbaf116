// SPDX-License-Identifier: Apache-2.0
#include "pcie/switch.h"

#include "pcie/function_port.h"
#include "pcie/root_complex.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace quiesce::pcie {

using namespace cfg;

namespace {
/// The links of a switch: what it advertises at the lower end, what is above it at the upper one.
LinkConfig link_above(const SwitchConfig& c, const Switch* above) {
    LinkConfig link = c.link;
    if (above != nullptr) link.root_port = above->credits();
    return link;
}
ExpressConfig express_of(const LinkConfig& link) {
    ExpressConfig e;
    e.max_payload = link.mps.get();
    e.link_generation = link.generation.get();
    e.link_width = link.lanes.get();
    e.flr = false;
    return e;
}
BridgeConfig upper_port(const SwitchConfig& c) {
    return {.device_id = 0x5c01, .port = PortType::SwitchUpstream, .acs = false, .express = express_of(c.link)};
}

/// co_await: it is `at`, and everything that came in before has gone on.
struct InOrder {
    sim::Lane& lane;
    sim::Time at;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> h) { lane.push(h, at); }
    void await_resume() const {}
};

/// 7.5.1.3.8: bits 31:20 of the first and of the last address; MODEL: the prefetchable window is not looked at.
bool in_window(const ConfigSpace& port, u64 address) {
    if (!port.memory_space() || address >> 32 != 0) return false;
    const u64 megabyte = address >> 20;
    return port.get(MemoryBase::Address) <= megabyte && megabyte <= port.get(MemoryLimit::Address);
}
bool below_port(const ConfigSpace& port, unsigned bus) {
    return port.get(SecondaryBus::Number) <= bus && bus <= port.get(SubordinateBus::Number);
}
bool acs_enabled(const ConfigSpace& port, unsigned service) {
    return (port.get(AcsControl::Services) >> service & 1) != 0;
}
} // namespace

Switch::Switch(RootComplex& rc, base::Name name, const SwitchConfig& config, Switch* above)
    : rc_(rc), name_(name), above_(above), credits_(config.link.endpoint),
      own_root_(above == nullptr ? std::make_unique<RootPort>() : nullptr),
      root_(above == nullptr ? own_root_.get() : &above->root()),
      link_(rc.events(), base::Name{std::string(name.text()) + ".link"}, above == nullptr ? rc.name() : above->name(),
            link_above(config, above), rc.stages()),
      latency_(config.latency.get()), register_access_(config.register_access.get()), cut_through_(config.cut_through),
      acs_(config.acs), express_(express_of(config.link)), config_space_(upper_port(config)) {
    link_.up.queue().take_turns();
    link_.up.inject(config.faults);
    link_.down.inject(config.faults);
    if (const sim::Duration at = config.faults.down_at.get(); at != sim::Duration{})
        sim::spawn(go_down_and_up(at, config.faults.down_for.get()));
    if (above != nullptr) {
        path_ = above->path();
        slot_ = above->add_port();
        above->port(slot_).below = this;
        link_.down.queue().take_turns();
    }
    path_.push_back(this);
}

unsigned Switch::add_port() {
    if (ports_.size() == most_ports) throw std::invalid_argument(std::string(name_.text()) + ": more than 32 ports");
    ports_.push_back(std::make_unique<Port>(
        BridgeConfig{.device_id = 0x5c02, .port = PortType::SwitchDownstream, .acs = acs_, .express = express_}));
    return port_count() - 1;
}

void Switch::left_behind(base::Leftovers& out) const {
    link_.up.queue().left_behind(out);
    link_.down.queue().left_behind(out);
    if (own_root_ == nullptr) return;
    out.count(name_.text(), own_root_->order.inside(), "posted write", "not committed");
    out.count(name_.text(), own_root_->reads.inside(), "read", "not handed to memory");
}

std::string Switch::who_waits() {
    const std::string up = link_.up.queue().who_waits(), down = link_.down.queue().who_waits();
    return up + (up.empty() || down.empty() ? "" : "; ") + down;
}

// ---- configuration accesses (7.3.3)
// ----------------------------------------------------------------------------------

Switch::Target Switch::find(unsigned bus, unsigned device, unsigned function) {
    if (function != 0 || !below_port(config_space_, bus)) return {};
    if (bus == config_space_.get(SecondaryBus::Number)) {
        if (device >= ports_.size()) return {};
        return {nullptr, this, &ports_[device]->config_space};
    }
    for (const auto& p : ports_) {
        if (!below_port(p->config_space, bus)) continue;
        const bool there = bus == p->config_space.get(SecondaryBus::Number);
        if (there && device != 0) return {};
        if (there && p->function != nullptr && static_cast<unsigned>(p->function->requester()) >> 8 == bus)
            return {p->function, nullptr, nullptr};
        if (p->below == nullptr) return {};
        if (there) return {nullptr, p->below, &p->below->config_space()};
        return p->below->find(bus, device, function);
    }
    return {};
}

// ---- routing (6.12)
// --------------------------------------------------------------------------------------------------

bool Switch::has(unsigned port, u64 address) const { return in_window(ports_[port]->config_space, address); }

/// 6.12.1.1: an ACS Violation is logged at the port that found it, as is a request that leads back to where it came
/// from.
Switch::Route Switch::refuse(unsigned port, Uncorrectable error, Way way) {
    ports_[port]->config_space.report(error);
    return {way, port};
}

Switch::Route Switch::route(const Tlp& t, unsigned from) {
    const ConfigSpace& in = ports_[from]->config_space;
    const unsigned bus = static_cast<unsigned>(t.requester) >> 8;
    if (acs_enabled(in, acs_source_validation) && !below_port(in, bus))
        return refuse(from, Uncorrectable::AcsViolation, Way::Violation);
    if (acs_enabled(in, acs_translation_blocking) && t.at != iommu::AddressType::Untranslated)
        return refuse(from, Uncorrectable::AcsViolation, Way::Violation);
    // MODEL: a translation request goes up whatever its address: nobody but the root complex translates.
    if (t.at == iommu::AddressType::TranslationRequest) return {};
    const auto target = std::find_if(ports_.begin(), ports_.end(),
                                     [&](const auto& p) { return in_window(p->config_space, t.address); });
    if (target == ports_.end()) return {};
    const auto to = static_cast<unsigned>(target - ports_.begin());
    // What a switch below has redirected leads back to the port that it came in by.
    if (to == from) {
        if (acs_enabled(in, acs_upstream_forwarding)) return {};
        return refuse(from, Uncorrectable::UnsupportedRequest, Way::Unrouted);
    }
    const bool direct = acs_enabled(in, acs_direct_translated) && t.at == iommu::AddressType::Translated;
    if (acs_enabled(in, acs_request_redirect) && !direct) return {};
    return {Way::Peer, to};
}

/// 7.7.11.3: P2P Completion Redirect is for completions without Relaxed Ordering.
bool Switch::redirects(const Tlp& completion, unsigned from) const {
    return acs_enabled(ports_[from]->config_space, acs_completion_redirect) && !completion.attributes.relaxed;
}

// ---- the way through
// -------------------------------------------------------------------------------------------------

/// The packet has come in as a whole. Its header came earlier, and its first bit may have left since: so long as the
/// latency is above the rest of its time on the link, both ends are to come.
sim::Task<u64> Switch::cross(Ingress in, LinkDirection& egress, const Tlp& t, u32 payload,
                             TransmitQueue::Credit& room) {
    const sim::Time whole = sim::now();
    const sim::Duration rest = cut_through_ ? in.link->after_header(t, payload) : sim::Duration{};
    const sim::Time first = whole + latency_ - rest;
    co_await InOrder{*in.lane, std::max(whole, first)};
    const sim::Time asked = sim::now();
    auto next = co_await egress.enter(t, payload, in.source);
    const u64 life = egress.life();
    co_await egress.leave(t, payload, sim::now() == asked ? first : sim::now(), whole + latency_);
    room = std::move(next); // what it took here is free
    egress.left(t, payload);
    co_await egress.travel();
    co_return life;
}

sim::Task<Switch::Climb> Switch::climb(const LinkDirection& from, unsigned port, const Tlp& t, u32 payload,
                                       TransmitQueue::Credit& room, bool routed) {
    const LinkDirection* link = &from;
    Climb c;
    for (Switch* s = this; s != nullptr && !gone(c.how); s = s->above_) {
        c.in = s->from_port(port, *link);
        if (routed)
            if (const Route r = s->route(t, port); r.way != Way::Up) co_return Climb{r.way, s, r.port, c.in, c.how};
        auto hop = s->cross(c.in, s->link_.up, t, payload, room);
        const u64 life = co_await std::move(hop);
        c.how = worse(c.how, s->link_.up.arrival(t, life));
        link = &s->link_.up;
        port = s->slot_;
    }
    co_return c;
}

sim::Task<Arrival> Switch::go_on_down(Ingress in, LinkDirection* last, const Tlp& t, u32 payload,
                                      TransmitQueue::Credit& room) {
    Arrival how = Arrival::Whole;
    for (std::size_t n = in.at->path_.size(); n < path_.size(); ++n) {
        LinkDirection& egress = path_[n]->link_.down;
        auto hop = in.at->cross(in, egress, t, payload, room);
        const u64 life = co_await std::move(hop);
        how = worse(how, egress.arrival(t, life));
        if (gone(how)) co_return how;
        in = path_[n]->from_above();
    }
    if (last == nullptr) co_return how;
    auto hop = in.at->cross(in, *last, t, payload, room);
    co_await std::move(hop);
    co_return how;
}

// ---- a link that goes down
// -------------------------------------------------------------------------------------------

sim::Task<void> Switch::go_down_and_up(sim::Duration at, sim::Duration length) {
    co_await sim::delay(at);
    set_link(false);
    if (length == sim::Duration{}) co_return;
    co_await sim::delay(length);
    set_link(true);
}

/// As the link above it.
void Switch::follow(bool up) {
    if (up ? !taken_down_itself_ : !link_.is_up()) return;
    taken_down_itself_ = !up;
    set_link(up);
}

void Switch::set_link(bool up) {
    if (link_.is_up() == up || (up && above_ != nullptr && !above_->link_.is_up())) return;
    link_.set_up(up);
    if (rc_.events().wants<LinkChanged>()) rc_.events().emit(LinkChanged{link_.name(), no_device, up});
    if (up)
        for (FunctionPort* f : std::exchange(taken_down_, {})) f->set_link(true);
    for (const auto& p : ports_) {
        if (p->below != nullptr) p->below->follow(up);
        if (up || p->function == nullptr || !p->function->link().is_up()) continue;
        taken_down_.push_back(p->function);
        p->function->set_link(false);
    }
}

// ---- its own registers
// -----------------------------------------------------------------------------------------------

/// A packet of the root port for this switch.
sim::Task<Arrival> Switch::come_down(const Tlp& t, TransmitQueue::Credit& room) {
    LinkDirection& first = path_.front()->link_.down;
    room = co_await first.enter(t, t.payload_bytes());
    const u64 life = first.life();
    co_await first.leave(t, t.payload_bytes());
    first.left(t, t.payload_bytes());
    co_await first.travel();
    const Arrival there = first.arrival(t, life);
    if (gone(there)) co_return there;
    auto rest = go_on_down(path_.front()->from_above(), nullptr, t, t.payload_bytes(), room);
    const Arrival how = co_await std::move(rest);
    co_return worse(there, how);
}

/// Its own packets take turns with those of its ports.
sim::Task<Arrival> Switch::go_up(const Tlp& t) {
    auto room = co_await link_.up.enter(t, t.length, 0);
    const u64 life = link_.up.life();
    co_await link_.up.leave(t, t.length, sim::now(), sim::now());
    link_.up.left(t, t.length);
    co_await link_.up.travel();
    const Arrival there = link_.up.arrival(t, life);
    if (gone(there) || above_ == nullptr) co_return there;
    auto rest = above_->climb(link_.up, slot_, t, t.length, room, false);
    const Climb c = co_await std::move(rest);
    co_return worse(there, c.how);
}

/// What the root port says where no answer came.
sim::Task<u32> Switch::unanswered() {
    if (path_.front()->link_.is_up()) co_await sim::delay(rc_.config().completion_timeout.get());
    co_return ~u32{0};
}

/// Of its upper port, or of a lower one.
RequesterId Switch::id_of(const ConfigSpace& registers) const {
    const auto port = std::find_if(ports_.begin(), ports_.end(),
                                   [&](const auto& p) { return &p->config_space == &registers; });
    if (port == ports_.end()) return static_cast<RequesterId>(upper_bus_ << 8);
    const u64 bus = config_space_.get(SecondaryBus::Number);
    return static_cast<RequesterId>(bus << 8 | static_cast<u64>(port - ports_.begin()) << 3);
}

sim::Task<u32> Switch::config_access(ConfigSpace& registers, TlpKind kind, u32 offset, unsigned size, u32 value) {
    Tlp t;
    t.kind = kind;
    t.tag = rc_.next_tag();
    t.completer = id_of(registers);
    t.length = size;
    t.address = offset;
    t.data = reinterpret_cast<const std::byte*>(&value);
    co_await rc_.stages().of(rc_.config().mmio.get()).pass();
    TransmitQueue::Credit room;
    auto way = come_down(t, room);
    Arrival how = co_await std::move(way);
    if (how != Arrival::Whole) {
        auto none = unanswered();
        const u32 ones = co_await std::move(none);
        co_return ones;
    }
    co_await sim::delay(register_access_);
    if (kind == TlpKind::ConfigWrite) registers.config_write(offset, size, value);
    const u32 read = kind == TlpKind::ConfigRead ? registers.config_read(offset, size) : 0;
    room.release();
    Tlp answer = completion_of(t, CompletionStatus::Success, offset, kind == TlpKind::ConfigRead ? t.length : 0);
    answer.data = reinterpret_cast<const std::byte*>(&read);
    auto back = go_up(answer);
    how = co_await std::move(back);
    if (how != Arrival::Whole) {
        auto none = unanswered();
        const u32 ones = co_await std::move(none);
        co_return ones;
    }
    const u64 behind = root_->order.behind();
    co_await rc_.stages().of(rc_.config().ingress.get()).pass();
    co_await root_->order.committed_before(behind);
    co_return read;
}

} // namespace quiesce::pcie
