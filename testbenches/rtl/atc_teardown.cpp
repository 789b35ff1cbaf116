// SPDX-License-Identifier: Apache-2.0
/// A teardown with RTL in it. A driver maps pages for a device, whose translation cache is atc.sv behind an SMMUv3 of ours;
/// takes one page away while the device writes; then ends the address space, waits for the fence, and gives the pages to
/// somebody else. The cache's completion must wait for the writes that it translated before, and the fence for the
/// completion. `atc_teardown hasty` straps the cache to complete at once: then writes land in pages that are somebody else's.
#include "device.h"
#include "smmuv3_host.h"

#include <algorithm>
#include <string_view>

namespace {
constexpr uint32_t requester = 3, address_space = 5;
constexpr uint64_t ASID = 7, here = 0x7f1234567000, pages = 4, registers_at = 0x2b400000, memory_at = 0x80000000;
constexpr unsigned char of_another = 0xa5;

class Driver : public sc_core::sc_module {
public:
    SC_HAS_PROCESS(Driver);
    Driver(sc_core::sc_module_name name, bool drains)
        : sc_module(name), drains_(drains), device_("device", {requester, address_space, here, pages, drains}, smmu_.p) {
        static const char* const settings[] = {"platform.root_complex.stream_base=0", "platform.memory.dma_latency=500ns"};
        auto c = sized<qsc_config>();
        c.kernel = QSC_KERNEL_HOST;
        c.settings = settings;
        c.setting_count = 2;
        c.iommu_base = smmu_.registers = registers_at;
        c.memory_base = smmu_.memory = memory_at;
        c.memory_bytes = 0x1000000;
        OK(qsc_create(&c, &smmu_.p));
        SC_THREAD(run);
    }

private:
    uint64_t frame(uint64_t page) const { return memory_at + AT_PAGES + 0x1000 * page; }
    uint64_t now() const {
        uint64_t ps = 0;
        OK(qsc_time(smmu_.p, &ps));
        return ps;
    }
    void let_pass(uint64_t ps) { OK(qsc_advance(smmu_.p, ps)); }

    void make_tables() {
        const uint64_t contexts = memory_at + AT_CONTEXTS;
        root_ = new_table(&smmu_);
        for (uint64_t page = 0; page < pages; ++page) map_page(&smmu_, root_, here + 0x1000 * page, frame(page));
        set_context(&smmu_, contexts + 64 * address_space, root_, ASID, 0);
        set_stream(&smmu_, requester, contexts, 4, 1);
        bring_up(&smmu_, 0);
        OK(qsc_device_set(smmu_.p, requester, QSC_DEVICE_ATS));
    }
    /// ATC_INV: 2^`log2_pages` pages of the PASID, or with 52 all of them; then the fence. -> when it was seen
    uint64_t invalidate_cache(uint64_t address, uint64_t log2_pages) {
        command(&smmu_, 0x40 | 1 << 11 | uint64_t{address_space} << 12 | uint64_t{requester} << 32, address | log2_pages);
        CHECK(synchronise(&smmu_));
        return now();
    }

    void stream_through_the_cache() {
        device_.stream(true);
        let_pass(20 * us);
        for (uint64_t page = 0; page < pages; ++page) {
            uint32_t word = 0;
            OK(qsc_memory_read(smmu_.p, frame(page), &word, sizeof word));
            CHECK(word == page + 1);                             // the device counts its writes
            CHECK(device_.asked(here + 0x1000 * page) == 1);     // all but the first were hits
        }
        std::printf("%u writes, one translation request a page\n", device_.ended());
    }
    /// One page of several: the cache keeps what the others have, and asks once more for this one.
    void take_a_page_away() {
        map_page(&smmu_, root_, here + 0x1000, 0);
        command(&smmu_, 0x12 | ASID << 48, (here + 0x1000) | 1); // TLBI_NH_VA, Leaf
        CHECK(synchronise(&smmu_));
        const uint64_t fence = invalidate_cache(here + 0x1000, 0);
        judge("munmap of a page", device_.met().at(0), fence);
        let_pass(20 * us);
        CHECK(device_.asked(here) == 1 && device_.asked(here + 0x2000) == 1 && device_.asked(here + 0x1000) >= 2);
        CHECK(device_.refused() > 0);
    }
    /// What an operating system does for a process that was killed: its context is made quiet, whatever was cached of it
    /// is forgotten, and after the fence its pages are somebody else's.
    void end_the_address_space() {
        const uint64_t began = now(), contexts = memory_at + AT_CONTEXTS;
        const uint64_t quiet[8] = {16 | UINT64_C(1) << 14 | UINT64_C(1) << 30 | UINT64_C(1) << 31 | UINT64_C(5) << 32 // EPD0
                                       | UINT64_C(1) << 41 | UINT64_C(1) << 46 | ASID << 48,
                                   0};
        store(&smmu_, contexts + 64 * address_space, quiet, 8);
        command(&smmu_, 0x05 | uint64_t{address_space} << 12 | uint64_t{requester} << 32, 1); // CFGI_CD, Leaf
        command(&smmu_, 0x11 | ASID << 48, 0);                                                // TLBI_NH_ASID
        CHECK(synchronise(&smmu_));
        const uint64_t fence = invalidate_cache(0, 52);
        const std::vector<unsigned char> other(0x1000 * pages, of_another);
        OK(qsc_memory_write(smmu_.p, frame(0), other.data(), other.size()));
        judge("end of the address space", device_.met().at(1), fence);
        std::printf("the pages were given away %llu ns after the kill\n", static_cast<unsigned long long>((fence - began) / 1000));
        const unsigned refused = device_.refused();
        let_pass(100 * us);
        CHECK(device_.refused() > refused); // it goes on trying
        std::vector<unsigned char> after(other.size());
        OK(qsc_memory_read(smmu_.p, frame(0), after.data(), after.size()));
        const auto spoilt = static_cast<unsigned>(other.size()) - static_cast<unsigned>(std::count(after.begin(), after.end(), of_another));
        std::printf("%u bytes of somebody else's pages were written to\n", spoilt);
        CHECK((spoilt == 0) == drains_);
        device_.stream(false);
        let_pass(10 * us);
        CHECK(device_.at_rest());
    }
    void judge(const char* what, const Met& m, uint64_t fence) const {
        std::printf("%s: invalidate request with tag %u taken at %llu ns, %u writes translated before it; %u of them ended until its\n"
                    "  completion %llu ns later, %u began after that; fence seen %llu ns after the completion\n", what, m.tag,
                    static_cast<unsigned long long>(m.taken_ps / 1000), m.live_before, m.ended_between,
                    static_cast<unsigned long long>((m.completed_ps - m.taken_ps) / 1000), m.begun_after,
                    static_cast<unsigned long long>((fence - m.completed_ps) / 1000));
        CHECK(m.live_before > 2);          // more than the link takes at a time: some wait inside of the RTL
        CHECK(m.completed_ps != 0 && m.completed_ps < fence);
        if (drains_) {
            CHECK(m.ended_between == m.live_before && m.begun_after == 0);
            CHECK(m.last_end_ps > m.taken_ps && m.last_end_ps <= m.completed_ps);
            CHECK(m.completed_ps - m.last_end_ps <= 4 * 2000); // four cycles
        } else {
            CHECK(m.completed_ps - m.taken_ps <= 4 * 2000 && m.ended_between < m.live_before);
        }
    }
    void run() {
        make_tables();
        stream_through_the_cache();
        take_a_page_away();
        end_the_address_space();
        sc_core::sc_stop();
        over_ = true;
    }

public:
    bool over() const { return over_; }
    ~Driver() override { OK(qsc_destroy(smmu_.p)); }

private:
    const bool drains_;
    bool over_ = false;
    uint64_t root_ = 0;
    smmu smmu_{};
    Device device_;
};
} // namespace

int sc_main(int argc, char** argv) {
    Driver driver{"driver", argc < 2 || std::string_view(argv[1]) != "hasty"};
    sc_core::sc_start();
    return driver.over() ? 0 : 1;
}
