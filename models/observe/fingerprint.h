// SPDX-License-Identifier: Apache-2.0
/// One number that says whether two runs did the same: a hash over the facts and their times, the same on every machine.
#pragma once
#include "observe/all_events.h"
#include "sim/random.h"

#include <concepts>
#include <string>
#include <type_traits>

namespace quiesce::observe {

/// Hears what a run did at memory, in the IOMMUs and in the operating system. Per-transaction events other than the commit at
/// memory are left out: they decide when and where that commit happens, so nothing can change unseen.
class Fingerprint {
public:
    using Heard = base::EventList<memory::DmaCommitted, memory::FrameTaken, memory::FrameUnmapped, memory::FrameFreed,
                                  iommu::FaultRaised, iommu::CommandConsumed, iommu::InvalidationDone, iommu::FenceSignalled,
                                  iommu::GlobalError, devices::QueueState, os::BondChanged, os::TeardownTriggered,
                                  os::FenceObserved, os::StopSeen, os::ProcessChanged, os::MmputReturned, os::PasidChanged,
                                  os::OsViolation, iommu::PageRequestReceived, iommu::PageResponseSent,
                                  devices::PageResponseHeard, devices::PageGroupForgotten, os::PageRequestEnded,
                                  devices::DescriptorSubmitted, devices::DescriptorEnded, os::UserSubmitted,
                                  os::DeviceReset, os::WorkLost, os::AllocationDelayed, os::OomVictimMarked,
                                  os::OomReapTried, os::OomVictimHidden, memory::FrameShared, memory::FrameLeft>;

    explicit Fingerprint(base::EventBus& bus) {
        tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { hear(now, e); });
    }
    u64 value() const { return sim::mix64(hash_ ^ count_); }
    std::string text() const {
        static constexpr char digits[] = "0123456789abcdef";
        std::string s(16, '0');
        for (unsigned i = 0; i < 16; ++i) s[i] = digits[(value() >> (60 - 4 * i)) & 15];
        return s;
    }
    u64 events() const { return count_; }

private:
    template <class E> void hear(sim::Time now, const E& e) {
        static const u64 kind = base::Name{E::event_name}.stable_hash();
        u64 h = (hash_ ^ kind) * 0x9e3779b97f4a7c15u + static_cast<u64>(now.ps());
        base::for_each_field(e, [&](std::string_view, const auto& v) {
            if constexpr (!base::is_aside<std::remove_cvref_t<decltype(v)>>) h = step(h, number(v));
        });
        hash_ = h ^ (h >> 29);
        ++count_;
    }
    static u64 step(u64 h, u64 v) { return ((h << 7 | h >> 57) ^ v) * 0xbf58476d1ce4e5b9u; }
    template <class V> static u64 number(const V& v) {
        if constexpr (std::is_enum_v<V>) return static_cast<u64>(v);
        else if constexpr (std::integral<V>) return static_cast<u64>(v);
        else if constexpr (std::same_as<V, base::Name>) return v.stable_hash();
        else if constexpr (std::same_as<V, sim::Time>) return static_cast<u64>(v.ps());
        else return v.value();
    }
    u64 hash_ = 0, count_ = 0;
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
