// SPDX-License-Identifier: Apache-2.0
#include "platform/yaml/strict_yaml.h"
#include "platform/yaml/yaml_words.h"

#include <fmt/format.h>

namespace quiesce::platform {
namespace {

std::string in_quotes(std::string_view text) {
    constexpr std::string_view short_escapes = "\"\"\\\\\nn\tt\rr"; // pairs: character, letter after the backslash
    std::string out = "\"";
    each_character(text, [&](std::string_view bytes, char32_t c) {
        const std::size_t pair = bytes.size() == 1 ? short_escapes.find(bytes[0]) : std::string_view::npos;
        if (pair != std::string_view::npos && pair % 2 == 0) {
            out += fmt::format("\\{}", short_escapes[pair + 1]);
        } else if (needs_escape(c)) {
            out += c < 0x100 ? fmt::format("\\x{:02x}", std::uint32_t{c}) : fmt::format("\\u{:04x}", std::uint32_t{c});
        } else {
            out += bytes;
        }
    });
    return out + '"';
}

std::string scalar_text(const Node& node) { return node.is_quoted() ? in_quotes(node.text()) : node.text(); }

/// May it stand unquoted within brackets?
bool is_simple_word(std::string_view text) {
    constexpr std::string_view others = "_./+-";
    const auto is_simple = [&](char c) {
        return base::is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || others.find(c) != others.npos;
    };
    return std::all_of(text.begin(), text.end(), is_simple);
}

/// What stands on one line: scalars, empty collections, short lists of plain words. Nothing for the rest.
std::optional<std::string> one_line(const Node& node) {
    constexpr std::size_t longest_list = 100;
    if (node.is_null()) return "null";
    if (node.is_scalar()) return scalar_text(node);
    if (node.is_map()) return node.entries().empty() ? std::optional<std::string>("{}") : std::nullopt;
    std::vector<std::string> items;
    for (const Node& item : node.items()) {
        const bool simple = item.is_scalar() && (item.is_quoted() || is_simple_word(item.text()));
        if (!simple || !item.comment().empty()) return std::nullopt;
        items.push_back(scalar_text(item));
    }
    std::string text = "[" + base::join(items) + "]";
    return text.size() <= longest_list ? std::optional(std::move(text)) : std::nullopt;
}

std::string comment_text(const Node& node, std::string_view before) {
    return node.comment().empty() ? "" : fmt::format("{}# {}", before, printable(node.comment()));
}

/// The entries or items of a collection, each on lines of its own. `joined`: the first one goes on with the present
/// line.
void emit_block(std::string& out, const Node& node, std::size_t indent, bool joined) {
    const auto emit_child = [&](const std::string& lead, const Node& child) {
        if (!std::exchange(joined, false)) out.append(indent, ' ');
        out += lead;
        if (const auto text = one_line(child)) {
            out += fmt::format(" {}{}\n", *text, comment_text(child, "  "));
            return;
        }
        const bool join = lead == "-" && child.comment().empty();
        out += join ? " " : comment_text(child, "  ") + "\n";
        emit_block(out, child, indent + 2, join);
    };
    for (const Node::Entry& entry : node.entries()) {
        const bool letter = entry.key == "y" || entry.key == "n"; // a boolean as a value only
        emit_child((letter ? entry.key : scalar_text(Node::plain(entry.key))) + ":", entry.value);
    }
    for (const Node& item : node.items()) emit_child("-", item);
}

} // namespace

std::string emit_yaml(const Node& root) {
    if (const auto text = one_line(root)) return fmt::format("{}{}\n", *text, comment_text(root, "  "));
    std::string out = root.comment().empty() ? "" : comment_text(root, "") + "\n";
    emit_block(out, root, 0, false);
    return out;
}

} // namespace quiesce::platform
