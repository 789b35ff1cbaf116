// SPDX-License-Identifier: Apache-2.0
/// Sizes and bandwidths as exact integers, and the project's word for a span of time that a model takes.
#pragma once
#include "base/types.h"
#include "sim/time.h"

#include <compare>
#include <limits>

namespace quiesce::base {

/// A named time that some step of a model takes.
using Latency = sim::Duration;

/// A number of bytes.
class Size {
public:
    constexpr Size() = default;
    explicit constexpr Size(u64 bytes) : bytes_(bytes) {}
    constexpr u64 bytes() const { return bytes_; }
    constexpr auto operator<=>(const Size&) const = default;
    constexpr Size operator+(Size o) const { return Size{bytes_ + o.bytes_}; }
    constexpr Size operator*(u64 n) const { return Size{bytes_ * n}; }

private:
    u64 bytes_ = 0;
};

/// A rate of transfer in whole bits per second: every decimal figure down to 1 bit/s is exact.
class Bandwidth {
public:
    constexpr Bandwidth() = default;
    static constexpr Bandwidth bits_per_second(u64 n) { return Bandwidth{n}; }
    static constexpr Bandwidth bytes_per_second(u64 n) { return Bandwidth{n * 8}; }
    constexpr u64 bits_per_second() const { return bits_; }
    constexpr auto operator<=>(const Bandwidth&) const = default;
    constexpr Bandwidth operator*(u64 n) const { return Bandwidth{bits_ * n}; }
    constexpr Bandwidth operator/(u64 n) const { return Bandwidth{bits_ / n}; }

    /// Time until the last bit of `bytes` bytes is across, rounded up to the picosecond; never, at rate zero.
    constexpr sim::Duration time_for(u64 bytes) const {
        constexpr u64 ps_bits_per_byte = 8'000'000'000'000; // 8 bits x 10^12 ps
        if (bytes == 0) return sim::Duration{};
        if (bits_ == 0) return sim::Duration::max();
        if (bytes <= std::numeric_limits<u64>::max() / ps_bits_per_byte) { // up to 2.3 MB: one 64-bit division
            const u64 work = bytes * ps_bits_per_byte;
            return clamp(work / bits_ + (work % bits_ != 0));
        }
        __extension__ using Wide = unsigned __int128;
        const Wide work = Wide{bytes} * ps_bits_per_byte;
        const Wide ps = work / bits_ + (work % bits_ != 0);
        constexpr u64 most = std::numeric_limits<u64>::max();
        return clamp(ps < most ? static_cast<u64>(ps) : most);
    }
    constexpr sim::Duration time_for(Size size) const { return time_for(size.bytes()); }

private:
    explicit constexpr Bandwidth(u64 bits) : bits_(bits) {}
    static constexpr sim::Duration clamp(u64 ps) {
        const auto longest = static_cast<u64>(sim::Duration::max().ps());
        return sim::Duration::ps(static_cast<i64>(ps < longest ? ps : longest));
    }
    u64 bits_ = 0;
};

inline namespace literals {
constexpr Size operator""_B(unsigned long long n) { return Size{n}; }
constexpr Size operator""_KiB(unsigned long long n) { return Size{n << 10}; }
constexpr Size operator""_MiB(unsigned long long n) { return Size{n << 20}; }
constexpr Size operator""_GiB(unsigned long long n) { return Size{n << 30}; }
constexpr Bandwidth operator""_Mbps(unsigned long long n) { return Bandwidth::bits_per_second(n * 1'000'000); }
constexpr Bandwidth operator""_Gbps(unsigned long long n) { return Bandwidth::bits_per_second(n * 1'000'000'000); }
constexpr Bandwidth operator""_GBps(unsigned long long n) { return Bandwidth::bytes_per_second(n * 1'000'000'000); }
} // namespace literals

} // namespace quiesce::base
