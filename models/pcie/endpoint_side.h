// SPDX-License-Identifier: Apache-2.0
/// What a root port sees of an endpoint: the pipes that packets pass inside it, its registers, and who hears how
/// packets fare.
#pragma once
#include "base/param.h"
#include "memory/mmio.h"
#include "pcie/ats.h"
#include "pcie/link_faults.h"
#include "pcie/page_request.h"
#include "pcie/stages.h"
#include "sim/wire.h"

#include <algorithm>

namespace quiesce::pcie {

using namespace sim::literals;
using namespace base::literals;

struct EndpointConfig {
    using P = base::Provenance;
    base::Param<unsigned> tags{64, "reads outstanding at most; fewer while software allows only 5-bit tags",
                               base::between(1, 1024), base::unit("tags"), P::Guess,
                               "PCIe Base 2.2.6.2: 8-bit tags, 10-bit tags where both ends have them; engines use fewer"};
    base::Param<base::Latency> issue{60_ns, "from the decision for a request to a packet ready for the link",
                                     P::Measured,
                                     "pcie-bench (SIGCOMM 2018): overhead of the DMA engine at 64 B is 50..120 ns"};
    base::Param<base::Latency> read_interval{0_ns, "least time between two read requests", P::Guess,
        "none; 15 ns make the NFP-6000 of pcie-bench (SIGCOMM 2018) (67 M reads/s)"};
    base::Param<base::Latency> write_interval{0_ns, "least time between two write requests", P::Guess,
        "none; 21 ns make the NFP-6000 of pcie-bench (SIGCOMM 2018) (47.4 M writes/s)"};
    base::Param<base::Bandwidth> copy{0_Gbps, "store-and-forward copy of read data inside the device; 0: none",
                                      P::Guess,
                                      "none; 61.5 Gb/s make the NFP-6000 of pcie-bench (SIGCOMM 2018) (0.13 ns/B)"};
    base::Param<base::Latency> register_access{20_ns, "the device reads one of its registers", P::Guess,
                                               "a few cycles of a device clock"};
    base::Param<bool> relaxed_ordering{false, "its writes have Relaxed Ordering set, where DevCtl lets them", P::Guess,
                                       "PCIe Base 2.2.6.4: up to the device"};
    base::Param<bool> id_based_ordering{false, "its requests have ID-Based Ordering set, where DevCtl2 lets them",
                                        P::Guess,
                                        "PCIe Base 2.2.6.4: up to the device; Linux leaves it disabled in DevCtl2"};
    base::Param<base::Latency> completion_timeout{
        10_ms, "a read that was lost, or whose answer was, ends as an error so long after it left",
        base::at_least(50_us), P::Specification,
        "PCIe Base 2.8: 50 us to 50 ms by default, and not below 10 ms is strongly recommended"};
    LinkFaultConfig faults; ///< of the link to this endpoint
};
DESCRIBE(EndpointConfig, tags, issue, read_interval, write_interval, copy, register_access, relaxed_ordering,
         id_based_ordering, completion_timeout, faults)
static_assert(base::fully_described<EndpointConfig>);

/// Requests leave a fixed time after their decision, in the order of decision; two of a kind keep a least distance.
class IssuePipe {
public:
    IssuePipe(const EndpointConfig& c, Stages& stages)
        : stage_(stages.of(c.issue)), interval_{c.read_interval.get(), c.write_interval.get()},
          paced_(interval_[0] != sim::Duration{} || interval_[1] != sim::Duration{}) {}
    struct Pass {
        IssuePipe& p;
        bool write;
        bool await_ready() const { return !p.paced_ && p.stage_.pass().await_ready(); }
        void await_suspend(std::coroutine_handle<> h) {
            if (p.paced_) p.lane_.push(h, p.reserve(write));
            else p.stage_.pass().await_suspend(h);
        }
        void await_resume() const {}
    };
    /// co_await: the request is ready for the link.
    Pass pass(bool write) { return {*this, write}; }

private:
    sim::Time reserve(bool write) {
        const sim::Time start = std::max(sim::now(), next_[write]);
        next_[write] = start + interval_[write];
        return last_ = std::max(last_, start + stage_.latency());
    }
    sim::Stage& stage_;
    sim::Duration interval_[2];
    bool paced_;
    sim::Time next_[2]{}, last_{};
    sim::Lane lane_;
};

class EndpointSide {
public:
    EndpointSide(const EndpointConfig& c, Stages& stages)
        : issue(c, stages), register_access(c.register_access.get()), completion_timeout(c.completion_timeout.get()),
          faults(c.faults), copy_rate_(c.copy.get()), copy_(sim::Duration{}) {}
    virtual ~EndpointSide() = default;

    /// A register write arrived; in order. `size` is 4 or 8.
    virtual void bar_write(u64 offset, unsigned size, u64 value) = 0;
    virtual u64 bar_read(u64 offset, unsigned size) = 0;
    /// 64 bytes for a portal arrived, posted or as a deferrable write. -> Success or, of a deferrable write,
    /// RequestRetry. A function without portals: Unsupported Request.
    virtual CompletionStatus take_line(u64, const memory::Line&, bool /*deferrable*/) {
        return CompletionStatus::UnsupportedRequest;
    }
    /// Where BAR 0 is, whether it answers or not; no bytes: there is none. MODEL: peers reach no other BAR.
    struct BarPlace {
        u64 first = 0, bytes = 0;
    };
    virtual BarPlace bar_place() const { return {}; }
    /// The function answers accesses to its BARs.
    virtual bool memory_space() const = 0;
    /// Its configuration registers; `size` is 1, 2 or 4.
    virtual void config_write(u32 offset, unsigned size, u32 value) = 0;
    virtual u32 config_read(u32 offset, unsigned size) = 0;
    /// An Invalidate Request arrived. False: the function has no ATC, or it is off (Unsupported Request).
    virtual bool invalidate(const InvalidateRequest&) { return false; }
    /// A PRG Response arrived. A function that never asks for pages hears none.
    virtual void page_response(const PageGroupAnswer&) {}

    /// The link went down, or came up. Going down resets the endpoint (6.6.1).
    virtual void link_changed(bool up) = 0;

    bool copies() const { return copy_rate_ != base::Bandwidth{}; }
    /// co_await: the device has copied the data of a read to where it is used; one copy at a time.
    sim::Wire::Send copy(u32 bytes) { return copy_.send(copy_rate_.time_for(bytes)); }

    IssuePipe issue;
    const sim::Duration register_access, completion_timeout;
    const LinkFaultConfig faults;

private:
    base::Bandwidth copy_rate_;
    sim::Wire copy_;
};

/// Who wants to know how a packet fares. Called inside the simulation; must not wait.
class Requester {
public:
    virtual ~Requester() = default;
    /// The last bit of a posted write has left. No other answer comes.
    virtual void left(const Tlp& write) = 0;
    /// The last completion has arrived, the data is in place and the tag is free.
    virtual void completed(const Tlp& read, Completion how) = 0;
};

} // namespace quiesce::pcie
