// SPDX-License-Identifier: Apache-2.0
/// A list of values of different types, made for tens of them. std::tuple tries every constructor against every element,
/// which costs seconds in each file that sees a structure's fields.
#pragma once
#include <cstddef>
#include <utility>

namespace quiesce::base {

namespace detail {
template <std::size_t, class Item>
struct Slot {
    Item item;
};
template <class Indices, class... Items>
struct Slots;
template <std::size_t... I, class... Items>
struct Slots<std::index_sequence<I...>, Items...> : Slot<I, Items>... {
    template <class Function>
    constexpr decltype(auto) apply(Function& f) const { return f(static_cast<const Slot<I, Items>&>(*this).item...); }
};
template <std::size_t I, class Item>
constexpr const Item& item_of(const Slot<I, Item>& slot) { return slot.item; }
} // namespace detail

template <class... Items>
struct List : detail::Slots<std::index_sequence_for<Items...>, Items...> {
    static constexpr std::size_t size = sizeof...(Items);
};

template <class... Items>
constexpr List<Items...> list(const Items&... items) { return {{{items}...}}; }

template <std::size_t I, class... Items>
constexpr const auto& get(const List<Items...>& items) { return detail::item_of<I>(items); }

/// f(item...)
template <class Function, class... Items>
constexpr decltype(auto) apply(Function&& f, const List<Items...>& items) { return items.apply(f); }

} // namespace quiesce::base
