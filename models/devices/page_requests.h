// SPDX-License-Identifier: Apache-2.0
/// A device's page request interface (PCIe Base 10.4; facts/iommu-specs.md 4.3): it asks the host for pages that a
/// translation request did not get, in groups, and waits for their answers.
#pragma once
#include "base/events.h"
#include "base/param.h"
#include "devices/device_space.h"
#include "iommu/merge.h"
#include "pcie/endpoint.h"

#include <map>
#include <memory>
#include <set>
#include <vector>

namespace quiesce::devices {

using namespace sim::literals;

struct PageRequestConfig {
    using P = base::Provenance;
    base::Param<bool> present{false, "the device has a page request interface and uses it when software enables it",
                              P::Guess, "off: the accelerator of the first scenarios pins what it works on"};
    base::Param<unsigned> capacity{64, "page requests outstanding at most (Outstanding Page Request Capacity)",
                                   base::between(1u, pcie::page_request_groups), P::Guess, "as many as there are tags"};
    base::Param<unsigned> per_group{1, "requests in a group at most", base::between(1u, 512u), P::Guess,
                                    "each page a group of its own"};
    base::Param<base::Latency> gather{200_ns, "a group that has room waits so long for further requests of its PASID",
                                      P::Guess, "a few look-ups of the engine"};
    base::Param<unsigned> retries{4, "how often one access asks for its page though the host said that it is there",
                                  base::at_most(1000u), P::Guess, "a page may be taken away again before it is used"};
    base::Param<bool> stop_marker{
        false, "a queue that stops sends a Stop Marker and waits for no answer; false: it waits for all its answers",
        P::Specification, "PCIe Base 10.4.1.2: both ways are allowed"};
};
DESCRIBE(PageRequestConfig, present, capacity, per_group, gather, retries, stop_marker)
static_assert(base::fully_described<PageRequestConfig>);

/// How asking for a page ended.
enum class PageRequestEnding : u8 {
    Granted,   ///< the host says that the page is there: ask for its translation again
    Invalid,   ///< the host says that there is none to be had
    Failed,    ///< Response Failure: the interface has stopped until software enables it anew
    Abandoned, ///< the queue is stopping: nobody wants the page any more
    Off,       ///< software has not enabled the interface, or allows no request
};

class PageRequestInterface {
public:
    /// `endpoint` sends its messages; its configuration space is where software enables it. Off until enable().
    PageRequestInterface(base::Name name, base::EventBus& events, pcie::Endpoint& endpoint,
                         const PageRequestConfig& config);
    PageRequestInterface(const PageRequestInterface&) = delete;

    /// PRI control, E. The allocation is read when it is turned on; groups that were sent before stay outstanding.
    void enable(bool on);
    /// PRI control, Reset, or the function's: every group is forgotten. An answer that still comes is unexpected.
    void reset();
    /// Requests may be sent.
    bool on() const { return enabled_ && !failed_ && allocation_ != 0; }
    unsigned retries() const { return config_.retries.get(); }

    /// Asks for the page of the first byte of `r`: waits for a credit, for the group to be full or old enough, and for
    /// its response. Who asks for a page that is being asked for already shares the answer.
    sim::Task<PageRequestEnding> ask(pcie::DmaRequest r, bool write);
    /// A PRG Response arrived.
    void heard(const pcie::PageGroupAnswer& answer);

    /// Work for the PASID of `r` begins: it may ask again.
    void begin(const pcie::DmaRequest& r) { stopping_.erase(space_of(r)); }
    /// PASID stop, first part (10.4.1.2): nothing new is asked and what is gathered is sent. Waits for the answers or,
    /// with a Stop Marker to follow, marks what is outstanding as stale.
    sim::Task<void> stop(pcie::DmaRequest r);
    /// PASID stop, last part: the Stop Marker, where the device sends one.
    void mark_stopped(const pcie::DmaRequest& r);

    struct Counts {
        u64 requests = 0, groups = 0, stop_markers = 0;
        u64 unexpected = 0; ///< responses to no group that is outstanding
    };
    const Counts& counts() const { return counts_; }
    /// Requests that wait for an answer, stale ones included.
    unsigned outstanding() const { return outstanding_; }

private:
    /// Requests of one PASID and privilege under one index.
    struct Group {
        u16 index = 0;
        u32 space = 0;
        bool sent = false;
        PageRequestEnding ending = PageRequestEnding::Abandoned;
        sim::Latch over;                                      ///< nobody who asked waits any longer
        std::vector<std::pair<pcie::DmaRequest, bool>> pages; ///< and whether to write
    };
    struct Key {
        u32 space;
        u64 page;
        bool write;
        bool operator==(const Key&) const = default;
    };
    using Asking = iommu::Merge<Key, PageRequestEnding>;
    using Groups = std::map<u16, std::shared_ptr<Group>>;

    bool may_ask(u32 space) const { return on() && stopping_.count(space) == 0; }
    sim::Task<PageRequestEnding> ask_alone(pcie::DmaRequest r, bool write);
    std::shared_ptr<Group> gathering(const pcie::DmaRequest& r);
    sim::Task<void> send_later(std::shared_ptr<Group> group);
    void send(Group& group);
    void forget(Groups::iterator group, PageRequestEnding ending);
    void forget_all(PageRequestEnding ending);
    void fail(Groups::iterator answered);
    bool outstanding_for(u32 space) const;
    void level() const;

    base::Name level_name_;
    base::EventBus& events_;
    pcie::Endpoint& endpoint_;
    PageRequestConfig config_;
    bool enabled_ = false, failed_ = false;
    unsigned allocation_ = 0, outstanding_ = 0;
    Groups groups_; ///< by index, until their response
    std::set<u32> stopping_;
    Asking asking_;
    sim::Signal freed_; ///< credits came back, or will not be needed
    Counts counts_;
};

} // namespace quiesce::devices
