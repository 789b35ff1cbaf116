// SPDX-License-Identifier: Apache-2.0
#include "bare/smmuv3.h"

#include "iommu/smmuv3/unit.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <set>

using namespace quiesce;
using namespace quiesce::iommu::smmuv3;
using bare::DmaAnswer;

namespace {

/// What a small SMMUv3.1 with stage 1 gives for its identification registers: 16 StreamID bits, 44 address bits.
constexpr IdentityValues small_v3_1{0x0d44'101a, 0x0273'0010, 0, 0x1404, 0, 0x74, 1};
constexpr memory::RamRange low_ram{Spa{0x4000'0000}, 0x1000'0000}, high_ram{Spa{0x8000'0000}, 0x10'0000};

struct BareSmmuv3Bench {
    explicit BareSmmuv3Bench(const IdentityValues& values = small_v3_1)
        : iommu(bare::make_smmuv3(calendar, identity_of(values), {low_ram, high_ram})) {}
    /// Linear table of 16 streams, event queue of 2 records; stream 1 bypasses, stream 2 is not valid.
    void start() {
        if (iommu->load(strtab + 64) == 0) iommu->store(strtab + 64, 0x9); // V, Config = bypass
        iommu->write_register(0x80, 8, strtab.value());                    // STRTAB_BASE
        iommu->write_register(0x88, 4, 4);                                 // STRTAB_BASE_CFG: 2^4, linear
        iommu->write_register(0xa0, 8, evtq.value() | 1);                  // EVENTQ_BASE: 2^1
        iommu->write_register(0x20, 4, 0x5);                               // CR0: SMMUEN, EVENTQEN
    }
    DmaAnswer write(u32 stream, Iova at, u64 value) {
        bare::Dma d{StreamId{stream}, at, true, 8};
        std::memcpy(d.data.data(), &value, sizeof value);
        return iommu->dma(d);
    }
    static constexpr Spa strtab{0x4100'0000}, evtq{0x4200'0000};
    sim::Calendar calendar{"calendar"};
    std::unique_ptr<bare::Iommu> iommu;
};

} // namespace

TEST_CASE("a unit made from register values gives these values back, and is what they say",
          "[bare][IDR0][IDR1][IDR3][IDR5][AIDR]") {
    BareSmmuv3Bench b;
    const u32 values[] = {0x0d44'101a, 0x0273'0010, 0, 0x1404, 0, 0x74};
    for (unsigned i = 0; i < std::size(values); ++i) CHECK(b.iommu->read_register(i * 4, 4) == values[i]);
    CHECK(b.iommu->read_register(0x1c, 4) == 1u);
    b.start();
    // 44 address bits: the address is put out; a 45th ends the access without a record.
    CHECK(b.write(1, Iova{u64{1} << 43}, 1).end == DmaAnswer::End::Aborted);
    const DmaAnswer wide = b.write(1, Iova{u64{1} << 44}, 1);
    CHECK(wide.end == DmaAnswer::End::Refused);
}

TEST_CASE("accesses that are translated to where no RAM is are aborted, and RAM may have several ranges", "[bare]") {
    BareSmmuv3Bench b;
    b.start();
    CHECK(b.write(1, Iova{0x4300'0000}, 7).end == DmaAnswer::End::Done);
    CHECK(b.write(1, Iova{0x8000'0008}, 8).end == DmaAnswer::End::Done);
    CHECK(b.write(1, Iova{0x7000'0000}, 9).end == DmaAnswer::End::Aborted);
    CHECK(b.iommu->load(Spa{0x4300'0000}) == 7);
    CHECK(b.iommu->load(Spa{0x8000'0008}) == 8);
    const std::set<Spa> written(b.iommu->written().begin(), b.iommu->written().end());
    CHECK(written == std::set<Spa>{Spa{0x4300'0000}, Spa{0x8000'0008}});
    CHECK_FALSE(b.iommu->store(Spa{0x7000'0000}, 1));
}

TEST_CASE("an access's records are those that it left in the event queue, across its wrap and not beyond its end",
          "[bare]") {
    BareSmmuv3Bench b;
    b.start();
    u32 consumed = 0;
    for (u32 n = 0; n < 5; ++n) {
        const DmaAnswer refused = b.write(2, Iova{0x1000}, 0);
        CHECK(refused.end == DmaAnswer::End::Refused);
        REQUIRE(refused.records.size() == 1);
        const auto words = bare::smmuv3_record_words(refused.records[0].bytes());
        CHECK(words.name == "C_BAD_STE");
        CHECK(EventRecord::from_bytes(refused.records[0].bytes()).get(EventRecord::SID) == StreamId{2});
        consumed = (consumed + 1) & 3;
        b.iommu->write_register(0x100ac, 4, consumed); // EVENTQ_CONS
    }
    CHECK(b.write(2, Iova{0x1000}, 0).records.size() == 1);
    CHECK(b.write(2, Iova{0x1000}, 0).records.size() == 1);
    CHECK(b.write(2, Iova{0x1000}, 0).records.empty()); // full: lost
    CHECK(b.iommu->written().empty());                  // the queue is nobody's data
}

TEST_CASE("another model takes the calendar when one went away in the middle of an access", "[bare]") {
    IdentityValues stalling = small_v3_1;
    stalling.idr0 &= ~0x0300'0000u; // STALL_MODEL: stall and terminate
    stalling.idr5 |= 0x4'0000;      // STALL_MAX 4
    BareSmmuv3Bench b{stalling};
    b.start();
    CHECK(b.write(2, Iova{0x1000}, 0).end == DmaAnswer::End::Refused);
    b.iommu.reset();
    b.iommu = bare::make_smmuv3(b.calendar, identity_of(small_v3_1), {low_ram});
    CHECK(b.iommu->load(BareSmmuv3Bench::strtab + 64) == 0);
    CHECK(b.iommu->read_register(0x20, 4) == 0u);
    b.start();
    CHECK(b.write(1, Iova{0x4300'0000}, 7).end == DmaAnswer::End::Done);
    CHECK(b.iommu->idle());
}

TEST_CASE("a unit made from register values keeps a translation without nG for its ASID only", "[bare]") {
    BareSmmuv3Bench b;
    b.iommu->store(b.strtab + 64, 0x4300'000b);              // V, Config = stage 1, S1ContextPtr
    b.iommu->store(Spa{0x4300'0000}, 0x0007'6204'c000'0019); // ASID 7, A, R, AA64, IPS 44 bits, V, EPD1, T0SZ 25
    b.iommu->store(Spa{0x4300'0008}, 0x4400'0000);           // TTB0
    b.iommu->store(Spa{0x4400'0000}, 0x4400'1003);           // level 1
    b.iommu->store(Spa{0x4400'1000}, 0x4500'0441);           // level 2: a block of 2 MiB, AF, AP[1], no nG
    b.iommu->write_register(0x90, 8, 0x4600'0001);           // CMDQ_BASE: 2^1
    b.start();
    b.iommu->write_register(0x20, 4, 0xd); // CR0: SMMUEN, EVENTQEN, CMDQEN
    CHECK(b.write(1, Iova{0x10}, 1).to == Spa{0x4500'0010});
    b.iommu->store(Spa{0x4400'1000}, 0x4520'0441);
    CHECK(b.write(1, Iova{0x10}, 1).to == Spa{0x4500'0010}); // kept
    b.iommu->store(Spa{0x4600'0000}, 0x0007'0000'0000'0011); // TLBI_NH_ASID 7
    b.iommu->store(Spa{0x4600'0010}, 0x46);                  // SYNC
    b.iommu->write_register(0x98, 4, 2);
    CHECK(b.write(1, Iova{0x10}, 1).to == Spa{0x4520'0010});
}

TEST_CASE("what the model cannot be is said, a register at a time", "[bare]") {
    CHECK(what_it_cannot_be(identity_of(small_v3_1)).empty());
    CHECK(what_it_cannot_be(identity_of(Smmuv3Config{})).empty());
    const auto refused = [](auto member, u32 value) {
        IdentityValues v = small_v3_1;
        v.*member = value;
        return std::string{what_it_cannot_be(identity_of(v))};
    };
    CHECK(refused(&IdentityValues::idr0, 0x0d44'1018) == "IDR0 says that there is neither stage");
    CHECK(refused(&IdentityValues::idr0, 0x0d44'101e).substr(0, 8) == "IDR0.TTF");
    CHECK(refused(&IdentityValues::idr0, 0x2d44'101a).substr(0, 4) == "bits");
    CHECK(refused(&IdentityValues::idr0, 0x0c44'101a).substr(0, 14) == "IDR5.STALL_MAX");
    CHECK(refused(&IdentityValues::idr1, 0x0273'0021).substr(0, 12) == "IDR1.SIDSIZE");
    CHECK(refused(&IdentityValues::idr1, 0x8273'0010).substr(0, 10) == "IDR1.ECMDQ");
    CHECK(refused(&IdentityValues::idr3, 0x3404).substr(0, 9) == "IDR3.E0PD");
    CHECK(refused(&IdentityValues::idr5, 0x76).substr(0, 8) == "IDR5.OAS");
    CHECK(refused(&IdentityValues::idr5, 0x04) == "IDR5 says that there is no granule");
    CHECK(refused(&IdentityValues::aidr, 0x4).substr(0, 4) == "AIDR");
}
