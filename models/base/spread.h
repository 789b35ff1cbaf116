// SPDX-License-Identifier: Apache-2.0
/// A latency that need not be the same each time: constant, or drawn in one of a few shapes. Integer arithmetic alone, so
/// that every machine draws the same.
#pragma once
#include "base/param_traits.h"
#include "base/types.h"
#include "base/units.h"
#include "sim/random.h"

#include <string>
#include <string_view>
#include <vector>

namespace quiesce::base {

/// How it is written, and what it is then:
///
///     3us                               always
///     uniform 1us to 5us                between the two, both included
///     exponential 3us                   with this mean
///     lognormal 3us p99 40us            with this median; one in a hundred is above the other
///     bimodal 3us or 1ms once in 100    the first, or at random once in so many draws the second
///     bimodal 3us tail 1ms once in 100  the first, or once in so many draws longer by an exponential part of this mean
///
/// There are no commas in it: lists and maps have those.
class Spread {
public:
    enum class Shape : u8 { Constant, Uniform, Exponential, Lognormal, Bimodal, Tailed };

    constexpr Spread() = default;
    constexpr Spread(Latency always) : first_(always) {}
    /// `once_in`: of a shape that has it, at least 2.
    constexpr Spread(Shape shape, Latency first, Latency second = {}, u64 once_in = 0)
        : shape_(shape), first_(first), second_(second), once_in_(once_in) {}

    constexpr bool is_constant() const { return shape_ == Shape::Constant; }
    constexpr Shape shape() const { return shape_; }
    /// Of a constant: all that it ever is. Of others: the figure that is written first.
    constexpr Latency first() const { return first_; }
    /// A constant takes nothing from the stream.
    Latency draw(sim::Random& random) const;
    std::string text() const;
    static Parsed<Spread> parse(std::string_view text);
    /// Each form that is no constant, with an example's figures.
    static std::vector<std::string> examples();

    constexpr bool operator==(const Spread&) const = default;

private:
    Shape shape_ = Shape::Constant;
    Latency first_{}, second_{};
    u64 once_in_ = 0;
};

template <>
struct ParamTraits<Spread> {
    static constexpr ParamKind kind = ParamKind::Figure;
    static constexpr Spread lowest{Latency{}};
    static constexpr Spread highest{ParamTraits<Latency>::highest};
    static std::string expected() { return "a duration such as 40us, or one that is drawn: " + join(Spread::examples()); }
    static std::string unit() { return "time"; }
    static Parsed<Spread> parse(std::string_view text) { return Spread::parse(text); }
    static std::string text(const Spread& value) { return value.text(); }
};

} // namespace quiesce::base
