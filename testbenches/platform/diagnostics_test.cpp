// SPDX-License-Identifier: Apache-2.0
/// How complaints about input read: position, line, caret, order, suggestion, colour.
#include "platform/diagnostics.h"

#include "base/property.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace quiesce;
using namespace quiesce::platform;

namespace {

SourcePtr source_of(std::string_view text, std::string name = "f.yaml") {
    return std::make_shared<const Source>(std::move(name), text);
}

/// A directory of this test alone, gone at its end.
struct ScratchDirectory {
    std::filesystem::path path;
    ScratchDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "diagnostics.XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~ScratchDirectory() { std::filesystem::remove_all(path); }
};

} // namespace

TEST_CASE("a complaint shows file, line, column, suggestion, the source line and a caret below the column",
          "[diagnostics]") {
    const auto source = source_of("a: 1\n  qdept: 3\n");
    Diagnostics out;
    out.error_about({source, 2, 3}, "unknown key 'qdept'", "qdept", std::vector<std::string>{"kind", "qdepth"});
    CHECK(out.render() == "f.yaml:2:3: error: unknown key 'qdept'; did you mean 'qdepth'?\n"
                          "    qdept: 3\n"
                          "    ^\n"
                          "1 error\n");
}

TEST_CASE("nothing near means no suggestion", "[diagnostics]") {
    Diagnostics out;
    out.error_about({source_of("x"), 1, 1}, "unknown key 'x'", "frobnicate",
                    std::vector<std::string>{"kind", "qdepth"});
    CHECK(out.sorted()[0].suggestion.empty());
}

TEST_CASE("complaints come in the order of sources, lines and columns, warnings among them", "[diagnostics]") {
    const auto one = source_of("aaa\nbbb\n", "one");
    const auto two = source_of("ccc\n", "two");
    Diagnostics out;
    out.error({one, 2, 1}, "third");
    out.error({two, 1, 1}, "fourth");
    out.warning({one, 1, 2}, "second");
    out.error({one, 1, 1}, "first");
    out.error({one, 1, 1}, "first, said later");
    std::vector<std::string> order;
    for (const Diagnostic& d : out.sorted()) order.push_back(d.message);
    CHECK(order == std::vector<std::string>{"first", "first, said later", "second", "third", "fourth"});
    CHECK(out.errors() == 4);
    CHECK(out.warnings() == 1);
    CHECK(out.render().substr(out.render().rfind('\n', out.render().size() - 2) + 1) == "4 errors, 1 warning\n");
}

TEST_CASE("the same complaint about the same place counts once", "[diagnostics]") {
    const auto source = source_of("a\n");
    Diagnostics out;
    out.error({source, 1, 1}, "bad");
    out.error({source, 1, 1}, "bad");
    out.error({source, 1, 2}, "bad");
    CHECK(out.errors() == 2);
}

TEST_CASE("warnings alone leave the input good", "[diagnostics]") {
    Diagnostics out;
    CHECK(out.render().empty());
    out.warning({source_of("a"), 1, 1}, "odd");
    CHECK(out.ok());
    CHECK(out.render() == "f.yaml:1:1: warning: odd\n  a\n  ^\n1 warning\n");
}

TEST_CASE("errors are counted apart for files and for the command line", "[diagnostics]") {
    const auto option = std::make_shared<const Source>("--set", "a.b=1", Source::Kind::CommandLine);
    Diagnostics out;
    out.error({source_of("a"), 1, 1}, "x");
    out.error({option, 1, 3}, "y");
    out.error({}, "z");
    CHECK(out.errors_in(Source::Kind::File) == 1);
    CHECK(out.errors_in(Source::Kind::CommandLine) == 1);
    CHECK(out.errors() == 3);
    CHECK(out.render().find("--set:1:3: error: y\n  a.b=1\n    ^\n") != std::string::npos);
    CHECK(out.render().find("\nerror: z\n") != std::string::npos);
}

TEST_CASE("the caret stands below its character after tabs and after characters of several bytes", "[diagnostics]") {
    Diagnostics out;
    out.error({source_of("\t\xC3\xA9\xE2\x82\xAC: x\n"), 1, 4}, "here");
    CHECK(out.render() == "f.yaml:1:4: error: here\n  \t\xC3\xA9\xE2\x82\xAC: x\n  \t  ^\n1 error\n");
}

TEST_CASE("a caret just behind the last character of a line is shown there", "[diagnostics]") {
    Diagnostics out;
    out.error({source_of("ab\n"), 1, 3}, "missing");
    CHECK(out.render() == "f.yaml:1:3: error: missing\n  ab\n    ^\n1 error\n");
}

TEST_CASE("of a very long line the part around the column is shown, the caret below its character", "[diagnostics]") {
    const std::string line = std::string(1000, 'a') + "X" + std::string(1000, 'b');
    Diagnostics out;
    out.error({source_of(line), 1, 1001}, "here");
    const std::string text = out.render();
    const std::size_t shown = text.find("  ...aaa");
    const std::size_t below = text.find('\n', shown) + 1;
    REQUIRE(shown != std::string::npos);
    CHECK(text.find('X') - shown == text.find('^') - below);
    CHECK(text.size() < 500);
}

TEST_CASE("control characters and broken UTF-8 in a source line never reach the terminal", "[diagnostics]") {
    Diagnostics out;
    out.error({source_of("a\x1B[31m\xFF\xC2\x9B\n"), 1, 1}, "bad \x1B[0m\n text");
    CHECK(out.render() == "f.yaml:1:1: error: bad ?[0m? text\n  a?[31m??\n  ^\n1 error\n");
}

TEST_CASE("colour wraps the parts of a complaint and changes nothing else", "[diagnostics]") {
    Diagnostics out;
    out.error({source_of("a"), 1, 1}, "bad");
    std::string coloured = out.render(true);
    CHECK(coloured.find("\033[1;31merror:\033[0m") != std::string::npos);
    for (std::size_t at; (at = coloured.find('\033')) != std::string::npos;) {
        coloured.erase(at, coloured.find('m', at) - at + 1);
    }
    CHECK(coloured == out.render(false));
}

TEST_CASE("a terminal gets colour unless NO_COLOR is set, a file never", "[diagnostics]") {
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(terminal >= 0);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> tty(fdopen(terminal, "w"), &std::fclose);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), &std::fclose);
    REQUIRE(isatty(terminal) == 1);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    CHECK(wants_colour(tty.get()));
    CHECK_FALSE(wants_colour(file.get()));
    setenv("NO_COLOR", "1", 1);
    CHECK_FALSE(wants_colour(tty.get()));
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    CHECK_FALSE(wants_colour(tty.get()));
}

TEST_CASE("a source drops its byte-order mark and counts Windows line ends as one", "[diagnostics]") {
    const Source source("f", "\xEF\xBB\xBFone\r\ntwo\nthree");
    CHECK(source.text() == "one\ntwo\nthree");
    CHECK(source.lines() == 3);
    CHECK(source.line(1) == "one");
    CHECK(source.line(2) == "two");
    CHECK(source.line(3) == "three");
    CHECK(source.line(4).empty());
    CHECK(source.line(0).empty());
}

TEST_CASE("a byte's place is its line and its character, the end of the text included", "[diagnostics]") {
    const auto source = source_of("\xC3\xA9x\n\nab");
    const auto at = [&](std::size_t byte) { return place_of(source, byte).text(); };
    CHECK(at(0) == "f.yaml:1:1");
    CHECK(at(2) == "f.yaml:1:2");
    CHECK(at(3) == "f.yaml:1:3");
    CHECK(at(4) == "f.yaml:2:1");
    CHECK(at(6) == "f.yaml:3:2");
    CHECK(at(7) == "f.yaml:3:3");
    CHECK(at(99) == "f.yaml:3:3");
    CHECK(place_of(source, 6).file_line() == "f.yaml:3");
}

TEST_CASE("only well-formed UTF-8 counts as characters", "[diagnostics]") {
    CHECK(utf8_length("a", 0) == 1);
    CHECK(utf8_length("\xC3\xA9", 0) == 2);
    CHECK(utf8_length("\xF0\x9F\x98\x80", 0) == 4);
    for (const std::string_view bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                       "\xF8\x88\x80\x80", "\xC3", "\xE2\x82", "\x80", "\xF0\x9F\x98\x41"}) {
        INFO(bad);
        CHECK(utf8_length(bad, 0) == 0);
    }
    CHECK(utf8_length("", 0) == 0);
    CHECK(well_formed("a\xFF\xC3\xA9") == "a\xEF\xBF\xBD\xC3\xA9");
}

TEST_CASE("a file that is missing, a directory or unreadable is no bad content but an unreadable file",
          "[diagnostics]") {
    const ScratchDirectory scratch;
    const std::string missing = (scratch.path / "missing.yaml").string();
    CHECK(load_text(missing).unreadable == "cannot read '" + missing + "': No such file or directory");
    CHECK(load_text(scratch.path.string()).unreadable == "cannot read '" + scratch.path.string() + "': Is a directory");
    CHECK(load_text("/dev/zero").unreadable == "cannot read '/dev/zero': larger than 64 MiB");
    const std::string there = (scratch.path / "there.yaml").string();
    std::ofstream(there, std::ios::binary) << std::string(200'000, 'x') << "\n";
    const Loaded loaded = load_text(there);
    REQUIRE(loaded.source);
    CHECK(loaded.unreadable.empty());
    CHECK(loaded.source->text().size() == 200'001);
}

TEST_CASE("any bytes at any place can be rendered on lines of their own", "[diagnostics]") {
    testbench::holds([](const std::string& text, const std::string& message, std::uint16_t line, std::uint16_t col) {
        Diagnostics out;
        out.error({source_of(text, "f"), line, col}, message);
        const std::string shown = out.render();
        for (const char c : shown) RC_ASSERT(c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20);
        RC_ASSERT(std::count(shown.begin(), shown.end(), '\n') <= 4);
        RC_ASSERT(shown.substr(shown.size() - 8) == "1 error\n");
    });
}
