// SPDX-License-Identifier: Apache-2.0
#include "sim/calendar.h"

#include <cassert>
#include <stdexcept>

namespace quiesce::sim {
namespace {
constexpr std::size_t arity = 4; // a 4-ary heap: half the levels of a binary one, children share a cache line

sc_core::sc_time to_systemc(Duration d) {
    return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(d.ps())); // resolution is checked to be 1 ps
}
Time from_systemc(const sc_core::sc_time& t) { return Time::ps(static_cast<std::int64_t>(t.value())); }
} // namespace

Calendar::Calendar(sc_core::sc_module_name name) : sc_module(name) {
    if (current_ != nullptr) throw std::logic_error("a second Calendar in one simulation");
    if (sc_core::sc_get_time_resolution() != sc_core::sc_time(1, sc_core::SC_PS))
        throw std::logic_error("the SystemC time resolution must be 1 ps");
    current_ = this;
    now_ = from_systemc(sc_core::sc_time_stamp());
    SC_METHOD(drain);
    sensitive << wake_;
}

Calendar::~Calendar() {
    shutdown();
    current_ = nullptr;
}

void Calendar::push(Time at, std::uint64_t seq, std::uintptr_t target) {
    if (closed_) return;
    assert(at >= now_);
    heap_.push_back({at, seq, target});
    std::size_t i = heap_.size() - 1;
    const Item item = heap_[i];
    while (i > 0) {
        const std::size_t up = (i - 1) / arity;
        if (!item.before(heap_[up])) break;
        heap_[i] = heap_[up];
        i = up;
    }
    heap_[i] = item;
}

Calendar::Item Calendar::pop_heap() {
    const Item top = heap_.front();
    const Item last = heap_.back();
    heap_.pop_back();
    const std::size_t n = heap_.size();
    if (n == 0) return top;
    std::size_t i = 0;
    for (;;) {
        const std::size_t first = i * arity + 1;
        if (first >= n) break;
        const std::size_t end = first + arity < n ? first + arity : n;
        std::size_t best = first;
        for (std::size_t c = first + 1; c < end; ++c)
            if (heap_[c].before(heap_[best])) best = c;
        if (!heap_[best].before(last)) break;
        heap_[i] = heap_[best];
        i = best;
    }
    heap_[i] = last;
    return top;
}

void Calendar::arm(Timer& t, Time at) {
    t.cancel();
    if (closed_) return;
    t.at_ = at;
    t.seq_ = next_sequence(at);
    timers_.insert(t);
}

void Calendar::resume(std::uintptr_t target) {
    ++items_run_;
    if (target & 1u)
        reinterpret_cast<Lane*>(target & ~std::uintptr_t{1})->leave(*this).resume();
    else
        std::coroutine_handle<>::from_address(reinterpret_cast<void*>(target)).resume();
}

/// Runs the next item if its time is before `limit`. Items queued for the current instant come after those that were
/// scheduled for it earlier, because their sequence numbers are later.
bool Calendar::step(Time limit) {
    const bool timer_first = !timers_.empty() && (heap_.empty() || timers_.begin()->at_ < heap_.front().time ||
                                                  (timers_.begin()->at_ == heap_.front().time &&
                                                   timers_.begin()->seq_ < heap_.front().seq));
    const Time next = timer_first ? timers_.begin()->at_ : heap_.empty() ? Time::never() : heap_.front().time;
    if (!today_.empty() && next > now_) {
        if (now_ >= limit) return false;
        resume(today_.pop());
        return true;
    }
    if (next >= limit || next == Time::never()) return false;
    now_ = next;
    if (timer_first) {
        Timer& t = *timers_.begin();
        t.cancel();
        ++items_run_;
        t.fire_(t);
    } else {
        resume(pop_heap().target);
    }
    return true;
}

Time Calendar::next_item_time() const {
    if (!today_.empty() || !bridge_.empty()) return now_;
    Time t = heap_.empty() ? Time::never() : heap_.front().time;
    if (!timers_.empty() && timers_.begin()->at_ < t) t = timers_.begin()->at_;
    return t;
}

void Calendar::wake_at(Time t) {
    const Time kernel = from_systemc(sc_core::sc_time_stamp());
    if (t >= Time::never()) return;
    if (t <= kernel) wake_.notify(sc_core::SC_ZERO_TIME);
    else wake_.notify(to_systemc(t - kernel));
}

void Calendar::run_bridged() {
    auto h = bridge_.pop();
    bridged_ = true;
    ++items_run_;
    h.resume();
    bridged_ = false;
}

/// The SC_METHOD. At one instant foreign processes go first, until nothing is pending; then our items of that instant, and
/// of later instants as long as neither SystemC nor the end of the run comes in between.
void Calendar::drain() {
    const Time kernel = from_systemc(sc_core::sc_time_stamp());
    if (closed_) return;
    if (sc_core::sc_pending_activity_at_current_time()) return wake_.notify(sc_core::SC_ZERO_TIME);
    if (now_ < kernel) now_ = kernel;
    draining_ = true;
    if (!bridge_.empty() && now_ == kernel) {
        run_bridged();
        draining_ = false;
        return wake_.notify(sc_core::SC_ZERO_TIME);
    }
    Time limit = kernel + 1_ps; // without a known end: only the items of this very instant
    if (bounded_ && run_ahead_) {
        limit = end_;
        if (sc_core::sc_pending_activity()) {
            const Time foreign = kernel + Duration::ps(static_cast<std::int64_t>(sc_core::sc_time_to_pending_activity().value()));
            if (foreign < limit) limit = foreign;
        }
    }
    while (bridge_.empty() && !stop_ && !failure_ && step(limit)) {}
    draining_ = false;
    if (stop_ || failure_) return sc_core::sc_pause();
    wake_at(next_item_time());
}

void Calendar::run_until(Time end) {
    stop_ = false;
    end_ = end;
    bounded_ = true;
    const Time kernel = from_systemc(sc_core::sc_time_stamp());
    wake_at(next_item_time() < kernel ? kernel : next_item_time());
    if (end > kernel) sc_core::sc_start(to_systemc(end - kernel));
    bounded_ = false;
    rethrow();
    if (!stop_ && now_ < end) now_ = end;
}

void Calendar::run_until_idle(Time limit) {
    while (!idle() && next_item_time() < limit) {
        run_until(next_item_time() + 1_ms < limit ? next_item_time() + 1_ms : limit);
        if (stop_) return;
    }
}

void Calendar::entered_from_kernel() {
    const Time kernel = from_systemc(sc_core::sc_time_stamp());
    if (now_ < kernel) now_ = kernel;
    if (!draining_) wake_.notify(sc_core::SC_ZERO_TIME);
}

void Calendar::shutdown() {
    closed_ = true;
    while (!roots_.empty()) {
        auto h = roots_.front().self;
        roots_.pop_front();
        h.destroy();
    }
    heap_.clear();
    today_.clear();
    bridge_.clear();
    while (!timers_.empty()) timers_.begin()->cancel();
}

void Calendar::clear() {
    shutdown();
    failure_ = nullptr;
    closed_ = false;
}

void Calendar::fail(std::exception_ptr e) {
    if (!failure_) failure_ = std::move(e);
}

void Calendar::rethrow() {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Calendar::perturb(const Perturbation& p) {
    seed_ = p.seed;
    order_ = Random{p.seed, "calendar.order"}.next();
    jitter_.clear();
    shuffle_ = p.shuffle_simultaneous;
    jitter_bound_ = p.jitter_bound;
}

/// Each pair of instants, the one that schedules and the one that is scheduled for, has a stream of its own: one more item
/// changes the order of no others.
std::uint64_t Calendar::shuffled_sequence(Time at) {
    if (shuffled_now_ != now_) {
        shuffled_now_ = now_;
        shuffled_.clear();
    }
    const auto from = mix64(order_ ^ static_cast<std::uint64_t>(now_.ps()));
    return mix64(mix64(from ^ static_cast<std::uint64_t>(at.ps())) + shuffled_[at.ps()]++);
}

Duration Calendar::jitter(Duration d, std::string_view who) {
    if (jitter_bound_ == Duration{}) return d;
    auto [stream, is_new] = jitter_.try_emplace(std::string{who}, 0, "");
    if (is_new) stream->second = Random{seed_, "jitter." + stream->first};
    return d + Duration::ps(static_cast<std::int64_t>(stream->second.between(0, static_cast<std::uint64_t>(jitter_bound_.ps()))));
}

} // namespace quiesce::sim
