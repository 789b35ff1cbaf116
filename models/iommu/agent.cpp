// SPDX-License-Identifier: Apache-2.0
#include "iommu/agent.h"

#include "sim/task.h"

#include <string>
#include <utility>

namespace quiesce::iommu {
namespace {

/// A translation request is told what it may do, not refused (PCIe Base 10.2.3); a translated one has been judged
/// already.
bool allowed(const Leaf& leaf, const TranslationRequest& r, const Context& c) {
    const Permissions& may = leaf.may;
    if (r.type != AddressType::Untranslated) return true;
    if (!r.privileged && !may.user) return false;
    const bool writes = may.write || (r.privileged && !c.privileged_only_write_protect && may.read);
    if (r.access == Access::ReadWrite) return may.read && writes;
    if (r.access == Access::Write) return writes;
    return r.instruction ? may.execute : may.read;
}

Tag wanted_of(const Context& c, Iova at) {
    Tag t{};
    t.kind = CacheKind::Translation;
    t.domain = c.domain;
    t.space = c.space;
    t.at = at;
    return t;
}

bool fits(const TranslationRequest& r, const Context& c) {
    return c.output_bits >= 64 || (r.at.value() >> c.output_bits) == 0;
}
/// Output = input.
Leaf unchanged(const TranslationRequest& r) {
    return {Spa{r.at.align_down(page_size).value()}, page_size, {true, true, true, true}, false};
}

/// What of a leaf a translation request gets: its own privilege, and execution only where it was asked for.
Permissions granted_to(const TranslationRequest& r, const Leaf& leaf, const Context& c) {
    if (!r.privileged && !leaf.may.user) return {};
    Permissions may = leaf.may;
    may.write = may.write || (r.privileged && !c.privileged_only_write_protect && may.read);
    may.execute = may.execute && r.instruction && may.read;
    return may;
}

std::string in_unit(base::Name unit, const char* what) { return std::string{unit.text()} + what; }

} // namespace

Agent::Agent(base::Name unit, base::EventBus& events, memory::MemoryPort& memory, Architecture& architecture,
             const AgentConfig& config)
    : events_(events), architecture_(architecture), max_replays_(config.replays.get()),
      invalidations_(unit, events, in_flight_, config.invalidation), fence_(invalidations_, walks_),
      look_ups_(config.config_lookup + config.tlb_lookup.get()),
      contexts_(CacheKind::Configuration,
                {config.config_entries.get(), config.config_ways.get(), config.config_replacement.get()},
                in_unit(unit, ".config-cache")),
      tlb_(CacheKind::Translation, {config.tlb_entries.get(), config.tlb_ways.get(), config.tlb_replacement.get()},
           in_unit(unit, ".tlb")),
      walker_(unit, events, memory, invalidations_, walks_, config.walker) {
    invalidations_.add(contexts_);
    invalidations_.add(tlb_);
}

/// A hit is all in here: one frame, one calendar entry.
sim::Task<Translation> Agent::translate(TranslationRequest r) {
    if (auto ended = architecture_.admit(r)) {
        tell(r, LookUp::Bypass, ended->ending == Ending::Grant);
        co_return std::move(*ended);
    }
    InFlight token = in_flight_.begin();
    co_await look_ups_.pass();
    const Context* known = contexts_.look_up(architecture_.context_tag(r));
    if (known != nullptr && r.type == AddressType::Translated && known->ats && fits(r, *known)) {
        tell(r, LookUp::Bypass, true);
        co_return granted(r, unchanged(r), *known, std::move(token));
    }
    if (known != nullptr && !known->bypass) {
        const Leaf* leaf = tlb_.look_up(wanted_of(*known, r.at));
        const bool kind = r.type == AddressType::Untranslated || known->ats;
        if (leaf != nullptr && kind && allowed(*leaf, r, *known)) {
            tell(r, LookUp::Hit, true);
            co_return granted(r, *leaf, *known, std::move(token));
        }
    }
    co_return co_await translate_slowly(r, std::move(token));
}

/// From the end of the look-ups on, as often as it takes.
sim::Task<Translation> Agent::translate_slowly(const TranslationRequest& r, InFlight token) {
    for (unsigned overtaken = 0;;) {
        Attempt a;
        a.last = overtaken >= max_replays_;
        co_await attempt(r, a);
        if (a.end == Attempt::End::Granted) {
            tell(r, a.look_up, true);
            co_return granted(r, a.leaf, a.context, std::move(token));
        }
        if (a.end == Attempt::End::Overtaken) {
            ++overtaken;
            ++replays_;
        } else {
            const Context* context = a.has_context ? &a.context : nullptr;
            const bool held = stalls(r, a.fault, context);
            if (held) token = InFlight{}; // software may need a fence before it can answer
            const Ending ending = co_await architecture_.fault(r, a.fault, context);
            if (!held || ending != Ending::Grant) {
                tell(r, a.look_up, false);
                co_return Translation{ending, Spa{0}, sim::now(), std::move(token)};
            }
            token = in_flight_.begin();
            overtaken = 0;
        }
        co_await look_ups_.pass();
    }
}

/// What is not in a cache is fetched; then it is judged whether all of it still holds, and what it allows.
sim::Task<void> Agent::attempt(const TranslationRequest& r, Attempt& a) {
    a.since = invalidations_.applied();
    if (const Context* known = contexts_.peek(architecture_.context_tag(r))) {
        a.has_context = true;
        a.context = *known;
    } else {
        co_await find_context(r, a);
        if (a.end != Attempt::End::Granted) co_return;
    }
    if (r.type != AddressType::Untranslated && !a.context.ats) {
        a.look_up = LookUp::Bypass;
        a.end = Attempt::End::Faulted;
        a.fault.why = FaultReason::Forbidden;
    } else if (a.context.bypass || r.type == AddressType::Translated) {
        bypass(r, a);
    } else if (const Leaf* leaf = tlb_.peek(wanted_of(a.context, r.at))) {
        a.look_up = LookUp::Hit;
        a.leaf = *leaf;
    } else {
        co_await walk(r, a);
    }
    if (invalidations_.overtaken(a.since, architecture_.context_tag(r)) && (a.shared || !a.last))
        a.end = Attempt::End::Overtaken;
    if (a.end != Attempt::End::Granted || allowed(a.leaf, r, a.context)) co_return;
    a.end = Attempt::End::Faulted;
    a.fault.why = FaultReason::Permission;
}

sim::Task<void> Agent::find_context(const TranslationRequest& r, Attempt& a) {
    const Tag who = architecture_.context_tag(r);
    const Resolved found = co_await resolve(r, who);
    a.since = found.since;
    a.shared = found.merged;
    if (invalidations_.overtaken(found.since, who) && (a.shared || !a.last)) {
        a.end = Attempt::End::Overtaken;
        co_return;
    }
    a.has_context = found.outcome.ok;
    a.context = found.outcome.context;
    a.fault = found.outcome.fault;
    if (!found.outcome.ok) a.end = Attempt::End::Faulted;
}

sim::Task<Agent::Resolved> Agent::resolve(const TranslationRequest& r, Tag who) {
    Resolved result;
    const ContextKey key{who.stream, who.has_pasid, who.pasid, r.type};
    if (Resolving::Flight* same = resolving_.find(key)) {
        result = co_await resolving_.join(*same);
        result.merged = true;
        co_return result;
    }
    Resolving::Flight flight{resolving_, key};
    const InFlight fetching = walks_.begin();
    result.since = invalidations_.applied();
    result.outcome = co_await architecture_.resolve(r);
    const bool keep = result.outcome.ok && result.outcome.cacheable && !invalidations_.overtaken(result.since, who);
    if (keep) contexts_.insert(who, result.outcome.context);
    flight.finish(result);
    co_return result;
}

Translation Agent::granted(const TranslationRequest& r, const Leaf& leaf, const Context& c, InFlight&& token) {
    Translation t{Ending::Grant, leaf.to + (r.at.value() & (leaf.bytes - 1)), sim::now(), std::move(token)};
    if (r.type != AddressType::TranslationRequest) return t;
    t.may = granted_to(r, leaf, c);
    t.bytes = leaf.bytes;
    return t;
}

void Agent::bypass(const TranslationRequest& r, Attempt& a) const {
    a.look_up = LookUp::Bypass;
    a.leaf = unchanged(r);
    if (fits(r, a.context)) return;
    a.end = Attempt::End::Faulted;
    a.fault.why = FaultReason::AddressSize;
}

sim::Task<void> Agent::walk(const TranslationRequest& r, Attempt& a) {
    const WalkResult found = co_await walker_.walk(r, a.context);
    a.shared = a.shared || found.merged;
    const bool overtaken = invalidations_.overtaken(found.basis);
    if (overtaken && (a.shared || !a.last)) {
        a.end = Attempt::End::Overtaken;
        co_return;
    }
    a.leaf = found.leaf;
    a.fault = found.fault;
    if (!found.ok)
        a.end = Attempt::End::Faulted;
    else if (!overtaken && !found.merged)
        tlb_.insert(found.basis.leaf, found.leaf);
}

} // namespace quiesce::iommu
