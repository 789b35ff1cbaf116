// SPDX-License-Identifier: Apache-2.0
/// A kernel of any policy over an IOMMU driver and two devices' drivers that note what they are asked.
#pragma once
#include "os/machine.h"
#include "os/noting_iommu_driver.h"
#include "os/timed_log.h"

#include <algorithm>

namespace quiesce::os::test {

using sim::Duration;
using sim::Task;
using sim::Time;

struct PolicyIommu final : NotingIommuDriver {
    explicit PolicyIommu(TimedLog& l) : log(l) {}
    TimedLog& log;
    Task<bool> note(KernelContext& ctx, std::string what) override {
        co_await ctx.spin(1_us);
        log.add(std::move(what));
        co_return true;
    }
    Task<bool> redirect_pasid(KernelContext& ctx, Bond&) override { return note(ctx, "redirect"); }
    base::Name room; ///< what a bind ends with that needs memory for its context
    Task<base::Name> room_for_context(KernelContext&, StreamId, Pasid) override { co_return room; }
};

struct PolicyDevice final : drivers::DeviceDriver {
    PolicyDevice(TimedLog& l, std::string n, u32 s) : log(l), text(std::move(n)), number(s) {}
    TimedLog& log;
    std::string text;
    u32 number;
    Duration stop_time = 5_us;
    unsigned stops = 0, let_go = 0;
    base::Name name() const override { return text; }
    DeviceId device() const override { return static_cast<DeviceId>(number); }
    StreamId stream() const override { return StreamId{number}; }
    Task<void> probe(KernelContext&) override { co_return; }
    Task<bool> submit(KernelContext&, Bond&, const drivers::Work&) override { co_return true; }
    void released(const Bond&) override { ++let_go; }
    Task<bool> stop(KernelContext& ctx, Bond&) override {
        ++stops;
        co_await ctx.sleep_on(sim::delay(stop_time), "device-stop", text);
        log.add("stop");
        co_return true;
    }
};

struct PolicyBench : Machine {
    explicit PolicyBench(Policy policy, KernelVersion version = KernelVersion::V6_12, IommuArch arch = IommuArch::Smmuv3,
                         Suppression suppression = Suppression::Hardware, unsigned cpus = 4, bool pasid_each = false,
                         u32 quota = 0) {
        config.policy = policy;
        config.kernel = version;
        config.suppression = suppression;
        config.cpu.cpus = cpus;
        config.pasid.each_device = pasid_each;
        config.pasid.quota = quota;
        if (arch != IommuArch::Smmuv3) iommu.asid_limit = 0;
        iommu.by_bond = arch == IommuArch::Amdvi;
        make_kernel(memory.ram_bytes(), arch == IommuArch::Smmuv3 ? arm64 : x86_64, arch);
        kernel->set_iommu(&iommu);
        kernel->add_device("dev", device);
        kernel->add_device("other", second);
        call(kernel->boot());
        kernel->spawn("app", {3});
    }
    ~PolicyBench() { calendar.shutdown(); }
    void bind(const std::string& who, const std::string& to = "dev") {
        REQUIRE(call(kernel->bind(who, to)));
        log.rows.clear();
    }
    /// The child has the descriptors, and none of its parent's pages.
    void pass_on(const std::string& parent, const std::string& child) {
        REQUIRE(call(kernel->fork(parent, child)));
        REQUIRE(call(kernel->exec(child, 16, false)));
        log.rows.clear();
    }
    TimedLog log;
    PolicyIommu iommu{log};
    PolicyDevice device{log, "dev", 1}, second{log, "other", 2};
    BondState state{};
    unsigned violations = 0;
    base::Subscription bonds = events.subscribe<BondChanged>([this](Time, const BondChanged& e) { state = e.state; });
    base::Subscription broken = events.subscribe<OsViolation>([this](Time, const OsViolation&) { ++violations; });
    base::Subscription pages = events.subscribe<memory::FrameFreed>([this](Time, const memory::FrameFreed& e) {
        const bool again = !log.rows.empty() && log.rows.back().first == "page";
        if (e.use == memory::FrameUse::Leaf && !again) log.add("page");
    });
    base::Subscription pasids = events.subscribe<PasidChanged>([this](Time, const PasidChanged& e) {
        if (e.state == PasidState::Free) log.add("pasid-free");
    });
    base::Subscription put = events.subscribe<MmputReturned>([this](Time, const MmputReturned&) { log.add("mmput"); });
};

inline constexpr std::pair<KernelVersion, IommuArch> modern[] = {{KernelVersion::V6_12, IommuArch::Smmuv3},
                                                          {KernelVersion::V6_1, IommuArch::Smmuv3},
                                                          {KernelVersion::V6_12, IommuArch::Vtd},
                                                          {KernelVersion::V6_1, IommuArch::Vtd},
                                                          {KernelVersion::V6_12, IommuArch::Amdvi},
                                                          {KernelVersion::V6_1, IommuArch::Amdvi}};
inline std::pair<KernelVersion, IommuArch> any_modern() {
    return modern[static_cast<std::size_t>(GENERATE(range(0, static_cast<int>(std::size(modern)))))];
}
/// How that kernel's release begins.
inline std::string quiet_word(KernelVersion kernel, IommuArch arch) {
    if (arch == IommuArch::Amdvi) return "clear"; // nothing keeps one PASID quiet
    return arch == IommuArch::Vtd && kernel == KernelVersion::V6_12 ? "block" : "quiet";
}

} // namespace quiesce::os::test
