// SPDX-License-Identifier: Apache-2.0
/// In-memory structures as the manual's table: fields with whole-structure bit numbers that know which structure they
/// are of.
///
///     struct Ste : Structure<Ste, 64> {
///         static constexpr F<bool>  V           {"V",             0,   0};
///         static constexpr FA<Spa>  S1ContextPtr{"S1ContextPtr", 55,   6};   // address bits 55:6, kept in place
///         static constexpr F<Vmid>  S2VMID      {"S2VMID",      143, 128};
///         static constexpr auto fields = layout(V, S1ContextPtr, S2VMID);
///         static_assert(disjoint(fields));
///     };
#pragma once
#include "base/list.h"
#include "base/types.h"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace quiesce::base {

/// Bits `msb` down to `lsb`, numbered over the whole structure.
struct BitRange {
    unsigned msb = 0;
    unsigned lsb = 0;
    constexpr unsigned width() const { return msb - lsb + 1; }
    constexpr unsigned word() const { return lsb / 64; }
    constexpr unsigned shift() const { return lsb % 64; }
};

constexpr u64 low_bits(unsigned width) { return width >= 64 ? ~u64{0} : (u64{1} << width) - 1; }

namespace detail {

template <class T>
concept AddressLike = requires(const T& a) { { a.value() } -> std::same_as<u64>; T{u64{}}; };

template <class T>
constexpr u64 to_bits(T value) {
    static_assert(AddressLike<T> || std::is_enum_v<T> || std::is_unsigned_v<T>, "unsigned, bool, enum or address");
    if constexpr (AddressLike<T>) return value.value();
    else return static_cast<u64>(value);
}
template <class T>
constexpr T from_bits(u64 bits) {
    if constexpr (AddressLike<T>) return T{bits};
    else return static_cast<T>(bits);
}

} // namespace detail

/// A field of `Owner`, which has `Bits` bits, holding a `T`. Declare it `static constexpr`: an impossible field
/// (straddling a 64-bit word, outside the structure, wider than T) then does not compile. A field that the manual
/// itself splits is declared by its parts, least significant first: `F<> Root{"Root", {{60, 58}, {79, 64}}}`.
template <class Owner, class T, unsigned Bits>
class Field {
public:
    using owner = Owner;
    using value_type = T;
    static constexpr unsigned structure_bits = Bits;
    static constexpr unsigned max_parts = 4;
    static constexpr unsigned type_width = std::is_same_v<T, bool> ? 1 : sizeof(T) * 8;

    constexpr Field(std::string_view name, unsigned msb, unsigned lsb) : Field(name, {{msb, lsb}}) {}
    constexpr Field(std::string_view name, std::initializer_list<BitRange> parts) : name_(name) {
        if (parts.size() == 0 || parts.size() > max_parts) throw std::logic_error("a field has one to four parts");
        for (const BitRange& part : parts) {
            if (part.msb < part.lsb) throw std::logic_error("msb is below lsb");
            if (part.msb >= Bits) throw std::logic_error("field lies outside its structure");
            if (part.msb / 64 != part.lsb / 64) throw std::logic_error("field straddles a word: declare its parts");
            parts_[count_++] = part;
            width_ += part.width();
        }
        if (width_ > 64) throw std::logic_error("field is wider than 64 bits");
        if (width_ > type_width) throw std::logic_error("field is wider than its type");
    }

    constexpr std::string_view name() const { return name_; }
    constexpr unsigned width() const { return width_; }
    constexpr unsigned lsb() const { return parts_[0].lsb; }
    constexpr unsigned msb() const { return parts_[count_ - 1].msb; }
    constexpr std::span<const BitRange> parts() const { return {parts_.data(), count_}; }

    /// The bits of 64-bit word `word` that belong to this field.
    constexpr u64 mask(unsigned word) const {
        u64 bits = 0;
        for (const BitRange& part : parts()) {
            if (part.word() == word) bits |= low_bits(part.width()) << part.shift();
        }
        return bits;
    }
    constexpr T extract(const u64* words) const {
        u64 bits = 0;
        unsigned at = 0;
        for (const BitRange& part : parts()) {
            bits |= ((words[part.word()] >> part.shift()) & low_bits(part.width())) << at;
            at += part.width();
        }
        return detail::from_bits<T>(bits << scale_);
    }
    /// Throws std::out_of_range if the value has bits that the field cannot hold: the caller's mistake, never a
    /// guest's.
    constexpr void deposit(u64* words, T value) const {
        u64 bits = detail::to_bits(value);
        if ((bits & ~(low_bits(width_) << scale_)) != 0) {
            throw std::out_of_range(std::string(name_) + ": value does not fit the field");
        }
        bits >>= scale_;
        for (const BitRange& part : parts()) {
            const u64 hole = low_bits(part.width()) << part.shift();
            u64& word = words[part.word()];
            word = (word & ~hole) | ((bits << part.shift()) & hole);
            bits = part.width() == 64 ? 0 : bits >> part.width();
        }
    }

protected:
    constexpr void scale_by(unsigned bits) {
        if (width_ + bits > 64) throw std::logic_error("address field reaches beyond bit 63");
        scale_ = bits;
    }

private:
    std::string_view name_;
    std::array<BitRange, max_parts> parts_{};
    unsigned count_ = 0;
    unsigned width_ = 0;
    unsigned scale_ = 0;
};

/// An address kept at its own bit positions: a field 55:6 of a word holds address bits 55:6, and the value is the
/// address. `lowest` names the address bit held by the field's least significant bit where that is not its position in
/// the word.
template <class Owner, class A, unsigned Bits>
class AddressField : public Field<Owner, A, Bits> {
    using Base = Field<Owner, A, Bits>;

public:
    constexpr AddressField(std::string_view name, unsigned msb, unsigned lsb)
        : AddressField(name, msb, lsb, lsb % 64) {}
    constexpr AddressField(std::string_view name, unsigned msb, unsigned lsb, unsigned lowest) : Base(name, msb, lsb) {
        this->scale_by(lowest);
    }
    constexpr AddressField(std::string_view name, std::initializer_list<BitRange> parts, unsigned lowest)
        : Base(name, parts) {
        this->scale_by(lowest);
    }
};

/// The list of a structure's fields, in the manual's order.
template <class... Fields>
constexpr auto layout(const Fields&... fields) { return list(fields...); }

/// No bit belongs to two fields.
template <class... Fields>
constexpr bool disjoint(const List<Fields...>& fields) {
    constexpr unsigned words = (std::max({0u, Fields::structure_bits...}) + 63) / 64;
    std::array<u64, words> seen{};
    bool ok = true;
    base::apply([&](const auto&... field) {
        const auto claim = [&](const auto& f) {
            for (unsigned w = 0; w < words; ++w) {
                ok = ok && (seen[w] & f.mask(w)) == 0;
                seen[w] |= f.mask(w);
            }
        };
        (claim(field), ...);
    }, fields);
    return ok;
}

/// Bits of word `word` that belong to some field of the list.
template <class... Fields>
constexpr u64 mask_of(const List<Fields...>& fields, unsigned word = 0) {
    return base::apply([&](const auto&... field) { return (u64{0} | ... | field.mask(word)); }, fields);
}

/// What structures and registers share: words of bits, seen through fields of `Self` only.
template <class Self, unsigned Bits>
class FieldHolder {
public:
    template <class T = u64>
    using F = Field<Self, T, Bits>;
    template <class A = u64>
    using FA = AddressField<Self, A, Bits>;

    template <class T>
    constexpr T get(const Field<Self, T, Bits>& field) const { return field.extract(words_.data()); }
    /// Throws std::out_of_range if `value` does not fit.
    template <class T>
    constexpr Self& set(const Field<Self, T, Bits>& field, std::type_identity_t<T> value) {
        field.deposit(words_.data(), value);
        return static_cast<Self&>(*this);
    }
    /// A copy with one field changed.
    template <class T>
    constexpr Self with(const Field<Self, T, Bits>& field, std::type_identity_t<T> value) const {
        Self copy = static_cast<const Self&>(*this);
        copy.set(field, value);
        return copy;
    }

    /// Bits of word `word` that belong to no field of `Self::fields` (and exist at all, in a 32-bit register).
    static constexpr u64 reserved_mask(unsigned word = 0) { return low_bits(Bits) & ~mask_of(Self::fields, word); }
    /// Some bit that belongs to no field is set.
    constexpr bool has_reserved_bits() const {
        for (unsigned w = 0; w < words_.size(); ++w) {
            if ((words_[w] & reserved_mask(w)) != 0) return true;
        }
        return false;
    }

    constexpr bool operator==(const FieldHolder&) const = default;

protected:
    std::array<u64, (Bits + 63) / 64> words_{};
};

/// A structure of `Bytes` bytes in memory, little-endian.
template <class Self, unsigned Bytes>
class Structure : public FieldHolder<Self, Bytes * 8> {
    static_assert(Bytes > 0 && Bytes % 8 == 0, "structures are whole 64-bit words");

public:
    static constexpr unsigned byte_count = Bytes;
    static constexpr unsigned word_count = Bytes / 8;
    using Words = std::array<u64, word_count>;

    constexpr const Words& words() const { return this->words_; }
    constexpr u64 word(unsigned i) const { return this->words_.at(i); }
    static constexpr Self from_words(const Words& words) {
        Self made{};
        static_cast<Structure&>(made).words_ = words;
        return made;
    }
    /// Throws std::out_of_range unless there are at least `Bytes` bytes.
    constexpr void to_bytes(std::span<std::byte> to) const {
        if (to.size() < Bytes) throw std::out_of_range("too few bytes for the structure");
        if (!std::is_constant_evaluated() && std::endian::native == std::endian::little) {
            std::memcpy(to.data(), this->words_.data(), Bytes);
            return;
        }
        for (unsigned i = 0; i < Bytes; ++i) to[i] = static_cast<std::byte>(this->words_[i / 8] >> (i % 8 * 8));
    }
    constexpr std::array<std::byte, Bytes> to_bytes() const {
        std::array<std::byte, Bytes> bytes{};
        to_bytes(bytes);
        return bytes;
    }
    /// Throws std::out_of_range unless there are at least `Bytes` bytes.
    static constexpr Self from_bytes(std::span<const std::byte> from) {
        if (from.size() < Bytes) throw std::out_of_range("too few bytes for the structure");
        Words words{};
        if (!std::is_constant_evaluated() && std::endian::native == std::endian::little) {
            std::memcpy(words.data(), from.data(), Bytes);
        } else {
            for (unsigned i = 0; i < Bytes; ++i) words[i / 8] |= static_cast<u64>(from[i]) << (i % 8 * 8);
        }
        return from_words(words);
    }
};

/// Calls `f(name, value)` for each field of `Self::fields`: dumps and documentation.
template <class Self, unsigned Bits, class F>
constexpr void for_each(const FieldHolder<Self, Bits>& holder, F&& f) {
    base::apply([&](const auto&... field) { (f(field.name(), holder.get(field)), ...); }, Self::fields);
}

} // namespace quiesce::base
