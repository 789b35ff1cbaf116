// SPDX-License-Identifier: Apache-2.0
/// Registers that show one of several queues, the one that a select register names. While it names none, they read as
/// zero and keep nothing. `selected()` gives the queue or null.
#pragma once

namespace quiesce::devices {

/// A write goes to the selected queue's setting.
template <class R, class File, class Selected, class Item>
void bind_setting(File& regs, Selected selected, R Item::*setting) {
    regs.template on_write<R>([&regs, selected, setting](R value) {
        if (Item* item = selected())
            item->*setting = value;
        else
            regs.write(R{});
    });
}

/// A read gives what `get` says of the selected queue.
template <class R, class File, class Selected, class Get>
void bind_status(File& regs, Selected selected, Get get) {
    regs.template on_read<R>([selected, get](R) {
        auto* item = selected();
        return item != nullptr ? get(*item) : R{};
    });
}

} // namespace quiesce::devices
