// SPDX-License-Identifier: Apache-2.0
/// Trees, and what is asked of their nodes.
#include "platform/yaml/strict_yaml.h"
#include "platform/yaml/yaml_words.h"

#include <fmt/format.h>
#include <set>
#include <stdexcept>

namespace quiesce::platform {

Node::Node() : Node(Data{}) {}
Node::Node(Data data) : data_(std::make_shared<const Data>(std::move(data))) {}

Node Node::null(Mark at) {
    Data data;
    data.at = std::move(at);
    return Node(std::move(data));
}

Node Node::plain(std::string_view text, Mark at) {
    Data data = *quoted(text, std::move(at)).data_;
    data.is_quoted = !can_be_plain(data.text);
    return Node(std::move(data));
}

Node Node::quoted(std::string_view text, Mark at) {
    Data data;
    data.kind = Kind::Scalar;
    data.is_quoted = true;
    data.at = std::move(at);
    data.text = well_formed(text);
    return Node(std::move(data));
}

Node Node::verbatim(std::string_view text, Mark at) {
    return looks_typed(text) ? quoted(text, std::move(at)) : plain(text, std::move(at));
}

Node Node::seq(std::vector<Node> items, Mark at) {
    Data data;
    data.kind = Kind::Seq;
    data.at = std::move(at);
    data.items = std::move(items);
    return Node(std::move(data));
}

Node Node::map(std::vector<Entry> entries, Mark at) {
    Data data;
    data.kind = Kind::Map;
    data.at = std::move(at);
    data.entries = std::move(entries);
    std::set<std::string_view> keys;
    for (const Entry& entry : data.entries) {
        if (!keys.insert(entry.key).second) throw std::invalid_argument("key '" + entry.key + "' comes twice");
    }
    return Node(std::move(data));
}

const Node::Entry* Node::find_entry(std::string_view key) const {
    const auto found = std::find_if(entries().begin(), entries().end(), [&](const Entry& e) { return e.key == key; });
    return found == entries().end() ? nullptr : &*found;
}

const Node* Node::find(std::string_view key) const {
    const Entry* entry = find_entry(key);
    return entry ? &entry->value : nullptr;
}

Node Node::with(std::string_view key, Node value, Mark key_at) const {
    if (!is_map() && !is_null()) throw std::invalid_argument("only a map has keys");
    Data data = *data_;
    data.kind = Kind::Map;
    const auto found =
        std::find_if(data.entries.begin(), data.entries.end(), [&](const Entry& e) { return e.key == key; });
    if (found != data.entries.end()) {
        found->value = std::move(value);
    } else {
        data.entries.push_back({std::string(key), std::move(value), std::move(key_at)});
    }
    return Node(std::move(data));
}

Node Node::with_comment(std::string comment) const {
    Data data = *data_;
    data.comment = std::move(comment);
    return Node(std::move(data));
}

Node Node::poisoned() const {
    Data data = *data_;
    data.poisoned = true;
    return Node(std::move(data));
}

bool operator==(const Node& a, const Node& b) {
    const auto same_entry = [](const Node::Entry& x, const Node::Entry& y) {
        return x.key == y.key && x.value == y.value;
    };
    return a.data_ == b.data_ ||
           (a.kind() == b.kind() && a.text() == b.text() && a.is_quoted() == b.is_quoted() && a.items() == b.items() &&
            std::equal(a.entries().begin(), a.entries().end(), b.entries().begin(), b.entries().end(), same_entry));
}

std::string Node::described() const {
    if (is_scalar()) return base::in_quotes(text());
    return is_null() ? "nothing" : is_seq() ? "a list" : "a map";
}

std::nullopt_t Node::complain(Diagnostics& out, std::string_view what, std::string_view expected) const {
    if (!is_poisoned()) {
        out.error(at(), fmt::format("{}: expected {}, got {}{}", what, expected, described(),
                                    is_quoted() ? " in quotes" : ""));
    }
    return std::nullopt;
}
// Typed access

std::optional<std::string> Node::as_string(Diagnostics& out, std::string_view what) const {
    if (!is_scalar() || is_poisoned()) return complain(out, what, "text");
    return text();
}

std::optional<bool> Node::as_bool(Diagnostics& out, std::string_view what) const {
    const bool is_word = is_scalar() && (text() == "true" || text() == "false");
    if (!is_word || is_quoted() || is_poisoned()) {
        return complain(out, what, is_word ? "true or false without quotes" : "true or false");
    }
    return text() == "true";
}

const std::vector<Node>* Node::as_seq(Diagnostics& out, std::string_view what) const {
    if (is_seq() && !is_poisoned()) return &items();
    complain(out, what, is_scalar() ? "a list such as [" + text() + "]" : "a list");
    return nullptr;
}

std::optional<std::vector<std::string>> Node::as_strings(Diagnostics& out, std::string_view what) const {
    const std::vector<Node>* all = as_seq(out, what);
    if (!all) return std::nullopt;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < all->size(); ++i) {
        auto text = (*all)[i].as_string(out, std::string(what) + "[" + std::to_string(i) + "]");
        if (text) texts.push_back(std::move(*text));
    }
    return texts;
}

} // namespace quiesce::platform
