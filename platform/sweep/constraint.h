// SPDX-License-Identifier: Apache-2.0
/// What must hold of a sweep's points: `slots * 4 <= entries and policy != mm-exit`.
#pragma once
#include "platform/sweep/values.h"

#include <functional>
#include <memory>

namespace quiesce::platform {

/// A name's value: a figure where it is one, and always its text.
struct SweepOperand {
    std::string text;
    std::optional<Quantity> figure;
};

/// A parsed expression: comparisons of figures (which can be added, subtracted, multiplied, divided) or of texts (==
/// and != only), `and`, `or`, `not`, parentheses. Names are those of parameters; whatever is none is a literal: 30us,
/// 16, mm-exit, "6.12".
class Constraint {
public:
    using Names = std::function<std::optional<SweepOperand>(const std::string& name)>;
    /// Nothing, after an error at the expression's node, if it is none.
    static std::optional<Constraint> parse(const Node& expression, Diagnostics& out);

    /// Throws std::invalid_argument with what is wrong if the values cannot be compared or counted with.
    bool holds(const Names& names) const;
    /// Every word of it that could be a name, in order.
    std::vector<std::string> words() const;
    const Mark& at() const { return at_; }

    struct Term;

private:
    Mark at_;
    std::shared_ptr<const Term> root_;
};

} // namespace quiesce::platform
