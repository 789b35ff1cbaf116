// SPDX-License-Identifier: Apache-2.0
/// Lifecycles: what the checks of a table find, and that the walk takes listed arrows and no others.
#include "base/lifecycle.h"

#include "base/property.h"

#include <set>
#include <utility>
#include <vector>

using namespace quiesce;

namespace {

enum class S { Free, Bound, Draining, Quarantined };
enum class E { Bind, Unbind, DrainDone, DrainTimeout, Reclaim };
constexpr Arrow<S, E> arrows[] = {
    {S::Free, E::Bind, S::Bound},
    {S::Bound, E::Unbind, S::Draining},
    {S::Draining, E::DrainDone, S::Free},
    {S::Draining, E::DrainTimeout, S::Quarantined},
    {S::Quarantined, E::Reclaim, S::Free},
};
constexpr Arrow<S, E> ambiguous[] = {{S::Free, E::Bind, S::Bound}, {S::Free, E::Bind, S::Draining}};
constexpr Arrow<S, E> island[] = {{S::Free, E::Bind, S::Bound}, {S::Draining, E::DrainDone, S::Free}};
constexpr Arrow<S, E> trap[] = {
    {S::Free, E::Bind, S::Bound}, {S::Bound, E::Unbind, S::Free}, {S::Bound, E::DrainTimeout, S::Quarantined},
};
// The arrows of a path, last first: reachability must not depend on their order.
constexpr Arrow<S, E> backwards[] = {
    {S::Draining, E::DrainTimeout, S::Quarantined}, {S::Bound, E::Unbind, S::Draining}, {S::Free, E::Bind, S::Bound},
};

} // namespace

TEST_CASE("a table is checked when it is compiled", "[base]") {
    STATIC_REQUIRE(deterministic(arrows));
    STATIC_REQUIRE_FALSE(deterministic(ambiguous));
    STATIC_REQUIRE(all_reachable(arrows, S::Free));
    STATIC_REQUIRE_FALSE(all_reachable(island, S::Free));
    STATIC_REQUIRE(always_returns(arrows, S::Free));
    STATIC_REQUIRE_FALSE(always_returns(trap, S::Free));
    STATIC_REQUIRE(reachable(backwards, S::Free, S::Quarantined));
    STATIC_REQUIRE_FALSE(reachable(backwards, S::Bound, S::Free));
    STATIC_REQUIRE(reachable(backwards, S::Quarantined, S::Quarantined));
}

TEST_CASE("an event leads where its arrow says, or nowhere", "[base]") {
    STATIC_REQUIRE(next(arrows, S::Draining, E::DrainTimeout) == S::Quarantined);
    STATIC_REQUIRE_FALSE(next(arrows, S::Bound, E::Bind).has_value());
}

TEST_CASE("over all state x event pairs exactly the listed arrows are taken and all others are reported", "[base]") {
    unsigned pairs = 0;
    unsigned taken = 0;
    for_each_pair(arrows, [&](S from, E event, std::optional<S> to) {
        std::vector<std::pair<S, E>> reported;
        Lifecycle<S, E, arrows> life{from, [&](S s, E e) { reported.emplace_back(s, e); }};
        CHECK(life.accepts(event) == to.has_value());
        CHECK(life.apply(event) == to.has_value());
        CHECK(life.state() == to.value_or(from));
        CHECK(life.illegal_arrows() == (to ? 0 : 1));
        if (to) CHECK(reported.empty());
        else CHECK(reported == std::vector<std::pair<S, E>>{{from, event}});
        ++pairs;
        taken += to.has_value();
    });
    CHECK(pairs == 4 * 5);
    CHECK(taken == std::size(arrows));
}

TEST_CASE("an illegal event without a reporter is counted and changes nothing", "[base]") {
    Lifecycle<S, E, arrows> life{S::Bound};
    CHECK_FALSE(life.apply(E::Bind));
    CHECK(life.is(S::Bound));
    CHECK(life.illegal_arrows() == 1);
}

TEST_CASE("along any sequence of events the state is what the arrows say", "[base][property]") {
    testbench::holds([] {
        const auto event = rc::gen::element(E::Bind, E::Unbind, E::DrainDone, E::DrainTimeout, E::Reclaim);
        const auto events = *rc::gen::container<std::vector<E>>(event);
        Lifecycle<S, E, arrows> life{S::Free};
        u64 illegal = 0;
        for (E now : events) {
            const S before = life.state();
            bool listed = false;
            S to = before;
            for (const auto& arrow : arrows) {
                if (arrow.from == before && arrow.event == now) listed = true, to = arrow.to;
            }
            illegal += !listed;
            RC_ASSERT(life.apply(now) == listed);
            RC_ASSERT(life.state() == to);
            RC_ASSERT(life.illegal_arrows() == illegal);
        }
    });
}
