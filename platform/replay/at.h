// SPDX-License-Identifier: Apache-2.0
/// A line of vectors, read value by value; what is wrong is said with its place.
#pragma once
#include "base/text.h"
#include "platform/replay/vectors.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace quiesce::platform {

using VectorJson = nlohmann::json;

/// A value of the line and the way to it, which is put into words only when something is wrong.
class At {
public:
    explicit At(const VectorJson& root) : j_(root) {}

    std::string path() const {
        if (parent_ == nullptr) return {};
        const std::string before = parent_->path();
        if (key_.empty()) return fmt::format("{}[{}]", before, index_);
        return before.empty() ? std::string{key_} : fmt::format("{}.{}", before, key_);
    }
    [[noreturn]] void expected(std::string_view what) const {
        const std::string text = j_.dump(-1, ' ', false, VectorJson::error_handler_t::replace);
        const std::string at = path();
        throw VectorError(fmt::format("{}{}expected {}, got {}", at, at.empty() ? "" : ": ", what,
                                      text.size() > 60 ? text.substr(0, 57) + "..." : text));
    }
    bool has(std::string_view key) const { return j_.is_object() && j_.contains(key); }
    At operator[](std::string_view key) const {
        if (!j_.is_object()) expected("an object");
        const auto found = j_.find(key);
        if (found == j_.end()) {
            const std::string at = path();
            throw VectorError(fmt::format("{}{}'{}' is missing", at, at.empty() ? "" : ": ", key));
        }
        return {*found, this, key, 0};
    }
    /// Complains about a key that is none of these, which are divided by spaces.
    void only(std::string_view known) const {
        if (!j_.is_object()) expected("an object");
        for (const auto& [key, value] : j_.items())
            if (!is_word_of(known, key)) unknown(key, known);
    }
    std::size_t size() const {
        if (!j_.is_array()) expected("an array");
        return j_.size();
    }
    At operator[](std::size_t i) const { return {j_[i], this, {}, i}; }
    const std::string& text() const {
        if (!j_.is_string()) expected("a text");
        return j_.get_ref<const std::string&>();
    }
    /// "0x" and 1 to 16 digits.
    u64 hex(u64 largest = ~u64{0}) const {
        constexpr std::string_view form = "a hexadecimal number in quotes (\"0x1f\")";
        if (!j_.is_string()) expected(form);
        const std::string& s = text();
        u64 value = 0;
        const char* const end = s.data() + s.size();
        const bool prefixed = s.size() > 2 && s[0] == '0' && s[1] == 'x';
        if (!prefixed || std::from_chars(s.data() + 2, end, value, 16).ptr != end || s.size() > 18) expected(form);
        if (value > largest) expected(fmt::format("at most {:#x}", largest));
        return value;
    }
    bool boolean() const {
        if (!j_.is_boolean()) expected("true or false");
        return j_.get<bool>();
    }
    /// Whether `key` is there and true.
    bool flag(std::string_view key) const { return has(key) && (*this)[key].boolean(); }
    u64 integer(u64 lo, u64 hi) const {
        if (!j_.is_number_unsigned() || j_.get<u64>() < lo || j_.get<u64>() > hi)
            expected(fmt::format("an integer from {} to {}", lo, hi));
        return j_.get<u64>();
    }
    Bytes bytes() const {
        constexpr std::string_view form = "bytes in memory order, two hexadecimal digits each";
        const std::string& s = text();
        Bytes out(s.size() / 2);
        if (s.size() % 2 != 0) expected(form);
        for (std::size_t i = 0; i < out.size(); ++i) {
            u8 value = 0;
            if (std::from_chars(&s[2 * i], &s[2 * i] + 2, value, 16).ptr != &s[2 * i] + 2) expected(form);
            out[i] = std::byte{value};
        }
        return out;
    }

private:
    static bool is_word_of(std::string_view words, std::string_view word) {
        for (std::size_t from = 0; (from = words.find(word, from)) != words.npos; ++from) {
            const std::size_t end = from + word.size();
            if ((from == 0 || words[from - 1] == ' ') && (end == words.size() || words[end] == ' ')) return !word.empty();
        }
        return false;
    }
    [[noreturn]] void unknown(std::string_view key, std::string_view known) const {
        std::vector<std::string_view> keys;
        for (std::size_t end = 0; !known.empty(); known.remove_prefix(std::min(end + 1, known.size()))) {
            end = std::min(known.find(' '), known.size());
            keys.push_back(known.substr(0, end));
        }
        const std::string at = path(), guess = base::did_you_mean(key, keys);
        throw VectorError(fmt::format("{}{}nothing here is called '{}'{}", at, at.empty() ? "" : ": ", key,
                                      guess.empty() ? "; there is " + base::join(keys) : guess));
    }
    At(const VectorJson& j, const At* parent, std::string_view key, std::size_t index)
        : j_(j), parent_(parent), key_(key), index_(index) {}
    const VectorJson& j_;
    const At* parent_ = nullptr;
    std::string_view key_;
    std::size_t index_ = 0;
};

/// A little-endian word's address.
inline Spa word_address(const At& at) {
    const Spa address{at.hex()};
    if (!address.is_aligned(8)) at.expected("an address that is a multiple of 8");
    return address;
}
Words read_words(const At& at);
VectorStep read_vector_step(const At& at, unsigned stream_bits);
/// What is expected of one of `steps`.
StepOutcome read_outcome(const At& at, const std::vector<VectorStep>& steps);

} // namespace quiesce::platform
