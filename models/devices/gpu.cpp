// SPDX-License-Identifier: Apache-2.0
/// The GPU's registers, commands, resets and interrupt ring.
#include "devices/gpu.h"

#include <algorithm>
#include <string>

namespace quiesce::devices {

namespace {
constexpr u64 largest_access = 64 * 1024; ///< BYTES_MAX has 16 bits
} // namespace

std::size_t Gpu::Context::pending() const {
    return static_cast<std::size_t>(
        std::count_if(waves.begin(), waves.end(), [](const Wave& w) { return w.access.has_value(); }));
}

Gpu::Gpu(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
         const GpuConfig& config, DeviceId device, u64 seed)
    : SvaFunction(name, events, root_complex, link, config.function, base::Size{gpu::bar_bytes}, device),
      config_(config), own_(events, *this, nullptr),
      runlist_name_(std::string(name.text()) + ".runlist"),
      pattern_(std::max(largest_access, config.wave_bytes.get().bytes())), sink_(pattern_.size()) {
    const std::string prefix = std::string(name.text()) + ".ctx";
    for (unsigned n = 0; n < config.contexts; ++n) {
        contexts_.push_back(std::make_unique<Context>(base::Name{prefix + std::to_string(n)}, n, *this, seed));
        contexts_.back()->waves.resize(config.waves);
    }
    engines_.resize(config.engines);
    for (unsigned n = 0; n < config.engines; ++n) engines_[n].number = n;
    for (const auto& row : enum_names(gpu::State{})) state_names_[raw(row.value)] = base::Name{row.name};
    for (std::size_t i = 0; i < pattern_.size(); ++i) pattern_[i] = static_cast<std::byte>(i);
    bind_registers();
}

// ---- registers ------------------------------------------------------------------------------------------------------

void Gpu::bind_registers() {
    regs_.write(gpu::DEV_CAP{}
                    .set(gpu::DEV_CAP::ENGINES, config_.engines.get())
                    .set(gpu::DEV_CAP::WAVES, config_.waves.get())
                    .set(gpu::DEV_CAP::CONTEXTS, config_.contexts.get()));
    regs_.write(gpu::WAVE_BYTES::of(static_cast<u32>(config_.wave_bytes.get().bytes())));
    regs_.on_write<gpu::IR_CONTROL>([this](gpu::IR_CONTROL c) {
        ring_ = {static_cast<u32>(c.get(gpu::IR_CONTROL::LOG2SIZE)), 0, 0};
    });
    regs_.on_write<gpu::IR_RPTR>(
        [this](gpu::IR_RPTR r) { ring_.cons = base::HeadTail::index(r.value(), ring_.log2size); });
    regs_.on_read<gpu::IR_WPTR>([this](gpu::IR_WPTR) { return gpu::IR_WPTR::of(ring_.prod); });
    regs_.on_write<gpu::COMMAND>([this](gpu::COMMAND c) { command(c); });
    regs_.on_read<gpu::CTX_STATUS>([this](gpu::CTX_STATUS) {
        const Context* c = context(regs_.get(gpu::CTX_SELECT::CONTEXT));
        if (c == nullptr) return gpu::CTX_STATUS{};
        return gpu::CTX_STATUS{}
            .set(gpu::CTX_STATUS::STATE, c->life.state())
            .set(gpu::CTX_STATUS::SAVED, c->saved)
            .set(gpu::CTX_STATUS::ENGINE, c->engine);
    });
    regs_.on_write<gpu::RESET>([this](gpu::RESET r) {
        if (r.get(gpu::RESET::ENGINES) && !resetting_) sim::start(reset_engines());
    });
    regs_.on_read<gpu::RESET_STATUS>(
        [this](gpu::RESET_STATUS) { return gpu::RESET_STATUS{}.set(gpu::RESET_STATUS::BUSY, resetting_); });
    regs_.on_read<gpu::RETRIES>([this](gpu::RETRIES) { return gpu::RETRIES::of(retries_); });
    regs_.on_read<gpu::FAULTS>([this](gpu::FAULTS) { return gpu::FAULTS::of(faults_); });
    regs_.on_read<gpu::IR_DROPPED>([this](gpu::IR_DROPPED) { return gpu::IR_DROPPED::of(dropped_); });
}

bool Gpu::take(Context& c, ContextEvent e) {
    const gpu::State before = c.life.state();
    const bool taken = c.life.apply(e);
    refused_ += !taken;
    if (c.life.state() != before)
        events().emit(QueueState{c.name, device(), c.work.bond, c.work.pasid, state_names_[raw(c.life.state())]});
    return taken;
}

// ---- commands -------------------------------------------------------------------------------------------------------

void Gpu::command(gpu::COMMAND command) {
    Context* c = context(command.get(gpu::COMMAND::CONTEXT));
    const gpu::Operation operation = command.get(gpu::COMMAND::OPERATION);
    const bool idle = c != nullptr && (c->life.is(gpu::State::Unmapped) || c->life.is(gpu::State::Idle));
    if (operation == gpu::Operation::Map && idle && !c->reading && !resetting_ && c->access.idle().is_set()) {
        c->reading = true;
        sim::start(map(*c, life_));
    } else if (operation == gpu::Operation::Unmap && c != nullptr && !resetting_ && !c->unmap &&
               (c->reading || !c->life.is(gpu::State::Unmapped))) {
        unmap(*c);
    } else {
        ++refused_;
    }
}

sim::Task<void> Gpu::map(Context& c, u64 life) {
    std::array<std::byte, gpu::ContextDescriptor::byte_count> bytes{};
    pcie::DmaRequest r;
    r.at = regs_.get(gpu::CTX_BASE::ADDR) + c.number * u64{gpu::ContextDescriptor::byte_count};
    auto reading = own_.read(r, bytes);
    const DmaEnding how = co_await std::move(reading);
    if (life != life_) co_return;
    c.reading = false;
    c.descriptor = how == DmaEnding::Success ? gpu::ContextDescriptor::from_bytes(bytes) : gpu::ContextDescriptor{};
    if (!c.descriptor.get(gpu::ContextDescriptor::VALID) || c.descriptor.get(gpu::ContextDescriptor::LENGTH) == 0) {
        c.unmap = false;
        post(c, gpu::Source::Invalid);
        co_return;
    }
    take_descriptor(c);
    take(c, ContextEvent::Map);
    if (PageRequestInterface* pages = page_requests()) pages->begin(request_of(c));
    if (c.unmap)
        sim::start(unmapped(c, false)); // it came while the descriptor was being read
    else
        enqueue(c);
}

void Gpu::take_descriptor(Context& c) {
    using D = gpu::ContextDescriptor;
    const D& d = c.descriptor;
    Workload w;
    w.direction = d.get(D::DIRECTION);
    w.pattern = d.get(D::PATTERN);
    w.reads_percent = static_cast<unsigned>(d.get(D::READS));
    const u64 size = d.get(D::BYTES_MIN);
    w.min_bytes = static_cast<u32>(size != 0 ? size : config_.request_size.get().bytes());
    w.max_bytes = static_cast<u32>(std::max<u64>(w.min_bytes, d.get(D::BYTES_MAX)));
    w.footprint = {IovaRange{d.get(D::BASE), d.get(D::LENGTH)}};
    w.every = 1_ns * d.get(D::RATE);
    w.count = d.get(D::COUNT);
    w.has_pasid = d.get(D::PASID_VALID);
    w.pasid = d.get(D::PASID);
    w.privileged = d.get(D::PRIVILEGED);
    w.bond = d.get(D::TAG);
    c.work = w;
    c.begun = c.saved = d.get(D::RESTORE);
    c.requests = 0;
    for (Wave& wave : c.waves) wave.access.reset();
    c.sequence.begin(c.work);
}

void Gpu::unmap(Context& c) {
    c.unmap = true;
    const auto waiting = std::find(runlist_.begin(), runlist_.end(), &c);
    if (waiting != runlist_.end()) {
        runlist_.erase(waiting);
        events().emit(base::LevelChanged{runlist_name_, static_cast<u32>(runlist_.size())});
        sim::start(unmapped(c, false));
    } else if (c.life.is(gpu::State::Idle) && !c.reading) {
        sim::start(unmapped(c, false));
    } else {
        wake_engines();
    }
}

/// PASID stop (facts/iommu-specs.md 4.1): nothing new, page requests answered or closed by a Stop Marker, writes
/// observable; only then Unmapped.
sim::Task<void> Gpu::unmapped(Context& c, bool failed) {
    const u64 life = life_;
    if (failed) events().emit(WorkDropped{device(), c.work.bond});
    PageRequestInterface* const pages = page_requests();
    if (pages != nullptr) co_await pages->stop(request_of(c));
    co_await c.access.idle().wait();
    co_await c.access.flush(request_of(c));
    if (life != life_) co_return;
    if (pages != nullptr) pages->mark_stopped(request_of(c));
    c.unmap = false;
    take(c, ContextEvent::Unmap);
    post(c, gpu::Source::Unmapped, failed);
}

/// What a request of the context has in common with all others.
pcie::DmaRequest Gpu::request_of(const Context& c) {
    pcie::DmaRequest r;
    r.has_pasid = c.work.has_pasid;
    r.pasid = c.work.pasid;
    r.bond = c.work.bond;
    r.privileged = c.work.privileged;
    return r;
}

pcie::DmaRequest Gpu::save_request(const Context& c) {
    pcie::DmaRequest r = c.descriptor.get(gpu::ContextDescriptor::SAVE_KERNEL) ? pcie::DmaRequest{} : request_of(c);
    r.at = c.descriptor.get(gpu::ContextDescriptor::SAVE_AREA);
    return r;
}

// ---- resets ---------------------------------------------------------------------------------------------------------

/// Whatever the context does ends quietly; what it has sent goes its way.
void Gpu::abandon(Context& c) {
    ++c.run;
    c.access.reset();
    c.unmap = c.saved = c.begun = c.reading = false;
    for (Wave& w : c.waves) {
        w.preempt.set();
        w.gone.set();
        w.access.reset();
    }
}

/// Over when nothing of what was before is under way any more.
sim::Task<void> Gpu::reset_engines() {
    lose_work();
    resetting_ = true;
    base::Activity span{events(), name(), "engine-reset"};
    const u64 life = ++life_;
    runlist_.clear();
    for (auto& c : contexts_) abandon(*c);
    for (Engine& e : engines_) e.busy = false;
    wake_engines();
    co_await sim::delay(config_.reset_time.get());
    for (auto& c : contexts_) {
        if (life != life_) co_return;
        if (c->life.is(gpu::State::Unmapped)) continue;
        PageRequestInterface* const pages = page_requests();
        if (pages != nullptr) co_await pages->stop(request_of(*c));
        co_await c->access.idle().wait();
        co_await c->access.flush(request_of(*c));
        if (life != life_) co_return;
        if (pages != nullptr) pages->mark_stopped(request_of(*c));
        take(*c, ContextEvent::Reset);
    }
    co_await own_.idle().wait();
    if (life == life_) resetting_ = false;
}

std::vector<BondId> Gpu::at_work() const {
    std::vector<BondId> bonds;
    if (resetting_) return bonds; // it lost all when the reset began
    for (const auto& c : contexts_)
        if (!c->unmap && !c->life.is(gpu::State::Unmapped) && !c->life.is(gpu::State::Idle))
            bonds.push_back(c->work.bond);
    return bonds;
}

/// All registers are as after power-on, no context is mapped. MODEL: what is on the link goes its way.
void Gpu::forget() {
    SvaFunction::forget();
    ++life_;
    resetting_ = false;
    own_.reset();
    runlist_.clear();
    for (auto& c : contexts_) {
        abandon(*c);
        take(*c, ContextEvent::Reset);
    }
    for (Engine& e : engines_) e.busy = false;
    wake_engines();
    const gpu::DEV_CAP cap = regs_.read<gpu::DEV_CAP>();
    const gpu::WAVE_BYTES wave_bytes = regs_.read<gpu::WAVE_BYTES>();
    regs_.reset();
    regs_.write(cap);
    regs_.write(wave_bytes);
    ring_ = {};
}

// ---- interrupts -----------------------------------------------------------------------------------------------------

unsigned Gpu::vmid_of(const Context& c) const {
    return c.work.has_pasid ? gpu::first_user_vmid + c.engine : gpu::kernel_vmid;
}

void Gpu::post(const Context& c, gpu::Source source, bool failed, Iova at, bool write) {
    if (!regs_.get(gpu::IR_CONTROL::ENABLE)) return;
    const u32 slot = ring_.prod_index();
    if (!ring_.produce()) {
        ++dropped_;
        regs_.set(gpu::IR_STATUS::OVERFLOW, true);
        sim::start(write_pointer(ring_.prod));
        return;
    }
    gpu::InterruptEntry e;
    e.set(gpu::InterruptEntry::SOURCE, source)
        .set(gpu::InterruptEntry::FAILED, failed)
        .set(gpu::InterruptEntry::WRITE, write);
    e.set(gpu::InterruptEntry::VMID, vmid_of(c))
        .set(gpu::InterruptEntry::CONTEXT, c.number)
        .set(gpu::InterruptEntry::PASID, c.work.pasid);
    e.set(gpu::InterruptEntry::ADDRESS, at)
        .set(gpu::InterruptEntry::TIME, static_cast<u64>((sim::now() - sim::Time{}).ps() / 1000));
    sim::start(write_entry(e, slot, ring_.prod));
}

sim::Task<void> Gpu::write_entry(gpu::InterruptEntry entry, u32 slot, u32 wptr) {
    const auto bytes = entry.to_bytes();
    pcie::DmaRequest r;
    r.at = regs_.get(gpu::IR_BASE::ADDR) + slot * u64{gpu::InterruptEntry::byte_count};
    co_await own_.write(r, bytes);
    co_await write_pointer(wptr);
}

/// The pointer, and the message behind it: posted writes stay in order.
sim::Task<void> Gpu::write_pointer(u32 wptr) {
    gpu::WritePointer p;
    p.set(gpu::WritePointer::WPTR, wptr).set(gpu::WritePointer::OVERFLOW, regs_.get(gpu::IR_STATUS::OVERFLOW));
    const auto bytes = p.to_bytes();
    pcie::DmaRequest r;
    r.at = regs_.get(gpu::IR_WPTR_ADDR::ADDR);
    if (r.at == Iova{}) co_return; // a reset came
    co_await own_.write(r, bytes);
    const u64 to = regs_.get(gpu::MSI_ADDR::ADDR);
    if (to != 0) send_message(to, regs_.read<gpu::MSI_DATA>().value());
}

} // namespace quiesce::devices
