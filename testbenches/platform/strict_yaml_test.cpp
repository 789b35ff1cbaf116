// SPDX-License-Identifier: Apache-2.0
/// The strict YAML reader: what it refuses and where, typed access, `--set`, and writing what reads back equal.
#include "platform/yaml/strict_yaml.h"

#include "base/property.h"

#include <catch2/catch.hpp>

#include <string>

using namespace quiesce;
using namespace quiesce::platform;

namespace {

/// A text as read, and what was said about it as "line:col message" lines.
struct StrictYamlReading {
    Diagnostics out;
    std::optional<Node> root;
    explicit StrictYamlReading(std::string_view text) { root = parse_yaml("f.yaml", text, out); }
    const Node& operator[](std::string_view key) const {
        REQUIRE(root);
        REQUIRE(root->find(key) != nullptr);
        return *root->find(key);
    }
};

std::string said(const Diagnostics& out) {
    std::string text;
    for (const Diagnostic& d : out.sorted()) {
        text += std::to_string(d.at.line) + ":" + std::to_string(d.at.col) + " " + d.message;
        text += (d.suggestion.empty() ? "" : " -> " + d.suggestion) + "\n";
    }
    return text;
}

std::string said_about(std::string_view text) { return said(StrictYamlReading(text).out); }

std::string place(const Mark& at) { return std::to_string(at.line) + ":" + std::to_string(at.col); }

Node good(std::string_view text) {
    StrictYamlReading reading(text);
    INFO(reading.out.render());
    REQUIRE(reading.out.ok());
    REQUIRE(reading.root);
    return *reading.root;
}

/// `root` with one setting, and what was said.
std::string after_set(std::string_view root, std::string_view setting) {
    Diagnostics out;
    const auto parsed = parse_setting(setting, out);
    const auto changed = parsed ? apply_setting(good(root), *parsed, out) : std::nullopt;
    return changed && out.ok() ? emit_yaml(*changed) : said(out);
}

const std::string syntax_colon =
    "unexpected ':' (a line above lacks its ':', the indentation is wrong, or the text needs quotes)\n";

} // namespace

TEST_CASE("kinds, texts, quotes and places of a tree are those of the text", "[strict-yaml]") {
    const StrictYamlReading r("a: 1\nb: \"x y\"\nc:\n  - p\n  - {q: 'r'}\nd:\ne: ~\nf: |\n  lit\n");
    REQUIRE(r.out.ok());
    CHECK(r["a"].text() == "1");
    CHECK_FALSE(r["a"].is_quoted());
    CHECK(place(r["a"].at()) == "1:4");
    CHECK(place(r.root->find_entry("b")->at) == "2:1");
    CHECK(r["b"].is_quoted());
    REQUIRE(r["c"].is_seq());
    CHECK(place(r["c"].items()[0].at()) == "4:5");
    CHECK(r["c"].items()[1].find("q")->text() == "r");
    CHECK(place(r["c"].items()[1].find("q")->at()) == "5:9");
    CHECK(r["d"].is_null());
    CHECK(place(r["d"].at()) == "6:1");
    CHECK(r["e"].is_null());
    CHECK(place(r["e"].at()) == "7:4");
    CHECK(r["f"].text() == "lit\n");
}

TEST_CASE("places after characters of several bytes count characters", "[strict-yaml]") {
    const StrictYamlReading r("\xC3\xA9: {\xC3\xBC: \xC3\xB1, z: 1, z: 2}\n");
    CHECK(place(r.root->entries()[0].value.find_entry("z")->at) == "1:11");
    CHECK(said(r.out) == "1:17 duplicate key 'z' (the first is at line 1)\n");
}

TEST_CASE("a null of a list stands at its dash", "[strict-yaml]") {
    const Node root = good("- 1\n-\n- \n- ~\n");
    REQUIRE(root.items().size() == 4);
    CHECK(place(root.items()[1].at()) == "2:1");
    CHECK(place(root.items()[2].at()) == "3:1");
    CHECK(place(root.items()[3].at()) == "4:3");
}

TEST_CASE("duplicate keys are errors at the second one, and the first one stays", "[strict-yaml]") {
    const StrictYamlReading r("a: 1\nb: {x: 1, x: 2}\na: 3\n");
    CHECK(said(r.out) ==
          "2:11 duplicate key 'x' (the first is at line 2)\n3:1 duplicate key 'a' (the first is at line 1)\n");
    CHECK(r["a"].text() == "1");
}

TEST_CASE("quoted and plain spellings of a key are the same key", "[strict-yaml]") {
    CHECK(said_about("a: 1\n\"a\": 2\n") == "2:1 duplicate key 'a' (the first is at line 1)\n");
}

TEST_CASE("merge keys are errors, and nothing below is called missing", "[strict-yaml]") {
    StrictYamlReading r("a:\n  <<: {x: 1}\n");
    CHECK(said(r.out) == "2:3 merge keys ('<<') are not accepted; write the entries out\n");
    { MapReader(r["a"], r.out, "a").require("x"); }
    CHECK(r.out.errors() == 1);
    CHECK(good("\"<<\": 1\n").find("<<") != nullptr);
}

TEST_CASE("each boolean of YAML 1.1 is an error that names the one of YAML 1.2, said once", "[strict-yaml]") {
    for (const std::string word : {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "True", "TRUE"}) {
        StrictYamlReading r("a: [" + word + "]\n");
        INFO(word);
        CHECK(said(r.out).find("1:5 '" + word + "' is a boolean in YAML 1.1") == 0);
        CHECK(r.out.sorted()[0].suggestion == "true");
        CHECK_FALSE(r["a"].items()[0].as_bool(r.out, "a"));
        CHECK(r.out.errors() == 1);
        CHECK(good("a: '" + word + "'\n").find("a")->text() == word);
    }
    for (const std::string word : {"n", "N", "no", "No", "NO", "off", "Off", "OFF", "False", "FALSE"}) {
        CHECK(StrictYamlReading("a: " + word + "\n").out.sorted().at(0).suggestion == "false");
    }
}

TEST_CASE("keys that YAML 1.1 takes for booleans are errors, but x, y and n are fine", "[strict-yaml]") {
    CHECK(said_about("on: 1\n") == "1:1 the key 'on' is a boolean in YAML 1.1; put it in quotes\n");
    CHECK(good("x: 1\ny: 2\nn: 3\n\"on\": 4\n").entries().size() == 4);
}

TEST_CASE("anchors, aliases and tags are errors at their places, all in one pass", "[strict-yaml]") {
    CHECK(said_about("a: &x 1\nb: *x\nc: !!int 3\nd: !foo [1]\ne: ! \"x\"\n&k f: 1\ng: !t\n") ==
          "1:4 anchors ('&x') are not accepted; write the value out where it is used\n"
          "2:4 aliases ('*') are not accepted; write the value out\n"
          "3:4 tags ('!') are not accepted; a value's type follows from its key\n"
          "4:4 tags ('!') are not accepted; a value's type follows from its key\n"
          "5:4 tags ('!') are not accepted; a value's type follows from its key\n"
          "6:1 anchors ('&k') are not accepted; write the value out where it is used\n"
          "7:4 tags ('!') are not accepted; a value's type follows from its key\n");
}

TEST_CASE("a second document and directives are errors", "[strict-yaml]") {
    CHECK(said_about("---\na: 1\n---\nb: 2\n") == "3:1 a second document begins here; only one is accepted\n");
    CHECK(said_about("%YAML 1.1\n---\na: 1\n") == "1:1 directives ('%') are not accepted\n");
    CHECK(said_about("a: 1\n%FOO\n") == "2:1 directives ('%') are not accepted\n");
    CHECK(good("---\na: 1\n...\n").find("a") != nullptr);
}

TEST_CASE("tabs as indentation are one error at the tab; tabs elsewhere are blanks", "[strict-yaml]") {
    const std::string complaint = "a tab as indentation; indent with spaces\n";
    CHECK(said_about("\ta: 1\n") == "1:1 " + complaint);
    CHECK(said_about("a:\n\tb: 1\n") == "2:1 " + complaint);
    CHECK(said_about("a:\n  b: 1\n\tc: 2\n") == "3:1 " + complaint);
    CHECK(said_about("a:\n  \tb\n") == "2:3 " + complaint);
    CHECK(good("a:\t1\t# one\n").find("a")->text() == "1");
}

TEST_CASE("what yaml-cpp lets pass is an error: no colon, open quotes, keys that are no text", "[strict-yaml]") {
    CHECK(said_about("a: 1\nb\n") == "2:1 expected ':' after 'b'\n");
    CHECK(said_about("a: {b, c: 1}\n") == "1:5 expected ':' after 'b'\n");
    CHECK(said_about("? k\n: v\n") == "1:3 expected ':' after 'k'\n");
    CHECK(said_about("a: \"open\n") == "1:4 the text in quotes never closes\n");
    CHECK(said_about("a: 'it''s\n") == "1:4 the text in quotes never closes\n");
    CHECK(said_about(": 1\n") == "1:1 a key must be text\n");
    CHECK(said_about("? [1, 2]\n: 3\n") == "1:3 a key must be text, not a list or a map\n");
    CHECK(good("a: 'it''s'\n\"k\\\"\": \"\\\\\"\n").find("k\"")->text() == "\\");
}

TEST_CASE("a syntax error is one diagnostic with its position", "[strict-yaml]") {
    CHECK(said_about("a: 1\n b: 2\n") == "2:3 " + syntax_colon);
    CHECK(said_about("a: b: c\n") == "1:5 " + syntax_colon);
    CHECK(said_about("a: [1, 2\nb: 3\n") == "2:2 expected ',' or ']' of the list that begins at line 1, column 4\n");
    CHECK(said_about("a: 1\n]\n") == "2:1 unexpected ']' or '}'\n");
    CHECK(said_about("a: @x\n") == "1:4 unexpected character (text that begins with it needs quotes)\n");
    CHECK(said_about("a: *nowhere\n") == "1:4 aliases ('*') are not accepted; write the value out\n");
    CHECK_FALSE(StrictYamlReading("a: b: c\n").root);
}

TEST_CASE("errors before a syntax error are reported with it", "[strict-yaml]") {
    CHECK(said_about("a: 1\na: 2\nb: c: d\n") == "2:1 duplicate key 'a' (the first is at line 1)\n3:5 " + syntax_colon);
}

TEST_CASE("bytes that are no text are one error at the first of them", "[strict-yaml]") {
    CHECK(said_about("a: \xC3\xA9\xFF\xFE\n") == "1:5 not UTF-8 text (byte 0xff)\n");
    CHECK(said_about(std::string_view("a: 1\nb: \0 2\n", 12)) == "2:4 control character U+0000\n");
    CHECK(said_about("a: 1\n\x04nonsense: [\n") == "2:1 control character U+0004\n"); // yaml-cpp would end there
    CHECK(said_about("a: 1\rb: 2\n") == "1:5 control character U+000D\n");
    CHECK(good("\xEF\xBB\xBF"
               "a: 1\r\nb: 2\r\n")
              .entries()
              .size() == 2);
}

TEST_CASE("a text without content is null", "[strict-yaml]") {
    CHECK(good("").is_null());
    CHECK(good("# nothing\n\n").is_null());
}

TEST_CASE("64 levels of nesting are read, 65 are an error", "[strict-yaml]") {
    const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
    CHECK(good(nested(64)).is_seq());
    CHECK(said_about(nested(65)) == "1:65 lists and maps nested deeper than 64 levels\n");
    CHECK(StrictYamlReading(std::string(100'000, '[')).out.errors() == 1); // where depends on what yaml-cpp takes it for
}

TEST_CASE("integers are decimal or hexadecimal, without quotes, within bounds", "[strict-yaml]") {
    StrictYamlReading r("[12, -7, 0x1F, 0, 18446744073709551615, -9223372036854775808]");
    const auto& n = r.root->items();
    CHECK(n[0].as_integer(r.out, "n") == 12);
    CHECK(n[1].as_integer(r.out, "n") == -7);
    CHECK(n[2].as_integer(r.out, "n") == 31);
    CHECK(n[3].as_integer(r.out, "n") == 0);
    CHECK(n[4].as_integer<u64>(r.out, "n") == 18446744073709551615u);
    CHECK(n[5].as_integer(r.out, "n") == std::numeric_limits<i64>::min());
    CHECK(r.out.ok());
    CHECK_FALSE(n[0].as_integer<i64>(r.out, "n", 13, 20));
    CHECK_FALSE(n[1].as_integer<u64>(r.out, "n"));
    CHECK_FALSE(n[4].as_integer(r.out, "n"));
    CHECK(said(r.out) == "1:2 n: expected an integer from 13 to 20, got \"12\"\n"
                         "1:6 n: expected an integer from 0 to 18446744073709551615, got \"-7\"\n"
                         "1:19 n: expected an integer from -9223372036854775808 to 9223372036854775807, "
                         "got \"18446744073709551615\"\n");
}

TEST_CASE("octal, digit groups, sexagesimal, signs, fractions and quotes are no integers", "[strict-yaml]") {
    for (const std::string text : {"010", "-01", "1_000", "1:30", "+1", "1.0", "1e3", "0x", "-0x1", "--1", "0x1g",
                                   "99999999999999999999", "12 ", "\"12\"", "[]", "{}", "~"}) {
        StrictYamlReading r("a: " + text + "\n");
        INFO(text);
        const bool is_number = text == "12 "; // blanks at the end belong to the line
        CHECK(r["a"].as_integer(r.out, "a").has_value() == is_number);
        CHECK(r.out.errors() == (is_number ? 0 : 1));
    }
    StrictYamlReading r("a: \"12\"\nb: 010\n");
    r["a"].as_integer(r.out, "a");
    r["b"].as_integer(r.out, "b");
    CHECK(said(r.out) == "1:4 a: expected an integer without quotes, got \"12\" in quotes\n"
                         "2:4 b: expected an integer without leading zeros, got \"010\"\n");
}

TEST_CASE("booleans are true and false without quotes", "[strict-yaml]") {
    StrictYamlReading r("[true, false, \"true\", 1, ~]");
    const auto& n = r.root->items();
    CHECK(n[0].as_bool(r.out, "b") == true);
    CHECK(n[1].as_bool(r.out, "b") == false);
    CHECK(r.out.ok());
    for (std::size_t i = 2; i < 5; ++i) CHECK_FALSE(n[i].as_bool(r.out, "b"));
    CHECK(said(r.out) == "1:15 b: expected true or false without quotes, got \"true\" in quotes\n"
                         "1:23 b: expected true or false, got \"1\"\n1:26 b: expected true or false, got nothing\n");
}

TEST_CASE("durations and sizes stay text, choices are checked and suggested", "[strict-yaml]") {
    StrictYamlReading r("t: 1.5us\nkind: smuv3\nlist: [a, [b], c]\n");
    CHECK(r["t"].as_string(r.out, "t") == "1.5us");
    const std::vector<std::string_view> kinds{"smmuv3", "vtd"};
    CHECK_FALSE(r["kind"].as_choice(r.out, "kind", kinds));
    CHECK(r["list"].as_strings(r.out, "list") == std::vector<std::string>{"a", "c"});
    CHECK(r["t"].as_seq(r.out, "t") == nullptr);
    CHECK(said(r.out) == "1:4 t: expected a list such as [1.5us], got \"1.5us\"\n"
                         "2:7 kind: expected one of smmuv3, vtd, got \"smuv3\" -> smmuv3\n"
                         "3:11 list[1]: expected text, got a list\n");
}

TEST_CASE("a map reader reports every key that nobody read, with the nearest absent one that was asked for",
          "[strict-yaml]") {
    StrictYamlReading r("kind: acc\nqdept: 3\nkinf: 4\nsub:\n  odd: 1\n");
    {
        MapReader reader(*r.root, r.out, "devices[0]");
        CHECK(reader.string("kind") == "acc");
        CHECK_FALSE(reader.integer("qdepth"));
        MapReader sub = reader.map("sub");
        CHECK(sub.path("x") == "devices[0].sub.x");
        CHECK(reader.map("absent").node().is_null());
    }
    CHECK(said(r.out) == "2:1 unknown key 'qdept' in devices[0] -> qdepth\n"
                         "3:1 unknown key 'kinf' in devices[0]\n"
                         "5:3 unknown key 'odd' in devices[0].sub\n");
}

TEST_CASE("a map reader names what is missing, what is no map, and wrong values by their path", "[strict-yaml]") {
    StrictYamlReading r("dev: {n: x, b: true}\nlist: [1]\n");
    {
        MapReader reader(*r.root, r.out);
        MapReader dev = reader.map("dev");
        CHECK(dev.require("kind") == nullptr);
        CHECK_FALSE(dev.integer("n"));
        CHECK(dev.boolean("b") == true);
        CHECK(reader.map("list").require("x") == nullptr);
    }
    CHECK(said(r.out) == "1:6 missing key 'kind' in dev\n"
                         "1:10 dev.n: expected an integer such as 12 or 0x1f, got \"x\"\n"
                         "2:7 list: expected a map, got a list\n");
}

TEST_CASE("a setting replaces and adds values along keys and indices", "[strict-yaml]") {
    CHECK(after_set("a: {b: 1, c: 2}\n", "a.b=3") == "a:\n  b: 3\n  c: 2\n");
    CHECK(after_set("a: {b: 1}\n", "a.d.e=40us") == "a:\n  b: 1\n  d:\n    e: 40us\n");
    CHECK(after_set("d: [{k: 1}, {k: 2}]\n", "d[1].k=3") == "d:\n  - k: 1\n  - k: 3\n");
    CHECK(after_set("", "os.bugs=[R6, R7]") == "os:\n  bugs: [R6, R7]\n");
    CHECK(after_set("a: {b: 1}\n", "a={x: \"1\"}") == "a:\n  x: \"1\"\n");
    CHECK(after_set("a:\n", "a.b=~") == "a:\n  b: null\n");
    CHECK(after_set("a: 1\n", "a=x=y") == "a: x=y\n");
}

TEST_CASE("a setting that cannot be applied is an error at its step", "[strict-yaml]") {
    CHECK(after_set("a: {b: 1}\n", "a.b.c=3") == "1:5 'a.b' is \"1\", it has no key 'c'\n");
    CHECK(after_set("d: [1, 2]\n", "d[2]=3") == "1:2 'd' has 2 items, numbered from 0\n");
    CHECK(after_set("d: [1, 2]\n", "d.x=3") == "1:3 'd' is a list, it has no key 'x'\n");
    CHECK(after_set("d: {x: 1}\n", "d[0]=3") == "1:2 'd' is a map, not a list\n");
    CHECK(after_set("[1]", "a=3") == "1:1 the top level is a list, it has no key 'a'\n");
}

TEST_CASE("a setting that cannot be read is an error at its column", "[strict-yaml]") {
    CHECK(after_set("", "a.b") == "1:4 expected path=value\n");
    CHECK(after_set("", "=1") == "1:1 expected a key of a path such as platform.iommu.kind\n");
    CHECK(after_set("", "a..b=1") == "1:3 expected a key of a path such as platform.iommu.kind\n");
    CHECK(after_set("", "a[x]=1") == "1:2 expected an index such as [0]\n");
    CHECK(after_set("", "a[0=1") == "1:2 expected an index such as [0]\n");
    CHECK(after_set("", "a b=1") == "1:2 expected '.', '[' or '=' here\n");
    CHECK(after_set("", "a=") == "1:3 a value is missing (\"\" is empty text, [] an empty list)\n");
    CHECK(after_set("", "a= # x") == "1:3 a value is missing (\"\" is empty text, [] an empty list)\n");
    CHECK(after_set("", "a=b: c") == "1:3 a list is written [a, b] here, a map {a: b}\n");
    CHECK(after_set("", "a=- c") == "1:3 a list is written [a, b] here, a map {a: b}\n");
    CHECK(after_set("", "\xC3\xA9=[1, {x: 1, x: 2}]") == "1:14 duplicate key 'x' (the first is at line 1)\n");
    CHECK(after_set("", "a=1\nb=2") == "1:4 control character U+000A\n");
    CHECK(after_set("", "a=yes").find("1:3 'yes' is a boolean in YAML 1.1") == 0);
    CHECK(after_set("", std::string(70, 'a').replace(1, 68, std::string(400, '.')) + "=1").find("1:3 ") == 0);
}

TEST_CASE("errors about what a setting brought point into the setting", "[strict-yaml]") {
    Diagnostics out;
    const auto setting = parse_setting("platform.iommu.kin=vtd", out);
    REQUIRE(setting);
    CHECK(setting->path_text() == "platform.iommu.kin");
    const auto root = apply_setting(good("platform: {iommu: {}}\n"), *setting, out);
    REQUIRE(root);
    {
        MapReader reader(*root->find("platform")->find("iommu"), out, "platform.iommu");
        reader.string("kind");
    }
    CHECK(out.errors_in(Source::Kind::CommandLine) == 1);
    CHECK(out.render() == "--set:1:16: error: unknown key 'kin' in platform.iommu; did you mean 'kind'?\n"
                          "  platform.iommu.kin=vtd\n"
                          "                 ^\n1 error\n");
}

TEST_CASE("alternatives are one setting for each value, lists among them, with the places of each", "[strict-yaml]") {
    Diagnostics out;
    const auto all = parse_alternatives("os.bugs=[R6],[],~", out);
    REQUIRE(all);
    REQUIRE(all->size() == 3);
    CHECK((*all)[0].value.items()[0].text() == "R6");
    CHECK(place((*all)[0].value.items()[0].at()) == "1:10");
    CHECK((*all)[1].value.items().empty());
    CHECK((*all)[2].value.is_null());
    CHECK((*all)[2].path_text() == "os.bugs");
    CHECK_FALSE(parse_alternatives("os.policy=a,yes", out));
    CHECK(out.sorted().at(0).at.text() == "--over:1:13");
    Diagnostics closed;
    CHECK_FALSE(parse_alternatives("a=1],[2", closed));
    CHECK(closed.errors() == 1);
}

TEST_CASE("merging lays maps over maps and replaces the rest", "[strict-yaml]") {
    const Node base = good("a: {x: 1, y: [1, 2]}\nb: 1\n");
    const Node over = good("a: {y: [3], z: 4}\nc: 5\n");
    CHECK(merged(base, over) == good("a: {x: 1, y: [3], z: 4}\nb: 1\nc: 5\n"));
}

TEST_CASE("trees are immutable and compare by content, order and quotes", "[strict-yaml]") {
    const Node one = good("a: 1\nb: 2\n");
    const Node changed = one.with("a", Node::integer(3));
    CHECK(one == good("{a: 1, b: 2}"));
    CHECK(changed == good("{a: 3, b: 2}"));
    CHECK_FALSE(one == good("{b: 2, a: 1}"));
    CHECK_FALSE(one == good("{a: \"1\", b: 2}"));
    CHECK_FALSE(good("[]") == good("{}"));
    CHECK(one.with_comment("x") == one);
    CHECK_THROWS_AS(Node::map({{"k", Node{}, {}}, {"k", Node{}, {}}}), std::invalid_argument);
    CHECK_THROWS_AS(Node::integer(1).with("k", Node{}), std::invalid_argument);
}

TEST_CASE("comments stand after their values, on one line", "[strict-yaml]") {
    const Node item = Node::map({{"k", Node::integer(1).with_comment("one\nline"), {}}});
    const Node root = Node::map({
        {"a", Node::plain("40us").with_comment("default: guess"), {}},
        {"b", item.with_comment("of a map"), {}},
        {"c", Node::seq({item.with_comment("of an item"), Node::plain("x").with_comment("y")}), {}},
        {"d", Node::seq({}).with_comment("empty"), {}},
    });
    CHECK(emit_yaml(root) == "a: 40us  # default: guess\n"
                             "b:  # of a map\n  k: 1  # one?line\n"
                             "c:\n  -  # of an item\n    k: 1  # one?line\n  - x  # y\n"
                             "d: []  # empty\n");
    CHECK(good(emit_yaml(root)) == root);
    CHECK(good(emit_yaml(root.with_comment("head"))) == root);
}

TEST_CASE("texts that YAML takes for something else are written in quotes and read back", "[strict-yaml]") {
    // clang-format off
    for (const std::string text : {
           "", " a", "a ", "~", "null", "yes", "- a", "-", "? a", ":", "a: b", "a:", "a #b", "#a", "[a", "{a", "&a",
           "*a", "!a", "|", ">", "'a", "\"a", "%a", "@a", "`a", "a\nb", "a\tb", "---", "...", "--- a", "<<", "\x7F",
           "\xC2\x85", "\xE2\x80\xA8", "\xEF\xBB\xBF", ",a"}) {
        // clang-format on
        INFO(text);
        const Node node = Node::plain(text);
        CHECK(node.is_quoted());
        CHECK(good(emit_yaml(Node::map({{text, Node::seq({node}), {}}}))) ==
              Node::map({{text, Node::seq({node}), {}}}));
    }
    // clang-format off
    for (const std::string text : {
           "a", "-1", "40us", "0x1f", "true", "a-b", "a b", "x,y", "a[0]", "http://x", "a#b", "-a", "?a", ":a",
           "\xC3\xA9", "it's", "=", "00:04.0", "1.5", "~x", "\\"}) {
        // clang-format on
        INFO(text);
        CHECK_FALSE(Node::plain(text).is_quoted());
        CHECK(good(emit_yaml(Node::map({{text, Node::plain(text), {}}}))).find(text)->text() == text);
    }
}

namespace {

/// Texts that look like YAML, and any bytes.
rc::Gen<std::string> gen_text() {
    // clang-format off
    static const std::vector<std::string> pieces{
        "a", "b2", "yes", "null", "~", "true", ":", ": ", "#", " #", "- ", "-", "\"", "'", "[", "]", "{", "}", ",",
        "&x", "*x", "!t", "|", ">", "%", "@", "`", "\n", "\t", " ", "?", "<<", "=", "\\", "\r", "0x", "12", "---",
        "...", "\x01", "\xC3\xA9", "\xE2\x80\xA8", "\xFF", std::string(1, '\0'), "\xF0\x9F\x98\x80"};
    // clang-format on
    const auto joined = rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces)),
                                     [](const std::vector<std::string>& parts) { return base::join(parts, ""); });
    return rc::gen::oneOf(rc::gen::elementOf(pieces), joined, rc::gen::arbitrary<std::string>());
}

Node tree(int depth, std::size_t wide) {
    const int kind = *rc::gen::inRange(0, depth > 0 ? 6 : 3);
    const auto commented = [](Node node) {
        return *rc::gen::inRange(0, 4) == 0 ? node.with_comment(*gen_text()) : node;
    };
    if (kind == 0) return commented(Node::null());
    if (kind == 1) return commented(Node::plain(*gen_text()));
    if (kind == 2) return commented(Node::quoted(*gen_text()));
    const auto count = *rc::gen::inRange<std::size_t>(0, wide + 1);
    if (kind == 3) {
        std::vector<Node> items;
        for (std::size_t i = 0; i < count; ++i) items.push_back(tree(depth - 1, wide));
        return commented(Node::seq(std::move(items)));
    }
    Node map = Node::map({});
    for (std::size_t i = 0; i < count; ++i) map = map.with(well_formed(*gen_text()), tree(depth - 1, wide));
    return commented(map);
}

/// What users, editors and broken disks write.
rc::Gen<std::string> gen_yaml_like() {
    // clang-format off
    static const std::vector<std::string> tokens{
        "a", "b: ", "- ", "? ", ": ", ":", "[", "]", "{", "}", ",", "\n", "\n  ", "\n    ", "\n ", "  ", " ", "\"",
        "'", "|", "> ", "|-\n", "|+2\n", "#", "&x ", "*x", "!t ", "!<", "!!", "%YAML", "---", "...", "\n---\n",
        "\n...\n", "<<: ", "~", "null", "\t", "\\", "\xC3\xA9", "@", "`", "?", "-", "!", "&", "*", "a: b\n", "- a\n",
        "k: [", "\r\n", "\r", "%TAG ! x\n", "yes", "\"\\x", "\"\\u12\"", "\xEF\xBB\xBF", "\xFF", std::string(1, '\0'),
        "\x04"};
    // clang-format on
    return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(tokens)),
                        [](const std::vector<std::string>& parts) { return base::join(parts, ""); });
}

/// Whatever was read: complaints have places inside of the text, and a tree without complaints can be written and read.
void check_reading(const std::string& text) {
    Diagnostics out;
    const auto root = parse_yaml("f", text, out);
    RC_ASSERT(root || !out.ok());
    RC_ASSERT(out.errors_in(Source::Kind::File) == out.errors());
    for (const Diagnostic& d : out.sorted()) {
        RC_ASSERT(d.at.line >= 1u);
        RC_ASSERT(d.at.line <= d.at.source->lines());
        RC_ASSERT(d.at.col >= 1u);
        RC_ASSERT(d.at.col <= d.at.source->line(d.at.line).size() + 1);
    }
    RC_ASSERT(out.render().empty() == out.ok());
    if (!root) return;
    Diagnostics again;
    const auto back = parse_yaml("again", emit_yaml(*root), again);
    RC_ASSERT(again.ok());
    RC_ASSERT(*back == *root);
}

} // namespace

TEST_CASE("any tree is read back equal from its text", "[strict-yaml]") {
    testbench::holds(
        [] {
            const Node root = tree(4, 4);
            const std::string text = emit_yaml(root);
            Diagnostics out;
            const auto back = parse_yaml("emitted", text, out);
            RC_LOG() << text << out.render();
            RC_ASSERT(out.ok());
            RC_ASSERT(back.has_value());
            RC_ASSERT(*back == root);
            RC_ASSERT(emit_yaml(*back) == emit_yaml(*parse_yaml("again", emit_yaml(*back), out)));
        },
        1000);
}

TEST_CASE("random bytes never throw, and every complaint has a place in them", "[strict-yaml]") {
    testbench::holds([](const std::string& bytes) { check_reading(bytes); }, 2000);
}

TEST_CASE("random YAML fragments never throw, and what is read is written and read again equal", "[strict-yaml]") {
    testbench::holds([] { check_reading(*rc::gen::scale(0.6, gen_yaml_like())); }, 4000);
}

TEST_CASE("random settings never throw, and apply to any tree or say why not", "[strict-yaml]") {
    testbench::holds(
        [] {
            const std::string text = *rc::gen::oneOf(gen_text(), gen_yaml_like());
            const std::string path = *rc::gen::element<std::string>("a", "a.b", "a[0]", "a[0].c", "");
            Diagnostics out;
            const auto setting = parse_setting(path + "=" + text, out);
            RC_ASSERT(setting.has_value() == out.ok());
            const bool listed = parse_alternatives(path + "=" + text, out).has_value();
            RC_ASSERT(listed || !out.ok());
            if (!setting) return;
            Diagnostics applying;
            const auto changed = apply_setting(tree(2, 3), *setting, applying);
            RC_ASSERT(changed.has_value() == applying.ok());
            if (changed) RC_ASSERT(*parse_yaml("f", emit_yaml(*changed), applying) == *changed);
        },
        1000);
}

TEST_CASE("50000 events are read in seconds, on lines of their own or all on one", "[strict-yaml]") {
    std::string lines, one_line = "\xC3\xA9: [";
    for (int i = 0; i < 50'000; ++i) {
        lines += "- {at: 12us, do: kill, process: p" + std::to_string(i) + "}\n- \n";
        one_line += "{at: 12us, do: kill, process: p" + std::to_string(i) + "}, ";
    }
    CHECK(good(lines).items().size() == 100'000);
    CHECK(good(one_line + "]").entries()[0].value.items().size() == 50'000);
}
