// SPDX-License-Identifier: Apache-2.0
/// An IOMMU driver without an IOMMU, which notes what the SVA core asks of it.
#pragma once
#include "os/drivers/iommu_driver.h"

namespace quiesce::os::test {

class NotingIommuDriver : public drivers::IommuDriver {
public:
    /// How it notes, and how long it takes.
    virtual sim::Task<bool> note(KernelContext& ctx, std::string what) = 0;

    sim::Task<bool> init(KernelContext&) override { co_return true; }
    bool has_ats() const override { return true; }
    bool has_pri() const override { return false; }
    unsigned page_request_allocation() const override { return 16; }
    sim::Task<bool> attach_device(KernelContext&, StreamId, drivers::StreamFeatures) override { co_return true; }
    bool ats_enabled(StreamId) const override { return false; }
    bool page_requests_enabled(StreamId) const override { return has_pri(); }
    sim::Task<void> page_response(KernelContext&, const PageFault&, PageAnswer) override { co_return; }
    sim::Task<void> flush_page_requests(KernelContext&, const Bond&) override { co_return; }
    sim::Task<bool> set_pasid(KernelContext& ctx, Bond&) override { return note(ctx, "set"); }
    sim::Task<bool> quiet_pasid(KernelContext& ctx, Bond&) override { return note(ctx, "quiet"); }
    sim::Task<bool> clear_pasid(KernelContext& ctx, Bond&) override { return note(ctx, "clear"); }
    sim::Task<bool> block_pasid(KernelContext& ctx, Bond&) override { return note(ctx, "block"); }
    sim::Task<void> silence_pasid(KernelContext& ctx, Bond&) override { co_await note(ctx, "silence"); }
    sim::Task<void> forget_pasid(KernelContext& ctx, Bond&) override { co_await note(ctx, "forget"); }
    sim::Task<bool> invalidate_space(KernelContext& ctx, drivers::MmTag) override { return note(ctx, "tlbi"); }
    sim::Task<bool> invalidate_range(KernelContext& ctx, drivers::MmTag, Va, u64) override { return note(ctx, "range"); }
    sim::Task<bool> invalidate_atc(KernelContext& ctx, std::span<Bond* const>, Va, u64) override {
        return note(ctx, "atc");
    }
    std::string error() const override { return {}; }
    u32 max_pasids(StreamId) const override { return pasid_limit; }
    u32 max_asids() const override { return asid_limit; }

    bool flushes_by_bond() const override { return by_bond; }
    sim::Task<bool> flush_bond(KernelContext& ctx, Bond&, Va, u64) override { return note(ctx, "flush"); }

    u32 pasid_limit = 1u << 20, asid_limit = 1u << 16;
    bool by_bond = false; ///< as AMD-Vi's
};

} // namespace quiesce::os::test
