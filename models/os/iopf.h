// SPDX-License-Identifier: Apache-2.0
/// I/O page faults: what an IOMMU driver reports of devices' page requests waits here for workers, which fault the
/// pages in and answer (linux: drivers/iommu/io-pgfault.c; facts/linux-sva.md 9.3).
#pragma once
#include "os/sva.h"

#include <map>
#include <memory>
#include <set>
#include <vector>

namespace quiesce::os {

/// Linux's iopf queue. The latencies of the fault itself are the address space's.
struct IopfConfig {
    using P = base::Provenance;
    base::Param<unsigned> workers{256, "groups handled at once; each needs a CPU", base::between(1u, 1024u), P::Kernel,
                                  "linux: iopf_queue_alloc, an unbound workqueue with max_active 0: WQ_DFL_ACTIVE"};
    base::Param<base::Latency> report{200_ns, "CPU time to report one fault: find the bond, copy the record, queue",
                                      P::Guess, "an allocation and two look-ups; no measurement to cite"};
    base::Param<base::Latency> handle{300_ns, "CPU time of a worker for a group, besides its faults", P::Derived,
                                      "iopf_handle_group takes 2.0 us on average on a Kunpeng 920 (S. Lu, Add IOPF "
                                      "support for VFIO passthrough, RFC v2, 2021-03-09), less os.mm.fault_page"};
    base::Param<unsigned> groups{65536, "groups queued or being handled at most; for one more there is no memory, and it is refused",
                                 base::between(1u, 65536u), P::Guess, "linux has no limit: each is an allocation of its own"};
    base::Param<unsigned> partial{1024, "reported requests of groups without a last one that are kept at most; one more is dropped, "
                                        "as when its allocation fails: its group is answered once, without it, and the "
                                        "device asks again",
                                  base::between(1u, 65536u), P::Guess,
                                  "linux has no limit: each is an allocation of its own (report_partial_fault)"};
};
DESCRIBE(IopfConfig, workers, report, handle, groups, partial)
static_assert(base::fully_described<IopfConfig>);

/// One page request as the IOMMU's driver reports it (struct iommu_fault_page_request).
struct PageFault {
    StreamId stream{};
    bool has_pasid = false;
    Pasid pasid{};
    Va at{};
    bool read = false, write = false, execute = false, privileged = false;
    bool last = false;
    u16 group = 0;
};

/// Who finds the address space of a fault, and when (facts/linux-sva.md 9.3, R4 and R5).
enum class FaultResolution : u8 {
    AtReport,  ///< the bond's handle, when the fault is reported (6.12)
    AtHandling ///< by PASID, when a worker comes to it (2018 to 6.1)
};

class IopfQueue {
public:
    /// `defer_mmput`: a worker leaves the last mmput, which may wait for the workers, to somebody else (mmput_async).
    /// `hold_mm`: it takes a user of the address space for its faults. Else it relies on whoever clears the context to refuse
    /// what comes from then on, and to wait for the workers before a page goes (do_fault of AMD's first driver).
    IopfQueue(base::EventBus& events, Scheduler& scheduler, Sva& sva, const IopfConfig& config,
              FaultResolution resolution, bool defer_mmput, bool hold_mm, const Bugs& bugs);
    IopfQueue(const IopfQueue&) = delete;
    void set_iommu(drivers::IommuDriver* d) { iommu_ = d; }

    /// iommu_report_device_fault: keeps a request that is not the last of its group, and queues the group of one that
    /// is. What cannot be handled is answered at once.
    sim::Task<void> report(KernelContext& ctx, PageFault fault);
    /// iopf_queue_flush_dev: returns when every group queued so far has been answered.
    sim::Task<void> flush(KernelContext& ctx);
    /// iopf_queue_discard_partial: the hardware lost requests, so that a group may never become whole.
    void discard_partial();
    /// A bond is gone, and with it whatever of its groups never became whole.
    void discard_partial(const Bond& bond);

    std::size_t queued() const { return open_.size(); }
    std::size_t partial() const { return partial_.size(); }

private:
    struct Group {
        u64 number = 0;
        Bond* bond = nullptr;          ///< null: nobody knows yet
        std::vector<PageFault> faults; ///< the last one is the group's last
        u64 begun_by = 0;
    };
    Bond* bond_of(const PageFault& f) const;
    void ended(const PageFault& f, const Bond* bond, PageRequestFate fate);
    sim::Task<void> no_memory(KernelContext& ctx, PageFault fault, const Bond* bond);
    sim::Task<void> answer(KernelContext& ctx, PageFault last, PageAnswer code);
    void queue(Group group);
    sim::Task<void> work(unsigned worker, u64 begun_by);
    sim::Task<void> handle_group(KernelContext& ctx, const Group& group);
    sim::Task<PageRequestFate> handle(KernelContext& ctx, PageFault f, Bond& bond);
    sim::Task<void> put(KernelContext& ctx, AddressSpace& mm);
    sim::Task<void> put_later(AddressSpace& mm);
    void level();

    base::EventBus& events_;
    Scheduler& scheduler_;
    Sva& sva_;
    IopfConfig config_;
    FaultResolution resolution_;
    bool defer_mmput_, hold_mm_;
    const Bugs& bugs_;
    drivers::IommuDriver* iommu_ = nullptr;
    base::Name level_name_;
    std::vector<PageFault> partial_;
    std::vector<std::unique_ptr<Group>> waiting_; ///< in order; from next_ on
    std::size_t next_ = 0;
    std::set<u64> open_;      ///< numbers of groups that are queued or being handled
    std::set<unsigned> busy_; ///< workers
    u64 numbers_ = 0, last_span_ = 0;
    sim::Signal answered_;
};

} // namespace quiesce::os
