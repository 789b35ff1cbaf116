// SPDX-License-Identifier: Apache-2.0
#include "iommu/device_interface.h"

#include <string>
#include <utility>

namespace quiesce::iommu {
namespace {
std::string part_of(base::Name interface, const char* what) { return std::string{interface.text()} + what; }
} // namespace

DeviceInterface::DeviceInterface(base::Name name, base::EventBus& events, CentralUnit& unit,
                                 InvalidationEngine& invalidations, const DeviceInterfaceConfig& config)
    : RemoteCaches(config.way.get()), unit_(unit), slots_(config.slots.get()), levels_(events, name, "slots", slots_),
      lookup_(config.lookup.get()), to_unit_(config.way.get()),
      contexts_(CacheKind::Configuration, {config.config_entries.get(), config.config_entries.get(), config.replacement.get()},
                part_of(name, ".config-cache")),
      tlb_(CacheKind::Translation, {config.entries.get(), config.ways.get(), config.replacement.get()},
           part_of(name, ".micro-tlb")),
      in_order_(config.order.get() == StreamOrder::Stream), hit_under_miss_(config.hit_under_miss) {
    add(contexts_);
    add(tlb_);
    invalidations.add(*this);
}

sim::Task<Translation> DeviceInterface::translate(TranslationRequest r) {
    Line* const line = in_order_ ? &lines_[r.stream] : nullptr;
    const u64 place = line != nullptr ? line->last++ : 0;
    const sim::Lease slot = co_await slots_.acquire();
    while (!hit_under_miss_ && misses_ != 0) co_await answered_.wait();
    InFlight token = in_flight().begin();
    co_await lookup_.pass();
    Translation answer;
    if (unit_.from_caches(r, contexts_, tlb_, LookUp::Near, answer)) {
        answer.in_flight = std::move(token);
    } else {
        auto asked = ask(r, std::move(token));
        answer = co_await std::move(asked);
    }
    if (line == nullptr) co_return answer;
    while (line->passed != place) co_await line->moved.wait();
    ++line->passed;
    line->moved.notify_all();
    co_return answer;
}

/// The answer and every invalidation that the unit applies come the same way, so that what is kept here is never older
/// than the invalidations that this interface has seen.
sim::Task<Translation> DeviceInterface::ask(const TranslationRequest& r, InFlight token) {
    ++misses_;
    co_await to_unit_.pass();
    auto asked = unit_.translate_here(r, std::move(token), in_flight());
    Translation answer = co_await std::move(asked);
    const Holdings found = unit_.holdings(r);
    co_await from_unit().pass();
    keep(r, found);
    --misses_;
    answered_.notify_all();
    co_return answer;
}

void DeviceInterface::keep(const TranslationRequest& r, const Holdings& found) {
    if (!found.context) return;
    contexts_.insert(kept_as(unit_.context_tag(r), *found.context), *found.context);
    if (!found.leaf || r.type != AddressType::Untranslated) return;
    Tag tag{};
    tag.kind = CacheKind::Translation;
    tag.domain = found.context->domain;
    tag.space = found.context->space;
    tag.global = found.leaf->global;
    tag.bytes = found.leaf->bytes;
    tag.at = rewritten(r, *found.context).at.align_down(tag.bytes);
    tlb_.insert(tag, *found.leaf);
}

} // namespace quiesce::iommu
