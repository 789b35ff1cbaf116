// SPDX-License-Identifier: Apache-2.0
/// Holds what a model did against what a vector expects, field by field.
#include "base/text.h"
#include "platform/replay/replay.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <map>

namespace quiesce::platform {
namespace {

using RecordValue = std::array<u64, bare::Record::most_bytes / 8>;
RecordValue value_of(const Bytes& bytes) {
    RecordValue words{};
    std::memcpy(words.data(), bytes.data(), std::min(bytes.size(), sizeof words));
    return words;
}
constexpr unsigned widest_number = 32;

/// What a field holds; a wide one, which is an address, at its own bit positions.
u64 field_value(const RecordValue& words, const base::FieldRow& f) {
    const unsigned width = f.msb - f.lsb + 1, shift = f.lsb % 64;
    const u64 bits = words[f.lsb / 64] >> shift & base::low_bits(width);
    return width > widest_number ? bits << shift : bits;
}

class Judge {
public:
    explicit Judge(std::vector<Difference>& found) : found_(found) {}

    void item(std::string where, Level level) {
        where_ = std::move(where);
        level_ = level;
    }
    void differs(std::string_view field, std::string expected, std::string came) {
        found_.push_back({where_, std::string{field}, std::move(expected), std::move(came), level_});
    }
    void number(std::string_view field, u64 expected, u64 came) {
        if (expected != came) differs(field, fmt::format("{:#x}", expected), fmt::format("{:#x}", came));
    }
    /// The fields in which the words differ where `mask` is set, and what belongs to no field.
    void fields(std::string_view owner, const std::vector<base::FieldRow>& rows, RecordValue expected, RecordValue came,
                const RecordValue& mask) {
        for (std::size_t i = 0; i < mask.size(); ++i) {
            expected[i] &= mask[i];
            came[i] &= mask[i];
        }
        for (const base::FieldRow& f : rows) {
            number(fmt::format("{}.{}", owner, f.name), field_value(expected, f), field_value(came, f));
            const u64 bits = base::low_bits(f.msb - f.lsb + 1) << f.lsb % 64;
            expected[f.lsb / 64] &= ~bits;
            came[f.lsb / 64] &= ~bits;
        }
        for (std::size_t i = 0; i < mask.size(); ++i)
            number(fmt::format("{} bits {}:{} without a field", owner, 64 * i + 63, 64 * i), expected[i], came[i]);
    }

private:
    std::vector<Difference>& found_;
    std::string where_;
    Level level_{};
};

void judge_register(Judge& j, const Vector& v, const RegisterRead& r, const StepOutcome& expected,
                    const StepOutcome& came) {
    if (!came.value) return j.differs(r.name, fmt::format("{:#x}", *expected.value), "no answer");
    if (((*expected.value ^ *came.value) & r.mask) == 0) return;
    const bare::RecordWords words = architecture_of(v).register_at(v, r.offset);
    const std::string name = words.name.empty() ? r.name : std::string{words.name};
    j.fields(name, words.fields, {*expected.value}, {*came.value}, {r.mask});
}

/// How to read a record of a kind.
using Reader = std::function<bare::RecordWords(const RecordBits& r)>;

std::string named(const Reader& read, const RecordBits& r) {
    const bare::RecordWords words = read(r);
    if (words.name.empty()) return fmt::format("event {:#04x}", std::to_integer<unsigned>(r.raw[0]));
    return std::string{words.name};
}
std::string named(const Reader& read, const std::vector<RecordBits>& records) {
    std::string text;
    for (const RecordBits& r : records) text += (text.empty() ? "" : ", ") + named(read, r);
    return text.empty() ? "none" : text;
}

void judge_record(Judge& j, std::string_view kind, const Reader& read, const RecordBits& expected, const RecordBits& came) {
    const std::string name = named(read, expected);
    if (name != named(read, came)) return j.differs(kind, name, named(read, came));
    const bare::RecordWords words = read(expected);
    j.fields(name, words.fields, value_of(expected.raw), value_of(came.raw), value_of(expected.mask));
}
/// `kind` and `kinds`: what one of them is called, and several.
void judge_records(Judge& j, std::string_view kind, std::string_view kinds, const Reader& read,
                   const std::vector<RecordBits>& expected, const std::vector<RecordBits>& came) {
    if (expected.size() != came.size()) return j.differs(kinds, named(read, expected), named(read, came));
    for (std::size_t i = 0; i < expected.size(); ++i) judge_record(j, kind, read, expected[i], came[i]);
}

std::string hex_text(const Bytes& bytes) {
    std::string text;
    for (const std::byte b : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
    return text;
}

void judge_messages(Judge& j, std::string_view kind, const std::vector<std::string>& expected,
                    const std::vector<std::string>& came) {
    const auto text = [](const std::vector<std::string>& all) { return all.empty() ? "none" : base::join(all); };
    if (expected != came) j.differs(kind, text(expected), text(came));
}

void judge_outcome(Judge& j, const BareArchitecture& of, const StepOutcome& expected, const StepOutcome& came) {
    if (expected.status != came.status) j.differs("status", std::string{expected.status}, std::string{came.status});
    if (expected.pa && came.pa) j.number("pa", expected.pa->value(), came.pa->value());
    if (expected.bytes && came.bytes) j.number("bytes", *expected.bytes, *came.bytes);
    if (expected.may && expected.may != came.may) j.differs("may", *expected.may, came.may.value_or("nothing"));
    if (expected.data && came.data && *expected.data != *came.data)
        j.differs("data", hex_text(*expected.data), hex_text(*came.data));
    judge_records(j, "event", "events", [&](const RecordBits& r) { return of.record(r.raw); }, expected.events, came.events);
    judge_records(j, "request", "requests", [&](const RecordBits&) { return of.page_request(); }, expected.requests,
                  came.requests);
    judge_messages(j, "responses", expected.responses, came.responses);
    judge_messages(j, "invalidations", expected.invalidations, came.invalidations);
}

void judge_final(Judge& j, const Words& expected, const Words& came) {
    std::map<Spa, std::pair<const u64*, const u64*>> all;
    for (const auto& [at, value] : expected) all[at].first = &value;
    for (const auto& [at, value] : came) all[at].second = &value;
    const auto text = [](const u64* value) { return value == nullptr ? "unchanged" : fmt::format("{:#x}", *value); };
    for (const auto& [at, both] : all)
        if (text(both.first) != text(both.second))
            j.differs(fmt::format("word {:#x}", at.value()), text(both.first), text(both.second));
}

} // namespace

bool Judgement::differs(Level level) const {
    return std::any_of(differences.begin(), differences.end(), [&](const Difference& d) { return d.level == level; });
}

Judgement judge(const Vector& v, const Outcome& came) {
    Judgement result;
    Judge j(result.differences);
    if (!came.stuck.empty()) { // whatever was expected, this is none of it
        j.item("end", Level::Strict);
        j.differs("idle", "idle", came.stuck);
    }
    for (const StepOutcome& e : v.expect.value_or(std::vector<StepOutcome>{})) {
        const VectorStep& step = v.steps[e.step];
        j.item(fmt::format("step {} ({})", e.step, op_of(step)), v.level);
        const auto found =
            std::find_if(came.out.begin(), came.out.end(), [&](const auto& o) { return o.step == e.step; });
        if (found == came.out.end() && is_answered(step))
            j.differs("outcome", "one", "none");
        else if (const auto* read = std::get_if<RegisterRead>(&step))
            judge_register(j, v, *read, e, *found);
        else
            judge_outcome(j, architecture_of(v), e, found == came.out.end() ? StepOutcome{e.step} : *found);
    }
    j.item("final", v.final_level);
    if (v.final) judge_final(j, *v.final, came.final);
    const bool some_deviant = v.level == Level::Deviant || v.final_level == Level::Deviant;
    result.follows_deviation = some_deviant && result.differences.empty();
    return result;
}

} // namespace quiesce::platform
