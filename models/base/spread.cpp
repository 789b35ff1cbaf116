// SPDX-License-Identifier: Apache-2.0
#include "base/spread.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

namespace quiesce::base {
namespace {

using Shape = Spread::Shape;
__extension__ typedef __int128 i128;

// ---- how it is written ----------------------------------------------------------------------------------------------

/// Words, and what stands between them: A and B are durations, N is a number.
struct Form {
    Shape shape;
    std::array<std::string_view, 7> words;
    std::string_view example;
};
constexpr Form forms[] = {
    {Shape::Uniform, {"uniform", "A", "to", "B"}, "uniform 1us to 5us"},
    {Shape::Exponential, {"exponential", "A"}, "exponential 3us"},
    {Shape::Lognormal, {"lognormal", "A", "p99", "B"}, "lognormal 3us p99 40us"},
    {Shape::Bimodal, {"bimodal", "A", "or", "B", "once", "in", "N"}, "bimodal 3us or 1ms once in 100"},
    {Shape::Tailed, {"bimodal", "A", "tail", "B", "once", "in", "N"}, "bimodal 3us tail 1ms once in 100"},
};
constexpr u64 rarest = 1'000'000'000;

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (text = trim(text); !text.empty(); text = trim(text)) {
        const auto end = static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_blank) - text.begin());
        words.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return words;
}

std::size_t length_of(const Form& f) {
    return static_cast<std::size_t>(std::find(f.words.begin(), f.words.end(), std::string_view{}) - f.words.begin());
}

bool is_figure(std::string_view word) { return word == "A" || word == "B" || word == "N"; }

bool has_words_of(const Form& f, const std::vector<std::string_view>& words) {
    if (words.size() != length_of(f)) return false;
    for (std::size_t i = 0; i < words.size(); ++i)
        if (!is_figure(f.words[i]) && f.words[i] != words[i]) return false;
    return true;
}

/// What the figures have to be to each other; empty: they are.
std::string_view wrong_with(Shape shape, Latency a, Latency b, u64 n) {
    if (shape == Shape::Uniform && b < a) return "the second is below the first";
    if (shape == Shape::Lognormal && a == Latency{}) return "a median of zero";
    if (shape == Shape::Lognormal && b < a) return "the 99th percentile is below the median";
    if ((shape == Shape::Bimodal || shape == Shape::Tailed) && n < 2) return "once in 2 at most";
    return {};
}

Parsed<Spread> read(const Form& f, const std::vector<std::string_view>& words, std::string_view text) {
    std::array<Latency, 2> figures{};
    u64 once_in = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (f.words[i] == "N") {
            const auto n = parse_integer<u64>(words[i], 1, rarest);
            if (!n) return {std::nullopt, n.error};
            once_in = *n.value;
        } else if (is_figure(f.words[i])) {
            const auto d = parse_duration(words[i]);
            if (!d) return {std::nullopt, d.error, d.out_of_range};
            figures[f.words[i] == "A" ? 0 : 1] = *d.value;
        }
    }
    if (const auto wrong = wrong_with(f.shape, figures[0], figures[1], once_in); !wrong.empty())
        return {std::nullopt, "expected such as " + in_quotes(f.example) + ", got " + in_quotes(trim(text)) + " (" +
                                  std::string(wrong) + ")"};
    return parsed(Spread{f.shape, figures[0], figures[1], once_in});
}

// ---- fixed point: Q32 is a number times 2^32 ------------------------------------------------------------------------

constexpr u64 one_q32 = u64{1} << 32;
constexpr u64 ln2_q32 = 2'977'044'472;        // ln 2
constexpr i64 z99_q32 = 9'991'588'038;        // the 99th percentile of the standard normal distribution: 2.32634787
constexpr unsigned fraction_bits = 32;

constexpr u64 integer_root(u128 x) {
    u128 root = 0;
    for (u128 bit = u128{1} << 126; bit != 0; bit >>= 2) {
        const bool fits = x >= root + bit;
        if (fits) x -= root + bit;
        root = fits ? (root >> 1) + bit : root >> 1;
    }
    return static_cast<u64>(root);
}

/// 2 to the power of 1/2, 1/4, 1/8 ..., times 2^62.
constexpr auto roots_of_two = [] {
    std::array<u64, fraction_bits> roots{};
    u64 last = u64{1} << 63;
    for (u64& r : roots) r = last = integer_root(u128{last} << 62);
    return roots;
}();

/// Of x above zero, bit by bit: the square of a mantissa is at least 2 where the next bit of its logarithm is set.
constexpr u64 log2_q32(u64 x) {
    const auto whole = static_cast<unsigned>(std::bit_width(x)) - 1;
    u64 mantissa = x << (63 - whole), bits = 0;
    for (unsigned i = 0; i < fraction_bits; ++i) {
        const u128 square = u128{mantissa} * mantissa;
        const bool set = (square >> 127) != 0;
        mantissa = static_cast<u64>(square >> (set ? 64 : 63));
        bits = bits << 1 | (set ? 1 : 0);
    }
    return u64{whole} << 32 | bits;
}

/// 2 to the power of a fraction, as Q32.
constexpr u64 exp2_q32(u64 fraction) {
    u64 result = u64{1} << 62;
    for (unsigned i = 0; i < fraction_bits; ++i)
        if ((fraction >> (fraction_bits - 1 - i) & 1) != 0)
            result = static_cast<u64>(u128{result} * roots_of_two[i] >> 62);
    return result >> 30;
}

/// -ln of x / 2^bits.
constexpr u64 minus_ln_q32(u64 x, unsigned bits) {
    return static_cast<u64>(u128{(u64{bits} << 32) - log2_q32(x)} * ln2_q32 >> 32);
}

Latency duration_of(u128 ps) { return Latency::ps(static_cast<i64>(std::min(ps, u128{longest_duration_ps}))); }

Latency exponential(Latency mean, sim::Random& random) {
    const u64 part = minus_ln_q32(random.next() | 1, 64);
    return duration_of(u128{static_cast<u64>(mean.ps())} * part >> 32);
}

/// Standard normal, as Q32: Marsaglia's polar method.
i64 normal_q32(sim::Random& random) {
    constexpr u64 too_near = u64{1} << 24; // so that what follows has room
    for (;;) {
        const i64 x = static_cast<i64>(random.next() >> 32) - (i64{1} << 31);
        const i64 y = static_cast<i64>(random.next() >> 32) - (i64{1} << 31);
        const u64 square = static_cast<u64>(x * x) + static_cast<u64>(y * y);
        if (square < too_near || square >= u64{1} << 62) continue;
        const u128 ratio = (u128{2 * minus_ln_q32(square, 62)} << 62) / square;
        return static_cast<i64>(i128{x} * i128{integer_root(ratio << 32)} >> 31);
    }
}

/// The median times (p99 / median) to the power of z / z99.
Latency lognormal(Latency median, Latency p99, sim::Random& random) {
    const i128 octaves =
        static_cast<i128>(log2_q32(static_cast<u64>(p99.ps()))) - log2_q32(static_cast<u64>(median.ps()));
    const i128 power = i128{normal_q32(random)} * octaves / z99_q32;
    const i64 whole = static_cast<i64>(power >> 32);
    const u128 scaled = u128{static_cast<u64>(median.ps())} * exp2_q32(static_cast<u64>(power) & (one_q32 - 1));
    if (whole <= 0) return whole < -62 ? Latency{} : duration_of(scaled >> (32 - whole));
    const u128 value = scaled >> 32;
    return whole >= 60 || value > u128{longest_duration_ps} >> whole ? duration_of(longest_duration_ps) : duration_of(value << whole);
}

} // namespace

Latency Spread::draw(sim::Random& random) const {
    switch (shape_) {
    case Shape::Constant: return first_;
    case Shape::Uniform: {
        const u64 ps = random.between(static_cast<u64>(first_.ps()), static_cast<u64>(second_.ps()));
        return Latency::ps(static_cast<i64>(ps));
    }
    case Shape::Exponential: return exponential(first_, random);
    case Shape::Lognormal: return lognormal(first_, second_, random);
    case Shape::Bimodal: return random.one_in(once_in_) ? second_ : first_;
    case Shape::Tailed: return random.one_in(once_in_) ? first_ + exponential(second_, random) : first_;
    }
    return first_;
}

std::string Spread::text() const {
    const auto* const f = std::find_if(std::begin(forms), std::end(forms), [&](const Form& g) { return g.shape == shape_; });
    if (f == std::end(forms)) return exact_duration(first_);
    std::vector<std::string> words;
    for (std::size_t i = 0; i < length_of(*f); ++i)
        words.push_back(f->words[i] == "A"   ? exact_duration(first_)
                        : f->words[i] == "B" ? exact_duration(second_)
                        : f->words[i] == "N" ? std::to_string(once_in_)
                                             : std::string(f->words[i]));
    return join(words, " ");
}

std::vector<std::string> Spread::examples() {
    std::vector<std::string> all;
    for (const Form& f : forms) all.emplace_back(f.example);
    return all;
}

Parsed<Spread> Spread::parse(std::string_view text) {
    const std::vector<std::string_view> words = words_of(text);
    if (words.empty() || is_digit(words[0][0]) || words[0][0] == '.' || words[0][0] == '-') {
        const auto always = parse_duration(text);
        return always ? parsed(Spread{*always.value}) : Parsed<Spread>{std::nullopt, always.error, always.out_of_range};
    }
    std::vector<std::string_view> names;
    std::string near;
    for (const Form& f : forms) {
        if (has_words_of(f, words)) return read(f, words, text);
        if (f.words[0] == words[0]) near += (near.empty() ? "" : " or ") + in_quotes(f.example);
        names.push_back(f.words[0]);
    }
    const std::string got = ", got " + in_quotes(trim(text));
    if (!near.empty()) return {std::nullopt, "expected such as " + near + got};
    return {std::nullopt, "expected " + ParamTraits<Spread>::expected() + got + did_you_mean(words[0], names)};
}

} // namespace quiesce::base
