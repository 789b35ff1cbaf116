// SPDX-License-Identifier: Apache-2.0
/// Events on disk: what a page, a bond and a teardown went through, and the way of every DMA that went wrong, as rows of an
/// SQLite database (events.sqlite).
///
///     meta(key TEXT PRIMARY KEY, value TEXT)
///     events(id INTEGER PRIMARY KEY, time_ps INTEGER, kind TEXT, bond INTEGER, mm INTEGER, page INTEGER, txn INTEGER, fields TEXT)
///
/// `kind` is the event's name, `fields` a JSON object of all its fields; bond, mm, page (an input address) and txn (a transaction)
/// are NULL where an event has none.
#pragma once
#include "observe/all_events.h"

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace quiesce::observe {

struct StoredEvent {
    sim::Time at{};
    std::string kind;
    std::optional<u64> bond, mm, page, transaction;
    std::string fields; ///< JSON
};

class EventStore {
public:
    /// What happens to address spaces, bonds and their invalidations.
    using Told = base::EventList<memory::FrameTaken, memory::FrameUnmapped, memory::FrameFreed, memory::FrameShared, memory::FrameLeft,
                                 os::BondChanged, os::TeardownTriggered,
                                 os::TeardownStepChanged, os::IommuCommandIssued, os::InvalidationIssued, os::FenceObserved, os::FenceTimedOut,
                                 os::StopSeen, os::MmputReturned, os::PasidChanged, os::FunctionAssigned, os::AtcLeftOpen, os::WorkLost, os::OsViolation,
                                 os::FaultHandled, devices::PageRequestSent, iommu::PageRequestReceived, iommu::PageRequestRecorded,
                                 os::PageRequestEnded, os::PageGroupAnswered, iommu::PageResponseSent, devices::PageResponseHeard,
                                 devices::PageGroupForgotten, iommu::TransactionStalled, iommu::StallRecorded, iommu::StallResolved>;
    /// Where a DMA was, before it committed or faulted.
    using Path = base::EventList<devices::DmaIssued, pcie::TlpSent, devices::RequestArrived, iommu::Translated>;
    static constexpr std::size_t most_rows = 200'000; ///< of those that come later only the number is kept
    /// Rows of ways: the others are not to go short of room because of a flood of DMA.
    static constexpr std::size_t most_way_rows = 50'000;

    /// The ways of transactions that faulted or went wrong are kept, and of those that ended up to `after` behind a T0; with
    /// `every`, of all.
    explicit EventStore(base::EventBus& bus, sim::Duration after = {}, bool every = false);
    /// Whole or not at all. Throws std::runtime_error.
    void write(const std::filesystem::path& file, const std::string& fingerprint) const;
    std::size_t left_out() const { return left_out_; }

private:
    using Step = std::variant<devices::DmaIssued, pcie::TlpSent, devices::RequestArrived, iommu::Translated>;
    void keep(StoredEvent row);
    void committed(sim::Time now, const memory::DmaCommitted& e);
    void keep_way(u64 transaction);
    bool told_in_full(sim::Time now) const { return every_ || now < until_; }
    bool every_;
    sim::Time until_{}; ///< ways are kept
    std::size_t way_rows_ = 0;
    std::vector<StoredEvent> rows_;
    std::size_t left_out_ = 0;
    std::unordered_map<u64, std::vector<std::pair<sim::Time, Step>>> under_way_; ///< by transaction
    std::vector<base::Subscription> tokens_;
};

/// All rows of a database, in the order of their time. Throws std::runtime_error if there is none.
std::vector<StoredEvent> read_events(const std::filesystem::path& file);

} // namespace quiesce::observe
