// SPDX-License-Identifier: Apache-2.0
/// What the sources say about themselves: which test shows what, where a model deviates from its specification,
/// and what an event says.
/// scripts/coverage_notes.py makes the tables when the program is built.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace quiesce::platform {

/// A test with the tag `what`: the name of a row of the coverage statement, without square brackets.
struct ShownBy {
    std::string_view what;
    std::string_view test; ///< as ctest has it
};
/// In the order of the tests.
std::span<const ShownBy> shown_by();

/// A `MODEL:` of a source file: its sentence, behind the one that it belongs to.
struct Deviation {
    std::string_view file; ///< from the top of the tree
    unsigned line = 0;
    std::string_view text;
};
std::span<const Deviation> deviations();

/// What stands above an event's struct.
struct EventNote {
    std::string_view event;
    std::string_view room; ///< of the model that states it
    std::string_view text;
};
std::span<const EventNote> event_notes();

/// The name by which tests are tagged with a row: `STE.S1DSS`, `stage 1 leaf.AP1`, `F_TRANSLATION`.
std::string tag_of(std::string_view owner, std::string_view name);

} // namespace quiesce::platform
