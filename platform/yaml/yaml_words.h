// SPDX-License-Identifier: Apache-2.0
/// What YAML readers take a bare word or a character for: asked by who reads a text, makes a node, or writes one.
#pragma once
#include <string_view>

namespace quiesce::platform {

/// What YAML 1.2 and this project write instead of a boolean of YAML 1.1 ("yes" -> "true"); empty for any other text.
std::string_view old_boolean(std::string_view text);
/// Must this character of a text in double quotes be written as an escape?
bool needs_escape(char32_t c);
/// Can `text` stand without quotes in block style and be read back as the same text (YAML 1.2, section 7.3.3)?
bool can_be_plain(std::string_view text);
/// Does some YAML reader take the bare text for a number, a boolean, a date or nothing (YAML 1.1 types included)?
bool looks_typed(std::string_view text);

} // namespace quiesce::platform
