// SPDX-License-Identifier: Apache-2.0
/// A DMA engine: turns a workload into packets, as fast as its rate, its limit of requests under way and the endpoint's tags allow.
#pragma once
#include "base/events.h"
#include "base/names.h"
#include "base/param.h"
#include "devices/atc.h"
#include "devices/dma_port.h"
#include "devices/events.h"
#include "devices/workload.h"
#include "sim/signal.h"

#include <memory>
#include <vector>

namespace quiesce::devices {

using namespace sim::literals;
using namespace base::literals;

struct DmaEngineConfig {
    using P = base::Provenance;
    base::Param<base::Latency> error_backoff{1_us, "pause after a request that was answered with an error", P::Guess,
                                             "firmware retries within microseconds"};
};
DESCRIBE(DmaEngineConfig, error_backoff)
static_assert(base::fully_described<DmaEngineConfig>);

/// One stream of DMA. While software has bus mastering off, nothing new is sent; what was to be sent waits. A request
/// whose PASID software has not enabled ends as an error without being sent. After a request that ended with an error
/// it tries again with one request at a time, paced by the back-off, until one succeeds: a device whose process was
/// killed keeps trying until it is stopped.
class DmaEngine final : public pcie::Requester {
public:
    struct Counts {
        u64 reads = 0, writes = 0;          ///< packets issued
        u64 bytes = 0;                      ///< read, or written and sent
        u64 errors = 0;                     ///< requests that did not end with success
        sim::Time last_issued{}, last_ended{};
    };
    /// `seed` is the run's; the stream of random numbers is the engine's own, by its name. With an `atc` that is
    /// enabled, requests are translated by it; otherwise they go out untranslated.
    DmaEngine(base::Name name, base::EventBus& events, DmaPort& port, const DmaEngineConfig& config, u64 seed,
              Atc* atc = nullptr);
    DmaEngine(base::Name name, base::EventBus& events, pcie::Endpoint& endpoint, const DmaEngineConfig& config,
              u64 seed, Atc* atc = nullptr);

    /// Begins at this instant. Throws std::logic_error while anything is running or under way, std::invalid_argument for a workload
    /// that cannot be done.
    void start(const Workload& work);
    /// As start(), but the requests are others': each comes through request(), for the PASID and the bond of `who`, until
    /// close(), after which what is under way ends by itself.
    void open(const Workload& who);
    void close() { stop(); }
    /// One request of an open run, and no other before it is over: goes on when its last packet is on its way, as room and
    /// tags allow. Gives how many of its bytes those are: all, unless the run ended before.
    sim::Task<u32> request(RequestSequence::Item item) { return send(item, run_); }
    /// Nothing new from now on; what is under way ends by itself.
    void stop();
    /// As stop(), and there is nothing to flush: the device was reset.
    void reset();
    /// After stop() and idle(): returns when every write that was sent is globally observable (a zero-length read to the last one's
    /// page pushes them; facts/iommu-specs.md 4.1, PASID stop). At once if there was none since the last flush.
    sim::Task<void> flush();
    bool running() const { return running_; }
    /// Packets under way: reads not answered, writes not sent.
    unsigned outstanding() const { return outstanding_; }
    /// Set while nothing runs and nothing is under way.
    sim::Latch& idle() { return idle_; }
    const Counts& counts() const { return counts_; }
    const Workload& work() const { return sequence_.work(); }

private:
    /// Either its own port or somebody else's.
    DmaEngine(base::Name name, base::EventBus& events, std::unique_ptr<DmaPort> own, DmaPort* port,
              const DmaEngineConfig& config, u64 seed, Atc* atc);
    void left(const pcie::Tlp& write) override;
    void completed(const pcie::Tlp& packet, pcie::Completion how) override;

    void begin(const Workload& work);
    sim::Task<void> generate(u64 run);
    sim::Task<u32> send(RequestSequence::Item item, u64 run);
    void issue_write(const pcie::DmaRequest& packet, pcie::Tag tag);
    void issue_read(const pcie::DmaRequest& packet, pcie::Tag tag);
    void to_be_flushed(const pcie::DmaRequest& write) {
        last_write_ = write.at;
        unflushed_ = true;
    }
    bool translates() const { return atc_ != nullptr && atc_->enabled(); }
    sim::Task<void> write_translated(pcie::DmaRequest packet, u64 transaction);
    sim::Task<void> read_translated(pcie::DmaRequest packet, u64 transaction);
    sim::Task<void> fetch_add(pcie::DmaRequest packet, u64 transaction);
    void refused(const pcie::DmaRequest& packet, u64 transaction, bool write, DmaEnding how);
    void failed();
    u64 announce(const pcie::DmaRequest& packet, bool write);
    void end(u64 transaction, BondId bond, u32 bytes, bool write, DmaEnding how);
    /// Nothing keeps the next packet back.
    bool may_go() const { return room() && port_.bus_master() && retry_at_ <= sim::now(); }
    bool room() const { return outstanding_ < (in_error_ ? 1 : limit_); }
    void check_idle();

    /// co_await: another packet may get under way, or the run is over.
    struct Room {
        DmaEngine& e;
        u64 run;
        bool await_ready() const { return e.room() || run != e.run_; }
        void await_suspend(std::coroutine_handle<> h) { e.waiting_ = h; }
        void await_resume() const {}
    };
    base::Name name_;
    base::EventBus& events_;
    std::unique_ptr<DmaPort> own_port_; ///< of an engine that was given an endpoint
    DmaPort& port_;
    Atc* atc_;
    sim::Duration error_backoff_;
    RequestSequence sequence_;
    bool running_ = false, in_error_ = false;
    u64 life_ = 0;                    ///< resets so far: requests of an earlier one are not sent
    u64 run_ = 0;                     ///< the number of the current run; what belongs to an earlier one ends quietly
    unsigned limit_ = 0, outstanding_ = 0;
    sim::Time retry_at_{};
    std::coroutine_handle<> waiting_; ///< the generator, when it waits for room
    sim::Latch idle_;
    Iova last_write_{};
    bool unflushed_ = false;
    Counts counts_;
    std::vector<std::byte> pattern_, sink_; ///< what writes carry; where reads go: nobody looks at the data
};

/// An endpoint with one engine, without registers and without a driver: it is in service from the start.
struct DmaDeviceConfig {
    pcie::EndpointConfig endpoint;
    DmaEngineConfig engine;
};
DESCRIBE(DmaDeviceConfig, endpoint, engine)
static_assert(base::fully_described<DmaDeviceConfig>);

class DmaDevice final : public pcie::Endpoint {
public:
    DmaDevice(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
              const DmaDeviceConfig& config, DeviceId device, u64 seed = 0)
        : Endpoint(name, events, root_complex, link, config.endpoint, device),
          engine_(name, events, *this, config.engine, seed) {
        take_into_service();
    }
    DmaEngine& engine() { return engine_; }

private:
    DmaEngine engine_;
};

} // namespace quiesce::devices
