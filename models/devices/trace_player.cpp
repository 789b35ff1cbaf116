// SPDX-License-Identifier: Apache-2.0
#include "devices/trace_player.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::devices {

using namespace accelerator;

TracePlayer::TracePlayer(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex,
                         const pcie::LinkConfig& link, const TracePlayerConfig& config, DeviceId device, u64 seed)
    : SvaFunction(name, events, root_complex, link, config.function, base::Size{bar_bytes}, device),
      file_(config.trace.get()), reader_(file_),
      queues_({name, events, port_, atc(), page_requests(), seed, [this] { send_interrupt(); },
               [this](unsigned queue, const Workload& work) { begin(queue, work); }},
              config.work),
      late_level_(std::string{name.text()} + ".late_ns") {
    if (reader_.error()) throw std::runtime_error("'" + file_.path() + "': " + reader_.error()->what);
    unsigned processes = 0;
    for (const TraceActor& a : reader_.actors()) {
        Actor& mine = actors_.emplace_back();
        if (a.kind == TraceActor::Kind::Process) {
            mine.queue = processes++;
            continue;
        }
        mine.own = std::make_unique<DmaEngine>(base::Name{std::string{name.text()} + "." + a.name}, events, port_,
                                               config.work.engine, seed, atc());
        mine.who.footprint = {IovaRange{Iova{0}, page_size}};
        mine.who.has_pasid = a.kind == TraceActor::Kind::Pasid;
        mine.who.pasid = a.pasid;
    }
    if (processes > queues_.count())
        throw std::runtime_error("'" + file_.path() + "' names " + std::to_string(processes) +
                                 " processes; the device has " + std::to_string(queues_.count()) + " queues");
    there_.assign(processes, false);
    heaps_.resize(queues_.count());
}

std::optional<unsigned> TracePlayer::queue_of(std::string_view process) const {
    const auto& names = reader_.actors();
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i].name == process) return actors_[i].queue;
    return std::nullopt;
}

void TracePlayer::send_interrupt() {
    const u64 to = queues_.registers().get(MSI_ADDR::ADDR);
    if (to != 0) send_message(to, queues_.registers().read<MSI_DATA>().value());
}

/// MODEL: what is on the link goes its way.
void TracePlayer::forget() {
    SvaFunction::forget();
    ++life_;
    queues_.reset();
    for (const Actor& a : actors_)
        if (a.own) a.own->reset();
    end();
}

/// A doorbell. A process that the trace does not name has nothing to do.
void TracePlayer::begin(unsigned queue, const Workload& work) {
    queues_.engine(queue).open(work);
    if (queue >= there_.size()) return queues_.engine(queue).close();
    heaps_[queue] = work.footprint.front().first;
    there_[queue] = true;
    if (playing_ || !std::all_of(there_.begin(), there_.end(), [](bool b) { return b; })) return;
    playing_ = true;
    for (const Actor& a : actors_)
        if (a.own && a.own->idle().is_set()) a.own->open(a.who);
    sim::start(play(life_));
}

/// Somebody is left whose requests would be sent.
bool TracePlayer::anyone() {
    return std::any_of(actors_.begin(), actors_.end(), [this](const Actor& a) { return engine(a).running(); });
}

std::optional<TraceLine> TracePlayer::next_line() {
    auto line = reader_.next();
    if (!reader_.error()) return line;
    const TraceError& e = *reader_.error();
    if (bad_line_) bad_line_(file_, e);
    throw std::runtime_error(file_.path() + ":" + std::to_string(e.line) + ":" + std::to_string(e.column) + ": " +
                             e.what);
}

sim::Task<void> TracePlayer::play(u64 life) {
    const sim::Time zero = sim::now();
    while (anyone()) {
        const std::optional<TraceLine> line = next_line();
        if (!line) break;
        const sim::Time due = zero + line->at;
        co_await sim::until(due);
        if (life != life_) co_return;
        const Actor& who = actors_[line->actor];
        DmaEngine& e = engine(who);
        const BondId bond = e.work().bond;
        TraceLineFate fate = TraceLineFate::LeftOut;
        if (e.running()) {
            const Iova at = line->in_heap ? heaps_[*who.queue] + line->address : Iova{line->address};
            const RequestSequence::Item item{at, line->bytes, line->write};
            const u32 sent = co_await e.request(item);
            if (life != life_) co_return;
            if (sent != 0) fate = sent == line->bytes ? TraceLineFate::Played : TraceLineFate::CutShort;
        }
        played(*line, bond, fate, fate == TraceLineFate::Played ? sim::now() - due : sim::Duration{});
    }
    end();
}

void TracePlayer::played(const TraceLine& line, BondId bond, TraceLineFate fate, sim::Duration late) {
    const auto ps = static_cast<u64>(late.ps());
    if (events().wants<TraceLinePlayed>()) events().emit(TraceLinePlayed{name(), line.line, bond, fate, ps});
    if (fate == TraceLineFate::Played && events().wants<base::LevelChanged>())
        events().emit(base::LevelChanged{late_level_, static_cast<u32>(std::min<u64>(ps / 1000, ~u32{0}))});
}

/// What is under way ends by itself; the next time the trace begins anew.
void TracePlayer::end() {
    playing_ = false;
    std::fill(there_.begin(), there_.end(), false);
    reader_.rewind();
    for (const Actor& a : actors_) engine(a).close();
}

} // namespace quiesce::devices
