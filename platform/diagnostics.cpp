// SPDX-License-Identifier: Apache-2.0
#include "platform/diagnostics.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <tuple>
#include <unistd.h>

namespace quiesce::platform {
namespace {

/// Characters of a source line that are shown at most; of a longer one, the part around the column.
constexpr std::size_t widest_excerpt = 160;

struct Style {
    const char* bold = "";
    const char* error = "";
    const char* warning = "";
    const char* caret = "";
    const char* off = "";
};
constexpr Style plain_style{};
constexpr Style colour_style{"\033[1m", "\033[1;31m", "\033[1;35m", "\033[1;32m", "\033[0m"};

/// The characters of a line, each fit for a terminal; a tab stays a tab.
std::vector<std::string> characters(std::string_view line) {
    std::vector<std::string> out;
    each_character(line, [&](std::string_view one, char32_t) { out.push_back(one == "\t" ? "\t" : printable(one)); });
    return out;
}

/// The source line and, below it, the caret: tabs are repeated so that both lines stop at the same places.
std::string excerpt(const Mark& at, const Style& style) {
    if (!at.source || at.line == 0 || at.line > at.source->lines()) return {};
    const std::vector<std::string> shown = characters(at.source->line(at.line));
    const std::size_t caret = at.col == 0 ? 0 : at.col - 1;
    const std::size_t centre = std::min(caret, shown.size());
    const std::size_t first = centre < widest_excerpt ? 0 : centre - widest_excerpt / 2;
    const std::size_t last = std::min(shown.size(), first + widest_excerpt);
    std::string text = first > 0 ? "..." : "";
    std::string below = first > 0 ? "   " : "";
    for (std::size_t i = first; i < last; ++i) text += shown[i];
    for (std::size_t i = first; i < caret && i < last; ++i) below += shown[i] == "\t" ? '\t' : ' ';
    if (last < shown.size()) text += "...";
    return fmt::format("  {}\n  {}{}^{}\n", text, below, style.caret, style.off);
}

std::string counted(std::size_t n, std::string_view what) { return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"); }

bool is_continuation(unsigned char c) { return (c & 0xC0u) == 0x80u; }

/// First and last value of the second byte that a lead byte allows (Unicode 15, table 3-7): no overlong forms, no
/// surrogates, nothing above U+10FFFF.
struct LeadRow {
    unsigned char first, last;
    std::size_t length;
    unsigned char second_first, second_last;
};
constexpr LeadRow lead_rows[] = {
    {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF}, {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F},
    {0xEE, 0xEF, 3, 0x80, 0xBF}, {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

} // namespace

std::size_t utf8_length(std::string_view text, std::size_t at) {
    if (at >= text.size()) return 0;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    if (byte(0) < 0x80) return 1;
    for (const LeadRow& row : lead_rows) {
        if (byte(0) < row.first || byte(0) > row.last) continue;
        if (text.size() - at < row.length || byte(1) < row.second_first || byte(1) > row.second_last) return 0;
        for (std::size_t i = 2; i < row.length; ++i) {
            if (!is_continuation(byte(i))) return 0;
        }
        return row.length;
    }
    return 0;
}

char32_t code_point(std::string_view bytes) {
    constexpr unsigned lead_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    char32_t value = static_cast<unsigned char>(bytes[0]) & lead_mask[bytes.size()];
    for (const char c : bytes.substr(1)) value = value << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
    return value;
}

std::string well_formed(std::string_view text) {
    std::string out;
    each_character(text, [&](std::string_view bytes, char32_t c) {
        out += c == replacement_character ? std::string_view("\xEF\xBF\xBD") : bytes;
    });
    return out;
}

std::string printable(std::string_view text) {
    std::string out;
    each_character(text, [&](std::string_view bytes, char32_t c) {
        // U+0080 to U+009F are controls too: some terminals obey them.
        const bool shown = c >= 0x20 && !(c >= 0x7F && c < 0xA0) && utf8_length(bytes, 0) != 0;
        out += shown ? bytes : std::string_view("?");
    });
    return out;
}

Source::Source(std::string name, std::string_view text, Kind kind) : name_(std::move(name)), kind_(kind) {
    if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
    text_.reserve(text.size());
    line_starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
        text_ += text[i];
        if (text[i] == '\n') line_starts_.push_back(text_.size());
    }
}

std::string_view Source::line(std::size_t number) const {
    if (number == 0 || number > line_starts_.size()) return {};
    const std::size_t from = line_starts_[number - 1];
    const std::size_t to = number < line_starts_.size() ? line_starts_[number] - 1 : text_.size();
    return std::string_view(text_).substr(from, to - from);
}

std::size_t Source::line_at(std::size_t offset) const {
    const auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), std::min(offset, text_.size()));
    return static_cast<std::size_t>(next - line_starts_.begin());
}

Mark place_of(const SourcePtr& source, std::size_t offset) {
    const std::string_view before = std::string_view(source->text()).substr(0, offset);
    const std::size_t line = source->line_at(offset);
    std::uint32_t col = 1;
    each_character(before.substr(source->line_start(line)), [&](std::string_view, char32_t) { ++col; });
    return {source, static_cast<std::uint32_t>(line), col};
}

bool check_is_text(const SourcePtr& source, Diagnostics& out) {
    const std::string& text = source->text();
    const bool one_line = source->kind() == Source::Kind::CommandLine;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = utf8_length(text, at);
        const auto first = static_cast<unsigned char>(text[at]);
        if (length == 0) {
            out.error(place_of(source, at), fmt::format("not UTF-8 text (byte {:#04x})", first));
            return false;
        }
        if ((first < 0x20 && first != '\t' && (first != '\n' || one_line)) || first == 0x7F) {
            out.error(place_of(source, at), fmt::format("control character U+{:04X}", first));
            return false;
        }
        at += length;
    }
    return true;
}

Loaded load_text(const std::string& path) {
    const auto unreadable = [&](const std::string& why) {
        return Loaded{nullptr, fmt::format("cannot read '{}': {}", printable(path), why)};
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
    if (!file) return unreadable(std::strerror(errno));
    std::string text;
    std::array<char, 1 << 16> block;
    for (std::size_t n = block.size(); n == block.size();) {
        n = std::fread(block.data(), 1, block.size(), file.get());
        if (std::ferror(file.get())) return unreadable(std::strerror(errno));
        text.append(block.data(), n);
        if (text.size() > largest_file) return unreadable(fmt::format("larger than {} MiB", largest_file >> 20));
    }
    return {std::make_shared<const Source>(path, text), {}};
}

std::string Mark::text() const {
    if (!source) return {};
    return line == 0 ? printable(source->name()) : fmt::format("{}:{}:{}", printable(source->name()), line, col);
}

std::string Mark::file_line() const {
    if (!source) return {};
    return line == 0 ? printable(source->name()) : fmt::format("{}:{}", printable(source->name()), line);
}

void Diagnostics::error(Mark at, std::string message, std::optional<std::string> suggestion) {
    add({Severity::Error, std::move(at), std::move(message), suggestion.value_or("")});
}

void Diagnostics::warning(Mark at, std::string message, std::optional<std::string> suggestion) {
    add({Severity::Warning, std::move(at), std::move(message), suggestion.value_or("")});
}

void Diagnostics::add(Diagnostic what) {
    const auto place = std::tuple(what.severity, what.at.source.get(), what.at.line, what.at.col, what.message);
    if (!seen_.insert(place).second) return;
    errors_ += what.severity == Severity::Error ? 1 : 0;
    all_.push_back(std::move(what));
}

std::size_t Diagnostics::errors_in(Source::Kind kind) const {
    return static_cast<std::size_t>(std::count_if(all_.begin(), all_.end(), [kind](const Diagnostic& d) {
        return d.severity == Severity::Error && d.at.source && d.at.source->kind() == kind;
    }));
}

std::vector<Diagnostic> Diagnostics::sorted() const {
    std::vector<const Source*> order;
    const auto rank = [&order](const Diagnostic& d) {
        return std::find(order.begin(), order.end(), d.at.source.get()) - order.begin();
    };
    for (const Diagnostic& d : all_) {
        if (static_cast<std::size_t>(rank(d)) == order.size()) order.push_back(d.at.source.get());
    }
    std::vector<Diagnostic> out = all_;
    std::stable_sort(out.begin(), out.end(), [&](const Diagnostic& a, const Diagnostic& b) {
        return std::tuple(rank(a), a.at.line, a.at.col) < std::tuple(rank(b), b.at.line, b.at.col);
    });
    return out;
}

std::string Diagnostics::render(bool colour) const {
    const Style& style = colour ? colour_style : plain_style;
    std::string out;
    for (const Diagnostic& d : sorted()) {
        const bool is_error = d.severity == Severity::Error;
        const std::string where = d.at.text();
        if (!where.empty()) out += fmt::format("{}{}:{} ", style.bold, where, style.off);
        out += fmt::format("{}{}:{} {}", is_error ? style.error : style.warning, is_error ? "error" : "warning",
                           style.off, printable(d.message));
        if (!d.suggestion.empty()) out += fmt::format("; did you mean '{}'?", printable(d.suggestion));
        out += '\n' + excerpt(d.at, style);
    }
    if (all_.empty()) return out;
    out += errors() > 0 ? counted(errors(), "error") : "";
    out += errors() > 0 && warnings() > 0 ? ", " : "";
    out += warnings() > 0 ? counted(warnings(), "warning") : "";
    return out + '\n';
}

void Diagnostics::print(std::FILE* to) const {
    const std::string text = manner().json ? render_json() : render(wants_colour(to));
    std::fwrite(text.data(), 1, text.size(), to);
}

bool wants_colour(std::FILE* to) {
    if (manner().colour != Manner::Colour::Auto) return manner().colour == Manner::Colour::Always;
    const char* no_colour = std::getenv("NO_COLOR");
    if (no_colour && *no_colour) return false;
    const char* term = std::getenv("TERM");
    if (term && std::string_view(term) == "dumb") return false;
    return isatty(fileno(to)) == 1;
}

} // namespace quiesce::platform
