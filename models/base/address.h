// SPDX-License-Identifier: Apache-2.0
/// Addresses and ids as types: an address of one space does not convert to another, and an id has no arithmetic.
#pragma once
#include "base/types.h"

#include <compare>
#include <cstddef>
#include <functional>
#include <type_traits>

namespace quiesce::base {

inline constexpr u64 page_size = 4096;
inline constexpr unsigned page_shift = 12;

/// A byte address in one address space. Arithmetic wraps at 2^64, as the hardware's does.
template <class Space>
class Address {
public:
    constexpr Address() = default;
    explicit constexpr Address(u64 value) : value_(value) {}
    constexpr u64 value() const { return value_; }

    constexpr auto operator<=>(const Address&) const = default;
    constexpr Address operator+(u64 bytes) const { return Address{value_ + bytes}; }
    constexpr Address operator-(u64 bytes) const { return Address{value_ - bytes}; }
    constexpr u64 operator-(Address other) const { return value_ - other.value_; }
    constexpr Address& operator+=(u64 bytes) { value_ += bytes; return *this; }
    constexpr Address& operator-=(u64 bytes) { value_ -= bytes; return *this; }

    /// Number of the 4 KiB page, and the byte within it.
    constexpr u64 page_number() const { return value_ >> page_shift; }
    constexpr u64 page_offset() const { return value_ & (page_size - 1); }

    /// `power` is a power of two, in bytes.
    constexpr Address align_down(u64 power) const { return Address{value_ & ~(power - 1)}; }
    constexpr Address align_up(u64 power) const { return Address{(value_ + power - 1) & ~(power - 1)}; }
    constexpr bool is_aligned(u64 power) const { return (value_ & (power - 1)) == 0; }

private:
    u64 value_ = 0;
};

using Iova = Address<struct IovaSpace>; ///< what a device puts on the bus
using Gpa = Address<struct GpaSpace>;   ///< intermediate: after stage 1, before stage 2
using Spa = Address<struct SpaSpace>;   ///< what memory decodes
using Va = Address<struct VaSpace>;     ///< what a CPU thread of a process uses

/// Shared virtual addressing in one line: the device uses the process's own addresses. Written out where it is meant.
constexpr Iova iova_of(Va va) { return Iova{va.value()}; }
constexpr Va va_of(Iova iova) { return Va{iova.value()}; }
/// With no stage 2, an intermediate address is a system address.
constexpr Spa spa_of(Gpa gpa) { return Spa{gpa.value()}; }

enum class StreamId : u32 {};
enum class Pasid : u32 {};
enum class Asid : u16 {};
enum class Vmid : u16 {};
enum class BondId : u32 {}; ///< one binding of one device to one mm; 0 is no bond
enum class MmId : u32 {};   ///< 0 is no mm
enum class ProcessId : u32 {};
enum class DeviceId : u16 {};    ///< dense index of an endpoint, from 0
enum class RequesterId : u16 {}; ///< PCIe bus:device.function
enum class FrameNumber : u64 {}; ///< system address >> 12

inline constexpr BondId no_bond{0};
inline constexpr MmId no_mm{0};

/// The number inside an id (or any enumerator), in its own width.
template <class E>
    requires std::is_enum_v<E>
constexpr auto raw(E id) { return static_cast<std::underlying_type_t<E>>(id); }

constexpr FrameNumber frame_of(Spa at) { return FrameNumber{at.page_number()}; }
constexpr Spa spa_of(FrameNumber frame) { return Spa{raw(frame) << page_shift}; }

/// `bytes` bytes from `first` on; empty when `bytes` is zero. Works with differences, not ends, so that the top of the
/// space is no special case.
struct IovaRange {
    Iova first{};
    u64 bytes = 0;

    constexpr bool operator==(const IovaRange&) const = default;
    constexpr bool empty() const { return bytes == 0; }
    /// The last byte inside; meaningless for an empty range.
    constexpr Iova last() const { return first + (bytes - 1); }
    constexpr bool contains(Iova at) const { return at - first < bytes; }
    constexpr bool contains(const IovaRange& other) const {
        return !other.empty() && contains(other.first) && other.bytes <= bytes - (other.first - first);
    }
    constexpr bool overlaps(const IovaRange& other) const {
        return !empty() && !other.empty() && (contains(other.first) || other.contains(first));
    }
};

} // namespace quiesce::base

template <class Space>
struct std::hash<quiesce::base::Address<Space>> {
    std::size_t operator()(quiesce::base::Address<Space> at) const noexcept {
        return std::hash<quiesce::u64>{}(at.value());
    }
};
