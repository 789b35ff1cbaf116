// SPDX-License-Identifier: Apache-2.0
/// `expect`: what a scenario claims about its own run. Each form is a row: name, help, how it is read, how it is judged.
#pragma once
#include "observe/run_record.h"
#include "platform/config.h"

#include <nlohmann/json.hpp>
#include <map>
#include <string>
#include <vector>

namespace quiesce::platform {

/// First and last instant of each event type after the first T0 (or from the start, while there is none).
class EventTimes {
public:
    explicit EventTimes(base::EventBus& bus);
    struct Times {
        sim::Time first{}, last{};
        u64 count = 0;
    };
    const std::map<std::string, Times, std::less<>>& times() const { return times_; }

private:
    std::map<std::string, Times, std::less<>> times_;
    std::vector<base::Subscription> tokens_;
    bool torn_ = false;
};

/// Everything that an expectation may look at.
struct Evidence {
    const observe::RunRecord& record;
    const nlohmann::ordered_json& json;      ///< of the record
    const EventTimes& events;
};

/// What an expectation is claimed under: `when: {path: value | [values]}`. Values are texts as the parameter writes them.
struct Condition {
    std::string path;
    std::vector<std::string> values;
};

struct Expectation {
    std::string form;                        ///< the row's name
    std::string text;                        ///< as people read it
    Mark at;
    Node argument;
    std::string process, device;             ///< only teardowns of these; empty: all
    std::vector<Condition> when;
};

struct ExpectationForm {
    std::string_view name, help, example;
    /// Complains about an argument that it cannot judge.
    void (*check)(const Expectation& e, Diagnostics& out);
    bool of_teardowns;                       ///< it is about teardowns, which `process` and `device` choose from
    /// Empty if it held, else what was found instead.
    std::string (*judge)(const Expectation& e, const Evidence& evidence);
};
const std::vector<ExpectationForm>& expectation_forms();

/// Who acts in a scenario, and the directions of its links: "acc0.link.up".
struct Cast {
    std::vector<std::string> processes, devices, links{};
};
/// The list under `expect`. What `when` names must be parameters of `config`, and values that they can have.
std::vector<Expectation> read_expectations(const Node& list, Config config, const Cast& cast, Diagnostics& out);
std::string judge(const Expectation& e, const Evidence& evidence);

} // namespace quiesce::platform
