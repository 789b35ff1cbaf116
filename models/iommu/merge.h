// SPDX-License-Identifier: Apache-2.0
/// Identical pieces of work in flight at once are done once: the first does it, the others wait for its result.
#pragma once
#include "base/types.h"
#include "sim/calendar.h"

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <utility>
#include <vector>

namespace quiesce::iommu {

/// `if (auto* f = merge.find(key)) result = co_await merge.join(*f); else { Flight f{merge, key}; ...;
/// f.finish(result); }` Key is compared with ==; Result is default-constructible and copied to each that waits.
template <class Key, class Result> class Merge {
public:
    class Flight;
    class Join : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    public:
        explicit Join(Flight& f) : f_(f) {}
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> h) {
            who_ = h;
            f_.waiting_.push_back(*this);
        }
        Result await_resume() { return std::move(result_); }

    private:
        friend class Merge;
        Flight& f_;
        std::coroutine_handle<> who_;
        Result result_{};
    };

    /// Held by the one who does the work. Whoever joined goes on at the instant of finish(), after everything already
    /// scheduled for it; whoever comes later starts anew.
    class Flight {
    public:
        Flight(Merge& m, const Key& key) : m_(m), at_(m.flights_.size()) { m.flights_.push_back({key, this}); }
        Flight(const Flight&) = delete;
        Flight& operator=(const Flight&) = delete;
        ~Flight() { leave(); }
        void finish(const Result& result) {
            leave();
            while (!waiting_.empty()) {
                Join& j = waiting_.front();
                waiting_.pop_front();
                j.result_ = result;
                sim::Calendar::current().schedule_now(j.who_);
            }
        }

    private:
        friend class Merge;
        void leave() {
            if (at_ == gone) return;
            m_.flights_[at_] = m_.flights_.back();
            m_.flights_[at_].flight->at_ = at_;
            m_.flights_.pop_back();
            at_ = gone;
        }
        static constexpr std::size_t gone = ~std::size_t{0};
        Merge& m_;
        std::size_t at_;
        boost::intrusive::list<Join, boost::intrusive::constant_time_size<false>> waiting_;
    };

    Flight* find(const Key& key) {
        for (const Entry& e : flights_)
            if (e.key == key) return e.flight;
        return nullptr;
    }
    Join join(Flight& f) { return Join{f}; }
    std::size_t in_flight() const { return flights_.size(); }

private:
    struct Entry {
        Key key;
        Flight* flight;
    };
    std::vector<Entry> flights_;
};

} // namespace quiesce::iommu
