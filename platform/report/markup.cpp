// SPDX-License-Identifier: Apache-2.0
#include "platform/report/markup.h"

namespace quiesce::platform::report {

std::string escaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else if (c == '\'')
            out += "&#39;";
        else if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n')
            out += "\xef\xbf\xbd"; // no character of XML
        else if (text.substr(i, 2) == "\xef\xbf" && i + 2 < text.size() &&
                 static_cast<unsigned char>(text[i + 2]) >= 0xbe)
            out += "\xef\xbf\xbd", i += 2;
        else
            out += c;
    }
    return out;
}

} // namespace quiesce::platform::report
