// SPDX-License-Identifier: Apache-2.0
/// What a DMA engine is to do, and the sequence of requests that follows from it.
#pragma once
#include "base/address.h"
#include "devices/work_queue_regs.h"
#include "sim/random.h"
#include "sim/time.h"

#include <string_view>
#include <vector>

namespace quiesce::devices {

using accelerator::Direction;
using accelerator::Pattern;

/// One piece of work. Requests stay inside the ranges of the footprint; a request never spans two of them.
struct Workload {
    Direction direction = Direction::Read;
    unsigned reads_percent = 50;         ///< of requests, for Mixed
    Pattern pattern = Pattern::Sequential;
    u32 min_bytes = 64, max_bytes = 64;  ///< of a request: uniform in between, both included; Atomic: 4 below 8, else 8
    u64 stride = 4096;                   ///< bytes from one request to the next, for Strided
    u64 align = 64;                      ///< of random addresses, where a range has room
    std::vector<IovaRange> footprint;
    sim::Duration every{};               ///< from one request to the next; zero: as fast as it goes
    unsigned outstanding = 0;            ///< packets under way at most: reads not answered, writes not sent; 0: as many as there are tags
    u64 count = 0;                       ///< requests; 0: endless
    u64 bytes = 0;                       ///< in all; 0: endless
    bool has_pasid = false;
    Pasid pasid{};
    BondId bond{};
    bool privileged = false;
};

/// The requests of a workload, one after the other. Same seed and name, same sequence.
class RequestSequence {
public:
    struct Item {
        Iova at;
        u32 bytes;
        bool write;
    };
    RequestSequence(u64 seed, std::string_view name) : random_(seed, name) {}

    /// Begins `w` anew; the random stream goes on. Throws std::invalid_argument if there is nothing to work on.
    void begin(const Workload& w);
    bool more() const { return !(work_.count != 0 && made_ >= work_.count) && !(work_.bytes != 0 && bytes_ >= work_.bytes); }
    Item next();
    const Workload& work() const { return work_; }

private:
    u32 draw_size();
    u64 places_for(u32 size) const;
    bool draw_write() {
        if (work_.direction != Direction::Mixed) return work_.direction == Direction::Write;
        return random_.below(100) >= work_.reads_percent;
    }
    /// The place `offset` bytes into the footprint, as a request of at most `bytes`.
    Item place(u64 offset, u32 bytes) const;
    sim::Random random_;
    Workload work_;
    u64 total_ = 0, places_ = 0, cursor_ = 0, made_ = 0, bytes_ = 0;
};

} // namespace quiesce::devices
