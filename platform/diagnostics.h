// SPDX-License-Identifier: Apache-2.0
/// Complaints about input, collected in one pass and shown as `file:line:col: error: what; did you mean 'x'?` with the
/// source line and a caret. Input is a file or one value of the command line: `--set a.b=1` shows as `--set:1:5`.
#pragma once
#include "base/text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace quiesce::platform {

/// A text that positions refer to. Its byte-order mark is dropped and its line ends become '\n'; what is left is what a
/// parser must be given, so that positions agree.
class Source {
public:
    enum class Kind { File, CommandLine };
    /// `name` is what messages print: a path, or an option such as "--set".
    Source(std::string name, std::string_view text, Kind kind = Kind::File);

    const std::string& name() const { return name_; }
    const std::string& text() const { return text_; }
    Kind kind() const { return kind_; }
    std::size_t lines() const { return line_starts_.size(); }
    /// Line `number` (from 1) without its end; empty outside of the text.
    std::string_view line(std::size_t number) const;
    /// The line (from 1) that byte `offset` is on, and where that line starts.
    std::size_t line_at(std::size_t offset) const;
    std::size_t line_start(std::size_t number) const { return line_starts_[number - 1]; }

private:
    std::string name_;
    std::string text_;
    Kind kind_;
    std::vector<std::size_t> line_starts_;
};
using SourcePtr = std::shared_ptr<const Source>;

/// A place in a source. Line and column count from 1; a column is one character (code point), a tab too, and so is each
/// byte that is no UTF-8. Without a source the place is unknown; line 0 means the source as a whole.
struct Mark {
    SourcePtr source;
    std::uint32_t line = 0;
    std::uint32_t col = 0;

    /// "file:line:col", "file", or "" where unknown.
    std::string text() const;
    /// "file:line", as `run.json` names an expectation.
    std::string file_line() const;
};

enum class Severity { Error, Warning };

struct Diagnostic {
    Severity severity;
    Mark at;
    std::string message;    ///< what is wrong, without a full stop
    std::string suggestion; ///< what was probably meant, or empty
};

class Diagnostics {
public:
    void error(Mark at, std::string message, std::optional<std::string> suggestion = std::nullopt);
    void warning(Mark at, std::string message, std::optional<std::string> suggestion = std::nullopt);
    /// An error about `got`, with the nearest of `candidates` as the suggestion if one is near.
    template <class Range>
    void error_about(Mark at, std::string message, std::string_view got, const Range& candidates) {
        error(std::move(at), std::move(message), base::closest(got, candidates));
    }

    bool ok() const { return errors_ == 0; }
    std::size_t errors() const { return errors_; }
    std::size_t warnings() const { return all_.size() - errors_; }
    /// Errors whose text came from a file or from the command line: exit codes 3 and 2 (contract).
    std::size_t errors_in(Source::Kind kind) const;

    /// By source (in order of its first complaint), line and column; complaints about one place in order of arrival.
    /// The same complaint made twice about one place was taken once.
    std::vector<Diagnostic> sorted() const;
    /// Everything as text, each complaint with its line and caret, and a last line that counts ("2 errors, 1 warning").
    std::string render(bool colour = false) const;
    /// Each as a JSON object (severity, file, line, col, message, hint) on a line of its own.
    std::string render_json() const;
    /// `render` to `to`, in colour if that is a terminal and NO_COLOR is unset or empty; or `render_json`, as manner() says.
    void print(std::FILE* to = stderr) const;

private:
    void add(Diagnostic what);
    std::vector<Diagnostic> all_;
    /// What was said where; the pointer's order decides nothing.
    std::set<std::tuple<Severity, const Source*, std::uint32_t, std::uint32_t, std::string>> seen_;
    std::size_t errors_ = 0;
};

/// How the program speaks on stderr, for the whole of it: --diagnostics and --color.
struct Manner {
    enum class Colour { Auto, Always, Never };
    bool json = false; ///< each complaint, and each word for people, is one JSON object on a line of its own
    Colour colour = Colour::Auto;
};
Manner& manner();

/// A complaint without a place: "quiesce: error: ...".
void complain(std::string_view message, const std::optional<std::string>& suggestion = std::nullopt, std::string_view severity = "error");
/// A word for people, which is no complaint: "results in out/a".
void mention(std::string_view text);

/// May output to `to` be coloured: as --color says; else a terminal, NO_COLOR unset or empty, TERM not "dumb".
bool wants_colour(std::FILE* to);

/// The place of byte `offset` of the source's text (of its end, if beyond).
Mark place_of(const SourcePtr& source, std::size_t offset);

/// A text file, or why it cannot be read ("cannot read 'x': No such file or directory"): exit code 5, not 3.
struct Loaded {
    SourcePtr source;
    std::string unreadable;
};
/// Bytes of the largest file that is read.
inline constexpr std::size_t largest_file = std::size_t{64} << 20;
Loaded load_text(const std::string& path);

/// Is it all UTF-8 text without control characters (and on one line, from the command line)? Else one error, the first.
bool check_is_text(const SourcePtr& source, Diagnostics& out);

/// Bytes of the well-formed UTF-8 character at `at` (1 to 4), or 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t at);

/// Stands for what is no character.
inline constexpr char32_t replacement_character = 0xFFFD;
/// The code point of one well-formed character.
char32_t code_point(std::string_view bytes);

/// Calls `visit(bytes, code point)` for each character; a byte that is no UTF-8 is one replacement character.
template <class Visit> void each_character(std::string_view text, Visit visit) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        const std::string_view bytes = text.substr(at, std::max<std::size_t>(1, length));
        visit(bytes, length == 0 ? replacement_character : code_point(bytes));
        at += bytes.size();
    }
}

/// `text` with U+FFFD for each byte that is no UTF-8.
std::string well_formed(std::string_view text);

/// `text` fit for a terminal and for one line: control characters and bytes that are no UTF-8 become '?'.
std::string printable(std::string_view text);

} // namespace quiesce::platform
