// SPDX-License-Identifier: Apache-2.0
/// What sentences of the operating system and of devices have in common.
#pragma once
#include "platform/machine/devices.h"
#include "platform/scenario/plan.h"
#include "platform/scenario/steps.h"
#include "platform/machine/system.h"

#include <fmt/format.h>

namespace quiesce::platform {

std::vector<VerbRow> os_sentence_rows();
std::vector<VerbRow> device_sentence_rows();

inline constexpr u64 one_ns = 1'000; ///< in ps
inline constexpr u64 slowest_pace = 4'294'967'295 * one_ns; ///< Q_RATE has 32 bits of nanoseconds

InputError cannot_be(const Step& s, const std::string& why);
/// Whom the sentence is about; empty: nobody.
std::string process_of(const Step& s);
std::string not_bound(const Step& s);
/// The sentence came after its device's link had gone down.
void note_gone(const Stage& g, const Step& s, const std::string& device);
/// The kernel found nothing to do, though the plan saw no mistake: a race.
void note_lost(const Stage& g, const Step& s, const std::string& otherwise);

} // namespace quiesce::platform
