// SPDX-License-Identifier: Apache-2.0
/// Small text helpers: exact parsing and writing of numbers with units, figures for people, and "did you mean".
#pragma once
#include "base/types.h"
#include "sim/time.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quiesce::base {

__extension__ typedef unsigned __int128 u128;

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr std::string_view trim(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

inline std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

/// One of the items is this text.
template <class Range>
bool contains(const Range& items, std::string_view text) {
    return std::find(std::begin(items), std::end(items), text) != std::end(items);
}

/// "a, b, c"
template <class Range>
std::string join(const Range& items, std::string_view separator = ", ") {
    std::string out;
    bool first = true;
    for (const auto& item : items) {
        if (!first) out += separator;
        out += item;
        first = false;
    }
    return out;
}

/// Insertions, deletions, substitutions and exchanges of neighbours that turn `a` into `b`; case does not count.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    const std::size_t width = b.size() + 1;
    std::vector<std::size_t> cost((a.size() + 1) * width);
    const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return cost[i * width + j]; };
    for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = i;
    for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = lower(a[i - 1]) == lower(b[j - 1]);
            at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (same ? 0 : 1)});
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1])) {
                at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
            }
        }
    }
    return at(a.size(), b.size());
}

/// The candidate that `name` was probably meant to be: fewest edits, the first of equals, and near enough to be no
/// riddle (one edit, or a third of the name).
template <class Range>
std::optional<std::string> closest(std::string_view name, const Range& candidates) {
    std::optional<std::string> best;
    std::size_t limit = std::max<std::size_t>(1, name.size() / 3) + 1;
    for (const auto& candidate : candidates) {
        const std::string_view text{candidate};
        if (const std::size_t edits = edit_distance(name, text); edits < limit) {
            best = text;
            limit = edits;
        }
    }
    return best;
}

/// "; did you mean "x"?", or nothing.
template <class Range>
std::string did_you_mean(std::string_view name, const Range& candidates) {
    const auto guess = closest(name, candidates);
    return guess ? "; did you mean " + in_quotes(*guess) + "?" : std::string{};
}

/// A value, or what was wrong with the text.
template <class T>
struct Parsed {
    std::optional<T> value;
    std::string error;
    bool out_of_range = false; ///< the text is such a value, but beyond what there is room for
    explicit operator bool() const { return value.has_value(); }
};
template <class T>
Parsed<T> parsed(T value) { return {std::move(value), {}}; }

/// Decimal, or hexadecimal after 0x; `lo` to `hi`. No octal: 010 is refused, because readers disagree about it.
template <class Integer>
Parsed<Integer> parse_integer(std::string_view text, Integer lo, Integer hi) {
    const bool negative = text.substr(0, 1) == "-";
    std::string_view digits = text.substr(negative ? 1 : 0);
    const bool hex = !negative && (digits.substr(0, 2) == "0x" || digits.substr(0, 2) == "0X");
    if (hex) digits.remove_prefix(2);
    const auto fail = [&](std::string expected, bool out_of_range = false) {
        return Parsed<Integer>{std::nullopt, "expected " + expected + ", got " + in_quotes(text), out_of_range};
    };
    if (!hex && digits.size() > 1 && digits.front() == '0' && is_digit(digits[1])) {
        return fail("an integer without leading zeros");
    }
    u64 size = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size, hex ? 16 : 10);
    if (digits.empty() || end != digits.data() + digits.size() || error == std::errc::invalid_argument) {
        return fail("an integer such as 12 or 0x1f");
    }
    const auto out_of_range = [&](auto value) { return std::cmp_less(value, lo) || std::cmp_greater(value, hi); };
    constexpr u64 most_negative = u64{1} << 63;
    const auto below_zero = static_cast<i64>(~size + 1); // size 2^63 gives the smallest one
    if (error == std::errc::result_out_of_range || (negative && size > most_negative) ||
        (negative ? out_of_range(below_zero) : out_of_range(size))) {
        return fail("an integer from " + std::to_string(lo) + " to " + std::to_string(hi), true);
    }
    return parsed(static_cast<Integer>(negative ? static_cast<u64>(below_zero) : size));
}

/// A unit and how many base units it is.
struct UnitRow {
    std::string_view name;
    u64 scale;
};
inline constexpr UnitRow duration_units[] = { // base unit: 1 ps
    {"ps", 1}, {"ns", 1'000}, {"us", 1'000'000}, {"ms", 1'000'000'000}, {"s", 1'000'000'000'000},
    {"\u00b5s", 1'000'000},
};
inline constexpr UnitRow size_units[] = { // base unit: 1 byte
    {"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40},
    {"kB", 1'000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}, {"TB", 1'000'000'000'000},
};
inline constexpr UnitRow rate_units[] = { // base unit: 1 bit per second
    {"bps", 1}, {"kbps", 1'000}, {"Mbps", 1'000'000}, {"Gbps", 1'000'000'000}, {"Tbps", 1'000'000'000'000},
    {"B/s", 8}, {"kB/s", 8'000}, {"MB/s", 8'000'000}, {"GB/s", 8'000'000'000}, {"TB/s", 8'000'000'000'000},
    {"KiB/s", 8ull << 10}, {"MiB/s", 8ull << 20}, {"GiB/s", 8ull << 30},
};

/// "1.5us" as 1500000 of the base unit, exactly: no rounding, so a figure finer than the base unit is an error, as is
/// one above `limit`, which `limit_text` writes. A bare number is taken only if it is 0 or if `bare_scale` says what it
/// counts. `expected` opens each error.
inline Parsed<u64> parse_scaled(std::string_view text, std::span<const UnitRow> units, std::string_view expected,
                                u64 limit, std::string_view limit_text,
                                std::optional<u64> bare_scale = std::nullopt) {
    const auto fail = [&](std::string_view why, bool too_large = false) {
        const std::string wanted = "expected " + std::string(expected);
        return Parsed<u64>{std::nullopt, wanted + ", got " + in_quotes(text) + std::string(why), too_large};
    };
    const auto too_large = [&] { return fail(" (too large: at most " + std::string(limit_text) + ")", true); };
    std::string_view rest = trim(text);
    constexpr u64 most = std::numeric_limits<u64>::max();
    u64 mantissa = 0;
    u64 divisor = 1;
    unsigned digits = 0;
    bool point = false;
    std::size_t used = 0;
    for (; used < rest.size() && (is_digit(rest[used]) || (rest[used] == '.' && !point)); ++used) {
        if (rest[used] == '.') {
            point = true;
            continue;
        }
        if (mantissa > (most - 9) / 10 || (point && divisor > most / 10)) {
            return point ? fail(" (too many digits)") : too_large();
        }
        mantissa = mantissa * 10 + static_cast<u64>(rest[used] - '0');
        if (point) divisor *= 10;
        ++digits;
    }
    if (digits == 0 || rest.front() == '.' || rest[used - 1] == '.') return fail("");
    const std::string_view unit = trim(rest.substr(used));
    std::optional<u64> scale;
    if (unit.empty()) {
        scale = mantissa == 0 ? std::optional<u64>{1} : bare_scale;
        if (!scale) return fail(" (a unit is missing)");
    }
    for (const UnitRow& row : units) {
        if (row.name == unit) scale = row.scale;
    }
    if (!scale) return fail(" (unknown unit " + in_quotes(unit) + ")");
    const u128 scaled = u128{mantissa} * *scale;
    if (scaled % divisor != 0) return fail(" (finer than 1 " + std::string(units.front().name) + ")");
    if (scaled / divisor > limit) return too_large();
    return parsed(static_cast<u64>(scaled / divisor));
}

/// More than 11 days of simulated time, and a ninth of what a Duration holds: a few of them add up without overflow.
inline constexpr u64 longest_duration_ps = 1'000'000'000'000'000'000;
/// A petabit per second, in bits per second.
inline constexpr u64 highest_rate = 1'000'000'000'000'000;

inline Parsed<sim::Duration> parse_duration(std::string_view text) {
    auto ps = parse_scaled(text, duration_units, "a duration such as 40us", longest_duration_ps, "1000000s");
    if (!ps) return {std::nullopt, std::move(ps.error), ps.out_of_range};
    return parsed(sim::Duration::ps(static_cast<i64>(*ps.value)));
}
/// Bytes; a bare number counts bytes.
inline Parsed<u64> parse_size(std::string_view text) {
    constexpr u64 most = std::numeric_limits<u64>::max();
    return parse_scaled(text, size_units, "a size such as 4KiB", most, "18446744073709551615B", 1);
}
/// Bits per second, above zero.
inline Parsed<u64> parse_rate(std::string_view text) {
    auto rate = parse_scaled(text, rate_units, "a bandwidth such as 63.02Gbps or 16GB/s", highest_rate, "1000Tbps");
    if (rate && *rate.value == 0) return {std::nullopt, "expected a bandwidth above zero, got " + in_quotes(text)};
    return rate;
}

namespace detail {

/// `value` in `unit`, with as many decimals as it takes to be exact (scale is a power of ten).
inline std::string exact_decimal(u64 value, const UnitRow& unit) {
    std::string out = std::to_string(value / unit.scale);
    if (u64 rest = value % unit.scale; rest != 0) {
        out += '.';
        for (u64 place = unit.scale / 10; rest != 0; place /= 10) {
            out += static_cast<char>('0' + rest / place);
            rest %= place;
        }
    }
    return out + std::string(unit.name);
}
/// In the largest of the first `count` units, which ascend, that is not above `value`.
inline std::string exact_in(u64 value, std::span<const UnitRow> units, std::size_t count) {
    std::size_t at = 0;
    while (at + 1 < count && units[at + 1].scale <= value) ++at;
    return exact_decimal(value, units[at]);
}

} // namespace detail

/// "1.5us": shortest exact form, read back by parse_duration to the same picosecond. Zero is "0ns".
inline std::string exact_duration(sim::Duration d) {
    if (d.ps() == 0) return "0ns";
    const u64 ps = d.ps() < 0 ? u64{0} - static_cast<u64>(d.ps()) : static_cast<u64>(d.ps());
    return (d.ps() < 0 ? "-" : "") + detail::exact_in(ps, duration_units, 5);
}
/// "4KiB": the largest binary unit that divides exactly.
inline std::string exact_size(u64 bytes) {
    std::size_t at = 0;
    while (bytes != 0 && at + 1 < 5 && bytes % size_units[at + 1].scale == 0) ++at;
    return std::to_string(bytes / size_units[at].scale) + std::string(size_units[at].name);
}
/// "63.02Gbps"
inline std::string exact_rate(u64 bits_per_second) { return detail::exact_in(bits_per_second, rate_units, 5); }

/// "12.345 us", for people: three decimals, rounded half up; whole picoseconds below 1 ns.
inline std::string format_duration(sim::Duration d) {
    const u64 ps = d.ps() < 0 ? u64{0} - static_cast<u64>(d.ps()) : static_cast<u64>(d.ps());
    const std::string sign = d.ps() < 0 ? "-" : "";
    if (ps < 1'000) return sign + std::to_string(ps) + " ps";
    std::size_t at = 1;
    const auto thousandths = [&] { const u64 step = duration_units[at].scale / 1'000; return (ps + step / 2) / step; };
    while (at < 4 && thousandths() >= 1'000'000) ++at;
    const std::string fraction = std::to_string(1'000 + thousandths() % 1'000).substr(1);
    return sign + std::to_string(thousandths() / 1'000) + "." + fraction + " " + std::string(duration_units[at].name);
}
/// "1.5 MiB", for people: the largest binary unit, at most three decimals, rounded down.
inline std::string format_size(u64 bytes) {
    std::size_t at = 0;
    while (at + 1 < 5 && size_units[at + 1].scale <= bytes) ++at;
    const u64 scale = size_units[at].scale;
    const u64 thousandths = static_cast<u64>(u128{bytes % scale} * 1'000 / scale);
    std::string out = std::to_string(bytes / scale);
    if (thousandths != 0) {
        out += "." + std::to_string(1'000 + thousandths).substr(1);
        while (out.back() == '0') out.pop_back();
    }
    return out + " " + std::string(size_units[at].name);
}

} // namespace quiesce::base
