// SPDX-License-Identifier: Apache-2.0
#include "platform/replay/line_reader.h"

#include "platform/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace quiesce::platform {

bool LineReader::fill() {
    at_ = 0;
    filled_ = std::fread(buffer_.data(), 1, buffer_.size(), from_);
    if (filled_ == 0 && std::ferror(from_) != 0 && errno != EINTR)
        throw IoError(std::string{"cannot read the vectors: "} + std::strerror(errno));
    return filled_ != 0;
}

bool LineReader::next() {
    line_.clear();
    too_long_ = false;
    if (at_ == filled_ && !fill()) return false;
    ++number_;
    for (bool ended = false; !ended && (at_ != filled_ || fill());) {
        const char* const begin = buffer_.data() + at_;
        const char* const end = std::find(begin, static_cast<const char*>(buffer_.data()) + filled_, '\n');
        const auto n = static_cast<std::size_t>(end - begin);
        ended = at_ + n != filled_;
        at_ += n + (ended ? 1 : 0);
        too_long_ = too_long_ || line_.size() + n > longest;
        if (!too_long_) line_.append(begin, n);
    }
    return true;
}

} // namespace quiesce::platform
