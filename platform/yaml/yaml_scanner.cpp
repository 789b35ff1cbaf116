// SPDX-License-Identifier: Apache-2.0
#include "platform/yaml/yaml_scanner.h"

#include "platform/yaml/yaml_words.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace quiesce::platform {
namespace {

using Entries = std::vector<Node::Entry>;

/// What yaml-cpp says, and what helps.
struct Explanation {
    std::string_view theirs, ours;
};
const Explanation explanations[] = {
    {YAML::ErrorMsg::MAP_VALUE, "unexpected ':' (a line above lacks its ':', the indentation is wrong, or the text "
                                "needs quotes)"},
    {YAML::ErrorMsg::MAP_KEY, "unexpected '?'"},
    {YAML::ErrorMsg::BLOCK_ENTRY, "unexpected '-' (a list cannot start here)"},
    {YAML::ErrorMsg::FLOW_END, "unexpected ']' or '}'"},
    {YAML::ErrorMsg::END_OF_MAP, "expected a key here, at the indentation of the keys above"},
    {YAML::ErrorMsg::END_OF_MAP_FLOW, "expected ',' or '}'"},
    {YAML::ErrorMsg::END_OF_SEQ, "expected '- ' here, at the indentation of the items above"},
    {YAML::ErrorMsg::END_OF_SEQ_FLOW, "expected ',' or ']'"},
    {YAML::ErrorMsg::TAB_IN_INDENTATION, "a tab as indentation; indent with spaces"},
    {YAML::ErrorMsg::UNKNOWN_TOKEN, "unexpected character (text that begins with it needs quotes)"},
    {YAML::ErrorMsg::EOF_IN_SCALAR, "the text in quotes never closes"},
    {YAML::ErrorMsg::DOC_IN_SCALAR, "'---' or '...' inside of a text in quotes"},
    {YAML::ErrorMsg::UNKNOWN_ANCHOR, "aliases ('*') are not accepted; write the value out"},
};

/// The text given to yaml-cpp and its places in the source. yaml-cpp 0.7 counts bytes, a Mark counts characters.
class Input {
public:
    explicit Input(const YamlText& given) : source(given.source), text(given.text), column_shift_(given.column_shift) {}

    const SourcePtr& source;
    const std::string& text;

    Mark place(const YAML::Mark& mark) const {
        if (mark.is_null()) return {source, 0, 0};
        const std::size_t to = byte(mark);
        const int beyond = std::max(0, mark.pos - static_cast<int>(to)); // a mark may lie behind the end
        const std::size_t line_start = to - std::min(to, static_cast<std::size_t>(std::max(0, mark.column - beyond)));
        // Events come in order, so that counting goes on from the last place: a long line is counted once.
        if (line_start != counted_line_ || to < counted_to_) counted_to_ = counted_line_ = line_start, columns_ = 0;
        each_character(from(counted_to_).substr(0, to - counted_to_), [&](std::string_view, char32_t) { ++columns_; });
        counted_to_ = to;
        const auto col = static_cast<std::uint32_t>(std::max(1, columns_ + 1 + column_shift_));
        return {source, static_cast<std::uint32_t>(mark.line + 1), col};
    }
    std::size_t byte(const YAML::Mark& mark) const {
        return std::min(text.size(), static_cast<std::size_t>(std::max(0, mark.pos)));
    }
    /// What stands from byte `at` on; empty at the end.
    std::string_view from(std::size_t at) const { return std::string_view(text).substr(std::min(at, text.size())); }

private:
    int column_shift_;
    mutable std::size_t counted_line_ = 0, counted_to_ = 0;
    mutable int columns_ = 0;
};

/// Bytes of a text in quotes, both quotes included; 0 if it never closes.
std::size_t quoted_length(std::string_view text) {
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[0] == '"' && text[i] == '\\') {
            ++i;
        } else if (text[i] == text[0]) {
            if (text[0] == '"' || text.substr(i + 1, 1) != "'") return i + 1;
            ++i;
        }
    }
    return 0;
}

/// Leaves yaml-cpp: the reason was reported.
struct Stop {};

class TreeBuilder final : public YAML::EventHandler {
public:
    TreeBuilder(const Input& in, Diagnostics& out) : in_(in), out_(out) {}
    const Node& root() const { return root_; }
    bool is_complete() const { return stack_.empty(); }
    bool root_is_block() const { return root_is_block_; }
    /// Where the innermost list or map in brackets that is still open begins, for syntax errors.
    std::string open_bracket() const {
        if (stack_.empty() || !stack_.back().flow) return {};
        const Frame& top = stack_.back();
        return fmt::format(" of the {} that begins at line {}, column {}", top.map ? "map" : "list", top.at.line,
                           top.at.col);
    }
    /// Complains about a tab in the indentation if the line's first word is at `at`, or wherever `at` is in the line.
    bool check_indentation(const Mark& at, bool anywhere = false) {
        const std::string_view line = in_.source->line(at.line);
        const std::size_t indent = std::min(line.find_first_not_of(" \t"), line.size());
        const std::size_t tab = line.substr(0, indent).find('\t');
        if (tab == line.npos || (!anywhere && at.col > indent + 1)) return false;
        out_.error({in_.source, at.line, static_cast<std::uint32_t>(tab + 1)},
                   "a tab as indentation; indent with spaces");
        return true;
    }

private:
    struct Frame {
        bool map, flow;
        Mark at;
        std::vector<Node> items{};
        Entries entries{};
        std::map<std::string, Mark, std::less<>> seen{};
        std::string key{};
        Mark key_at{};
        bool has_key = false, discard = false, poisoned = false;
    };
    bool wants_key() const { return !stack_.empty() && stack_.back().map && !stack_.back().has_key; }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ == 0) return;
        out_.error(in_.place(mark), "a second document begins here; only one is accepted");
        throw Stop{};
    }
    void OnDocumentEnd() override {}
    void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
        out_.error(in_.place(mark), "anchors ('&" + name + "') are not accepted; write the value out where it is used");
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        out_.error(in_.place(mark), "aliases ('*') are not accepted; write the value out");
        if (wants_key()) return set_key({}, in_.place(mark), true);
        attach(Node::null(in_.place(mark)).poisoned());
    }
    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
        const Mark at = in_.place(mark);
        check_tag(at, "", in_.from(in_.byte(mark)).substr(0, 1) == "!");
        if (wants_key()) {
            out_.error(at, "a key must be text");
            return set_key({}, at, true);
        }
        // A value that is left out is reported by yaml-cpp where the next thing stands, which may be lines below.
        const bool below = !stack_.empty() && stack_.back().map && at.line != stack_.back().key_at.line;
        attach(Node::null(below ? stack_.back().key_at : in_sequence(mark)));
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        const Mark at = in_.place(mark);
        std::string_view source = in_.from(in_.byte(mark));
        check_indentation(at);
        const bool tagged = check_tag(at, tag, source.substr(0, 1) == "!");
        if (tagged || anchor != 0) source = {}; // it begins with the tag or anchor, not with the text
        const bool in_quotes = tag == "!" && !source.empty() && (source[0] == '"' || source[0] == '\'');
        const std::size_t length = in_quotes ? quoted_length(source) : source.empty() ? 0 : value.size();
        if (in_quotes && length == 0) out_.error(at, "the text in quotes never closes");
        if (wants_key()) return take_key(at, value, tag == "!", source, length);
        if (tag == "!") return attach(Node::quoted(value, at));
        if (const std::string_view means = old_boolean(value); !means.empty()) {
            out_.error(at,
                       fmt::format("'{}' is a boolean in YAML 1.1 and text in 1.2; write true or false, or quote it "
                                   "if it is text",
                                   value),
                       std::string(means));
            return attach(Node::plain(means, at).poisoned());
        }
        attach(Node::plain(value, at));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                         YAML::EmitterStyle::value style) override {
        open(mark, tag, style, false);
    }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                    YAML::EmitterStyle::value style) override {
        open(mark, tag, style, true);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapEnd() override { close(); }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::EmitterStyle::value style, bool map) {
        const Mark at = in_.place(mark);
        if (stack_.size() >= deepest_nesting) {
            out_.error(at, fmt::format("lists and maps nested deeper than {} levels", deepest_nesting));
            throw Stop{};
        }
        check_indentation(at);
        check_tag(at, tag, tag == "!");
        const bool flow = style == YAML::EmitterStyle::Flow;
        if (stack_.empty()) root_is_block_ = !flow;
        stack_.push_back({map, flow, at});
    }
    void close() {
        Frame frame = std::move(stack_.back());
        stack_.pop_back();
        Node node =
            frame.map ? Node::map(std::move(frame.entries), frame.at) : Node::seq(std::move(frame.items), frame.at);
        if (wants_key()) {
            out_.error(frame.at, "a key must be text, not a list or a map");
            return set_key({}, frame.at, true);
        }
        attach(frame.poisoned ? node.poisoned() : node);
    }
    bool check_tag(const Mark& at, const std::string& tag, bool bare) {
        if (!bare && (tag.empty() || tag == "?" || tag == "!")) return false;
        out_.error(at, "tags ('!') are not accepted; a value's type follows from its key");
        return true;
    }
    void take_key(const Mark& at, const std::string& key, bool in_quotes, std::string_view source, std::size_t length) {
        Frame& map = stack_.back();
        if (!in_quotes && key == "<<") {
            out_.error(at, "merge keys ('<<') are not accepted; write the entries out");
            map.poisoned = true; // what it would have brought must not be called missing
            return set_key({}, at, true);
        }
        const bool is_boolean = !in_quotes && key.size() > 1 && !old_boolean(key).empty(); // x and y are common keys
        if (is_boolean) out_.error(at, fmt::format("the key '{}' is a boolean in YAML 1.1; put it in quotes", key));
        if (!in_quotes && !source.empty() && source.substr(0, length) != key) {
            out_.error(at, "a key must stand on one line");
        } else if (length > 0) {
            const std::size_t next = std::min(source.find_first_not_of(" \t", length), source.size());
            if (source.substr(next, 1) != ":") out_.error(at, fmt::format("expected ':' after '{}'", key));
        }
        const auto [first, is_new] = map.seen.try_emplace(key, at);
        if (!is_new)
            out_.error(at, fmt::format("duplicate key '{}' (the first is at line {})", key, first->second.line));
        set_key(key, at, !is_new);
    }
    void set_key(std::string key, const Mark& at, bool discard) {
        Frame& map = stack_.back();
        map.key = std::move(key);
        map.key_at = at;
        map.discard = discard;
        map.has_key = true;
    }
    void attach(Node node) {
        if (stack_.empty()) {
            root_ = std::move(node);
        } else if (Frame& top = stack_.back(); !top.map) {
            top.items.push_back(std::move(node));
        } else {
            if (!top.discard) top.entries.push_back({std::move(top.key), std::move(node), top.key_at});
            top.has_key = false;
        }
    }
    /// The place of a null in a list: its dash, if yaml-cpp's mark is on a line below.
    Mark in_sequence(const YAML::Mark& mark) const {
        const std::size_t byte = in_.byte(mark);
        const std::size_t dash = std::min(in_.text.find_last_not_of(" \t\n", byte > 0 ? byte - 1 : 0), byte);
        const bool below = in_.text.substr(dash, byte - dash).find('\n') != std::string::npos;
        return below ? place_of(in_.source, dash) : in_.place(mark);
    }

    const Input& in_;
    Diagnostics& out_;
    Node root_;
    bool root_is_block_ = false;
    int documents_ = 0;
    std::vector<Frame> stack_;
};

void report_syntax(const Input& in, TreeBuilder& builder, const YAML::Exception& e, Diagnostics& out) {
    const Mark at = in.place(e.mark);
    if (builder.check_indentation(at, true)) return;
    std::string message = e.msg;
    for (const Explanation& row : explanations) {
        if (row.theirs == e.msg) message = row.ours;
    }
    out.error(at, message + builder.open_bracket());
}

} // namespace

std::optional<Node> scan_yaml(const YamlText& given, Diagnostics& out) {
    const Input in(given);
    TreeBuilder builder(in, out);
    try {
        std::istringstream stream(in.text);
        YAML::Parser parser(stream);
        if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
    } catch (const Stop&) {
        if (!builder.is_complete()) return std::nullopt;
    } catch (const YAML::Exception& e) {
        report_syntax(in, builder, e, out);
        return std::nullopt;
    } catch (const std::exception& e) {
        out.error(place_of(in.source, 0), fmt::format("cannot be read: {}", e.what()));
        return std::nullopt;
    }
    if (given.flow_only && builder.root_is_block()) {
        out.error(builder.root().at(), "a list is written [a, b] here, a map {a: b}");
        return std::nullopt;
    }
    // Of a text without content yaml-cpp says nothing: what is missing is missing at its beginning.
    return builder.root().at().source ? builder.root() : Node::null(place_of(given.source, 0));
}

} // namespace quiesce::platform
