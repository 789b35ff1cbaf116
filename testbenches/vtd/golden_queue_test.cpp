// SPDX-License-Identifier: Apache-2.0
/// The invalidation queue's behaviour held against rows that somebody else worked out by hand
/// (golden/vtd_queue_golden.h): which descriptors there are, what is wrong with a bad one, sizes, function masks.
#include "golden/vtd_queue_golden.h"
#include "vtd/golden_table.h"

namespace quiesce::iommu::vtd::test {
namespace {

QueueError verdict(unsigned type, TableMode mode, const Identity& id) {
    Descriptor::Words words{(type & 15) | u64{type >> 4} << 9};
    if (type == 1 || type == 2) words[0] |= 0x10; // granularity: all
    if (type == 6) words[0] |= 0x20;
    return decode_descriptor(Descriptor::from_words(words), id, mode).error;
}

} // namespace

TEST_CASE("each type of descriptor is legal in the modes that the manual says, and with its capability only",
          "[golden][vtd]") {
    constexpr std::array no_table{Unmet{"hpt_inv_desc", "there is no host permission table (ECAP.HPTS cannot be 1)"}};
    const auto differ = [](const gold::DescriptorType& row) -> std::string {
        const auto type = static_cast<DescriptorType>(row.type);
        if (descriptor_row(type) == nullptr || descriptor_row(type)->name() != row.name) return "another name";
        const Identity id = every_feature();
        if (verdict(row.type, TableMode::Scalable, id) != QueueError::None) return "illegal in scalable mode";
        if (verdict(row.type, TableMode::AbortDma, id) != QueueError::None) return "illegal in abort mode";
        const QueueError legacy = verdict(row.type, TableMode::Legacy, id);
        if (legacy != (row.legacy ? QueueError::None : QueueError::BadType)) return "another verdict in legacy mode";
        if (row.narrow != row.legacy) return "of 128 bits where there is no such queue";
        const QueueError less = verdict(row.type, TableMode::Scalable, without(id, row.needs));
        return less != (row.needs[0] == 0 ? QueueError::None : QueueError::BadType) ? "legal without its capability"
                                                                                    : "";
    };
    std::set<unsigned> known;
    for (const auto& row : gold::descriptor_types) {
        judge(row.name, differ(row), no_table);
        known.insert(row.type);
    }
    check_listed(gold::descriptor_types, no_table, [](const auto& row) { return row.name; });
    for (unsigned type = 0; type < 128; ++type) {
        INFO("type " << type);
        if (known.count(type) == 0) CHECK(verdict(type, TableMode::Scalable, every_feature()) == QueueError::BadType);
    }
}

TEST_CASE("what is wrong in the queue is said as in the manual, and the head stays",
          "[golden][vtd][IQERCD][IQT][IQA]") {
    const auto& row = any_row(gold::queue_errors);
    INFO(row.what);
    Bench b{VtdConfig{}, without(identity_of(VtdConfig{}), row.missing)};
    const u64 bytes = row.dw ? wide_descriptor_bytes : narrow_descriptor_bytes;
    // What waits outside memory, or for devices that there are not, is none of the queue's errors.
    b.write(Rtaddr{}.set(Rtaddr::RTA, Bench::root).set(Rtaddr::TTM, static_cast<TableMode>(row.ttm)));
    b.command(Gcmd::SRTP);
    b.write(Iqa{}.set(Iqa::ADDR, Bench::iq).set(Iqa::DW, row.dw));
    for (unsigned w = 0; w < bytes / 8; ++w) b.memory.poke64(Bench::iq + 8 * w, row.words[w]);
    b.command(Gcmd::QIE);
    b.write(Iqt::of(row.tail));
    CHECK(b.get(Fsts::IQE) == (row.iqei != 0));
    CHECK(raw(b.get(Iqercd::IQEI)) == row.iqei);
    CHECK(b.read<Iqh>().value() == (row.iqei != 0 ? 0 : row.tail));
}

TEST_CASE("queues have the sizes that the manual says", "[golden][vtd][IQA][IQH][IQT][PQA]") {
    const auto& row = any_row(gold::queue_sizes);
    const bool wide = GENERATE(true, false);
    INFO("size " << row.code << (wide ? ", 256 bits" : ", 128 bits"));
    Bench b;
    b.write(Iqa{}.set(Iqa::ADDR, Bench::iq).set(Iqa::DW, wide).set(Iqa::QS, row.code));
    b.set_root(wide ? TableMode::Scalable : TableMode::Legacy);
    // Its last descriptor, and behind it the first again: from the end of its memory head and tail go to 0.
    const u32 entries = wide ? row.entries_256 : row.entries_128;
    const u64 bytes = row.bytes / entries;
    CHECK(bytes == (wide ? wide_descriptor_bytes : narrow_descriptor_bytes));
    const auto put = [&](u64 at, const InvWaitDsc& d) {
        const auto all = d.to_bytes();
        REQUIRE(b.memory.poke(Bench::iq + at, {all.data(), static_cast<std::size_t>(bytes)}));
    };
    for (u32 n = 0; n + 1 < entries; ++n) put(n * bytes, Bench::make<InvWaitDsc>());
    put(row.bytes - bytes, Bench::wait(7));
    b.command(Gcmd::QIE);
    b.write(Iqt::of(row.bytes - bytes));
    CHECK(b.read<Iqh>().value() == row.bytes - bytes);
    CHECK(b.flagged() == 0);
    b.write(Iqt{});
    CHECK(b.flagged() == 7);
    CHECK(b.read<Iqh>().value() == 0);
    CHECK_FALSE(b.get(Fsts::IQE));
}

TEST_CASE("a page request queue holds as many as the manual says, less one", "[golden][vtd][PQA][PQH][PQT][PRS]") {
    const auto& row = any_row(gold::queue_sizes);
    INFO("size " << row.code);
    Bench b;
    b.start(TableMode::Scalable);
    b.simple(here, there);
    b.write(Pqa{}.set(Pqa::ADDR, Bench::prq).set(Pqa::PQS, row.code));
    const u64 last = row.bytes - page_request_bytes;
    CHECK(row.bytes / page_request_bytes == row.entries_256);
    b.write(Pqh::of(page_request_bytes));
    b.write(Pqt::of(last));
    PageRequestMessage m;
    m.stream = StreamId{Bench::stream};
    m.has_pasid = m.read = true;
    m.pasid = Pasid{5};
    m.at = here;
    const auto send = [&] {
        sim::spawn(b.unit.page_request(m));
        b.settle();
    };
    send();
    CHECK(b.load<PageReqDsc>(Bench::prq + last).get(PageReqDsc::ADDR) == here);
    CHECK(b.read<Pqt>().value() == 0); // round the end: one entry is left, which stays free
    CHECK_FALSE(b.get(Prs::PRO));
    send();
    CHECK(b.get(Prs::PRO));
}

TEST_CASE("a function mask takes the functions that the manual's table says", "[golden][vtd][cc_inv_dsc]") {
    const auto& row = any_row(gold::function_masks);
    const unsigned function = GENERATE(range(0u, 8u));
    INFO("FM " << row.fm << ", function " << function);
    const u32 who = 0x3a10 + function;
    Bench b;
    b.start(TableMode::Scalable);
    b.store_context(Bench::context(), who);
    b.store_pasid(5, Bench::entry(PagingTranslation::PassThrough));
    REQUIRE(b.dma(Iova{0x5000}, {who, 5}).ending == Ending::Grant);
    b.store_context(ScalableContextEntry{}, who);
    b.submit(Bench::forget_context(0x3a10, static_cast<FunctionMask>(row.fm)), Bench::wait(1));
    const bool forgotten = b.dma(Iova{0x5000}, {who, 5}).ending == Ending::Abort;
    CHECK(forgotten == ((row.functions >> function & 1) != 0));
}

} // namespace quiesce::iommu::vtd::test
