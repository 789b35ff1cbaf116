// SPDX-License-Identifier: Apache-2.0
/// The strict layer over yaml-cpp's events: one handler builds the tree and checks what yaml-cpp lets pass against the
/// source text itself.
#include "platform/strict_yaml.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace quiesce::platform {
namespace {

using Entries = std::vector<Node::Entry>;

struct Word {
    std::string_view text;
    std::string_view means; ///< what YAML 1.2 and this project write instead
};
/// Booleans of YAML 1.1 that are none in 1.2 (yaml.org/type/bool.html).
constexpr Word old_booleans[] = {
    {"y", "true"},    {"Y", "true"},    {"yes", "true"},  {"Yes", "true"},    {"YES", "true"},
    {"on", "true"},   {"On", "true"},   {"ON", "true"},   {"True", "true"},   {"TRUE", "true"},
    {"n", "false"},   {"N", "false"},   {"no", "false"},  {"No", "false"},    {"NO", "false"},
    {"off", "false"}, {"Off", "false"}, {"OFF", "false"}, {"False", "false"}, {"FALSE", "false"},
};
constexpr std::string_view null_words[] = {"~", "null", "Null", "NULL"};

const Word* old_boolean(std::string_view text) {
    const auto found = std::find_if(std::begin(old_booleans), std::end(old_booleans),
                                    [&](const Word& word) { return word.text == text; });
    return found == std::end(old_booleans) ? nullptr : found;
}

/// Must this character of a text in double quotes be written as an escape?
bool needs_escape(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF;
}

/// Can `text` stand without quotes in block style and be read back as the same text (YAML 1.2, section 7.3.3)?
bool can_be_plain(std::string_view text) {
    constexpr std::string_view never_first = ",[]{}#&*!|>'\"%@`", first_if_text_follows = "-?:";
    if (text.empty() || base::is_blank(text.front()) || base::is_blank(text.back()) || text.back() == ':') return false;
    if (never_first.find(text[0]) != text.npos || text.substr(0, 3) == "---" || text.substr(0, 3) == "...")
        return false;
    if (first_if_text_follows.find(text[0]) != text.npos && (text.size() == 1 || base::is_blank(text[1]))) return false;
    if (text.find(": ") != text.npos || text.find(" #") != text.npos || text == "<<" || old_boolean(text)) return false;
    if (std::find(std::begin(null_words), std::end(null_words), text) != std::end(null_words)) return false;
    bool ok = true;
    each_character(text, [&](std::string_view, char32_t c) { ok = ok && !needs_escape(c); });
    return ok;
}

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
    /// `column_shift`: characters that stand before `what` in the source's line (fewer, if something was put before
    /// it).
    Input(SourcePtr from, std::string what, int column_shift = 0)
        : source(std::move(from)), text(std::move(what)), column_shift_(column_shift) {}

    const SourcePtr source;
    const std::string text;

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
        if (const Word* word = old_boolean(value)) {
            out_.error(at,
                       fmt::format("'{}' is a boolean in YAML 1.1 and text in 1.2; write true or false, or quote it "
                                   "if it is text",
                                   value),
                       std::string(word->means));
            return attach(Node::plain(word->means, at).poisoned());
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
        const Word* word = in_quotes || key.size() == 1 ? nullptr : old_boolean(key); // x and y are common keys
        if (word) out_.error(at, fmt::format("the key '{}' is a boolean in YAML 1.1; put it in quotes", key));
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

/// yaml-cpp obeys or skips them wherever they stand. No other line of YAML that can be read here begins with '%'.
void refuse_directives(const SourcePtr& source, Diagnostics& out) {
    for (std::size_t i = 1; i <= source->lines(); ++i) {
        if (source->line(i).substr(0, 1) != "%") continue;
        out.error({source, static_cast<std::uint32_t>(i), 1}, "directives ('%') are not accepted");
    }
}

void report_syntax(const Input& in, TreeBuilder& builder, const YAML::Exception& e, Diagnostics& out) {
    const Mark at = in.place(e.mark);
    if (builder.check_indentation(at, true)) return;
    std::string message = e.msg;
    for (const Explanation& row : explanations) {
        if (row.theirs == e.msg) message = row.ours;
    }
    out.error(at, message + builder.open_bracket());
}

/// Nothing on a syntax error. `flow_only`: a value on one line, where lists and maps need brackets.
std::optional<Node> parse(const Input& in, Diagnostics& out, bool flow_only) {
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
        out.error({in.source, 0, 0}, fmt::format("cannot be read: {}", e.what()));
        return std::nullopt;
    }
    if (flow_only && builder.root_is_block()) {
        out.error(builder.root().at(), "a list is written [a, b] here, a map {a: b}");
        return std::nullopt;
    }
    return builder.root();
}

} // namespace

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

Node Node::seq(std::vector<Node> items, Mark at) {
    Data data;
    data.kind = Kind::Seq;
    data.at = std::move(at);
    data.items = std::move(items);
    return Node(std::move(data));
}

Node Node::map(Entries entries, Mark at) {
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

std::optional<Node> parse_yaml(SourcePtr source, Diagnostics& out) {
    if (!check_is_text(source, out)) return std::nullopt;
    refuse_directives(source, out);
    const std::string& text = source->text();
    const Input in(source, text);
    return parse(in, out, false);
}

std::optional<Node> parse_yaml(std::string name, std::string_view text, Diagnostics& out) {
    return parse_yaml(std::make_shared<const Source>(std::move(name), text), out);
}

YamlFile read_yaml(const std::string& path, Diagnostics& out) {
    Loaded loaded = load_text(path);
    if (!loaded.source) return {std::nullopt, std::move(loaded.unreadable)};
    return {parse_yaml(std::move(loaded.source), out), {}};
}

// Settings

namespace {

/// The steps of "a.b[0].c", which is the source's first `length` bytes.
std::optional<std::vector<Setting::Step>> parse_path(const SourcePtr& source, std::size_t length, Diagnostics& out) {
    const std::string_view text = std::string_view(source->text()).substr(0, length);
    std::vector<Setting::Step> steps;
    const auto fail = [&](std::size_t at, std::string message) {
        out.error(place_of(source, at), std::move(message));
        return std::nullopt;
    };
    for (std::size_t at = 0; at < text.size() || steps.empty();) {
        const bool is_index = !steps.empty() && text[at] == '[';
        if (!is_index && !steps.empty() && text[at++] != '.') return fail(at - 1, "expected '.', '[' or '=' here");
        if (steps.size() >= deepest_nesting) return fail(at, "the path is too long");
        const std::size_t end = std::min(text.find_first_of(is_index ? "]" : ".[] \t\"'{},", at), text.size());
        if (!is_index) {
            if (end == at) return fail(at, "expected a key of a path such as platform.iommu.kind");
            steps.push_back({std::string(text.substr(at, end - at)), place_of(source, at)});
            at = end;
            continue;
        }
        const auto index = parse_integer<std::uint32_t>(text.substr(at + 1, end - at - 1), 0, 0xFFFF'FFFF);
        if (!index || end == text.size()) return fail(at, "expected an index such as [0]");
        steps.push_back({std::size_t{*index.value}, place_of(source, at)});
        at = end + 1;
    }
    return steps;
}

/// Path and value; `before` and `after` are put around the value's text to make it one YAML value.
std::optional<Setting> parse_assignment(std::string_view text, Diagnostics& out, std::string_view option,
                                        std::string_view before, std::string_view after) {
    const auto source = std::make_shared<const Source>(std::string(option), text, Source::Kind::CommandLine);
    if (!check_is_text(source, out)) return std::nullopt;
    const std::string& all = source->text();
    const std::size_t equals = all.find('=');
    if (equals == all.npos) {
        out.error(place_of(source, all.size()), "expected path=value");
        return std::nullopt;
    }
    auto path = parse_path(source, equals, out);
    if (!path) return std::nullopt;
    const Mark value_at = place_of(source, equals + 1);
    const std::string_view written = std::string_view(all).substr(equals + 1);
    if (const std::string_view value = base::trim(written); value.empty() || value[0] == '#') {
        out.error(value_at, "a value is missing (\"\" is empty text, [] an empty list)");
        return std::nullopt;
    }
    const int shift = static_cast<int>(value_at.col) - 1 - static_cast<int>(before.size());
    const Input in(source, fmt::format("{}{}{}", before, written, after), shift);
    const std::size_t errors = out.errors();
    auto value = parse(in, out, true);
    if (!value || out.errors() > errors) return std::nullopt;
    return Setting{std::move(*path), std::move(*value)};
}

std::optional<Node> put(const Node& node, std::span<const Setting::Step> path, const Node& value,
                        const std::string& where, Diagnostics& out) {
    if (path.empty()) return value;
    const Setting::Step& step = path.front();
    const std::string name = where.empty() ? "the top level" : fmt::format("'{}'", where);
    if (const auto* key = std::get_if<std::string>(&step.to)) {
        if (!node.is_map() && !node.is_null()) {
            out.error(step.at, fmt::format("{} is {}, it has no key '{}'", name, node.described(), *key));
            return std::nullopt;
        }
        const Node* child = node.find(*key);
        const std::string below = where.empty() ? *key : where + "." + *key;
        auto changed = put(child ? *child : Node::null(step.at), path.subspan(1), value, below, out);
        return changed ? std::optional(node.with(*key, std::move(*changed), step.at)) : std::nullopt;
    }
    const std::size_t index = std::get<std::size_t>(step.to);
    if (!node.is_seq() || index >= node.items().size()) {
        out.error(step.at, node.is_seq() ? fmt::format("{} has {} items, numbered from 0", name, node.items().size())
                                         : fmt::format("{} is {}, not a list", name, node.described()));
        return std::nullopt;
    }
    auto changed = put(node.items()[index], path.subspan(1), value, fmt::format("{}[{}]", where, index), out);
    if (!changed) return std::nullopt;
    std::vector<Node> items = node.items();
    items[index] = std::move(*changed);
    return Node::seq(std::move(items), node.at());
}

} // namespace

std::string Setting::path_text() const {
    std::string text;
    for (const Step& step : path) {
        if (const auto* key = std::get_if<std::string>(&step.to)) {
            text += (text.empty() ? "" : ".") + *key;
        } else {
            text += fmt::format("[{}]", std::get<std::size_t>(step.to));
        }
    }
    return text;
}

std::optional<Setting> parse_setting(std::string_view text, Diagnostics& out, std::string_view option) {
    return parse_assignment(text, out, option, "", "");
}

std::optional<std::vector<Setting>> parse_alternatives(std::string_view text, Diagnostics& out,
                                                       std::string_view option) {
    const auto list = parse_assignment(text, out, option, "[", "]");
    if (!list) return std::nullopt;
    std::vector<Setting> all;
    for (const Node& value : list->value.items()) all.push_back({list->path, value});
    return all;
}

std::optional<Node> apply_setting(const Node& root, const Setting& setting, Diagnostics& out) {
    return put(root, setting.path, setting.value, "", out);
}

Node merged(const Node& base, const Node& over) {
    if (!base.is_map() || !over.is_map()) return over;
    Node result = base;
    for (const Node::Entry& entry : over.entries()) {
        const Node* below = base.find(entry.key);
        result = result.with(entry.key, below ? merged(*below, entry.value) : entry.value, entry.at);
    }
    return result;
}

// Writing

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
