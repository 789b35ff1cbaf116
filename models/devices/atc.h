// SPDX-License-Identifier: Apache-2.0
/// An address translation cache: the device's own TLB (PCIe Base 10; facts/iommu-specs.md 4.2). Made of the IOMMU
/// core's cache and invalidation engine, so that it forgets by the same predicate; what it must not promise too early
/// is the same, too.
#pragma once
#include "base/param.h"
#include "devices/page_requests.h"
#include "iommu/cache.h"
#include "iommu/invalidation.h"
#include "iommu/merge.h"
#include "pcie/endpoint.h"

#include <deque>
#include <vector>

namespace quiesce::devices {

using namespace sim::literals;

/// How a device treats invalidations.
enum class AtcManner : u8 {
    Prompt,    ///< forgets, waits for the uses under way, answers
    Slow,      ///< as Prompt, with `answer_delay` before the answer
    Forgetful, ///< answers at once and forgets nothing
    Silent,    ///< forgets and never answers
};
constexpr auto enum_names(AtcManner) {
    return base::name_table<AtcManner>({{AtcManner::Prompt, "prompt"},
                                        {AtcManner::Slow, "slow"},
                                        {AtcManner::Forgetful, "forgetful"},
                                        {AtcManner::Silent, "silent"}});
}

struct AtcConfig {
    using P = base::Provenance;
    base::Param<bool> present{
        false, "the device has an ATC and uses it: it asks for translations and sends translated requests", P::Guess,
        "off: the accelerator of the first scenarios"};
    base::Param<unsigned> entries{128,
                                  "translations kept",
                                  base::between(1u, 1u << 20),
                                  base::power_of_two,
                                  P::Guess,
                                  "devices do not publish theirs"};
    base::Param<unsigned> ways{4,      "ways of the cache", base::between(1u, 1u << 20), base::power_of_two, P::Guess,
                               "usual"};
    base::Param<iommu::Replacement> replacement{iommu::Replacement::Lru, "replacement", P::Guess, "usual"};
    base::Param<base::Latency> lookup{2_ns, "a look-up", P::Guess, "two cycles of a device clock"};
    base::Param<unsigned> requests{32, "translation requests under way at most", base::between(1u, 1024u), P::Guess,
                                   "of the order of the tags"};
    base::Param<unsigned> prefetch{0, "pages after a missed one that the same translation request asks for",
                                   base::at_most(pcie::most_translations - 1), P::Guess, "none"};
    base::Param<AtcManner> manner{AtcManner::Prompt, "how it treats invalidations", P::Specification, "PCIe Base 10.3"};
    base::Param<base::Latency> answer_delay{10_us, "manner slow: from being done to the answer", P::Guess,
                                            "a device that walks its queues first"};
    base::Param<unsigned> traffic_classes{1, "traffic classes in use: as many Invalidate Completions answer a request",
                                          base::between(1u, pcie::InvalidateCompletion::most), P::Guess,
                                          "one; PCIe Base 10.3.1: one completion per class, their number in CC"};
    iommu::InvalidationConfig invalidation;
};
DESCRIBE(AtcConfig, present, entries, ways, replacement, lookup, requests, prefetch, manner, answer_delay,
         traffic_classes, invalidation)
static_assert(base::fully_described<AtcConfig>);

class Atc {
public:
    /// `endpoint` sends its requests and answers. Off until enable().
    Atc(base::Name name, base::EventBus& events, pcie::Endpoint& endpoint, const AtcConfig& config);
    Atc(const Atc&) = delete;

    /// Where a request may go. `use` must be kept until a read was answered or a write has left: invalidations wait for
    /// it.
    struct Found {
        bool granted = false;
        Iova at{};
        iommu::InFlight use{};
    };
    /// Translates the first byte of `r`, which lies in one page. Takes a look-up; on a miss a translation request
    /// besides, shared with others for the same page. A page that is known without the permission is asked for once
    /// more. What the IOMMU then says it may not have is asked of the host as a page, where the device can do that and
    /// `ask_for_page` wants it. Not granted: no such permission, an error, or the ATC is off by now.
    sim::Task<Found> translate(pcie::DmaRequest r, bool write, bool ask_for_page = true);

    /// An Invalidate Request arrived. False while the ATC is off.
    bool invalidate(const pcie::InvalidateRequest& request);
    /// ATS control, E. Everything is forgotten, and answers to earlier requests count for nothing. A translation
    /// request that is answered with Unsupported Request turns the ATC off, too, until software writes E anew.
    void enable(bool on);
    bool enabled() const { return enabled_; }
    /// Asks for pages by it; null: it does not.
    void set_page_requests(PageRequestInterface* pages) { page_requests_ = pages; }

    struct Counts {
        u64 requests = 0;  ///< translation requests sent
        u64 refused = 0;   ///< answered without any permission, or with an error
        u64 discarded = 0; ///< answers that an invalidation had overtaken
        u64 invalidations = 0;
    };
    const Counts& counts() const { return counts_; }
    /// Translation requests under way, and those that wait for a place among them.
    unsigned asking() const { return slots_.used() + slots_.waiting(); }
    std::size_t size() const { return cache_.size(); }
    const iommu::CacheCounts& cache_counts() const { return cache_.counts(); }

private:
    struct Entry {
        Iova to{};
        u64 bytes = page_size;
        bool read = false, write = false;
    };
    struct Key {
        u32 space;
        u64 page;
        bool write;
        bool operator==(const Key&) const = default;
    };
    /// What came back for one page. Nothing: the request was for several, and the answer ended before this one.
    struct Answer {
        bool came = false;
        bool error = false; ///< it says nothing of the page
        Entry entry{};
        u64 since = 0;      ///< the engine's count when the request was sent
        u64 generation = 0; ///< as well
    };
    using Asking = iommu::Merge<Key, Answer>;

    static Key key_of(const pcie::DmaRequest& r, bool write);
    iommu::Tag tag_of(const pcie::DmaRequest& r) const;
    const Entry* usable(const iommu::Tag& wanted, bool write);
    bool holds(const Answer& a, const iommu::Tag& tag) const {
        return a.generation == generation_ && !engine_.overtaken(a.since, tag);
    }
    sim::Task<bool> page_in(pcie::DmaRequest r, bool write, const Answer& a, unsigned& tries);
    std::vector<pcie::DmaRequest> pages_to_ask(const pcie::DmaRequest& r, bool write);
    sim::Task<Answer> ask(pcie::DmaRequest r, bool write);
    sim::Task<pcie::TranslationCompletion> send(pcie::DmaRequest r, unsigned pages, bool write, Answer& blank);
    Entry entry_of(const pcie::TranslationEntry& e) const;
    void keep(const pcie::DmaRequest& r, u64 from, const Answer& a);
    sim::Task<void> answer(unsigned itag, u64 sequence);
    iommu::Scope scope_of(const pcie::InvalidateRequest& request, bool privileged) const;

    base::Name requests_name_;
    base::EventBus& events_;
    pcie::Endpoint& endpoint_;
    AtcConfig config_;
    iommu::InFlightTracker uses_;
    iommu::InvalidationEngine engine_;
    iommu::Cache<Entry> cache_;
    sim::Stage look_up_;
    sim::Slots slots_;
    Asking asking_;
    PageRequestInterface* page_requests_ = nullptr;
    bool enabled_ = false;
    u64 generation_ = 0; ///< how often it was turned on or off
    u64 sequence_ = 0;
    Counts counts_;
};

} // namespace quiesce::devices
