// SPDX-License-Identifier: Apache-2.0
/// The input of a fuzzer as a stream of choices. Beyond its end every choice is the first one.
#pragma once
#include "base/types.h"

#include <cstddef>
#include <span>

namespace quiesce::fuzz {

class Bytes {
public:
    explicit Bytes(std::span<const u8> from) : left_(from) {}
    bool empty() const { return left_.empty(); }
    u8 byte() {
        if (left_.empty()) return 0;
        const u8 b = left_.front();
        left_ = left_.subspan(1);
        return b;
    }
    /// Little-endian, `count` bytes of it.
    u64 word(unsigned count = 8) {
        u64 value = 0;
        for (unsigned i = 0; i < count; ++i) value |= u64{byte()} << i * 8;
        return value;
    }
    /// 0 .. n-1; n is 256 at most.
    unsigned below(unsigned n) { return byte() % n; }
    bool flag() { return (byte() & 1) != 0; }
    /// True once in `n`.
    bool rarely(unsigned n) { return below(n) == n - 1; }
    template <class Items>
    const auto& pick(const Items& items) {
        return items[below(std::size(items))];
    }

private:
    std::span<const u8> left_;
};

} // namespace quiesce::fuzz
