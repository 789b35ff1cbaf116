// SPDX-License-Identifier: Apache-2.0
/// An IOMMU by itself: memory, its registers, and what devices ask of it without any bus. No operating system, no PCIe.
/// Whoever holds it does one thing after the other, and each ends when nothing in the model moves any more.
#pragma once
#include "base/events.h"
#include "base/registers.h"
#include "iommu/ats_port.h"
#include "iommu/page_request.h"
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
    /// Null: devices have no page requests.
    virtual iommu::PageRequestPort* page_requests() { return nullptr; }
    /// Where what it says to devices goes.
    virtual void connect(iommu::AtsPort&, iommu::PageResponsePort&) {}
    /// Which records software can find now, and those that came since: of faults, of page requests.
    virtual void mark_records() = 0;
    virtual std::vector<Record> records_since_mark() const = 0;
    virtual std::vector<Record> page_requests_since_mark() const { return {}; }
};

/// Entries `from` (inclusive) to `to` of a ring of records, as they lie in memory. `Policy` is that of its indices.
template <class Policy>
std::vector<Record> records_of(const memory::MemoryPort& memory, Spa ring, u32 log2size, u32 from, u32 to, std::size_t bytes) {
    std::vector<Record> found(Policy::distance(from, to, log2size));
    for (u32 i = 0; i < found.size(); ++i) {
        found[i].size = bytes;
        memory.peek(ring + u64{Policy::index(from + i, log2size)} * bytes, {found[i].storage.data(), bytes});
    }
    return found;
}
template <class S>
std::vector<base::FieldRow> fields_of() {
    std::vector<base::FieldRow> rows;
    base::apply([&](const auto&... f) { (rows.push_back({f.name(), f.msb(), f.lsb()}), ...); }, S::fields);
    return rows;
}

/// Whose an access is, beside its stream.
struct Who {
    std::optional<Pasid> pasid{};
    bool privileged = false, execute = false;
};

/// An access; of no PASID, unprivileged and for data unless `who` says otherwise.
struct Dma {
    static constexpr std::size_t most_bytes = 64; ///< inside one 4 KiB page
    StreamId stream{};
    Iova at{0};
    bool write = false;
    std::size_t bytes = 0;
    std::array<std::byte, most_bytes> data{}; ///< what is written; what was read
    Who who{};
    bool translated = false; ///< the device has asked before: `at` is what it was told
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

/// A device asks where a page leads (a translation request).
struct Question {
    StreamId stream{};
    Iova at{0};
    bool write = false; ///< it wants to write, too
    Who who{};
};
struct QuestionAnswer {
    bool over = false; ///< false: never
    iommu::Ending ending{};
    Spa to{0};
    u64 bytes = 0;
    iommu::Permissions may{}; ///< none: it cannot be had, and nothing else is meant
};

/// What else came of something: fault records, entries for page requests, and what devices were sent.
struct Aftermath {
    std::vector<Record> records{}, page_requests{};
    std::vector<iommu::AtcInvalidation> invalidations{};
    std::vector<iommu::PageGroupResponse> responses{};
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
    QuestionAnswer ask(const Question& what);
    /// False: the unit has no page requests.
    bool page_request(const iommu::PageRequestMessage& m);

    /// What came since mark(), of whatever was done.
    void mark();
    Aftermath since_mark() const;

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
    /// All devices at once. MODEL: each invalidation is over as soon as it has been sent.
    class Devices final : public iommu::AtsPort, public iommu::PageResponsePort {
    public:
        sim::Task<iommu::AtcAnswer> invalidate(iommu::AtcInvalidation what) override;
        sim::Task<void> respond(iommu::PageGroupResponse response) override;
        std::vector<iommu::AtcInvalidation> invalidations;
        std::vector<iommu::PageGroupResponse> responses;
    };
    struct OpenQuestion {
        Question what;
        QuestionAnswer answer{};
    };
    void settle();
    sim::Task<void> perform(Flight& f);
    sim::Task<void> perform(OpenQuestion& q);
    sim::Task<void> take(iommu::PageRequestMessage m);
    iommu::TranslationRequest request_of(StreamId stream, Iova at, bool write, const Who& who);
    sim::Task<void> read(u64 offset, unsigned bytes, u64 number);

    sim::Calendar& calendar_;
    base::EventBus events_;
    WatchedMemory memory_;
    std::unique_ptr<Unit> unit_;
    Devices devices_;
    std::deque<Flight> flights_;
    std::deque<OpenQuestion> questions_;
    std::optional<u64> value_read_;
    u64 transactions_ = 0, reads_ = 0;
};

} // namespace quiesce::bare
