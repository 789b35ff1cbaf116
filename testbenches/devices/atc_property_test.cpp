// SPDX-License-Identifier: Apache-2.0
/// What an Invalidate Completion promises, for any interleaving of DMA, remapping and invalidation: from then on no
/// request with the old address reaches the root complex.
#include "base/property.h"
#include "devices/ats_device.h"
#include "support/fresh_kernel.h"

#include <tuple>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::stubs;
using iommu::AddressType;

namespace {

constexpr unsigned pages = 4, pasids = 2;

/// Every page of every PASID has a frame; a remapped page gets one that nobody had before.
struct Remapped : AtsBench {
    struct Mapping {
        u64 frame; ///< what a translation request is told
        u64 least; ///< frames below were invalidated, and the invalidation has completed
    };
    std::array<std::array<Mapping, pages>, pasids> mappings{};
    u64 next_frame = 0;
    u64 stale = 0, translated = 0;

    explicit Remapped(const AtcConfig& c) : AtsBench(c) {
        iommu.keep_questions = false;
        for (auto& space : mappings)
            for (Mapping& m : space) {
                m = {next_frame, next_frame};
                ++next_frame;
            }
        iommu.adjust = [this](const iommu::TranslationRequest& r, iommu::Translation& t) {
            const u64 page = (r.at.value() - at(0).value()) / page_size;
            if (r.type == AddressType::TranslationRequest) {
                if (page < pages)
                    t.to = Spa{mappings[raw(r.pasid)][page].frame * page_size};
                else
                    t.may = {};
            }
        };
        // The address tells the mapping apart: frames are never used twice.
        memory.on_commit = [this](const memory::Request& r) {
            if (r.origin.purpose != memory::Purpose::Dma) return;
            ++translated;
            const u64 page = (r.origin.aimed_at.value() - at(0).value()) / page_size;
            stale += r.at.value() / page_size < mappings[raw(r.origin.bond)][page].least;
        };
    }
    sim::Task<void> remap(unsigned pasid, unsigned first, unsigned count) {
        for (unsigned p = first; p < first + count; ++p) mappings[pasid][p].frame = next_frame++;
        const u64 least = mappings[pasid][first].frame;
        const iommu::AtcAnswer answer =
            co_await root_complex.invalidate(range(at(first * page_size), count * page_size, pasid));
        if (answer != iommu::AtcAnswer::Completed) co_return;
        for (unsigned p = first; p < first + count; ++p)
            mappings[pasid][p].least = std::max(mappings[pasid][p].least, least);
    }
    sim::Task<void> access(unsigned pasid, unsigned page, bool write) {
        pcie::DmaRequest r = to(at(page * page_size + 0x40), pasid);
        r.bond = BondId{pasid}; // what tells PASIDs apart at memory
        auto asked = dev.atc.translate(r, write);
        const Atc::Found found = co_await std::move(asked);
        if (!found.granted) co_return;
        r.aimed_at = std::exchange(r.at, found.at);
        r.type = AddressType::Translated;
        if (write)
            co_await dev.dma_write(r, data);
        else
            co_await dev.dma_read(r, data.data());
    }
    std::array<std::byte, 64> data{};
};

/// What to do (0, 1: remap one page or two; else access, even numbers write), PASID, page, how long to wait afterwards
/// in ns.
using Script = std::vector<std::tuple<unsigned, unsigned, unsigned, unsigned>>;

void play(Remapped& b, const Script& script) {
    for (const auto& [kind, pasid, page, wait] : script) {
        switch (kind) {
        case 0: sim::start(b.remap(pasid, page, 1)); break;
        case 1: sim::start(b.remap(pasid, page & ~1u, 2)); break;
        default: sim::start(b.access(pasid, page, kind % 2 == 0)); break;
        }
        b.run(sim::Duration::ps(i64{1000} * wait));
    }
    b.run(100_us);
}

rc::Gen<Script> scripts() {
    return rc::gen::container<Script>(rc::gen::tuple(rc::gen::inRange(0u, 8u), rc::gen::inRange(0u, pasids),
                                                     rc::gen::inRange(0u, pages),
                                                     rc::gen::element(0u, 1u, 20u, 100u, 200u, 300u, 500u, 1000u)));
}

} // namespace

TEST_CASE("after the completion of a device that keeps its promises, no request with the old address reaches memory",
          "[devices][atc][property]") {
    AtcConfig c;
    c.manner = GENERATE(AtcManner::Prompt, AtcManner::Slow);
    c.prefetch = GENERATE(0u, 3u);
    c.answer_delay = 500_ns;
    c.entries = 4;
    u64 translated = 0;
    testbench::holds(
        [&] {
            testbench::fresh_kernel();
            Remapped b{c};
            b.iommu.afterwards = *rc::gen::element(0_ns, 200_ns, 900_ns);
            play(b, *scripts());
            translated += b.translated;
            RC_ASSERT(b.stale == 0u);
        },
        100);
    CHECK(translated > 1000);
}

TEST_CASE("a forgetful device breaks the promise, and the same judgement finds it", "[devices][atc][property]") {
    AtcConfig c;
    c.manner = AtcManner::Forgetful;
    Remapped b{c};
    play(b, {{2, 0, 1, 1000}, {0, 0, 1, 1000}, {2, 0, 1, 1000}});
    CHECK(b.stale == 1);
}
