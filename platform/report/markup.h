// SPDX-License-Identifier: Apache-2.0
/// Text that becomes part of HTML or of SVG.
#pragma once
#include <string>
#include <string_view>

namespace quiesce::platform::report {

/// For text and attributes: whatever a name is, it is only a name.
std::string escaped(std::string_view text);

} // namespace quiesce::platform::report
