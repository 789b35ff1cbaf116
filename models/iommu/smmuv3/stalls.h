// SPDX-License-Identifier: Apache-2.0
/// The stall model (IHI 0070 3.12.2, 4.7.1, 4.7.2): faulting transactions that are held until software says how each of
/// them goes on, and the STAGs by which it names them.
#pragma once
#include "iommu/invalidation.h"
#include "iommu/smmuv3/faults.h"

#include <boost/intrusive/list.hpp>
#include <vector>

namespace quiesce::iommu::smmuv3 {

/// What CMD_RESUME and CMD_STALL_TERM ask for.
struct StallCommand {
    StreamId stream{};
    bool whole_stream = false; ///< CMD_STALL_TERM: `stag` is not looked at
    u16 stag = 0;
    bool retry = false;
    bool abort = true; ///< not retried: abort, or RAZ/WI
};

/// Each held transaction is a coroutine that waits for one latch; all decisions are made by whoever brings them.
/// A transaction that finds no STAG free waits for one, unrecorded, in the order of arrival: 6.3.6 bounds the records
/// that software has not answered, not the transactions.
/// MODEL: duplicates are not suppressed (3.12.2.1), and no transaction is retried early but for the one reason that
/// 4.7.3 demands: its record has not been written, and an invalidation covers what it met.
class Stalls final : public StallOwner {
public:
    Stalls(base::Name unit, base::EventBus& events, const InvalidationEngine& invalidations, EventQueue& event_queue,
           const Identity& id);
    Stalls(const Stalls&) = delete;
    Stalls& operator=(const Stalls&) = delete;

    /// Holds a transaction that met a fault with configuration `who` and translation `what`. Ending::Grant: it is to
    /// be translated once more. `r` must live until then.
    sim::Task<Ending> hold(const TranslationRequest& r, Tag who, Tag what, TranslationFault record, FaultRaised fact);
    /// CMD_RESUME has an effect only on a transaction of that stream whose record software can have seen (4.7.1 leaves
    /// open what it does to another); CMD_STALL_TERM on every one of the stream.
    void carry_out(const StallCommand& c);
    /// SMMUEN became 0: all end with an abort (6.3.9.6).
    void terminate_all();

    bool wants_record(StallTicket ticket, bool waited) override;
    void recorded(StallTicket ticket, FaultFate fate) override;

    /// Transactions held now, with a STAG or without.
    std::size_t held() const { return by_stag_.size() - free_stags_.size() + waiting_.size(); }
    std::size_t waiting_for_tag() const { return waiting_.size(); }

private:
    /// Lives in the coroutine that holds the transaction, and leaves every list when that is destroyed.
    struct Held : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
        Held(Stalls& all, const TranslationRequest& request, Tag config, Tag leaf, const TranslationFault& e,
             const FaultRaised& f)
            : owner(all), r(request), who(config), what(leaf), record(e), fact(f), since(all.invalidations_.applied()) {
        }
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;
        ~Held() { release_tag(); }
        bool has_tag() const { return ticket.serial != 0; }
        void release_tag();

        Stalls& owner;
        const TranslationRequest& r;
        Tag who, what;
        TranslationFault record;
        FaultRaised fact;
        u64 since;             ///< InvalidationEngine::applied() at the fault
        StallTicket ticket{};  ///< serial 0: no STAG
        bool recorded = false; ///< software can see it
        Ending ending = Ending::Abort;
        sim::Latch over;
    };
    using List = boost::intrusive::list<Held, boost::intrusive::constant_time_size<false>>;

    Held* find(StallTicket ticket) const;
    bool outdated(const Held& h) const;
    void tag(Held& h);
    void resolve(Held& h, StallResolution how, StallResolver by);
    void terminate(List& list, const StreamId* stream, StallResolver by);
    void hand_on_tags();

    base::Name unit_;
    base::EventBus& events_;
    const InvalidationEngine& invalidations_;
    EventQueue& event_queue_;
    std::vector<Held*> by_stag_; ///< null: free
    sim::Fifo<u16> free_stags_;
    List tagged_, waiting_;
    u64 serials_ = 0;
};

} // namespace quiesce::iommu::smmuv3
