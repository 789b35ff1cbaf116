// SPDX-License-Identifier: Apache-2.0
#include "os/bugs.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::os {
namespace {
constexpr BugRow bug_table[] = {
    {Bug::R1, "R1", "the PASID goes back in mmput, when the process's pages go, not with its last reference: the device still has it when the next process gets it",
     "pasid-reuse-after-exit", "os.bugs=[R1]", "pasid-reused-undrained,cross-process-dma"},
    {Bug::R2, "R2", "an unbind drains page requests before it takes the PASID's context away: what is inside the unit meanwhile is queued behind the drain",
     "page-requests-under-way", "os.bugs=[R2]", "cross-process-fault", "vtd"},
    {Bug::R3, "R3", "an unbind behind a release drains no page requests: the entry is not present any more, and the driver believes that all is done",
     "page-requests-left-behind", "os.bugs=[R3]", "cross-process-fault", "smmuv3,vtd"},
    {Bug::R4, "R4", "a page request's address space is found by its PASID when a worker comes to it, and no unbind waits for the workers",
     "page-requests-left-behind", "os.bugs=[R4] os.kernel=6.12", "cross-process-fault", "smmuv3,vtd"},
    {Bug::R5, "R5", "a page request's bond is found when it is reported, and no unbind waits for the workers: they use a bond that is gone",
     "page-requests-left-behind", "os.bugs=[R5] os.kernel=6.12", "use-after-free", "smmuv3,vtd"},
    {Bug::R6, "R6", "the driver leaves out every invalidation of device caches (CMD_ATC_INV, dev-TLB descriptors): devices go on with translations that they keep", "ats-teardown",
     "os.bugs=[R6]", "freed-before-fenced,stale-dma"},
    {Bug::R7, "R7", "device caches are emptied before the context is gone and the IOMMU's translations are: the device asks for them again, and gets them",
     "ats-teardown", "os.bugs=[R7]", "freed-before-fenced", "smmuv3,vtd"},
    {Bug::R8, "R8",
     "the driver returns before the completion of its last fence was seen (a CMD_SYNC time-out is ignored, or a "
     "wait descriptor is not waited for); atc-silent-timeout shows the ignored time-out without a switch",
     "mm-exit-under-load", "os.bugs=[R8]", "freed-before-fenced"},
    {Bug::R9, "R9", "a PASID's entry is zeroed at once, while it is present: whoever fetches it meanwhile has the old beginning and the new end",
     "entry-torn", "os.bugs=[R9]", "torn-entry", "vtd"},
    {Bug::R10, "R10", "an mm's release drains page requests: the worker that drops the last reference waits for itself",
     "last-mmput-in-worker", "os.bugs=[R10]", "deadlock"},
    {Bug::R11, "R11", "a page fault worker drops the last reference itself, and the release that follows stops the device and waits for the workers",
     "last-mmput-in-worker", "os.bugs=[R11] os.policy=mm-exit", "deadlock"},
    {Bug::R12, "R12", "the PASID is free before its notifier is unregistered: the release that this implies takes the next owner's context away",
     "pasid-reuse-after-unbind", "os.bugs=[R12]", "context-lost", "vtd"},
    {Bug::R13, "R13", "page request groups are known by their index alone, and what is left of one that never became whole joins another process's",
     "page-request-group-torn", "os.bugs=[R13]", "cross-process-fault", "vtd"},
    {Bug::R14, "R14", "an overflow of the page request queue is acknowledged while requests wait in it: what has come of their groups is thrown away, as if the rest were lost",
     "pri-overflow", "os.bugs=[R14]", "lost-page-request", "vtd"},
    {Bug::R15, "R15", "a release takes the context away without keeping its faults quiet: every DMA of the dying process is recorded",
     "faults-of-the-dying", "os.bugs=[R15]", "report-flood", "smmuv3,vtd"},
    {Bug::R16, "R16", "the quiet context of a device that can stall still lets it: what the dying process asks for waits for software, one by one",
     "stalls-of-the-dying", "os.bugs=[R16]", "report-flood", "smmuv3"},
    {Bug::R17, "R17", "the driver lets go of a PASID that is in its device's queues, and the lowest that is free goes to the next process",
     "pasid-reuse-after-exit", "os.bugs=[R17]", "dma-after-unbind,pasid-reused-undrained"},
    {Bug::R18, "R18", "an unbind takes its bond off the list before its context is gone: a release that comes meanwhile passes it by",
     "exit-during-unbind", "os.bugs=[R18]", "freed-before-fenced"},
    {Bug::R19, "R19",
     "what is torn down with a second stage is invalidated as though it had a first one alone (TLBI_NH_ALL, PASID-selective): the next guest gets the "
     "VMID or DID, and what was kept of the last one's memory",
     "guest-after-guest", "os.bugs=[R19]", "cross-process-dma"},
    {Bug::R20, "R20", "a driver that gave up waiting for its device unbinds all the same, and does not reset it",
     "device-never-stops", "os.bugs=[R20]", "dma-after-unbind"},
    {Bug::R21, "R21",
     "the OOM reaper gives a victim up after the first try that somebody is in the way of, instead of ten: the next process is killed "
     "while memory is about to come; oom-second-victim shows without a switch what ten tries are not enough for",
     "oom-reaper-patience", "os.bugs=[R21]", "innocent-victim"},
    {Bug::R22, "R22", "release and unbind take different locks: the quiet context is written over one that was cleared",
     "release-during-unbind", "os.bugs=[R22]", "illegal-state", "smmuv3"},
    {Bug::R23, "R23", "a page-table page is freed while the IOMMU keeps the entry that leads there: what is invalidated is the pages alone",
     "munmap-frees-tables", "os.bugs=[R23]", "stale-walk"},
    {Bug::R24, "R24", "a release is missed: pages, tables and the table's root go while the context leads there",
     "release-missed", "os.bugs=[R24]", "freed-before-fenced,stale-dma,stale-walk,use-after-free"},
    {Bug::R25, "R25", "an entry that lets pages be written is not told to the IOMMU: it goes on refusing, and the device asks, and asks again",
     "write-to-read-only", "os.bugs=[R25]", "refault-storm", "smmuv3"},
    {Bug::R26, "R26", "a page request for which there is no memory is answered with success: the device asks again, and again",
     "page-requests-without-memory", "os.bugs=[R26]", "refault-storm"},
    {Bug::RV4, "R-V4",
     "a mapping of a device's portal survives the unbind, and fork copies it: threads submit for a bond that is gone",
     "enqcmd-late-submit", "os.bugs=[R-V4]", "dma-after-unbind"},
    {Bug::R7Amd, "R7-amd", "AMD's driver invalidates what the device keeps while the GCR3 entry is there: the device asks for it again, and gets it",
     "ats-teardown", "os.bugs=[R7-amd]", "freed-before-fenced", "amdvi"},
    {Bug::R8Amd, "R8-amd",
     "a COMPLETION_WAIT is believed to be over because another CPU has queued one: flushes return before they are done",
     "flushes-side-by-side", "os.bugs=[R8-amd]", "freed-before-fenced", "amdvi"},
    {Bug::R26Amd, "R26-amd", "amd_iommu_v2 tells a device for whose page request it has no memory that the page is there: it asks again, and again",
     "page-requests-without-memory", "os.bugs=[R26-amd] os.policy=amd-iommu-v2 os.kernel=6.1", "refault-storm", "amdvi", "amd-iommu-v2"},
    {Bug::RE1, "R-E1",
     "an unbind clears the PASID's slot before its GCR3 entry: whoever is bound to the number meanwhile loses the entry",
     "amd-slot-before-entry", "os.bugs=[R-E1]", "context-lost", "amdvi", "amd-iommu-v2"},
    {Bug::RE2, "R-E2", "an unbind gives a PASID back before its notifier goes: what the device asked for, and nobody has read yet, is answered for whoever "
     "is bound to the number meanwhile",
     "amd-slot-and-page-requests", "os.bugs=[R-E2]", "cross-process-fault", "amdvi", "amd-iommu-v2"},
    {Bug::RE3, "R-E3",
     "without memory a dying process's page requests are answered with success by amd_iommu_v2: its device asks again, and does not come to its stop",
     "amd-dies-without-memory", "os.bugs=[R-E3]", "refault-storm", "amdvi", "amd-iommu-v2"},
    {Bug::ForgetPageResponse, "forget-page-response", "the driver answers no page request: devices wait for ever", "pri-storm-exit",
     "os.bugs=[forget-page-response]", "lost-page-request,deadlock"},
    {Bug::ForgetResume, "forget-resume", "the driver answers no stalled request (CMD_RESUME is left out): devices wait for ever",
     "stall-master-exit", "os.bugs=[forget-resume]", "lost-page-request", "smmuv3"},
    {Bug::ForgetTlbi, "forget-tlbi", "the driver leaves out every TLB invalidation: cached translations go on hitting",
     "mm-exit-under-load", "os.bugs=[forget-tlbi]", "freed-before-fenced"},
    {Bug::LeakPasid, "leak-pasid",
     "the kernel forgets an mm's PASID before it has given it back (VT-d's driver before 5.15): nobody gets it any more",
     "mm-exit-under-load", "os.bugs=[leak-pasid]", "left-behind"},
};
constexpr AbsentBug absent_table[] = {
    {"R-A4", "amd-iommu-v2: a driver's lock that its mm_exit takes is held by a path that drops the last reference", "no path of a driver that is modelled drops one"},
};
} // namespace

std::span<const BugRow> bug_rows() { return bug_table; }
std::span<const AbsentBug> absent_bugs() { return absent_table; }

base::OneOf any_bug() {
    base::OneOf names;
    for (const BugRow& row : bug_table) names.choices.emplace_back(row.name);
    return names;
}

Bugs::Bugs(const std::vector<std::string>& names, std::string_view policy) {
    for (const std::string& name : names) {
        const auto its = [&](const BugRow& row) { return row.name == name; };
        const auto found = std::find_if(std::begin(bug_table), std::end(bug_table), its);
        if (found == std::end(bug_table)) throw std::invalid_argument("'" + name + "' is no deliberate mistake");
        if (found->policy.empty() || found->policy == policy) on_ |= u64{1} << static_cast<unsigned>(found->bug);
    }
}

} // namespace quiesce::os
