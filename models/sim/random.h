// SPDX-License-Identifier: Apache-2.0
/// Integer random numbers, the same on every machine. One stream per entity, so that adding an entity or a draw in one
/// place does not change what any other entity sees (common random numbers across compared runs).
#pragma once
#include <cstdint>
#include <string_view>

namespace quiesce::sim {

/// SplitMix64 (Steele, Lea, Flood 2014): used to spread seeds and as a mixing function.
constexpr std::uint64_t mix64(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/// xoshiro256** (Blackman, Vigna 2018).
class Random {
public:
    /// The stream of the entity called `name` in a run seeded with `seed`.
    constexpr Random(std::uint64_t seed, std::string_view name) {
        std::uint64_t h = mix64(seed);
        for (char c : name) h = mix64(h ^ static_cast<unsigned char>(c));
        for (auto& s : s_) s = h = mix64(h);
    }
    constexpr std::uint64_t next() {
        const std::uint64_t result = rotl(s_[1] * 5, 7) * 9, t = s_[1] << 17;
        s_[2] ^= s_[0];
        s_[3] ^= s_[1];
        s_[1] ^= s_[2];
        s_[0] ^= s_[3];
        s_[2] ^= t;
        s_[3] = rotl(s_[3], 45);
        return result;
    }
    /// Uniform in [0, n); n = 0 gives 0. The bias of the multiply-shift is below n / 2^64.
    constexpr std::uint64_t below(std::uint64_t n) {
        return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
    }
    /// Uniform in [lo, hi], both included.
    constexpr std::uint64_t between(std::uint64_t lo, std::uint64_t hi) { return lo + below(hi - lo + 1); }
    /// True once in `n` draws on average.
    constexpr bool one_in(std::uint64_t n) { return below(n) == 0; }

private:
    static constexpr std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
    std::uint64_t s_[4]{};
};

} // namespace quiesce::sim
