// SPDX-License-Identifier: Apache-2.0
/// An SMMUv3, Non-secure: its registers in front of the neutral core (Arm IHI 0070; facts/iommu-specs.md section 1).
///
/// It translates with linear and two-level stream and context tables, stage 1 (both halves of the input range, each
/// with its granule), stage 2 and both; reports every fault of that path in the event queue; executes every Non-secure
/// command but those for MPAM; answers translation requests and checks translated ones (ATS, split-stage too); queues
/// page requests of devices and sends the responses (PRI); holds faulting transactions of requesters that can wait
/// (stall model); marks table entries as used and written (HTTU). What of that there is its ID registers say.
/// Beside its command queue it may have enhanced ones. It has no Secure or Realm state and no address translation
/// operations; `features()` lists it.
#pragma once
#include "iommu/coverage.h"
#include "iommu/smmuv3/commands.h"
#include "iommu/smmuv3/context.h"
#include "iommu/smmuv3/enhanced.h"
#include "iommu/smmuv3/faults.h"
#include "iommu/smmuv3/performance.h"
#include "iommu/smmuv3/signals.h"

#include <memory>
#include <vector>

namespace quiesce::iommu::smmuv3 {

class Unit final : public memory::MmioTarget, public TranslationPort, public PageRequestPort, public Architecture {
public:
    /// `sink` may be null: wired interrupts then lead nowhere. The unit keeps no reference to `config`.
    Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, memory::InterruptSink* sink,
         const Smmuv3Config& config)
        : Unit(name, events, memory, sink, config, identity_of(config)) {}
    /// As `identity` says; of `config` only what no identification register has: latencies, caches, bugs.
    Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, memory::InterruptSink* sink,
         const Smmuv3Config& config, const Identity& identity);
    Unit(const Unit&) = delete;
    Unit& operator=(const Unit&) = delete;

    base::Name name() const { return name_; }
    TranslationPort& translation() { return *this; }
    /// Where CMD_ATC_INV goes. Without one it has no effect.
    void set_ats_port(AtsPort* port) { engine_.set_ats_port(port); }
    sim::Task<Translation> translate(TranslationRequest r) override;
    /// Where devices' page requests come in.
    PageRequestPort& page_requests() { return *this; }
    sim::Task<void> page_request(PageRequestMessage m) override { return page_requests_.take(m); }
    /// Where responses to page requests go. Without one none are sent.
    void set_page_response_port(PageResponsePort* port) { page_requests_.set_port(port); }
    const Stalls& stalls() const { return stalls_; }
    Agent& agent() { return agent_; }

    /// Offsets from the base of page 0; register_bytes() of them. What is not modelled reads as zero, ignores writes and
    /// is counted.
    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override;
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override;
    /// Those of its own pages.
    const RegisterFile& registers() const { return regs_; }
    const ControlPage& control_page() const { return control_page_; }
    u64 register_bytes() const { return register_bytes_; }
    u64 performance_offset() const { return performance_at(id_); }

    std::optional<Translation> admit(const TranslationRequest& r) override;
    sim::Task<ContextOutcome> resolve(const TranslationRequest& r) override;
    Tag context_tag(const TranslationRequest& r) const override;
    sim::Task<Ending> fault(const TranslationRequest& r, const Fault& f, const Context* context) override;

    /// Meta-data for breakdowns, not behaviour: the span of the CMD_SYNC completed last (of queue 0, the unit's own, or
    /// of enhanced queue n - 1), and the one that rang the doorbell.
    u64 last_sync_span(unsigned queue = 0) const {
        return queue == 0 ? commands_.last_sync_span() : control_page_[queue - 1].queue().last_sync_span();
    }
    void doorbell_span(u64 span) { commands_.doorbell_span(span); }
    /// Entries of its queues, STAGs, and what its pipeline has.
    void left_behind(base::Leftovers& out) const;

private:
    void reset_registers(const Smmuv3Config& config);
    void place_control_page();
    void bind_registers();
    /// Writes to R are taken back while `guarded` holds.
    template <class R, class Guard> void guard(Guard guarded);
    bool smmu_on() const { return regs_.get(Cr0::SMMUEN) || regs_.get(Cr0Ack::SMMUEN); }
    bool cmdq_on() const { return regs_.get(Cr0::CMDQEN) || regs_.get(Cr0Ack::CMDQEN); }
    bool eventq_on() const { return regs_.get(Cr0::EVENTQEN) || regs_.get(Cr0Ack::EVENTQEN); }
    bool has_pri() const { return id_.idr0.get(Idr0::PRI); }
    bool priq_on() const { return regs_.get(Cr0::PRIQEN) || regs_.get(Cr0Ack::PRIQEN); }
    bool gerror_irq_on() const { return regs_.get(IrqCtrl::GERROR_IRQEN) || regs_.get(IrqCtrlAck::GERROR_IRQEN); }
    bool eventq_irq_on() const { return regs_.get(IrqCtrl::EVENTQ_IRQEN) || regs_.get(IrqCtrlAck::EVENTQ_IRQEN); }

    bool priq_irq_on() const { return regs_.get(IrqCtrl::PRIQ_IRQEN) || regs_.get(IrqCtrlAck::PRIQ_IRQEN); }

    void guard_queues();
    void guard_interrupts();
    void write_cr0(Cr0 now);
    void write_cr2(Cr2 now, Cr2 before);
    void write_gbpa(Gbpa now, Gbpa before);
    sim::Task<void> update_cr0();
    sim::Task<void> update_irq_ctrl();
    sim::Task<void> update_gbpa();
    std::optional<Translation> pass_by(const TranslationRequest& r) const;
    /// Records an event that ends a transaction before any look-up; does not hold it.
    void refuse(const TranslationRequest& r, EventId event);
    struct AtsEnding {
        Ending ending;
        EventId event;
        bool recorded;
    };
    AtsEnding ats_ending(const TranslationRequest& r, const Fault& f) const;
    sim::Task<Ending> stall(const TranslationRequest& r, const Fault& f, const Context& context);
    /// Whether the stream's records are merged, as far as there is a stream to ask (7.3.1).
    static Merging merging_of(EventId id, const Fault& f, const Context* context);
    FaultRaised fact_of(const TranslationRequest& r, EventId id, FaultFate fate) const;
    /// With what decided.
    FaultRaised fact_of(const TranslationRequest& r, EventId id, FaultFate fate, const Fault& f, const Context* context) const;

    base::Name name_;
    base::EventBus& events_;
    Identity id_;
    sim::Duration access_, update_delay_;
    RegisterFile regs_;
    Gbpa gbpa_{}; ///< what is in force; the register shows what was asked for
    bool updating_cr0_ = false, updating_irq_ = false;
    std::array<base::Name, 256> event_names_{};
    Agent agent_;
    Signals signals_;
    EventQueue event_queue_;
    ContextResolver resolver_;
    Stalls stalls_;
    PageRequestQueue page_requests_;
    CommandEngine engine_;
    FirstCommandInterface first_;
    CommandQueue commands_;
    ControlPage control_page_;
    u64 register_bytes_;
    std::unique_ptr<PerformanceGroup> performance_; ///< null: none
};

/// Every register, structure field, command and event, in the manual's order, and the extensions that are not there.
std::vector<Feature> features();

} // namespace quiesce::iommu::smmuv3
