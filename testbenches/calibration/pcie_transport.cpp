// SPDX-License-Identifier: Apache-2.0
/// What pcie-bench measures, on the model: memory, a root complex without IOMMU, a device with a DMA engine.
///
///     pcie_transport [--preset NAME] [--set PATH=VALUE ...]
///
/// The device is `devices.nfp`. Reads lines "EXPERIMENT BYTES" and writes each with its result: read-latency in ns of
/// one read that is alone; read-, write- and read-write-bandwidth in Gb/s of payload with the engine saturating (for
/// read-write: of each direction). scripts/calibrate_pcie.py asks the questions and compares the answers with the
/// measurements.
#include "calibration/configuration.h"
#include "devices/dma_engine.h"
#include "memory/system_memory.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fmt/format.h>
#include <map>

using namespace quiesce;
using namespace sim::literals;
using calibration::configuration;
using calibration::device_config;

namespace {

/// Window of every row of the reference (HWarm, 8 KiB).
constexpr u64 window = 8192;
/// pcie-bench places each transfer at a multiple of its size, rounded up to whole cache lines.
constexpr u64 line = 64;

/// One platform for each measurement: nothing is left over from the one before.
class Bench {
public:
    Bench(sim::Calendar& calendar, const platform::Config& c)
        : calendar_(calendar), memory_(events_, c.platform.memory),
          root_complex_(events_, memory_.dma_port(), nullptr, c.platform.root_complex),
          device_("nfp", events_, root_complex_, c.platform.link, device_config(c), DeviceId{0}) {}
    Bench(const Bench&) = delete;
    ~Bench() {
        device_.engine().stop();
        calendar_.run_for(1_ms); // whatever is under way comes home
    }

    double read_latency_ns(u32 bytes) {
        const sim::Time begin = sim::now();
        sim::Time end;
        sim::spawn(timed_read(bytes, end));
        calendar_.run_for(1_ms);
        return static_cast<double>((end - begin).ps()) / 1e3;
    }

    double bandwidth_gbps(devices::Direction direction, u32 bytes) {
        devices::Workload w;
        w.direction = direction;
        w.pattern = devices::Pattern::Random;
        w.min_bytes = w.max_bytes = bytes;
        w.align = (bytes + line - 1) / line * line;
        w.footprint = {{buffer(), window}};
        device_.engine().start(w);
        calendar_.run_for(warm_up);
        const u64 before = device_.engine().counts().bytes;
        calendar_.run_for(measured);
        const u64 bits = 8 * (device_.engine().counts().bytes - before);
        const double gbps = static_cast<double>(bits) * 1e3 / static_cast<double>(measured.ps());
        return direction == devices::Direction::Mixed ? gbps / 2 : gbps;
    }

private:
    /// The pipeline is full after a few latencies; then some thousands of transfers of the largest size.
    static constexpr sim::Duration warm_up = 20_us, measured = 1_ms;

    /// There is no IOMMU: what the device says is what it gets.
    Iova buffer() const { return Iova{memory_.ram_base().value()}; }
    sim::Task<void> timed_read(u32 bytes, sim::Time& end) {
        std::vector<std::byte> into(bytes);
        const pcie::DmaRequest request{buffer(), bytes};
        const pcie::Completion how = co_await device_.dma_read(request, into.data());
        if (!how.ok()) throw std::runtime_error("the read was refused");
        end = sim::now();
    }
    sim::Calendar& calendar_;
    base::EventBus events_{calendar_.clock()};
    memory::SystemMemory memory_;
    pcie::RootComplex root_complex_;
    devices::DmaDevice device_;
};

using Experiment = double (*)(Bench&, u32 bytes);
const std::map<std::string, Experiment> experiments{
    {"read-latency", [](Bench& b, u32 n) { return b.read_latency_ns(n); }},
    {"read-bandwidth", [](Bench& b, u32 n) { return b.bandwidth_gbps(devices::Direction::Read, n); }},
    {"write-bandwidth", [](Bench& b, u32 n) { return b.bandwidth_gbps(devices::Direction::Write, n); }},
    {"read-write-bandwidth", [](Bench& b, u32 n) { return b.bandwidth_gbps(devices::Direction::Mixed, n); }},
};

int answer(const platform::Config& config) {
    sim::Calendar calendar;
    std::string name;
    u32 bytes = 0;
    while (std::cin >> name >> bytes) {
        const auto found = experiments.find(name);
        if (found == experiments.end() || bytes == 0 || bytes > window) {
            fmt::print(stderr, "pcie_transport: no such measurement: {} {}\n", name, bytes);
            return 3;
        }
        Bench bench{calendar, config};
        fmt::print("{} {} {:.6f}\n", name, bytes, found->second(bench, bytes));
    }
    return std::cin.eof() ? 0 : 3;
}

} // namespace

int main(int argc, char** argv) {
    ::setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
    CLI::App app{"pcie-bench on the model: reads lines \"EXPERIMENT BYTES\", writes them with the result"};
    std::string preset = "pcie-bench-e5-2630v4";
    std::vector<std::string> sets;
    app.add_option("--preset", preset, "see `quiesce list presets`");
    app.add_option("--set", sets, "PATH=VALUE, over the preset");
    CLI11_PARSE(app, argc, argv);
    const auto config = configuration(preset, sets);
    return config ? answer(*config) : 2;
}

/// The library's own main is not used, but it refers to this.
int sc_main(int, char**) { return 0; }
