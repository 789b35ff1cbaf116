// SPDX-License-Identifier: Apache-2.0
/// Causal chains out of events.sqlite: from an event back to what it came from, always by the cause that came last.
#pragma once
#include "observe/sqlite.h"
#include "platform/explain/explain.h"
#include "platform/explain/page.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace quiesce::platform::explain {

class Chains {
public:
    /// `iommu`: as in run.json. Of results without causes, every chain is empty.
    Chains(const std::filesystem::path& file, std::string iommu);

    /// From the first to `event`; with `from`, by way of that event if it can be, and no further back.
    std::vector<Link> to(u64 event, u64 from = 0);
    /// What came about because of it, at once.
    std::vector<Link> effects(u64 event);
    /// What decided about the transactions of a bond from an instant on, or about one transaction.
    std::vector<Decision> decided_for_bond(u64 bond, i64 from_ps);
    std::vector<Decision> decided_for_transaction(u64 transaction);
    /// What an object came to, in the order of time, as StateChanged has it.
    struct State {
        i64 at_ps;
        std::string state;
    };
    std::vector<State> states(const std::string& what);
    /// Which ids there are next to one that is not.
    std::string near(u64 event);
    bool has(u64 event);
    const std::string& iommu() const { return iommu_; }

private:
    std::optional<Link> link(u64 event);
    std::set<u64> between(u64 from, u64 event);
    std::vector<Decision> decisions(const char* where, u64 one, i64 two);
    std::unique_ptr<observe::Database> db_; ///< null: there are none
    std::string iommu_;
};

} // namespace quiesce::platform::explain
