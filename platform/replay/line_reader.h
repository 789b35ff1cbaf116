// SPDX-License-Identifier: Apache-2.0
/// A text in lines, of which one at a time is in memory.
#pragma once
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::platform {

class LineReader {
public:
    static constexpr std::size_t longest = std::size_t{16} << 20; ///< bytes that are kept of a line
    explicit LineReader(std::FILE* from) : from_(from) {}

    /// False after the last line. Throws IoError.
    bool next();
    /// Without its end, valid until the next call.
    std::string_view text() const { return line_; }
    /// The line was longer than `longest`: its text is not whole.
    bool too_long() const { return too_long_; }
    /// From 1.
    std::size_t number() const { return number_; }

private:
    bool fill();
    std::FILE* from_;
    std::vector<char> buffer_ = std::vector<char>(std::size_t{64} << 10);
    std::size_t at_ = 0, filled_ = 0, number_ = 0;
    std::string line_;
    bool too_long_ = false;
};

} // namespace quiesce::platform
