// SPDX-License-Identifier: Apache-2.0
/// Registers: what software's writes may change, what is called, and what is counted.
#include "base/registers.h"

#include "base/address.h"
#include "base/property.h"

#include <utility>
#include <vector>

using namespace quiesce;

namespace {

struct Id : Register<Id, 0x00, u32, Access::ReadOnly> {
    static constexpr F<u8> Levels{"Levels", 3, 0};
    static constexpr auto fields = layout(Levels);
    static constexpr u32 reset_value = 0x4;
};
struct Control : Register<Control, 0x20, u32> {
    static constexpr F<bool> Enable{"Enable", 0, 0};
    static constexpr F<u8> Mode{"Mode", 7, 4};
    static constexpr auto fields = layout(Enable, Mode);
};
struct Command : Register<Command, 0x24, u32, Access::WriteOnly> {};
struct Status : Register<Status, 0x28, u32, Access::Write1Clear> {
    static constexpr F<bool> Overflow{"Overflow", 0, 0};
    static constexpr F<bool> Pending{"Pending", 1, 1};
    static constexpr auto fields = layout(Overflow, Pending);
};
struct Mixed : Register<Mixed, 0x2c, u32> {
    static constexpr F<u8> Plain{"Plain", 7, 0};
    static constexpr F<u8> Fixed{"Fixed", 15, 8};
    static constexpr F<bool> Sticky{"Sticky", 16, 16};
    static constexpr auto fields = layout(Plain, Fixed, Sticky);
    static constexpr auto read_only_fields = layout(Fixed);
    static constexpr auto write_1_clear_fields = layout(Sticky);
    static constexpr std::string_view name = "MIXED_REG";
};
struct Base : Register<Base, 0x90, u64> {
    static constexpr F<u8> Log2Size{"Log2Size", 4, 0};
    static constexpr FA<Spa> Address{"Address", 51, 5};
    static constexpr auto fields = layout(Log2Size, Address);
};
struct Stranger : Register<Stranger, 0x94, u32> {};
using Map = RegisterMap<Id, Control, Command, Status, Mixed, Base>;
using File = RegisterFile<Map>;

template <class R, class Field>
concept Reads = requires(const R& r, Field f) { r.get(f); };
static_assert(Reads<Control, decltype(Control::Enable)> && !Reads<Control, decltype(Status::Overflow)>);

} // namespace

TEST_CASE("a map holds its registers in order and without overlap", "[base]") {
    STATIC_REQUIRE(sorted_without_overlap<Id, Control, Base>());
    STATIC_REQUIRE_FALSE(sorted_without_overlap<Control, Id>());
    STATIC_REQUIRE_FALSE(sorted_without_overlap<Control, Control>());
    STATIC_REQUIRE_FALSE(sorted_without_overlap<Base, Stranger>());
    STATIC_REQUIRE_FALSE(Map::has<Stranger>);
    STATIC_REQUIRE(Map::find(0x94) == 5u);
    STATIC_REQUIRE_FALSE(Map::find(0x98).has_value());
    STATIC_REQUIRE_FALSE(Map::find(0x04).has_value());
}

TEST_CASE("the model's own reads and writes know no access rules and call nobody", "[base]") {
    File file;
    file.on_write<Control>([](Control) { FAIL("called"); });
    file.on_read<Control>([]() -> Control { FAIL("called"); return {}; });
    CHECK(file.read<Id>().get(Id::Levels) == 4);
    file.set(Id::Levels, 5);
    CHECK(file.get(Id::Levels) == 5);
    file.write(Control::of(0xffff'ffff));
    CHECK(file.read<Control>().value() == 0xffff'ffff);
    CHECK(file.total().writes == 0);
    file.reset();
    CHECK(file.read<Id>().value() == 4);
    CHECK(file.read<Control>().value() == 0);
}

TEST_CASE("software cannot set bits that belong to no field, and trying is counted", "[base]") {
    File file;
    CHECK(file.bus_write(0x20, 4, 0xffff'ffff));
    CHECK(file.bus_read(0x20, 4) == 0xf1u);
    CHECK(file.counts<Control>().reserved_writes == 1);
    CHECK(file.bus_write(0x20, 4, 0x10));
    CHECK(file.counts<Control>().reserved_writes == 1);
    CHECK(file.counts<Control>().writes == 2);
}

TEST_CASE("a read-only register ignores writes, calls nobody, and counts them", "[base]") {
    File file;
    file.on_write<Id>([](Id) { FAIL("called"); });
    CHECK(file.bus_write(0x00, 4, 0x7));
    CHECK(file.bus_read(0x00, 4) == 4u);
    CHECK(file.counts<Id>().read_only_writes == 1);
}

TEST_CASE("a write-only register reads as zero but keeps its value for the model", "[base]") {
    File file;
    file.bus_write(0x24, 4, 0x1234);
    CHECK(file.bus_read(0x24, 4) == 0u);
    CHECK(file.read<Command>().value() == 0x1234);
}

TEST_CASE("writing one clears, writing zero keeps, and nothing sets", "[base]") {
    File file;
    file.set(Status::Overflow, true);
    file.bus_write(0x28, 4, 0b10);
    CHECK(file.bus_read(0x28, 4) == 0b01u);
    file.bus_write(0x28, 4, 0b01);
    CHECK(file.bus_read(0x28, 4) == 0u);
}

TEST_CASE("one register may hold plain, read-only and write-one-to-clear fields", "[base]") {
    File file;
    file.write(Mixed::of(0x1'aa00));
    file.bus_write(0x2c, 4, 0x0'55cc);
    CHECK(file.read<Mixed>().value() == 0x1'aacc);
    file.bus_write(0x2c, 4, 0x1'0011);
    CHECK(file.read<Mixed>().value() == 0x0'aa11);
}

TEST_CASE("a write hook gets the new and the old value, the new one being stored", "[base]") {
    File file;
    std::vector<std::pair<u32, u32>> calls;
    file.on_write<Control>([&](Control now, Control before) {
        CHECK(file.read<Control>() == now);
        calls.emplace_back(now.value(), before.value());
    });
    file.bus_write(0x20, 4, 0x11);
    file.bus_write(0x20, 4, 0x11); // also when nothing changes
    file.bus_write(0x20, 4, 0x20);
    CHECK(calls == std::vector<std::pair<u32, u32>>{{0x11, 0}, {0x11, 0x11}, {0x20, 0x11}});
    CHECK_THROWS_AS(file.on_write<Control>([](Control) {}), std::logic_error);
}

TEST_CASE("a read hook decides what software sees, and may see what is stored", "[base]") {
    File file;
    file.on_read<Control>([](Control stored) { return stored.with(Control::Mode, 9); });
    file.on_read<Command>([] { return Command::of(7); });
    file.bus_write(0x20, 4, 0x01);
    CHECK(file.bus_read(0x20, 4) == 0x91u);
    CHECK(file.bus_read(0x24, 4) == 7u);
    CHECK(file.read<Control>().value() == 0x01);
}

TEST_CASE("a 64-bit register can be written in halves, each a write of its own", "[base]") {
    File file;
    std::vector<u64> seen;
    file.on_write<Base>([&](Base now) { seen.push_back(now.value()); });
    file.bus_write(0x90, 4, 0x8000'0007);
    file.bus_write(0x94, 4, 0x0000'0012);
    CHECK(seen == std::vector<u64>{0x8000'0007, 0x12'8000'0007});
    CHECK(file.get(Base::Address) == Spa{0x12'8000'0000});
    CHECK(file.bus_read(0x94, 4) == 0x12u);
    CHECK(file.bus_read(0x90, 8) == 0x12'8000'0007u);
    file.bus_write(0x90, 8, 0x3);
    CHECK(seen.size() == 3);
    CHECK(file.counts<Base>().writes == 3);
}

TEST_CASE("eight bytes over two 32-bit registers are two accesses, low half first", "[base]") {
    File file;
    std::vector<int> order;
    file.on_write<Control>([&](Control) { order.push_back(1); });
    file.on_write<Command>([&](Command) { order.push_back(2); });
    file.bus_write(0x20, 8, u64{0x77} << 32 | 0x11);
    CHECK(order == std::vector<int>{1, 2});
    CHECK(file.read<Command>().value() == 0x77);
    CHECK(file.bus_read(0x28, 8) == 0u);
    CHECK(file.counts<Mixed>().reads == 1);
}

TEST_CASE("an offset where nothing is modelled reads as zero and is listed", "[base]") {
    File file;
    CHECK(file.bus_write(0x300, 4, 1));
    CHECK(file.bus_read(0x300, 4) == 0u);
    CHECK(file.bus_read(0x04, 4) == 0u);
    CHECK(file.bus_read(0x04, 4) == 0u);
    const auto unknown = file.unknown();
    REQUIRE(unknown.size() == 2);
    CHECK(unknown[0].offset == 0x04);
    CHECK(unknown[0].reads == 2);
    CHECK(unknown[0].writes == 0);
    CHECK(unknown[1].offset == 0x300);
    CHECK(unknown[1].reads == 1);
    CHECK(unknown[1].writes == 1);
}

TEST_CASE("an access of odd size or alignment does nothing and is counted", "[base]") {
    File file;
    CHECK_FALSE(file.bus_read(0x20, 1).has_value());
    CHECK_FALSE(file.bus_read(0x22, 4).has_value());
    CHECK_FALSE(file.bus_write(0x94, 8, 1));
    CHECK(file.malformed() == 3);
    CHECK(file.unknown().empty());
}

TEST_CASE("software never changes a bit outside the plain fields except by clearing", "[base][property]") {
    testbench::holds([](u32 stored, u32 written) {
        File file;
        file.write(Mixed::of(stored));
        file.bus_write(0x2c, 4, written);
        const u32 now = file.read<Mixed>().value();
        RC_ASSERT((now & 0xff) == (written & 0xff));
        RC_ASSERT((now & 0xff00) == (stored & 0xff00));
        RC_ASSERT((now & 0x10000) == (stored & ~written & 0x10000));
        RC_ASSERT((now & 0xfffe0000) == (stored & 0xfffe0000));
    });
}

TEST_CASE("a map lists its rows for documentation", "[base]") {
    const auto rows = Map::rows();
    REQUIRE(rows.size() == 6);
    CHECK(rows[1].name == "Control");
    CHECK(rows[1].offset == 0x20);
    CHECK(rows[1].width_bits == 32);
    CHECK(enum_text(rows[3].access) == "RW1C");
    CHECK(rows[4].name == "MIXED_REG");
    REQUIRE(rows[5].fields.size() == 2);
    CHECK(rows[5].fields[1].name == "Address");
    CHECK(rows[5].fields[1].msb == 51);
    CHECK(rows[5].fields[1].lsb == 5);
    CHECK(rows[2].fields.empty());
}
