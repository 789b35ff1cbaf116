// SPDX-License-Identifier: Apache-2.0
#include "devices/atc.h"

#include "base/facts.h"

#include <string>

namespace quiesce::devices {
namespace {

std::string under(base::Name name, const char* what) { return std::string{name.text()} + what; }

} // namespace

Atc::Atc(base::Name name, base::EventBus& events, pcie::Endpoint& endpoint, const AtcConfig& config)
    : requests_name_(under(name, ".atc.requests")), events_(events), endpoint_(endpoint), config_(config),
      engine_(under(name, ".atc"), events, uses_, config.invalidation),
      cache_(iommu::CacheKind::Translation, {config.entries.get(), config.ways.get(), config.replacement.get()},
             under(name, ".atc")),
      look_up_(config.lookup.get()), slots_(config.requests.get()) {
    engine_.add(cache_);
    slots_.on_change(
        [](void* self, unsigned used, unsigned) {
            auto& atc = *static_cast<Atc*>(self);
            if (atc.events_.wants<base::LevelChanged>()) atc.events_.emit(base::LevelChanged{atc.requests_name_, used});
        },
        this);
}

void Atc::enable(bool on) {
    if (enabled_ == on) return;
    enabled_ = on;
    ++generation_;
    cache_.erase_if([](const iommu::Tag&) { return true; });
}

Atc::Key Atc::key_of(const pcie::DmaRequest& r, bool write) {
    return {space_of(r), r.at.page_number(), write};
}

iommu::Tag Atc::tag_of(const pcie::DmaRequest& r) const {
    iommu::Tag t{};
    t.kind = iommu::CacheKind::Translation;
    t.space = iommu::SpaceTag{space_of(r)};
    t.at = r.at;
    return t;
}

/// An entry that allows the access; one that does not is no answer, because permissions may have been added since.
const Atc::Entry* Atc::usable(const iommu::Tag& wanted, bool write) {
    const Entry* e = cache_.look_up(wanted);
    return e != nullptr && (write ? e->write : e->read) ? e : nullptr;
}

sim::Task<Atc::Found> Atc::translate(pcie::DmaRequest r, bool write, bool ask_for_page) {
    const iommu::Tag wanted = tag_of(r);
    unsigned tries = 0;
    for (;;) {
        iommu::InFlight use = uses_.begin();
        co_await look_up_.pass();
        if (!enabled_) co_return Found{};
        Answer a;
        const Entry* const known = usable(wanted, write);
        if (events_.wants<base::CacheLookedUp>())
            events_.emit(base::CacheLookedUp{cache_.name(), base::CachedThing::DeviceTranslation, r.bond, known != nullptr});
        if (known != nullptr) {
            a.entry = *known;
        } else {
            use.end(); // asking is no use: an invalidation does not wait for the answer
            auto asked = ask(r, write);
            a = co_await std::move(asked);
            use = uses_.begin();
            if (!a.came) continue;
            if (!holds(a, wanted)) { // older than an invalidation of it: used once more it might outlive the page
                ++counts_.discarded;
                continue;
            }
        }
        if (!(write ? a.entry.write : a.entry.read)) {
            use.end();
            if (!ask_for_page) co_return Found{};
            auto paged = page_in(r, write, a, tries);
            const bool there = co_await std::move(paged);
            if (there) continue;
            co_return Found{};
        }
        co_return Found{true, a.entry.to + (r.at.value() & (a.entry.bytes - 1)), std::move(use)};
    }
}

/// Asks the host for a page that the IOMMU did not give. True: ask the IOMMU again.
sim::Task<bool> Atc::page_in(pcie::DmaRequest r, bool write, const Answer& a, unsigned& tries) {
    if (page_requests_ == nullptr || !page_requests_->on() || a.error || tries > page_requests_->retries())
        co_return false;
    ++tries;
    auto asked = page_requests_->ask(r, write);
    const PageRequestEnding ending = co_await std::move(asked);
    co_return ending == PageRequestEnding::Granted;
}

/// The page of `r` and, when prefetching, those after it up to the first that is known or being asked for.
std::vector<pcie::DmaRequest> Atc::pages_to_ask(const pcie::DmaRequest& r, bool write) {
    std::vector<pcie::DmaRequest> pages{r};
    for (unsigned n = 1; n <= config_.prefetch.get(); ++n) {
        pcie::DmaRequest next = r;
        next.at = r.at.align_down(page_size) + n * page_size;
        if (asking_.find(key_of(next, write)) != nullptr || cache_.peek(tag_of(next)) != nullptr) break;
        pages.push_back(next);
    }
    return pages;
}

sim::Task<Atc::Answer> Atc::ask(pcie::DmaRequest r, bool write) {
    if (Asking::Flight* same = asking_.find(key_of(r, write))) {
        const Answer shared = co_await asking_.join(*same);
        co_return shared;
    }
    const std::vector<pcie::DmaRequest> pages = pages_to_ask(r, write);
    std::deque<Asking::Flight> flights; // they stay where they are
    for (const pcie::DmaRequest& page : pages) flights.emplace_back(asking_, key_of(page, write));
    Answer blank;
    auto sent = send(r, static_cast<unsigned>(pages.size()), write, blank);
    const pcie::TranslationCompletion c = co_await std::move(sent);
    blank.error = c.entries.empty();

    std::vector<Answer> answers(pages.size(), blank);
    answers.front().came = true; // an error is an answer, and the other pages may fare better
    u64 at = r.at.align_down(page_size).value();
    for (const pcie::TranslationEntry& e : c.entries) {
        Answer a = blank;
        a.came = true;
        a.error = false;
        a.entry = entry_of(e);
        keep(r, at, a);
        const u64 end = (at & ~(a.entry.bytes - 1)) + a.entry.bytes;
        for (std::size_t n = 0; n < pages.size(); ++n)
            if (const u64 page = pages[n].at.align_down(page_size).value(); page >= at && page < end) answers[n] = a;
        at = end;
    }
    for (std::size_t n = 0; n < pages.size(); ++n) flights[n].finish(answers[n]);
    co_return answers.front();
}

/// `blank` becomes an answer without an entry that says when the question was put.
sim::Task<pcie::TranslationCompletion> Atc::send(pcie::DmaRequest r, unsigned pages, bool write, Answer& blank) {
    const sim::Lease slot = co_await slots_.acquire();
    const u64 asked_in = generation_;
    pcie::Tag tag = co_await endpoint_.tags().acquire();
    while (!endpoint_.bus_master()) co_await endpoint_.bus_master_set();
    // Turned off while this waited, be it that it is on again: nothing may be asked.
    if (!enabled_ || asked_in != generation_) co_return pcie::TranslationCompletion{};
    blank.since = engine_.applied();
    blank.generation = generation_;
    ++counts_.requests;
    auto requested = endpoint_.request_translation(r, pages, !write, std::move(tag));
    pcie::TranslationCompletion c = co_await std::move(requested);
    if (c.status != pcie::CompletionStatus::Success) {
        ++counts_.refused;
        // 10.2.3: no request until software enables ATS anew; after Completer Abort the next one may succeed.
        if (c.status == pcie::CompletionStatus::UnsupportedRequest && blank.generation == generation_) enable(false);
        c.entries.clear();
    }
    co_return c;
}

/// Without permissions where none can be used: R = W = 0, U, or a range that is no page.
Atc::Entry Atc::entry_of(const pcie::TranslationEntry& e) const {
    const pcie::SizedAddress place = e.place();
    const bool usable = !e.get(pcie::TranslationEntry::U) && place.bytes() != 0;
    Entry entry;
    entry.read = usable && e.get(pcie::TranslationEntry::R);
    entry.write = usable && e.get(pcie::TranslationEntry::W);
    if (!entry.read && !entry.write) return entry;
    entry.to = Iova{place.first()};
    entry.bytes = place.bytes();
    return entry;
}

/// Caches what came for the page `from`, unless it may not be used at all or an invalidation was faster.
void Atc::keep(const pcie::DmaRequest& r, u64 from, const Answer& a) {
    if (!a.entry.read && !a.entry.write) {
        ++counts_.refused;
        return;
    }
    iommu::Tag tag = tag_of(r);
    tag.bytes = a.entry.bytes;
    tag.at = Iova{from}.align_down(tag.bytes);
    if (enabled_ && holds(a, tag)) cache_.insert(tag, a.entry);
}

iommu::Scope Atc::scope_of(const pcie::InvalidateRequest& request, bool privileged) const {
    iommu::Scope s;
    s.in = iommu::bit_of(iommu::CacheKind::Translation);
    if (request.has_pasid && !request.body.get(pcie::InvalidateBody::G))
        s.space = iommu::SpaceTag{space_of(true, request.pasid, privileged)};
    const pcie::SizedAddress place = request.body.place();
    if (place.bytes() != 0) s.range = IovaRange{Iova{place.first()}, place.bytes()};
    return s;
}

bool Atc::invalidate(const pcie::InvalidateRequest& request) {
    if (!enabled_) return false;
    ++counts_.invalidations;
    if (config_.manner != AtcManner::Forgetful) {
        engine_.begin(++sequence_, iommu::InvalidationKind::DeviceTlb, scope_of(request, false));
        if (request.has_pasid) engine_.begin(++sequence_, iommu::InvalidationKind::DeviceTlb, scope_of(request, true));
    }
    if (config_.manner != AtcManner::Silent) sim::start(answer(request.itag, sequence_));
    return true;
}

/// 10.3.1: not before nothing that was forgotten is in use; the fabric keeps the answer behind the writes that were
/// sent. MODEL: answers are given in the order of the requests, and those of other traffic classes come down the one
/// there is.
sim::Task<void> Atc::answer(unsigned itag, u64 sequence) {
    co_await engine_.wait_finished(sequence);
    if (config_.manner == AtcManner::Slow) co_await sim::delay(config_.answer_delay.get());
    const unsigned completions = config_.traffic_classes.get();
    for (unsigned n = 0; n < completions; ++n)
        endpoint_.complete_invalidation(pcie::InvalidateCompletion::of(itag, completions));
}

} // namespace quiesce::devices
