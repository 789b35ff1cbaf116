// SPDX-License-Identifier: Apache-2.0
/// Threads that submit from user space: PASID registers, portals, completion records (facts/linux-sva.md 6.7, R-V4).
#include "os/dsa_machine.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Time;

namespace {
struct SubmissionBench : test::DsaMachine {
    static devices::DsaConfig with_ats() {
        devices::DsaConfig c;
        c.function.atc.present = true;
        return c;
    }
    explicit SubmissionBench(std::vector<std::string> bugs = {}, Policy policy = Policy::QuietUnbind)
        : DsaMachine({.bugs = std::move(bugs), .device = with_ats(), .policy = policy}) {
        kernel->spawn("app0", {16}, 2);
    }
    bool dying(const std::string& process) const { return std::find(dead.begin(), dead.end(), process) != dead.end(); }
    std::vector<std::string> loads, dead;
    std::vector<UserSubmitted> submissions;
    std::vector<devices::DescriptorEnded> ends;
    unsigned errors = 0;
    base::Subscription tokens[5] = {
        events.subscribe<PasidLoaded>([this](Time, const PasidLoaded& e) { loads.emplace_back(e.thread.text()); }),
        events.subscribe<UserSubmitted>([this](Time, const UserSubmitted& e) { submissions.push_back(e); }),
        events.subscribe<devices::DescriptorEnded>(
            [this](Time, const devices::DescriptorEnded& e) { ends.push_back(e); }),
        events.subscribe<DeviceErrorSeen>([this](Time, const DeviceErrorSeen& e) { errors += e.code == 0x1a; }),
        events.subscribe<ProcessChanged>([this](Time, const ProcessChanged& e) {
            if (e.state.text() == "dying") dead.emplace_back(e.process.text());
        })};
};
} // namespace

TEST_CASE("a thread's PASID register is loaded at its first ENQCMD, once for each thread, and costs a #GP", "[os]") {
    SubmissionBench b;
    REQUIRE(b.bind("app0"));
    CHECK(b.loads.empty());
    Time begun = sim::now();
    CHECK(b.enqcmd("app0", 1).status == 1);
    const auto first = b.ends.size();
    CHECK(b.loads == std::vector<std::string>{"app0/1"});
    CHECK(b.enqcmd("app0", 1).status == 1);
    CHECK(b.loads.size() == 1);
    CHECK(b.enqcmd("app0", 0).status == 1);
    CHECK(b.loads == std::vector<std::string>{"app0/1", "app0/0"});
    CHECK(first == 1);
    REQUIRE(b.submissions.size() == 3);
    for (const auto& s : b.submissions)
        CHECK((s.has_pasid && s.how == UserSubmission::Accepted && s.bond == BondId{1}));
    CHECK(sim::now() > begun);
}

TEST_CASE("a process without the device's portal is killed by SIGBUS; nothing reaches the device", "[os]") {
    SubmissionBench b;
    CHECK(b.enqcmd("app0").how == UserSubmission::NoPortal);
    CHECK(b.dying("app0"));
    CHECK(b.ends.empty());
}

TEST_CASE("unbind takes the portal away, so that a thread with a valid PASID register cannot submit", "[os]") {
    SubmissionBench b;
    REQUIRE(b.bind("app0"));
    REQUIRE(b.enqcmd("app0", 1).status == 1);
    REQUIRE(b.unbind("app0"));
    CHECK_FALSE(b.dying("app0"));
    CHECK(b.enqcmd("app0", 1).how == UserSubmission::NoPortal);
    CHECK(b.submissions.back().has_pasid); // the register is as it was
    CHECK(b.ends.size() == 1);
}

TEST_CASE("R-V4: with a portal that survived the unbind the device takes the descriptor, and can do nothing with it",
          "[os]") {
    SubmissionBench b({"R-V4"});
    REQUIRE(b.bind("app0"));
    REQUIRE(b.enqcmd("app0", 1).status == 1);
    REQUIRE(b.unbind("app0"));
    const unsigned thread =
        GENERATE(1u, 0u); // with a register of before, and with one that the kernel loads now: the mm has its PASID
    const Kernel::Enqcmd late = b.enqcmd("app0", thread);
    CHECK(late.how == UserSubmission::Accepted);
    CHECK(late.status == 0);
    REQUIRE(b.ends.size() == 2);
    CHECK(b.ends[1].status == 3);
    CHECK(b.ends[1].bytes == 0);
    CHECK(b.ends[1].record == devices::RecordFate::Lost);
    CHECK(b.errors == 1);
    CHECK(b.loads.size() == (thread == 1 ? 1 : 2));
    CHECK_FALSE(b.dying("app0"));
}

TEST_CASE("where the PASID goes back at the unbind, a thread that never had it gets none afterwards", "[os]") {
    SubmissionBench b({"R-V4"}, Policy::MmExit);
    REQUIRE(b.bind("app0"));
    REQUIRE(b.enqcmd("app0", 1).status == 1);
    REQUIRE(b.unbind("app0"));
    CHECK(b.enqcmd("app0", 1).how == UserSubmission::Accepted); // its register has a number that is anybody's now
    CHECK(b.enqcmd("app0", 0).how == UserSubmission::NoPasid);
    CHECK(b.dying("app0"));
}

TEST_CASE("fork copies no PASID register, and the portal only by mistake", "[os]") {
    const bool mistake = GENERATE(false, true);
    SubmissionBench b(mistake ? std::vector<std::string>{"R-V4"} : std::vector<std::string>{});
    REQUIRE(b.bind("app0"));
    REQUIRE(b.enqcmd("app0", 0).status == 1);
    REQUIRE(b.call(b.kernel->fork("app0", "child")));
    CHECK(b.enqcmd("child").how == (mistake ? UserSubmission::NoPasid : UserSubmission::NoPortal));
    CHECK(b.dying("child"));
    CHECK_FALSE(b.dying("app0"));
    CHECK(b.ends.size() == 1);
}

TEST_CASE("a child with an inherited portal and a PASID of its own works in its own address space", "[os]") {
    SubmissionBench b({"R-V4"});
    REQUIRE(b.bind("app0"));
    REQUIRE(b.call(b.kernel->fork("app0", "child")));
    REQUIRE(b.bind("child"));
    REQUIRE(b.call(b.kernel->touch("child", 0, 16))); // the device asks for no pages, and these are the parent's, too
    REQUIRE(b.enqcmd("child").status == 1);
    CHECK(b.submissions.back().bond == BondId{2});
    CHECK(b.submissions.back().pasid != Pasid{0});
    CHECK(b.loads == std::vector<std::string>{"child/0"});
}

TEST_CASE("a stream keeps descriptors under way until the driver stops it, and none is left then", "[os]") {
    SubmissionBench b;
    REQUIRE(b.bind("app0"));
    bool taken = false;
    auto submit = [&]() -> sim::Task<void> {
        const bool ok = co_await b.kernel->submit("app0", "dsa0", b.work_of("app0"));
        taken = ok;
    };
    sim::spawn(submit());
    b.calendar.run_for(300_us);
    CHECK(taken);
    CHECK(b.ends.size() > 100);
    std::size_t submitted_at_stop = 0, ended_at_stop = 0;
    const auto token = b.events.subscribe<StopSeen>([&](Time, const StopSeen&) {
        submitted_at_stop = b.submissions.size();
        ended_at_stop = b.ends.size();
    });
    CHECK(b.call(b.kernel->stop("app0", "dsa0")));
    CHECK(b.dsa->inside() == 0);
    CHECK(submitted_at_stop == b.submissions.size());
    CHECK(ended_at_stop == submitted_at_stop);
    CHECK(b.ends.size() == b.submissions.size());
    for (const auto& e : b.ends) REQUIRE(e.status == 1);
}

TEST_CASE("a killed process submits nothing more, and what it had submitted is drained before its bond goes", "[os]") {
    SubmissionBench b;
    REQUIRE(b.bind("app0"));
    sim::spawn([](SubmissionBench& bench) -> sim::Task<void> {
        co_await bench.kernel->submit("app0", "dsa0", bench.work_of("app0"));
    }(b));
    b.calendar.run_for(100_us);
    Time unbound;
    std::size_t ended_by_then = 0;
    const auto token = b.events.subscribe<BondChanged>([&](Time now, const BondChanged& e) {
        if (e.state != BondState::Unbound) return;
        unbound = now;
        ended_by_then = b.ends.size();
    });
    b.call(b.kernel->kill("app0"));
    CHECK(unbound > Time{});
    CHECK(ended_by_then == b.ends.size());
    CHECK(b.kernel->at_rest());
    std::size_t accepted = 0;
    for (const auto& s : b.submissions) accepted += s.how == UserSubmission::Accepted;
    CHECK(accepted == b.ends.size());
}
