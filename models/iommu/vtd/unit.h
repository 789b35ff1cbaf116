// SPDX-License-Identifier: Apache-2.0
/// A VT-d remapping unit: its registers in front of the neutral core (Intel VT-d Rev 5.10; facts/iommu-specs.md section
/// 2).
///
/// It translates in legacy mode (second stage, pass-through) and in scalable mode (first stage of four or five levels,
/// second stage, both, pass-through), by requester and PASID, with A/D and extended access flags; records every fault
/// of that path in the fault recording registers, as FPD lets it; executes every descriptor of the invalidation queue
/// but the host permission table's, and the register-based commands; answers translation requests and lets translated
/// ones pass; queues page requests of devices and sends the responses; keeps protected memory; gives out PASIDs by
/// virtual command. Interrupts pass unremapped. What of that there is CAP and ECAP say; `features()` lists it.
#pragma once
#include "iommu/coverage.h"
#include "iommu/vtd/commands.h"
#include "iommu/vtd/context.h"
#include "iommu/vtd/faults.h"
#include "iommu/vtd/page_requests.h"
#include "iommu/vtd/signals.h"
#include "iommu/vtd/virtual_commands.h"
#include "memory/mmio.h"

#include <vector>

namespace quiesce::iommu::vtd {

class Unit final : public memory::MmioTarget, public TranslationPort, public PageRequestPort, public Architecture {
public:
    /// The unit keeps no reference to `config`.
    Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, const VtdConfig& config)
        : Unit(name, events, memory, config, identity_of(config)) {}
    /// As `identity` says; of `config` only what no capability register has: latencies, caches, bugs.
    Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, const VtdConfig& config,
         const Identity& identity);
    Unit(const Unit&) = delete;
    Unit& operator=(const Unit&) = delete;

    base::Name name() const { return name_; }
    TranslationPort& translation() { return *this; }
    /// Where device-TLB invalidations go. Without one they have no effect.
    void set_ats_port(AtsPort* port) { queue_.set_ats_port(port); }
    /// An Invalidate Completion that answers no request of this unit, or comes from another function than it went to.
    void stray_completion(StreamId from) { queue_.stray_completion(RequesterId{static_cast<u16>(raw(from))}); }
    sim::Task<Translation> translate(TranslationRequest r) override;
    /// Where devices' page requests come in.
    PageRequestPort& page_requests() { return *this; }
    sim::Task<void> page_request(PageRequestMessage m) override { return page_requests_.take(m); }
    /// Where responses to page requests go. Without one none are sent.
    void set_page_response_port(PageResponsePort* port) { page_requests_.set_port(port); }
    Agent& agent() { return agent_; }

    /// Offsets from the base. What is not modelled reads as zero, ignores writes and is counted.
    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override;
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override;
    const RegisterFile& registers() const { return regs_; }
    const FaultBank& fault_bank() const { return faults_; }
    const Identity& identity() const { return id_; }
    const VirtualCommands& virtual_commands() const { return virtual_commands_; }

    std::optional<Translation> admit(const TranslationRequest& r) override;
    sim::Task<ContextOutcome> resolve(const TranslationRequest& r) override { return resolver_.resolve(r); }
    Tag context_tag(const TranslationRequest& r) const override;
    sim::Task<Ending> fault(const TranslationRequest& r, const Fault& f, const Context* context) override;

    /// Meta-data for breakdowns, not behaviour: the span of the wait descriptor completed last, and the one that rang
    /// the doorbell.
    u64 last_wait_span() const { return queue_.last_wait_span(); }
    void doorbell_span(u64 span) { queue_.doorbell_span(span); }
    /// Entries of its queues, fault records, and what its pipeline has.
    void left_behind(base::Leftovers& out) const;

private:
    void bind_registers();
    void bind_queue_registers();
    void write_gcmd(Gcmd now);
    /// Carries out what GCMD asks for, one thing after the other.
    sim::Task<void> update_status();
    sim::Task<void> set_root();
    sim::Task<void> set_translation(bool on);
    sim::Task<void> set_queue(bool on);
    sim::Task<void> forget_everything();
    Translation pass_by(const TranslationRequest& r, bool allowed) const;
    Translation interrupt(const TranslationRequest& r) const;
    /// Translations that something more is to be said of than the pipeline knows.
    sim::Task<Translation> translate_further(TranslationRequest r);
    bool is_protected(Spa at, u64 bytes) const;
    /// Where in the register file the access goes; nullopt: to a fault record.
    std::optional<u32> place_of(u64 offset) const;

    base::Name name_;
    base::EventBus& events_;
    Identity id_;
    sim::Duration access_, update_delay_;
    RegisterFile regs_;
    RootTable root_; ///< what SRTP has put in force
    Gcmd wanted_{};  ///< the states that software asked for last
    bool wants_root_ = false, wants_interrupt_root_ = false, wants_flush_ = false;
    bool updating_ = false;
    bool translating_ = false; ///< of what comes now; TES shows it when what came before is over
    Sequence sequence_;
    Agent agent_;
    Signals signals_;
    FaultBank faults_;
    ContextResolver resolver_;
    PageRequestQueue page_requests_;
    InvalidationQueue queue_;
    RegisterInvalidation register_invalidation_;
    VirtualCommands virtual_commands_;
};

/// Every register, structure field, descriptor and fault reason, in the manual's order.
std::vector<Feature> features();

} // namespace quiesce::iommu::vtd
