// SPDX-License-Identifier: Apache-2.0
#include "fuzz/tlp_machine.h"

#include "pcie/firmware.h"

#include <algorithm>

namespace quiesce::fuzz {

using namespace pcie;

namespace {

/// Every time-out is over long before.
constexpr sim::Duration patience = sim::Duration::ps(10'000'000'000'000);
/// What was given back becomes usable within it.
constexpr sim::Duration credits_under_way = sim::Duration::ps(1'000'000);
/// Steps of the calendar that one thing may cost on average: a packet passes at most three links up and three down, is
/// answered in up to 64 parts, and its translation may walk both stages.
constexpr u64 most_work_of_one = 2'000;

Tlp packet_of_kind(TlpKind kind) {
    Tlp t;
    t.kind = kind;
    return t;
}

} // namespace

TlpTally& TlpTally::operator+=(const TlpTally& o) {
    programs += o.programs, packets += o.packets, register_accesses += o.register_accesses, commands += o.commands;
    resets += o.resets, completed += o.completed, failed += o.failed;
    most_work = std::max(most_work, o.most_work);
    return *this;
}

void print(const TlpTally& t, double seconds) {
    const auto n = [](u64 value) { return static_cast<unsigned long long>(value); };
    std::printf("%llu programs: %llu packets of functions, %llu accesses of CPUs, %llu of the IOMMU and its software, "
                "%llu changes of links, %llu completed, %llu failed; at most %llu steps for one; "
                "%.0f packets per second\n",
                n(t.programs), n(t.packets), n(t.register_accesses), n(t.commands), n(t.resets), n(t.completed),
                n(t.failed), n(t.most_work), static_cast<double>(t.packets) / seconds);
}

// ---- functions ------------------------------------------------------------------------------------------------------

TlpMachine::Device::Device(TlpMachine& m, unsigned n, const TlpSetup& setup)
    : Endpoint("ep" + std::to_string(n), m.events_, m.root_complex_, setup.link, setup.endpoint,
               DeviceId{static_cast<u16>(n)}, FunctionConfig{}) {
    take_into_service();
    config_space().assign_bar(0, bars + n * window_step);
}

CompletionStatus TlpMachine::Device::take_line(u64 offset, const memory::Line&, bool deferrable) {
    return deferrable && (offset & 64) != 0 ? CompletionStatus::RequestRetry : CompletionStatus::Success;
}

bool TlpMachine::Device::invalidate(const InvalidateRequest& r) {
    using Answer = Answers;
    const auto answer = [&](unsigned itag, unsigned of) {
        Endpoint::complete_invalidation(InvalidateCompletion::of(itag, of));
    };
    switch (answers) {
    case Answer::Refused: return false;
    case Answer::None: break;
    case Answer::WrongTag: answer((r.itag + 1) % itags, 1); break;
    case Answer::Twice: answer(r.itag, 1), answer(r.itag, 1); break;
    case Answer::Split:
        for (unsigned i = 0; i < InvalidateCompletion::most; ++i) answer(r.itag, InvalidateCompletion::most);
        break;
    case Answer::Right: answer(r.itag, 1); break;
    }
    return true;
}

TlpMachine::TlpMachine(sim::Calendar& calendar, const TlpSetup& s)
    : calendar_(calendar), events_(calendar.clock()), memory_({memory::RamRange{ram, ram_bytes}}),
      root_complex_(events_, memory_, nullptr, s.root_complex), items_at_start_(calendar.items_run()) {
    if (s.with_iommu) {
        iommu_.emplace("smmu", events_, memory_, nullptr, s.iommu);
        iommu_->set_ats_port(&root_complex_);
        iommu_->set_page_response_port(&root_complex_);
        root_complex_.set_translation(&iommu_->translation());
        root_complex_.set_page_requests(&iommu_->page_requests());
    }
    root_complex_.set_message_window(messages, page_size);
    switches_[0] = &root_complex_.add_switch("sw0", s.fabric);
    switches_[1] = &root_complex_.add_switch("sw1", s.fabric, switches_[0]);
    root_complex_.place(DeviceId{1}, *switches_[0]);
    root_complex_.place(DeviceId{2}, *switches_[0]);
    root_complex_.place(DeviceId{3}, *switches_[1]);
    number_buses(root_complex_, functions);
    for (unsigned n = 0; n < functions; ++n) {
        devices_.push_back(std::make_unique<Device>(*this, n, s));
        note_rooms(devices_[n]->port().link());
    }
    open_windows(root_complex_);
    for (Switch* const one : switches_) note_rooms(one->link());
    tally_.programs = 1;
}

void TlpMachine::note_rooms(Link& link) {
    for (LinkDirection* const d : {&link.up, &link.down})
        for (const TlpKind kind : {TlpKind::MemoryWrite, TlpKind::MemoryRead, TlpKind::Completion}) {
            CreditPool& pool = d->queue().pool_of(packet_of_kind(kind));
            if (!pool.infinite()) rooms_.push_back({&pool, pool.headers(), pool.data()});
        }
}

void TlpMachine::begin(sim::Task<void> what, u64 things) {
    things_ += things;
    sim::spawn(count(std::move(what)));
}
sim::Task<void> TlpMachine::count(sim::Task<void> what) {
    ++under_way_;
    co_await std::move(what);
    --under_way_;
}

void TlpMachine::answered(const Asked& a) {
    must(a.answers == 1, "a request is not answered once");
    ++(a.ok ? tally_.completed : tally_.failed);
}

void TlpMachine::read(unsigned n, const Tlp& t) {
    ++tally_.packets;
    begin(do_read(*devices_[n], t), 1 + t.length / 64);
}
sim::Task<void> TlpMachine::do_read(Device& d, Tlp t) {
    Asked asked{t.length};
    Tag tag = co_await d.tags().acquire();
    t.tag = tag.number();
    auto reading = d.port().read(t, asked.data.data(), std::move(tag), asked);
    co_await std::move(reading);
    answered(asked);
}

void TlpMachine::write(unsigned n, const Tlp& t) {
    ++tally_.packets;
    begin(do_write(*devices_[n], t));
}
sim::Task<void> TlpMachine::do_write(Device& d, Tlp t) {
    const std::vector<std::byte> data(t.length, std::byte{0xa5});
    auto writing = d.port().write(t, Payload::copy(data), nullptr);
    co_await std::move(writing);
}

void TlpMachine::atomic(unsigned n, const Tlp& t, const Operands& operands) {
    ++tally_.packets;
    begin(do_atomic(*devices_[n], t, operands));
}
sim::Task<void> TlpMachine::do_atomic(Device& d, Tlp t, Operands operands) {
    Asked asked{t.length};
    Tag tag = co_await d.tags().acquire();
    t.tag = tag.number();
    auto asking = d.port().atomic(t, operands, asked.data.data(), std::move(tag), asked);
    co_await std::move(asking);
    answered(asked);
}

void TlpMachine::translate(unsigned n, const Tlp& t) {
    ++tally_.packets;
    begin(do_translate(*devices_[n], t), 1 + t.length / TranslationEntry::byte_count);
}
sim::Task<void> TlpMachine::do_translate(Device& d, Tlp t) {
    const u32 most = t.length / TranslationEntry::byte_count;
    Tag tag = co_await d.tags().acquire();
    t.tag = tag.number();
    auto asking = d.port().request_translation(t, std::move(tag));
    const TranslationCompletion got = co_await std::move(asking);
    const bool ok = got.status == CompletionStatus::Success;
    must(ok != got.entries.empty(), "a translation that was given has no entry, or one that was refused has");
    must(got.entries.size() <= most, "more translations than were asked for");
    ++(ok ? tally_.completed : tally_.failed);
}

void TlpMachine::complete_invalidation(unsigned n, const Tlp& t, InvalidateCompletion body) {
    ++tally_.packets;
    begin(devices_[n]->port().complete_invalidation(t, body));
}
void TlpMachine::request_page(unsigned n, const Tlp& t, PageRequestHeader header) {
    ++tally_.packets;
    begin(devices_[n]->port().request_page(t, header));
}

// ---- CPUs and the IOMMU ---------------------------------------------------------------------------------------------

void TlpMachine::register_write(unsigned n, u64 offset, unsigned bytes, u64 value) {
    ++tally_.register_accesses;
    begin(devices_[n]->bar().mmio_write(offset, bytes, value));
}
void TlpMachine::register_read(unsigned n, u64 offset, unsigned bytes) {
    ++tally_.register_accesses;
    begin(do_register_read(devices_[n]->bar(), offset, bytes));
}
sim::Task<void> TlpMachine::do_register_read(memory::MmioTarget& at, u64 offset, unsigned bytes) {
    auto reading = at.mmio_read(offset, bytes);
    co_await std::move(reading);
}
void TlpMachine::line(unsigned n, u64 offset, bool deferrable) {
    ++tally_.register_accesses;
    memory::MmioTarget& at = devices_[n]->bar();
    begin(deferrable ? do_enqueue(at, offset) : at.write_line(offset, {}));
}
sim::Task<void> TlpMachine::do_enqueue(memory::MmioTarget& at, u64 offset) {
    auto asking = at.enqueue(offset, {});
    co_await std::move(asking);
}
void TlpMachine::config_write(u64 offset, unsigned bytes, u64 value) {
    ++tally_.register_accesses;
    begin(ecam_.mmio_write(offset, bytes, value));
}
void TlpMachine::config_read(u64 offset, unsigned bytes) {
    ++tally_.register_accesses;
    begin(do_register_read(ecam_, offset, bytes));
}
void TlpMachine::invalidate(const iommu::AtcInvalidation& what) {
    ++tally_.commands;
    begin(do_invalidate(what));
}
sim::Task<void> TlpMachine::do_invalidate(iommu::AtcInvalidation what) {
    auto asking = root_complex_.invalidate(what);
    co_await std::move(asking);
}
void TlpMachine::respond(const iommu::PageGroupResponse& response) {
    ++tally_.commands;
    begin(root_complex_.respond(response));
}
void TlpMachine::iommu_write(u64 offset, unsigned bytes, u64 value) {
    ++tally_.commands;
    begin(iommu_->mmio_write(offset, bytes, value));
}

void TlpMachine::set_link(unsigned n, bool up) {
    ++tally_.resets;
    devices_[n]->port().set_link(up);
}
void TlpMachine::set_switch(unsigned n, bool up) {
    ++tally_.resets;
    switches_[n]->set_link(up);
}

// ---- what must hold -------------------------------------------------------------------------------------------------

void TlpMachine::check_work() {
    tally_.most_work = std::max(tally_.most_work, (calendar_.items_run() - items_at_start_) / things_);
    must(tally_.most_work <= most_work_of_one, "more work than what was asked for can cost");
}

void TlpMachine::pass(sim::Duration time) {
    calendar_.run_for(time);
    check_work();
}

void TlpMachine::settle() {
    calendar_.run_until_idle(calendar_.now() + patience);
    must(calendar_.idle(), "something goes on for ever");
    calendar_.run_for(credits_under_way); // nobody waits for them, so that nothing of the calendar's is to come
    check_work();
    check_quiet();
}

/// Nothing moves: whatever was taken has been given back.
void TlpMachine::check_quiet() {
    if (const std::string who = root_complex_.who_waits(); !who.empty()) broken(who);
    must(under_way_ == 0, "something that was begun has not ended");
    for (const Room& r : rooms_)
        must(r.pool->headers() == r.headers && r.pool->data() == r.data, "credits are lost, or are too many");
    for (const auto& d : devices_) {
        must(d->tags().used() == 0, "a tag was not given back");
        must(d->tags().places().waiting() == 0, "somebody waits for a tag that is free");
        must(d->port().posted_inside() == 0, "a posted packet is for ever in the root port");
    }
    if (!iommu_) return;
    must(iommu_->agent().fences().obligations() == 0, "a fence waits for what is over");
    must(iommu_->agent().in_flight().inside() == 0, "an access is in flight that nobody makes");
    must(iommu_->agent().walker().slots().used() == 0, "a walk slot was not given back");
}

} // namespace quiesce::fuzz
