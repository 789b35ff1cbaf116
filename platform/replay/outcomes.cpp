// SPDX-License-Identifier: Apache-2.0
/// What a vector expects of its steps.
#include "platform/replay/at.h"

namespace quiesce::platform {

std::string text_of(const iommu::PageGroupResponse& r) {
    return fmt::format("{{\"sid\":{}{},\"group\":{},\"code\":{}}}", raw(r.stream),
                       r.has_pasid ? fmt::format(",\"pasid\":{}", raw(r.pasid)) : "", r.group, static_cast<unsigned>(r.code));
}
std::string text_of(const iommu::AtcInvalidation& i) {
    const std::string who = i.has_pasid ? fmt::format(",\"pasid\":{}{}", raw(i.pasid), i.global ? ",\"global\":true" : "") : "";
    const std::string what = i.everything ? "\"everything\":true"
                                          : fmt::format("\"iova\":\"{:#x}\",\"bytes\":\"{:#x}\"", i.range.first.value(),
                                                        i.range.bytes);
    return fmt::format("{{\"sid\":{}{},{}}}", raw(i.stream), who, what);
}

namespace {

RecordBits read_record(const At& at) {
    at.only("raw mask name");
    RecordBits r{at["raw"].bytes(), {}, at.has("name") ? at["name"].text() : std::string{}};
    r.mask = at.has("mask") ? at["mask"].bytes() : Bytes(r.raw.size(), std::byte{0xff});
    if (r.raw.empty() || r.raw.size() % 8 != 0 || r.raw.size() > bare::Record::most_bytes)
        at["raw"].expected("a record of 8, 16, 24 or 32 bytes");
    if (r.mask.size() != r.raw.size()) at["mask"].expected(fmt::format("{} bytes, as in raw", r.raw.size()));
    return r;
}

std::vector<RecordBits> read_records(const At& at, std::string_view key) {
    std::vector<RecordBits> records;
    if (!at.has(key)) return records;
    const At list = at[key];
    for (std::size_t i = 0; i < list.size(); ++i) records.push_back(read_record(list[i]));
    return records;
}

std::string read_response(const At& at) {
    at.only("sid pasid group code");
    iommu::PageGroupResponse r;
    r.stream = StreamId{static_cast<u32>(at["sid"].integer(0, 0xffff'ffff))};
    r.has_pasid = at.has("pasid");
    if (r.has_pasid) r.pasid = Pasid{static_cast<u32>(at["pasid"].integer(0, 0xf'ffff))};
    r.group = static_cast<u16>(at["group"].integer(0, 0x1ff));
    r.code = static_cast<iommu::PageResponseCode>(at["code"].integer(0, 15));
    return text_of(r);
}
std::string read_invalidation(const At& at) {
    at.only("sid pasid global everything iova bytes");
    iommu::AtcInvalidation i;
    i.stream = StreamId{static_cast<u32>(at["sid"].integer(0, 0xffff'ffff))};
    i.has_pasid = at.has("pasid");
    if (i.has_pasid) i.pasid = Pasid{static_cast<u32>(at["pasid"].integer(0, 0xf'ffff))};
    i.global = at.flag("global");
    i.everything = at.flag("everything");
    if (!i.everything) i.range = IovaRange{Iova{at["iova"].hex()}, at["bytes"].hex()};
    return text_of(i);
}
std::vector<std::string> read_messages(const At& at, std::string_view key, std::string (*read)(const At& at)) {
    std::vector<std::string> messages;
    if (!at.has(key)) return messages;
    const At list = at[key];
    for (std::size_t i = 0; i < list.size(); ++i) messages.push_back(read(list[i]));
    return messages;
}

std::string_view read_status(const At& at, std::initializer_list<std::string_view> known, std::string_view expected) {
    const auto* found = std::find(known.begin(), known.end(), at.text());
    if (found == known.end()) at.expected(expected);
    return *found;
}

void read_answer(const At& at, const bare::Dma&, StepOutcome& o) {
    at.only("step status pa data events requests responses invalidations");
    o.status = read_status(at["status"], {"ok", "abort", "zero"}, "ok or abort");
    if (at.has("data")) o.data = at["data"].bytes();
}
void read_answer(const At& at, const bare::Question&, StepOutcome& o) {
    at.only("step status pa bytes may events requests responses invalidations");
    o.status = read_status(at["status"], {"ok", "abort", "retry"}, "ok, abort or retry");
    if (at.has("bytes")) o.bytes = at["bytes"].hex();
    if (at.has("may")) o.may = at["may"].text();
}
void read_answer(const At& at, const RegisterRead&, StepOutcome& o) {
    at.only("step val");
    o.value = at["val"].hex();
}
void read_answer(const At& at, const StoreStep&, StepOutcome&) {
    at["step"].expected("the number of a step other than mem");
}
template <class Silent>
void read_answer(const At& at, const Silent&, StepOutcome&) {
    at.only("step events requests responses invalidations");
}

} // namespace

StepOutcome read_outcome(const At& at, const std::vector<VectorStep>& steps) {
    if (steps.empty()) at["step"].expected("a step");
    StepOutcome o;
    o.step = at["step"].integer(0, steps.size() - 1);
    std::visit([&](const auto& step) { read_answer(at, step, o); }, steps[o.step]);
    if (at.has("pa")) o.pa = Spa{at["pa"].hex()};
    o.events = read_records(at, "events");
    o.requests = read_records(at, "requests");
    o.responses = read_messages(at, "responses", read_response);
    o.invalidations = read_messages(at, "invalidations", read_invalidation);
    return o;
}

} // namespace quiesce::platform
