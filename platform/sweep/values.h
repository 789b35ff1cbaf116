// SPDX-License-Identifier: Apache-2.0
/// Figures that a sweep counts with: a parameter's value as a number of base units, and the values of a range.
#pragma once
#include "platform/yaml/strict_yaml.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::platform {

__extension__ typedef __int128 i128;

/// A number, a time, a size or a rate, exactly: in picoseconds, bytes, bits per second, or billionths of one.
struct Quantity {
    enum class Kind { Number, Time, Bytes, Rate };
    Kind kind = Kind::Number;
    i128 units = 0;

    static Quantity number(double value);
    /// For axes of diagrams and for constraints; a plain number is itself.
    double value() const;
    /// As a parameter reads it.
    std::string text() const;
};
std::string_view kind_text(Quantity::Kind kind); ///< "a time"
/// Nothing if the text is no figure.
std::optional<Quantity> parse_quantity(std::string_view text);

/// Values of one axis at most.
inline constexpr std::size_t most_values = 100'000;

/// The values of {from, to, step}, {from, to, times} or {from, to, per-decade}: a sum, a product, or so many in each
/// power of ten (rounded to three digits; whole numbers stay whole). `to` is the last one only where it is met. Errors
/// are at the map's figures, and give nothing.
std::vector<Quantity> range_values(const Node& range, const std::string& what, Diagnostics& out, bool& logarithmic);

} // namespace quiesce::platform
