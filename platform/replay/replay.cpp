// SPDX-License-Identifier: Apache-2.0
#include "platform/replay/replay.h"

#include "bare/amdvi.h"
#include "bare/smmuv3.h"
#include "bare/vtd.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

namespace quiesce::platform {
namespace {

constexpr BareArchitecture bare_architecture_table[] = {
    {"smmuv3",
     [](sim::Calendar& c, const Vector& v) { return bare::make_smmuv3(c, identity_of(v.identity), v.ram); },
     &bare::smmuv3_record_words, &bare::smmuv3_page_request_words, [](const Vector&, u64 offset) { return bare::smmuv3_register_words(offset); }},
    {"vtd", [](sim::Calendar& c, const Vector& v) { return bare::make_vtd(c, identity_of(v.vtd), v.ram); },
     &bare::vtd_record_words, &bare::vtd_page_request_words,
     [](const Vector& v, u64 offset) { return bare::vtd_register_words(identity_of(v.vtd), offset); }},
    {"amdvi", [](sim::Calendar& c, const Vector& v) { return bare::make_amdvi(c, identity_of(v.amdvi), v.ram); },
     &bare::amdvi_record_words, &bare::amdvi_page_request_words, [](const Vector&, u64 offset) { return bare::amdvi_register_words(offset); }},
};

Bytes copy_of(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

/// The bits that some field of the record has.
RecordBits record_bits(const bare::RecordWords& words, const bare::Record& record) {
    RecordBits r{copy_of(record.bytes()), Bytes(record.size), std::string{words.name}};
    for (const base::FieldRow& f : words.fields)
        for (unsigned bit = f.lsb; bit <= f.msb; ++bit) r.mask[bit / 8] |= std::byte{1} << bit % 8;
    return r;
}

/// Does the steps of one vector, one after the other.
class Stepper {
public:
    Stepper(const BareArchitecture& of, bare::Iommu& iommu, Outcome& out) : of_(of), iommu_(iommu), out_(out) {}
    void operator()(const StoreStep& s) {
        for (const auto& [at, value] : s.words) {
            if (iommu_.store(at, value)) stored_[at] = value; // where no RAM is a store has no effect
        }
    }
    void operator()(const RegisterWrite& w) {
        iommu_.write_register(w.offset, w.bytes, w.value);
        StepOutcome o = with_traces();
        if (o.has_traces()) out_.out.push_back(std::move(o));
    }
    void operator()(const RegisterRead& r) { out_.out.push_back({step, iommu_.read_register(r.offset, r.bytes)}); }
    void operator()(const bare::Dma& asked) {
        using End = bare::DmaAnswer::End;
        static constexpr std::string_view statuses[] = {"open", "ok", "zero", "abort", "abort"};
        bare::Dma d = asked;
        const bare::DmaAnswer answer = iommu_.dma(d);
        StepOutcome o = with_traces();
        o.status = statuses[static_cast<std::size_t>(answer.end)];
        if (answer.end == End::Done || answer.end == End::Aborted) o.pa = answer.to;
        const bool has_data = answer.end == End::Done || answer.end == End::Zero;
        if (has_data && !d.write) o.data = copy_of({d.data.data(), d.bytes});
        out_.out.push_back(std::move(o));
    }
    void operator()(const bare::Question& asked) {
        static constexpr std::string_view statuses[] = {"ok", "abort", "zero", "retry"};
        const bare::QuestionAnswer answer = iommu_.ask(asked);
        StepOutcome o = with_traces();
        o.status = answer.over ? statuses[static_cast<std::size_t>(answer.ending)] : "open";
        if (o.status == "ok") {
            o.may = std::string{answer.may.read ? "r" : ""} + (answer.may.write ? "w" : "") + (answer.may.execute ? "x" : "");
            if (!o.may->empty()) o.pa = answer.to.align_down(answer.bytes);
            if (!o.may->empty()) o.bytes = answer.bytes;
        }
        out_.out.push_back(std::move(o));
    }
    void operator()(const iommu::PageRequestMessage& m) {
        iommu_.page_request(m);
        out_.out.push_back(with_traces());
    }
    void finish() {
        std::vector<Spa> written = iommu_.written();
        std::sort(written.begin(), written.end());
        written.erase(std::unique(written.begin(), written.end()), written.end());
        for (const Spa at : written) {
            const auto known = stored_.find(at);
            const u64 now = iommu_.load(at);
            if (now != (known == stored_.end() ? 0 : known->second)) out_.final.emplace_back(at, now);
        }
    }
    std::size_t step = 0;

private:
    StepOutcome with_traces() const {
        const bare::Aftermath traces = iommu_.since_mark();
        StepOutcome o{step};
        for (const bare::Record& r : traces.records) o.events.push_back(record_bits(of_.record(r.bytes()), r));
        for (const bare::Record& r : traces.page_requests) o.requests.push_back(record_bits(of_.page_request(), r));
        for (const auto& r : traces.responses) o.responses.push_back(text_of(r));
        for (const auto& i : traces.invalidations) o.invalidations.push_back(text_of(i));
        return o;
    }
    const BareArchitecture& of_;
    bare::Iommu& iommu_;
    Outcome& out_;
    std::map<Spa, u64> stored_;
};

std::string hex_of(const Bytes& bytes) {
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::byte b : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", std::to_integer<unsigned>(b));
    return text;
}
std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

void append_records(std::string& to, std::string_view key, const std::vector<RecordBits>& records) {
    auto end = std::back_inserter(to);
    fmt::format_to(end, ",\"{}\":[", key);
    for (const RecordBits& e : records)
        fmt::format_to(end, "{}{{\"raw\":\"{}\",\"mask\":\"{}\",\"name\":{}}}", &e == records.data() ? "" : ",", hex_of(e.raw),
                       hex_of(e.mask), quoted(e.name));
    to += "]";
}

/// Each begins with a comma.
void append_traces(std::string& to, const VectorStep& step, const StepOutcome& o) {
    auto end = std::back_inserter(to);
    const bool page = std::holds_alternative<iommu::PageRequestMessage>(step);
    if (is_answered(step) || !o.events.empty()) append_records(to, "events", o.events);
    if (page || !o.requests.empty()) append_records(to, "requests", o.requests);
    if (!o.responses.empty()) fmt::format_to(end, ",\"responses\":[{}]", fmt::join(o.responses, ","));
    if (!o.invalidations.empty()) fmt::format_to(end, ",\"invalidations\":[{}]", fmt::join(o.invalidations, ","));
}

/// What follows its number; it begins with a comma, too.
void append_outcome(std::string& to, const VectorStep& step, const StepOutcome& o) {
    auto end = std::back_inserter(to);
    if (std::holds_alternative<RegisterRead>(step)) {
        fmt::format_to(end, ",\"val\":{}", o.value ? fmt::format("\"{:#x}\"", *o.value) : "null");
        return;
    }
    if (!o.status.empty()) fmt::format_to(end, ",\"status\":\"{}\"", o.status);
    if (o.pa && o.status == "ok") fmt::format_to(end, ",\"pa\":\"{:#x}\"", o.pa->value());
    if (o.bytes) fmt::format_to(end, ",\"bytes\":\"{:#x}\"", *o.bytes);
    if (o.may) fmt::format_to(end, ",\"may\":\"{}\"", *o.may);
    if (o.data) fmt::format_to(end, ",\"data\":\"{}\"", hex_of(*o.data));
    append_traces(to, step, o);
}

} // namespace

const BareArchitecture& architecture_of(const Vector& v) {
    return *std::find_if(std::begin(bare_architecture_table), std::end(bare_architecture_table),
                         [&](const BareArchitecture& a) { return a.name == v.arch; });
}

Outcome run_vector(sim::Calendar& calendar, const Vector& v) {
    Outcome out;
    const BareArchitecture& of = architecture_of(v);
    const auto iommu = of.make(calendar, v);
    Stepper stepper(of, *iommu, out);
    for (const VectorStep& s : v.steps) {
        iommu->mark();
        std::visit(stepper, s);
        if (!iommu->idle()) {
            out.stuck = fmt::format("the model has not become idle {} ms after step {}",
                                    bare::Iommu::patience.ps() / 1'000'000'000, stepper.step);
            break;
        }
        ++stepper.step;
    }
    stepper.finish();
    return out;
}

std::string outcome_json(const Vector& v, const Outcome& o) {
    std::string text = fmt::format("{{\"id\":{},\"out\":[", quoted(v.id));
    auto end = std::back_inserter(text);
    for (const StepOutcome& s : o.out) {
        fmt::format_to(end, "{}{{\"step\":{}", &s == o.out.data() ? "" : ",", s.step);
        append_outcome(text, v.steps[s.step], s);
        text += "}";
    }
    text += "],\"final\":[";
    for (const auto& [at, value] : o.final)
        fmt::format_to(end, "{}[\"{:#x}\",\"{:#x}\"]", &at == &o.final.front().first ? "" : ",", at.value(), value);
    text += "]";
    if (!o.stuck.empty()) fmt::format_to(end, ",\"stuck\":{}", quoted(o.stuck));
    return text + "}";
}

std::string skip_json(const Vector& v) {
    return fmt::format("{{\"id\":{},\"skip\":{}}}", quoted(v.id), quoted(v.skip));
}

} // namespace quiesce::platform
