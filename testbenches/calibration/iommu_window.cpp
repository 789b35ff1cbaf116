// SPDX-License-Identifier: Apache-2.0
/// pcie-bench's sweep of the IOMMU's working set, on the model: memory, a VT-d unit in legacy mode with second-stage
/// tables, as Linux 3.19 programs it for DMA without PASID, a root complex, a device with a DMA engine.
///
///     iommu_window [--preset NAME] [--set PATH=VALUE ...] [--reads N] [--microseconds N]
///
/// The device is `devices.nfp`. Reads lines "EXPERIMENT BYTES WINDOW PAGES": read-latency, read-bandwidth or
/// write-bandwidth of random transfers of so many bytes over a window of so many bytes, mapped in pages of "4K" or
/// "2M"; "none": without IOMMU. Writes each with its result and the result's standard error: ns for a read that is
/// alone, Gb/s of payload with the engine saturating. scripts/calibrate_iommu.py asks and compares.
#include "calibration/configuration.h"
#include "devices/dma_engine.h"
#include "iommu/vtd/unit.h"
#include "memory/system_memory.h"
#include "support/vtd_machines.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>

using namespace quiesce;
using namespace sim::literals;
using calibration::configuration;
using calibration::device_config;
namespace vtd = iommu::vtd;

namespace {

constexpr u64 chunk = 4 << 20, most_chunks = 16;
/// Where Linux mapped the buffers of the host (sys-dma-addrs.txt of the E5-2630 v4 with VT-d on): from the highest
/// 32-bit address down, around the interrupt address range.
constexpr u64 highest = 0xffc0'0000, below_interrupts = 0xfe80'0000;

u64 io_address(u64 n) { return n < 4 ? highest - n * chunk : below_interrupts - (n - 4) * chunk; }

struct Question {
    std::string experiment;
    u32 bytes = 0;
    u64 window = 0;
    std::string pages;
};
struct Answer {
    double value = 0, error = 0;
};
struct Effort {
    u64 reads = 10'000;
    i64 microseconds = 500;
};

/// Mean and its standard error.
Answer mean_of(const std::vector<double>& samples) {
    double sum = 0, squares = 0;
    for (const double s : samples) sum += s;
    const double n = static_cast<double>(samples.size()), mean = sum / n;
    for (const double s : samples) squares += (s - mean) * (s - mean);
    return {mean, std::sqrt(squares / (n - 1) / n)};
}

/// The unit and its tables, written as bytes.
class Remapping {
public:
    Remapping(base::EventBus& events, memory::SystemMemory& memory, const vtd::VtdConfig& config)
        : memory_(memory), unit_("dmar", events, memory.walk_port(), config, identity()),
          next_(memory.ram_base() + (u64{256} << 20)) {}

    iommu::TranslationPort& translation() { return unit_; }
    void map(u64 from, Spa to, u64 bytes, bool large) {
        const u64 page = large ? u64{2} << 20 : page_size;
        for (u64 at = 0; at < bytes; at += page) map_page(from + at, to + at, large);
    }
    void turn_on(RequesterId who, sim::Calendar& calendar) {
        const Spa root = new_table(), contexts = new_table();
        store(root + (raw(who) >> 8) * vtd::RootEntry::byte_count,
              vtd::RootEntry{}.set(vtd::RootEntry::P, true).set(vtd::RootEntry::CTP, contexts));
        store(contexts + (raw(who) & 0xff) * vtd::ContextEntry::byte_count,
              vtd::ContextEntry{}
                  .set(vtd::ContextEntry::P, true)
                  .set(vtd::ContextEntry::SSPTPTR, top_)
                  .set(vtd::ContextEntry::AW, vtd::AddressWidth::Bits48)
                  .set(vtd::ContextEntry::DID, vtd::DomainId{1}));
        write(calendar, vtd::Rtaddr{}.set(vtd::Rtaddr::RTA, root));
        write(calendar, vtd::Gcmd{}.set(vtd::Gcmd::SRTP, true));
        write(calendar, vtd::Gcmd{}.set(vtd::Gcmd::TE, true));
    }

private:
    static constexpr unsigned levels = 4, large_level = 3;
    static vtd::Identity identity() { return vtd::identity_of(testbench::broadwell.values); }
    Spa new_table() { return std::exchange(next_, next_ + page_size); }
    template <class S> void store(Spa at, const S& s) {
        if (!memory_.walk_port().poke(at, s.to_bytes())) throw std::logic_error("no memory for a table");
    }
    vtd::SsEntry load(Spa at) {
        std::array<std::byte, vtd::SsEntry::byte_count> bytes{};
        if (!memory_.walk_port().peek(at, bytes)) throw std::logic_error("no memory for a table");
        return vtd::SsEntry::from_bytes(bytes);
    }
    static vtd::SsEntry entry(Spa to) {
        using E = vtd::SsEntry;
        return E{}.set(E::R, true).set(E::W, true).set(E::ADDR, to);
    }
    void map_page(u64 at, Spa to, bool large) {
        const auto slot = [at](Spa table, unsigned level) { return table + (at >> (48 - 9 * level) & 511) * 8; };
        const unsigned leaf = large ? large_level : levels;
        Spa table = top_;
        for (unsigned level = 1; level < leaf; ++level) {
            vtd::SsEntry e = load(slot(table, level));
            if (!e.get(vtd::SsEntry::R)) store(slot(table, level), e = entry(new_table()));
            table = e.get(vtd::SsEntry::ADDR);
        }
        store(slot(table, leaf), entry(to).set(vtd::SsEntry::PS, large));
    }
    template <class R> void write(sim::Calendar& calendar, R value) {
        sim::spawn(unit_.mmio_write(R::offset, sizeof(typename R::Value), value.value()));
        calendar.run_for(1_ms);
    }

    memory::SystemMemory& memory_;
    vtd::Unit unit_;
    Spa next_;
    const Spa top_ = new_table();
};

/// One platform for each measurement: nothing is left over from the one before.
class Bench {
public:
    Bench(sim::Calendar& calendar, const platform::Config& c, const Question& q, const Effort& effort)
        : calendar_(calendar), q_(q), effort_(effort), memory_(events_, c.platform.memory),
          remapping_(events_, memory_, c.platform.iommu.vtd),
          root_complex_(events_, memory_.dma_port(), q.pages == "none" ? nullptr : &remapping_.translation(),
                        c.platform.root_complex),
          device_("nfp", events_, root_complex_, c.platform.link, device_config(c), DeviceId{0}) {
        if (q.pages == "none") {
            footprint_ = {{Iova{memory_.ram_base().value()}, q.window}};
            return;
        }
        for (u64 n = 0; n * chunk < q.window; ++n) {
            footprint_.push_back({Iova{io_address(n)}, std::min(chunk, q.window - n * chunk)});
            remapping_.map(io_address(n), memory_.ram_base() + n * chunk, chunk, q.pages == "2M");
        }
        remapping_.turn_on(device_.requester(), calendar_);
    }
    Bench(const Bench&) = delete;
    ~Bench() {
        device_.engine().stop();
        calendar_.run_for(1_ms); // whatever is under way comes home
    }

    /// One read after the other; those that fill the caches do not count.
    Answer read_latency() {
        std::vector<double> times;
        sim::spawn(timed_reads(times));
        while (times.size() != effort_.reads) calendar_.run_for(1_ms);
        return mean_of(times);
    }
    /// In equal stretches of time, whose scatter gives the error.
    Answer bandwidth(devices::Direction direction) {
        devices::Workload w;
        w.direction = direction;
        w.pattern = devices::Pattern::Random;
        w.min_bytes = w.max_bytes = q_.bytes;
        w.align = q_.bytes;
        w.footprint = footprint_;
        device_.engine().start(w);
        calendar_.run_for(warm_up);
        const sim::Duration part = sim::Duration::ps(effort_.microseconds * 1'000'000 / parts);
        std::vector<double> rates;
        for (unsigned n = 0; n < parts; ++n) {
            const u64 before = device_.engine().counts().bytes;
            calendar_.run_for(part);
            const u64 bits = 8 * (device_.engine().counts().bytes - before);
            rates.push_back(static_cast<double>(bits) * 1e3 / static_cast<double>(part.ps()));
        }
        if (device_.engine().counts().errors != 0) throw std::runtime_error("a transfer was refused");
        return mean_of(rates);
    }

private:
    /// The pipeline is full and every place of the translation cache has been filled several times.
    static constexpr sim::Duration warm_up = 50_us;
    static constexpr u64 unmeasured_reads = 1'000;
    static constexpr int parts = 20;

    sim::Task<void> timed_reads(std::vector<double>& times) {
        devices::RequestSequence places{0, "reads"};
        devices::Workload w;
        w.pattern = devices::Pattern::Random;
        w.min_bytes = w.max_bytes = q_.bytes;
        w.align = q_.bytes;
        w.footprint = footprint_;
        places.begin(w);
        std::vector<std::byte> into(q_.bytes);
        for (u64 n = 0; n < unmeasured_reads + effort_.reads; ++n) {
            const pcie::DmaRequest request{places.next().at, q_.bytes};
            const sim::Time begin = sim::now();
            const pcie::Completion how = co_await device_.dma_read(request, into.data());
            if (!how.ok()) throw std::runtime_error("a read was refused");
            if (n >= unmeasured_reads) times.push_back(static_cast<double>((sim::now() - begin).ps()) / 1e3);
        }
    }

    sim::Calendar& calendar_;
    Question q_;
    Effort effort_;
    base::EventBus events_{calendar_.clock()};
    memory::SystemMemory memory_;
    Remapping remapping_;
    pcie::RootComplex root_complex_;
    devices::DmaDevice device_;
    std::vector<IovaRange> footprint_;
};

bool is_asked_well(const Question& q) {
    const bool known = q.experiment == "read-latency" || q.experiment == "read-bandwidth" ||
                       q.experiment == "write-bandwidth";
    const bool pages = q.pages == "none" || q.pages == "4K" || q.pages == "2M";
    return known && pages && q.bytes != 0 && q.window >= q.bytes && q.window <= chunk * most_chunks;
}

int answer(const platform::Config& config, const Effort& effort) {
    sim::Calendar calendar;
    Question q;
    while (std::cin >> q.experiment >> q.bytes >> q.window >> q.pages) {
        if (!is_asked_well(q)) {
            fmt::print(stderr, "iommu_window: no such measurement: {} {} {} {}\n", q.experiment, q.bytes, q.window,
                       q.pages);
            return 3;
        }
        Bench bench{calendar, config, q, effort};
        const Answer a = q.experiment == "read-latency"     ? bench.read_latency()
                         : q.experiment == "read-bandwidth" ? bench.bandwidth(devices::Direction::Read)
                                                            : bench.bandwidth(devices::Direction::Write);
        fmt::print("{} {} {} {} {:.6f} {:.6f}\n", q.experiment, q.bytes, q.window, q.pages, a.value, a.error);
    }
    return std::cin.eof() ? 0 : 3;
}

} // namespace

int main(int argc, char** argv) {
    ::setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
    CLI::App app{"pcie-bench's sweep of the IOMMU's working set, on the model: reads lines \"EXPERIMENT BYTES WINDOW "
                 "PAGES\", writes them with the result and its standard error"};
    std::string preset = "pcie-bench-e5-2630v4-vtd";
    std::vector<std::string> sets;
    Effort effort;
    app.add_option("--preset", preset, "see `quiesce list presets`");
    app.add_option("--set", sets, "PATH=VALUE, over the preset");
    app.add_option("--reads", effort.reads, "reads of one latency")->check(CLI::Range(100, 10'000'000));
    app.add_option("--microseconds", effort.microseconds, "simulated time of one bandwidth")
        ->check(CLI::Range(20, 100'000));
    CLI11_PARSE(app, argc, argv);
    const auto config = configuration(preset, sets);
    return config ? answer(*config, effort) : 2;
}

/// The library's own main is not used, but it refers to this.
int sc_main(int, char**) { return 0; }
