// SPDX-License-Identifier: Apache-2.0
/// Writes pcapng (draft-ietf-opsawg-pcapng): a section, its interfaces as they come, packets with picosecond timestamps and
/// comments, and at the end what each interface saw.
#pragma once
#include "base/types.h"
#include "sim/time.h"

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

namespace quiesce::observe {

class Pcapng {
public:
    /// Of its own making, for whoever reads it with our dissector: LINKTYPE_USER0.
    static constexpr u16 link_type = 147;
    enum class Way : u8 { Inbound = 1, Outbound = 2 };
    struct Packet {
        u32 interface;
        sim::Time at;
        Way way;
        std::span<const u8> bytes;
        u32 length; ///< on the wire: more than `bytes` if not all of them are known
        std::string_view comment;
    };
    struct Seen {
        u64 packets = 0, kept = 0, left_out = 0; ///< left out: for lack of room
    };

    /// A file begins with what made it, and a comment.
    static std::string section(std::string_view application, std::string_view comment);
    /// Interfaces are numbered from 0, as they are described.
    static std::string interface(std::string_view name, std::string_view description);
    static std::string packet(const Packet& p);
    static std::string statistics(u32 interface, sim::Time at, const Seen& seen);
};

} // namespace quiesce::observe
