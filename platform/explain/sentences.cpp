// SPDX-License-Identifier: Apache-2.0
#include "platform/explain/sentences.h"

#include "observe/all_events.h"
#include "observe/metrics.h"
#include "platform/machine/iommus.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace quiesce::platform::explain {
namespace {

/// `text` has a field's value for {name}, in hexadecimal for {name:x}, as a time for {name:t}, one of several words by the number
/// of an enumeration or a yes and no for {name=no|yes}, and nothing for what is empty.
struct Sentence {
    std::string_view kind, text;
    std::string_view smmuv3{}, vtd{}, amdvi{}; ///< section of the manual
};

#define QUIESCE_TLPS "{kind=memory read|memory write|completion|message|configuration read|configuration write|deferrable write|fetch-and-add|swap|compare-and-swap}"
// clang-format off
constexpr Sentence sentence_table[] = {
    {"LevelChanged", "{what} is {value}"},
    {"StateChanged", "{what} is {state}"},
    {"Span", "{actor}: {phase}{waits_for? waits for }{waits_for} is over, begun at {start:t}"},
    {"DmaCommitted", "{write=a read samples|a write lands in} memory at {at:x}, aimed at {aimed_at:x}: {verdict=its own page|its own page, unmapped and not free yet|a page that is its own no more|somebody else's page|though it is unbound|a page that it may only read}"},
    {"WalkCommitted", "the walker reads the level {level} entry at {at:x}, for {aimed_at:x}"},
    {"StructureTorn", "a structure at {at:x} changes while it is fetched"},
    {"FrameTaken", "frame {frame:x} is taken{use= back| for the page | as a table for | by the kernel| as an empty table for }{page:x}"},
    {"FrameUnmapped", "the entry of page {page:x} (frame {frame:x}) is cleared"},
    {"FrameFreed", "frame {frame:x}, which was page {page:x}, is free"},
    {"FrameShared", "page {page:x} is shared with mm {with}"},
    {"FrameLeft", "mm {by} has page {page:x} no more, others have"},
    {"Translated", "the IOMMU has looked {at:x} up ({look_up=hit|miss|bypass|the device interface's own cache}): {granted=refused|granted}"},
    {"FaultRaised", "{type} at {at:x}{decided?, because of }{decided}: {fate=hardware writes a record|it has no record|its record is lost for want of room|its record is discarded, the queue being off|an earlier record tells of it}{unrecorded_by?, because of }{unrecorded_by}"},
    {"CommandConsumed", "{unit} is through with command {sequence}, {command}"},
    {"InvalidationBegun", "{unit} begins {kind=an invalidation of structures|an invalidation of translations|an invalidation of its translation cache} (command {sequence})"},
    {"InvalidationDone", "{unit}: nothing of what command {sequence} covers is left in a cache or under way"},
    {"FenceSignalled", "{unit} says that every command up to {sequence} is complete, by {by_message=its consumer index|a write to memory}"},
    {"GlobalError", "{unit}: {what} {active=is acknowledged|becomes active}{why?: }{why}"},
    {"PageRequestReceived", "{unit} takes in a page request for {at:x}, group {group}", "IHI 0070 8.1", "VT-d 7.4.1", "AMD 48882 2.6"},
    {"PageRequestRecorded", "the page request for {at:x}, group {group}, is a record in the kernel's queue", "IHI 0070 8.1", "VT-d 7.4.1", "AMD 48882 2.6"},
    {"PageRequestDropped", "{queue} {off=is full|is off}: the page request for {at:x}, group {group}, is no record, and no software will see it", "IHI 0070 8.1", "VT-d 7.4.1", "AMD 48882 2.6"},
    {"PageResponseSent", "{unit} answers page request group {group} with code {code}, {reason=as the kernel said|by itself: there was no room|by itself: the queue is off|by itself: the record could not be written}", "IHI 0070 4.5.2, 8.1", "VT-d 7.6.1, 7.4.1", "AMD 48882 2.6"},
    {"TransactionStalled", "{unit} holds the transaction to {at:x}{tagged= until a tag is free|}: the kernel is to decide", "IHI 0070 3.12.2", ""},
    {"StallRecorded", "a record of the held transaction, tag {tag}, is in the kernel's queue", "IHI 0070 3.12.2", ""},
    {"StallAnswerIgnored", "{unit} knows of no stalled transaction {tag}", "IHI 0070 4.7.1", ""},
    {"StallResolved", "the held transaction {how=is translated once more|ends with an error|ends with zeros}, {by=as the kernel said|as all of its stream|as the unit is switched off|as what it had met is invalidated}", "IHI 0070 4.7.1", ""},
    {"AtsRefused", "the device is told that there is no access: of this the architecture keeps no record", "IHI 0070 3.9.1", "VT-d 7.1.3", "AMD 48882 2.1.3.2"},
    {"TlpSent", "a " QUIESCE_TLPS " has left {upstream=down|up} {link}, {wire_bytes} B from {began:t} on"},
    {"CreditStalled", "a " QUIESCE_TLPS " on {link} has room at the receiver, for which it had waited since {since:t}"},
    {"LinkFault", "a " QUIESCE_TLPS " on {link} is {fault=replayed|delayed|dropped|malformed|poisoned|reordered}"},
    {"LinkChanged", "{link} {up=goes down: what was on it is lost|comes up}"},
    {"CompletionTimedOut", "the device gives up waiting for a completion"},
    {"InvalidationAnswered", "the device's ATC {answer=has acknowledged|is not there: the request was refused|did not acknowledge in time} (tag {itag}, asked at {asked:t})", "PCIe Base 10.3.1", "PCIe Base 10.3.1", "PCIe Base 10.3.1"},
    {"PeerToPeer", "a switch sends the request to {at:x} to another function below it"},
    {"AtomicDone", "the atomic operation at {at:x} is carried out"},
    {"RequestAborted", "the request to {at:x} is let no further: {why=no translation|memory refuses|malformed|poisoned|refused|forbidden by access control|nobody has the address}"},
    {"TranslationRequested", "the device asks for the translation of {at:x}", "PCIe Base 10.2.2", "PCIe Base 10.2.2", "PCIe Base 10.2.2"},
    {"DmaIssued", "the device issues {bytes} B to be {write=read from|written at} {at:x}"},
    {"RequestArrived", "the request to {at:x} arrives at the IOMMU"},
    {"DmaEnded", "the device is through with it: {ending=success|unsupported request|completer abort|zeros|no translation|not sent|no completion came|bad data}"},
    {"QueueState", "{queue} is {state}"},
    {"PageRequestSent", "the device asks for page {at:x}, group {group}", "PCIe Base 10.4.1", "PCIe Base 10.4.1", "PCIe Base 10.4.1"},
    {"PageResponseHeard", "the device has the answer to group {group}, code {code}{fate=|, for a queue that has stopped|, and has no such group|, and has stopped asking}", "PCIe Base 10.4.2", "PCIe Base 10.4.2", "PCIe Base 10.4.2"},
    {"PageGroupForgotten", "the device forgets group {group} of page requests"},
    {"DescriptorSubmitted", "{queue} {fate=takes a descriptor|has no room for a descriptor, and says so|drops a descriptor}"},
    {"DescriptorEnded", "{queue} is through with a descriptor, status {status}, {bytes} B"},
    {"AccessRetried", "the access to {at:x} is tried again"},
    {"PacketEnded", "a packet of {bytes} B is {fate=delivered|sent|dropped: no buffer|dropped: no room|dropped: no queue|lost: an access failed|discarded}"},
    {"TraceLinePlayed", "{device} is through with line {line} of its trace"},
    {"WorkDropped", "the device forgets what was under way"},
    {"DeviceHalted", "the device has found an error of its own and halts"},
    {"BondChanged", "{process} on {device} (PASID {pasid}) is {state=unbound|bound|exited: its address space is dead|being unbound}"},
    {"TeardownTriggered", "T0 or a later reason to tear bond {bond} down: {trigger}"},
    {"FenceObserved", "a CPU sees the fence of invalidation {issued_sequence}{blocks=|: from here no DMA of the bond can succeed}"},
    {"InvalidationIssued", "the kernel begins invalidation {issued_sequence}"},
    {"FenceTimedOut", "the driver {driver} gives up waiting for a fence"},
    {"StopSeen", "the device's driver {gave_up=sees it idle for the bond|gives up waiting for it to be idle}"},
    {"ProcessChanged", "{process} is {state}"},
    {"MmputReturned", "mmput returns in the last thread of {process}"},
    {"ExitMmapReturned", "exit_mmap returns: the address space has no page any more"},
    {"PasidChanged", "PASID {pasid} is {state=free: it may be handed out again|allocated|parked: in its grace time|given back, and still held by others}"},
    {"HolderChanged", "{by} {holds=lets go of|holds} the address space of {process}"},
    {"PasidRefused", "no PASID is left"},
    {"BindRefused", "the bind of {process} to {device} fails: {error}"},
    {"FaultHandled", "the driver {driver} has read the fault record, and {shown=prints nothing of it|prints it}"},
    {"CpuRuns", "CPU {cpu} runs {context}"},
    {"CpuSpent", "{context} has spent {ps} ps on {on}"},
    {"OsViolation", "{kind}: {object}"},
    {"PageRequestEnded", "the kernel is through with the request for {at:x}: {fate=the page is there|nobody is bound to that PASID|the address space is dead|nothing is mapped there, or not for that access|there is no memory|one before it in its group failed|the group may never become whole|it asked for nothing|the OOM reaper takes the pages}"},
    {"PageGroupAnswered", "the kernel decides on {code=success|invalid request|response failure} for group {group}"},
    {"UserSubmitted", "{thread} submits work to {device}: {how=accepted|full|it has no portal|it has no PASID|no answer|it is dying}"},
    {"FatalSignal", "{process} dies of {signal}: {cause}"},
    {"PasidLoaded", "the kernel loads PASID {pasid} for {thread}"},
    {"RecordAwaited", "{thread} has seen its completion record, status {status}"},
    {"DeviceErrorSeen", "the driver {driver} reads error {code} of its device"},
    {"DeviceHaltSeen", "the driver {driver} learns that its device has halted"},
    {"CommandSkipped", "the driver {driver} gives its device no command: it has halted"},
    {"DeviceReset", "the driver {driver} begins to reset the device"},
    {"WorkLost", "the work that was under way is gone"},
    {"AtcLeftOpen", "the ATC was emptied while it could be filled again through bond {by}"},
    {"TeardownStepChanged", "{by} {ended=begins|has taken} the step {step}"},
    {"IommuCommandIssued", "{by} puts {command} into the queue of {unit}"},
    {"AllocationDelayed", "{context} {served=gets no page|gets its page}, after waiting since {since:t}"},
    {"OomVictimMarked", "the OOM killer chooses {process}, for {asked_by}"},
    {"OomReapTried", "{by} tries to reap the address space: {how}"},
    {"OomMappingReaped", "{by} takes {pages} pages of {mapping}"},
    {"OomMappingSkipped", "{by} leaves {mapping}: {why}"},
    {"OomVictimHidden", "the victim is one no more: another may be chosen"},
    {"OomFoundNobody", "the OOM killer finds nobody"},
    {"PagePinned", "page {page:x} stays in frame {frame:x} for the device"},
    {"FunctionAssigned", "{device} is given to guest {guest}"},
};
// clang-format on
#undef QUIESCE_TLPS

constexpr const Sentence* find_sentence(std::string_view kind) {
    for (const Sentence& s : sentence_table)
        if (s.kind == kind) return &s;
    return nullptr;
}
template <class... E> constexpr bool all_told(base::EventList<E...>) { return (... && (find_sentence(E::event_name) != nullptr)); }
static_assert(all_told(observe::AllEvents{}), "an event that nothing is said of");

/// What the steps of a teardown are in the kernel (facts/linux-sva.md 5.2, 5.3, 6.2, 6.3, 6.6).
struct StepSource {
    std::string_view step, smmuv3, vtd, amdvi{};
};
/// What a row says of an architecture.
template <class Row>
std::string_view said_of(const Row& row, std::string_view iommu) {
    return iommu == "smmuv3" ? row.smmuv3 : iommu == "amdvi" ? row.amdvi : row.vtd;
}
constexpr StepSource step_table[] = {
    {"quiet-context", "arm-smmu-v3-sva.c: arm_smmu_mm_release; IHI 0070 5.4, CD.EPD0", "intel/pasid.c: intel_pasid_tear_down_entry; VT-d 9.6, FPD"},
    {"clear-context", "arm-smmu-v3.c: arm_smmu_write_ctx_desc", "intel/pasid.c: intel_pasid_tear_down_entry; VT-d 9.6, P", "amd/iommu.c: update_gcr3, amd_iommu_dev_flush_pasid_pages"},
    {"invalidate-space", "arm-smmu-v3.c: TLBI by ASID; IHI 0070 4.4.2.2", "intel/pasid.c: intel_pasid_tear_down_entry; VT-d 6.5.2.4"},
    {"invalidate-atc", "arm-smmu-v3.c: ATC_INV of the SSID; IHI 0070 4.5.1", "intel/pasid.c: intel_pasid_tear_down_entry; VT-d 6.5.2.6"},
    {"drain-page-requests", "iopf_queue_flush_dev", "intel/svm.c: intel_svm_drain_prq", "iopf_queue_flush_dev"},
    {"drain-workers", "iopf_queue_flush_dev", "iopf_queue_flush_dev", "amd/iommu_v2.c: unbind_pasid, flush_workqueue"},
    {"free-pasid", "iommu_sva_free_pasid", "iommu_sva_free_pasid", "iommu_sva_free_pasid"},
    {"put-notifier", "mmu_notifier_put", "mmu_notifier_put", "mmu_notifier_put"},
    {"unregister-notifier", "mmu_notifier_unregister", "mmu_notifier_unregister", "mmu_notifier_unregister"},
    {"put-mm", "mmput", "mmput", "mmput"},
};

std::string value_of(const Record& v, std::string_view as) {
    if (v.is_null()) return {};
    if (v.is_string()) return v.get<std::string>();
    if (v.is_boolean()) return v.get<bool>() ? "yes" : "no";
    if (as == "x") return fmt::format("{:#x}", v.get<u64>());
    if (as == "t") return for_people(v.get<i64>());
    return v.dump();
}

std::string choice_of(const Record& v, std::string_view words) {
    u64 n = v.is_boolean() ? v.get<bool>() : v.is_number() ? v.get<u64>() : 0;
    for (; n > 0; --n) {
        const auto bar = words.find('|');
        if (bar == std::string_view::npos) return v.dump();
        words.remove_prefix(bar + 1);
    }
    return std::string{words.substr(0, words.find('|'))};
}

/// {name}, {name:x}, {name=words}, {name?text}.
std::string filled(const Record& fields, std::string_view slot) {
    const auto at = slot.find_first_of(":=?");
    const std::string name{slot.substr(0, at)};
    const Record v = fields.contains(name) ? fields[name] : Record{};
    if (at == std::string_view::npos) return value_of(v, "");
    const std::string_view rest = slot.substr(at + 1);
    if (slot[at] == ':') return value_of(v, rest);
    if (slot[at] == '=') return choice_of(v, rest);
    return value_of(v, "").empty() ? std::string{} : std::string{rest};
}

/// "6.5.2.9" with the manual's name before it; what is of another manual names it itself: "DDI 0487 D8.3".
std::string in_manual(std::string_view iommu, std::string_view section) {
    if (section.empty() || section[0] < '0' || section[0] > '9') return std::string{section};
    return fmt::format("{} {}", iommu == "smmuv3" ? "IHI 0070" : iommu == "vtd" ? "VT-d" : "AMD 48882", section);
}

std::string feature_section(std::string_view iommu, std::string_view name, auto&& kind) {
    for (const IommuRow* row : iommu_rows()) {
        if (base::enum_text(row->kind) != iommu) continue;
        for (const iommu::Feature& f : row->features()) {
            const std::string full = f.owner.empty() ? std::string{f.name} : fmt::format("{}.{}", f.owner, f.name);
            if (kind(f.kind) && full == name) return in_manual(iommu, f.section);
        }
    }
    return {};
}

std::string text_in(const Record& fields, const char* name) {
    return fields.contains(name) && fields[name].is_string() ? fields[name].get<std::string>() : std::string{};
}
} // namespace

std::string value_in_words(std::string_view kind, std::string_view field, u64 value) {
    const Sentence* const s = find_sentence(kind);
    const std::string slot = fmt::format("{{{}=", field);
    const std::size_t at = s == nullptr ? std::string_view::npos : s->text.find(slot);
    if (at == std::string_view::npos) return {};
    const std::string_view rest = s->text.substr(at + slot.size());
    const std::string words = choice_of(Record(value), rest.substr(0, rest.find('}')));
    return words.starts_with(' ') || words.ends_with(' ') || words == Record(value).dump() ? std::string{} : words; // part of a phrase
}

std::string sentence_of(std::string_view kind, const Record& fields) {
    const Sentence* const s = find_sentence(kind);
    if (s == nullptr) return fmt::format("{} {}", kind, fields.dump());
    std::string told;
    for (std::string_view rest = s->text; !rest.empty();) {
        const auto open = rest.find('{');
        told += rest.substr(0, open);
        if (open == std::string_view::npos) break;
        const auto close = rest.find('}', open);
        told += filled(fields, rest.substr(open + 1, close - open - 1));
        rest.remove_prefix(close + 1);
    }
    return told;
}

std::string section_of_field(std::string_view field, std::string_view iommu) {
    const std::string_view name = field.substr(0, field.find_first_of("=:"));
    const auto of_software = [](iommu::FeatureKind k) { return k == iommu::FeatureKind::Field || k == iommu::FeatureKind::Register; };
    if (std::string found = feature_section(iommu, name, of_software); !found.empty()) return found;
    if (std::string found = feature_section(iommu, name.substr(0, name.find('.')), of_software); !found.empty()) return found; // a register's field
    // A structure as a whole: the section of any of its fields.
    for (const IommuRow* row : iommu_rows())
        if (base::enum_text(row->kind) == iommu)
            for (const iommu::Feature& f : row->features())
                if (!f.owner.empty() && f.owner == name) return in_manual(iommu, f.section);
    return {};
}

std::string manual_of(std::string_view kind, const Record& fields, std::string_view iommu) {
    const Sentence* const s = find_sentence(kind);
    if (s != nullptr)
        if (const std::string_view section = said_of(*s, iommu); !section.empty()) return std::string{section};
    const auto of_kind = [](iommu::FeatureKind wanted) { return [wanted](iommu::FeatureKind k) { return k == wanted; }; };
    if (kind == "FaultRaised") return feature_section(iommu, text_in(fields, "type"), of_kind(iommu::FeatureKind::Event));
    if (kind == "CommandConsumed" || kind == "IommuCommandIssued")
        return feature_section(iommu, text_in(fields, "command"), of_kind(iommu::FeatureKind::Command));
    if (kind == "FenceSignalled") return feature_section(iommu, iommu == "smmuv3" ? "SYNC" : iommu == "amdvi" ? "COMPLETION_WAIT" : "inv_wait_dsc", of_kind(iommu::FeatureKind::Command));
    if (kind == "Span")
        if (const observe::Metric* m = observe::find_metric("phase", text_in(fields, "phase"))) return std::string{m->source};
    if (kind == "TeardownStepChanged")
        for (const StepSource& step : step_table)
            if (step.step == text_in(fields, "step")) return std::string{said_of(step, iommu)};
    return {};
}

} // namespace quiesce::platform::explain
