// SPDX-License-Identifier: Apache-2.0
#include "platform/yaml/yaml_words.h"

#include "base/text.h"
#include "platform/diagnostics.h"

#include <algorithm>
#include <iterator>

namespace quiesce::platform {
namespace {


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

bool is_null_word(std::string_view text) {
    return std::find(std::begin(null_words), std::end(null_words), text) != std::end(null_words);
}

} // namespace

std::string_view old_boolean(std::string_view text) {
    for (const Word& word : old_booleans)
        if (word.text == text) return word.means;
    return {};
}

bool needs_escape(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF;
}

bool can_be_plain(std::string_view text) {
    constexpr std::string_view never_first = ",[]{}#&*!|>'\"%@`", first_if_text_follows = "-?:";
    if (text.empty() || base::is_blank(text.front()) || base::is_blank(text.back()) || text.back() == ':') return false;
    if (never_first.find(text[0]) != text.npos || text.substr(0, 3) == "---" || text.substr(0, 3) == "...")
        return false;
    if (first_if_text_follows.find(text[0]) != text.npos && (text.size() == 1 || base::is_blank(text[1]))) return false;
    if (text.find(": ") != text.npos || text.find(" #") != text.npos || text == "<<") return false;
    if (!old_boolean(text).empty() || is_null_word(text)) return false;
    bool ok = true;
    each_character(text, [&](std::string_view, char32_t c) { ok = ok && !needs_escape(c); });
    return ok;
}

/// Every number, sexagesimal and date of YAML 1.1 and 1.2 begins with a digit, or with a sign or a point before one; those
/// that do not are words.
bool looks_typed(std::string_view text) {
    constexpr std::string_view numbers[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};
    if (text == "true" || text == "false" || !old_boolean(text).empty() || is_null_word(text)) return true;
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    if (std::find(std::begin(numbers), std::end(numbers), text) != std::end(numbers)) return true;
    if (!text.empty() && text.front() == '.') text.remove_prefix(1);
    return !text.empty() && base::is_digit(text.front());
}

} // namespace quiesce::platform
