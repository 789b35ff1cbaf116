// SPDX-License-Identifier: Apache-2.0
/// Structures of the C interface across versions: each begins with the size that its user knows.
#pragma once
#include "platform/cosim/refusal.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

namespace quiesce::platform::cosim {

/// No structure becomes larger; what says so has not set its size.
inline constexpr std::size_t largest_structure = 4096;

template <class T>
void check_structure(const T* s, const char* name) {
    if (s == nullptr) throw Refusal(QSC_ERR_ARGUMENT, std::string{name} + " is null");
    if (s->size >= sizeof(T) && s->size <= largest_structure) return;
    throw Refusal(QSC_ERR_ARGUMENT, std::string{name} + ".size is " + std::to_string(s->size) + ", expected sizeof, " +
                                        std::to_string(sizeof(T)));
}

/// A copy of what the host gave. Fields that this library does not know must be zero.
template <class T>
T taken(const T* s, const char* name) {
    check_structure(s, name);
    const auto* bytes = reinterpret_cast<const unsigned char*>(s);
    if (std::any_of(bytes + sizeof(T), bytes + s->size, [](unsigned char b) { return b != 0; }))
        throw Refusal(QSC_ERR_UNSUPPORTED, std::string{name} + " has fields of a later version of this interface");
    return *s;
}

/// Fills what the host gave room for, which check_structure() has seen.
template <class T>
void give(T* to, T value) {
    value.size = to->size;
    std::memset(to, 0, value.size);
    std::memcpy(to, &value, sizeof value);
}

} // namespace quiesce::platform::cosim
