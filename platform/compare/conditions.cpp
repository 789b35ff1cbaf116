// SPDX-License-Identifier: Apache-2.0
#include "platform/compare/conditions.h"

#include "platform/sweep/values.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fmt/format.h>

namespace quiesce::platform::comparison {
namespace {
struct Operator {
    std::string_view name;
    bool (*holds)(double, double);
};
constexpr Operator operators[] = { // the longer of two that begin alike first
    {">=", [](double a, double b) { return a >= b; }}, {"<=", [](double a, double b) { return a <= b; }},
    {"==", [](double a, double b) { return a == b; }}, {"!=", [](double a, double b) { return a != b; }},
    {">", [](double a, double b) { return a > b; }},   {"<", [](double a, double b) { return a < b; }}};

std::string operator_names() {
    std::vector<std::string> names;
    for (const Operator& o : operators) names.emplace_back(o.name);
    return base::join(names);
}

/// Where a value is read, for messages.
struct ValueReader {
    const SourcePtr& source;
    std::size_t at;
    Diagnostics& out;
    std::nullopt_t fail(std::string message) const {
        out.error(place_of(source, at), std::move(message));
        return std::nullopt;
    }
};

/// A figure in base units, of the kind that the metric has.
std::optional<double> figure(const std::string& text, const SweepMetric& metric, const ValueReader& r) {
    const auto q = parse_quantity(text);
    const bool time = metric.is_time();
    const auto expected = time ? "a time such as 2us" : "a number such as 16";
    if (!q) return r.fail(fmt::format("expected {}, got \"{}\"", expected, text));
    using K = Quantity::Kind;
    const bool zero = q->kind == K::Number && q->units == 0;
    if (time != (q->kind == K::Time) && !zero)
        return r.fail(fmt::format("{} is {}: expected {}, got \"{}\"", metric.path, time ? "a time" : "no time", expected, text));
    return q->value();
}

std::string signed_text(const FailIf& c, double difference) {
    return (difference < 0 ? "-" : "+") + c.metric.text(std::abs(difference));
}

/// One run's value, or the reason that there is none.
std::optional<double> value_of(const Json& run, const std::string& path) {
    if (!run.is_object()) return std::nullopt;
    const auto v = metric_of(run, path);
    return v ? std::optional<double>(v->get<double>()) : std::nullopt;
}

struct Means {
    double value = 0, reference = 0;
    std::size_t n = 0;
    bool value_missing = false, reference_missing = false; ///< for every seed
};
Means means_of(const FailIf& c, const Variant& v, const Variant* reference) {
    Means m;
    std::size_t without_value = 0, without_reference = 0, runs = 0;
    const auto take = [&](const Json& run, const Json* other) {
        ++runs;
        const auto x = value_of(run, c.metric.path);
        const auto y = other != nullptr ? value_of(*other, c.metric.path) : std::optional<double>(0);
        without_value += !x;
        without_reference += !y;
        if (!x || !y) return;
        ++m.n;
        m.value += *x;
        m.reference += *y;
    };
    take(v.run, c.needs_reference() ? &reference->run : nullptr);
    for (const auto& [seed, run] : v.more) {
        if (!c.needs_reference()) take(run, nullptr);
        else if (const auto other = reference->more.find(seed); other != reference->more.end()) take(run, &other->second);
    }
    if (m.n > 0) {
        m.value /= static_cast<double>(m.n);
        m.reference /= static_cast<double>(m.n);
    }
    m.value_missing = without_value == runs;
    m.reference_missing = without_reference == runs;
    return m;
}

std::string comparison_words(const FailIf& c, const Means& m, const std::string& reference) {
    std::string words = c.metric.text(m.value);
    if (!c.needs_reference()) return words;
    const double difference = m.value - m.reference;
    words += fmt::format(", {}", signed_text(c, difference));
    if (m.reference != 0) words += fmt::format(" ({:+.1f} %)", 100 * difference / m.reference);
    return words + fmt::format(" against {} of {}", c.metric.text(m.reference), reference);
}
} // namespace

std::optional<FailIf> parse_fail_if(const std::string& text, Diagnostics& out) {
    const auto source = std::make_shared<const Source>("--fail-if", text, Source::Kind::CommandLine);
    if (!check_is_text(source, out)) return std::nullopt;
    const std::string& all = source->text();
    const auto skip = [&](std::size_t at) { return std::min(all.find_first_not_of(" \t", at), all.size()); };
    const std::size_t path_at = skip(0), path_end = std::min(all.find_first_of(" \t<>=!", path_at), all.size());
    const auto fail = [&](std::size_t at, std::string message) {
        out.error(place_of(source, at), std::move(message));
        return std::nullopt;
    };
    FailIf c;
    c.text = text;
    const std::string path = all.substr(path_at, path_end - path_at);
    if (path.empty()) return fail(path_at, "expected a number of run.json, as in 'quiesce.p99 > +5%'");
    c.metric.name = path;
    c.metric.path = metric_path(path);
    const std::size_t errors = out.errors();
    check_metric(c.metric.path, place_of(source, path_at), out);
    const std::size_t op_at = skip(path_end);
    for (const Operator& o : operators)
        if (c.op.empty() && all.compare(op_at, o.name.size(), o.name) == 0) c.op = o.name;
    if (c.op.empty()) return fail(op_at, fmt::format("expected one of {} here", operator_names()));
    const std::size_t value_at = skip(op_at + c.op.size());
    std::string value{base::trim(std::string_view(all).substr(value_at))};
    if (value.empty()) return fail(value_at, "expected a value such as 2ms, +2us or +5% here");
    const bool has_sign = value[0] == '+' || value[0] == '-';
    const double sign = value[0] == '-' ? -1 : 1;
    if (has_sign) value = base::trim(std::string_view(value).substr(1));
    const ValueReader reader{source, value_at, out};
    if (!value.empty() && value.back() == '%') {
        if (!has_sign) return reader.fail(fmt::format("expected a sign: +{0} or -{0} of the reference", value));
        const auto q = parse_quantity(base::trim(std::string_view(value).substr(0, value.size() - 1)));
        if (!q || q->kind != Quantity::Kind::Number) return reader.fail(fmt::format("expected a percentage such as +5%, got \"{}\"", all.substr(value_at)));
        c.than = FailIf::Than::Percent;
        c.amount = sign * q->value();
    } else {
        if (out.errors() > errors) return std::nullopt; // of what is no number, no figure is right
        const auto amount = figure(value, c.metric, reader);
        if (!amount) return std::nullopt;
        c.than = has_sign ? FailIf::Than::Difference : FailIf::Than::Value;
        c.amount = sign * *amount;
    }
    return out.errors() == errors ? std::optional(std::move(c)) : std::nullopt;
}

Judged judge(const FailIf& c, const Variant& v, const Variant* reference) {
    Judged j{c.text, v.name, c.needs_reference() ? reference->name : "", {}, {}, {}, {}};
    const Means m = means_of(c, v, reference);
    if (m.n == 0) {
        // Of two runs that have both not come so far none is worse.
        if (!(c.needs_reference() && m.value_missing && m.reference_missing)) j.failed = true;
        j.words = m.value_missing ? fmt::format("has no {}", c.metric.path) : fmt::format("{} has no {}", j.reference, c.metric.path);
        if (!j.failed) j.words = fmt::format("neither it nor {} has {}", j.reference, c.metric.path);
        return j;
    }
    j.value = m.value;
    if (c.needs_reference()) j.against = m.reference;
    double limit = c.amount;
    if (c.than == FailIf::Than::Difference) limit = m.reference + c.amount;
    if (c.than == FailIf::Than::Percent) limit = m.reference * (1 + c.amount / 100);
    for (const Operator& o : operators)
        if (o.name == c.op) j.failed = o.holds(m.value, limit);
    j.words = comparison_words(c, m, j.reference) + (m.n > 1 ? fmt::format(" (means of {} seeds)", m.n) : "");
    return j;
}

Json to_json(const std::vector<Judged>& all) {
    Json list = Json::array();
    for (const Judged& j : all) {
        Json row{{"fail_if", j.condition}, {"variant", j.variant}};
        if (!j.reference.empty()) row["reference"] = j.reference;
        if (j.value) row["value"] = *j.value;
        if (j.against) row["reference_value"] = *j.against;
        row["failed"] = j.failed ? Json(*j.failed) : Json(nullptr);
        row["words"] = j.words;
        list.push_back(std::move(row));
    }
    return list;
}

} // namespace quiesce::platform::comparison
