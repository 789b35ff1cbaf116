// SPDX-License-Identifier: Apache-2.0
/// Why a call of the C interface does nothing: its code, and what qsc_last_error() says.
#pragma once
#include "platform/cosim/include/quiesce/cosim.h"

#include <stdexcept>
#include <string>

namespace quiesce::platform::cosim {

class Refusal : public std::runtime_error {
public:
    Refusal(qsc_code code, const std::string& why) : std::runtime_error(why), code_(code) {}
    qsc_code code() const { return code_; }

private:
    qsc_code code_;
};

/// An argument that is out of its range is refused.
inline void require(bool held, const std::string& otherwise) {
    if (!held) throw Refusal(QSC_ERR_ARGUMENT, otherwise);
}

} // namespace quiesce::platform::cosim
