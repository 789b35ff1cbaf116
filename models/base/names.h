// SPDX-License-Identifier: Apache-2.0
/// Names of actors, units and phases as small numbers: interned once when a model is built, never on a hot path.
#pragma once
#include "base/types.h"

#include <string>
#include <string_view>

namespace quiesce::base {

/// An interned text. Equal texts give equal names within a process; 0 is the empty text. The number depends on the order
/// of interning, so results and fingerprints use the text.
class Name {
public:
    constexpr Name() = default;
    Name(std::string_view text);
    Name(const char* text) : Name(std::string_view{text}) {}
    Name(const std::string& text) : Name(std::string_view{text}) {}
    std::string_view text() const;
    /// A hash of the text, the same in every process and on every machine.
    u64 stable_hash() const;
    constexpr u32 index() const { return index_; }
    constexpr explicit operator bool() const { return index_ != 0; }
    friend constexpr bool operator==(Name a, Name b) { return a.index_ == b.index_; }
    /// The name with this index(), which must be below count().
    static Name at(u32 index) {
        Name n;
        n.index_ = index;
        return n;
    }
    /// How many names exist; indices are below it.
    static u32 count();

private:
    u32 index_ = 0;
};

} // namespace quiesce::base
