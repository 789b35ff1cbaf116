// SPDX-License-Identifier: Apache-2.0
/// Drivers without shared virtual addressing, on a machine without an IOMMU: pages of a process are pinned, its device is given their
/// own addresses, and a PASID is a mere tag by which the driver knows whose work it was (amdgpu; facts/linux-sva.md 8, 11.3).
#include "os/kernel.h"

namespace quiesce::os {

/// The next PASID of a set that the driver allocated (amdgpu_pasid_alloc, then one for each of its VMs); none: no tag.
Pasid Kernel::take_tag(const std::string& set) {
    const auto found = pasid_sets_.find(set);
    if (found == pasid_sets_.end() || found->second.empty()) return Pasid{};
    return found->second[tags_taken_[set]++ % found->second.size()];
}

/// The driver's ioctl: pin_user_pages, dma_map_sg. Without an IOMMU the addresses for DMA are those of memory (dma-direct).
sim::Task<bool> Kernel::pin(const std::string& name, const std::string& device, u64 first_page, u64 pages, const std::string& set) {
    Process& p = process(name);
    return system_call(p, [this, &p, device, first_page, pages, set](KernelContext& ctx) -> sim::Task<bool> {
        drivers::DeviceDriver& d = *devices_.at(device);
        const Vma* const heap = p.mm->find("heap");
        if (heap == nullptr || !d.takes_bus_addresses() || sva_.find(*p.mm, d) != nullptr) {
            events_.emit(BindRefused{p.name, p.mm->id(), d.name(), heap == nullptr ? "EFAULT" : "EINVAL"});
            co_return false;
        }
        std::shared_ptr<File> file = file_of(p, device);
        if (file == nullptr) {
            co_await ctx.spend(config_.process.system_call.get(), p.name); // open is a call of its own
            file = std::make_shared<File>(File{d, 1, {}, false});
            p.files.push_back(file);
        }
        std::vector<PinnedPage> list = co_await p.mm->pin(ctx, heap->start + first_page * page_size, pages);
        if (list.size() < pages) {
            co_await p.mm->unpin(ctx, std::move(list));
            events_.emit(BindRefused{p.name, p.mm->id(), d.name(), "EFAULT"});
            co_return false;
        }
        Bond& b = sva_.attach_pinned(*p.mm, p.name, d, take_tag(set), std::move(list));
        file->bonds.push_back(&b);
        if (p.dying() && !b.triggered) events_.emit(TeardownTriggered{b.id, p.death, ctx.last_span()}); // killed while they were being pinned
        co_return true;
    });
}

/// What the device is told. MODEL: it takes one range of addresses, and gets the pages from the first on that lie behind each
/// other in memory.
bool Kernel::in_bus_addresses(const Bond& b, drivers::Work& work) {
    const auto& list = b.pinned;
    std::size_t at = 0;
    while (at < list.size() && list[at].page != work.first) ++at;
    if (at == list.size()) return false;
    std::size_t end = at + 1;
    while (end < list.size() && list[end].frame == list[end - 1].frame + page_size && list[end].page == list[end - 1].page + page_size) ++end;
    work.bytes = std::min<u64>(work.bytes, (end - at) * page_size);
    work.first = Va{list[at].frame.value()};
    return true;
}

} // namespace quiesce::os
