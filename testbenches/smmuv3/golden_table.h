// SPDX-License-Identifier: Apache-2.0
/// What golden tests share: a table of worked-out bytes that is compared with what the layouts make.
#pragma once
#include "golden/smmuv3_golden.h"
#include "smmuv3/bench.h"

#include <set>

namespace quiesce::iommu::smmuv3::test {

/// The rows of a golden table, found by name; checked off, so that a test can tell whether it met every row.
template <class Rows>
class Table {
public:
    explicit Table(const Rows& rows) : rows_(rows) {}
    ~Table() {
        for (const auto& row : rows_) {
            INFO("never compared: " << row.what);
            CHECK(seen_.count(row.what) == 1);
        }
    }
    template <class S>
    void check(const char* what, const S& made) {
        INFO(what);
        const auto row =
            std::find_if(rows_.begin(), rows_.end(), [&](const auto& r) { return std::string{r.what} == what; });
        REQUIRE(row != rows_.end());
        CHECK(seen_.insert(what).second);
        REQUIRE(row->bytes == S::byte_count);
        for (unsigned w = 0; w < S::word_count; ++w) {
            INFO("word " << w);
            CHECK(made.word(w) == row->words[w]);
        }
        // and back: bytes in memory give the same fields
        std::array<std::byte, S::byte_count> raw{};
        for (unsigned i = 0; i < S::byte_count; ++i) raw[i] = static_cast<std::byte>(row->words[i / 8] >> (i % 8 * 8));
        CHECK(S::from_bytes(raw) == made);
        CHECK(made.to_bytes() == raw);
    }
    /// A row that is judged in another way than by its bytes.
    void seen(const char* what) { CHECK(seen_.insert(what).second); }

private:
    const Rows& rows_;
    std::set<std::string> seen_;
};

/// The words of a golden row as the structure `S`.
template <class S>
S as(const golden::GoldenBytes& row) {
    typename S::Words words{};
    std::copy_n(row.words.begin(), words.size(), words.begin());
    return S::from_words(words);
}

/// Values that the golden rows have in common.
inline constexpr StreamId golden_sid{0x1234};
inline constexpr Pasid golden_ssid{0x5a5};
inline constexpr Iova golden_va{0x7f12'3456'7a80}, golden_page{0x7f12'3456'7000};
inline constexpr Spa golden_table1{0x81'2345'6000};

/// Stage 1 with the walk attributes that Linux uses for its descriptor tables.
inline Ste golden_stage1(Spa cds, unsigned cd_max = 0, NoSubstream dss = NoSubstream::Terminate,
                         CdTable format = CdTable::Linear) {
    return Ste{}
        .set(Ste::V, true)
        .set(Ste::Config, StreamConfig::Stage1)
        .set(Ste::S1Fmt, format)
        .set(Ste::S1ContextPtr, cds)
        .set(Ste::S1CDMax, cd_max)
        .set(Ste::S1DSS, dss)
        .set(Ste::S1CIR, WalkCacheability::WriteBackReadAllocate)
        .set(Ste::S1COR, WalkCacheability::WriteBackReadAllocate)
        .set(Ste::S1CSH, WalkShareability::InnerShareable);
}
inline Cd golden_live_cd(bool aset, Spa table = golden_table1) {
    return Cd{}
        .set(Cd::T0SZ, 16)
        .set(Cd::IR0, WalkCacheability::WriteBackReadAllocate)
        .set(Cd::OR0, WalkCacheability::WriteBackReadAllocate)
        .set(Cd::SH0, WalkShareability::InnerShareable)
        .set(Cd::EPD1, true)
        .set(Cd::V, true)
        .set(Cd::IPS, 5)
        .set(Cd::AA64, true)
        .set(Cd::R, true)
        .set(Cd::A, true)
        .set(Cd::ASET, aset)
        .set(Cd::ASID, Asid{0x37})
        .set(Cd::TTB0, table)
        .set(Cd::MAIR0, 0xff);
}
inline TranslationRequest golden_request(Access access = Access::Read, bool has_pasid = true, Iova at = golden_va) {
    return {1, DeviceId{0}, golden_sid, has_pasid, has_pasid ? golden_ssid : Pasid{0}, at, 4, access};
}

/// The SMMU that golden/smmuv3_stage2_golden.h describes: both stages, ATS and PRI, EL2, stalls, HTTU 10, all granules.
inline Identity golden_identity(unsigned output_bits = 48, bool small_tables = false) {
    Smmuv3Config c;
    c.stage2 = c.vmid16 = c.hypervisor = c.granule_16k = c.granule_64k = true;
    c.hardware_update = 2;
    c.stall_model = StallModel::StallAndTerminate;
    c.output_bits = output_bits;
    c.small_tables = small_tables;
    return identity_of(c);
}

} // namespace quiesce::iommu::smmuv3::test
