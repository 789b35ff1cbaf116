// SPDX-License-Identifier: Apache-2.0
#include "os/bugs.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::os {
namespace {
constexpr BugRow bug_table[] = {
    {Bug::R8, "R8",
     "the driver returns before the completion of its last fence was seen (a CMD_SYNC time-out is ignored, or a "
     "wait descriptor is not waited for); atc-silent-timeout shows the ignored time-out without a switch",
     "mm-exit-under-load", "os.bugs=[R8]", "freed-before-fenced"},
    {Bug::R6, "R6", "the driver leaves out every invalidation of device caches (CMD_ATC_INV, dev-TLB descriptors): devices go on with translations that they keep", "ats-teardown",
     "os.bugs=[R6]", "freed-before-fenced,stale-dma"},
    {Bug::R21, "R21",
     "the OOM reaper gives a victim up after the first try that somebody is in the way of, instead of ten: the next process is killed "
     "while memory is about to come; oom-second-victim shows without a switch what ten tries are not enough for",
     "oom-reaper-patience", "os.bugs=[R21]", "innocent-victim"},
    {Bug::RV4, "R-V4",
     "a mapping of a device's portal survives the unbind, and fork copies it: threads submit for a bond that is gone",
     "enqcmd-late-submit", "os.bugs=[R-V4]", "dma-after-unbind"},
    {Bug::ForgetPageResponse, "forget-page-response", "the driver answers no page request: devices wait for ever", "pri-storm-exit",
     "os.bugs=[forget-page-response]", "lost-page-request,deadlock"},
    {Bug::ForgetResume, "forget-resume", "the driver answers no stalled request (CMD_RESUME is left out): devices wait for ever",
     "stall-master-exit", "os.bugs=[forget-resume]", "lost-page-request"},
    {Bug::ForgetTlbi, "forget-tlbi", "the driver leaves out every TLB invalidation: cached translations go on hitting",
     "mm-exit-under-load", "os.bugs=[forget-tlbi]", "freed-before-fenced,stale-dma"},
    {Bug::LeakPasid, "leak-pasid",
     "the kernel forgets an mm's PASID before it has given it back (VT-d's driver before 5.15): nobody gets it any more",
     "mm-exit-under-load", "os.bugs=[leak-pasid]", "left-behind"},
};
} // namespace

std::span<const BugRow> bug_rows() { return bug_table; }

base::OneOf any_bug() {
    base::OneOf names;
    for (const BugRow& row : bug_table) names.choices.emplace_back(row.name);
    return names;
}

Bugs::Bugs(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        const auto its = [&](const BugRow& row) { return row.name == name; };
        const auto found = std::find_if(std::begin(bug_table), std::end(bug_table), its);
        if (found == std::end(bug_table)) throw std::invalid_argument("'" + name + "' is no deliberate mistake");
        on_ |= u64{1} << static_cast<unsigned>(found->bug);
    }
}

} // namespace quiesce::os
