// SPDX-License-Identifier: Apache-2.0
/// A walker without an agent, whose walks are started by hand.
#pragma once
#include "iommu/core_bench.h"

namespace quiesce::testbench {

inline constexpr Iova page_a{0x1234'5678'9000}, page_b{0x1234'5678'a000};

struct WalkBench : CoreBench {
    InFlightTracker transactions_inside, walks;
    OccurrenceTap occurrences;
    InvalidationConfig invalidation;
    InvalidationEngine engine{"iommu0", bus, transactions_inside, invalidation};
    std::optional<Walker> built_walker;
    struct Walked {
        bool done = false;
        Time at{};
        WalkResult result{};
    };
    std::deque<Walked> walked;

    Walker& walker() {
        if (!built_walker) built_walker.emplace("iommu0", bus, memory, engine, walks, occurrences, config.walker);
        return *built_walker;
    }
    Context& context() { return architecture.contexts[{1, 5}]; }
    Walked& begin_walk(TranslationRequest r) {
        walker();
        walked.emplace_back();
        sim::start(note(r, walked.back()));
        return walked.back();
    }
    Task<void> note(TranslationRequest r, Walked& w) {
        w.result = co_await walker().walk(r, context());
        w.at = sim::now();
        w.done = true;
    }
    WalkResult walk_once(TranslationRequest r) {
        Walked& w = begin_walk(r);
        settle();
        return w.result;
    }
    Duration time_of(TranslationRequest r) {
        const Time begun = sim::now();
        Walked& w = begin_walk(r);
        settle();
        return w.at - begun;
    }
};

} // namespace quiesce::testbench
