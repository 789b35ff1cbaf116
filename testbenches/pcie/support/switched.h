// SPDX-License-Identifier: Apache-2.0
/// Endpoints below switches: a chain of switches below one root port, and two endpoints below the last of them.
#pragma once
#include "pcie/ecam.h"
#include "pcie/firmware.h"
#include "pcie/support/fabric.h"

namespace quiesce::stubs {

struct Switched {
    Fabric f;
    std::vector<pcie::Switch*> chain; ///< from the root port
    TestEndpoint a, b;                ///< ports 0 and 1 of the last switch

    static constexpr u64 bar_a = 0x2000'0000, bar_b = 0x2010'0000;

    explicit Switched(unsigned levels = 1, const pcie::SwitchConfig& config = {}, const pcie::LinkConfig& link = {},
                      const pcie::EndpointConfig& endpoint = {})
        : chain(build(f, levels, config)), a(f, link, endpoint, DeviceId{0}), b(f, link, endpoint, DeviceId{1}) {
        a.config_space().assign_bar(0, bar_a);
        b.config_space().assign_bar(0, bar_b);
        pcie::open_windows(f.root_complex);
    }
    static std::vector<pcie::Switch*> build(Fabric& f, unsigned levels, const pcie::SwitchConfig& config) {
        std::vector<pcie::Switch*> made;
        for (unsigned n = 0; n < levels; ++n)
            made.push_back(
                &f.root_complex.add_switch("sw" + std::to_string(n), config, made.empty() ? nullptr : made.back()));
        f.root_complex.place(DeviceId{0}, *made.back());
        f.root_complex.place(DeviceId{1}, *made.back());
        pcie::number_buses(f.root_complex, 2);
        return made;
    }
    pcie::Switch& sw() { return *chain.back(); }
    /// Services of the port above an endpoint, as a driver writes them.
    void set_acs(unsigned port, u64 services) {
        sw().port(port).config_space.set(pcie::cfg::AcsControl::Services, services);
    }
};

constexpr u64 services(std::initializer_list<unsigned> bits) {
    u64 all = 0;
    for (const unsigned b : bits) all |= u64{1} << b;
    return all;
}

} // namespace quiesce::stubs
