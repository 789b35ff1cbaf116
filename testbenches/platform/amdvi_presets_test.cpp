// SPDX-License-Identifier: Apache-2.0
/// Presets of machines with an AMD-Vi unit: its feature register is the one that was published.
#include "iommu/amdvi/unit.h"
#include "memory/plain_memory.h"
#include "platform/scenario/scenario.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace quiesce;
using namespace quiesce::platform;
namespace amdvi = quiesce::iommu::amdvi;

namespace {

struct PublishedUnit {
    std::string preset;
    u64 efr;      ///< as the machine's kernel printed it
    u64 modelled; ///< what of it a unit here has: worked out by hand
    std::string without;
};
// clang-format off
const PublishedUnit published_units[] = {
    // PPR, NX, GT, IA, HATS 2, GATS 0, GLX 1, PASMax 15, US, PPROvrflwEarly, PPRAutoRsp, BlkStopMrk, MsiCapMmio, GIo, HA
    {"epyc-7001", 0x004f'77ef'2229'4ada, 0x0003'532f'0000'485a,
     "GASup, PCSup, SmiFSup, SmiFRC, GAMSup, DualPPRLogSup, DualEvtLogSup, DevTblSegSup, MarcSup, PerfOptSup, EPHSup, "
     "AttrFWSup, InvIotlbTypeSup"},
    // as that, without HA, with XT and GA
    {"ryzen-4000", 0x206d'73ef'2225'4ade, 0x0001'532f'0000'48de,
     "PCSup, SmiFSup, SmiFRC, GAMSup, DualPPRLogSup, DualEvtLogSup, DevTblSegSup, PerfOptSup, EPHSup, "
     "AttrFWSup, InvIotlbTypeSup, GAUpdateDisSup, bit 53"},
    // as the first, with GATS 1, HD, XT and GA
    {"epyc-9004", 0xa5bf'732f'a229'5afe, 0x0013'532f'0000'58de,
     "sATSSup, PCSup, SmiFSup, SmiFRC, GAMSup, DualPPRLogSup, DualEvtLogSup, PerfOptSup, EPHSup, AttrFWSup, "
     "GAUpdateDisSup, SNPSup, bit 31, bit 53, bit 55, bit 56, bit 58"},
};
// clang-format on

/// A unit as the platform makes it, read by software.
u64 efr_of(const Config& config) {
    sim::Calendar calendar{"calendar"};
    base::EventBus events{calendar.clock()};
    memory::PlainMemory memory({{Spa{0x1000}, 0x1000}});
    const amdvi::AmdviConfig& unit = config.platform.iommu.amdvi;
    amdvi::Unit made("amdvi", events, memory, unit, amdvi::identity_of(unit));
    return made.registers().read<amdvi::Efr>().value();
}

} // namespace

TEST_CASE("a machine's preset has the unit that its kernel found, bit for bit but for what it says it is without",
          "[platform][preset][EFR]") {
    const PublishedUnit& published = published_units[GENERATE(range(std::size_t{0}, std::size_t{3}))];
    INFO(published.preset);
    Diagnostics out;
    const auto scenario = parse_scenario(
        std::make_shared<const Source>("f.yaml", "scenario: test\ndevices: {acc0: {kind: accelerator}}\nsteps:\n"
                                                 "  - os: {spawn: app0, pages: 16}\n  - os: {bind: app0, to: acc0}\n"),
        {"platform.preset=" + published.preset}, out);
    REQUIRE(out.ok());
    const Config& config = scenario->config;
    CHECK(config.platform.iommu.kind == IommuKind::Amdvi);
    CHECK(efr_of(config) == published.modelled);
    CHECK((published.efr & amdvi::modelled_features(amdvi::Efr::of(published.efr))) == published.modelled);
    CHECK(config.platform.iommu.amdvi.physical_bits == (published.preset == "epyc-9004" ? 52u : 48u));

    const auto& all = presets();
    const auto preset = std::find_if(all.begin(), all.end(), [&](const Preset& p) { return p.name == published.preset; });
    REQUIRE(preset != all.end());
    const std::string help{preset->help}, without = "without what is not modelled: ";
    CHECK(help.find(fmt::format("EFR {:#x} {}", published.efr, without)) != help.npos);
    CHECK(help.substr(help.find(without) + without.size()) == published.without);
    for (const PresetValue& v : preset->values) CHECK_FALSE(v.source.empty());
}

TEST_CASE("every machine whose feature registers are known has a preset", "[platform][preset]") {
    CHECK(amdvi::machines().size() == std::size(published_units));
    for (const amdvi::Machine& m : amdvi::machines()) {
        const amdvi::Identity as_published = amdvi::identity_of(m.values), made = amdvi::identity_of(amdvi::config_of(m.values));
        CHECK(as_published.efr.value() == made.efr.value());
        CHECK(as_published.physical_bits == made.physical_bits);
    }
}
