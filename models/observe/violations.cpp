// SPDX-License-Identifier: Apache-2.0
#include "observe/violations.h"

#include "base/text.h"
#include "observe/milestone_rules.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::observe {

const std::vector<ViolationKind> violation_kinds{
    {"stale-dma", "a DMA reached a frame that was the bond's page once and is not any more, or wrote to one that may only be read by now", ""},
    {"stale-walk", "a table walk read a page-table page that its address space no longer owns", ""},
    {"cross-process-dma", "a DMA reached a frame that was never its bond's page", ""},
    {"cross-process-fault", "a page request was handled against another process's address space", ""},
    {"pasid-reused-undrained", "a PASID was handed out again while work of its former owner was outstanding", ""},
    {"freed-before-fenced", "a page was freed though no fence covering it had been seen complete by the OS", ""},
    {"lying-fence", "hardware signalled completion before the work that the fence covers was done", ""},
    {"late-page-response",
     "a page response arrived for a request, or a stalled transaction was answered, that was already over; the one "
     "answer to a request that its device forgot in a reset is none",
     ""},
    {"wrong-response", "a page request was answered with a code that its bond's state does not allow", ""},
    {"lost-page-request",
     "a page request was neither answered nor auto-answered, or thrown away by the kernel that had its whole group; or a stalled transaction "
     "never resolved",
     "observe.page_request_limit"},
    {"use-after-free", "an operating-system object was used after it was freed", ""},
    {"torn-entry", "hardware used a structure of which it had fetched old and new parts", ""},
    {"dma-after-unbind", "a device issued work for a bond that is unbound", ""},
    {"report-flood", "fault records of a dying bond, those of stalled transactions included, reached the threshold",
     "observe.flood_threshold"},
    {"refault-storm", "a device asked for one page so often, without ever getting far enough to stop asking",
     "observe.refault_threshold"},
    {"context-lost", "a device was refused because its context was not there, for a bond that is bound and that nobody is tearing down",
     ""},
    {"innocent-victim",
     "a process that was not dying lost its work in a reset that was not its own, or with a link; or its fault record or page "
     "request found no room in a queue that dying bonds' had filled; or it was killed for memory while an earlier victim still had "
     "enough of it for the allocation that failed",
     "observe.flood_share"},
    {"illegal-state", "an object took an arrow that its lifecycle does not have", ""},
    {"deadlock", "actors wait for each other and nothing can move", ""},
    {"livelock", "activity goes on without progress", ""},
    {"sleep-in-atomic", "a context that must not sleep did", ""},
    {"left-behind",
     "every process was dead and the machine had come to rest, and somebody still had what one of them had used: a frame, "
     "a bond, a PASID, an ASID, a tag, a credit, an entry of a queue",
     "observe.left_behind_limit"},
    {"inconsistent-milestones", "milestones of a teardown came in an order that a correct system cannot produce", ""},
};

namespace {
std::string frame_name(Spa at) { return fmt::format("frame {:#x}", at.align_down(page_size).value()); }
/// Of a context, or a table on the way to it, that is not present: in the manuals' names (IHI 0070, 7.3; VT-d 7.1.3). An
/// IO_PAGE_FAULT can be anything (AMD 48882 2.5.3): there the field that decided says it.
bool is_of_context(const iommu::FaultRaised& e) {
    static constexpr std::string_view names[] = {"C_BAD_CD", "C_BAD_SUBSTREAMID", "SPD.2", "SPT.2"};
    const bool named = std::find(std::begin(names), std::end(names), e.type.text()) != std::end(names);
    return named || e.decided.what.text() == "GCR3 entry.V=0";
}
std::string pasid_name(Pasid pasid, MmId now) { return fmt::format("PASID {} of mm {}", raw(pasid), raw(now)); }
} // namespace

Checkers::Checkers(base::EventBus& bus, u64 flood_threshold, u64 refault_threshold, u64 flood_share)
    : bus_(bus), flood_threshold_(flood_threshold), refault_threshold_(refault_threshold), flood_share_(flood_share) {
    using Heard = base::EventList<
        memory::DmaCommitted, memory::WalkCommitted, memory::StructureTorn, memory::FrameFreed, memory::FrameUnmapped, memory::FrameTaken,
        memory::FrameLeft, iommu::FaultRaised, iommu::InvalidationBegun, iommu::InvalidationDone, iommu::FenceSignalled,
        devices::DmaIssued, devices::DmaEnded, os::BondChanged, os::TeardownTriggered, os::InvalidationIssued,
        os::FenceObserved, os::PasidChanged, os::OsViolation, devices::PageRequestSent, devices::PageResponseHeard,
        devices::PageGroupForgotten, iommu::PageRequestRecorded, iommu::PageRequestDropped, iommu::PageResponseSent, os::PageRequestEnded,
        os::PageGroupAnswered,
        iommu::StallRecorded, iommu::StallAnswerIgnored, iommu::StallResolved, os::ProcessChanged,
        pcie::InvalidationAnswered, pcie::LinkChanged, os::WorkLost, devices::WorkDropped, os::AtcLeftOpen,
        os::OomVictimMarked, os::FaultHandled, os::PagePinned>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time, const auto& e) { on(e); });
}

Checkers::BondInfo& Checkers::info(BondId b) {
    if (raw(b) >= bonds_.size()) bonds_.resize(raw(b) + 1);
    return bonds_[raw(b)];
}

std::string Checkers::who(BondId b) {
    const BondInfo& i = info(b);
    return fmt::format("{} (bond {}, {}, PASID {})", i.device.empty() ? "a device" : i.device, raw(b), i.process, raw(i.pasid));
}

/// A transaction is judged where the device issued it, however late it lands or fails: one issued before the unbind may
/// come after it. One that nobody saw issued is judged where it shows.
bool Checkers::after_unbind(BondId b, u64 transaction) {
    const BondInfo& i = info(b);
    return i.ever_bound && i.state == os::BondState::Unbound && transaction > i.last_issued;
}

void Checkers::add_at(sim::Time when, std::string_view kind, BondId bond, u64 page, std::string_view object,
                      std::string story, unsigned tells) {
    auto [at, fresh] = index_.try_emplace({std::string{kind}, raw(bond), page, std::string{object}}, list_.size());
    if (!fresh) {
        Violation& same = list_[at->second];
        ++same.count;
        same.last = when;
        if (tells <= tells_[at->second]) return;
        tells_[at->second] = tells;
        same.story = std::move(story);
        same.told = when;
        same.event = bus_.event_id();
        return;
    }
    tells_.push_back(tells);
    const BondInfo& i = info(bond);
    list_.push_back({std::string{kind}, when, when, 1, bond, i.device, i.process, i.pasid, page, std::string{object},
                     std::move(story), when, bus_.event_id()});
}

void Checkers::check(const Teardown& t) {
    for (const auto& [kind, story] : inconsistencies(t)) add(kind, t.bond, 0, story, who(t.bond) + ": " + story);
}

std::string Checkers::owner(u32 mm) const {
    const auto found = processes_.find(mm);
    return found == processes_.end() ? fmt::format("mm {}", mm) : found->second;
}

void Checkers::on(const os::ProcessChanged& e) {
    processes_[raw(e.mm)] = e.process.text();
    if (e.state != "running") dying_.insert(raw(e.mm));
}

void Checkers::on(const pcie::InvalidationAnswered& e) {
    if (e.answer != iommu::AtcAnswer::Completed) return;
    auto& mine = acknowledged_[{raw(e.device), raw(e.pasid)}];
    if (mine.size() == most_acknowledged) mine.pop_front();
    mine.emplace_back(bus_.now(), e);
}

/// The latest invalidation that the device acknowledged and that covers the page, if there is one.
std::string Checkers::acknowledged(const memory::DmaCommitted& e) const {
    const auto mine = acknowledged_.find({raw(e.device), raw(bonds_[raw(e.bond)].pasid)});
    if (mine == acknowledged_.end()) return {};
    const auto at = [](sim::Time t) { return base::format_duration(t - sim::Time{}); };
    const u64 page = e.aimed_at.align_down(page_size).value();
    for (auto i = mine->second.rbegin(); i != mine->second.rend(); ++i) {
        const auto& [when, inv] = *i;
        const bool covers = inv.everything || (page + page_size > inv.first.value() && page - inv.first.value() < inv.bytes);
        if (!covers) continue;
        const std::string what = inv.everything ? "everything" : fmt::format("{} B from {:#x}", inv.bytes, inv.first.value());
        return fmt::format("; it had acknowledged the invalidation of {} for PASID {} (ITag {}, asked at {}) at {}", what,
                           raw(inv.pasid), inv.itag, at(inv.asked), at(when));
    }
    return {};
}

/// Whose the frame was, whose it is, what the device had acknowledged and what the OS had been told. One that tells of
/// an heir tells more.
std::string Checkers::landed_in(const memory::DmaCommitted& e, unsigned& tells) {
    std::string story;
    const auto at = [](sim::Time t) { return base::format_duration(t - sim::Time{}); };
    if (const auto f = freed_.find(e.at.page_number()); f != freed_.end()) {
        story += fmt::format(", which {} had given back at {}", owner(f->second.mm), at(f->second.at));
        if (f->second.heir != 0) {
            tells = 1;
            const std::string as = f->second.table ? "a page table" : fmt::format("its page {:#x}", f->second.page);
            story += fmt::format(" and {} had taken at {} as {}", owner(f->second.heir), at(f->second.inherited), as);
        }
    }
    story += acknowledged(e);
    if (const BondInfo& b = info(e.bond); b.blocked)
        story += fmt::format("; at {} the OS had seen the fence after which none of its DMA can succeed", at(b.blocked_at));
    return story;
}

void Checkers::on(const memory::DmaCommitted& e) {
    using memory::Verdict;
    if (e.verdict == Verdict::Legal || e.verdict == Verdict::AfterUnmap) [[likely]] return;
    if (e.verdict == Verdict::AfterUnbind && e.transaction <= info(e.bond).last_issued) return; // judged at its issue
    const u64 page = e.aimed_at.align_down(page_size).value();
    unsigned tells = 0;
    std::string story = fmt::format("{} {} {} B at {:#x} through a translation looked up at {}; it landed at {} in frame {:#x}",
                                    who(e.bond), e.write ? "wrote" : "read", e.bytes, e.aimed_at.value(),
                                    base::format_duration(e.translated_at - sim::Time{}),
                                    base::format_duration(bus_.now() - sim::Time{}), e.at.align_down(page_size).value());
    story += landed_in(e, tells);
    if (e.verdict == Verdict::ReadOnly) story += ", which may only be read";
    add(e.verdict == Verdict::Stale          ? "stale-dma"
        : e.verdict == Verdict::ReadOnly     ? "stale-dma"
        : e.verdict == Verdict::CrossProcess ? "cross-process-dma"
                                             : "dma-after-unbind",
        e.bond, page, "", std::move(story), tells);
}

void Checkers::on(const memory::WalkCommitted& e) {
    if (!e.stale) [[likely]] return;
    add("stale-walk", e.bond, 0, frame_name(e.at),
        fmt::format("a walk for {} to {:#x} read the level-{} entry at {:#x}, in a page that is not its address "
                    "space's table any more",
                    who(e.bond), e.aimed_at.value(), e.level, e.at.value()));
}

/// One that was present and went meanwhile (V of a stream table entry, P of VT-d's structures: bit 0 in each): hardware took
/// for there what was being taken away. Of a context descriptor no two words are rewritten in one go.
void Checkers::on(const memory::StructureTorn& e) {
    if ((e.word0 & ~e.now & 1) == 0) return;
    add("torn-entry", e.bond, 0, fmt::format("structure {:#x}", e.at.value()),
        fmt::format("for {} the hardware fetched the {} bytes at {:#x} in parts while they were written: its first word is "
                    "{:#x}, which is {:#x} by now, and behind it are parts that are not of that time",
                    who(e.bond), e.bytes, e.at.value(), e.word0, e.now));
}

void Checkers::on(const memory::FrameTaken& e) {
    unfenced_.taken(e);
    unfenced_.gone(e.owner, e.page, e.frame);
    if (const auto f = freed_.find(e.frame.page_number()); f != freed_.end()) {
        f->second.inherited = bus_.now();
        f->second.heir = raw(e.owner);
        f->second.page = e.page.value();
        f->second.table = e.use == memory::FrameUse::Table;
    }
}

void Checkers::on(const memory::FrameUnmapped& e) { unfenced_.unmapped(e); }

/// What the OS had not been told, and what the device could do about it: over a link that is down, nothing.
std::string Checkers::freed_under(BondId b) {
    std::string unfenced = "no fence covering it had been seen complete since it was unmapped";
    if (const BondInfo i = info(b); i.left_open)
        unfenced += fmt::format("; its ATC was last emptied before {}, when {} still walked the same ASID's tables and what "
                                "it brought into the IOMMU's cache could be granted to the ATC again",
                                base::format_duration(*i.left_open - sim::Time{}), who(i.refilled_by));
    const auto down = link_down_.find(raw(info(b).device_id));
    if (down == link_down_.end()) return fmt::format("{} could still reach it: {}", who(b), unfenced);
    return fmt::format("{}; {} could not reach it, its link was down since {}", unfenced, who(b),
                       base::format_duration(down->second - sim::Time{}));
}

void Checkers::on(const pcie::LinkChanged& e) {
    if (e.up) link_down_.erase(raw(e.device));
    else link_down_[raw(e.device)] = bus_.now();
}

void Checkers::on(const memory::FrameFreed& e) {
    if (raw(e.owner) == 0 || e.use == memory::FrameUse::Kernel) return;
    freed_[e.frame.page_number()] = {bus_.now(), raw(e.owner), {}, 0, 0, false};
    given_up(e.owner, e.page, e.frame, e.use == memory::FrameUse::Table, true);
}

/// Another process goes on with it: no less a breach than with a page that is free, unless the frame is pinned for the bond.
void Checkers::on(const memory::FrameLeft& e) { given_up(e.by, e.page, e.frame, false, false); }

/// Tables of several levels have one address: their frames tell them apart.
void Checkers::given_up(MmId by, Va page, Spa frame, bool table, bool freed) {
    for (const u32 id : of_mm_[raw(by)]) {
        const BondInfo& b = bonds_[id];
        const bool all_right = !b.pinned.empty() && (!freed || b.pinned.count(frame.page_number()) == 0);
        if (!b.ever_bound || b.blocked || all_right || unfenced_.covered(BondId{id}, by, page, frame, b.bound)) continue;
        add("freed-before-fenced", BondId{id}, page.value(), table ? "table " + frame_name(frame) : "",
            fmt::format("{} {:#x} of {} (frame {:#x}) was {} while {}", table ? "the table page at" : "page", page.value(),
                        b.process, frame.value(), freed ? "freed" : "left to others", freed_under(BondId{id})));
    }
    unfenced_.gone(by, page, frame);
}

void Checkers::on(const iommu::FaultRaised& e) {
    if (e.bond == no_bond) return;
    BondInfo& b = info(e.bond);
    if (after_unbind(e.bond, e.transaction))
        add("dma-after-unbind", e.bond, e.at.align_down(page_size).value(), "",
            fmt::format("{} asked for {:#x} after its bond was unbound and got {}", who(e.bond), e.at.value(),
                        e.type.text()));
    record_came(e);
    if (e.fate == iommu::FaultFate::Recorded) count_record(e.bond);
    if (b.state == os::BondState::Bound && !b.torn && dying_.count(raw(b.mm)) == 0 && is_of_context(e))
        add("context-lost", e.bond, 0, e.type.text(),
            fmt::format("{} asked for {:#x} and got {}: its context was not there, though it is bound and nobody has begun "
                        "to tear it down",
                        who(e.bond), e.at.value(), e.type.text()));
}

void Checkers::count_record(BondId bond) {
    BondInfo& b = info(bond);
    if (b.torn && flood_threshold_ != 0 && ++b.records_after_t0 == flood_threshold_)
        add("report-flood", bond, 0, "",
            fmt::format("{} fault records of {} since its teardown began", flood_threshold_, who(bond)));
}

void Checkers::on(const iommu::InvalidationBegun& e) { units_[e.unit.index()].begun.insert(e.sequence); }
void Checkers::on(const iommu::InvalidationDone& e) { units_[e.unit.index()].begun.erase(e.sequence); }

void Checkers::on(const iommu::FenceSignalled& e) {
    const auto& begun = units_[e.unit.index()].begun;
    if (begun.empty() || *begun.begin() > e.sequence) return;
    add("lying-fence", no_bond, 0, e.unit.text(),
        fmt::format(
            "{} signalled that every command up to number {} is complete while the invalidation number {} was not done",
            e.unit.text(), e.sequence, *begun.begin()));
}

void Checkers::on(const devices::DmaIssued& e) {
    if (e.bond == no_bond) return;
    BondInfo& b = info(e.bond);
    ++b.outstanding;
    if (after_unbind(e.bond, e.transaction))
        add("dma-after-unbind", e.bond, e.at.align_down(page_size).value(), "",
            fmt::format("{} issued a {} of {:#x} after its bond was unbound", who(e.bond), e.write ? "write" : "read",
                        e.at.value()));
    b.last_issued = std::max(b.last_issued, e.transaction);
    if (auto owner = pasid_owner_.find(raw(e.pasid)); e.has_pasid && owner != pasid_owner_.end() && owner->second != raw(b.mm))
        add("pasid-reused-undrained", e.bond, 0, pasid_name(e.pasid, MmId{owner->second}),
            fmt::format("{} went on issuing DMA after PASID {} had been handed to mm {}", who(e.bond), raw(e.pasid),
                        owner->second));
}

void Checkers::on(const devices::DmaEnded& e) {
    if (e.bond == no_bond) return;
    BondInfo& b = info(e.bond);
    if (b.outstanding > 0) --b.outstanding;
}

void Checkers::on(const os::BondChanged& e) {
    BondInfo& b = info(e.bond);
    if (b.mm != e.mm) {
        of_mm_[raw(e.mm)].push_back(raw(e.bond));
        with_pasid_[raw(e.pasid)].push_back(raw(e.bond));
    }
    b.mm = e.mm;
    b.process = e.process.text();
    b.device = e.device.text();
    b.device_id = e.device_id;
    b.pasid = e.pasid;
    b.state = e.state;
    if (e.state == os::BondState::Bound) {
        if (!b.ever_bound) b.bound = unfenced_.mark();
        b.ever_bound = true;
        b.blocked = false;
    }
}

/// Of two things in one instant none comes first: its device drops nothing of a process that dies in it.
void Checkers::on(const os::TeardownTriggered& e) {
    info(e.bond).torn = true;
    for (auto& [whose, dropped] : dropped_)
        if (whose.second == raw(e.bond) && dropped.at == bus_.now()) dropped.torn = true;
}

void Checkers::on(const os::InvalidationIssued& e) { unfenced_.issued(e); }

void Checkers::on(const os::FenceObserved& e) {
    for (const u32 id : of_mm_[raw(e.mm)]) {
        BondInfo& b = bonds_[id];
        if (!e.blocks || b.blocked || (e.bond != no_bond && raw(e.bond) != id)) continue;
        b.blocked = true;
        b.blocked_at = bus_.now();
    }
    unfenced_.fenced(e);
}

void Checkers::on(const os::PasidChanged& e) {
    if (e.state == os::PasidState::Free) {
        pasid_owner_.erase(raw(e.pasid));
        return;
    }
    if (e.state != os::PasidState::Allocated) return;
    pasid_owner_[raw(e.pasid)] = raw(e.mm);
    for (const u32 id : with_pasid_[raw(e.pasid)]) {
        const BondInfo& b = bonds_[id];
        if (b.mm != e.mm && b.outstanding > 0)
            add("pasid-reused-undrained", BondId{id}, 0, pasid_name(e.pasid, e.mm),
                fmt::format("PASID {} was handed to mm {} while {} had {} transactions outstanding", raw(e.pasid),
                            raw(e.mm), who(BondId{id}), b.outstanding));
    }
}

void Checkers::on(const os::AtcLeftOpen& e) {
    info(e.bond).left_open = bus_.now();
    info(e.bond).refilled_by = e.by;
}

void Checkers::on(const devices::WorkDropped& e) { dropped_[{raw(e.device), raw(e.bond)}] = {bus_.now(), info(e.bond).torn}; }

/// By a reset that another made necessary, or with the link. A dying process has nothing to lose: as it was when the
/// device dropped the work, if it did, and not when its driver has found out.
void Checkers::on(const os::WorkLost& e) {
    if (e.bond == no_bond) return;
    Dropped lost{bus_.now(), info(e.bond).torn};
    if (const auto d = dropped_.extract({raw(e.device), raw(e.bond)})) lost = d.mapped();
    if (lost.torn) return;
    const std::string told =
        lost.at < bus_.now() ? "; its driver told of it at " + base::format_duration(bus_.now() - sim::Time{}) : "";
    add_at(lost.at, "innocent-victim", e.bond, 0, "",
           fmt::format("{} lost the work that was under way for it, by no doing of its own{}", who(e.bond), told));
}

/// It had to die because the OOM killer no longer waited for what was to come.
void Checkers::on(const os::OomVictimMarked& e) {
    if (!e.enough || e.was_dying) return;
    add("innocent-victim", no_bond, 0, e.process.text(),
        fmt::format("{} was killed for {}, which found no memory, while earlier victims had still {} pages, and those would "
                    "have been enough",
                    e.process.text(), e.asked_by.text(), e.held_by_earlier));
}

void Checkers::on(const os::OsViolation& e) {
    add(e.kind.text(), e.bond, 0, e.object.text(), fmt::format("{}: {}", e.kind.text(), e.object.text()));
}

} // namespace quiesce::observe
