// SPDX-License-Identifier: Apache-2.0
#include "observe/milestone_rules.h"

#include "base/text.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::observe {
namespace {
bool always(const Teardown&) { return true; }
/// Another user of the address space may have been the last to drop it.
bool mmput_ran_exit_mmap(const Teardown& t) { return t.mmput_ran_exit_mmap; }

bool nothing_pinned(const Teardown& t) { return !t.pinned; }

std::string after_t0(const Teardown& t, sim::Time at) { return "T0 + " + base::format_duration(at - t.t0); }
} // namespace

const std::vector<MilestoneRule> milestone_rules{
    {"lying-fence", "block_observed", "block",
     "no DMA of the bond may reach memory once the OS relies on the fence that blocks it", always},
    {"inconsistent-milestones", "free_first", "free_last", "the first page is not freed after the last", always},
    {"inconsistent-milestones", "free_last", "exit_mmap", "exit_mmap frees every page of the address space before it returns",
     nothing_pinned},
    {"inconsistent-milestones", "exit_mmap", "mmput", "the mmput that ran exit_mmap returns after it",
     mmput_ran_exit_mmap},
};

std::vector<Inconsistency> inconsistencies(const Teardown& t) {
    std::vector<Inconsistency> found;
    const auto impossible = [&](std::string story) { found.push_back({"inconsistent-milestones", std::move(story)}); };
    for (const MilestoneRule& r : milestone_rules) {
        const auto earlier = t.at(r.earlier), later = t.at(r.later);
        if (earlier && later && r.applies(t) && *earlier > *later)
            found.push_back({r.kind, fmt::format("{} at {} is after {} at {}: {}", r.earlier, after_t0(t, *earlier),
                                                 r.later, after_t0(t, *later), r.why)});
    }
    for (const auto& [name, at] : t.milestones)
        if (at < t.t0) impossible(fmt::format("{} is before T0", name));
    for (const std::string& name : t.open)
        if (t.at(name)) impossible(name + " is both reached and open");
    if (t.quiesce.has_value() != (t.at("block") && t.at("stop") && t.at("drain")))
        impossible("quiesce exists only with block, stop and drain, and always then");
    if (t.quiesce)
        for (const char* part : {"block", "stop", "drain", "last_seen"})
            if (const auto at = t.at(part); at && *at > t.t0 + *t.quiesce)
                impossible(std::string{part} + " is after quiesce");
    return found;
}

} // namespace quiesce::observe
