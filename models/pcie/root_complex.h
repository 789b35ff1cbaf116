// SPDX-License-Identifier: Apache-2.0
/// The root complex: the IOMMU and memory behind all ports, and what it asks of functions by their StreamIDs.
#pragma once
#include "base/events.h"
#include "base/names.h"
#include "base/param.h"
#include "iommu/ats_port.h"
#include "iommu/page_request.h"
#include "iommu/translation.h"
#include "memory/memory_port.h"
#include "pcie/function_port.h"
#include "pcie/switch.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace quiesce::pcie {

/// Whether a root port hands reads to memory in the order in which they came.
enum class ReadHandOver : u8 { AsTranslated, InOrder };
constexpr auto enum_names(ReadHandOver) {
    return base::name_table<ReadHandOver>(
        {{ReadHandOver::AsTranslated, "as-translated"}, {ReadHandOver::InOrder, "in-order"}});
}

struct RootComplexConfig {
    using P = base::Provenance;
    base::Param<base::Latency> ingress{
        70_ns, "from a packet's arrival to the IOMMU", P::Derived,
        "pcie-bench (SIGCOMM 2018): 64 B read 552 ns on an E5-2630v4, less the other parts"};
    base::Param<base::Latency> egress{
        60_ns, "from the memory's answer to a completion ready for the link", P::Derived,
        "pcie-bench (SIGCOMM 2018): 64 B read 552 ns on an E5-2630v4, less the other parts"};
    base::Param<base::Latency> mmio{50_ns, "from a CPU's register access to a packet ready for the link", P::Guess,
                                    "of the order of egress"};
    base::Param<base::Latency> invalidate_timeout{
        60_s, "an Invalidate Request that is not answered so long is given up", P::Specification,
        "PCIe Base 10.3.1: a device should answer within one minute (-0 %, +50 %)"};
    base::Param<base::Latency> completion_timeout{
        10_ms,
        "a CPU's access to a device whose answer is lost reads all ones so long after it left; at once if the link is "
        "down",
        base::at_least(50_us), P::Specification,
        "PCIe Base 2.8: 50 us to 50 ms by default, and not below 10 ms is strongly recommended"};
    base::Param<bool> atomics{true, "AtomicOps of devices are carried out at memory; false: Unsupported Request",
                              P::Guess, "PCIe Base 6.15: optional; root complexes of servers have it"};
    base::Param<ReadHandOver> reads{
        ReadHandOver::AsTranslated,
        "a root port hands memory reads to memory as-translated: each when its translation is there; in-order: as they "
        "came, a translated one behind one that is not, and no faster than the link takes their answers",
        P::Guess, "PCIe Base 2.4.1: reads may pass reads"};
    base::Param<u32> stream_base{0, "StreamId of requester id 0; the others follow", base::at_most(0xffff'0000u),
                                 P::Specification, "IORT id mapping"};
};
DESCRIBE(RootComplexConfig, ingress, egress, mmio, invalidate_timeout, completion_timeout, atomics, reads, stream_base)
static_assert(base::fully_described<RootComplexConfig>);

/// Where packets of endpoints become memory accesses, and register accesses of CPUs become packets: one port for each
/// function.
class RootComplex final : public iommu::AtsPort, public iommu::PageResponsePort {
public:
    /// `iommu` may be null: addresses then pass as they are. All must outlive the calendar's shutdown().
    RootComplex(base::EventBus& events, memory::MemoryPort& memory, iommu::TranslationPort* iommu,
                const RootComplexConfig& config)
        : events_(events), memory_(memory), iommu_(iommu), config_(config) {}
    RootComplex(const RootComplex&) = delete;

    /// A switch, below a root port of its own or below another switch.
    Switch& add_switch(base::Name name, const SwitchConfig& config, Switch* above = nullptr);
    /// The device will be below this switch. One that is not placed gets a root port of its own. Before it is attached.
    void place(DeviceId device, Switch& below);
    /// Numbers of buses (firmware.h); without them, device n is on bus n + 1.
    void set_bus(DeviceId device, unsigned bus) { places_[device].bus = bus; }
    void set_bus(const Switch& above, unsigned port, unsigned bus);
    /// Null: it is below a root port.
    Switch* switch_of(DeviceId device) const;
    RequesterId requester_of(DeviceId device) const;
    const std::vector<std::unique_ptr<Switch>>& switches() const { return switches_; }
    const RootComplexConfig& config() const { return config_; }
    FunctionPort& attach(base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint,
                         const LinkConfig& link);
    void set_translation(iommu::TranslationPort* iommu) { iommu_ = iommu; }
    /// Where Page Requests go; without it they are lost.
    void set_page_requests(iommu::PageRequestPort* port) { page_requests_ = port; }
    /// `call(function)` for every Invalidate Completion that nobody waits for.
    void on_stray_completion(std::function<void(StreamId)> call) { stray_completion_ = std::move(call); }
    /// To the function behind the stream id; Unsupported if there is none.
    sim::Task<iommu::AtcAnswer> invalidate(iommu::AtcInvalidation what) override;
    /// To the function behind the stream id; nowhere if there is none.
    sim::Task<void> respond(iommu::PageGroupResponse response) override;
    /// Writes to [base, base + bytes) are interrupt messages: not translated (MODEL: on every architecture), and in
    /// order behind the writes before them. Give the memory the same window.
    void set_message_window(Spa base, u64 bytes) { messages_ = {Iova{base.value()}, bytes}; }

    base::EventBus& events() { return events_; }
    base::Name name() const { return name_; }
    memory::MemoryPort& memory() { return memory_; }
    Stages& stages() { return stages_; }
    iommu::TranslationPort* iommu() { return iommu_; }
    iommu::PageRequestPort* page_requests() { return page_requests_; }
    bool is_message(u64 address) const { return messages_.contains(Iova{address}); }
    StreamId stream_of(RequesterId r) const { return StreamId{config_.stream_base + raw(r)}; }
    /// The simulation's own number of the next transaction, from 1.
    u64 next_transaction() { return ++transactions_; }
    /// Of a CPU's access. MODEL: nobody keeps account of them: one is free again when 256 others have been used.
    u16 next_tag() { return tags_++; }
    void tell_stray_completion(StreamId function) {
        if (stray_completion_) stray_completion_(function);
    }
    const std::vector<std::unique_ptr<FunctionPort>>& ports() const { return ports_; }
    /// What waits for room on any link, in words; empty if nothing does.
    std::string who_waits() const;
    /// Packets and room for them, ITags.
    void left_behind(base::Leftovers& out) const;

private:
    base::EventBus& events_;
    base::Name name_{"root"};
    memory::MemoryPort& memory_;
    iommu::TranslationPort* iommu_;
    iommu::PageRequestPort* page_requests_ = nullptr;
    std::function<void(StreamId)> stray_completion_;
    RootComplexConfig config_;
    IovaRange messages_{};
    u64 transactions_ = 0;
    u8 tags_ = 0;
    Stages stages_;
    struct Place {
        unsigned bus = 0; ///< 0: as its number says
        Switch* below = nullptr;
        unsigned slot = 0;
    };
    std::map<DeviceId, Place> places_;
    std::vector<std::unique_ptr<Switch>> switches_;
    std::vector<std::unique_ptr<FunctionPort>> ports_;
};

} // namespace quiesce::pcie
