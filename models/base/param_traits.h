// SPDX-License-Identifier: Apache-2.0
/// How each type of parameter is read from text, written back to the same value, and spoken of in errors.
#pragma once
#include "base/describe.h"
#include "base/text.h"
#include "base/types.h"
#include "base/units.h"

#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quiesce::base {

/// What kind of value a parameter has, for who writes it into a file or describes the file.
enum class ParamKind : u8 { Truth, Number, Figure, Text, List }; // Figure: a number with its unit, such as 40us

/// How a type of parameter is read, written and spoken of: `kind`, `expected` (for errors), `unit`, `parse`, `text`, and
/// where the type has them, `lowest` and `highest`: bounds of every parameter that declares none.
template <class T>
struct ParamTraits;

template <>
struct ParamTraits<bool> {
    static constexpr ParamKind kind = ParamKind::Truth;
    static std::string expected() { return "true or false"; }
    static std::string unit() { return {}; }
    static Parsed<bool> parse(std::string_view text) {
        if (text == "true") return parsed(true);
        if (text == "false") return parsed(false);
        return {std::nullopt, "expected " + expected() + ", got " + in_quotes(text)};
    }
    static std::string text(bool value) { return value ? "true" : "false"; }
};

/// Decimal, or hexadecimal after 0x.
template <std::integral T>
struct ParamTraits<T> {
    static constexpr ParamKind kind = ParamKind::Number;
    static std::string expected() { return "an integer such as 12 or 0x1f"; }
    static std::string unit() { return {}; }
    static Parsed<T> parse(std::string_view text) {
        return parse_integer(trim(text), std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    }
    static std::string text(T value) { return std::to_string(value); }
};

template <>
struct ParamTraits<double> {
    static constexpr ParamKind kind = ParamKind::Number;
    static std::string expected() { return "a number such as 0.25"; }
    static std::string unit() { return {}; }
    static Parsed<double> parse(std::string_view text) {
        const std::string_view digits = trim(text);
        double value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        const bool finite = value - value == 0;
        if (end == digits.data() + digits.size() && error == std::errc{} && finite) return parsed(value);
        return {std::nullopt, "expected " + expected() + ", got " + in_quotes(text)};
    }
    /// The shortest text that reads back as the same number.
    static std::string text(double value) {
        char buffer[32];
        return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
    }
};

template <>
struct ParamTraits<std::string> {
    static constexpr ParamKind kind = ParamKind::Text;
    static std::string expected() { return "text"; }
    static std::string unit() { return {}; }
    static Parsed<std::string> parse(std::string_view text) { return parsed(std::string(text)); }
    static std::string text(const std::string& value) { return value; }
};

/// "[a, b]" or "a, b". An item has no commas, brackets or outer blanks, and is not empty.
template <>
struct ParamTraits<std::vector<std::string>> {
    static constexpr ParamKind kind = ParamKind::List;
    using List = std::vector<std::string>;
    static std::string expected() { return "a list such as [a, b]"; }
    static std::string unit() { return {}; }
    static bool is_item(std::string_view item) {
        return !item.empty() && trim(item) == item && item.find_first_of(",[]") == std::string_view::npos;
    }
    static Parsed<List> parse(std::string_view text) {
        const Parsed<List> bad{std::nullopt, "expected " + expected() + ", got " + in_quotes(text)};
        std::string_view rest = trim(text);
        const bool bracketed = rest.starts_with('[');
        if (bracketed) {
            if (rest.size() < 2 || !rest.ends_with(']')) return bad;
            rest = trim(rest.substr(1, rest.size() - 2));
        }
        List list;
        while (!rest.empty()) {
            const std::size_t comma = rest.find(',');
            const std::string_view item = trim(rest.substr(0, comma));
            if (!is_item(item)) return bad;
            list.emplace_back(item);
            if (comma == std::string_view::npos) break;
            rest = trim(rest.substr(comma + 1));
            if (rest.empty()) return bad;
        }
        return parsed(std::move(list));
    }
    static std::string text(const List& value) { return "[" + join(value) + "]"; }
};

template <>
struct ParamTraits<sim::Duration> {
    static constexpr ParamKind kind = ParamKind::Figure;
    static constexpr sim::Duration lowest{};
    static constexpr sim::Duration highest = sim::Duration::ps(static_cast<i64>(longest_duration_ps));
    static std::string expected() { return "a duration such as 40us"; }
    static std::string unit() { return "time"; }
    static Parsed<sim::Duration> parse(std::string_view text) { return parse_duration(text); }
    static std::string text(sim::Duration value) { return exact_duration(value); }
};

template <>
struct ParamTraits<Size> {
    static constexpr ParamKind kind = ParamKind::Figure;
    static std::string expected() { return "a size such as 4KiB"; }
    static std::string unit() { return "bytes"; }
    static Parsed<Size> parse(std::string_view text) {
        auto bytes = parse_size(text);
        if (!bytes) return {std::nullopt, std::move(bytes.error), bytes.out_of_range};
        return parsed(Size{*bytes.value});
    }
    static std::string text(Size value) { return exact_size(value.bytes()); }
};

template <>
struct ParamTraits<Bandwidth> {
    static constexpr ParamKind kind = ParamKind::Figure;
    static constexpr Bandwidth lowest{};
    static constexpr Bandwidth highest = Bandwidth::bits_per_second(highest_rate);
    static std::string expected() { return "a bandwidth such as 63.02Gbps or 16GB/s"; }
    static std::string unit() { return "bits/s"; }
    static Parsed<Bandwidth> parse(std::string_view text) {
        if (trim(text) == "0bps") return parsed(Bandwidth{}); // what text() writes for none
        auto rate = parse_rate(text);
        if (!rate) return {std::nullopt, std::move(rate.error), rate.out_of_range};
        return parsed(Bandwidth::bits_per_second(*rate.value));
    }
    static std::string text(Bandwidth value) { return exact_rate(value.bits_per_second()); }
};

template <NamedEnum E>
struct ParamTraits<E> {
    static constexpr ParamKind kind = ParamKind::Text;
    static std::vector<std::string> names() {
        std::vector<std::string> list;
        for (const auto& row : enum_names(E{})) list.emplace_back(row.name);
        return list;
    }
    static std::string expected() { return "one of " + join(names()); }
    static std::string unit() { return {}; }
    static Parsed<E> parse(std::string_view text) {
        if (const auto value = enum_from<E>(text)) return parsed(*value);
        return {std::nullopt, "expected " + expected() + ", got " + in_quotes(text) + did_you_mean(text, names())};
    }
    static std::string text(E value) { return std::string(enum_text(value)); }
};

} // namespace quiesce::base
