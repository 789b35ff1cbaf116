// SPDX-License-Identifier: Apache-2.0
#include "platform/replay/vectors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace quiesce::platform {
namespace {
using VectorJson = nlohmann::json;

/// A value of the line and the way to it, which is put into words only when something is wrong.
class At {
public:
    explicit At(const VectorJson& root) : j_(root) {}

    std::string path() const {
        if (parent_ == nullptr) return {};
        const std::string before = parent_->path();
        if (key_.empty()) return fmt::format("{}[{}]", before, index_);
        return before.empty() ? std::string{key_} : fmt::format("{}.{}", before, key_);
    }
    [[noreturn]] void expected(std::string_view what) const {
        const std::string text = j_.dump(-1, ' ', false, VectorJson::error_handler_t::replace);
        const std::string at = path();
        throw VectorError(fmt::format("{}{}expected {}, got {}", at, at.empty() ? "" : ": ", what,
                                      text.size() > 60 ? text.substr(0, 57) + "..." : text));
    }
    bool has(std::string_view key) const { return j_.is_object() && j_.contains(key); }
    At operator[](std::string_view key) const {
        if (!j_.is_object()) expected("an object");
        const auto found = j_.find(key);
        if (found == j_.end()) {
            const std::string at = path();
            throw VectorError(fmt::format("{}{}'{}' is missing", at, at.empty() ? "" : ": ", key));
        }
        return {*found, this, key, 0};
    }
    std::size_t size() const {
        if (!j_.is_array()) expected("an array");
        return j_.size();
    }
    At operator[](std::size_t i) const { return {j_[i], this, {}, i}; }
    const std::string& text() const {
        if (!j_.is_string()) expected("a text");
        return j_.get_ref<const std::string&>();
    }
    /// "0x" and 1 to 16 digits.
    u64 hex(u64 largest = ~u64{0}) const {
        constexpr std::string_view form = "a hexadecimal number in quotes (\"0x1f\")";
        if (!j_.is_string()) expected(form);
        const std::string& s = text();
        u64 value = 0;
        const char* const end = s.data() + s.size();
        const bool prefixed = s.size() > 2 && s[0] == '0' && s[1] == 'x';
        if (!prefixed || std::from_chars(s.data() + 2, end, value, 16).ptr != end || s.size() > 18) expected(form);
        if (value > largest) expected(fmt::format("at most {:#x}", largest));
        return value;
    }
    u64 integer(u64 lo, u64 hi) const {
        if (!j_.is_number_unsigned() || j_.get<u64>() < lo || j_.get<u64>() > hi)
            expected(fmt::format("an integer from {} to {}", lo, hi));
        return j_.get<u64>();
    }
    Bytes bytes() const {
        constexpr std::string_view form = "bytes in memory order, two hexadecimal digits each";
        const std::string& s = text();
        Bytes out(s.size() / 2);
        if (s.size() % 2 != 0) expected(form);
        for (std::size_t i = 0; i < out.size(); ++i) {
            u8 value = 0;
            if (std::from_chars(&s[2 * i], &s[2 * i] + 2, value, 16).ptr != &s[2 * i] + 2) expected(form);
            out[i] = std::byte{value};
        }
        return out;
    }

private:
    At(const VectorJson& j, const At* parent, std::string_view key, std::size_t index)
        : j_(j), parent_(parent), key_(key), index_(index) {}
    const VectorJson& j_;
    const At* parent_ = nullptr;
    std::string_view key_;
    std::size_t index_ = 0;
};

Spa word_address(const At& at) {
    const Spa address{at.hex()};
    if (!address.is_aligned(8)) at.expected("an address that is a multiple of 8");
    return address;
}
Words read_words(const At& at) {
    Words words;
    for (std::size_t i = 0; i < at.size(); ++i) {
        const At pair = at[i];
        if (pair.size() != 2) pair.expected("an address and a value");
        words.emplace_back(word_address(pair[std::size_t{0}]), pair[1].hex());
    }
    return words;
}

/// The byte where a register begins, and its size: 4 or 8 bytes, aligned.
template <class Step>
void read_register(const At& at, Step& step) {
    step.name = at.has("reg") ? at["reg"].text() : std::string{};
    step.offset = at["off"].hex();
    step.bytes = static_cast<unsigned>(at["size"].integer(0, ~0u));
    if (step.bytes != 4 && step.bytes != 8) at["size"].expected("4 or 8");
    if (step.offset % step.bytes != 0) at["off"].expected("a multiple of the size");
}
u64 all_of(unsigned bytes) { return bytes == 8 ? ~u64{0} : 0xffff'ffff; }

VectorStep read_store(const At& at) { return StoreStep{read_words(at["w"])}; }
VectorStep read_write(const At& at) {
    RegisterWrite w;
    read_register(at, w);
    w.value = at["val"].hex(all_of(w.bytes));
    return w;
}
VectorStep read_read(const At& at) {
    RegisterRead r;
    read_register(at, r);
    r.mask = at.has("mask") ? at["mask"].hex(all_of(r.bytes)) : all_of(r.bytes);
    return r;
}
VectorStep read_dma(const At& at) {
    bare::Dma d;
    d.stream = StreamId{static_cast<u32>(at["sid"].integer(0, 0xffff'ffff))};
    d.at = Iova{at["iova"].hex()};
    const std::string& direction = at["rw"].text();
    if (direction != "r" && direction != "w") at["rw"].expected("\"r\" or \"w\"");
    d.write = direction == "w";
    d.bytes = at["len"].integer(4, bare::Dma::most_bytes);
    if (d.at.page_offset() + d.bytes > page_size) at["len"].expected("an access that stays inside a 4 KiB page");
    if (!d.write) return d;
    const Bytes data = at["data"].bytes();
    if (data.size() != d.bytes) at["data"].expected(fmt::format("{} bytes, as len says", d.bytes));
    std::copy(data.begin(), data.end(), d.data.begin());
    return d;
}

struct StepRow {
    std::string_view op;
    VectorStep (*read)(const At& at);
};
constexpr StepRow step_reader_table[] = {{"mem", read_store}, {"wr", read_write}, {"rd", read_read}, {"dma", read_dma}};

VectorStep read_vector_step(const At& at) {
    const std::string& op = at["op"].text();
    for (const StepRow& row : step_reader_table)
        if (row.op == op) return row.read(at);
    at["op"].expected("mem, wr, rd or dma");
}

RecordBits read_record(const At& at) {
    RecordBits r{at["raw"].bytes(), {}, at.has("name") ? at["name"].text() : std::string{}};
    r.mask = at.has("mask") ? at["mask"].bytes() : Bytes(r.raw.size(), std::byte{0xff});
    if (r.raw.empty() || r.raw.size() % 8 != 0 || r.raw.size() > bare::Record::most_bytes)
        at["raw"].expected("a record of 8, 16, 24 or 32 bytes");
    if (r.mask.size() != r.raw.size()) at["mask"].expected(fmt::format("{} bytes, as in raw", r.raw.size()));
    return r;
}

std::string_view read_status(const At& at) {
    static constexpr std::string_view known[] = {"ok", "abort", "zero"};
    const auto* found = std::find(std::begin(known), std::end(known), at.text());
    if (found == std::end(known)) at.expected("ok or abort");
    return *found;
}

StepOutcome read_outcome(const At& at, const std::vector<VectorStep>& steps) {
    if (steps.empty()) at["step"].expected("a step");
    StepOutcome o;
    o.step = at["step"].integer(0, steps.size() - 1);
    if (std::holds_alternative<RegisterRead>(steps[o.step])) {
        o.value = at["val"].hex();
        return o;
    }
    if (!std::holds_alternative<bare::Dma>(steps[o.step])) at["step"].expected("the number of a rd or dma step");
    o.status = read_status(at["status"]);
    if (at.has("pa")) o.pa = Spa{at["pa"].hex()};
    if (at.has("data")) o.data = at["data"].bytes();
    if (!at.has("events")) return o;
    const At events = at["events"];
    for (std::size_t i = 0; i < events.size(); ++i) o.events.push_back(read_record(events[i]));
    return o;
}

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
    void (*read)(const At& cfg, Vector& v);
    unsigned stream_bits = 16;              ///< of a `sid`
};
constexpr ArchitectureRow vector_architecture_table[] = {
    {"smmuv3", read_smmuv3, 32}, {"vtd", read_vtd}, {"amdvi", read_amdvi}};

/// The row of its architecture.
const ArchitectureRow& read_configuration(const At& at, Vector& v) {
    v.arch = at["arch"].text();
    const auto* row = std::find_if(std::begin(vector_architecture_table), std::end(vector_architecture_table),
                                   [&](const auto& r) { return r.name == v.arch; });
    if (row == std::end(vector_architecture_table)) at["arch"].expected("smmuv3, vtd or amdvi");
    const At cfg = at["cfg"];
    row->read(cfg, v);
    if (v.skip.empty()) v.ram = read_ram(cfg["ram"], v.skip);
    return *row;
}

VectorStep read_step_of(const At& at, const ArchitectureRow& architecture) {
    VectorStep step = read_vector_step(at);
    const bare::Dma* dma = std::get_if<bare::Dma>(&step);
    if (dma != nullptr && u64{raw(dma->stream)} >> architecture.stream_bits != 0)
        at["sid"].expected(fmt::format("a stream of {} bits", architecture.stream_bits));
    return step;
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
    const ArchitectureRow& architecture = read_configuration(at, v);
    if (!v.skip.empty()) return v;
    if (at.has("class")) v.kind = at["class"].text();
    if (at.has("why")) v.why = at["why"].text();
    if (at.has("level")) v.level = v.final_level = read_level(at["level"]);
    if (at.has("final_level")) v.final_level = read_level(at["final_level"]);
    const At steps = at["steps"];
    for (std::size_t i = 0; i < steps.size(); ++i) v.steps.push_back(read_step_of(steps[i], architecture));
    if (at.has("expect")) {
        const At expect = at["expect"];
        v.expect.emplace();
        for (std::size_t i = 0; i < expect.size(); ++i) v.expect->push_back(read_outcome(expect[i], v.steps));
    }
    if (at.has("final")) v.final = read_words(at["final"]);
    return v;
}

} // namespace quiesce::platform
