// SPDX-License-Identifier: Apache-2.0
#include "pcie/endpoint.h"

#include "base/facts.h"

#include <array>
#include <string>

namespace quiesce::pcie {
namespace {

/// Waits for all packets of one request.
class Gathered final : public Requester {
public:
    void expect() { ++open_; }
    /// All packets are on their way: the last to end sets the latch.
    sim::Latch::Wait all() {
        if (open_ == 0) done_.set();
        sealed_ = true;
        return done_.wait();
    }
    void left(const Tlp&) override { end(); }
    void completed(const Tlp&, Completion how) override {
        if (worst_.ok()) worst_.status = how.status;
        worst_.zeroed |= how.zeroed;
        end();
    }
    Completion worst() const { return worst_; }

private:
    void end() {
        if (--open_ == 0 && sealed_) done_.set();
    }
    u64 open_ = 0;
    bool sealed_ = false;
    Completion worst_;
    sim::Latch done_;
};

} // namespace

namespace {
FunctionConfig behind(const LinkConfig& link, FunctionConfig function) {
    function.express.max_payload = link.mps.get();
    function.express.link_generation = link.generation.get();
    function.express.link_width = link.lanes.get();
    return function;
}
} // namespace

FunctionConfig Endpoint::plain_function() {
    FunctionConfig f;
    f.express.flr = false;
    f.msix.vectors = 0;
    f.ats.present = false;
    f.pri.present = false;
    return f;
}

Endpoint::Endpoint(base::Name name, base::EventBus& events, RootComplex& root_complex, const LinkConfig& link,
                   const EndpointConfig& config, DeviceId device, const FunctionConfig& function)
    : EndpointSide(config, root_complex.stages()), name_(name), tags_name_(std::string(name.text()) + ".tags"),
      events_(events), root_complex_(root_complex), device_(device),
      requester_(root_complex.requester_of(device)),
      port_(root_complex.attach(name, device, requester_, *this, link)), tags_(config.tags),
      config_space_(behind(link, function)) {
    watch_config_space(config);
    config_space_.on_flr([this] { reset(ResetKind::FunctionLevel); });
    tags_.places().on_change([](void* self, unsigned, unsigned) {
        const auto& e = *static_cast<Endpoint*>(self);
        if (e.events_.wants<base::LevelChanged>()) e.events_.emit(base::LevelChanged{e.tags_name_, e.tags_.used()});
    }, this);
}

void Endpoint::watch_config_space(const EndpointConfig& config) {
    config_space_.on_change(cfg::Command::BusMaster, [this](bool on) {
        if (on)
            bus_master_.set();
        else
            bus_master_.reset();
    });
    config_space_.on_change<cfg::PasidControl>([this](cfg::PasidControl now, cfg::PasidControl) {
        pasids_ = now.get(cfg::PasidControl::Enable) ? 1u << config_space_.pasid_width() : 0;
        privileged_pasids_ = now.get(cfg::PasidControl::Privileged);
    });
    config_space_.on_change(cfg::DevCtl2::AtomicRequester, [this](bool on) { atomics_ = on; });
    if (config.relaxed_ordering) {
        relaxed_ = config_space_.get(cfg::DevCtl::RelaxedOrdering);
        config_space_.on_change(cfg::DevCtl::RelaxedOrdering, [this](bool on) { relaxed_ = on; });
    }
    // 2.2.6.2: 5 bits, 8, or 10, of which those with the upper two clear are left out.
    const auto limit = [this](bool) {
        tags_.limit(config_space_.tags(), config_space_.get(cfg::DevCtl2::Tag10Requester) ? 256 : 0);
    };
    limit(true);
    config_space_.on_change(cfg::DevCtl::ExtTag, limit);
    config_space_.on_change(cfg::DevCtl2::Tag10Requester, limit);
    if (config.id_based_ordering)
        config_space_.on_change(cfg::DevCtl2::IdoRequest, [this](bool on) { id_based_ = on; });
}

void Endpoint::take_into_service() {
    using namespace cfg;
    const Command command =
        config_space_.read<Command>().with(Command::MemorySpace, true).with(Command::BusMaster, true);
    config_space_.config_write(Command::offset, 2, command.value());
    const u32 express = config_space_.base_of(Capability::PciExpress);
    config_space_.config_write(express + DevCtl::offset, 2,
                               config_space_.read<DevCtl>().with(DevCtl::ExtTag, true).value());
    config_space_.config_write(express + DevCtl2::offset, 2,
                               config_space_.read<DevCtl2>()
                                   .with(DevCtl2::IdoRequest, true)
                                   .with(DevCtl2::AtomicRequester, true)
                                   .value());
    if (!config_space_.has(Capability::Pasid)) return;
    const PasidControl pasid =
        config_space_.read<PasidControl>().with(PasidControl::Enable, true).with(PasidControl::Privileged, true);
    config_space_.config_write(config_space_.base_of(Capability::Pasid) + PasidControl::offset, 2, pasid.value());
}

sim::Task<Completion> Endpoint::dma_read(DmaRequest r, std::byte* into) {
    Gathered packets;
    do {
        DmaRequest part = r;
        part.bytes = packet_bytes(r.at, r.bytes, false);
        Tag tag = co_await tags_.acquire();
        while (!bus_master()) co_await bus_master_set();
        packets.expect();
        read_packet(part, next_transaction(), into, std::move(tag), packets);
        r.at += part.bytes;
        r.bytes -= part.bytes;
        into += part.bytes;
    } while (r.bytes != 0);
    co_await packets.all();
    co_return packets.worst();
}

sim::Task<void> Endpoint::dma_write(DmaRequest r, std::span<const std::byte> from) {
    Gathered packets;
    while (r.bytes != 0) {
        while (!bus_master()) co_await bus_master_set();
        DmaRequest part = r;
        part.bytes = packet_bytes(r.at, r.bytes, true);
        packets.expect();
        write_packet(part, next_transaction(), Payload::copy(from.first(part.bytes)), &packets);
        from = from.subspan(part.bytes);
        r.at += part.bytes;
        r.bytes -= part.bytes;
    }
    co_await packets.all();
}

void Endpoint::send_message(u64 address, u32 data) {
    if (!bus_master()) return;
    DmaRequest r;
    r.at = Iova{address};
    r.bytes = sizeof data;
    write_packet(r, next_transaction(), Payload::copy(std::as_bytes(std::span{&data, 1})), nullptr);
}

} // namespace quiesce::pcie
