// SPDX-License-Identifier: Apache-2.0
/// The first event at which two runs part.
///
/// On one architecture runs are held against each other event by event: the first one that is another, or comes at another time.
/// Whatever the architecture, they are in a second way: what happens to each process, address space, bond and device queue, in
/// order (observe::Trail::lanes), without its times, addresses and whatever an IOMMU is told. That is what must be the same if
/// two runs are the same story.
#pragma once
#include "observe/trail.h"
#include "platform/compare/variants.h"

#include <functional>
#include <optional>

namespace quiesce::platform::comparison {

/// What of one run is needed. `scenario` gives it as it ran.
struct Followed {
    std::string name;
    std::function<std::unique_ptr<Scenario>()> scenario;
    std::filesystem::path dir;   ///< of its results: ids of events are looked up there
    std::filesystem::path trail; ///< where its trail is, or is to be left
    std::string iommu, fingerprint;
};

struct Parting {
    std::optional<observe::TrailEvent> reference, other; ///< nothing: it has ended before
    std::string lane;                                    ///< of the second way
    std::optional<u64> reference_id, other_id;           ///< in events.sqlite, where that has it
};
struct Divergence {
    std::string name, reference;
    std::optional<Parting> event; ///< the first way
    std::optional<Parting> doing; ///< the second way
    bool same_architecture = true;
    std::string unknown; ///< why nothing can be said
};

/// Each of the others against the first. Simulates again what it takes, `jobs` at a time.
std::vector<Divergence> find_divergences(const std::vector<Followed>& runs, unsigned jobs);
void print_divergences(const std::vector<Divergence>& all);
Json to_json(const std::vector<Divergence>& all);
/// "teardown step changed: bond 1, by app0/0, step unbind"
std::string in_words(const observe::TrailEvent& e);

} // namespace quiesce::platform::comparison
