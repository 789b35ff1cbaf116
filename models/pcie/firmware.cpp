// SPDX-License-Identifier: Apache-2.0
#include "pcie/firmware.h"

#include "pcie/function_port.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::pcie {

using namespace cfg;

namespace {
constexpr unsigned last_bus = 255;

unsigned take_bus(unsigned& next) {
    if (next > last_bus) throw std::invalid_argument("more than 255 buses of PCIe");
    return next++;
}

/// 7.5.1.3.3: from which bus, to which, up to which.
void set_buses(ConfigSpace& port, unsigned primary, unsigned secondary, unsigned subordinate) {
    port.config_write(PrimaryBus::offset, 1, primary);
    port.config_write(SecondaryBus::offset, 1, secondary);
    port.config_write(SubordinateBus::offset, 1, subordinate);
}

/// The switch's upper port is on `bus`.
void number_switch(RootComplex& rc, Switch& s, unsigned bus, unsigned& next) {
    const unsigned internal = take_bus(next);
    for (unsigned n = 0; n < s.port_count(); ++n) {
        Switch::Port& port = s.port(n);
        const unsigned below = take_bus(next);
        if (port.below != nullptr) number_switch(rc, *port.below, below, next);
        else rc.set_bus(s, n, below);
        set_buses(port.config_space, internal, below, next - 1);
    }
    set_buses(s.config_space(), bus, internal, next - 1);
}

struct Window {
    u64 first = ~u64{0}, last = 0; ///< addresses
    void add(u64 from, u64 to) {
        first = std::min(first, from);
        last = std::max(last, to);
    }
};

/// 7.5.1.3.8: in megabytes. An empty window ends before it begins.
void set_window(ConfigSpace& port, const Window& w) {
    constexpr u16 nowhere = 0xfff0;
    const bool any = w.first <= w.last;
    port.config_write(MemoryBase::offset, 2, any ? static_cast<u32>(w.first >> 16) & nowhere : nowhere);
    port.config_write(MemoryLimit::offset, 2, any ? static_cast<u32>(w.last >> 16) & nowhere : 0);
    port.config_write(Command::offset, 2,
                      Command{}.set(Command::MemorySpace, true).set(Command::BusMaster, true).value());
}

Window open_switch(Switch& s) {
    Window all;
    for (unsigned n = 0; n < s.port_count(); ++n) {
        Switch::Port& port = s.port(n);
        Window w;
        if (port.below != nullptr) w = open_switch(*port.below);
        else if (port.function != nullptr) {
            const EndpointSide::BarPlace bar = port.function->bar_place();
            if (bar.bytes != 0) w.add(bar.first, bar.first + bar.bytes - 1);
        }
        set_window(port.config_space, w);
        if (w.first <= w.last) all.add(w.first, w.last);
    }
    set_window(s.config_space(), all);
    return all;
}
} // namespace

void number_buses(RootComplex& rc, unsigned devices) {
    unsigned next = 1;
    std::vector<const Switch*> numbered;
    for (unsigned n = 0; n < devices; ++n) {
        const auto id = static_cast<DeviceId>(n);
        Switch* const below = rc.switch_of(id);
        if (below == nullptr) {
            rc.set_bus(id, take_bus(next));
            continue;
        }
        Switch* const top = below->path().front();
        if (std::find(numbered.begin(), numbered.end(), top) != numbered.end()) continue;
        numbered.push_back(top);
        const unsigned bus = take_bus(next);
        top->set_upper_bus(bus);
        number_switch(rc, *top, bus, next);
    }
    for (const auto& s : rc.switches())
        if (s->above() == nullptr && std::find(numbered.begin(), numbered.end(), s.get()) == numbered.end()) {
            const unsigned bus = take_bus(next); // nothing is below it
            s->set_upper_bus(bus);
            number_switch(rc, *s, bus, next);
        }
}

void open_windows(RootComplex& rc) {
    for (const auto& s : rc.switches())
        if (s->above() == nullptr) open_switch(*s);
}

} // namespace quiesce::pcie
