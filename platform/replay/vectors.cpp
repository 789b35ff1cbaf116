// SPDX-License-Identifier: Apache-2.0
#include "platform/replay/at.h"

#include <array>

namespace quiesce::platform {
namespace {
Level read_level(const At& at) {
    for (const Level l : {Level::Strict, Level::Soft, Level::Deviant})
        if (base::enum_text(l) == at.text()) return l;
    at.expected("strict, soft or deviant");
}

/// Most bytes of RAM: what stands for it is made when a model is.
constexpr u64 most_ram = u64{1} << 40;

std::vector<memory::RamRange> read_ram(const At& at, std::string& skip) {
    std::vector<memory::RamRange> ram;
    u64 total = 0;
    for (std::size_t i = 0; i < at.size(); ++i) {
        const At pair = at[i];
        if (pair.size() != 2) pair.expected("a base and a size");
        const memory::RamRange r{Spa{pair[std::size_t{0}].hex()}, pair[1].hex()};
        const u64 last = r.base.value() + r.bytes - 1;
        if (r.bytes == 0 || last < r.base.value() || !r.base.is_aligned(page_size) || r.bytes % page_size != 0)
            pair.expected("whole 4 KiB pages");
        for (const memory::RamRange& o : ram)
            if (r.base.value() <= o.base.value() + o.bytes - 1 && o.base.value() <= last)
                pair.expected("no overlap with another range");
        ram.push_back(r);
        total = r.bytes > most_ram - std::min(total, most_ram) ? most_ram + 1 : total + r.bytes;
    }
    if (total > most_ram) skip = "more than 1 TiB of RAM";
    return ram;
}

void read_smmuv3(const At& cfg, Vector& v) {
    const std::pair<std::string_view, u32 iommu::smmuv3::IdentityValues::*> registers[] = {
        {"IDR0", &iommu::smmuv3::IdentityValues::idr0}, {"IDR1", &iommu::smmuv3::IdentityValues::idr1},
        {"IDR2", &iommu::smmuv3::IdentityValues::idr2}, {"IDR3", &iommu::smmuv3::IdentityValues::idr3},
        {"IDR4", &iommu::smmuv3::IdentityValues::idr4}, {"IDR5", &iommu::smmuv3::IdentityValues::idr5},
        {"AIDR", &iommu::smmuv3::IdentityValues::aidr}};
    for (const auto& [name, member] : registers) v.identity.*member = static_cast<u32>(cfg[name].hex(0xffff'ffff));
    v.skip = what_it_cannot_be(identity_of(v.identity));
}

void read_vtd(const At& cfg, Vector& v) {
    v.vtd.ver = static_cast<u32>(cfg["VER"].hex(0xffff'ffff));
    v.vtd.cap = cfg["CAP"].hex();
    v.vtd.ecap = cfg["ECAP"].hex();
    v.vtd.haw = static_cast<unsigned>(cfg["haw"].integer(1, 64));
    v.skip = what_it_cannot_be(identity_of(v.vtd));
}

void read_amdvi(const At& cfg, Vector& v) {
    v.amdvi.efr = cfg["EFR"].hex();
    v.amdvi.efr2 = cfg["EFR2"].hex();
    v.amdvi.physical_bits = static_cast<unsigned>(cfg["pa"].integer(1, 64));
    v.skip = what_it_cannot_be(identity_of(v.amdvi));
}

struct ArchitectureRow {
    std::string_view name;
    std::string_view keys; ///< of cfg
    void (*read)(const At& cfg, Vector& v);
    unsigned stream_bits = 16;              ///< of a `sid`
};
constexpr ArchitectureRow vector_architecture_table[] = {
    {"smmuv3", "IDR0 IDR1 IDR2 IDR3 IDR4 IDR5 AIDR ram", read_smmuv3, 32},
    {"vtd", "VER CAP ECAP haw ram", read_vtd},
    {"amdvi", "EFR EFR2 pa ram", read_amdvi}};

/// The row of its architecture.
const ArchitectureRow& read_configuration(const At& at, Vector& v) {
    v.arch = at["arch"].text();
    const auto* row = std::find_if(std::begin(vector_architecture_table), std::end(vector_architecture_table),
                                   [&](const auto& r) { return r.name == v.arch; });
    if (row == std::end(vector_architecture_table)) at["arch"].expected("smmuv3, vtd or amdvi");
    const At cfg = at["cfg"];
    cfg.only(row->keys);
    row->read(cfg, v);
    if (v.skip.empty()) v.ram = read_ram(cfg["ram"], v.skip);
    return *row;
}

VectorJson parse_json(std::string_view line) {
    try {
        return VectorJson::parse(line);
    } catch (const VectorJson::parse_error& e) {
        const std::string_view what = e.what(); // "[...] parse error at line 1, column 5: syntax error ..."
        const std::size_t colon = what.find(": ", what.find("column"));
        throw VectorError(fmt::format("no JSON: {}", colon == what.npos ? what : what.substr(colon + 2)), e.byte);
    }
}

} // namespace

Vector parse_vector(std::string_view line) {
    const VectorJson json = parse_json(line);
    const At at{json};
    Vector v;
    v.id = at["id"].text();
    if (at["v"].integer(0, ~u64{0}) != 1) at["v"].expected("1, the version of the format that is read here");
    at.only("v id arch class why level final_level cfg steps expect final");
    const ArchitectureRow& architecture = read_configuration(at, v);
    if (!v.skip.empty()) return v;
    if (at.has("class")) v.kind = at["class"].text();
    if (at.has("why")) v.why = at["why"].text();
    if (at.has("level")) v.level = v.final_level = read_level(at["level"]);
    if (at.has("final_level")) v.final_level = read_level(at["final_level"]);
    const At steps = at["steps"];
    for (std::size_t i = 0; i < steps.size(); ++i) 
        v.steps.push_back(read_vector_step(steps[i], architecture.stream_bits));
    if (at.has("expect")) {
        const At expect = at["expect"];
        v.expect.emplace();
        for (std::size_t i = 0; i < expect.size(); ++i) v.expect->push_back(read_outcome(expect[i], v.steps));
    }
    if (at.has("final")) v.final = read_words(at["final"]);
    return v;
}

} // namespace quiesce::platform
