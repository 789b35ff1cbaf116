// SPDX-License-Identifier: Apache-2.0
#include "platform/sweep/values.h"

#include "base/units.h"

#include <cmath>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
constexpr i128 number_scale = 1'000'000'000;

/// A decimal number with up to nine places.
std::optional<i128> parse_decimal(std::string_view text) {
    text = base::trim(text);
    const bool negative = text.substr(0, 1) == "-";
    std::string_view digits = text.substr(negative ? 1 : 0);
    if (const auto whole = base::parse_integer<i64>(digits, 0, std::numeric_limits<i64>::max()))
        return i128{*whole.value} * number_scale * (negative ? -1 : 1);
    constexpr base::UnitRow billionths[] = {{"n", 1}, {"", 1'000'000'000}};
    if (digits.find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
    const auto value = base::parse_scaled(digits, billionths, "a number", u64{1} << 62, "4611686018", number_scale);
    if (!value) return std::nullopt;
    return i128{*value.value} * (negative ? -1 : 1);
}

std::string decimal_text(i128 units) {
    const bool negative = units < 0;
    const i128 size = negative ? -units : units;
    std::string text = (negative ? "-" : "") + std::to_string(static_cast<u64>(size / number_scale));
    if (size % number_scale == 0) return text;
    std::string fraction = std::to_string(static_cast<u64>(number_scale + size % number_scale)).substr(1);
    while (fraction.back() == '0') fraction.pop_back();
    return text + "." + fraction;
}

std::optional<Quantity> figure_of(const Node& range, const char* key, const std::string& what, Diagnostics& out) {
    const Node* const n = range.find(key);
    if (n == nullptr) {
        out.error(range.at(), fmt::format("{}: missing key '{}' of a range", what, key));
        return std::nullopt;
    }
    const auto text = n->as_string(out, what + "." + key);
    if (!text) return std::nullopt;
    auto value = parse_quantity(*text);
    if (!value)
        out.error(n->at(),
                  fmt::format("{}.{}: expected a figure such as 16, 1us or 4KiB, got \"{}\"", what, key, *text));
    return value;
}

/// To three digits.
i128 rounded(double value) {
    const double unit = value < 1000 ? 1 : std::pow(10.0, std::floor(std::log10(value)) - 2);
    return static_cast<i128>(std::llround(value / unit)) * static_cast<i128>(unit);
}

struct RangeEnds {
    Quantity from, to;
    const Node* by;
    std::string path; ///< what messages call `by`
};

std::vector<Quantity> stepped(const RangeEnds& r, const Quantity& step, Diagnostics& out) {
    std::vector<Quantity> values;
    if (step.kind != r.from.kind && step.units != 0)
        out.error(r.by->at(),
                  fmt::format("{}: expected {}, got {}", r.path, kind_text(r.from.kind), kind_text(step.kind)));
    else if (step.units <= 0)
        out.error(r.by->at(), fmt::format("{}: expected more than 0, got {}", r.path, step.text()));
    else
        for (i128 u = r.from.units; u <= r.to.units && values.size() <= most_values; u += step.units)
            values.push_back({r.from.kind, u});
    return values;
}

std::vector<Quantity> multiplied(const RangeEnds& r, const Quantity& times, Diagnostics& out) {
    std::vector<Quantity> values;
    if (times.kind != Quantity::Kind::Number || times.units <= number_scale || r.from.units <= 0) {
        if (r.from.units <= 0)
            out.error(r.by->at(), fmt::format("{}: a range that is multiplied begins above 0", r.path));
        else
            out.error(r.by->at(), fmt::format("{}: expected a number above 1, got {}", r.path, times.text()));
        return values;
    }
    // Each from the one before, so that whole factors are exact.
    for (i128 u = r.from.units, next = 0; u <= r.to.units && values.size() <= most_values; u = next) {
        values.push_back({r.from.kind, u});
        next = u > (i128{1} << 90) ? r.to.units + 1 : u * times.units / number_scale;
        if (next <= u) next = u + 1;
    }
    return values;
}

std::vector<Quantity> per_decade(const RangeEnds& r, const Quantity& points, Diagnostics& out) {
    std::vector<Quantity> values;
    const bool natural = points.kind == Quantity::Kind::Number && points.units >= number_scale &&
                         points.units % number_scale == 0 && points.units <= 1000 * number_scale;
    if (!natural || r.from.units <= 0) {
        if (!natural)
            out.error(r.by->at(), fmt::format("{}: expected an integer from 1 to 1000, got {}", r.path, points.text()));
        else
            out.error(r.by->at(), fmt::format("{}: a range by decades begins above 0", r.path));
        return values;
    }
    const bool whole = r.from.kind == Quantity::Kind::Number && r.from.units % number_scale == 0;
    const int each = static_cast<int>(points.units / number_scale);
    for (int k = 0; values.size() <= most_values; ++k) {
        // Whole decades are exact: what lies between is rounded.
        const double within = static_cast<double>(r.from.units) * std::pow(10.0, static_cast<double>(k % each) / each);
        i128 u = k % each == 0 ? r.from.units : rounded(within);
        for (int d = 0; d < k / each && u <= r.to.units; ++d) u *= 10;
        if (whole) u = (u + number_scale / 2) / number_scale * number_scale;
        if (u > r.to.units) break;
        if (values.empty() || values.back().units != u) values.push_back({r.from.kind, u});
    }
    return values;
}
} // namespace

Quantity Quantity::number(double value) { return {Kind::Number, static_cast<i128>(std::llround(value * 1e9))}; }

double Quantity::value() const {
    return kind == Kind::Number ? static_cast<double>(units) / static_cast<double>(number_scale)
                                : static_cast<double>(units);
}

std::string Quantity::text() const {
    switch (kind) {
    case Kind::Time: return base::exact_duration(sim::Duration::ps(static_cast<i64>(units)));
    case Kind::Bytes: return base::exact_size(static_cast<u64>(units));
    case Kind::Rate: return base::exact_rate(static_cast<u64>(units));
    case Kind::Number: break;
    }
    return decimal_text(units);
}

std::string_view kind_text(Quantity::Kind kind) {
    constexpr std::string_view names[] = {"a number", "a time", "a size", "a rate"};
    return names[static_cast<int>(kind)];
}

std::optional<Quantity> parse_quantity(std::string_view text) {
    using K = Quantity::Kind;
    if (const auto n = parse_decimal(text)) return Quantity{K::Number, *n};
    if (const auto d = base::parse_duration(text)) return Quantity{K::Time, d.value->ps()};
    if (const auto s = base::parse_size(text); s && *s.value < u64{1} << 63) return Quantity{K::Bytes, *s.value};
    if (const auto r = base::parse_rate(text)) return Quantity{K::Rate, *r.value};
    return std::nullopt;
}

std::vector<Quantity> range_values(const Node& range, const std::string& what, Diagnostics& out, bool& logarithmic) {
    struct Kind {
        const char* key;
        std::vector<Quantity> (*values)(const RangeEnds&, const Quantity&, Diagnostics&);
        bool logarithmic;
    };
    constexpr Kind kinds[] = {{"step", stepped, false}, {"times", multiplied, true}, {"per-decade", per_decade, true}};
    {
        MapReader keys(range, out, what);
        for (const char* key : {"from", "to", "step", "times", "per-decade"}) keys.take(key);
    }
    const Kind* chosen = nullptr;
    for (const Kind& k : kinds) {
        if (range.find(k.key) == nullptr) continue;
        if (chosen != nullptr)
            out.error(range.find_entry(k.key)->at, fmt::format("{}: '{}' is here already", what, chosen->key));
        else
            chosen = &k;
    }
    const auto from = figure_of(range, "from", what, out), to = figure_of(range, "to", what, out);
    if (chosen == nullptr) out.error(range.at(), what + ": expected how the range goes on: step, times or per-decade");
    if (chosen == nullptr || !from || !to) return {};
    const auto by = figure_of(range, chosen->key, what, out);
    if (!by) return {};
    if (from->kind != to->kind) {
        out.error(range.find("to")->at(),
                  fmt::format("{}.to: expected {}, got {}", what, kind_text(from->kind), kind_text(to->kind)));
        return {};
    }
    if (to->units < from->units) {
        out.error(range.find("to")->at(), fmt::format("{}.to: {} is less than {}", what, to->text(), from->text()));
        return {};
    }
    logarithmic = chosen->logarithmic;
    auto values = chosen->values({*from, *to, range.find(chosen->key), what + "." + chosen->key}, *by, out);
    if (values.size() > most_values) {
        out.error(range.at(), fmt::format("{}: more than {} values", what, most_values));
        values.clear();
    }
    return values;
}

} // namespace quiesce::platform
