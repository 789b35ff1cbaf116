// SPDX-License-Identifier: Apache-2.0
/// Deliberate mistakes of the operating system, as `os.bugs`: the races of facts/linux-sva.md 14, and some of our own.
#pragma once
#include "base/param.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::os {

enum class Bug : u8 {
    R1, R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12, R13, R14, R15, R16, R17, R18, R19, R20, R21, R22, R23, R24, R25, R26,
    RV4, R7Amd, R8Amd, R26Amd, RE1, RE2, RE3, ForgetPageResponse, ForgetResume, ForgetTlbi, LeakPasid
};

struct BugRow {
    Bug bug;
    std::string_view name, help;
    std::string_view scenario; ///< of the library, that provokes it
    std::string_view set;      ///< what switches it on there; separated by blanks
    std::string_view kinds;    ///< of violations that it must raise; comma-separated
    std::string_view where = "smmuv3,vtd,amdvi"; ///< IOMMUs with which it can exist
    std::string_view policy = {};                ///< whose code it is in; empty: no matter whose
};
std::span<const BugRow> bug_rows();

/// Of the catalogue, and not here; `why`.
struct AbsentBug {
    std::string_view name, help, why;
};
std::span<const AbsentBug> absent_bugs();
/// The names of all, for `os.bugs`.
base::OneOf any_bug();

/// Which of them are switched on.
class Bugs {
public:
    Bugs() = default;
    /// Those that `policy` can have. Throws std::invalid_argument for a name that is none.
    Bugs(const std::vector<std::string>& names, std::string_view policy);
    bool has(Bug b) const { return (on_ >> static_cast<unsigned>(b) & 1) != 0; }

private:
    u64 on_ = 0;
};

} // namespace quiesce::os
