// SPDX-License-Identifier: Apache-2.0
/// Memory-mapped registers: one row says all of a register, and a file of them stores, masks, counts and calls.
///
///     struct Cr0 : Register<Cr0, 0x20, u32> {
///         static constexpr F<bool> SMMUEN{"SMMUEN", 0, 0}, CMDQEN{"CMDQEN", 3, 3};
///         static constexpr auto fields = layout(SMMUEN, CMDQEN);      // bits in no field are RES0
///     };
///     using Page0 = RegisterMap<Idr0, Cr0, Cr0Ack>;                   // sorted, no overlap: checked
///
/// A register may also declare: `name` (else the type's), `reset_value`, and for mixed rows the field lists
/// `read_only_fields` and `write_1_clear_fields`. Without `fields` every bit is stored.
#pragma once
#include "base/describe.h"
#include "base/structure.h"
#include "base/types.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace quiesce::base {

/// What software's accesses do. The model's own reads and writes are never restricted.
enum class Access : u8 { ReadWrite, ReadOnly, WriteOnly, Write1Clear };
constexpr auto enum_names(Access) {
    return name_table<Access>({{Access::ReadWrite, "RW"}, {Access::ReadOnly, "RO"},
                               {Access::WriteOnly, "WO"}, {Access::Write1Clear, "RW1C"}});
}

/// The value of one 32- or 64-bit register at byte offset `Offset`, with typed fields.
template <class Self, u32 Offset, class T = u32, Access Mode = Access::ReadWrite>
class Register : public FieldHolder<Self, sizeof(T) * 8> {
    static_assert(std::is_same_v<T, u32> || std::is_same_v<T, u64>, "registers are 32 or 64 bits");
    static_assert(Offset % sizeof(T) == 0, "registers are naturally aligned");

public:
    using Value = T;
    static constexpr u32 offset = Offset;
    static constexpr Access access = Mode;

    constexpr T value() const { return static_cast<T>(this->words_[0]); }
    static constexpr Self of(T value) {
        Self made{};
        static_cast<Register&>(made).words_[0] = value;
        return made;
    }
};

namespace detail {

template <class R>
constexpr std::string_view register_name() {
    if constexpr (requires { std::string_view{R::name}; }) return R::name;
    else return type_name<R>();
}
template <class R>
constexpr u64 defined_bits() {
    if constexpr (requires { R::fields; }) return mask_of(R::fields);
    else return low_bits(sizeof(typename R::Value) * 8);
}
template <class R>
constexpr u64 clearable_bits() {
    if constexpr (R::access == Access::Write1Clear) return defined_bits<R>();
    else if constexpr (requires { R::write_1_clear_fields; }) return mask_of(R::write_1_clear_fields);
    else return 0;
}
template <class R>
constexpr u64 writable_bits() {
    constexpr u64 plain = defined_bits<R>() & ~clearable_bits<R>();
    if constexpr (R::access == Access::ReadOnly || R::access == Access::Write1Clear) return 0;
    else if constexpr (requires { R::read_only_fields; }) return plain & ~mask_of(R::read_only_fields);
    else return plain;
}
template <class R>
constexpr u64 reset_bits() {
    if constexpr (requires { R::reset_value; }) return R::reset_value;
    else return 0;
}

} // namespace detail

/// A register as the bus sees it.
struct RegisterEntry {
    std::string_view name;
    u32 offset;
    u32 bytes;
    Access access;
    u64 defined;   ///< bits in some field
    u64 writable;  ///< bits software writes
    u64 clearable; ///< bits software clears by writing one
    u64 reset;
};

/// A register as documentation sees it.
struct FieldRow {
    std::string_view name;
    unsigned msb;
    unsigned lsb;
};
struct RegisterRow {
    std::string_view name;
    u32 offset;
    unsigned width_bits;
    Access access;
    std::vector<FieldRow> fields;
};

template <class R>
RegisterRow register_row() {
    RegisterRow row{detail::register_name<R>(), R::offset, sizeof(typename R::Value) * 8, R::access, {}};
    if constexpr (requires { R::fields; }) {
        base::apply([&](const auto&... field) { (row.fields.push_back({field.name(), field.msb(), field.lsb()}), ...); },
                   R::fields);
    }
    return row;
}

/// The registers may stand in one map in this order.
template <class... Regs>
constexpr bool sorted_without_overlap() {
    u64 end = 0;
    return ((Regs::offset >= std::exchange(end, u64{Regs::offset} + sizeof(typename Regs::Value))) && ...);
}

/// The registers of one page, in order of offset.
template <class... Regs>
class RegisterMap {
public:
    static constexpr std::size_t count = sizeof...(Regs);
    static constexpr std::array<RegisterEntry, count> entries{RegisterEntry{
        detail::register_name<Regs>(), Regs::offset, sizeof(typename Regs::Value), Regs::access,
        detail::defined_bits<Regs>(), detail::writable_bits<Regs>(), detail::clearable_bits<Regs>(),
        detail::reset_bits<Regs>()}...};

    template <class R>
    static constexpr bool has = (std::is_same_v<R, Regs> || ...);

    template <class R>
    static constexpr std::size_t index_of() {
        static_assert(has<R>, "no such register in this map");
        std::size_t at = 0;
        (void)((std::is_same_v<R, Regs> || (++at, false)) || ...);
        return at;
    }
    /// The register that holds the byte at `offset`.
    static constexpr std::optional<std::size_t> find(u32 offset) {
        const auto begins_after = [](u32 at, const RegisterEntry& entry) { return at < entry.offset; };
        const auto after = std::upper_bound(entries.begin(), entries.end(), offset, begins_after);
        if (after == entries.begin()) return std::nullopt;
        const auto& entry = *(after - 1);
        if (offset - entry.offset >= entry.bytes) return std::nullopt;
        return static_cast<std::size_t>(after - 1 - entries.begin());
    }
    static std::vector<RegisterRow> rows() { return {register_row<Regs>()...}; }

private:
    static_assert(sorted_without_overlap<Regs...>(), "registers must be sorted by offset and must not overlap");
};

/// Accesses to an offset where no register is modelled.
struct UnknownAccess {
    u32 offset;
    u64 reads = 0;
    u64 writes = 0;
};

/// The registers of `Map` with their contents. `read`/`write`/`get`/`set` are the model's own: no masks, no hooks.
/// `bus_read`/`bus_write` are software's: access rules, RES0, hooks. An offset that no row claims reads as zero,
/// ignores writes and is listed by `unknown()`.
template <class Map>
class RegisterFile {
public:
    struct Counts {
        u64 reads = 0;
        u64 writes = 0;
        u64 reserved_writes = 0;  ///< writes that set a RES0 bit
        u64 read_only_writes = 0; ///< writes to a register that software cannot write
    };

    RegisterFile() { reset(); }
    RegisterFile(const RegisterFile&) = delete;
    RegisterFile& operator=(const RegisterFile&) = delete;

    /// Contents to their reset values; hooks and counters stay.
    void reset() {
        for (std::size_t i = 0; i < Map::count; ++i) values_[i] = Map::entries[i].reset;
    }

    template <class R>
    R read() const { return R::of(static_cast<typename R::Value>(values_[Map::template index_of<R>()])); }
    template <class R>
    void write(R value) { values_[Map::template index_of<R>()] = value.value(); }
    /// One field; the field knows its register: `regs.get(Cr0::SMMUEN)`.
    template <class R, class T, unsigned Bits>
    T get(const Field<R, T, Bits>& field) const { return read<R>().get(field); }
    template <class R, class T, unsigned Bits>
    void set(const Field<R, T, Bits>& field, std::type_identity_t<T> value) { write(read<R>().set(field, value)); }

    /// `call(R now, R before)` or `call(R now)` after each bus write that the register accepts, the new value being
    /// stored already; also when nothing changed. A 4-byte half of a 64-bit register is a write of its own. Bound once.
    template <class R, class Call>
    void on_write(Call call) {
        bind(write_hooks_[Map::template index_of<R>()], [call](u64 now, u64 before) mutable {
            const auto value = [](u64 bits) { return R::of(static_cast<typename R::Value>(bits)); };
            if constexpr (std::is_invocable_v<Call&, R, R>) call(value(now), value(before));
            else call(value(now));
        });
    }
    /// `call(R stored)` or `call()` gives the value that a bus read sees. Bound once.
    template <class R, class Call>
    void on_read(Call call) {
        bind(read_hooks_[Map::template index_of<R>()], [call](u64 stored) mutable -> u64 {
            if constexpr (std::is_invocable_r_v<R, Call&>) return call().value();
            else return call(R::of(static_cast<typename R::Value>(stored))).value();
        });
    }

    /// `size` is 4 or 8 bytes, naturally aligned; otherwise nothing happens and there is no value.
    /// MODEL: eight bytes over two 32-bit registers are two accesses, low half first.
    std::optional<u64> bus_read(u32 offset, unsigned size) {
        if (!well_formed(offset, size)) return std::nullopt;
        if (size == 8 && !whole(offset)) {
            const u64 low = read_part(offset, 4);
            return low | read_part(offset + 4, 4) << 32;
        }
        return read_part(offset, size);
    }
    /// False, with no effect, if the access is not 4 or 8 bytes naturally aligned.
    bool bus_write(u32 offset, unsigned size, u64 value) {
        if (!well_formed(offset, size)) return false;
        if (size == 8 && !whole(offset)) {
            write_part(offset, 4, value & low_bits(32));
            write_part(offset + 4, 4, value >> 32);
        } else {
            write_part(offset, size, value & low_bits(size * 8));
        }
        return true;
    }

    template <class R>
    const Counts& counts() const { return counts_[Map::template index_of<R>()]; }
    Counts total() const {
        Counts sum;
        for (const Counts& c : counts_) {
            sum.reads += c.reads;
            sum.writes += c.writes;
            sum.reserved_writes += c.reserved_writes;
            sum.read_only_writes += c.read_only_writes;
        }
        return sum;
    }
    /// Every offset touched where nothing is modelled, in order.
    std::vector<UnknownAccess> unknown() const {
        std::vector<UnknownAccess> list;
        for (const auto& [offset, access] : unknown_) list.push_back(access);
        return list;
    }
    u64 malformed() const { return malformed_; }

private:
    template <class Slot, class Call>
    static void bind(Slot& slot, Call call) {
        if (slot) throw std::logic_error("a register hook is bound once");
        slot = std::move(call);
    }
    bool well_formed(u32 offset, unsigned size) {
        const bool ok = (size == 4 || size == 8) && offset % size == 0;
        malformed_ += !ok;
        return ok;
    }
    /// Eight bytes here are one register.
    static bool whole(u32 offset) {
        const auto at = Map::find(offset);
        return at && Map::entries[*at].bytes == 8;
    }
    UnknownAccess& unknown_at(u32 offset) { return unknown_.try_emplace(offset, UnknownAccess{offset}).first->second; }

    u64 read_part(u32 offset, unsigned size) {
        const auto at = Map::find(offset);
        if (!at) {
            ++unknown_at(offset).reads;
            return 0;
        }
        const RegisterEntry& entry = Map::entries[*at];
        ++counts_[*at].reads;
        u64 value = entry.access == Access::WriteOnly ? 0 : values_[*at];
        if (read_hooks_[*at]) value = read_hooks_[*at](value);
        return (value >> ((offset - entry.offset) * 8)) & low_bits(size * 8);
    }
    void write_part(u32 offset, unsigned size, u64 value) {
        const auto at = Map::find(offset);
        if (!at) {
            ++unknown_at(offset).writes;
            return;
        }
        const RegisterEntry& entry = Map::entries[*at];
        Counts& counts = counts_[*at];
        const unsigned shift = (offset - entry.offset) * 8;
        const u64 lanes = low_bits(size * 8) << shift;
        value <<= shift;
        ++counts.writes;
        if (entry.access == Access::ReadOnly) {
            ++counts.read_only_writes;
            return;
        }
        counts.reserved_writes += (value & ~entry.defined) != 0;
        const u64 before = values_[*at];
        const u64 taken = entry.writable & lanes;
        const u64 now = ((before & ~taken) | (value & taken)) & ~(value & entry.clearable);
        values_[*at] = now;
        if (write_hooks_[*at]) write_hooks_[*at](now, before);
    }

    std::array<u64, Map::count> values_{};
    std::array<Counts, Map::count> counts_{};
    std::array<std::function<void(u64, u64)>, Map::count> write_hooks_{};
    std::array<std::function<u64(u64)>, Map::count> read_hooks_{};
    std::map<u32, UnknownAccess> unknown_;
    u64 malformed_ = 0;
};

} // namespace quiesce::base
