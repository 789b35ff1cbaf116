// SPDX-License-Identifier: Apache-2.0
/// From text to tree: yaml-cpp's events, checked against the source text itself for what yaml-cpp lets pass.
#pragma once
#include "platform/yaml/strict_yaml.h"

namespace quiesce::platform {

/// What is given to the scanner: all of a source or, put between brackets, a value that stands in it.
struct YamlText {
    SourcePtr source;
    std::string text;
    int column_shift = 0;   ///< characters before `text` in the source's line (fewer, if something was put before it)
    bool flow_only = false; ///< a value on one line, where lists and maps need brackets
};
/// Nothing on a syntax error.
std::optional<Node> scan_yaml(const YamlText& text, Diagnostics& out);

} // namespace quiesce::platform
