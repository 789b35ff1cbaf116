// SPDX-License-Identifier: Apache-2.0
/// The neighbours of the PCIe and device rooms, as small as they can be: an IOMMU that adds a constant, and a memory of fixed latency.
#pragma once
#include "iommu/translation.h"
#include "memory/atomics.h"
#include "memory/memory_port.h"
#include "sim/wire.h"

#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <vector>

namespace quiesce::stubs {

using namespace sim::literals;

/// Every look-up takes `hit`, those of a slow page longer; system address = input address + offset, for translated
/// requests the input address. Translation requests get every permission. Keeps every question.
class Translator final : public iommu::TranslationPort {
public:
    explicit Translator(sim::Duration hit, u64 offset = 0) : hit_(hit), offset_(offset) {}
    sim::Task<iommu::Translation> translate(iommu::TranslationRequest r) override {
        auto token = in_flight.begin();
        if (keep_questions) questions.push_back(r);
        co_await hit_.pass();
        if (!slow_pages.empty())
            if (const auto slow = slow_pages.find(r.at.page_number()); slow != slow_pages.end()) co_await sim::delay(slow->second);
        iommu::Translation t{iommu::Ending::Grant, Spa{r.at.value() + offset_}, sim::now(), std::move(token)};
        if (r.type == iommu::AddressType::Translated) t.to = Spa{r.at.value()};
        if (r.type == iommu::AddressType::TranslationRequest) t.may = {true, true, false, true};
        if (ending) t.ending = ending(r);
        if (adjust) adjust(r, t);
        if (afterwards != sim::Duration{}) co_await sim::delay(afterwards);
        co_return t;
    }
    sim::Duration hit() const { return hit_.latency(); }

    iommu::InFlightTracker in_flight;
    std::map<u64, sim::Duration> slow_pages;
    std::function<iommu::Ending(const iommu::TranslationRequest&)> ending; ///< empty: everything is granted
    std::function<void(const iommu::TranslationRequest&, iommu::Translation&)>
        adjust; ///< the last word, at the time of the answer
    sim::Duration afterwards{}; ///< from what the look-up found to the answer
    bool keep_questions = false;
    std::vector<iommu::TranslationRequest> questions;

private:
    sim::Stage hit_;
    u64 offset_;
};

/// `bytes` bytes from system address 0 on, each access `latency` after it was asked for, in order.
class Memory final : public memory::MemoryPort {
public:
    struct Commit {
        sim::Time at;
        memory::Request request; ///< `data` is not valid any more
    };
    Memory(sim::Duration latency, std::size_t bytes) : latency_(latency), bytes_(bytes) {}
    void start(const memory::Request&, std::coroutine_handle<> who) override { lane_.push(who, sim::now() + latency_); }
    void commit(memory::Request& r) override {
        if (keep_commits) commits.push_back({sim::now(), r});
        if (on_commit) on_commit(r);
        const bool inside = r.at.value() < bytes_.size() && r.bytes <= bytes_.size() - r.at.value();
        r.status = inside ? memory::Status::Ok : memory::Status::ExternalAbort;
        if (!inside || r.bytes == 0) return;
        if (r.atomic != memory::AtomicOp::None) memory::modify(&bytes_[r.at.value()], r);
        else if (r.write) std::memcpy(&bytes_[r.at.value()], r.data, r.bytes);
        else std::memcpy(r.data, &bytes_[r.at.value()], r.bytes);
    }
    sim::Task<memory::Status> fetch(Spa, std::span<u64>, memory::Origin) override {
        throw std::logic_error("no structures are fetched here");
        co_return memory::Status::ExternalAbort;
    }
    unsigned beat_bytes() const override { return 16; }
    bool peek(Spa at, std::span<std::byte> into) const override {
        std::memcpy(into.data(), &bytes_.at(at.value()), into.size());
        return true;
    }
    bool poke(Spa at, std::span<const std::byte> from) override {
        std::memcpy(&bytes_.at(at.value()), from.data(), from.size());
        return true;
    }
    sim::Duration latency() const { return latency_; }

    bool keep_commits = false;
    std::vector<Commit> commits;
    std::function<void(const memory::Request&)> on_commit;

private:
    sim::Duration latency_;
    std::vector<std::byte> bytes_;
    sim::Lane lane_;
};

} // namespace quiesce::stubs
