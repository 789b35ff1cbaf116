// SPDX-License-Identifier: Apache-2.0
/// What the benchmarks compare with: plain SystemC processes that wait for the same times and do nothing else.
#pragma once
#include <cstdint>
#include <deque>
#include <systemc>
#include <vector>

namespace quiesce::bench {

/// A fresh kernel; the last one is left behind (SystemC has no way to destroy one that ran threads).
inline void fresh_kernel() { sc_core::sc_curr_simcontext = sc_core::sc_default_global_context = new sc_core::sc_simcontext; }

/// `chains` processes that go round the list of waits (picoseconds) for ever; one round is one item.
/// The start of chain `i` of `n`, spread evenly over one round.
inline sc_core::sc_time spread(const std::vector<sc_core::sc_time>& waits, unsigned i, unsigned n) {
    sc_core::sc_time total;
    for (const auto& w : waits) total += w;
    return sc_core::sc_time::from_value(total.value() * i / n + 1);
}

class BareThreads : public sc_core::sc_module {
public:
    BareThreads(sc_core::sc_module_name name, unsigned chains, std::vector<std::int64_t> waits) : sc_module(name), chains_(chains) {
        for (auto ps : waits) waits_.push_back(sc_core::sc_time(static_cast<double>(ps), sc_core::SC_PS));
        for (unsigned i = 0; i < chains; ++i) sc_core::sc_spawn([this, i] { run(i); });
    }
    std::uint64_t rounds() const { return rounds_; }

private:
    void run(unsigned i) {
        wait(spread(waits_, i, chains_)); // as the link spreads the DMAs of the full path: chains do not coincide
        for (;;) {
            for (const auto& w : waits_) wait(w);
            ++rounds_;
        }
    }
    unsigned chains_;
    std::vector<sc_core::sc_time> waits_;
    std::uint64_t rounds_ = 0;
};

class BareMethods : public sc_core::sc_module {
public:
    BareMethods(sc_core::sc_module_name name, unsigned chains, std::vector<std::int64_t> waits) : sc_module(name), next_(chains, not_begun) {
        for (auto ps : waits) waits_.push_back(sc_core::sc_time(static_cast<double>(ps), sc_core::SC_PS));
        sc_core::sc_spawn_options as_method;
        as_method.spawn_method();
        for (unsigned i = 0; i < chains; ++i) sc_core::sc_spawn([this, i] { step(i); }, nullptr, &as_method);
    }
    std::uint64_t rounds() const { return rounds_; }

private:
    void step(unsigned i) {
        std::size_t& at = next_[i];
        if (at == not_begun) {
            at = 0;
            sc_core::next_trigger(spread(waits_, i, static_cast<unsigned>(next_.size())));
            return;
        }
        if (at == waits_.size()) {
            ++rounds_;
            at = 0;
        }
        sc_core::next_trigger(waits_[at++]);
    }
    std::vector<sc_core::sc_time> waits_;
    static constexpr std::size_t not_begun = ~std::size_t{0};
    std::vector<std::size_t> next_;
    std::uint64_t rounds_ = 0;
};

} // namespace quiesce::bench
