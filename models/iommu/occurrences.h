// SPDX-License-Identifier: Apache-2.0
/// What of a unit's work can be counted by hardware counters, and where they hang on. Counting costs one branch where
/// nobody counts.
#pragma once
#include "base/address.h"

namespace quiesce::iommu {

/// A transaction counts once as a Transaction and once as each of the misses, however often it starts over.
enum class Occurrence : u8 {
    Transaction,          ///< one asked for a translation, or claimed to have one
    TranslationMiss,      ///< its translation was in no cache of the unit
    ConfigurationMiss,    ///< its context was in no cache of the unit
    WalkAccess,           ///< a table entry was read, or marked
    StructureAccess,      ///< a structure that leads to a context was read
    TranslationRequest,   ///< a device asked for a translation to keep
    TranslatedTransaction ///< a device used one
};

class OccurrenceCounter {
public:
    virtual void occurred(Occurrence what, StreamId stream) = 0;

protected:
    ~OccurrenceCounter() = default;
};

class OccurrenceTap {
public:
    /// Null: nobody counts.
    void connect(OccurrenceCounter* counter) { counter_ = counter; }
    bool connected() const { return counter_ != nullptr; }
    void note(Occurrence what, StreamId stream) const {
        if (counter_ != nullptr) [[unlikely]] counter_->occurred(what, stream);
    }

private:
    OccurrenceCounter* counter_ = nullptr;
};

} // namespace quiesce::iommu
