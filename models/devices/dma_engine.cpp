// SPDX-License-Identifier: Apache-2.0
#include "devices/dma_engine.h"

#include "devices/dma_access.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::devices {

DmaEngine::DmaEngine(base::Name name, base::EventBus& events, std::unique_ptr<DmaPort> own, DmaPort* port,
                     const DmaEngineConfig& config, u64 seed, Atc* atc)
    : name_(name), events_(events), own_port_(std::move(own)), port_(own_port_ ? *own_port_ : *port), atc_(atc),
      error_backoff_(config.error_backoff.get()), sequence_(seed, name.text()), pattern_(port_.largest_packet(true)),
      sink_(port_.largest_packet(false)) {
    for (std::size_t i = 0; i < pattern_.size(); ++i) pattern_[i] = static_cast<std::byte>(i);
    idle_.set();
}

DmaEngine::DmaEngine(base::Name name, base::EventBus& events, DmaPort& port, const DmaEngineConfig& config, u64 seed,
                     Atc* atc)
    : DmaEngine(name, events, nullptr, &port, config, seed, atc) {}

DmaEngine::DmaEngine(base::Name name, base::EventBus& events, pcie::Endpoint& endpoint, const DmaEngineConfig& config,
                     u64 seed, Atc* atc)
    : DmaEngine(name, events, std::make_unique<EndpointPort>(endpoint), nullptr, config, seed, atc) {}

void DmaEngine::begin(const Workload& work) {
    if (!idle_.is_set()) throw std::logic_error(std::string(name_.text()) + ": started while it was running");
    sequence_.begin(work);
    counts_ = {};
    limit_ = work.outstanding != 0 ? work.outstanding : port_.tags().count();
    running_ = true;
    in_error_ = false;
    retry_at_ = {};
    idle_.reset();
    ++run_;
}

void DmaEngine::start(const Workload& work) {
    begin(work);
    sim::start(generate(run_));
}

void DmaEngine::open(const Workload& who) { begin(who); }

void DmaEngine::stop() {
    if (!running_) return;
    running_ = false;
    ++run_;
    if (waiting_) sim::Calendar::current().schedule_now(std::exchange(waiting_, nullptr));
    check_idle();
}

void DmaEngine::reset() {
    stop();
    unflushed_ = false;
    counts_ = {};
    ++life_;
}

void DmaEngine::check_idle() {
    if (!running_ && outstanding_ == 0) idle_.set();
}

/// Ends quietly as soon as its run is over, wherever it waits.
sim::Task<void> DmaEngine::generate(u64 run) {
    const Workload& work = sequence_.work();
    sim::Time next = sim::now();
    while (sequence_.more()) {
        if (work.every != sim::Duration{}) {
            co_await sim::until(next);
            if (run != run_) co_return;
            next = std::max(next, sim::now()) + work.every; // requests that were held up are not made up for
        }
        co_await send(sequence_.next(), run);
        if (run != run_) co_return;
    }
    running_ = false;
    check_idle();
}

/// The packets of one request, until its run is over.
sim::Task<u32> DmaEngine::send(RequestSequence::Item item, u64 run) {
    const Workload& work = sequence_.work();
    const bool answered = !item.write || !port_.posts_writes(), atomic = work.direction == Direction::Atomic;
    pcie::DmaRequest packet{item.at, 0, work.has_pasid, work.pasid, work.bond, work.privileged};
    for (u32 left = item.bytes; left != 0; left -= packet.bytes, packet.at += packet.bytes) {
        while (run == run_ && !may_go()) {
            co_await Room{*this, run};
            if (run == run_) co_await sim::until(retry_at_);
            if (run == run_) co_await port_.bus_master_set();
        }
        if (run != run_) co_return item.bytes - left;
        if (atomic) [[unlikely]] {
            packet.bytes = left;
            sim::start(fetch_add(packet, announce(packet, true)));
            continue;
        }
        packet.bytes = port_.packet_bytes(packet.at, left, item.write);
        packet.attributes = port_.attributes(item.write);
        if (!port_.may_send(packet)) {
            refused(packet, announce(packet, item.write), item.write, DmaEnding::NotSent);
        } else if (!answered) {
            issue_write(packet, {});
        } else if (translates()) {
            sim::start(read_translated(packet, announce(packet, false))); // its tag comes after its translation
        } else {
            pcie::Tag tag = co_await port_.tags().acquire();
            while (run == run_ && !port_.bus_master()) co_await port_.bus_master_set();
            if (run != run_) co_return item.bytes - left;
            if (item.write) issue_write(packet, std::move(tag));
            else issue_read(packet, std::move(tag));
        }
    }
    co_return item.bytes;
}

/// Without its PASID, which may not be sent any more, the read pushes the writes just as well.
sim::Task<void> DmaEngine::flush() {
    if (!unflushed_) co_return;
    const Workload& work = sequence_.work();
    pcie::Tag tag = co_await port_.tags().acquire();
    while (unflushed_ && !port_.bus_master()) co_await port_.bus_master_set();
    if (!unflushed_) co_return; // it was reset meanwhile
    unflushed_ = false;
    idle_.reset();
    pcie::DmaRequest packet{last_write_, 0, work.has_pasid, work.pasid, work.bond, work.privileged};
    if (!port_.may_send(packet)) packet.has_pasid = packet.privileged = false;
    issue_read(packet, std::move(tag));
    co_await idle_.wait();
}

u64 DmaEngine::announce(const pcie::DmaRequest& p, bool write) {
    const u64 transaction = port_.next_transaction();
    ++outstanding_;
    ++(write ? counts_.writes : counts_.reads);
    counts_.last_issued = sim::now();
    if (events_.wants<DmaIssued>())
        events_.emit(DmaIssued{transaction, port_.device(), p.bond, p.has_pasid, p.pasid, p.at, p.bytes, write});
    return transaction;
}

void DmaEngine::issue_write(const pcie::DmaRequest& packet, pcie::Tag tag) {
    const u64 transaction = announce(packet, true);
    if (translates()) {
        sim::start(write_translated(packet, transaction));
        return;
    }
    if (port_.posts_writes()) to_be_flushed(packet);
    port_.write(packet, transaction, pcie::Payload::borrow(pattern_.data()), std::move(tag), *this);
}

void DmaEngine::issue_read(const pcie::DmaRequest& packet, pcie::Tag tag) {
    port_.read(packet, announce(packet, false), sink_.data(), std::move(tag), *this);
}

namespace {
/// A write's last bit has left.
struct Departure final : pcie::Requester {
    sim::Latch over;
    void left(const pcie::Tlp&) override { over.set(); }
    void completed(const pcie::Tlp&, pcie::Completion) override {}
};
} // namespace

/// The translation is in use until the write has left: from then on the fabric keeps it before an answer to an
/// invalidation. It is not kept while software has bus mastering off: no invalidation waits for that. After a reset
/// nothing is sent for what was asked before it.
sim::Task<void> DmaEngine::write_translated(pcie::DmaRequest packet, u64 transaction) {
    packet.transaction = transaction;
    for (const u64 life = life_; life == life_;) {
        auto asked = atc_->translate(packet, true);
        Atc::Found found = co_await std::move(asked);
        if (!found.granted || life != life_) break;
        if (port_.bus_master()) {
            const pcie::DmaRequest request = translated(packet, found.at);
            to_be_flushed(packet);
            Departure departure;
            port_.write(request, transaction, pcie::Payload::borrow(pattern_.data()), {}, departure);
            co_await departure.over.wait();
            found.use.end();
            in_error_ = false;
            counts_.bytes += packet.bytes;
            end(transaction, packet.bond, packet.bytes, true, DmaEnding::Success);
            co_return;
        }
        found.use.end();
        co_await port_.bus_master_set();
    }
    refused(packet, transaction, true, DmaEnding::NotTranslated);
}

/// As above.
sim::Task<void> DmaEngine::read_translated(pcie::DmaRequest packet, u64 transaction) {
    packet.transaction = transaction;
    for (const u64 life = life_; life == life_;) {
        auto asked = atc_->translate(packet, false);
        Atc::Found found = co_await std::move(asked);
        if (!found.granted) break;
        pcie::Tag tag = co_await port_.tags().acquire();
        if (life != life_) break;
        if (port_.bus_master()) {
            const pcie::DmaRequest request = translated(packet, found.at);
            co_await port_.reading(request, transaction, sink_.data(), std::move(tag), *this);
            co_return;
        }
        found.use.end();
        co_await port_.bus_master_set(); // the tag is nobody else's while nothing is sent
    }
    refused(packet, transaction, false, DmaEnding::NotTranslated);
}

/// As above, with or without an ATC. Write permission is what is asked for: every table format here that grants it
/// grants reads as well. The original value is nobody's.
sim::Task<void> DmaEngine::fetch_add(pcie::DmaRequest packet, u64 transaction) {
    packet.transaction = transaction;
    packet.attributes = port_.attributes(false);
    DmaEnding why = DmaEnding::NotSent;
    for (const u64 life = life_; life == life_ && port_.may_send(packet) && port_.atomics() != nullptr;) {
        pcie::DmaRequest request = packet;
        Atc::Found found;
        if (translates()) {
            auto asked = atc_->translate(packet, true);
            found = co_await std::move(asked);
            if (!found.granted) {
                why = DmaEnding::NotTranslated;
                break;
            }
            request = translated(packet, found.at);
        }
        pcie::Tag tag = co_await port_.tags().acquire();
        pcie::Endpoint* const to = port_.atomics();
        if (life != life_ || to == nullptr) break;
        if (port_.bus_master()) {
            const pcie::Operands one = packet.bytes == 4 ? pcie::Operands::of(u32{1}) : pcie::Operands::of(u64{1});
            auto sent =
                to->atomic(memory::AtomicOp::FetchAdd, request, transaction, one, nullptr, std::move(tag), *this);
            co_await std::move(sent);
            co_return;
        }
        found.use.end();
        co_await port_.bus_master_set(); // the tag is nobody else's while nothing is sent
    }
    refused(packet, transaction, true, why);
}

void DmaEngine::refused(const pcie::DmaRequest& packet, u64 transaction, bool write, DmaEnding how) {
    failed();
    end(transaction, packet.bond, packet.bytes, write, how);
}

void DmaEngine::failed() {
    in_error_ = true;
    ++counts_.errors;
    retry_at_ = sim::now() + error_backoff_;
}

void DmaEngine::left(const pcie::Tlp& write) {
    counts_.bytes += write.length;
    end(write.transaction, write.bond, write.length, true, DmaEnding::Success);
}

void DmaEngine::completed(const pcie::Tlp& packet, pcie::Completion how) {
    if (how.ok()) {
        in_error_ = false;
        counts_.bytes += packet.length;
    } else {
        failed();
    }
    end(packet.transaction, packet.bond, packet.length, packet.is_write() || packet.is_atomic(), ending_of(how));
}

void DmaEngine::end(u64 transaction, BondId bond, u32 bytes, bool write, DmaEnding how) {
    --outstanding_;
    counts_.last_ended = sim::now();
    if (events_.wants<DmaEnded>()) events_.emit(DmaEnded{transaction, port_.device(), bond, bytes, write, how});
    if (waiting_ && room()) sim::Calendar::current().schedule_now(std::exchange(waiting_, nullptr));
    check_idle();
}

} // namespace quiesce::devices
