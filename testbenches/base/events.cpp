// SPDX-License-Identifier: Apache-2.0
/// The event bus: order, lifetime of subscriptions, and changes while a delivery is under way.
#include "base/events.h"

#include "base/address.h"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace quiesce;
using namespace quiesce::sim::literals;

namespace facts {

struct Landed {
    static constexpr std::string_view event_name = "Landed";
    Spa at;
    u32 bytes;
};
DESCRIBE(Landed, at, bytes)
struct Freed {
    static constexpr std::string_view event_name = "Freed";
    Spa at;
};
DESCRIBE(Freed, at)
struct Unnamed {
    int a;
};
DESCRIBE(Unnamed, a)
struct Undescribed {
    static constexpr std::string_view event_name = "Undescribed";
    int a;
};
struct Counting {
    static constexpr std::string_view event_name = "Counting";
    Counting() = default;
    Counting(const Counting& o) : copies(o.copies) { ++*copies; }
    int* copies = nullptr;
};
DESCRIBE(Counting, copies)

} // namespace facts

namespace {

using namespace facts;
static_assert(Event<Landed> && !Event<Unnamed> && !Event<Undescribed> && !Event<int>);
template <class E>
concept Emits = requires(EventBus& bus, const E& e) { bus.emit(e); };
static_assert(Emits<Landed> && !Emits<Unnamed> && !Emits<Undescribed>);

struct EventsFixture {
    sim::Time now;
    EventBus bus{&now};
    std::vector<std::string> heard;
    auto hear(std::string who) {
        return [this, who](sim::Time, const Landed&) { heard.push_back(who); };
    }
    auto land() {
        heard.clear();
        bus.emit(Landed{Spa{0x1000}, 64});
        return heard;
    }
};
using Names = std::vector<std::string>;

} // namespace

TEST_CASE("an event is delivered at once, with the time of the clock and its contents", "[base]") {
    EventsFixture f;
    sim::Time when;
    Landed what{};
    auto token = f.bus.subscribe<Landed>([&](sim::Time now, const Landed& e) { when = now, what = e; });
    f.now += 12_ns;
    f.bus.emit(Landed{Spa{0x40}, 8});
    CHECK(when == sim::Time::at(12_ns));
    CHECK(what.at == Spa{0x40});
    CHECK(what.bytes == 8);
    CHECK(f.bus.now() == when);
}

TEST_CASE("subscribers hear in the order in which they subscribed", "[base]") {
    EventsFixture f;
    auto a = f.bus.subscribe<Landed>(f.hear("a"));
    auto b = f.bus.subscribe<Landed>(f.hear("b"));
    auto c = f.bus.subscribe<Landed>(f.hear("c"));
    CHECK(f.land() == Names{"a", "b", "c"});
    b.reset();
    auto d = f.bus.subscribe<Landed>(f.hear("d"));
    CHECK(f.land() == Names{"a", "c", "d"});
}

TEST_CASE("a type reaches its own subscribers only", "[base]") {
    EventsFixture f;
    auto a = f.bus.subscribe<Landed>(f.hear("a"));
    CHECK(f.bus.wants<Landed>());
    CHECK_FALSE(f.bus.wants<Freed>());
    f.bus.emit(Freed{Spa{1}});
    CHECK(f.heard.empty());
}

TEST_CASE("buses do not hear each other", "[base]") {
    EventsFixture f, g;
    auto a = f.bus.subscribe<Landed>(f.hear("a"));
    CHECK(g.land().empty());
    CHECK(f.heard.empty());
}

TEST_CASE("an event is never copied on its way", "[base]") {
    EventsFixture f;
    int copies = 0;
    int heard = 0;
    Counting event;
    event.copies = &copies;
    f.bus.emit(event);
    auto a = f.bus.subscribe<Counting>([&](sim::Time, const Counting&) { ++heard; });
    auto b = f.bus.subscribe<Counting>([&](sim::Time, const Counting&) { ++heard; });
    f.bus.emit(event);
    CHECK(heard == 2);
    CHECK(copies == 0);
}

TEST_CASE("a subscription ends with its token, unless dismissed", "[base]") {
    EventsFixture f;
    {
        auto a = f.bus.subscribe<Landed>(f.hear("a"));
        auto b = f.bus.subscribe<Landed>(f.hear("b"));
        b.dismiss();
        CHECK(f.land() == Names{"a", "b"});
    }
    CHECK(f.land() == Names{"b"});

    Subscription kept;
    {
        auto c = f.bus.subscribe<Landed>(f.hear("c"));
        kept = std::move(c);
    }
    CHECK(f.land() == Names{"b", "c"});
    kept = {};
    CHECK(f.land() == Names{"b"});
}

TEST_CASE("when the last subscriber has left nobody is wanted, and a later one hears again", "[base]") {
    EventsFixture f;
    auto a = f.bus.subscribe<Landed>(f.hear("a"));
    a.reset();
    a.reset();
    CHECK_FALSE(f.bus.wants<Landed>());
    CHECK(f.land().empty());
    auto b = f.bus.subscribe<Landed>(f.hear("b"));
    CHECK(f.land() == Names{"b"});
}

TEST_CASE("a token may outlive its bus", "[base]") {
    Subscription token;
    {
        EventsFixture f;
        token = f.bus.subscribe<Landed>(f.hear("a"));
    }
    token.reset();
    SUCCEED();
}

TEST_CASE("who leaves during a delivery hears nothing more, also if it is its own turn", "[base]") {
    EventsFixture f;
    Subscription a, b, c;
    a = f.bus.subscribe<Landed>([&, guard = std::make_shared<int>(1)](sim::Time, const Landed&) {
        a.reset();
        c.reset();
        CHECK(guard.use_count() == 1); // the running handler is still alive
        f.heard.push_back("a");
    });
    b = f.bus.subscribe<Landed>(f.hear("b"));
    c = f.bus.subscribe<Landed>(f.hear("c"));
    CHECK(f.land() == Names{"a", "b"});
    CHECK(f.land() == Names{"b"});
}

TEST_CASE("who joins during a delivery first hears the next event", "[base]") {
    EventsFixture f;
    std::vector<Subscription> joined;
    auto a = f.bus.subscribe<Landed>([&](sim::Time, const Landed&) {
        f.heard.push_back("a");
        if (joined.empty()) {
            for (int n = 0; n < 100; ++n) joined.push_back(f.bus.subscribe<Landed>(f.hear("n")));
        }
    });
    CHECK(f.land() == Names{"a"});
    CHECK(f.land().size() == 101);
}

TEST_CASE("a handler may emit, and events nest", "[base]") {
    EventsFixture f;
    Subscription once;
    auto a = f.bus.subscribe<Landed>([&](sim::Time, const Landed& e) {
        f.heard.push_back("in " + std::to_string(e.bytes));
        if (e.bytes > 1) f.bus.emit(Landed{e.at, e.bytes / 2});
        if (e.bytes == 1) once.reset(); // ended two deliveries deep
        f.heard.push_back("out " + std::to_string(e.bytes));
    });
    once = f.bus.subscribe<Landed>(f.hear("once"));
    f.bus.emit(Landed{Spa{}, 4});
    CHECK(f.heard == Names{"in 4", "in 2", "in 1", "out 1", "out 2", "out 4"});
}

TEST_CASE("a handler that throws leaves the bus usable", "[base]") {
    EventsFixture f;
    auto a = f.bus.subscribe<Landed>([](sim::Time, const Landed&) { throw std::runtime_error("no"); });
    CHECK_THROWS_AS(f.land(), std::runtime_error);
    a.reset();
    CHECK_FALSE(f.bus.wants<Landed>());
}

TEST_CASE("a token kept inside its own handler goes with it", "[base]") {
    EventsFixture f;
    auto inner = std::make_shared<Subscription>();
    *inner = f.bus.subscribe<Landed>(f.hear("inner"));
    auto outer = f.bus.subscribe<Landed>([inner](sim::Time, const Landed&) {});
    inner.reset(); // now only outer's handler holds the token
    CHECK(f.land() == Names{"inner"});
    outer.reset();
    CHECK(f.land().empty());
}

TEST_CASE("one generic callable hears every type of a list", "[base]") {
    EventsFixture f;
    using All = Join<EventList<Landed>, EventList<>, EventList<Freed>>;
    STATIC_REQUIRE(All::count == 2);
    Names names;
    {
        const auto tokens = for_each_event<All>(f.bus, [&](sim::Time, const auto& event) {
            for_each_field(event, [&](std::string_view field, const auto&) {
                names.push_back(std::string(event.event_name) + "." + std::string(field));
            });
        });
        f.bus.emit(Freed{Spa{1}});
        f.bus.emit(Landed{Spa{1}, 2});
    }
    f.bus.emit(Freed{Spa{1}});
    CHECK(names == Names{"Freed.at", "Landed.at", "Landed.bytes"});

    Names types;
    for_each_type<All>([&](auto type) { types.emplace_back(decltype(type)::type::event_name); });
    CHECK(types == Names{"Landed", "Freed"});
}

TEST_CASE("a bus without a clock is refused", "[base]") { CHECK_THROWS_AS(EventBus(nullptr), std::invalid_argument); }
