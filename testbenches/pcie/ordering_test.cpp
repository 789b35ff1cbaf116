// SPDX-License-Identifier: Apache-2.0
/// Who waits for whom: the order of posted writes in a root port.
#include "base/property.h"
#include "pcie/ordering.h"
#include "sim/task.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace sim::literals;
using sim::Task;

namespace {
struct OrderingBench {
    sim::Calendar calendar;
    ~OrderingBench() { calendar.shutdown(); }
};

Task<void> await_prefix(Prefix& p, u64 n, std::vector<u64>& passed) {
    co_await p.until(n);
    passed.push_back(n);
}
} // namespace

TEST_CASE("whoever waits for a ticket goes on when all earlier ones have ended, in whatever order they end", "[pcie]") {
    testbench::holds([](std::vector<u8> keys) {
        if (keys.size() > 40) keys.resize(40);
        sc_core::sc_simcontext fresh;
        auto* const outer = sc_core::sc_curr_simcontext;
        sc_core::sc_curr_simcontext = &fresh;
        {
            OrderingBench b;
            Prefix p;
            std::vector<u64> order(keys.size()), passed;
            for (u64 i = 0; i < keys.size(); ++i) order[i] = p.open();
            for (u64 n = 0; n <= keys.size(); ++n) sim::start(await_prefix(p, keys.size() - n, passed));
            std::stable_sort(order.begin(), order.end(), [&](u64 x, u64 y) { return keys[x] < keys[y]; });
            std::vector<bool> ended(keys.size());
            for (const u64 i : order) {
                p.end(i);
                ended[i] = true;
                b.calendar.run_for(1_ns);
                const u64 first_open = static_cast<u64>(std::find(ended.begin(), ended.end(), false) - ended.begin());
                RC_ASSERT(passed.size() == first_open + 1);
            }
        }
        sc_core::sc_curr_simcontext = outer;
    });
}

TEST_CASE("in order, nothing suspends", "[pcie]") {
    OrderingBench b;
    PostedOrder order;
    for (int i = 0; i < 100; ++i) {
        const u64 ticket = order.arrive();
        CHECK(order.handed_over_before(ticket).await_ready());
        CHECK_FALSE(order.committed_before(order.behind()).await_ready());
        order.hand_over(ticket);
        CHECK(order.handed_over_before(order.behind()).await_ready());
        order.commit(ticket);
        CHECK(order.committed_before(order.behind()).await_ready());
    }
    CHECK(order.inside() == 0);
}
