// SPDX-License-Identifier: Apache-2.0
/// Writes Protocol Buffers as far as traces need them: numbers, fixed words, texts, and messages in messages
/// (protobuf.dev, Encoding).
#pragma once
#include "base/types.h"

#include <string>
#include <string_view>

namespace quiesce::observe {

/// One message; fields are written in the order of the calls.
class Protobuf {
public:
    Protobuf& number(u32 field, u64 value) {
        key(field, Wire::Varint);
        varint(value);
        return *this;
    }
    Protobuf& fixed64(u32 field, u64 value) {
        key(field, Wire::Fixed64);
        for (unsigned shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(value >> shift & 0xff);
        return *this;
    }
    Protobuf& text(u32 field, std::string_view value) {
        key(field, Wire::Length);
        varint(value.size());
        bytes_ += value;
        return *this;
    }
    Protobuf& message(u32 field, const Protobuf& value) { return text(field, value.bytes_); }
    /// The fields of another one, behind these.
    void append(const Protobuf& more) { bytes_ += more.bytes_; }
    const std::string& bytes() const { return bytes_; }

private:
    enum class Wire : u8 { Varint = 0, Fixed64 = 1, Length = 2 };
    void key(u32 field, Wire wire) { varint(u64{field} << 3 | static_cast<u64>(wire)); }
    void varint(u64 value) {
        for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
        bytes_ += static_cast<char>(value);
    }
    std::string bytes_;
};

} // namespace quiesce::observe
