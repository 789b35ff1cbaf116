// SPDX-License-Identifier: Apache-2.0
/// A parameter is declared once, where it is used; files, command line, help and documentation walk the declarations.
///
///     struct WalkerConfig {
///         Param<unsigned> slots    {16, "concurrent table walks", between(1, 256)};
///         Param<Latency>  pte_check{2_ns, "decode and check one entry", Provenance::Guess, "no published figure"};
///     };
///     DESCRIBE(WalkerConfig, slots, pte_check)
///     static_assert(fully_described<WalkerConfig>);
#pragma once
#include "base/describe.h"
#include "base/param_traits.h"
#include "base/text.h"
#include "base/types.h"
#include "base/units.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace quiesce::base {

/// Where a default value comes from. What says nothing is a guess.
enum class Provenance : u8 { Measured, Derived, Specification, Kernel, Guess };
constexpr auto enum_names(Provenance) {
    return name_table<Provenance>({{Provenance::Measured, "measured"}, {Provenance::Derived, "derived"},
                                   {Provenance::Specification, "specification"}, {Provenance::Kernel, "kernel"},
                                   {Provenance::Guess, "guess"}});
}

/// Options of a Param, in any order after the help.
template <class A>
struct Bounds {
    std::optional<A> low;
    std::optional<A> high;
};
template <class A>
constexpr Bounds<A> between(A low, std::type_identity_t<A> high) { return {low, high}; }
template <class A>
constexpr Bounds<A> at_least(A low) { return {low, std::nullopt}; }
template <class A>
constexpr Bounds<A> at_most(A high) { return {std::nullopt, high}; }
struct PowerOfTwo {};
inline constexpr PowerOfTwo power_of_two{};
/// For text, and for each item of a list.
struct OneOf {
    std::vector<std::string> choices;
};
template <class... Text>
OneOf one_of(Text&&... text) { return {{std::string(std::forward<Text>(text))...}}; }
/// What a bare number counts ("entries", "pages"), for help.
struct Unit {
    std::string text;
};
inline Unit unit(std::string_view text) { return {std::string(text)}; }

/// What every parameter can do, whatever its type: the platform's view.
class ParamBase {
public:
    virtual ~ParamBase() = default;
    /// The reason, if the text is not a value or is out of bounds; the value is then unchanged.
    virtual std::optional<std::string> set_text(std::string_view text) = 0;
    /// Reads back, by set_text, as the same value.
    virtual std::string text() const = 0;
    virtual std::string default_text() const = 0;
    virtual ParamKind kind() const = 0;
    virtual bool is_default() const = 0;
    virtual void reset() = 0;
    /// "a duration such as 40us": what `set_text` expects.
    virtual std::string expected() const = 0;
    /// "between 1 and 256", or empty.
    virtual std::string bounds_text() const = 0;
    /// The values there are, for enums and for one_of; else empty.
    virtual std::vector<std::string> choices() const = 0;

    const std::string& help() const { return help_; }
    Provenance provenance() const { return provenance_; }
    const std::string& source() const { return source_; }
    const std::string& unit() const { return unit_; }

protected:
    ParamBase() = default;
    ParamBase(const ParamBase&) = default;
    ParamBase& operator=(const ParamBase&) = default;

    std::string help_;
    std::string source_;
    std::string unit_;
    Provenance provenance_ = Provenance::Guess;
};

/// One parameter of type T: bool, integer, double, std::string, sim::Duration (Latency), Size, Bandwidth, an enum with
/// `enum_names`, or a list of texts. Options: between/at_least/at_most, power_of_two, one_of, unit, a Provenance, and
/// the source as text. Reading it is reading a T. Throws std::invalid_argument for a default or an assigned value out
/// of bounds.
template <class T>
class Param final : public ParamBase {
    using Traits = ParamTraits<T>;

public:
    using value_type = T;

    template <class... Options>
    Param(T initial, std::string_view help, Options&&... options) : value_(initial), default_(std::move(initial)) {
        help_ = help;
        unit_ = Traits::unit();
        if constexpr (requires { Traits::lowest; }) {
            low_ = Traits::lowest;
            high_ = Traits::highest;
        }
        (apply(std::forward<Options>(options)), ...);
        require_valid(default_);
    }

    operator const T&() const { return value_; }
    const T& get() const { return value_; }
    /// A preset or a test sets a value; the default stays what it was.
    Param& operator=(const T& value) {
        require_valid(value);
        value_ = value;
        return *this;
    }
    /// The reason, if the value is out of bounds; it is then unchanged.
    std::optional<std::string> set(const T& value) {
        if (auto error = check(value)) return error;
        value_ = value;
        return std::nullopt;
    }

    std::optional<std::string> set_text(std::string_view text) override {
        auto result = Traits::parse(text);
        if (!result.value && result.out_of_range && !bounds_text().empty())
            return "expected " + bounds_text() + ", got " + std::string(trim(text));
        if (!result.value) return std::move(result.error);
        return set(*result.value);
    }
    std::string text() const override { return Traits::text(value_); }
    std::string default_text() const override { return Traits::text(default_); }
    ParamKind kind() const override { return Traits::kind; }
    bool is_default() const override { return value_ == default_; }
    void reset() override { value_ = default_; }
    std::string expected() const override { return Traits::expected(); }
    std::vector<std::string> choices() const override {
        if constexpr (NamedEnum<T>) return Traits::names();
        else return choices_;
    }
    std::string bounds_text() const override {
        std::vector<std::string> parts;
        if (low_ && high_) parts.push_back("between " + Traits::text(*low_) + " and " + Traits::text(*high_));
        else if (low_) parts.push_back("at least " + Traits::text(*low_));
        else if (high_) parts.push_back("at most " + Traits::text(*high_));
        if (power_of_two_) parts.push_back("a power of two");
        if (!choices_.empty()) parts.push_back("one of " + join(choices_));
        return join(parts);
    }

    /// Named latencies add up as latencies do.
    friend T operator+(const Param& a, const T& b) requires std::same_as<T, sim::Duration> { return a.value_ + b; }
    friend T operator-(const Param& a, const T& b) requires std::same_as<T, sim::Duration> { return a.value_ - b; }
    friend T operator*(const Param& a, i64 n) requires std::same_as<T, sim::Duration> { return a.value_ * n; }

private:
    template <class A>
    static T bound(const A& value) {
        if constexpr (std::integral<T> && std::integral<A>) {
            if (!std::in_range<T>(value)) throw std::logic_error("a bound does not fit the parameter's type");
        }
        return static_cast<T>(value);
    }
    template <class A>
    void apply(const Bounds<A>& bounds) {
        if (bounds.low) low_ = bound(*bounds.low);
        if (bounds.high) high_ = bound(*bounds.high);
    }
    void apply(PowerOfTwo) { power_of_two_ = true; }
    void apply(OneOf list) { choices_ = std::move(list.choices); }
    void apply(Unit name) { unit_ = std::move(name.text); }
    void apply(Provenance origin) { provenance_ = origin; }
    void apply(std::string_view source) { source_ = source; }

    std::optional<std::string> check(const T& value) const {
        const auto expected_bounds = [&] { return "expected " + bounds_text() + ", got " + Traits::text(value); };
        const auto is_choice = [&](const std::string& item) {
            return choices_.empty() || std::find(choices_.begin(), choices_.end(), item) != choices_.end();
        };
        const auto expected_choice = [&](const std::string& item) {
            return "expected " + bounds_text() + ", got " + in_quotes(item) + did_you_mean(item, choices_);
        };
        if constexpr (std::totally_ordered<T>) {
            if ((low_ && value < *low_) || (high_ && *high_ < value)) return expected_bounds();
        }
        if constexpr (std::integral<T> && !std::same_as<T, bool>) {
            if (power_of_two_ && (value <= 0 || (value & (value - 1)) != 0)) return expected_bounds();
        } else if constexpr (std::same_as<T, Size>) {
            if (power_of_two_ && !std::has_single_bit(value.bytes())) return expected_bounds();
        } else if constexpr (std::same_as<T, std::string>) {
            if (!is_choice(value)) return expected_choice(value);
        } else if constexpr (std::same_as<T, std::vector<std::string>>) {
            for (const std::string& item : value) {
                if (!Traits::is_item(item)) return "expected an item without commas or brackets, got " + in_quotes(item);
                if (!is_choice(item)) return expected_choice(item);
            }
        } else if constexpr (NamedEnum<T>) {
            if (enum_text(value).empty()) return "expected " + Traits::expected();
        }
        return std::nullopt;
    }
    void require_valid(const T& value) const {
        if (auto error = check(value)) throw std::invalid_argument(help_ + ": " + *error);
    }

    T value_;
    T default_;
    std::optional<T> low_;
    std::optional<T> high_;
    bool power_of_two_ = false;
    std::vector<std::string> choices_;
};

// The types that nearly every parameter has are compiled once, in param.cpp.
extern template class Param<bool>;
extern template class Param<u32>;
extern template class Param<u64>;
extern template class Param<Latency>;
extern template class Param<Size>;
extern template class Param<Bandwidth>;
extern template class Param<std::string>;
extern template class Param<std::vector<std::string>>;

namespace detail {

template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = !std::is_same_v<T, bool>;
template <class T>
inline constexpr bool is_named_map = false;
template <class T>
inline constexpr bool is_named_map<std::map<std::string, T>> = true;

inline std::string dotted(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : path + "." + std::string(name);
}

/// A configuration that is part of another and has no name of its own there: its parameters are its owner's.
template <class T>
concept InPlace = requires { requires T::in_place; };

template <class T, class F>
void visit_node(T& node, const std::string& path, F& f) {
    using Node = std::remove_const_t<T>;
    if constexpr (std::derived_from<Node, ParamBase>) {
        f(path, static_cast<std::conditional_t<std::is_const_v<T>, const ParamBase&, ParamBase&>>(node));
    } else if constexpr (Described<Node>) {
        for_each_field(node, [&]<class Member>(std::string_view name, Member& member) {
            visit_node(member, InPlace<std::remove_const_t<Member>> ? path : dotted(path, name), f);
        });
    } else if constexpr (is_list<Node>) {
        for (std::size_t at = 0; at < node.size(); ++at) visit_node(node[at], dotted(path, std::to_string(at)), f);
    } else if constexpr (is_named_map<Node>) {
        for (auto& [name, item] : node) visit_node(item, dotted(path, name), f);
    }
}

} // namespace detail

/// Calls `f(dotted path, ParamBase&)` for every parameter in a described configuration, in order of description; goes
/// into nested configurations (those that say `static constexpr bool in_place = true` add nothing to the path), and
/// into std::vector (by number from 0) and std::map<std::string, ...> (by name) of them.
template <class Config, class F>
void visit_params(Config& config, F&& f) { detail::visit_node(config, std::string{}, f); }

} // namespace quiesce::base
