// SPDX-License-Identifier: Apache-2.0
/// How the GPU's contexts take turns on its engines, and what their waves do.
#include "devices/gpu.h"

#include "sim/when_all.h"

#include <algorithm>

namespace quiesce::devices {

// ---- taking turns ---------------------------------------------------------------------------------------------------

void Gpu::wake_engines() {
    for (Engine& e : engines_) e.wake.notify_all();
}

void Gpu::enqueue(Context& c) {
    runlist_.push_back(&c);
    events().emit(base::LevelChanged{runlist_name_, static_cast<u32>(runlist_.size())});
    const auto idle = std::find_if(engines_.begin(), engines_.end(), [](const Engine& e) { return !e.busy; });
    if (idle == engines_.end()) return wake_engines(); // time slices count from now on
    idle->busy = true;
    sim::spawn(run_engine(*idle, life_));
}

/// Until no context waits, or a reset comes.
sim::Task<void> Gpu::run_engine(Engine& e, u64 life) {
    while (life == life_ && !runlist_.empty()) {
        Context& c = *runlist_.front();
        runlist_.pop_front();
        events().emit(base::LevelChanged{runlist_name_, static_cast<u32>(runlist_.size())});
        c.engine = e.number;
        take(c, ContextEvent::Load);
        const bool loaded = co_await load(c, life);
        if (life != life_) co_return;
        if (loaded) co_await run(e, c, life);
    }
    if (life == life_) e.busy = false;
}

/// One turn of a context: until its work ends, it is to be unmapped, or its time is up and another one waits.
sim::Task<void> Gpu::run(Engine& e, Context& c, u64 life) {
    start_waves(c);
    const sim::Time until = sim::now() + config_.time_slice.get();
    while (c.alive != 0 && !c.unmap && (runlist_.empty() || sim::now() < until)) {
        co_await e.wake.wait_until(runlist_.empty() ? sim::Time::never() : until);
        if (life != life_) co_return;
    }
    if (c.alive != 0)
        co_await preempt(c, life);
    else
        co_await finish(c, life);
}

/// The engine is set up, and what was saved comes back. False if it could not be read: the context is then unmapped.
sim::Task<bool> Gpu::load(Context& c, u64 life) {
    base::Activity span{events(), name(), "context-load", {}, 0, c.work.bond};
    co_await sim::delay(config_.load.get());
    if (life != life_ || !c.begun) co_return true;
    pcie::DmaRequest r = save_request(c);
    std::array<std::byte, gpu::SaveHeader::byte_count> header{};
    DmaAccess& way = way_of(c, r);
    auto reading = way.read(r, header);
    DmaEnding how = co_await std::move(reading);
    const gpu::SaveHeader h = gpu::SaveHeader::from_bytes(header);
    if (how == DmaEnding::Success && (!c.saved || h.get(gpu::SaveHeader::MAGIC) != gpu::save_magic))
        how = DmaEnding::NotSent;
    for (u64 n = 0; n < h.get(gpu::SaveHeader::WAVES) && how == DmaEnding::Success && life == life_; ++n) {
        const u64 bytes = config_.wave_bytes.get().bytes();
        r.at = c.descriptor.get(gpu::ContextDescriptor::SAVE_AREA) + page_size + n * bytes;
        auto wave_state = way.read(r, std::span{sink_}.first(bytes));
        how = co_await std::move(wave_state);
    }
    if (life != life_) co_return true;
    if (how == DmaEnding::Success) {
        if (c.requests == 0) c.requests = h.get(gpu::SaveHeader::REQUESTS); // mapped anew: the work goes on from there
        co_return true;
    }
    take(c, ContextEvent::Preempt);
    co_await unmapped(c, true);
    co_return false;
}

sim::Task<void> Gpu::finish(Context& c, u64 life) {
    co_await c.access.flush(request_of(c));
    if (life != life_) co_return;
    take(c, ContextEvent::WorkEnds);
    post(c, gpu::Source::Done);
    if (c.unmap) co_await unmapped(c, false);
}

// ---- preemption -----------------------------------------------------------------------------------------------------

bool Gpu::hangs(Context& c) {
    return c.descriptor.get(gpu::ContextDescriptor::STUCK) ||
           (config_.hang_one_in != 0 && c.hangs.one_in(config_.hang_one_in.get()));
}

sim::Duration Gpu::draw_point(Context& c) {
    if (!config_.preempt_point.get().is_constant()) return config_.preempt_point.get().draw(c.points);
    const u64 low = static_cast<u64>(config_.preempt_point.get().first().ps());
    const u64 high = std::max(low, static_cast<u64>(config_.preempt_point_max.get().ps()));
    return sim::Duration::ps(static_cast<i64>(c.points.between(low, high)));
}

/// A preemption that hangs keeps its engine, with the waves going on, until a reset.
sim::Task<void> Gpu::preempt(Context& c, u64 life) {
    take(c, ContextEvent::Preempt);
    base::Activity span{events(), name(), "context-save", {}, 0, c.work.bond};
    c.stop_span = span.id();
    if (hangs(c)) {
        Engine& e = engines_[c.engine];
        while (life == life_) co_await e.wake.wait();
        co_return;
    }
    bool ok = true;
    co_await save(c, ok);
    if (life != life_) co_return;
    c.saved = ok;
    span.end();
    if (c.unmap) {
        co_await unmapped(c, !ok);
    } else if (c.exhausted() && c.pending() == 0) {
        take(c, ContextEvent::WorkEnds);
        post(c, gpu::Source::Done);
    } else if (ok) {
        take(c, ContextEvent::Saved);
        enqueue(c);
    } else {
        co_await unmapped(c, true); // its state is nowhere: it cannot go on
    }
}

/// The waves one by one, each when it has come to its point; then the header, which makes the state valid.
sim::Task<void> Gpu::save(Context& c, bool& ok) {
    const u64 run = c.run;
    std::vector<sim::Task<void>> waves;
    const unsigned count = c.alive;
    for (unsigned n = 0; n < c.waves.size(); ++n)
        if (!c.waves[n].gone.is_set()) waves.push_back(save_wave(c, n, ok));
    co_await sim::when_all(std::move(waves));
    if (!ok || run != c.run) co_return;
    gpu::SaveHeader h;
    h.set(gpu::SaveHeader::MAGIC, gpu::save_magic)
        .set(gpu::SaveHeader::WAVES, count)
        .set(gpu::SaveHeader::REQUESTS, c.requests);
    const auto header = h.to_bytes();
    const pcie::DmaRequest r = save_request(c);
    DmaAccess& way = way_of(c, r);
    auto writing = way.write(r, header);
    const DmaEnding how = co_await std::move(writing);
    ok = how == DmaEnding::Success;
    co_await way.flush(r);
}

sim::Task<void> Gpu::save_wave(Context& c, unsigned n, bool& ok) {
    const u64 run = c.run;
    Wave& w = c.waves[n];
    co_await w.gone.wait_for(draw_point(c)); // it may come to its end before
    w.preempt.set();
    co_await w.gone.wait();
    if (run != c.run) co_return;
    const u64 bytes = config_.wave_bytes.get().bytes();
    pcie::DmaRequest r = save_request(c);
    r.at += page_size + n * bytes;
    const auto state = std::span<const std::byte>{pattern_}.first(bytes);
    auto writing = way_of(c, r).write(r, state);
    const DmaEnding how = co_await std::move(writing);
    if (how != DmaEnding::Success) ok = false;
}

// ---- waves ----------------------------------------------------------------------------------------------------------

void Gpu::start_waves(Context& c) {
    ++c.run;
    c.begun = true;
    c.saved = false;
    c.next_request = sim::now();
    const u64 wanted = c.descriptor.get(gpu::ContextDescriptor::WAVES);
    const auto count = static_cast<unsigned>(std::min<u64>(wanted != 0 ? wanted : c.waves.size(), c.waves.size()));
    c.alive = count;
    for (unsigned n = 0; n < c.waves.size(); ++n) {
        Wave& w = c.waves[n];
        w.preempt.reset();
        if (n < count)
            w.gone.reset();
        else
            w.gone.set();
    }
    for (unsigned n = 0; n < count; ++n) sim::spawn(wave(c, c.waves[n], c.run));
}

/// One request after the other, until the work is done or the wave is preempted.
sim::Task<void> Gpu::wave(Context& c, Wave& w, u64 run) {
    while (!w.preempt.is_set()) {
        if (!w.access) {
            if (c.exhausted()) break;
            if (c.work.every != sim::Duration{}) {
                const sim::Time at = std::max(c.next_request, sim::now());
                c.next_request = at + c.work.every;
                const bool preempted = co_await w.preempt.wait_until(at);
                if (run != c.run) break;
                if (preempted) break;
                if (c.exhausted()) break; // the others were faster
            }
            w.access = c.sequence.next();
            ++c.requests;
        }
        const bool done = co_await perform(c, w, run);
        if (run != c.run || !done) break;
        w.access.reset();
    }
    if (run == c.run) {
        w.gone.set();
        if (--c.alive == 0) engines_[c.engine].wake.notify_all();
    }
}

/// One access, again and again until it succeeds. False if the wave was preempted before that, or its context removed.
sim::Task<bool> Gpu::perform(Context& c, Wave& w, u64 run) {
    const RequestSequence::Item item = *w.access;
    pcie::DmaRequest r = request_of(c);
    r.at = item.at;
    sim::Duration pause = config_.retry.get();
    for (unsigned tries = 0;; ++tries) {
        auto access = item.write ? c.access.write(r, std::span<const std::byte>{pattern_}.first(item.bytes))
                                 : c.access.read(r, std::span{sink_}.first(item.bytes));
        const DmaEnding how = co_await std::move(access);
        if (run != c.run) co_return false;
        if (how == DmaEnding::Success) co_return true;
        if (tries == 0) {
            ++faults_;
            post(c, gpu::Source::Fault, false, item.at, item.write);
        }
        const bool preempted = co_await w.preempt.wait_for(pause);
        if (run != c.run || preempted) co_return false;
        ++retries_;
        events().emit(AccessRetried{device(), c.work.bond, item.at, item.write});
        pause = std::min(pause + pause, config_.retry_max.get());
    }
}

} // namespace quiesce::devices
