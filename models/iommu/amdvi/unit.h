// SPDX-License-Identifier: Apache-2.0
/// An AMD-Vi unit: its registers in front of the neutral core (AMD 48882; facts/iommu-specs.md section 3).
///
/// It translates by device table: nothing, hosts' tables (v1) of one to six levels with pages of every size, and by GCR3
/// tables of one to three levels guests' tables (v2) of four or five levels, alone or above a host's, with and without
/// PASID; marks A and D; keeps the exclusion range; logs events with overflow and restart, as SE and SA let it, which are
/// of a device: nothing makes one PASID quiet; interrupts by one message or, each log, by an XT register; executes the
/// command buffer; answers translation requests and lets translated ones pass; logs page requests and sends the responses,
/// or answers them by itself where it may. Interrupts pass unremapped. What of that there is EFR says; `features()` lists it.
#pragma once
#include "iommu/amdvi/commands.h"
#include "iommu/amdvi/context.h"
#include "iommu/amdvi/faults.h"
#include "iommu/amdvi/page_requests.h"
#include "iommu/amdvi/signals.h"
#include "iommu/coverage.h"
#include "memory/mmio.h"

#include <vector>

namespace quiesce::iommu::amdvi {

class Unit final : public memory::MmioTarget, public TranslationPort, public PageRequestPort, public Architecture {
public:
    /// The unit keeps no reference to `config`.
    Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, const AmdviConfig& config)
        : Unit(name, events, memory, config, identity_of(config)) {}
    /// As `identity` says; of `config` only what no feature register has: latencies, caches, bugs.
    Unit(base::Name name, base::EventBus& events, memory::MemoryPort& memory, const AmdviConfig& config,
         const Identity& identity);
    Unit(const Unit&) = delete;
    Unit& operator=(const Unit&) = delete;

    base::Name name() const { return name_; }
    TranslationPort& translation() { return *this; }
    /// Where invalidations of devices' IOTLBs go. Without one they have no effect.
    void set_ats_port(AtsPort* port) { commands_.set_ats_port(port); }
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
    /// PCI configuration space, from its beginning; of what is not the unit's own zero is read. Takes no time: the fabric's is
    /// what it takes.
    void config_write(u32 offset, u32 value);
    u32 config_read(u32 offset);
    const RegisterFile& registers() const { return regs_; }
    const ConfigFile& config_registers() const { return config_regs_; }
    const Identity& identity() const { return id_; }
    const EventLog& event_log() const { return event_log_; }
    const PageRequestLog& ppr_log() const { return page_requests_; }
    const ContextResolver& resolver() const { return resolver_; }

    std::optional<Translation> admit(const TranslationRequest& r) override;
    sim::Task<ContextOutcome> resolve(const TranslationRequest& r) override { return resolver_.resolve(r); }
    Tag context_tag(const TranslationRequest& r) const override { return resolver_.tag_of(r); }
    sim::Task<Ending> fault(const TranslationRequest& r, const Fault& f, const Context* context) override;

    /// Meta-data for breakdowns, not behaviour: the span of the COMPLETION_WAIT completed last, and the one that rang the
    /// doorbell.
    u64 last_wait_span() const { return commands_.last_wait_span(); }
    void doorbell_span(u64 span) { commands_.doorbell_span(span); }
    /// Entries of its rings, and what its pipeline has.
    void left_behind(base::Leftovers& out) const;

private:
    void bind_registers();
    void bind_pointers();
    void set_config_space();
    void write_control(Control now, Control before);
    u32 place_of(u64 offset) const;

    base::Name name_;
    base::EventBus& events_;
    Identity id_;
    sim::Duration access_;
    RegisterFile regs_;
    ConfigFile config_regs_;
    Agent agent_;
    Signals signals_;
    EventLog event_log_;
    ContextResolver resolver_;
    PageRequestLog page_requests_;
    CommandBuffer commands_;
};

/// Every register, structure field, command and event, in the manual's order.
std::vector<Feature> features();

} // namespace quiesce::iommu::amdvi
