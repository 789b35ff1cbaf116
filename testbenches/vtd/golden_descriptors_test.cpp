// SPDX-License-Identifier: Apache-2.0
/// Invalidation descriptors held against rows that somebody else worked out by hand (golden/vtd_descriptors_golden.h):
/// their bytes, and what the unit is asked to do by each.
#include "golden/vtd_descriptors_golden.h"
#include "golden/vtd_queue_golden.h"
#include "iommu/fabric.h"
#include "vtd/golden_table.h"

namespace quiesce::iommu::vtd::test {
namespace {

using Row = gold::Structure<4>;
Identity descriptor_identity() { return every_feature(); }

Decode decoded(const Row& row) {
    return decode_descriptor(from_words<Descriptor>(row.words), descriptor_identity(), TableMode::Scalable);
}

template <class D, class Positions, class Rows>
void check_descriptors(const Positions& positions, const Rows& rows) {
    check_positions<D>(positions);
    judge_all(rows, [](const Row& row) { return differs<D>(row); });
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK(from_words<Descriptor>(row.words).get(Descriptor::Type) == D::type);
    }
}

/// Both kinds of IOTLB invalidations: what is to be forgotten, by the row's fields.
void check_iotlb(const Row& row, unsigned page_granularity, unsigned all_granularity) {
    if (shows_one_field(row)) return;
    INFO(row.what);
    const Decode d = decoded(row);
    REQUIRE(d.error == QueueError::None);
    REQUIRE(d.work);
    const Scope& s = d.work->scope;
    CHECK(d.work->kind == InvalidationKind::Translation);
    const u64 g = value_in(row, "G");
    CHECK(s.domain.has_value() == (g != all_granularity));
    if (s.domain) CHECK(raw(*s.domain) == value_in(row, "DID"));
    CHECK(s.range.has_value() == (g == page_granularity));
    if (!s.range) return;
    CHECK(s.range->first == Iova{value_in(row, "ADDR")});
    CHECK(s.range->bytes == page_size << value_in(row, "AM"));
    CHECK(s.leaf_only == (value_in(row, "IH") != 0));
}
void check_device_tlb(const Row& row) {
    if (shows_one_field(row) || std::string_view{row.what}.starts_with("PFSID")) return;
    INFO(row.what);
    const Decode d = decoded(row);
    REQUIRE(d.error == QueueError::None);
    REQUIRE(d.atc);
    CHECK(raw(d.atc->stream) == value_in(row, "SID"));
    CHECK(d.atc->has_pasid == (value_in(row, "Type") == 8));
    if (d.atc->has_pasid) CHECK(raw(d.atc->pasid) == value_in(row, "PASID"));
    CHECK(d.atc->global == (value_in(row, "GI") != 0));
}

} // namespace

TEST_CASE("descriptors have the bytes that somebody else worked out from the manual", "[golden][vtd]") {
    check_descriptors<CcInvDsc>(gold::cc_inv_dsc_fields, gold::cc_inv_dscs);
    check_descriptors<PcInvDsc>(gold::pc_inv_dsc_fields, gold::pc_inv_dscs);
    check_descriptors<IotlbInvDsc>(gold::iotlb_inv_dsc_fields, gold::iotlb_inv_dscs);
    check_descriptors<PIotlbInvDsc>(gold::p_iotlb_inv_dsc_fields, gold::p_iotlb_inv_dscs);
    check_descriptors<DevTlbInvDsc>(gold::dev_tlb_inv_dsc_fields, gold::dev_tlb_inv_dscs);
    check_descriptors<PDevTlbInvDsc>(gold::p_dev_tlb_inv_dsc_fields, gold::p_dev_tlb_inv_dscs);
    check_descriptors<IecInvDsc>(gold::iec_inv_dsc_fields, gold::iec_inv_dscs);
    check_descriptors<InvWaitDsc>(gold::inv_wait_dsc_fields, gold::inv_wait_dscs);
    check_descriptors<PageGrpRespDsc>(gold::page_grp_resp_dsc_fields, gold::page_grp_resp_dscs);
    check_descriptors<HptInvDsc>(gold::hpt_inv_desc_fields, gold::hpt_inv_descs);
}

TEST_CASE("descriptors as drivers write them are legal and ask for what they say",
          "[golden][vtd][cc_inv_dsc][pc_inv_dsc][iotlb_inv_dsc][p_iotlb_inv_dsc][dev_tlb_inv_dsc][p_dev_tlb_inv_dsc]"
          "[iec_inv_dsc][page_grp_resp_dsc]") {
    for (const Row& row : gold::cc_inv_dscs) {
        if (shows_one_field(row)) continue;
        INFO(row.what);
        const Decode d = decoded(row);
        REQUIRE((d.error == QueueError::None && d.work));
        const bool one = value_in(row, "G") == 3;
        CHECK(d.work->kind == InvalidationKind::Configuration);
        CHECK(d.work->scope.stream.has_value() == one);
        if (one) CHECK(raw(*d.work->scope.stream) == (value_in(row, "SID") & d.work->scope.stream_bits));
    }
    for (const Row& row : gold::pc_inv_dscs) {
        if (shows_one_field(row)) continue;
        INFO(row.what);
        const Decode d = decoded(row);
        REQUIRE((d.error == QueueError::None && d.work));
        const Scope& s = d.work->scope;
        CHECK(s.configuration_domain.has_value() == (value_in(row, "G") != 3));
        if (s.configuration_domain) CHECK(raw(*s.configuration_domain) == value_in(row, "DID"));
        CHECK(s.pasid.has_value() == (value_in(row, "G") == 1));
        if (s.pasid) CHECK(raw(*s.pasid) == value_in(row, "PASID"));
    }
    for (const Row& row : gold::iotlb_inv_dscs) check_iotlb(row, 3, 1);
    for (const Row& row : gold::p_iotlb_inv_dscs) {
        check_iotlb(row, 3, 4); // there is no granularity for all
        if (!shows_one_field(row)) CHECK(raw(decoded(row).work->scope.space.value()) == value_in(row, "PASID"));
    }
    for (const Row& row : gold::dev_tlb_inv_dscs) check_device_tlb(row);
    for (const Row& row : gold::p_dev_tlb_inv_dscs) check_device_tlb(row);
    for (const auto& row : gold::iec_inv_dscs) CHECK(decoded(row).error == QueueError::None);
    for (const auto& row : gold::inv_wait_dscs) CHECK(decoded(row).error == QueueError::None);
    for (const Row& row : gold::page_grp_resp_dscs) {
        INFO(row.what);
        const Decode d = decoded(row);
        REQUIRE((d.error == QueueError::None && d.page_response));
        CHECK(raw(d.page_response->stream) == value_in(row, "RID"));
        CHECK(d.page_response->has_pasid == (value_in(row, "PP") != 0));
        if (d.page_response->has_pasid) CHECK(raw(d.page_response->pasid) == value_in(row, "PASID"));
        CHECK(d.page_response->group == value_in(row, "PRGI"));
        CHECK(raw(d.page_response->code) == value_in(row, "RC"));
    }
    // The host permission table's cache: there is no such table, and no such descriptor.
    for (const Row& row : gold::hpt_inv_descs) CHECK(decoded(row).error == QueueError::BadType);
}

TEST_CASE("an address and S say which pages of a device-TLB are meant",
          "[golden][vtd][dev_tlb_inv_dsc][p_dev_tlb_inv_dsc]") {
    const auto& row = any_row(gold::device_tlb_sizes);
    INFO(row.what);
    Bench b;
    iommu::test::ReadyDevices devices;
    b.start(TableMode::Scalable);
    b.unit.set_ats_port(&devices);
    auto plain = Bench::make<DevTlbInvDsc>().set(DevTlbInvDsc::SID, RequesterId{0x3a10}).words();
    auto of_pasid = Bench::make<PDevTlbInvDsc>().set(PDevTlbInvDsc::SID, RequesterId{0x3a10}).words();
    plain[1] = row.type3;
    of_pasid[1] = row.type8;
    b.submit(Descriptor::from_words(plain), Descriptor::from_words(of_pasid), Bench::wait(1));
    CHECK(b.flagged() == 1);
    REQUIRE(devices.asked.size() == 2);
    for (const AtcInvalidation& what : devices.asked) {
        CHECK(what.everything == (row.bytes == 0));
        if (!what.everything) CHECK(what.range == IovaRange{Iova{row.base}, row.bytes});
    }
    CHECK(DevTlbInvDsc::from_words(plain).get(DevTlbInvDsc::S) == row.s);
    CHECK(PDevTlbInvDsc::from_words(of_pasid).get(PDevTlbInvDsc::S) == row.s);
}

TEST_CASE("the bits of each type of descriptor that are reserved are exactly the manual's", "[golden][vtd]") {
    struct Base {
        std::string_view name;
        std::vector<std::array<u64, 4>> legal; ///< a bit is reserved if it is refused in each
    };
    // Granularities of which one bit can be turned over, so that only what is reserved is refused.
    const Base bases[] = {
        {"cc_inv_dsc", {{0x31}}},         {"iotlb_inv_dsc", {{0x32}}},     {"dev_tlb_inv_dsc", {{0x03}}},
        {"iec_inv_dsc", {{0x04}}},        {"inv_wait_dsc", {{0x05}}},      {"p_iotlb_inv_dsc", {{0x26}, {0x36}}},
        {"pc_inv_dsc", {{0x07}, {0x17}}}, {"p_dev_tlb_inv_dsc", {{0x08}}}, {"page_grp_resp_dsc", {{0x09}}},
    };
    constexpr std::array no_table{Unmet{"hpt_inv_desc", "there is no host permission table: the type is unknown"}};
    unsigned compared = 0;
    for (const auto& row : gold::reserved_of_descriptors) {
        const std::string_view name = plain_name(row.structure);
        INFO(row.structure);
        Identity id = descriptor_identity();
        if (std::string_view{row.structure}.ends_with("DIT 0")) id = without(id, "ECAP.DIT");
        if (std::string_view{row.structure}.ends_with("PDS 0")) id = without(id, "ECAP.PDS");
        const auto refused = [&](const Descriptor& d) {
            return decode_descriptor(d, id, TableMode::Scalable).error == QueueError::ReservedField;
        };
        const auto base =
            std::find_if(std::begin(bases), std::end(bases), [&](const Base& b) { return b.name == name; });
        if (base == std::end(bases)) {
            CHECK(reason_not_to(no_table, name) != nullptr);
            CHECK(
                decode_descriptor(Descriptor{}.set(Descriptor::Type, DescriptorType::HptCache), id, TableMode::Scalable)
                    .error == QueueError::BadType);
            continue;
        }
        ++compared;
        // Another type is another descriptor; 00 and 01 of a PASID's IOTLB are reserved values, of which no row is.
        u64 other = Descriptor::Type.mask(0);
        if (name == "p_iotlb_inv_dsc") other |= PIotlbInvDsc::G.mask(0);
        for (unsigned n = 0; n < 256; ++n) {
            const bool reserved = std::all_of(base->legal.begin(), base->legal.end(), [&](const auto& words) {
                return refused(flipped(Descriptor::from_words(words), n));
            });
            INFO("bit " << n);
            if (n >= 64 || (other >> n & 1) == 0) CHECK(reserved == ((row.words[n / 64] >> n % 64 & 1) != 0));
        }
    }
    CHECK(compared + no_table.size() == gold::reserved_of_descriptors.size());
}

} // namespace quiesce::iommu::vtd::test
