// SPDX-License-Identifier: Apache-2.0
/// A struct described once, next to its declaration, is walked by logs, waveforms, configuration readers and
/// documentation. `DESCRIBE(Type, members...)` stands at namespace scope after the struct; Boost.Describe and PFR are
/// newer than Boost 1.74.
#pragma once
#include "base/list.h"
#include "base/types.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace quiesce::base {

/// One row of a description: the member's name and where it is.
template <class Owner, class Member>
struct DescribedField {
    using type = Member;
    std::string_view name;
    Member Owner::*pointer;
};

/// Has a DESCRIBE for exactly this type; a base class's description does not count.
template <class T>
concept Described = requires { quiesce_describe(std::type_identity<std::remove_cv_t<T>>{}); };

/// The rows of `T`, a constexpr List of DescribedField in the order of the DESCRIBE.
template <Described T>
inline constexpr auto described = quiesce_describe(std::type_identity<std::remove_cv_t<T>>{});

template <Described T>
inline constexpr std::size_t field_count = std::remove_cvref_t<decltype(described<T>)>::size;

/// Calls `f(name, value)` for each described member, in order; `value` is a reference into `object`.
template <class T, class F>
    requires Described<std::remove_reference_t<T>>
constexpr void for_each_field(T&& object, F&& f) {
    base::apply([&](const auto&... row) { (f(row.name, object.*(row.pointer)), ...); },
               described<std::remove_cvref_t<T>>);
}

/// Calls `f(name, std::type_identity<member type>)` for each described member: a walk that needs no object.
template <Described T, class F>
constexpr void for_each_field_type(F&& f) {
    base::apply([&](const auto&... row) {
        (f(row.name, std::type_identity<typename std::remove_cvref_t<decltype(row)>::type>{}), ...);
    }, described<T>);
}

namespace detail {

struct AnyValue {
    template <class U>
    operator U() const; // never called
};

template <class T, class... Members>
constexpr bool takes_exactly() {
    if constexpr (!std::is_aggregate_v<T>) return false;
    else if constexpr (sizeof...(Members) == 0) return std::is_empty_v<T>;
    else if constexpr (!requires { T{std::declval<Members>()...}; }) return false;
    // One initialiser more than described: accepted only if a member was left out. `{}` serves types that AnyValue
    // makes ambiguous (std::optional), AnyValue serves types without a default constructor.
    else return !requires { T{std::declval<Members>()..., {}}; } &&
                !requires { T{std::declval<Members>()..., AnyValue{}}; };
}

template <class T, class... Rows>
constexpr bool is_complete(std::type_identity<List<Rows...>>) {
    return takes_exactly<T, typename Rows::type...>();
}

template <class T>
constexpr bool describes_every_member() {
    if constexpr (Described<T>) return is_complete<T>(std::type_identity<std::remove_cv_t<decltype(described<T>)>>{});
    else return false;
}

} // namespace detail

/// Every member is described, in the order of declaration: `T` is an aggregate that takes exactly the described types.
/// Aggregates with base classes or C arrays are not recognised (use std::array). Write it below each DESCRIBE:
/// `static_assert(fully_described<T>);`
template <class T>
inline constexpr bool fully_described = detail::describes_every_member<T>();

/// The unqualified name of a type, as the compiler spells it.
template <class T>
constexpr std::string_view type_name() {
    std::string_view name = __PRETTY_FUNCTION__; // "... [with T = a::b::Cr0; ...]" or "... [T = a::b::Cr0]"
    name.remove_prefix(name.find("T = ") + 4);
    name = name.substr(0, name.find_first_of(";]"));
    if (const auto scope = name.substr(0, name.find('<')).rfind("::"); scope != std::string_view::npos) {
        name.remove_prefix(scope + 2);
    }
    return name;
}

/// One row of an enum's name table.
template <class E>
struct EnumName {
    E value;
    std::string_view name;
};

/// Writes an enum's name table, in the enum's own namespace:
/// `constexpr auto enum_names(Order) { return name_table<Order>({{Order::Fifo, "fifo"}, {Order::Lifo, "lifo"}}); }`
template <class E, std::size_t N>
constexpr std::array<EnumName<E>, N> name_table(const EnumName<E> (&rows)[N]) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<EnumName<E>, N>{rows[I]...};
    }(std::make_index_sequence<N>{});
}

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) { enum_names(e); };

/// The name in the table; empty for a value that is in no row.
template <NamedEnum E>
constexpr std::string_view enum_text(E value) {
    for (const auto& row : enum_names(value)) {
        if (row.value == value) return row.name;
    }
    return {};
}

template <NamedEnum E>
constexpr std::optional<E> enum_from(std::string_view name) {
    for (const auto& row : enum_names(E{})) {
        if (row.name == name) return row.value;
    }
    return std::nullopt;
}

} // namespace quiesce::base

#define QUIESCE_PARENS ()
#define QUIESCE_EXPAND1(...) __VA_ARGS__
#define QUIESCE_EXPAND4(...) QUIESCE_EXPAND1(QUIESCE_EXPAND1(QUIESCE_EXPAND1(QUIESCE_EXPAND1(__VA_ARGS__))))
#define QUIESCE_EXPAND16(...) QUIESCE_EXPAND4(QUIESCE_EXPAND4(QUIESCE_EXPAND4(QUIESCE_EXPAND4(__VA_ARGS__))))
#define QUIESCE_EXPAND(...) QUIESCE_EXPAND16(QUIESCE_EXPAND16(QUIESCE_EXPAND16(QUIESCE_EXPAND16(__VA_ARGS__))))
#define QUIESCE_ROW(Type, member, ...)                                                                                 \
    ::quiesce::base::DescribedField<Type, decltype(Type::member)>{#member, &Type::member}                             \
    __VA_OPT__(, QUIESCE_ROW_AGAIN QUIESCE_PARENS(Type, __VA_ARGS__))
#define QUIESCE_ROW_AGAIN() QUIESCE_ROW

/// DESCRIBE(Type, member, ...): at namespace scope, in the namespace of Type, after its definition. No semicolon
/// needed.
#define DESCRIBE(Type, ...)                                                                                            \
    [[maybe_unused]] constexpr auto quiesce_describe(std::type_identity<Type>) {                                       \
        return ::quiesce::base::list(__VA_OPT__(QUIESCE_EXPAND(QUIESCE_ROW(Type, __VA_ARGS__))));                       \
    }
