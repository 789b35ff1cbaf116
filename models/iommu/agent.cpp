// SPDX-License-Identifier: Apache-2.0
#include "iommu/agent.h"

#include "sim/task.h"

#include <string>
#include <utility>

namespace quiesce::iommu {
namespace {

/// A translation request is told what it may do, not refused (PCIe Base 10.2.3); a translated one has been judged
/// already, but for what the second stage does with it.
bool allowed(const Leaf& leaf, const TranslationRequest& r, const Context& c) {
    return r.type == AddressType::TranslationRequest || permits(leaf.may, r, c);
}
/// The translation can be used as it is.
bool serves(const Leaf& leaf, const TranslationRequest& r) { return !(leaf.clean && writes(r)); }

Tag wanted_of(const Context& c, Iova at) {
    Tag t{};
    t.kind = CacheKind::Translation;
    t.domain = c.domain;
    t.space = c.space;
    t.at = at;
    return t;
}

/// The address is where the access goes.
bool is_final(const TranslationRequest& r, const Context& c) {
    return !c.translates() || (r.type == AddressType::Translated && c.ats != DeviceTranslation::FirstStage);
}
bool fits(const TranslationRequest& r, const Context& c) {
    return c.output_bits >= 64 || (r.at.value() >> c.output_bits) == 0;
}
Spa reached(const Leaf& leaf, Iova at) { return leaf.to + (at.value() & (leaf.bytes - 1)); }
/// Output = input.
Leaf unchanged(const TranslationRequest& r, const Context& c) {
    return {Spa{r.at.align_down(page_size).value()}, page_size, c.untranslated, false, false, false, c.untranslated, Gpa{0}};
}

/// What of a leaf a translation request gets: its own privilege, and execution only where it was asked for.
Permissions granted_to(const TranslationRequest& r, const Leaf& leaf, const Context& c) {
    if (!r.privileged && !leaf.may.user) return {};
    if (r.privileged && c.privileged_avoids_user && leaf.may.user) return {};
    Permissions may = leaf.may;
    may.write = may.write || (r.privileged && !c.privileged_only_write_protect && may.read);
    may.execute = (r.privileged ? may.privileged_execute : may.execute) && r.instruction && may.read;
    may.privileged_execute = false; // said by `execute`
    return may;
}

std::string in_unit(base::Name unit, const char* what) { return std::string{unit.text()} + what; }

} // namespace

Agent::Agent(base::Name unit, base::EventBus& events, memory::MemoryPort& memory, Architecture& architecture,
             const AgentConfig& config)
    : unit_(unit), events_(events), architecture_(architecture), max_replays_(config.replays.get()),
      invalidations_(unit, events, in_flight_, config.invalidation), fence_(invalidations_, walks_),
      look_ups_(config.config_lookup + config.tlb_lookup.get()), to_walker_(config.miss_latency.get()),
      read_places_(config.read_misses.get()), read_levels_(events, unit, "read-misses", read_places_),
      contexts_(CacheKind::Configuration,
                {config.config_entries.get(), config.config_ways.get(), config.config_replacement.get()},
                in_unit(unit, ".config-cache")),
      tlb_(CacheKind::Translation, {config.tlb_entries.get(), config.tlb_ways.get(), config.tlb_replacement.get()},
           in_unit(unit, ".tlb")),
      walker_(unit, events, memory, invalidations_, walks_, occurrences_, config.walker),
      prefetches_next_(config.prefetch) {
    invalidations_.add(contexts_);
    invalidations_.add(tlb_);
    CentralUnit& asked = *this;
    for (unsigned n = 0; n < config.interfaces.count; ++n)
        interfaces_.push_back(std::make_unique<DeviceInterface>(in_unit(unit, ".interface") + std::to_string(n), events, asked,
                                                                invalidations_, config.interfaces));
}

void Agent::left_behind(base::Leftovers& out) const {
    out.count(unit_.text(), in_flight_.inside(), "transaction", "that has not ended");
    out.count(unit_.text(), walks_.inside(), "walk", "that goes on");
    out.count(unit_.text(), fence_.obligations(), "invalidation", "that a device has not answered");
    for (const auto& i : interfaces_) out.count(unit_.text(), i->slots().used(), "transaction", "in a device interface");
}

/// What reaches the unit, or is ended before it.
void Agent::note_request(const TranslationRequest& r) const {
    if (!occurrences_.connected()) return;
    occurrences_.note(Occurrence::Transaction, r.stream);
    if (r.type == AddressType::TranslationRequest) occurrences_.note(Occurrence::TranslationRequest, r.stream);
    if (r.type == AddressType::Translated) occurrences_.note(Occurrence::TranslatedTransaction, r.stream);
}

/// A hit is all in here: one frame, one calendar entry.
sim::Task<Translation> Agent::translate(TranslationRequest r) {
    if (auto ended = architecture_.admit(r)) {
        note_request(r);
        tell(r, LookUp::Bypass, ended->ending == Ending::Grant);
        co_return std::move(*ended);
    }
    if (!interfaces_.empty()) [[unlikely]] {
        auto asked = interfaces_[raw(r.device) % interfaces_.size()]->translate(r);
        Translation answer = co_await std::move(asked);
        co_return answer;
    }
    note_request(r);
    InFlight token = in_flight_.begin();
    co_await look_ups_.pass();
    Translation answer;
    if (from_caches(r, contexts_, tlb_, LookUp::Hit, answer)) {
        answer.in_flight = std::move(token);
        co_return answer;
    }
    co_return co_await translate_slowly(r, std::move(token), in_flight_);
}

bool Agent::from_caches(const TranslationRequest& r, Cache<Context>& contexts, Cache<Leaf>& translations, LookUp how,
                        Translation& answer) {
    const Context* known = contexts.look_up(architecture_.context_tag(r));
    if (known == nullptr || refuses(*known, r)) return false;
    if (is_final(r, *known)) {
        if (r.type != AddressType::Translated || !fits(r, *known)) return false;
        if (is_excluded(*known, Spa{r.at.value()})) return false;
        tell(r, LookUp::Bypass, true);
        answer = granted(r, unchanged(r, *known), *known, {});
        return true;
    }
    std::optional<TranslationRequest> other; // a hit copies nothing where the stream rewrites nothing
    const TranslationRequest& seen = known->rewrites ? other.emplace(rewritten(r, *known)) : r;
    if (known->rewrites && refuses(*known, seen)) return false;
    const Tag wanted = wanted_of(*known, seen.at);
    const Leaf* leaf = translations.look_up(wanted);
    if (known->conflicts && translations.ambiguous(wanted)) return false;
    if (leaf == nullptr || !allowed(*leaf, seen, *known) || !serves(*leaf, seen)) return false;
    if (is_excluded(*known, reached(*leaf, seen.at))) return false;
    tell(seen, how, true);
    answer = granted(seen, *leaf, *known, {});
    return true;
}

sim::Task<Translation> Agent::translate_here(TranslationRequest r, InFlight token, InFlightTracker& tracker) {
    note_request(r);
    co_await look_ups_.pass();
    Translation answer;
    if (from_caches(r, contexts_, tlb_, LookUp::Hit, answer)) {
        answer.in_flight = std::move(token);
        co_return answer;
    }
    co_return co_await translate_slowly(r, std::move(token), tracker);
}

Holdings Agent::holdings(const TranslationRequest& r) const {
    Holdings h;
    const Context* known = contexts_.peek(architecture_.context_tag(r));
    if (known == nullptr) return h;
    h.context = *known;
    if (is_final(r, *known)) return h;
    if (const Leaf* leaf = tlb_.peek(wanted_of(*known, rewritten(r, *known).at))) h.leaf = *leaf;
    return h;
}

/// From the end of the look-ups on, as often as it takes. Each attempt sees the request as the context of then has it.
/// A read asks for its place but once, and here, where those of one port are in the order in which they came: whoever
/// waits for a place waits for none that came after it.
sim::Task<Translation> Agent::translate_slowly(const TranslationRequest& r, InFlight token, InFlightTracker& tracker) {
    u8 noted = 0;
    sim::Lease place;
    if (read_places_.count() != 0 && r.access == Access::Read && r.type == AddressType::Untranslated)
        place = co_await read_places_.acquire();
    for (unsigned overtaken = 0;;) {
        TranslationRequest seen = r;
        Attempt a;
        a.noted = noted;
        a.last = overtaken >= max_replays_;
        co_await attempt(seen, a);
        noted = a.noted;
        if (a.end == Attempt::End::Granted) {
            tell(seen, a.look_up, true);
            Translation answer = granted(seen, a.leaf, a.context, std::move(token));
            answer.place = std::move(place);
            co_return answer;
        }
        if (a.end == Attempt::End::Overtaken) {
            ++overtaken;
            ++replays_;
        } else {
            const Context* context = a.has_context || a.fault.second_stage ? &a.context : nullptr;
            const bool held = stalls(seen, a.fault, context);
            if (held) token = InFlight{}; // software may need a fence before it can answer
            const Ending ending = co_await architecture_.fault(seen, a.fault, context);
            if (!held || ending != Ending::Grant) {
                tell(seen, a.look_up, false);
                co_return Translation{ending, Spa{0}, sim::now(), std::move(token)};
            }
            token = tracker.begin();
            overtaken = 0;
        }
        co_await look_ups_.pass();
    }
}

/// What is not in a cache is fetched; then it is judged whether all of it still holds, and what it allows.
sim::Task<void> Agent::attempt(TranslationRequest& r, Attempt& a) {
    a.since = invalidations_.applied();
    if (const Context* known = contexts_.peek(architecture_.context_tag(r))) {
        a.has_context = true;
        a.context = *known;
    } else {
        co_await find_context(r, a);
        if (a.end != Attempt::End::Granted) co_return;
    }
    const bool forbidden = refuses(a.context, r);
    if (a.context.rewrites && !forbidden) r = rewritten(r, a.context);
    if (forbidden || refuses(a.context, r)) {
        a.look_up = LookUp::Bypass;
        a.end = Attempt::End::Faulted;
        a.fault.why = FaultReason::Forbidden;
    } else if (is_final(r, a.context) || (a.context.bypass && !fits(r, a.context))) {
        bypass(r, a);
    } else if (a.context.conflicts && tlb_.ambiguous(wanted_of(a.context, r.at))) {
        a.end = Attempt::End::Faulted;
        a.fault.why = FaultReason::Conflict;
        a.fault.second_stage = a.context.bypass;
        if (a.fault.second_stage) a.fault.at = Gpa{r.at.value()};
    } else if (const Leaf* leaf = tlb_.peek(wanted_of(a.context, r.at)); leaf != nullptr && serves(*leaf, r)) {
        a.look_up = LookUp::Hit;
        a.leaf = *leaf;
    } else {
        co_await walk(r, a);
    }
    if (invalidations_.overtaken(a.since, kept_as(architecture_.context_tag(r), a.context)) && (a.shared || !a.last))
        a.end = Attempt::End::Overtaken;
    if (a.end != Attempt::End::Granted) co_return;
    const bool excluded = is_excluded(a.context, reached(a.leaf, r.at));
    if (!excluded && allowed(a.leaf, r, a.context)) co_return;
    a.end = Attempt::End::Faulted;
    a.fault.why = excluded ? FaultReason::Excluded : FaultReason::Permission;
    a.fault.may = a.leaf.may;
    if (excluded) co_return;
    a.fault.second_stage = a.context.second.root.present && permits(a.leaf.first, r, a.context);
    if (a.fault.second_stage) a.fault.at = a.leaf.via + (r.at.value() & (a.leaf.bytes - 1));
}

sim::Task<void> Agent::find_context(const TranslationRequest& r, Attempt& a) {
    const Tag who = architecture_.context_tag(r);
    note_once(Occurrence::ConfigurationMiss, r.stream, a.noted);
    const Resolved found = co_await resolve(r, who);
    a.since = found.since;
    a.shared = found.merged;
    if (invalidations_.overtaken(found.since, kept_as(who, found.outcome.context)) && (a.shared || !a.last)) {
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
    const Tag kept = kept_as(who, result.outcome.context);
    const bool keep = result.outcome.ok && result.outcome.cacheable && !invalidations_.overtaken(result.since, kept);
    if (keep) contexts_.insert(kept, result.outcome.context);
    flight.finish(result);
    co_return result;
}

Translation Agent::granted(const TranslationRequest& r, const Leaf& leaf, const Context& c, InFlight&& token) {
    const bool first_only = r.type == AddressType::TranslationRequest && c.ats == DeviceTranslation::FirstStage;
    const Spa to = first_only ? Spa{leaf.via.value()} : leaf.to;
    Translation t{Ending::Grant, to + (r.at.value() & (leaf.bytes - 1)), sim::now(), std::move(token)};
    if (r.type != AddressType::TranslationRequest) return t;
    t.may = granted_to(r, leaf, c);
    t.bytes = leaf.bytes;
    return t;
}

void Agent::bypass(const TranslationRequest& r, Attempt& a) const {
    a.look_up = LookUp::Bypass;
    a.leaf = unchanged(r, a.context);
    if (fits(r, a.context)) return;
    a.end = Attempt::End::Faulted;
    a.fault.why = FaultReason::AddressSize;
}

sim::Task<void> Agent::walk(const TranslationRequest& r, Attempt& a) {
    note_once(Occurrence::TranslationMiss, r.stream, a.noted);
    co_await to_walker_.pass();
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
    if (!prefetches_next_ || !found.ok || found.merged || r.type != AddressType::Untranslated) co_return;
    if (overtaken || invalidations_.overtaken(a.since, kept_as(architecture_.context_tag(r), a.context))) co_return;
    TranslationRequest next = r;
    next.at = r.at.align_down(found.leaf.bytes) + found.leaf.bytes;
    sim::start(prefetch(next, a.context));
}

/// Fences wait for it as for a transaction: what it rests on holds when it begins. MODEL: it reads, whatever the
/// transaction did, and marks what hardware marks on a read.
sim::Task<void> Agent::prefetch(TranslationRequest r, Context c) {
    const InFlight token = in_flight_.begin();
    r.access = Access::Read;
    if ((!c.bypass && !root_of(c, r.at)) || tlb_.peek(wanted_of(c, r.at)) != nullptr) co_return;
    ++prefetches_;
    const WalkResult found = co_await walker_.walk(r, c);
    if (found.ok && !found.merged && !invalidations_.overtaken(found.basis)) tlb_.insert(found.basis.leaf, found.leaf);
}

} // namespace quiesce::iommu
