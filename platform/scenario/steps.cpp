// SPDX-License-Identifier: Apache-2.0
#include "platform/scenario/said.h"

#include <algorithm>

namespace quiesce::platform {

InputError cannot_be(const Step& s, const std::string& why) { return {s.place, fmt::format("{}: {}", s.sentence(), why)}; }

std::string process_of(const Step& s) {
    for (const ArgumentSpec& a : s.row->arguments)
        if (a.kind == ArgumentSpec::Kind::Process) return s.text(a.name);
    return {};
}
std::string not_bound(const Step& s) {
    return fmt::format("is not bound to {} any more", s.has("from") ? s.text("from") : s.actor);
}

void note_gone(const Stage& g, const Step& s, const std::string& device) {
    g.note(s, fmt::format("nothing to do: {} is gone, its link went down", device));
}

void note_lost(const Stage& g, const Step& s, const std::string& otherwise) {
    const std::string who = process_of(s);
    g.note(s, fmt::format("nothing to do: {} {}", who, g.now.life(who) == Situation::Life::Running ? otherwise : "is dying"));
}

sim::Task<void> say(Stage& stage, const Step& step) {
    const std::string who = process_of(step);
    if (!who.empty() && stage.now.life(who) == Situation::Life::Dead && !stage.now.killed_for(who).empty() && !step.row->of_the_dead) {
        const std::string dead = fmt::format("{} was killed for {}", who, stage.now.killed_for(who));
        const auto& arguments = step.row->arguments;
        const bool bears = std::any_of(arguments.begin(), arguments.end(), [](const ArgumentSpec& a) { return a.kind == ArgumentSpec::Kind::NewProcess; });
        if (bears) throw cannot_be(step, dead + ", and what follows is about its child");
        stage.note(step, "nothing to do: " + dead);
        co_return;
    }
    if (!who.empty() && stage.now.life(who) == Situation::Life::Dead && !step.row->of_the_dead)
        throw cannot_be(step, fmt::format("{} was dead when this came, {} into the run", who, base::format_duration(sim::now() - sim::Time{})));
    try {
        co_await step.row->run(stage, step);
    } catch (const InputError&) {
        throw;
    } catch (const std::runtime_error& e) { // the simulated machine cannot do it: no memory is left
        throw cannot_be(step, e.what());
    }
}

const std::vector<VerbRow>& verb_rows() {
    static const std::vector<VerbRow> rows = [] {
        std::vector<VerbRow> all = os_sentence_rows();
        for (VerbRow& row : device_sentence_rows()) all.push_back(std::move(row));
        return all;
    }();
    return rows;
}

} // namespace quiesce::platform
