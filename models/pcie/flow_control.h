// SPDX-License-Identifier: Apache-2.0
/// Flow control of one direction of a link (PCIe Base 2.6): a packet enters the wire when the receiver has room for it.
/// While one waits for room, the ordering table says which of those behind it go before it.
#pragma once
#include "base/events.h"
#include "base/facts.h"
#include "base/leftovers.h"
#include "base/names.h"
#include "base/param.h"
#include "pcie/ordering_rules.h"
#include "sim/calendar.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace quiesce::pcie {

/// What a receiver advertises when the link comes up: a header credit is one packet, a data credit 16 bytes.
struct CreditConfig {
    using P = base::Provenance;
    static constexpr unsigned most = 65'536;
    base::Param<unsigned> posted_headers{
        128,
        "posted packets that the receiver has room for; 0: infinite",
        base::at_most(most),
        base::unit("credits"),
        P::Guess,
        "the smallest packets of a Gen3 x8 link are not slowed down over the latency to memory"};
    base::Param<unsigned> posted_data{2048, "room for their payloads, 16 bytes each; 0: infinite", base::at_most(most),
                                      base::unit("credits"), P::Guess, "256 bytes for each of the 128 packets"};
    base::Param<unsigned> non_posted_headers{128, "requests with an answer that the receiver has room for; 0: infinite",
                                             base::at_most(most), base::unit("credits"), P::Guess,
                                             "as for posted packets"};
    base::Param<unsigned> non_posted_data{128,
                                          "room for their payloads, 16 bytes each; 0: infinite",
                                          base::at_most(most),
                                          base::unit("credits"),
                                          P::Guess,
                                          "one for each request"};
    base::Param<unsigned> completion_headers{0,
                                             "completions that the receiver has room for; 0: infinite",
                                             base::at_most(most),
                                             base::unit("credits"),
                                             P::Specification,
                                             "PCIe Base 2.6.1: endpoints and root complexes advertise infinite"};
    base::Param<unsigned> completion_data{0, "room for their payloads, 16 bytes each; 0: infinite", base::at_most(most),
                                          base::unit("credits"), P::Specification,
                                          "PCIe Base 2.6.1: endpoints and root complexes advertise infinite"};
};
DESCRIBE(CreditConfig, posted_headers, posted_data, non_posted_headers, non_posted_data, completion_headers,
         completion_data)
static_assert(base::fully_described<CreditConfig>);

constexpr u32 bytes_per_data_credit = 16;
constexpr u32 data_credits(u32 payload) { return (payload + bytes_per_data_credit - 1) / bytes_per_data_credit; }

/// The credits of one of the three kinds of packets, as the sender knows them. What the receiver gives back becomes
/// usable one update latency later; it is looked at only when the rest does not suffice.
class CreditPool {
public:
    CreditPool(unsigned headers, unsigned data)
        : headers_(headers != 0 ? headers : plenty), data_(data != 0 ? data : plenty), advertised_headers_(headers),
          advertised_data_(data) {}

    bool infinite() const { return advertised_headers_ == 0 && advertised_data_ == 0; }
    bool take(u32 data) {
        if (headers_ == 0 || data_ < data) [[unlikely]] {
            if (infinite()) headers_ = data_ = plenty; // nothing of it is given back
            collect();
            if (headers_ == 0 || data_ < data) return false;
        }
        --headers_;
        data_ -= data;
        return true;
    }
    void give_back(u32 data, sim::Time usable) {
        if (returning_.size() >= most_uncollected) collect(); // of one that never runs short
        returning_.push({usable, data});
    }
    /// When something that was given back becomes usable: never() if nothing is on its way.
    sim::Time next() {
        collect();
        return returning_.empty() ? sim::Time::never() : returning_.front().usable;
    }
    unsigned headers() {
        collect();
        return headers_;
    }
    unsigned data() {
        collect();
        return data_;
    }
    /// Packets whose room has not been given back; of an infinite one none is counted.
    unsigned held() const {
        if (infinite()) return 0;
        const unsigned all = advertised_headers_ != 0 ? advertised_headers_ : plenty;
        return all - headers_ - static_cast<unsigned>(returning_.size());
    }
    unsigned advertised_headers() const { return advertised_headers_; }
    unsigned advertised_data() const { return advertised_data_; }

private:
    static constexpr unsigned plenty = 1u << 30;
    static constexpr std::size_t most_uncollected = 64;
    struct Returning {
        sim::Time usable;
        u32 data;
    };
    void collect() {
        while (!returning_.empty() && returning_.front().usable <= sim::now()) {
            ++headers_;
            data_ += returning_.pop().data;
        }
    }
    unsigned headers_, data_, advertised_headers_, advertised_data_;
    sim::Fifo<Returning> returning_;
};

/// MODEL: an UpdateFC is sent as soon as the receiver is through with a packet and takes a fixed time; its share of the
/// wire is in the link's rate. Within one kind, room is given in the order in which packets asked.
class TransmitQueue {
public:
    TransmitQueue(base::EventBus& events, base::Name link, bool upstream, const CreditConfig& credits,
                  sim::Duration update)
        : pools_{CreditPool{credits.posted_headers, credits.posted_data},
                 CreditPool{credits.non_posted_headers, credits.non_posted_data},
                 CreditPool{credits.completion_headers, credits.completion_data}},
          update_(update), wake_up_(*this), events_(events), link_(link), upstream_(upstream),
          level_(std::string(link.text()) + (upstream ? ".up.waiting" : ".down.waiting")) {}
    TransmitQueue(const TransmitQueue&) = delete;
    TransmitQueue& operator=(const TransmitQueue&) = delete;

    /// Room at the receiver; given back when it goes out of scope.
    class [[nodiscard]] Credit {
    public:
        Credit() = default;
        Credit(TransmitQueue& q, u8 pool, u32 data) : q_(&q), data_(data), pool_(pool) {}
        Credit(Credit&& o) noexcept : q_(std::exchange(o.q_, nullptr)), data_(o.data_), pool_(o.pool_) {}
        /// What it held is given back.
        Credit& operator=(Credit&& o) noexcept {
            release();
            q_ = std::exchange(o.q_, nullptr);
            data_ = o.data_;
            pool_ = o.pool_;
            return *this;
        }
        ~Credit() { release(); }
        void release() {
            if (q_ != nullptr) std::exchange(q_, nullptr)->give_back(pool_, data_);
        }
        /// False: the receiver's room is infinite, nothing has to be given back.
        bool held() const { return q_ != nullptr; }

    private:
        TransmitQueue* q_ = nullptr;
        u32 data_ = 0;
        u8 pool_ = 0;
    };
    struct Enter {
        TransmitQueue& q;
        const Tlp& packet;
        u32 payload;
        unsigned source;
        bool waited = false, sunk = false; ///< sunk: it goes into a link that is down and takes no room
        bool kept_back = false;
        bool await_ready() {
            if (q.down_) [[unlikely]] return sunk = true;
            if (q.keep_back_every_ != 0) [[unlikely]] q.mark_kept_back(*this);
            return !kept_back && q.waiting_.empty() && q.entering_ == 0 && (!q.turns_ || sim::now() >= q.wire_free_) &&
                   q.pool_of(packet).take(data_credits(payload));
        }
        void await_suspend(std::coroutine_handle<> h) {
            waited = true;
            q.wait(h, *this);
        }
        Credit await_resume() {
            if (waited) --q.entering_;
            const u8 pool = pool_number(packet.kind);
            if (sunk || q.pools_[pool].infinite()) return {};
            return {q, pool, data_credits(payload)};
        }
    };
    /// co_await: the receiver has room for `packet` with its `payload` bytes, and nothing that it must not pass waits.
    /// `packet` must live until then. `source`: the port of a switch that it came in by.
    Enter enter(const Tlp& packet, u32 payload, unsigned source = 0) { return {*this, packet, payload, source}; }

    /// Out of a switch: one packet at a time enters, when the wire is free, and the sources take turns, each kind of
    /// packets by itself. Nobody starves: whose turn it is keeps it until there is room for its packet.
    void take_turns() { turns_ = true; }
    /// Where sources take turns: the packet that entered last has left at `t`.
    void sent_until(sim::Time t) {
        wire_free_ = t;
        if (turns_ && !waiting_.empty()) wake_when_something_returns();
    }

    /// Every n-th packet (0: none) of those from `from` on waits so long, whatever room there is; those behind it that
    /// may pass it do.
    void keep_back(u64 every, sim::Duration time, sim::Time from) {
        keep_back_every_ = every;
        keep_back_for_ = time;
        keep_back_from_ = from;
    }

    /// Down: nothing waits any more, and what enters takes no room. Room that is taken comes back by itself.
    void set_down(bool down);

    struct Counts {
        u64 stalls = 0;           ///< packets that waited
        sim::Duration stalled{};  ///< all their waits
    };
    const Counts& counts() const { return counts_; }
    CreditPool& pool_of(const Tlp& t) { return pools_[pool_number(t.kind)]; }
    std::size_t waiting() const { return waiting_.size(); }
    /// The first packet that waits, and for what; empty if none does.
    std::string who_waits();
    void left_behind(base::Leftovers& out) const;

private:
    struct Waiting {
        std::coroutine_handle<> who;
        Enter* enter;
        OrderedPacket packet;
        TlpKind kind;
        BondId bond;
        u64 transaction;
        u32 payload;
        unsigned source;
        sim::Time since, not_before;
        bool passed = false; ///< by another, while it was kept back
    };
    struct WakeUp : sim::Timer {
        explicit WakeUp(TransmitQueue& queue) : Timer(&fire), q(queue) {}
        static void fire(sim::Timer& t) { static_cast<WakeUp&>(t).q.admit(); }
        TransmitQueue& q;
    };
    static constexpr u8 pool_number(TlpKind kind) {
        const PacketClass c = class_of(kind);
        return c == PacketClass::Posted ? 0 : c == PacketClass::Completion ? 2 : 1;
    }
    void mark_kept_back(Enter& e) {
        e.kept_back = sim::now() >= keep_back_from_ && ++offered_ % keep_back_every_ == 0;
    }
    void wait(std::coroutine_handle<> who, Enter& enter);
    bool passes_all_before(std::size_t n) const;
    void leave(std::size_t n);
    void admit();
    void take_turn();
    bool admit_of_kind(u8 pool);
    void wake_when_something_returns();
    void give_back(u8 pool, u32 data) {
        pools_[pool].give_back(data, sim::now() + update_);
        if (waiting_.empty()) [[likely]] return;
        if (update_ == sim::Duration{}) admit();
        else wake_when_something_returns();
    }

    std::array<CreditPool, 3> pools_; ///< posted, non-posted, completion
    sim::Duration update_;
    unsigned entering_ = 0; ///< admitted, not yet running again: nobody may overtake them
    std::vector<Waiting> waiting_;
    sim::Lane lane_;
    WakeUp wake_up_;
    Counts counts_;
    base::EventBus& events_;
    base::Name link_;
    bool upstream_, down_ = false, turns_ = false;
    base::Name level_;
    sim::Time wire_free_{};                ///< with turns: until then nobody enters
    unsigned sources_ = 1;                 ///< seen so far
    std::array<unsigned, 3> last_source_{}; ///< whose turn it was, by kind
    u8 last_kind_ = 0;
    u64 keep_back_every_ = 0, offered_ = 0;
    sim::Duration keep_back_for_{};
    sim::Time keep_back_from_{};
};

} // namespace quiesce::pcie
