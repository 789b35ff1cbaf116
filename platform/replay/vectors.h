// SPDX-License-Identifier: Apache-2.0
/// Vectors: what is done to a bare IOMMU, and what another implementation answered. One JSON object in each line.
#pragma once
#include "bare/iommu.h"
#include "iommu/smmuv3/config.h"
#include "iommu/amdvi/config.h"
#include "iommu/vtd/config.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace quiesce::platform {

/// What is wrong with a line, as "steps[3].val: expected ...". `column` counts from 1; 0 where only the line is known.
class VectorError : public std::runtime_error {
public:
    explicit VectorError(const std::string& what, std::size_t column = 0) : std::runtime_error(what), column_(column) {}
    std::size_t column() const { return column_; }

private:
    std::size_t column_;
};

using Bytes = std::vector<std::byte>;
using Words = std::vector<std::pair<Spa, u64>>;

/// Little-endian words, 8-aligned, put into memory by a processor.
struct StoreStep {
    Words words;
};
struct RegisterWrite {
    std::string name;
    u64 offset = 0;
    unsigned bytes = 4;
    u64 value = 0;
};
struct RegisterRead {
    std::string name;
    u64 offset = 0;
    unsigned bytes = 4;
    u64 mask = 0; ///< the bits that are compared
};
using VectorStep =
    std::variant<StoreStep, RegisterWrite, RegisterRead, bare::Dma, bare::Question, iommu::PageRequestMessage>;

/// How much a difference means. Strict: two independent readings of the architecture agree. Soft: one voice, or the
/// specification leaves room. Deviant: the other implementation is wrong.
enum class Level : u8 { Strict, Soft, Deviant };
constexpr auto enum_names(Level) {
    return base::name_table<Level>({{Level::Strict, "strict"}, {Level::Soft, "soft"}, {Level::Deviant, "deviant"}});
}

/// A fault record, or an entry of a queue of page requests; only the bits of `mask` are compared.
struct RecordBits {
    Bytes raw, mask;
    std::string name;
};
/// What came of a step.
struct StepOutcome {
    std::size_t step = 0;
    std::optional<u64> value{}; ///< rd
    /// dma: ok, abort, zero (ended as RAZ/WI), open (never ended); translate: ok, abort, retry, open; empty for others
    std::string_view status{};
    std::optional<Spa> pa{};    ///< also of an access that was aborted there
    std::optional<Bytes> data{};
    std::vector<RecordBits> events{}, requests{};
    std::vector<std::string> responses{}, invalidations{}; ///< what devices were sent, as text_of() says it
    std::optional<u64> bytes{};                             ///< translate: the size of what it was told
    std::optional<std::string> may{};                       ///< translate: of r, w and x those that are allowed

    bool has_traces() const {
        return !events.empty() || !requests.empty() || !responses.empty() || !invalidations.empty();
    }
};
std::string text_of(const iommu::PageGroupResponse& r);
std::string text_of(const iommu::AtcInvalidation& i);
/// A step that is answered: an expectation that leaves it out most likely forgot it.
inline bool is_answered(const VectorStep& s) {
    return std::holds_alternative<RegisterRead>(s) || std::holds_alternative<bare::Dma>(s) ||
           std::holds_alternative<bare::Question>(s) || std::holds_alternative<iommu::PageRequestMessage>(s);
}
std::string_view op_of(const VectorStep& s);

struct Outcome {
    std::vector<StepOutcome> out;
    Words final;         ///< by address: words that differ from what `mem` steps wrote last
    std::string stuck{}; ///< not empty: which step the model did not get over
};

struct Vector {
    std::string id, arch, kind, why;
    Level level = Level::Strict, final_level = Level::Strict;
    std::string skip{}; ///< not empty: why it cannot be run; what follows is then not read
    iommu::smmuv3::IdentityValues identity{}; ///< of smmuv3
    iommu::vtd::IdentityValues vtd{};         ///< of vtd
    iommu::amdvi::IdentityValues amdvi{};     ///< of amdvi
    std::vector<memory::RamRange> ram;
    std::vector<VectorStep> steps;
    std::optional<std::vector<StepOutcome>> expect;
    std::optional<Words> final;
};

/// Throws VectorError.
Vector parse_vector(std::string_view line);

} // namespace quiesce::platform
