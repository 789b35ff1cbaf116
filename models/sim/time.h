// SPDX-License-Identifier: Apache-2.0
/// Simulated time: integer picoseconds, in two types that do not mix. A `Duration` is a span, a `Time` is an instant.
#pragma once
#include <compare>
#include <cstdint>
#include <limits>

namespace quiesce::sim {

/// A span of simulated time in picoseconds. Signed so that differences are exact; models use non-negative values only.
class Duration {
public:
    constexpr Duration() = default;
    static constexpr Duration ps(std::int64_t n) { return Duration{n}; }
    static constexpr Duration max() { return Duration{std::numeric_limits<std::int64_t>::max() / 4}; }
    constexpr std::int64_t ps() const { return ps_; }

    constexpr auto operator<=>(const Duration&) const = default;
    constexpr Duration operator+(Duration o) const { return Duration{ps_ + o.ps_}; }
    constexpr Duration operator-(Duration o) const { return Duration{ps_ - o.ps_}; }
    constexpr Duration operator*(std::int64_t n) const { return Duration{ps_ * n}; }
    constexpr Duration operator/(std::int64_t n) const { return Duration{ps_ / n}; }
    constexpr std::int64_t operator/(Duration o) const { return ps_ / o.ps_; }
    constexpr Duration& operator+=(Duration o) { ps_ += o.ps_; return *this; }
    constexpr Duration& operator-=(Duration o) { ps_ -= o.ps_; return *this; }

private:
    explicit constexpr Duration(std::int64_t n) : ps_(n) {}
    std::int64_t ps_ = 0;
};
constexpr Duration operator*(std::int64_t n, Duration d) { return d * n; }

/// An instant: picoseconds since the start of the simulation.
class Time {
public:
    constexpr Time() = default;
    static constexpr Time at(Duration since_start) { return Time{since_start.ps()}; }
    static constexpr Time ps(std::int64_t n) { return Time{n}; }
    static constexpr Time never() { return Time{std::numeric_limits<std::int64_t>::max() / 2}; }
    constexpr std::int64_t ps() const { return ps_; }

    constexpr auto operator<=>(const Time&) const = default;
    constexpr Time operator+(Duration d) const { return Time{ps_ + d.ps()}; }
    constexpr Time operator-(Duration d) const { return Time{ps_ - d.ps()}; }
    constexpr Duration operator-(Time o) const { return Duration::ps(ps_ - o.ps_); }
    constexpr Time& operator+=(Duration d) { ps_ += d.ps(); return *this; }

private:
    explicit constexpr Time(std::int64_t n) : ps_(n) {}
    std::int64_t ps_ = 0;
};

inline namespace literals {
constexpr Duration operator""_ps(unsigned long long n) { return Duration::ps(static_cast<std::int64_t>(n)); }
constexpr Duration operator""_ns(unsigned long long n) { return Duration::ps(static_cast<std::int64_t>(n) * 1'000); }
constexpr Duration operator""_us(unsigned long long n) { return Duration::ps(static_cast<std::int64_t>(n) * 1'000'000); }
constexpr Duration operator""_ms(unsigned long long n) { return Duration::ps(static_cast<std::int64_t>(n) * 1'000'000'000); }
constexpr Duration operator""_s(unsigned long long n) { return Duration::ps(static_cast<std::int64_t>(n) * 1'000'000'000'000); }
} // namespace literals

} // namespace quiesce::sim
