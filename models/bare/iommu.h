// SPDX-License-Identifier: Apache-2.0
/// An IOMMU by itself: memory, its registers, and device accesses that arrive without any bus. No operating system, no
/// PCIe. Whoever holds it does one thing after the other, and each ends when nothing in the model moves any more.
#pragma once
#include "base/events.h"
#include "base/registers.h"
#include "iommu/translation.h"
#include "memory/mmio.h"
#include "memory/plain_memory.h"
#include "sim/calendar.h"

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace quiesce::bare {

/// A fault record as it lies in the memory or the registers of its architecture.
struct Record {
    static constexpr std::size_t most_bytes = 32;
    std::array<std::byte, most_bytes> storage{};
    std::size_t size = 0;
    std::span<const std::byte> bytes() const { return {storage.data(), size}; }
};

/// How to read a record or a register: its name and its fields, whose bits count over the whole of it.
struct RecordWords {
    std::string_view name; ///< "F_TRANSLATION", empty for an event that there is not
    std::vector<base::FieldRow> fields;
};

/// What differs between architectures.
class Unit {
public:
    virtual ~Unit() = default;
    virtual memory::MmioTarget& registers() = 0;
    virtual iommu::TranslationPort& translation() = 0;
    /// Which fault records software can find now, and those that came since.
    virtual void mark_records() = 0;
    virtual std::vector<Record> records_since_mark() const = 0;
};

/// An unprivileged data access without PASID.
struct Dma {
    static constexpr std::size_t most_bytes = 64; ///< inside one 4 KiB page
    StreamId stream{};
    Iova at{0};
    bool write = false;
    std::size_t bytes = 0;
    std::array<std::byte, most_bytes> data{}; ///< what is written; what was read
};
struct DmaAnswer {
    enum class End : u8 {
        Open,    ///< never: the model is idle, or has not become so, and the access is not over
        Done,    ///< it went to `to`
        Zero,    ///< ended by the IOMMU: reads as zero, writes go nowhere
        Refused, ///< ended by the IOMMU with an abort
        Aborted, ///< translated to `to`, where nothing is
    };
    End end = End::Open;
    Spa to{0};
    std::vector<Record> records{}; ///< that the unit left while the access was under way
};

class Iommu {
public:
    using MakeUnit = std::function<std::unique_ptr<Unit>(base::EventBus&, memory::MemoryPort&)>;
    /// At most one at a time on a calendar, which nobody else may use meanwhile. What went on in it ends with it.
    Iommu(sim::Calendar& calendar, std::vector<memory::RamRange> ram, const MakeUnit& make);
    ~Iommu() { calendar_.clear(); }
    Iommu(const Iommu&) = delete;
    Iommu& operator=(const Iommu&) = delete;

    /// Offsets from the start of the unit's registers; `bytes` is 4 or 8.
    void write_register(u64 offset, unsigned bytes, u64 value);
    /// Nothing, if the read has not ended.
    std::optional<u64> read_register(u64 offset, unsigned bytes);
    /// `what.data` gets what was read.
    DmaAnswer dma(Dma& what);

    /// Did everything end that the last call began? If not, something went on for `patience` of simulated time.
    bool idle() const { return calendar_.idle(); }
    static constexpr sim::Duration patience = sim::Duration::ps(100'000'000'000);

    /// As a processor does it, and at once. False where there is no memory.
    bool store(Spa at, u64 value) { return memory_.poke64(at, value); }
    u64 load(Spa at) const { return memory_.peek64(at); }
    /// Addresses of the 8-byte words that the unit and devices wrote, the queues of records left out: in no order, some
    /// more than once.
    const std::vector<Spa>& written() const { return memory_.written; }

private:
    class WatchedMemory final : public memory::PlainMemory {
    public:
        using PlainMemory::PlainMemory;
        void commit(memory::Request& r) override;
        std::vector<Spa> written;
    };
    /// Outlives the call that began it: the access may go on in a later one.
    struct Flight {
        Dma what;
        DmaAnswer answer{};
    };
    void settle();
    sim::Task<void> perform(Flight& f);
    sim::Task<void> read(u64 offset, unsigned bytes, u64 number);

    sim::Calendar& calendar_;
    base::EventBus events_;
    WatchedMemory memory_;
    std::unique_ptr<Unit> unit_;
    std::deque<Flight> flights_;
    std::optional<u64> value_read_;
    u64 transactions_ = 0, reads_ = 0;
};

} // namespace quiesce::bare
