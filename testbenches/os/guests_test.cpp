// SPDX-License-Identifier: Apache-2.0
/// Several guests on one machine: where their memory is, how a unit is led there, and what it is told when one is over.
/// The oracle is a walk by hand over the words in memory (facts/iommu-specs.md 5.1), and bits of its sections 1 and 2.
#include "os/smmuv3_bench.h"

#include <map>

namespace quiesce::os::test::smmuv3 {
namespace {

constexpr GuestId second_guest{2}, third_guest{3};
constexpr u64 mib = u64{1} << 20;

iommu::smmuv3::Smmuv3Config both_stages() {
    iommu::smmuv3::Smmuv3Config c;
    c.stage2 = true;
    return c;
}
drivers::Smmuv3DriverConfig nested(drivers::SecondStagePages pages = drivers::SecondStagePages::Mega) {
    drivers::Smmuv3DriverConfig c;
    c.nested = true;
    c.nested_pages = pages;
    return c;
}

struct GuestsBench : Bench {
    explicit GuestsBench(std::vector<std::string> bugs = {},
                         const pcie::FunctionConfig& function_config = without_atc(), unsigned guests = 2)
        : Bench(KernelVersion::V6_12, std::move(bugs), both_stages(), function_config, nested(), std::nullopt,
                Suppression::Hardware, guests) {
        REQUIRE(kernel->boot_error().empty());
    }
    Words told(sim::Task<base::Name> t) {
        spy->commands.clear();
        CHECK(call(std::move(t)).text() == "");
        return spy->commands;
    }
    u64 vmid() { return peek(ste() + 16) & 0xffff; }
    Spa second_stage() { return Spa{peek(ste() + 24)}; }
    std::vector<std::string> errors;
    base::Subscription refused =
        events.subscribe<BindRefused>([this](Time, const BindRefused& e) { errors.emplace_back(e.error.text()); });
};

/// Three levels of 4 KiB tables from level 1 on, the first of them several tables in a row.
std::optional<u64> walk(Machine& m, Spa first, u64 at) {
    u64 table = first.value();
    for (const unsigned shift : {30u, 21u, 12u}) {
        const u64 index = shift == 30 ? at >> shift : at >> shift & 511;
        const u64 word = m.peek(Spa{table + 8 * index}), out = word & 0x0000'ffff'ffff'f000;
        if ((word & 1) == 0) return std::nullopt;
        if (shift == 12 || (word & 2) == 0) return out + (at & ((u64{1} << shift) - 1));
        table = out;
    }
    return std::nullopt;
}

} // namespace

TEST_CASE("every guest has a part of RAM as large as the hypervisor's, at the addresses of the first's", "[os]") {
    Machine m;
    const u64 ram = m.memory.ram_base().value();
    m.config.guests = 2;
    m.make_kernel(90 * mib);
    Guests& guests = m.kernel->guests();
    CHECK(m.kernel->frames().end().value() == ram + 30 * mib);
    CHECK(guests.memory_of(first_guest).first().value() == ram + 30 * mib);
    CHECK_FALSE(guests.runs(second_guest));
    guests.begin(second_guest);
    FrameAllocator& second = guests.memory_of(second_guest);
    CHECK(second.first().value() == ram + 60 * mib);
    CHECK(second.end().value() == ram + 90 * mib);
    CHECK(second.guest_address(second.first()).value() == ram + 30 * mib);
    CHECK(second.place_of(Gpa{ram + 31 * mib}).value() == ram + 61 * mib);
    CHECK_THROWS_AS(guests.begin(third_guest), std::runtime_error);
    guests.end(first_guest);
    guests.begin(third_guest);
    CHECK(&guests.memory_of(third_guest) != &second);
    CHECK(guests.memory_of(third_guest).first().value() == ram + 30 * mib);
    m.calendar.shutdown();
}

TEST_CASE("one guest's memory is the kernel's, and where it is", "[os]") {
    Machine m;
    m.make_kernel();
    CHECK(&m.kernel->guests().memory_of(first_guest) == &m.kernel->frames());
    CHECK(m.kernel->frames().guest_address(Spa{0x1234'5000}) == Gpa{0x1234'5000});
    m.calendar.shutdown();
}

TEST_CASE("a second stage leads to the guest's own memory, and to what is below RAM, and nowhere else", "[os]") {
    using drivers::SecondStagePages;
    Machine m;
    const u64 ram = m.memory.ram_base().value();
    const bool whole = GENERATE(true, false); // parts that pages of 1 GiB divide, or do not
    const u64 part = whole ? 1024 * mib : 30 * mib;
    m.config.guests = 2;
    m.make_kernel(3 * part);
    const auto pages = GENERATE(SecondStagePages::Small, SecondStagePages::Mega, SecondStagePages::Giga);
    if (whole && pages == SecondStagePages::Small) return; // half a million entries say no more than the others
    drivers::Hypervisor h(m.kernel->frames(), {{0x3, 0x7ff, 0x7fd}, pages, 3, 40}, 1, 256);
    Guests& guests = m.kernel->guests();
    REQUIRE(h.begin(first_guest, guests.memory_of(first_guest)));
    guests.begin(second_guest);
    REQUIRE(h.begin(second_guest, guests.memory_of(second_guest)));
    for (const auto& [guest, displaced] : std::map<GuestId, u64>{{first_guest, 0}, {second_guest, part}}) {
        const Spa table = h.second_stage(guest).table;
        const auto leads_to = [&](u64 at) { return walk(m, table, at); };
        CHECK(leads_to(0x0808'0040) == 0x0808'0040);
        CHECK(leads_to(ram - 1) == ram - 1);
        CHECK(leads_to(ram) == std::nullopt); // the hypervisor's
        CHECK(leads_to(ram + part - page_size) == std::nullopt);
        CHECK(leads_to(ram + part) == ram + part + displaced);
        CHECK(leads_to(ram + part + 7 * mib + 5) == ram + part + displaced + 7 * mib + 5);
        CHECK(leads_to(ram + 2 * part - 1) == ram + 2 * part - 1 + displaced);
        CHECK(leads_to(ram + 2 * part) == std::nullopt); // another guest's
    }
    m.calendar.shutdown();
}

TEST_CASE("the lowest number that is free is the next guest's, and the next one's tables lie where the last one's did",
          "[os]") {
    Machine m;
    m.config.guests = 3;
    m.make_kernel(128 * mib);
    Guests& guests = m.kernel->guests();
    drivers::Hypervisor h(m.kernel->frames(), {{0x3, 0x7ff, 0x7fd}, drivers::SecondStagePages::Mega, 3, 40}, 5, 7);
    REQUIRE(h.begin(first_guest, guests.memory_of(first_guest)));
    guests.begin(second_guest);
    REQUIRE(h.begin(second_guest, guests.memory_of(second_guest)));
    guests.begin(third_guest);
    CHECK_FALSE(h.begin(third_guest, guests.memory_of(third_guest))); // 5 and 6
    CHECK(h.number(second_guest) == 6);
    const Spa table = h.second_stage(first_guest).table;
    const u64 at = guests.memory_of(first_guest).first().value();
    h.end(first_guest);
    REQUIRE(h.begin(third_guest, guests.memory_of(third_guest)));
    CHECK(h.number(third_guest) == 5);
    CHECK(h.second_stage(third_guest).table == table);
    CHECK(walk(m, table, at) == guests.memory_of(third_guest).first().value());
    m.calendar.shutdown();
}

TEST_CASE("a guest's contexts, and its processes' tables, say its own addresses", "[os][smmuv3]") {
    GuestsBench b;
    b.kernel->begin_guest(second_guest);
    b.kernel->spawn("app", {8}, 1, second_guest);
    REQUIRE(b.call(b.kernel->assign("dev", second_guest)).text() == "");
    REQUIRE(b.call(b.kernel->bind("app", "dev")));
    FrameAllocator& memory = b.kernel->guests().memory_of(second_guest);
    REQUIRE(memory.displaced() > 0);
    const u64 contexts = b.contexts().value(); // as the entry says
    CHECK(walk(b, b.second_stage(), contexts) == contexts + memory.displaced());
    const u64 leaf = b.peek(Spa{contexts + memory.displaced()}) & 0xf'ffff'ffff'f000;
    const u64 root = b.peek(Spa{leaf + memory.displaced() + 64 + 8}); // PASID 1: TTB0
    u64 table = root;
    const u64 heap = b.kernel->heap("app")->start.value();
    for (const unsigned shift : {39u, 30u, 21u, 12u}) {
        const auto there = walk(b, b.second_stage(), table);
        REQUIRE(there);
        CHECK(*there == table + memory.displaced());
        table = b.peek(Spa{*there + 8 * (heap >> shift & 511)}) & 0x0000'ffff'ffff'f000;
    }
    CHECK(Spa{table + memory.displaced()} >= memory.first());
    CHECK(Spa{table + memory.displaced()} < memory.end());
}

TEST_CASE("SMMUv3: a guest that is over leaves an entry that aborts, and both stages of its VMID are invalidated; R19: "
          "the first",
          "[os][smmuv3]") {
    const bool r19 = GENERATE(false, true), atc = GENERATE(false, true);
    GuestsBench b(r19 ? std::vector<std::string>{"R19"} : std::vector<std::string>{}, atc ? with_atc() : without_atc());
    b.kernel->begin_guest(second_guest);
    b.kernel->spawn("app", {8}, 1, second_guest);
    std::vector<std::array<u64, 2>> at_doorbells;
    const Spa ste = b.ste();
    b.spy->on_doorbell = [&] { at_doorbells.push_back({b.peek(ste), b.peek(ste + 24)}); };
    Words expected{"CFGI_STE sid 108 leaf", "SYNC", "CFGI_STE sid 108 leaf", "SYNC"};
    if (atc && b.driver->has_ats()) expected.insert(expected.end(), {"ATC_INV sid 108 all", "SYNC"});
    expected.insert(expected.end(), {r19 ? "TLBI_NH_ALL vmid 1" : "TLBI_S12_VMALL vmid 1", "SYNC"});
    const u64 table = b.second_stage().value();
    CHECK(b.told(b.kernel->destroy_guest(first_guest)) == expected);
    b.spy->on_doorbell = {};
    REQUIRE(at_doorbells.size() >= 2);
    CHECK(at_doorbells[0] == std::array<u64, 2>{1, table}); // V, Config=abort, before what it makes the SMMU ignore
    CHECK(at_doorbells[1] == std::array<u64, 2>{1, 0});
    CHECK(b.driver->guest_of(b.device.stream()) == no_guest);
}

TEST_CASE("SMMUv3: the next guest has the VMID of the one that is over; beside one that runs it has another",
          "[os][smmuv3]") {
    const bool over = GENERATE(true, false);
    GuestsBench b;
    CHECK(b.vmid() == 1);
    b.kernel->begin_guest(second_guest);
    b.kernel->spawn("app", {8}, 1, second_guest);
    if (over) REQUIRE(b.call(b.kernel->destroy_guest(first_guest)).text() == "");
    CHECK(b.told(b.kernel->assign("dev", second_guest)).back() == "SYNC");
    CHECK(b.vmid() == (over ? 1 : 2));
    CHECK((b.peek(b.ste()) & 0xf) == 0xf);
    REQUIRE(b.call(b.kernel->bind("app", "dev")));
    b.spy->commands.clear();
    b.call(b.kernel->kill("app"));
    const std::string tlbi = over ? "TLBI_NH_ASID vmid 1 asid 1" : "TLBI_NH_ASID vmid 2 asid 1";
    CHECK(std::count(b.spy->commands.begin(), b.spy->commands.end(), tlbi) >= 1);
    REQUIRE(b.call(b.kernel->destroy_guest(second_guest)).text() == "");
}

TEST_CASE("a guest's kernel gives the memory of its contexts back with the device", "[os][smmuv3]") {
    GuestsBench b;
    b.kernel->begin_guest(second_guest);
    b.kernel->spawn("app", {8}, 1, second_guest);
    FrameAllocator& memory = b.kernel->guests().memory_of(second_guest);
    const u64 before = memory.taken();
    REQUIRE(b.call(b.kernel->assign("dev", second_guest)).text() == "");
    REQUIRE(b.call(b.kernel->bind("app", "dev")));
    CHECK(memory.taken() > before);
    REQUIRE(b.call(b.kernel->unbind("app", "dev")));
    REQUIRE(b.call(b.kernel->assign("dev", first_guest)).text() == "");
    CHECK(memory.taken() == before);
}

TEST_CASE("a device is bound by processes of the guest that has it, and passes to another when none is bound", "[os]") {
    GuestsBench b;
    b.kernel->spawn("app1", {8});
    b.kernel->begin_guest(second_guest);
    b.kernel->spawn("app2", {8}, 1, second_guest);
    CHECK_FALSE(b.call(b.kernel->bind("app2", "dev")));
    CHECK(b.errors == std::vector<std::string>{"ENODEV"});
    REQUIRE(b.call(b.kernel->bind("app1", "dev")));
    CHECK(b.call(b.kernel->assign("dev", second_guest)).text() == "EBUSY");
    CHECK(b.call(b.kernel->assign("dev", third_guest)).text() == "ESRCH");
    CHECK(b.call(b.kernel->destroy_guest(first_guest)).text() == "EBUSY");
    REQUIRE(b.call(b.kernel->unbind("app1", "dev")));
    CHECK(b.call(b.kernel->assign("dev", second_guest)).text() == "");
    CHECK_FALSE(b.call(b.kernel->bind("app1", "dev")));
    CHECK(b.call(b.kernel->bind("app2", "dev")));
}

TEST_CASE("a child, and a process after exec, are the guest's that the process was of", "[os]") {
    GuestsBench b;
    b.kernel->begin_guest(second_guest);
    b.kernel->spawn("app2", {8}, 1, second_guest);
    REQUIRE(b.call(b.kernel->assign("dev", second_guest)).text() == "");
    REQUIRE(b.call(b.kernel->fork("app2", "child")));
    REQUIRE(b.call(b.kernel->exec("app2", 4, true)));
    CHECK(b.call(b.kernel->bind("child", "dev")));
    CHECK(b.call(b.kernel->bind("app2", "dev")));
}

TEST_CASE("a guest is over when the last reference to its processes' address spaces is dropped, and not before",
          "[os]") {
    GuestsBench b;
    b.kernel->spawn("app1", {8});
    REQUIRE(b.call(b.kernel->bind("app1", "dev")));
    REQUIRE(b.call(b.kernel->hold("app1", Holder::Procfs)));
    b.call(b.kernel->kill("app1"));
    std::optional<Time> over;
    auto end = [&]() -> Task<void> {
        const base::Name error = co_await b.kernel->destroy_guest(first_guest);
        CHECK_FALSE(error);
        over = sim::now();
    };
    sim::spawn(end());
    b.settle();
    CHECK_FALSE(over);
    CHECK(b.kernel->guests().runs(first_guest));
    REQUIRE(b.call(b.kernel->drop("app1", Holder::Procfs)));
    CHECK(over);
    CHECK_FALSE(b.kernel->guests().runs(first_guest));
}

TEST_CASE("several guests need a second stage, and devices whose drivers have no memory of their own", "[os]") {
    Bench plain(KernelVersion::V6_12, {}, both_stages(), without_atc(), {}, std::nullopt, Suppression::Hardware, 2);
    CHECK(plain.kernel->boot_error().find("os.guests") != std::string::npos);
}

} // namespace quiesce::os::test::smmuv3
