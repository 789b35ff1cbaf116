// SPDX-License-Identifier: Apache-2.0
#include "observe/packet_capture.h"

#include "pcie/tlp_bytes.h"

#include <cerrno>
#include <fmt/format.h>
#include <iterator>
#include <system_error>
#include <unistd.h>

namespace quiesce::observe {
namespace {

u64 direction_of(const pcie::TlpSent& e) { return u64{e.link.index()} << 1 | u64{e.upstream}; }

/// The event's number, where the bus counts events.
template <class Bus>
std::string event_text(const Bus& bus) {
    if constexpr (requires { bus.event_id(); }) return fmt::format("event={} ", bus.event_id());
    else return {};
}

} // namespace

PacketCapture::PacketCapture(base::EventBus& bus, const WaveWindow& window, std::filesystem::path file, std::string_view application,
                             std::string_view comment)
    : bus_(bus), window_(window), file_(std::move(file)), beside_(file_.string() + ".part" + std::to_string(::getpid())) {
    out_.open(beside_, std::ios::binary);
    write(Pcapng::section(application, comment));
    tokens_ = on_teardown_steps(bus, [this](sim::Time now) { open_window(now); });
    tokens_.push_back(bus.subscribe<pcie::TlpSent>([this](sim::Time now, const pcie::TlpSent& e) { on(now, e); }));
    if (window_.everything && !window_.stretch) open_until_ = sim::Time::never();
}

PacketCapture::~PacketCapture() {
    if (!out_.is_open()) return;
    std::error_code ignored; // whoever did not close it has worse to say
    std::filesystem::remove(beside_, ignored);
}

void PacketCapture::close() {
    tokens_.clear();
    for (const auto& [direction, i] : interfaces_) write(Pcapng::statistics(i.number, bus_.now(), i.seen));
    out_.close();
    if (!out_) fail();
    std::filesystem::rename(beside_, file_);
}

void PacketCapture::open_window(sim::Time now) {
    if (window_.stretch || window_.everything) return;
    for (const Waiting& w : recent_)
        if (w.at + window_.before >= now) put(w.direction, w.block);
    recent_.clear();
    open_until_ = std::max(open_until_, now + window_.after);
}

void PacketCapture::on(sim::Time now, const pcie::TlpSent& e) {
    if (e.packet == nullptr) return;
    Interface& i = interface_of(e);
    ++i.seen.packets;
    if (window_.stretch) {
        if (now >= window_.stretch->first && now <= window_.stretch->second) put(direction_of(e), block_of(now, e, i.number));
    } else if (now <= open_until_) {
        put(direction_of(e), block_of(now, e, i.number));
    } else {
        recent_.push_back({now, direction_of(e), block_of(now, e, i.number)});
        while (recent_.size() > most_waiting || recent_.front().at + window_.before < now) recent_.pop_front();
    }
}

/// An interface is described when its first packet comes, wherever that goes: packets name it by its number.
PacketCapture::Interface& PacketCapture::interface_of(const pcie::TlpSent& e) {
    const auto [at, fresh] = interfaces_.try_emplace(direction_of(e), Interface{static_cast<u32>(interfaces_.size()), {}});
    if (fresh) {
        std::string_view lower = e.link.text();
        if (lower.ends_with(".link")) lower.remove_suffix(5);
        const std::string_view upper = e.upper.text();
        write(Pcapng::interface(e.upstream ? fmt::format("{}->{}", lower, upper) : fmt::format("{}->{}", upper, lower),
                              fmt::format("{}, {}", e.link.text(), e.upstream ? "upstream" : "downstream")));
    }
    return at->second;
}

std::string PacketCapture::block_of(sim::Time now, const pcie::TlpSent& e, u32 interface) {
    const pcie::TlpHeader header = pcie::header_of(*e.packet, e.type_1);
    bytes_.assign(header.bytes.begin(), header.bytes.begin() + header.size);
    pcie::append_data(*e.packet, header, bytes_);
    std::string comment = event_text(bus_);
    if (e.bond != no_bond) fmt::format_to(std::back_inserter(comment), "bond={} ", raw(e.bond));
    if (e.transaction != 0) fmt::format_to(std::back_inserter(comment), "transaction={} ", e.transaction);
    fmt::format_to(std::back_inserter(comment), "first_bit_ps={} last_bit_ps={}", e.began.ps(), now.ps());
    return Pcapng::packet({interface, now, e.upstream ? Pcapng::Way::Inbound : Pcapng::Way::Outbound, bytes_,
                           header.size + header.data_bytes, comment});
}

void PacketCapture::put(u64 direction, const std::string& block) {
    Pcapng::Seen& seen = interfaces_.at(direction).seen;
    if (packets_ >= most_packets && !window_.everything) {
        ++seen.left_out;
        return;
    }
    ++packets_;
    ++seen.kept;
    write(block);
}

void PacketCapture::write(const std::string& bytes) {
    if (!(out_ << bytes)) fail();
}

void PacketCapture::fail() const { throw std::system_error(errno, std::generic_category(), "cannot write " + file_.string()); }

} // namespace quiesce::observe
