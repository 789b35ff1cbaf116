// SPDX-License-Identifier: Apache-2.0
/// YAML as quiesce takes it: a small subset, read strictly, with the place of every key and value.
///
/// yaml-cpp 0.7 reads the text; what it lets pass silently is refused here, with line and column: duplicate keys, `<<`,
/// YAML 1.1 booleans, anchors, aliases, tags, directives, several documents, keys without a colon, quotes that never
/// close, tabs as indentation, bytes that are no UTF-8 text (facts/ecosystem.md, section 3.1). Scalars stay text: who
/// asks says which type it must be.
#pragma once
#include "platform/diagnostics.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace quiesce::platform {

/// Deepest nesting of lists and maps that is read.
inline constexpr std::size_t deepest_nesting = 64;

/// An immutable tree. Copies share their content, so they are cheap, and a pointer into one lives as long as any copy.
class Node {
public:
    enum class Kind { Null, Scalar, Seq, Map };
    struct Entry;

    Node(); ///< Null, at an unknown place
    static Node null(Mark at = {});
    /// Text as if written without quotes: "12", "true", "40us". It counts as quoted where it cannot be written plainly
    /// (empty, ": " inside, a YAML 1.1 boolean ...). Bytes that are no UTF-8 become U+FFFD.
    static Node plain(std::string_view text, Mark at = {});
    static Node quoted(std::string_view text, Mark at = {});
    static Node boolean(bool value, Mark at = {}) { return plain(value ? "true" : "false", std::move(at)); }
    template <class Integer> static Node integer(Integer value, Mark at = {}) {
        return plain(std::to_string(value), std::move(at));
    }
    /// Text that must be read as text, whatever it looks like: in quotes where some reader of YAML would see a number, a
    /// boolean, a date or nothing in it ("6.12").
    static Node verbatim(std::string_view text, Mark at = {});
    static Node seq(std::vector<Node> items, Mark at = {});
    /// Throws std::invalid_argument if a key comes twice.
    static Node map(std::vector<Entry> entries, Mark at = {});

    Kind kind() const { return data_->kind; }
    bool is_null() const { return kind() == Kind::Null; }
    bool is_scalar() const { return kind() == Kind::Scalar; }
    bool is_seq() const { return kind() == Kind::Seq; }
    bool is_map() const { return kind() == Kind::Map; }
    const Mark& at() const { return data_->at; }
    /// A scalar's text; empty for the other kinds.
    const std::string& text() const { return data_->text; }
    bool is_quoted() const { return data_->is_quoted; }
    /// A list's items and a map's entries in their order; empty for the other kinds.
    const std::vector<Node>& items() const { return data_->items; }
    const std::vector<Entry>& entries() const { return data_->entries; }
    /// The value of a key, or nullptr.
    const Node* find(std::string_view key) const;
    const Entry* find_entry(std::string_view key) const;
    /// This map (or null, as an empty map) with one value replaced in place or added at the end. `key_at` is the place
    /// of an added key. Throws std::invalid_argument on a list or scalar.
    Node with(std::string_view key, Node value, Mark key_at = {}) const;

    /// Written after the value by emit_yaml; no part of the value.
    const std::string& comment() const { return data_->comment; }
    Node with_comment(std::string comment) const;
    /// A complaint about this node was made already: typed access gives nothing and does not complain again.
    bool is_poisoned() const { return data_->poisoned; }
    Node poisoned() const;

    /// Same kind, text, quotes, items and entries in the same order; places and comments do not count.
    friend bool operator==(const Node& a, const Node& b);

    // Typed access. Nothing, and one error at this node, if it is not what was asked for; `what` opens the message.
    /// Any scalar's text: durations and sizes are parsed by who asks.
    std::optional<std::string> as_string(Diagnostics& out, std::string_view what) const;
    /// `true` or `false`, without quotes.
    std::optional<bool> as_bool(Diagnostics& out, std::string_view what) const;
    /// Decimal or 0x hexadecimal, without quotes, lo to hi.
    template <class Integer = std::int64_t>
    std::optional<Integer> as_integer(Diagnostics& out, std::string_view what,
                                      Integer lo = std::numeric_limits<Integer>::min(),
                                      Integer hi = std::numeric_limits<Integer>::max()) const;
    /// One of `choices` (a range of texts).
    template <class Range>
    std::optional<std::string> as_choice(Diagnostics& out, std::string_view what, const Range& choices) const;
    /// The items of a list; nullptr if it is none.
    const std::vector<Node>* as_seq(Diagnostics& out, std::string_view what) const;
    /// A list of scalars. Items of another kind are complained about and left out.
    std::optional<std::vector<std::string>> as_strings(Diagnostics& out, std::string_view what) const;

    /// What messages call it: nothing, "text", a list, a map.
    std::string described() const;

private:
    friend class MapReader;
    struct Data;
    explicit Node(Data data);
    /// Says "what: expected X, got Y" unless that was said already.
    std::nullopt_t complain(Diagnostics& out, std::string_view what, std::string_view expected) const;

    struct Data {
        Kind kind = Kind::Null;
        bool is_quoted = false;
        bool poisoned = false;
        Mark at;
        std::string text;
        std::string comment;
        std::vector<Node> items;
        std::vector<Entry> entries;
    };
    std::shared_ptr<const Data> data_;
};

struct Node::Entry {
    std::string key;
    Node value;
    Mark at{}; ///< of the key
};

/// Reads a map key by key, and at the end complains about every key that nobody asked for, with the nearest of those
/// that were asked for. Nodes that it hands out live as long as the reader or the tree.
class MapReader {
public:
    /// `where` names the map in messages ("devices[0]"; empty for the root). Null counts as an empty map; a list or a
    /// scalar is an error, once.
    MapReader(Node node, Diagnostics& out, std::string where = {});
    ~MapReader() { finish(); }
    MapReader(const MapReader&) = delete;
    MapReader& operator=(const MapReader&) = delete;

    const Node& node() const { return node_; }
    Diagnostics& diagnostics() { return out_; }
    bool has(std::string_view key) const { return node_.find(key) != nullptr; }
    /// "devices[0].key"
    std::string path(std::string_view key) const;
    /// The value of a key and from now on a known key; nullptr if absent.
    const Node* take(std::string_view key);
    /// The same, and absence is an error at the map.
    const Node* require(std::string_view key);
    /// The map below a key; an empty one if absent.
    MapReader map(std::string_view key);

    // Absent or wrong gives nothing; only wrong is an error.
    std::optional<std::string> string(std::string_view key) { return as(key, &Node::as_string); }
    std::optional<bool> boolean(std::string_view key) { return as(key, &Node::as_bool); }
    std::optional<std::vector<std::string>> strings(std::string_view key) { return as(key, &Node::as_strings); }
    template <class Integer = std::int64_t>
    std::optional<Integer> integer(std::string_view key, Integer lo = std::numeric_limits<Integer>::min(),
                                   Integer hi = std::numeric_limits<Integer>::max()) {
        const Node* value = take(key);
        return value ? value->as_integer<Integer>(out_, path(key), lo, hi) : std::nullopt;
    }
    template <class Range> std::optional<std::string> choice(std::string_view key, const Range& choices) {
        const Node* value = take(key);
        return value ? value->as_choice(out_, path(key), choices) : std::nullopt;
    }

    /// Complains about the keys that are left. Called by the destructor too; what was reported once stays reported.
    void finish();
    /// Leaves the rest alone: somebody else reads it.
    void ignore_rest() { finished_ = true; }

private:
    template <class T>
    std::optional<T> as(std::string_view key, std::optional<T> (Node::*get)(Diagnostics&, std::string_view) const) {
        const Node* value = take(key);
        return value ? (value->*get)(out_, path(key)) : std::nullopt;
    }
    Node node_;
    Diagnostics& out_;
    std::string where_;
    std::vector<std::string> asked_;
    bool finished_ = false;
};

/// The tree of a text. Errors go to `out`; the tree is there unless the text is no YAML at all, so that what is in it
/// can be judged in the same pass. Nothing but blanks and comments is Null. Throws nothing on any input.
std::optional<Node> parse_yaml(SourcePtr source, Diagnostics& out);
std::optional<Node> parse_yaml(std::string name, std::string_view text, Diagnostics& out);

/// `root` as from parse_yaml; `unreadable` as from load_text, then without an error in `out`.
struct YamlFile {
    std::optional<Node> root;
    std::string unreadable;
};
YamlFile read_yaml(const std::string& path, Diagnostics& out);

/// One value from the command line: `platform.iommu.kind=vtd`, `devices[0].qdepth=8`, `os.bugs=[R6]`.
struct Setting {
    struct Step {
        std::variant<std::string, std::size_t> to; ///< a key or an index
        Mark at;
    };
    std::vector<Step> path;
    Node value;
    /// "platform.iommu.kind"
    std::string path_text() const;
};
/// Text is what followed the option; the value has the grammar of a YAML value on one line. Places read `option:1:col`.
std::optional<Setting> parse_setting(std::string_view text, Diagnostics& out, std::string_view option = "--set");
/// `path=a,b,[c]`: the same path with one value after another (`--over`). Nothing on error.
std::optional<std::vector<Setting>> parse_alternatives(std::string_view text, Diagnostics& out,
                                                       std::string_view option = "--over");
/// `root` with one value replaced or added, maps on the way made where they are missing. A list index must exist.
/// Nothing, and an error at the step, if the way is barred. Unknown keys are for the reader of the result to find.
std::optional<Node> apply_setting(const Node& root, const Setting& setting, Diagnostics& out);
/// `over` laid over `base`: maps key by key, everything else replaced whole.
Node merged(const Node& base, const Node& over);

/// Block-style text that parse_yaml reads back to an equal tree; comments stand after their values.
std::string emit_yaml(const Node& root);

template <class Integer>
std::optional<Integer> Node::as_integer(Diagnostics& out, std::string_view what, Integer lo, Integer hi) const {
    if (!is_scalar() || is_quoted() || is_poisoned()) {
        return complain(out, what, is_quoted() ? "an integer without quotes" : "an integer");
    }
    auto number = base::parse_integer<Integer>(text(), lo, hi);
    if (!number) out.error(at(), std::string(what) + ": " + number.error);
    return number.value;
}

template <class Range>
std::optional<std::string> Node::as_choice(Diagnostics& out, std::string_view what, const Range& choices) const {
    const std::string one_of = "one of " + base::join(choices);
    if (!is_scalar() || is_poisoned()) return complain(out, what, one_of);
    const auto is_text = [this](const auto& choice) { return std::string_view{choice} == text(); };
    if (std::any_of(std::begin(choices), std::end(choices), is_text)) return text();
    const std::string message = std::string(what) + ": expected " + one_of + ", got " + described();
    out.error_about(at(), message, text(), choices);
    return std::nullopt;
}

} // namespace quiesce::platform
