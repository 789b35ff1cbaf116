// SPDX-License-Identifier: Apache-2.0
/// Occupancy of slots as facts: base::LevelChanged for the places used and for those who wait.
#pragma once
#include "base/events.h"
#include "base/facts.h"
#include "sim/slots.h"

#include <string>
#include <string_view>

namespace quiesce::iommu {

/// A level that is emitted when it changes.
class Level {
public:
    Level(base::EventBus& events, base::Name what) : events_(events), what_(what) {}
    void set(u32 value) {
        if (value == value_) return;
        value_ = value;
        events_.emit(base::LevelChanged{what_, value});
    }

private:
    base::EventBus& events_;
    base::Name what_;
    u32 value_ = 0;
};

/// Watches slots under the names `<unit>.<what>.used` and `<unit>.<what>.waiting`. Must live as long as the slots.
class SlotLevels {
public:
    SlotLevels(base::EventBus& events, base::Name unit, std::string_view what, sim::Slots& slots)
        : used_(events, name(unit, what, ".used")), waiting_(events, name(unit, what, ".waiting")) {
        slots.on_change(&SlotLevels::changed, this);
    }
    SlotLevels(const SlotLevels&) = delete;
    SlotLevels& operator=(const SlotLevels&) = delete;

private:
    static base::Name name(base::Name unit, std::string_view what, std::string_view tail) {
        return std::string{unit.text()}.append(".").append(what).append(tail);
    }
    static void changed(void* self, unsigned used, unsigned waiting) {
        static_cast<SlotLevels*>(self)->used_.set(used);
        static_cast<SlotLevels*>(self)->waiting_.set(waiting);
    }
    Level used_, waiting_;
};

} // namespace quiesce::iommu
