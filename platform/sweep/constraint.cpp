// SPDX-License-Identifier: Apache-2.0
#include "platform/sweep/constraint.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>
#include <stdexcept>

namespace quiesce::platform {

/// A leaf has a word, everything else an operator and one or two terms below it.
struct Constraint::Term {
    std::string op, word;
    bool quoted = false;
    std::shared_ptr<const Term> left, right;
};

namespace {
using TermPtr = std::shared_ptr<const Constraint::Term>;

struct Token {
    std::string text;
    bool word = false, quoted = false;
    bool is(std::string_view t) const { return !quoted && text == t; }
};

/// A word goes on through letters, digits, '.', '_', a '-' between letters (mm-exit) and the '/' of a rate (16GB/s).
std::size_t word_end(std::string_view s, std::size_t at) {
    const auto letter = [&](std::size_t i) {
        return i < s.size() && (std::isalnum(static_cast<unsigned char>(s[i])) != 0 || s[i] == '_');
    };
    for (; at < s.size(); ++at) {
        const bool dash = s[at] == '-' && at > 0 && letter(at - 1) && letter(at + 1);
        const bool rate =
            s[at] == '/' && at > 0 && s[at - 1] == 'B' && at + 1 < s.size() && s[at + 1] == 's' && !letter(at + 2);
        if (!letter(at) && s[at] != '.' && !dash && !rate) break;
    }
    return at;
}

/// Throws std::invalid_argument.
std::vector<Token> constraint_tokens(std::string_view s) {
    std::vector<Token> tokens;
    for (std::size_t at = 0; at < s.size();) {
        if (base::is_blank(s[at])) {
            ++at;
            continue;
        }
        if (s[at] == '"' || s[at] == '\'') {
            const std::size_t end = s.find(s[at], at + 1);
            if (end == s.npos) throw std::invalid_argument("a quote is not closed");
            tokens.push_back({std::string(s.substr(at + 1, end - at - 1)), true, true});
            at = end + 1;
            continue;
        }
        constexpr std::string_view operators[] = {"<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")"};
        const auto op = std::find_if(std::begin(operators), std::end(operators),
                                     [&](std::string_view o) { return s.substr(at, o.size()) == o; });
        if (op != std::end(operators)) {
            tokens.push_back({std::string(*op)});
            at += op->size();
            continue;
        }
        const std::size_t end = word_end(s, at);
        if (end == at) throw std::invalid_argument(fmt::format("unexpected '{}'", s.substr(at, 1)));
        const std::string word(s.substr(at, end - at));
        tokens.push_back({word, word != "and" && word != "or" && word != "not"});
        at = end;
    }
    return tokens;
}

/// Weakest first: or, and, not, a comparison, sums, products.
class ConstraintParser {
public:
    explicit ConstraintParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
    TermPtr whole() {
        TermPtr t = either();
        if (at_ < tokens_.size()) throw std::invalid_argument(fmt::format("unexpected '{}'", tokens_[at_].text));
        return t;
    }

private:
    bool accept(std::string_view text) {
        if (at_ >= tokens_.size() || !tokens_[at_].is(text)) return false;
        ++at_;
        return true;
    }
    static TermPtr joined(std::string_view op, TermPtr left, TermPtr right = nullptr) {
        return std::make_shared<const Constraint::Term>(
            Constraint::Term{std::string(op), "", false, std::move(left), std::move(right)});
    }
    template <class Below>
    TermPtr chain(std::initializer_list<std::string_view> ops, Below below) {
        TermPtr t = (this->*below)();
        for (bool more = true; more;) {
            more = false;
            for (const std::string_view op : ops)
                if (!more && accept(op)) {
                    t = joined(op, t, (this->*below)());
                    more = true;
                }
        }
        return t;
    }
    TermPtr either() { return chain({"or"}, &ConstraintParser::both); }
    TermPtr both() { return chain({"and"}, &ConstraintParser::negation); }
    TermPtr negation() { return accept("not") ? joined("not", negation()) : comparison(); }
    TermPtr comparison() {
        TermPtr left = sum();
        for (const std::string_view op : {"<=", ">=", "==", "!=", "<", ">"})
            if (accept(op)) return joined(op, left, sum());
        return left;
    }
    TermPtr sum() { return chain({"+", "-"}, &ConstraintParser::product); }
    TermPtr product() { return chain({"*", "/"}, &ConstraintParser::leaf); }
    TermPtr leaf() {
        if (++depth_ > deepest_nesting) throw std::invalid_argument("too deeply nested");
        if (accept("(")) {
            TermPtr t = either();
            if (!accept(")")) throw std::invalid_argument("a ')' is missing");
            --depth_;
            return t;
        }
        if (at_ >= tokens_.size()) throw std::invalid_argument("it ends too early");
        const Token& t = tokens_[at_++];
        if (!t.word) throw std::invalid_argument(fmt::format("unexpected '{}'", t.text));
        --depth_;
        return std::make_shared<const Constraint::Term>(Constraint::Term{"", t.text, t.quoted, nullptr, nullptr});
    }
    std::vector<Token> tokens_;
    std::size_t at_ = 0, depth_ = 0;
};

bool is_comparison(std::string_view op) { return op.find_first_of("<>=") != op.npos; }

[[noreturn]] void cannot(std::string_view what, const SweepOperand& a, const SweepOperand& b) {
    throw std::invalid_argument(fmt::format("{} and {} cannot be {}", a.text, b.text, what));
}

SweepOperand value_of_term(const Constraint::Term& t, const Constraint::Names& names);

SweepOperand counted_with(const Constraint::Term& t, const Constraint::Names& names) {
    using K = Quantity::Kind;
    const SweepOperand a = value_of_term(*t.left, names), b = value_of_term(*t.right, names);
    if (!a.figure || !b.figure) cannot("counted with", a, b);
    const bool plus = t.op == "+", minus = t.op == "-";
    const double x = a.figure->value(), y = b.figure->value();
    SweepOperand r;
    if (plus || minus) {
        if (a.figure->kind != b.figure->kind) cannot("added or subtracted", a, b);
        r.figure =
            Quantity{a.figure->kind, plus ? a.figure->units + b.figure->units : a.figure->units - b.figure->units};
    } else {
        const bool times = t.op == "*", same = a.figure->kind == b.figure->kind;
        const K kind = b.figure->kind == K::Number ? a.figure->kind : times ? b.figure->kind : K::Number;
        if (b.figure->kind != K::Number && (times ? a.figure->kind != K::Number : !same))
            cannot(times ? "multiplied" : "divided", a, b);
        if (!times && y == 0) throw std::invalid_argument("a division by 0");
        const double value = times ? x * y : x / y;
        r.figure = kind == K::Number ? Quantity::number(value) : Quantity{kind, static_cast<i128>(value)};
    }
    r.text = fmt::format("{} {} {}", a.text, t.op, b.text);
    return r;
}

SweepOperand value_of_term(const Constraint::Term& t, const Constraint::Names& names) {
    if (!t.op.empty() && !is_comparison(t.op) && t.op != "and" && t.op != "or" && t.op != "not")
        return counted_with(t, names);
    if (!t.op.empty())
        throw std::invalid_argument(
            fmt::format("'{}' gives true or false, which cannot be compared or counted with", t.op));
    if (!t.quoted)
        if (const auto named = names(t.word)) return *named;
    return {t.word, t.quoted ? std::nullopt : parse_quantity(t.word)};
}

bool compared(const Constraint::Term& t, const Constraint::Names& names) {
    const SweepOperand a = value_of_term(*t.left, names), b = value_of_term(*t.right, names);
    const bool zero = (a.figure && a.figure->units == 0) || (b.figure && b.figure->units == 0);
    if (a.figure && b.figure && (a.figure->kind == b.figure->kind || zero)) {
        const i128 x = a.figure->units, y = b.figure->units;
        return t.op == "<"    ? x < y
               : t.op == ">"  ? x > y
               : t.op == "<=" ? x <= y
               : t.op == ">=" ? x >= y
               : t.op == "==" ? x == y
                              : x != y;
    }
    if (a.figure && b.figure) cannot("compared", a, b);
    if (t.op == "==") return a.text == b.text;
    if (t.op == "!=") return a.text != b.text;
    throw std::invalid_argument(fmt::format("{} and {} are no figures: only == and != compare them", a.text, b.text));
}

bool is_true(const Constraint::Term& t, const Constraint::Names& names) {
    if (t.op == "not") return !is_true(*t.left, names);
    if (t.op == "and") return is_true(*t.left, names) && is_true(*t.right, names);
    if (t.op == "or") return is_true(*t.left, names) || is_true(*t.right, names);
    if (is_comparison(t.op)) return compared(t, names);
    const SweepOperand v = value_of_term(t, names);
    if (v.text == "true" || v.text == "false") return v.text == "true";
    throw std::invalid_argument(fmt::format("{} is neither true nor false", v.text));
}

void collect_words(const Constraint::Term& t, std::vector<std::string>& words) {
    if (t.op.empty() && !t.quoted) words.push_back(t.word);
    if (t.left) collect_words(*t.left, words);
    if (t.right) collect_words(*t.right, words);
}
} // namespace

std::optional<Constraint> Constraint::parse(const Node& expression, Diagnostics& out) {
    const auto text = expression.as_string(out, "where");
    if (!text) return std::nullopt;
    Constraint c;
    c.at_ = expression.at();
    try {
        c.root_ = ConstraintParser(constraint_tokens(*text)).whole();
    } catch (const std::invalid_argument& e) {
        out.error(expression.at(), fmt::format("where: {}: expected a comparison such as `a < b`", e.what()));
        return std::nullopt;
    }
    return c;
}

bool Constraint::holds(const Names& names) const { return is_true(*root_, names); }

std::vector<std::string> Constraint::words() const {
    std::vector<std::string> words;
    collect_words(*root_, words);
    return words;
}

} // namespace quiesce::platform
