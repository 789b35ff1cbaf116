// SPDX-License-Identifier: Apache-2.0
#include "pcie/lspci.h"

#include <string_view>

namespace quiesce::pcie {

using namespace cfg;

namespace {
void append_hex(std::string& text, u64 value, unsigned digits) {
    constexpr std::string_view figures = "0123456789abcdef";
    for (unsigned i = digits; i-- > 0;) text += figures[value >> i * 4 & 0xf];
}
} // namespace

std::string lspci_dump(const ConfigSpace& config, RequesterId at) {
    const unsigned id = static_cast<unsigned>(at);
    std::string text;
    append_hex(text, id >> 8, 2);
    text += ':';
    append_hex(text, id >> 3 & 0x1f, 2);
    text += '.';
    append_hex(text, id & 7, 1);
    text += " Class ";
    append_hex(text, config.get(ClassRevision::ClassCode) >> 8, 4);
    text += ": ";
    append_hex(text, config.get(VendorId::ID), 4);
    text += ':';
    append_hex(text, config.get(DeviceIdentity::ID), 4);
    text += " (rev ";
    append_hex(text, config.get(ClassRevision::Revision), 2);
    text += ")\n";
    const auto bytes = config.bytes();
    for (u32 line = 0; line < bytes.size(); line += 16) {
        append_hex(text, line, line < 0x100 ? 2 : 3);
        text += ':';
        for (const u8 byte : bytes.subspan(line, 16)) {
            text += ' ';
            append_hex(text, byte, 2);
        }
        text += '\n';
    }
    return text += '\n';
}

} // namespace quiesce::pcie
