// SPDX-License-Identifier: Apache-2.0
/// The registers of a VT-d unit, and its invalidation queue, as a test wants them to be. Nothing here knows the model's
/// layout: offsets and bits are those of facts/iommu-specs.md section 2.
#pragma once
#include "os/drivers/vtd_driver.h"
#include "os/stub_unit.h"

namespace quiesce::os::test::vtd {

using sim::Duration;
using sim::Task;
using sim::Time;
using Raw = std::array<u64, 4>;
constexpr Spa registers{0xfed9'0000};

/// One descriptor as the sheet's 2.6 says; an unexpected bit shows as "?".
inline std::string decode(const Raw& q) {
    const std::string did = " did " + hex(q[0] >> 16 & 0xffff), pasid = " pasid " + hex(q[0] >> 32 & 0xfffff);
    const bool tail = (q[2] | q[3]) != 0;
    const auto odd = [&](u64 allowed0, u64 allowed1) {
        return tail || (q[0] & ~(allowed0 | 0xe0f)) != 0 || (q[1] & ~allowed1) != 0 ? "?" : "";
    };
    switch ((q[0] >> 5 & 0x70) | (q[0] & 15)) {
    case 1: {
        const char* const grain[] = {"?", " global", " domain", " device"};
        return std::string{"cc"} + grain[q[0] >> 4 & 3] + did + " sid " + hex(q[0] >> 32 & 0xffff) +
               odd(0x3'ffff'ffff'0030, 0);
    }
    case 2: {
        const char* const grain[] = {"?", " global", " domain", " page"};
        return std::string{"iotlb"} + grain[q[0] >> 4 & 3] + did + odd(0xffff'00f0, ~u64{0xf80});
    }
    case 3:
        return "devtlb sid " + hex(q[0] >> 32 & 0xffff) + " every pasid" + sized(q[1], (q[1] & 1) != 0) +
               odd(0xfff0'ffff'001f'f000, ~u64{0xffe});
    case 5: {
        const u64 f = q[0] >> 4 & 15;
        return std::string{"wait"} + ((f & 1) != 0 ? " if" : "") + ((f & 2) != 0 ? " sw" : "") +
               ((f & 4) != 0 ? " fn" : "") + ((f & 8) != 0 ? " pd" : "") + odd(0xffff'ffff'0000'00f0, ~u64{3});
    }
    case 6: {
        const u64 grain = q[0] >> 4 & 3;
        std::string range = grain == 2 ? " all" : grain == 3 ? " order " + std::to_string(q[1] & 63) : "?";
        if (grain == 3) range += " at " + hex(q[1] >> 12 << 12) + ((q[1] & 64) != 0 ? " leaf" : "");
        return "piotlb" + did + pasid + range + odd(0xf'ffff'ffff'0030, grain == 3 ? ~u64{0xf80} : 0);
    }
    case 7: {
        const char* const grain[] = {" domain", "", "?", " global"};
        return "pc" + did + pasid + grain[q[0] >> 4 & 3] + odd(0xf'ffff'ffff'0030, 0);
    }
    case 8:
        return "pdevtlb sid " + hex(q[0] >> 16 & 0xffff) + pasid + sized(q[1] & ~u64{0xfff}, (q[1] >> 11 & 1) != 0) +
               odd(0xffff'ffff'ffff'f1f0, ~u64{0x7fe});
    case 9: {
        const u64 code = q[0] >> 12 & 15;
        return "response sid " + hex(q[0] >> 16 & 0xffff) + ((q[0] >> 4 & 1) != 0 ? pasid : "") + " group " +
               hex(q[1] >> 3 & 0x1ff) +
               (code == 0    ? " success"
                : code == 1  ? " invalid"
                : code == 15 ? " failure"
                             : "?") +
               odd(0xf'ffff'ffff'f010, 0xffc);
    }
    default: return "?" + hex(q[0]);
    }
}

/// GSTS follows GCMD; each write of IQT makes it fetch, one descriptor after the other, each `period` apart.
struct StubUnit final : QueueStub<4> {
    explicit StubUnit(memory::SystemMemory& m) : QueueStub(m, decode) {}
    /// SAGAW 48 and 57, FRO 0x400, 8 fault records, PSI, MAMV, FS5LP, ESRTPS.
    u64 cap = u64{7} | 0xcu << 8 | u64{47} << 16 | u64{0x40} << 24 | u64{1} << 39 | u64{7} << 40 | u64{52} << 48 |
              u64{1} << 60 | u64{1} << 63;
    /// C QI DT PT SC PRS PSS=20 PASID DIT PDS SMTS SSTS FSTS SMPWCS RPS.
    u64 ecap = 1u | 2u | 4u | 0x40u | 0x80u | u64{1} << 29 | u64{19} << 35 | u64{1} << 40 | u64{1} << 41 |
               u64{1} << 42 | u64{1} << 43 | u64{1} << 46 | u64{1} << 47 | u64{1} << 48 | u64{1} << 49;
    unsigned time_outs = 0;    ///< so many device-TLB invalidations get no answer
    u64 silent_source = 0x108; ///< what IQERCD says of them
    u32 refuse_type = 16;      ///< descriptors of this type are refused
    u32 faults = 0, gsts = 0, fsts_reads = 0;

    u64 tail() { return values[0x88]; }
    u64 entries() { return u64{128} << (values[0x90] & 7); }
    Raw at(u32 index) const { return entry_at(Spa{(values.at(0x90) & ~u64{0xfff}) + 32 * index}); }
    Task<void> mmio_write(u64 offset, unsigned size, u64 value) override {
        writes.emplace_back(offset, value);
        if (offset == 0x34) {
            faults &= ~static_cast<u32>(value & 0x71); // RW1C
            begin();
        } else if (offset == 0xdc) {
            values[0xdc] &= ~value;
        } else if (offset >= 0x400 && offset < 0x480 && offset % 16 == 12) {
            if (value >> 31 != 0) values[offset] &= 0x7fff'ffff;
        } else {
            values[offset] = value;
        }
        if (offset == 0x18) gsts = static_cast<u32>(value); // one-shot bits: RTPS stays set
        if (offset == 0x18 && (value & 0x400'0000) == 0) head = 0;
        if (offset == 0x88) begin();
        static_cast<void>(size);
        co_return;
    }
    Task<u64> mmio_read(u64 offset, unsigned) override {
        if (offset == 0x08) co_return cap;
        if (offset == 0x10) co_return ecap;
        if (offset == 0x1c) co_return gsts;
        if (offset == 0x34) {
            ++fsts_reads;
            co_return faults | values[0x34];
        }
        if (offset == 0x80) co_return head * 32;
        if (offset == 0xb0) co_return silent_source << 32;
        co_return values.contains(offset) ? values.at(offset) : 0;
    }
    void begin() {
        if (!std::exchange(running, true)) sim::spawn(consume());
    }
    Task<void> consume() {
        while (!stuck && faults == 0 && head * 32 != tail() && (gsts >> 26 & 1) != 0) {
            co_await sim::delay(period);
            const Raw d = at(head);
            const u64 type = d[0] & 15;
            if (type == refuse_type) {
                refuse_type = 16;
                faults |= 0x10; // IQE
                break;
            }
            if (time_outs > 0 && (type == 3 || type == 8)) {
                --time_outs;
                head = (head + 2) & (entries() - 1); // its wait descriptor was fetched and is aborted
                faults |= 0x40;                      // ITE
                break;
            }
            note(d);
            if (type == 5 && (d[0] >> 5 & 1) != 0) {
                const u32 status = static_cast<u32>(d[0] >> 32);
                std::array<std::byte, 4> bytes{};
                for (unsigned i = 0; i < 4; ++i) bytes[i] = static_cast<std::byte>(status >> 8 * i);
                memory.cpu_port().poke(Spa{d[1]}, bytes);
            }
            head = (head + 1) & (entries() - 1);
        }
        running = false;
    }
};

} // namespace quiesce::os::test::vtd
