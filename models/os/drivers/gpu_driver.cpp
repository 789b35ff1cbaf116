// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/gpu_driver.h"

#include <algorithm>
#include <string>

namespace quiesce::os::drivers {

namespace gpu = devices::gpu;

namespace {
/// Where the save areas of processes are: below every heap.
constexpr Va first_save_area{0x0000'7e00'0000'0000};
constexpr u64 save_area_step = u64{1} << 29;
/// The driver's own page table belongs to no mm of the kernel's.
constexpr u32 first_own_space = 0xffff'0000;
} // namespace

GpuDriver::GpuDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel, const GpuDriverConfig& config,
                     Spa function, std::function<u64(unsigned)> stop_span)
    : PciDeviceDriver(name, device, stream, kernel, function, config.reset_wait.get()), config_(config),
      stop_span_(std::move(stop_span)) {}

// ---- start ----------------------------------------------------------------------------------------------------------

sim::Task<void> GpuDriver::probe(KernelContext& ctx) {
    co_await pci_.enable_memory(ctx);
    const u64 cap_bits = co_await read<gpu::DEV_CAP>(ctx);
    wave_bytes_ = co_await read<gpu::WAVE_BYTES>(ctx);
    const auto cap = gpu::DEV_CAP::of(static_cast<u32>(cap_bits));
    waves_ = cap.get(gpu::DEV_CAP::WAVES);
    contexts_ = std::vector<Context>(cap.get(gpu::DEV_CAP::CONTEXTS));
    table_ = kernel_.frames().take_kernel(contexts_.size() * Descriptor::byte_count);
    ring_ = kernel_.frames().take_kernel(u64{gpu::InterruptEntry::byte_count} << config_.ring_log2.get());
    wptr_ = kernel_.frames().take_kernel(page_size);
    request_interrupt();
    co_await program(ctx);
    co_await pci_.set_master(ctx);
    if (config_.own_context.get() != OwnContext::None) co_await start_own_context(ctx);
}

sim::Task<void> GpuDriver::program(KernelContext& ctx) {
    rptr_ = 0;
    co_await ctx.store(wptr_, 0);
    co_await ctx.barrier();
    co_await write<gpu::MSI_ADDR>(ctx, kernel_.interrupts().window().value());
    co_await write<gpu::MSI_DATA>(ctx, message_);
    co_await write<gpu::CTX_BASE>(ctx, table_.value());
    co_await write<gpu::IR_BASE>(ctx, ring_.value());
    co_await write<gpu::IR_WPTR_ADDR>(ctx, wptr_.value());
    gpu::IR_CONTROL control;
    control.set(gpu::IR_CONTROL::LOG2SIZE, config_.ring_log2.get()).set(gpu::IR_CONTROL::ENABLE, true);
    co_await write<gpu::IR_CONTROL>(ctx, control.value());
}

/// A PASID without an mm (facts/linux-sva.md 8). On this IOMMU a PASID leads to a context descriptor, which needs a
/// page table: MODEL: the driver's is an address space that no process runs in, bound as processes' are (Linux: a
/// paging domain at a global PASID, iommu_attach_device_pasid). Without a PASID its requests are not translated at all.
sim::Task<void> GpuDriver::start_own_context(KernelContext& ctx) {
    Context& c = contexts_.back();
    const u64 pages = config_.own_pages;
    c.descriptor.set(Descriptor::VALID, true)
        .set(Descriptor::WAVES, 1)
        .set(Descriptor::DIRECTION, gpu::Direction::Mixed);
    c.descriptor.set(Descriptor::READS, 50)
        .set(Descriptor::PATTERN, gpu::Pattern::Random)
        .set(Descriptor::LENGTH, pages * page_size);
    c.descriptor.set(Descriptor::RATE, static_cast<u64>(config_.own_every.get().ps()) / 1000);
    if (config_.own_context.get() == OwnContext::OwnPasid) {
        own_space_ = std::make_unique<AddressSpace>(MmId{first_own_space + raw(device_)}, name_, kernel_.config().mm,
                                                    kernel_.frames(), kernel_.architecture());
        const Va first{u64{1} << 32};
        own_space_->map("buffer", first, {pages});
        Bond* bond = co_await kernel_.sva().bind(ctx, *own_space_, name_, *this);
        if (bond == nullptr) co_return; // no IOMMU, or no PASID left: there is no such context
        c.bond = bond->id;
        c.descriptor.set(Descriptor::PASID_VALID, true)
            .set(Descriptor::PASID, bond->pasid)
            .set(Descriptor::TAG, bond->id);
        c.descriptor.set(Descriptor::BASE, iova_of(first));
    } else {
        c.descriptor.set(Descriptor::BASE, Iova{kernel_.frames().take_kernel(pages * page_size).value()});
    }
    c.taken = true;
    place_save_area(c, nullptr);
    co_await map(ctx, c);
}

// ---- contexts -------------------------------------------------------------------------------------------------------

/// The bond's context; a free one becomes it. Null if none is left.
GpuDriver::Context* GpuDriver::context_of(BondId bond) {
    for (Context& c : contexts_)
        if (c.taken && c.bond == bond) return &c;
    for (Context& c : contexts_)
        if (!c.taken) return &c;
    return nullptr;
}

u64 GpuDriver::save_bytes() const { return page_size + (waves_ * wave_bytes_ + page_size - 1) / page_size * page_size; }

/// MODEL: user space has mapped the area, in no time.
void GpuDriver::place_save_area(Context& c, AddressSpace* mm) {
    if (mm == nullptr || config_.save_area.get() == SaveArea::Kernel) {
        if (c.kernel_save == Spa{0}) c.kernel_save = kernel_.frames().take_kernel(save_bytes());
        c.descriptor.set(Descriptor::SAVE_KERNEL, true).set(Descriptor::SAVE_AREA, Iova{c.kernel_save.value()});
        return;
    }
    const std::string area = std::string{name_.text()} + ".save" + std::to_string(number_of(c));
    const u64 slot = raw(device_) * contexts_.size() + number_of(c);
    if (mm->find(area) == nullptr) mm->map(area, first_save_area + slot * save_area_step, {save_bytes() / page_size});
    c.descriptor.set(Descriptor::SAVE_AREA, iova_of(mm->find(area)->start));
}

sim::Task<void> GpuDriver::command(KernelContext& ctx, const Context& c, gpu::Operation operation) {
    gpu::COMMAND command;
    command.set(gpu::COMMAND::CONTEXT, number_of(c)).set(gpu::COMMAND::OPERATION, operation);
    return write<gpu::COMMAND>(ctx, command.value());
}

/// Whoever calls holds the lock.
sim::Task<void> GpuDriver::map(KernelContext& ctx, Context& c) {
    const Spa at = table_ + number_of(c) * u64{Descriptor::byte_count};
    for (unsigned i = Descriptor::word_count; i-- != 0;)
        co_await ctx.store(at + 8 * i, c.descriptor.word(i)); // VALID comes last
    co_await ctx.barrier();
    c.mapped = true;
    c.done = c.unmapping = c.saved = false;
    c.gone.reset();
    co_await command(ctx, c, gpu::Operation::Map);
}

void GpuDriver::unmapped(Context& c) {
    c.mapped = c.unmapping = false;
    c.gone.set();
}

// ---- what the kernel asks for ---------------------------------------------------------------------------------------

sim::Task<bool> GpuDriver::submit(KernelContext& ctx, Bond& bond, const Work& work) {
    Context* const c = context_of(bond.id);
    if (c == nullptr || gone_) co_return false;
    c->taken = true;
    c->bond = bond.id;
    co_await ctx.spend(config_.submit.get(), name_);
    auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
    if (gone_) co_return false;
    Descriptor d;
    d.set(Descriptor::VALID, true).set(Descriptor::PASID_VALID, true).set(Descriptor::PASID, bond.pasid);
    d.set(Descriptor::TAG, bond.id).set(Descriptor::STUCK, work.stuck);
    d.set(Descriptor::WAVES, std::min<u64>(work.outstanding, waves_));
    d.set(Descriptor::BASE, iova_of(work.first)).set(Descriptor::LENGTH, work.bytes);
    d.set(Descriptor::DIRECTION, static_cast<gpu::Direction>(work.direction)).set(Descriptor::READS, 50);
    d.set(Descriptor::PATTERN, static_cast<gpu::Pattern>(work.pattern));
    d.set(Descriptor::BYTES_MIN, work.request_min).set(Descriptor::BYTES_MAX, work.request_max);
    d.set(Descriptor::RATE, static_cast<u64>(work.every.ps()) / 1000).set(Descriptor::COUNT, work.count);
    c->descriptor = d;
    place_save_area(*c, &bond.mm);
    co_await map(ctx, *c);
    co_return true;
}

/// unmap_queues_cpsch: the command, and its fence until the time-out. False: it did not come.
sim::Task<bool> GpuDriver::unmap(KernelContext& ctx, Context& c) {
    {
        auto work = ctx.begin("stop-command", c.bond);
        c.unmapping = true;
        co_await command(ctx, c, gpu::Operation::Unmap);
    }
    const sim::Time until = sim::now() + config_.preempt_timeout.get();
    const bool gone = co_await ctx.sleep_on(c.gone.wait_until(until), "preempt-wait", name_,
                                            [&] { return stop_span_ ? stop_span_(number_of(c)) : 0; });
    co_return gone;
}

/// As amdkfd's destroy: when the preemption does not end the GPU is reset, and the worker waits for that, too. MODEL:
/// kernels from 6.12 on try to reset the queue that hangs before the whole GPU.
sim::Task<bool> GpuDriver::stop(KernelContext& ctx, Bond& bond) {
    Context* const c = context_of(bond.id);
    bool idle = true;
    if (c != nullptr && c->taken) {
        auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
        const bool still_its = c->taken && c->bond == bond.id; // or somebody else has stopped it meanwhile, and it is another bond's
        if (still_its && !gone_ && c->mapped) {
            idle = co_await unmap(ctx, *c);
            if (!idle) {
                ++timeouts_;
                idle = co_await reset_engines(ctx, bond.id);
            }
        }
        if (still_its && idle) {
            c->taken = false;
            c->bond = {};
        }
    }
    kernel_.events().emit(StopSeen{bond.id, !idle, ctx.last_span()});
    co_return idle;
}

// ---- resets ---------------------------------------------------------------------------------------------------------

sim::Task<bool> GpuDriver::reset_engines(KernelContext& ctx, BondId guilty) {
    kernel_.events().emit(DeviceReset{device_, name_, guilty});
    co_await look_at_all(ctx);
    co_await write<gpu::RESET>(ctx, 1);
    const sim::Time limit = sim::now() + config_.reset_limit.get();
    bool over = false;
    while (!over && !gone_ && sim::now() < limit) {
        co_await ctx.sleep_on(sim::delay(config_.reset_poll.get()), "gpu-reset", name_);
        const u64 status = co_await read<gpu::RESET_STATUS>(ctx);
        over = status == 0;
    }
    if (gone_) co_return true; // nothing comes from it any more
    if (!over) co_return false;
    tell_losses();
    co_await see_to_innocents(ctx, guilty);
    co_return true;
}

bool GpuDriver::own(const Context& c) const {
    return &c == &contexts_.back() && config_.own_context.get() != OwnContext::None;
}

bool GpuDriver::maps_again(const Context& c) const {
    return own(c) || config_.innocents.get() == Innocents::Resubmitted;
}

/// Of the driver's own context no process knows.
bool GpuDriver::loses(BondId bond) const {
    const auto its = [bond](const Context& c) { return c.taken && c.bond == bond; };
    const auto found = std::find_if(contexts_.begin(), contexts_.end(), its);
    return found != contexts_.end() && !own(*found) && (gone_ || !maps_again(*found));
}

sim::Task<void> GpuDriver::see_to_innocents(KernelContext& ctx, BondId guilty) {
    for (Context& c : contexts_) {
        if (!c.mapped) continue;
        unmapped(c);
        if (c.done || (c.bond == guilty && !own(c)) || !maps_again(c)) continue;
        c.descriptor.set(Descriptor::RESTORE, c.saved);
        co_await map(ctx, c);
    }
}

sim::Task<void> GpuDriver::program_anew(KernelContext& ctx) {
    co_await program(ctx);
    co_await see_to_innocents(ctx, no_bond);
}

void GpuDriver::nothing_comes() {
    for (Context& c : contexts_) unmapped(c);
}

// ---- interrupts -----------------------------------------------------------------------------------------------------

/// From the read pointer to the write pointer, as often as the GPU has moved it meanwhile.
sim::Task<void> GpuDriver::on_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("device-interrupt");
    co_await ctx.spend(config_.interrupt.get(), name_);
    bool overflow = false;
    for (;;) {
        if (gone_ || in_reset_) co_return;
        const u64 word = co_await ctx.load(wptr_);
        const auto pointer = gpu::WritePointer::from_words({word});
        overflow = overflow || pointer.get(gpu::WritePointer::OVERFLOW);
        if (rptr_ == pointer.get(gpu::WritePointer::WPTR)) break;
        co_await take_entry(ctx);
        rptr_ = (rptr_ + 1) & ((u32{1} << config_.ring_log2.get()) - 1);
        co_await write<gpu::IR_RPTR>(ctx, rptr_);
    }
    if (!overflow) co_return;
    ++overflows_;
    co_await write<gpu::IR_STATUS>(ctx, 1);
    co_await look_at_all(ctx);
}

sim::Task<void> GpuDriver::take_entry(KernelContext& ctx) {
    co_await ctx.spend(config_.entry.get(), name_);
    const u64 word = co_await ctx.load(ring_ + rptr_ * u64{gpu::InterruptEntry::byte_count});
    const auto e = gpu::InterruptEntry::from_words({word, 0, 0, 0}); // what is done here needs no more
    const u64 number = e.get(gpu::InterruptEntry::CONTEXT);
    if (number >= contexts_.size()) co_return;
    Context& c = contexts_[number];
    switch (e.get(gpu::InterruptEntry::SOURCE)) {
    case gpu::Source::Done: c.done = true; break;
    case gpu::Source::Unmapped:
        // Not asked for: the context's state could not be saved, or read back.
        if (!c.unmapping && !c.done) kernel_.events().emit(WorkLost{device_, c.bond});
        unmapped(c);
        break;
    case gpu::Source::Invalid: unmapped(c); break;
    case gpu::Source::Fault: ++faults_; break;
    case gpu::Source::None: break;
    }
}

/// What the registers say of each context: where entries were dropped, and before a reset.
sim::Task<void> GpuDriver::look_at_all(KernelContext& ctx) {
    auto held = co_await ctx.sleep_on(look_.lock(), "device-lock", name_);
    for (Context& c : contexts_) {
        if (!c.mapped) continue;
        co_await write<gpu::CTX_SELECT>(ctx, number_of(c));
        const u64 bits = co_await read<gpu::CTX_STATUS>(ctx);
        if (gone_) co_return;
        const auto status = gpu::CTX_STATUS::of(static_cast<u32>(bits));
        const gpu::State state = status.get(gpu::CTX_STATUS::STATE);
        c.saved = state == gpu::State::Waiting && status.get(gpu::CTX_STATUS::SAVED);
        if (state == gpu::State::Unmapped) unmapped(c);
        if (state == gpu::State::Idle) c.done = true;
    }
}

} // namespace quiesce::os::drivers
