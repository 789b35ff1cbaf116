// SPDX-License-Identifier: Apache-2.0
/// A platform without an operating system: memory, an SMMUv3 with tables written by hand, a root complex. For benchmarks and
/// for tests of the whole DMA path.
#pragma once
#include "devices/dma_engine.h"
#include "devices/sva_function.h"
#include "iommu/smmuv3/unit.h"
#include "memory/system_memory.h"
#include "pcie/root_complex.h"

#include <memory>
#include <vector>

namespace quiesce::testbench {

struct NoInterrupts : memory::InterruptSink {
    void message(Spa, u32) override {}
    void wire(unsigned) override {}
};

/// A function with one engine, in service from the start; with an ATC where its configuration has one.
class PlatformDevice final : public devices::SvaFunction {
public:
    PlatformDevice(base::Name name, base::EventBus& bus, pcie::RootComplex& rc, const devices::SvaFunctionConfig& c, DeviceId id)
        : SvaFunction(name, bus, rc, pcie::LinkConfig{}, c, 64_KiB, id), engine_(name, bus, *this, {}, 1, atc()) {
        take_into_service();
        if (atc() != nullptr) atc()->enable(true);
    }
    devices::DmaEngine& engine() { return engine_; }

private:
    std::vector<BondId> at_work() const override { return {}; } // nobody resets it
    devices::DmaEngine engine_;
};

/// One address space of 4 KiB pages, PASID 1, ASID 1, shared by every device; linear stream table.
class Smmuv3Platform {
public:
    static constexpr Iova heap{0x7f00'0000'0000};
    static constexpr Pasid pasid{1};
    static constexpr MmId mm{1};
    static constexpr unsigned stream_bits = 15; ///< device n is bus n + 1, so 64 devices reach 0x4000

    Smmuv3Platform(const memory::MemoryConfig& memory_config, const iommu::smmuv3::Smmuv3Config& smmu_config, u64 pages)
        : bus(calendar.clock()), memory(bus, memory_config), smmu("smmu", bus, memory.walk_port(), &interrupts, smmu_config),
          root_complex(bus, memory.dma_port(), &smmu.translation(), pcie::RootComplexConfig{}) {
        smmu.set_ats_port(&root_complex);
        next_frame_ = memory.ram_base() + (u64{1} << 20);
        map_heap(pages);
        write_tables();
        enable();
    }
    ~Smmuv3Platform() { calendar.shutdown(); }

    PlatformDevice& add_device(const devices::SvaFunctionConfig& config) {
        const auto id = static_cast<DeviceId>(devices.size());
        const BondId bond{static_cast<u32>(devices.size() + 1)};
        memory.ledger().bond_opened(bond, mm);
        devices.push_back(std::make_unique<PlatformDevice>("dev" + std::to_string(devices.size()), bus, root_complex, config, id));
        set_stream(devices.back()->stream(), config.atc.present ? iommu::smmuv3::StreamAts::Full : iommu::smmuv3::StreamAts::Off);
        return *devices.back();
    }
    /// The stream's entry: the address space above, with or without ATS. For the SMMU to see a change of an entry,
    /// invalidate it.
    void set_stream(StreamId stream, iommu::smmuv3::StreamAts ats = iommu::smmuv3::StreamAts::Off) {
        iommu::smmuv3::Ste ste = ste_;
        poke(stream_table_ + 64 * raw(stream), ste.set(iommu::smmuv3::Ste::EATS, ats).words());
    }
    devices::Workload work(const PlatformDevice& d, u64 first_page, u64 pages, u32 bytes) const {
        devices::Workload w;
        w.min_bytes = w.max_bytes = bytes;
        w.pattern = devices::Pattern::Random;
        w.footprint = {{heap + first_page * page_size, pages * page_size}};
        w.has_pasid = true;
        w.pasid = pasid;
        w.bond = BondId{raw(d.device()) + 1u};
        return w;
    }

    sim::Calendar calendar;
    base::EventBus bus;
    memory::SystemMemory memory;
    NoInterrupts interrupts;
    iommu::smmuv3::Unit smmu;
    pcie::RootComplex root_complex;
    std::vector<std::unique_ptr<PlatformDevice>> devices;

private:
    Spa take(u64 frames = 1) {
        const Spa at = next_frame_;
        next_frame_ += frames * page_size;
        return at;
    }
    template <class Words> void poke(Spa at, const Words& words) {
        for (std::size_t i = 0; i < words.size(); ++i) memory.cpu_port().poke64(at + 8 * i, words[i]);
    }
    /// The table below `entry`, made if it is not there.
    Spa below(Spa entry) {
        const u64 word = memory.cpu_port().peek64(entry);
        if (word & 1) return Spa{word & 0x0000'ffff'ffff'f000};
        const Spa table = take();
        memory.ledger().frame_taken(table, mm, memory::FrameUse::Table, Va{});
        memory.cpu_port().poke64(entry, table.value() | 3);
        return table;
    }
    void map_heap(u64 pages) {
        root_ = take();
        memory.ledger().frame_taken(root_, mm, memory::FrameUse::Table, Va{});
        for (u64 p = 0; p < pages; ++p) {
            const u64 va = heap.value() + p * page_size;
            Spa table = root_;
            for (unsigned shift = 39; shift > 12; shift -= 9) table = below(table + 8 * (va >> shift & 511));
            const Spa frame = take();
            memory.ledger().frame_taken(frame, mm, memory::FrameUse::Leaf, Va{va});
            // page, AttrIndx 0, AP[1] (unprivileged), inner shareable, AF, nG
            memory.cpu_port().poke64(table + 8 * (va >> 12 & 511), frame.value() | 0xf43);
        }
    }
    void write_tables() {
        using namespace iommu::smmuv3;
        const Spa contexts = take();
        Cd cd;
        cd.set(Cd::T0SZ, 16u).set(Cd::EPD1, true).set(Cd::V, true).set(Cd::IPS, 5u).set(Cd::AA64, true).set(Cd::R, true).set(Cd::A, true);
        cd.set(Cd::ASID, Asid{1}).set(Cd::TTB0, root_).set(Cd::MAIR0, 0xffu);
        poke(contexts + 64 * raw(pasid), cd.words());
        ste_.set(Ste::V, true).set(Ste::Config, StreamConfig::Stage1).set(Ste::S1ContextPtr, contexts).set(Ste::S1CDMax, 4u);
        next_frame_ = next_frame_.align_up(u64{64} << stream_bits); // STRTAB_BASE is aligned to the table's size (6.3.23)
        stream_table_ = take((u64{64} << stream_bits) / page_size);
    }
    void enable() {
        using namespace iommu::smmuv3;
        auto go = [](Smmuv3Platform& p) -> sim::Task<void> {
            co_await p.smmu.mmio_write(StrtabBase::offset, 8, p.stream_table_.value());
            co_await p.smmu.mmio_write(StrtabBaseCfg::offset, 4, stream_bits);
            co_await p.smmu.mmio_write(Cr0::offset, 4, 1);
        };
        sim::spawn(go(*this));
        calendar.run_for(sim::Duration::ps(10'000'000));
    }

    Spa next_frame_{}, root_{}, stream_table_{};
    iommu::smmuv3::Ste ste_;
};

} // namespace quiesce::testbench
