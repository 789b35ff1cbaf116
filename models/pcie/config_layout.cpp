// SPDX-License-Identifier: Apache-2.0
// How a FunctionConfig or a BridgeConfig becomes bytes and masks.
#include "pcie/config_space.h"

#include <bit>
#include <stdexcept>

namespace quiesce::pcie {

using namespace cfg;

namespace {
template <class R>
constexpr R default_of() {
    if constexpr (requires { R::default_value; })
        return R::of(R::default_value);
    else
        return R::of(0);
}
unsigned log2_of(unsigned power) { return static_cast<unsigned>(std::countr_zero(power)); }
} // namespace

template <class R>
void ConfigSpace::mask(u8 Masks::*which, u64 bits) {
    for (unsigned i = 0; i < sizeof(typename R::Value); ++i) {
        masks_[base_of(R::in) + R::offset + i].*which |= static_cast<u8>(bits >> i * 8);
    }
}

template <class R>
void ConfigSpace::lay_out(R value) {
    write(value);
    if constexpr (requires { R::writable; }) mask<R>(&Masks::writable, base::mask_of(R::writable));
    if constexpr (requires { R::write_1_clear; }) mask<R>(&Masks::clearable, base::mask_of(R::write_1_clear));
    if constexpr (requires { R::sticky; }) mask<R>(&Masks::sticky, base::mask_of(R::sticky));
    if constexpr (requires { R::kept_by_flr; }) mask<R>(&Masks::kept_by_flr, base::mask_of(R::kept_by_flr));
}

template <class R, class T, unsigned Bits>
void ConfigSpace::make_read_only(const base::Field<R, T, Bits>& field) {
    for (unsigned i = 0; i < sizeof(typename R::Value); ++i) {
        masks_[base_of(R::in) + R::offset + i].writable &= static_cast<u8>(~(field.mask(0) >> i * 8));
    }
}

namespace {
std::function<bool(Capability)> capabilities_of(const FunctionConfig& config) {
    return [&config](Capability c) -> bool {
        switch (c) {
        case Capability::Header: return false;
        case Capability::PciExpress: return true;
        case Capability::MsiX: return config.msix.vectors != 0;
        case Capability::Aer: return config.aer.present;
        case Capability::Acs: return config.acs.present;
        case Capability::Sriov: return config.sriov.total_vfs != 0;
        case Capability::Ats: return config.ats.present;
        case Capability::Pri: return config.pri.present;
        case Capability::Pasid: return config.pasid.present;
        }
        return false;
    };
}
constexpr u64 service(bool has, unsigned bit) { return u64{has} << bit; }
} // namespace

ConfigSpace::ConfigSpace(const FunctionConfig& config) {
    chain(capabilities_of(config));
    lay_out_header(config);
    lay_out_express(config.express, config.pasid.present);
    if (has(Capability::MsiX)) lay_out_msix(config.msix);
    if (has(Capability::Aer)) lay_out_aer(config.aer);
    if (has(Capability::Acs))
        lay_out_acs(service(config.acs.request_redirect, acs_request_redirect) |
                    service(config.acs.completion_redirect, acs_completion_redirect) |
                    service(config.acs.direct_translated, acs_direct_translated));
    if (has(Capability::Sriov)) lay_out_sriov(config.sriov);
    lay_out_svm(config.ats, config.pri, config.pasid);
    defaults_ = bytes_;
}

ConfigSpace::ConfigSpace(const BridgeConfig& config) {
    chain([&config](Capability c) {
        return c == Capability::PciExpress || c == Capability::Aer || (c == Capability::Acs && config.acs);
    });
    lay_out_bridge(config);
    lay_out_express(config.express, true);
    set(PciExpressCap::PortType, static_cast<u64>(config.port));
    set(DevCap2::AtomicRouting, true);
    lay_out_aer(AerConfig{});
    if (has(Capability::Acs))
        lay_out_acs(service(true, acs_source_validation) | service(true, acs_translation_blocking) |
                    service(true, acs_request_redirect) | service(true, acs_completion_redirect) |
                    service(true, acs_upstream_forwarding) | service(true, acs_direct_translated));
    defaults_ = bytes_;
}

/// Capabilities one after the other from `at` on; `link(shape, previous, here)` joins each to the one before.
template <std::size_t N, class Present, class Link>
void ConfigSpace::chain_list(const CapabilityShape (&shapes)[N], u32 at, Present present, Link link) {
    u32 previous = 0;
    for (const CapabilityShape& shape : shapes) {
        if (!present(shape.which)) continue;
        base_[static_cast<unsigned>(shape.which)] = at;
        link(shape, previous, at);
        previous = at;
        at += shape.bytes;
    }
}

void ConfigSpace::chain(const std::function<bool(Capability)>& present) {
    chain_list(capability_shapes, first_capability, present, [&](const CapabilityShape& shape, u32 previous, u32 here) {
        store(previous == 0 ? CapabilitiesPointer::offset : previous + 1, 1, here); // 7.5.1.1.11: id, next
        store(here, 1, shape.id);
    });
    // 7.6.3: id, version, next. The first one is at 0x100; if there is none, zero stands there.
    chain_list(extended_capability_shapes, first_extended_capability, present,
               [&](const CapabilityShape& shape, u32 previous, u32 here) {
                   if (previous != 0) store(previous, 4, load(previous, 4) | here << 20);
                   store(here, 4, shape.id | u32{shape.version} << 16);
               });
}

void ConfigSpace::lay_out_header(const FunctionConfig& c) {
    const auto u16_of = [](unsigned value) { return static_cast<u16>(value); };
    lay_out(VendorId::of(u16_of(c.vendor_id)));
    lay_out(DeviceIdentity::of(u16_of(c.device_id)));
    lay_out(Command{});
    lay_out(Status{}.set(Status::CapabilitiesList, true));
    lay_out(ClassRevision{}.set(ClassRevision::Revision, c.revision).set(ClassRevision::ClassCode, c.class_code));
    lay_out(CacheLineSize{});
    lay_out(SubsystemVendorId::of(u16_of(c.subsystem_vendor_id)));
    lay_out(SubsystemId::of(u16_of(c.subsystem_id)));
    lay_out(InterruptLine{});
    const BarConfig* const bars[] = {&c.bar0, &c.bar2, &c.bar4};
    for (unsigned i = 0; i < 3; ++i) {
        if (bars[i]->size.get() == base::Size{}) continue;
        lay_out_bar(bar_offset + 8 * i, *bars[i]);
        bars_[2 * i] = {bars[i]->size.get().bytes(), bars[i]->wide};
    }
}

void ConfigSpace::lay_out_bridge(const BridgeConfig& c) {
    lay_out(VendorId::of(c.vendor_id));
    lay_out(DeviceIdentity::of(c.device_id));
    lay_out(Command{});
    lay_out(Status{}.set(Status::CapabilitiesList, true));
    lay_out(ClassRevision{}.set(ClassRevision::ClassCode, 0x060400)); // PCI-to-PCI bridge
    lay_out(CacheLineSize{});
    lay_out(HeaderType{}.set(HeaderType::Layout, 1));
    lay_out(PrimaryBus{});
    lay_out(SecondaryBus{});
    lay_out(SubordinateBus{});
    lay_out(MemoryBase{});
    lay_out(MemoryLimit{});
}

/// 7.5.1.2.1: address bits below the size are zero, so that all ones read back as the negated size.
void ConfigSpace::lay_out_bar(u32 offset, const BarConfig& c) {
    const u64 bytes = c.size.get().bytes();
    if (!std::has_single_bit(bytes) || bytes < 16)
        throw std::invalid_argument("a BAR is a power of two of at least 16 bytes");
    if (!c.wide && bytes > u64{1} << 31) throw std::invalid_argument("a 32-bit BAR has at most 2 GiB");
    store(offset, 4, (c.wide ? bar_type_64 : 0) | (c.prefetchable ? bar_prefetchable : 0));
    for (unsigned i = 0; i < (c.wide ? 8 : 4); ++i)
        masks_[offset + i].writable = static_cast<u8>(~(bytes - 1) >> i * 8);
}

void ConfigSpace::lay_out_express(const ExpressConfig& c, bool prefixes) {
    const unsigned speed = c.link_generation;
    lay_out(PciExpressCap{}.set(PciExpressCap::Version, 2)); // port type 0: endpoint
    lay_out(DevCap{}
                .set(DevCap::MPSS, log2_of(c.max_payload / 128))
                .set(DevCap::ExtTag, c.extended_tags)
                .set(DevCap::RBER, true)
                .set(DevCap::FLR, c.flr));
    // 7.5.3.4: relaxed ordering and no-snoop are allowed, reads of 512 bytes, payloads of 128.
    // MODEL: extended tags start disabled; the specification lets a function start with them enabled.
    lay_out(DevCtl{}.set(DevCtl::RelaxedOrdering, true).set(DevCtl::NoSnoop, true).set(DevCtl::MRRS, 2));
    if (!c.extended_tags) make_read_only(DevCtl::ExtTag);
    lay_out(DevSta{});
    lay_out(LinkCap{}.set(LinkCap::Speed, speed).set(LinkCap::Width, c.link_width).set(LinkCap::AspmOptionality, true));
    lay_out(LinkCtl{});
    lay_out(LinkSta{}.set(LinkSta::Speed, speed).set(LinkSta::Width, c.link_width).set(LinkSta::SlotClock, true));
    // Every 16 GT/s function completes 10-bit tags (2.2.6.2).
    lay_out(DevCap2{}
                .set(DevCap2::TimeoutRanges, c.timeout_ranges)
                .set(DevCap2::TimeoutDisable, true)
                .set(DevCap2::Tag10Completer, speed >= 4)
                .set(DevCap2::Tag10Requester, c.tag10_requester)
                .set(DevCap2::EndEndPrefix, prefixes)
                .set(DevCap2::MaxEndEndPrefixes, prefixes ? 1 : 0));
    lay_out(DevCtl2{});
    if (c.timeout_ranges == 0) make_read_only(DevCtl2::Timeout);
    if (!c.atomic_requester) make_read_only(DevCtl2::AtomicRequester);
    if (!c.tag10_requester) make_read_only(DevCtl2::Tag10Requester);
    lay_out(LinkCap2{}.set(LinkCap2::Speeds, (1u << speed) - 1));
    lay_out(LinkCtl2{}.set(LinkCtl2::TargetSpeed, speed));
}

void ConfigSpace::lay_out_msix(const MsixConfig& c) {
    const u64 table = c.table.get().bytes(), pending = c.pending.get().bytes(), room = bars_[c.bar].bytes;
    const u64 table_end = table + u64{16} * c.vectors, pending_end = pending + (c.vectors + 63) / 64 * 8;
    if (table % 8 != 0 || pending % 8 != 0) throw std::invalid_argument("MSI-X structures are aligned to 8 bytes");
    if (table_end > room || pending_end > room) throw std::invalid_argument("MSI-X structures lie outside their BAR");
    if (table < pending_end && pending < table_end) throw std::invalid_argument("MSI-X structures overlap");
    lay_out(MsixControl{}.set(MsixControl::TableSize, c.vectors - 1));
    lay_out(MsixTable{}.set(MsixTable::BIR, c.bar).set(MsixTable::Offset, table / 8));
    lay_out(MsixPba{}.set(MsixPba::BIR, c.bar).set(MsixPba::Offset, pending / 8));
}

void ConfigSpace::lay_out_aer(const AerConfig& c) {
    lay_out(default_of<AerUncorrectableStatus>());
    lay_out(default_of<AerUncorrectableMask>());
    lay_out(default_of<AerUncorrectableSeverity>());
    lay_out(default_of<AerCorrectableStatus>());
    lay_out(default_of<AerCorrectableMask>());
    lay_out(AerControl{}.set(AerControl::GenerationCapable, c.ecrc).set(AerControl::CheckCapable, c.ecrc));
    if (!c.ecrc) {
        make_read_only(AerControl::GenerationEnable);
        make_read_only(AerControl::CheckEnable);
    }
    lay_out(AerHeaderLog<0>{});
    lay_out(AerHeaderLog<1>{});
    lay_out(AerHeaderLog<2>{});
    lay_out(AerHeaderLog<3>{});
}

void ConfigSpace::lay_out_acs(u64 services) {
    lay_out(AcsCap{}.set(AcsCap::Services, services));
    lay_out(AcsControl{});
    masks_[base_of(Capability::Acs) + AcsControl::offset].writable = static_cast<u8>(services);
}

void ConfigSpace::lay_out_sriov(const SriovConfig& c) {
    lay_out(SriovControl{});
    lay_out(SriovInitialVfs{}.set(SriovInitialVfs::Count, c.total_vfs));
    lay_out(SriovTotalVfs{}.set(SriovTotalVfs::Count, c.total_vfs));
    lay_out(SriovNumVfs{});
    lay_out(SriovFirstVfOffset{}.set(SriovFirstVfOffset::Offset, c.first_offset));
    lay_out(SriovVfStride{}.set(SriovVfStride::Stride, c.stride));
    lay_out(SriovVfDeviceId{}.set(SriovVfDeviceId::ID, c.device_id));
    lay_out(SriovSupportedPages{}.set(SriovSupportedPages::Sizes, c.page_sizes));
    lay_out(default_of<SriovSystemPage>());
    if (c.bar0.size.get() != base::Size{}) lay_out_bar(base_of(Capability::Sriov) + sriov_bar_offset, c.bar0);
}

void ConfigSpace::lay_out_svm(const AtsConfig& ats, const PriConfig& pri, const PasidConfig& pasid) {
    if (has(Capability::Ats)) {
        lay_out(AtsCap{}
                    .set(AtsCap::QueueDepth, ats.queue_depth % 32)
                    .set(AtsCap::PageAligned, ats.page_aligned)
                    .set(AtsCap::GlobalInvalidate, ats.global_invalidate)
                    .set(AtsCap::RelaxedOrdering, ats.relaxed_ordering));
        lay_out(AtsControl{});
    }
    if (has(Capability::Pri)) {
        lay_out(PriControl{});
        lay_out(PriStatus{}
                    .set(PriStatus::Stopped, true) // nothing is outstanding; Linux refuses to enable it otherwise
                    .set(PriStatus::ResponsePasidRequired, pri.response_pasid_required));
        lay_out(PriCapacity{}.set(PriCapacity::Requests, pri.capacity));
        lay_out(PriAllocation{});
    }
    if (has(Capability::Pasid)) {
        lay_out(PasidCap{}
                    .set(PasidCap::Execute, pasid.execute)
                    .set(PasidCap::Privileged, pasid.privileged)
                    .set(PasidCap::Width, pasid.width));
        lay_out(PasidControl{});
        if (!pasid.execute) make_read_only(PasidControl::Execute);
        if (!pasid.privileged) make_read_only(PasidControl::Privileged);
    }
}

} // namespace quiesce::pcie
