// SPDX-License-Identifier: Apache-2.0
#include "observe/trail.h"

#include "observe/all_events.h"
#include "sim/random.h"

#include <algorithm>

namespace quiesce::observe {
namespace {
/// What any architecture does with a process, an address space, a bond and a device.
using NeutralEvents =
    base::EventList<os::ProcessChanged, os::MmputReturned, os::FatalSignal, os::BindRefused, os::BondChanged, os::TeardownTriggered,
                    os::StopSeen, os::WorkLost, os::PasidChanged, os::PasidRefused, os::OomVictimMarked, os::DeviceReset,
                    os::FunctionAssigned, os::OsViolation, devices::QueueState, devices::DeviceHalted>;
/// Of these, what is another number in every other run: where it was, when it began, what it was counted as.
constexpr std::string_view incidental[] = {"span", "at", "since", "first", "page", "frame", "context"};
/// Whom an event is about: the first of these that it has.
constexpr std::string_view lane_fields[] = {"queue", "bond", "process", "thread", "mm", "device", "driver"};

template <class V> u64 trail_number(const V& v) {
    if constexpr (std::is_enum_v<V>) return static_cast<u64>(v);
    else if constexpr (std::integral<V>) return static_cast<u64>(v);
    else if constexpr (std::same_as<V, base::Name>) return v.stable_hash();
    else if constexpr (std::same_as<V, sim::Time>) return static_cast<u64>(v.ps());
    else return v.value();
}

template <class V> nlohmann::ordered_json trail_json(const V& v) {
    if constexpr (std::same_as<V, base::Name>) return std::string{v.text()};
    else if constexpr (std::same_as<V, bool>) return v;
    else if constexpr (std::same_as<V, sim::Time>) return v.ps();
    else if constexpr (base::NamedEnum<V>) return std::string{base::enum_text(v)};
    else return trail_number(v);
}

template <class E> TrailEvent told_of(u64 number, sim::Time now, const E& e) {
    TrailEvent t{number, now.ps(), std::string{E::event_name}, nlohmann::ordered_json::object()};
    base::for_each_field(e, [&](std::string_view name, const auto& v) {
        if constexpr (!base::is_aside<std::remove_cvref_t<decltype(v)>>) t.fields[std::string{name}] = trail_json(v);
    });
    return t;
}

std::string lane_of(const TrailEvent& t) {
    for (const std::string_view field : lane_fields) {
        const auto found = t.fields.find(std::string{field});
        if (found == t.fields.end() || *found == 0) continue;
        return std::string{field} + " " + (found->is_string() ? found->get<std::string>() : found->dump());
    }
    return "the machine";
}

template <class List> struct Without;
template <class... E> struct Without<base::EventList<E...>> {
    template <class X> static constexpr bool has = (std::same_as<X, E> || ...);
};
} // namespace

Trail::Trail(base::EventBus& bus, std::set<u64> told) : wanted_(std::move(told)) {
    tokens_ = base::for_each_event<AllEvents>(bus, [this](sim::Time now, const auto& e) {
        using E = std::remove_cvref_t<decltype(e)>;
        if constexpr (Without<NeutralEvents>::has<E>) hear_neutral(now, e);
        if constexpr (std::same_as<E, memory::DmaCommitted>) hear_wrong(now, e);
        if constexpr (!Without<GenericEvents>::has<E>) hear(now, e);
    });
}

template <class E> void Trail::hear(sim::Time now, const E& e) {
    static const u64 kind = base::Name{E::event_name}.stable_hash();
    u64 h = sim::mix64(digest_ ^ kind) + static_cast<u64>(now.ps());
    base::for_each_field(e, [&](std::string_view, const auto& v) {
        if constexpr (!base::is_aside<std::remove_cvref_t<decltype(v)>>) h = ((h << 7 | h >> 57) ^ trail_number(v)) * 0xbf58476d1ce4e5b9u;
    });
    digest_ = h ^ (h >> 29);
    if (!wanted_.empty() && wanted_.count(count_ / chunk) != 0) events_.push_back(told_of(count_, now, e));
    if (++count_ % chunk == 0) digests_.push_back(digest_);
}

template <class E> void Trail::hear_neutral(sim::Time now, const E& e) {
    TrailEvent t = told_of(count_, now, e);
    for (const std::string_view field : incidental) t.fields.erase(std::string{field});
    std::string lane = lane_of(t);
    lanes_[std::move(lane)].push_back(std::move(t));
}

/// DMA that must not be, once for each kind and bond: how often is a matter of time.
void Trail::hear_wrong(sim::Time now, const memory::DmaCommitted& e) {
    if (e.verdict <= memory::Verdict::AfterUnmap || !wrong_.emplace(e.bond, e.verdict).second) return;
    TrailEvent t{count_, now.ps(), std::string{e.event_name}, {{"bond", trail_json(e.bond)}, {"verdict", trail_json(e.verdict)}}};
    std::string lane = lane_of(t);
    lanes_[std::move(lane)].push_back(std::move(t));
}

std::vector<u64> Trail::digests() const {
    std::vector<u64> all = digests_;
    all.push_back(digest_);
    return all;
}

} // namespace quiesce::observe
