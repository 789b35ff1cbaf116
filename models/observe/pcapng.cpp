// SPDX-License-Identifier: Apache-2.0
#include "observe/pcapng.h"

namespace quiesce::observe {
namespace {

/// Block types, and the codes of options (draft-ietf-opsawg-pcapng, sections 4.1 to 4.6).
namespace block {
constexpr u32 section = 0x0a0d0d0a, interface = 1, statistics = 5, packet = 6;
}
namespace option {
constexpr u16 end = 0, comment = 1;
constexpr u16 shb_application = 4;
constexpr u16 if_name = 2, if_description = 3, if_resolution = 9;
constexpr u16 packet_flags = 2;
constexpr u16 seen_received = 4, seen_dropped = 5, seen_accepted = 6;
} // namespace option
constexpr u32 byte_order = 0x1a2b3c4d;
constexpr u8 picoseconds = 12; ///< a resolution of 10^-12 s

/// Little-endian, as the byte-order magic says; everything in it ends at a multiple of four bytes.
class Block {
public:
    explicit Block(u32 type) { number(type, 4).number(0, 4); }
    Block& number(u64 value, unsigned bytes) {
        for (unsigned n = 0; n < bytes; ++n) bytes_ += static_cast<char>(value >> 8 * n & 0xff);
        return *this;
    }
    Block& padded(std::string_view text) {
        bytes_ += text;
        bytes_.append((4 - text.size() % 4) % 4, '\0');
        return *this;
    }
    Block& text(u16 code, std::string_view value) {
        value = value.substr(0, 0xffff);
        return number(code, 2).number(value.size(), 2).padded(value);
    }
    Block& number_option(u16 code, u64 value, unsigned bytes) {
        number(code, 2).number(bytes, 2).number(value, bytes);
        bytes_.append((4 - bytes % 4) % 4, '\0');
        return *this;
    }
    /// A timestamp: the upper half first.
    Block& time(sim::Time at) {
        const auto ps = static_cast<u64>(at.ps());
        return number(ps >> 32, 4).number(ps & 0xffff'ffff, 4);
    }
    std::string done() {
        number(option::end, 4);
        const std::size_t all = bytes_.size() + 4;
        number(all, 4);
        for (unsigned n = 0; n < 4; ++n) bytes_[4 + n] = static_cast<char>(all >> 8 * n & 0xff);
        return std::move(bytes_);
    }

private:
    std::string bytes_;
};

} // namespace

std::string Pcapng::section(std::string_view application, std::string_view comment) {
    constexpr u64 length_unknown = ~u64{0};
    Block b{block::section};
    b.number(byte_order, 4).number(1, 2).number(0, 2).number(length_unknown, 8);
    return b.text(option::comment, comment).text(option::shb_application, application).done();
}

std::string Pcapng::interface(std::string_view name, std::string_view description) {
    Block b{block::interface};
    b.number(link_type, 2).number(0, 2).number(0, 4); // no limit to a packet's length
    return b.text(option::if_name, name).text(option::if_description, description).number_option(option::if_resolution, picoseconds, 1).done();
}

std::string Pcapng::packet(const Packet& p) {
    Block b{block::packet};
    b.number(p.interface, 4).time(p.at).number(p.bytes.size(), 4).number(p.length, 4);
    b.padded({reinterpret_cast<const char*>(p.bytes.data()), p.bytes.size()});
    return b.number_option(option::packet_flags, static_cast<u64>(p.way), 4).text(option::comment, p.comment).done();
}

std::string Pcapng::statistics(u32 interface, sim::Time at, const Seen& seen) {
    Block b{block::statistics};
    b.number(interface, 4).time(at).number_option(option::seen_received, seen.packets, 8);
    return b.number_option(option::seen_dropped, seen.left_out, 8).number_option(option::seen_accepted, seen.kept, 8).done();
}

} // namespace quiesce::observe
