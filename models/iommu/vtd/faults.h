// SPDX-License-Identifier: Apache-2.0
/// Fault reasons and the fault recording registers (VT-d 7.2, 7.3, table 30; facts/iommu-specs.md 2.4 and 2.7).
#pragma once
#include "iommu/context.h"
#include "iommu/events.h"
#include "iommu/page_request.h"
#include "iommu/vtd/layout.h"
#include "iommu/vtd/signals.h"
#include "sim/wire.h"

#include <span>
#include <string_view>
#include <vector>

namespace quiesce::iommu::vtd {

/// How a translation request ends that meets a fault. One that gets an answer is told that there is no access, which is
/// recoverable and not reported, but for the one case.
enum class AskedEnding : u8 { Unsupported, CompleterAbort, NoAccess, NoAccessReported };
struct FaultRow {
    FaultCode code;
    std::string_view name;
    bool qualified; ///< FPD on the way keeps it from being reported
    AskedEnding asked;
    bool modelled; ///< this unit can find it
};
std::span<const FaultRow> fault_rows();
/// The row of a code; the code must be in the table.
const FaultRow& fault_row(FaultCode code);

/// The field, or what else of software's making, that a code tells of; with `rule`, what is wrong with the structure. Empty: none.
base::Name decided_by(FaultCode code, const char* rule);
struct DecidingField {
    FaultCode code;
    std::string_view by;
};
/// Everything that it can say without a rule.
std::span<const DecidingField> deciding_fields();

/// The fault of a request in scalable mode, or in legacy mode. `context` is null for faults of the remapping tables.
FaultCode code_of(const Fault& f, const TranslationRequest& r, const Context* context, bool scalable);

/// The records of a request, and of a page request, that met a fault.
FaultRecord make_record(FaultCode code, const TranslationRequest& r);
FaultRecord make_record(FaultCode code, const PageRequestMessage& m);

/// Writes records in the order of the faults into registers that software has to free.
class FaultBank {
public:
    FaultBank(base::EventBus& events, RegisterFile& regs, Signals& signals, const Identity& id,
              const VtdConfig& config);

    /// Returns once the record is written, or lost. States the fact with its fate.
    sim::Task<void> record(FaultRecord record, FaultRaised fact);
    /// A fault that is not reported.
    void suppress(FaultRaised fact);
    /// The fact of a fault, to be recorded.
    FaultRaised fact_of(FaultCode code, const TranslationRequest& r) const;
    FaultRaised fact_of(FaultCode code, const PageRequestMessage& m) const;

    std::size_t size() const { return bank_.size(); }
    const FaultRecord& at(std::size_t n) const { return bank_[n]; }
    /// Records that software has not freed.
    std::size_t unread() const;
    /// Records written since the beginning.
    u64 written() const { return written_; }

    /// Software's accesses; `offset` from the first register, size 4 or 8.
    u64 bus_read(u64 offset, unsigned size) const;
    void bus_write(u64 offset, unsigned size, u64 value);
    /// Software wrote FSTS.
    void status_written(Fsts before) { signals_.fault_status_written(before); }
    /// Translation was switched off: the next record goes to the first register.
    void restart() { next_ = 0; }

private:
    FaultFate log(const FaultRecord& record);

    base::EventBus& events_;
    RegisterFile& regs_;
    Signals& signals_;
    sim::Stage write_;
    std::vector<FaultRecord> bank_;
    std::size_t next_ = 0;
    u64 written_ = 0;
    std::array<base::Name, 256> names_{};
};

} // namespace quiesce::iommu::vtd
