// SPDX-License-Identifier: Apache-2.0
/// A bond: one binding of one device to one address space. Its life: facts/linux-sva.md 1.4.
#pragma once
#include "base/lifecycle.h"
#include "os/events.h"
#include "os/mm/address_space.h"
#include "sim/signal.h"

namespace quiesce::os {

class SvaDomain;
namespace drivers {
class DeviceDriver;
}

enum class BondEvent : u8 { Bind, MmReleased, Parked, UnbindBegins, UnbindEnds };
inline constexpr base::Arrow<BondState, BondEvent> bond_arrows[] = {
    {BondState::Unbound, BondEvent::Bind, BondState::Bound},
    {BondState::Bound, BondEvent::MmReleased, BondState::Exited},
    {BondState::Bound, BondEvent::Parked, BondState::Exited},
    {BondState::Bound, BondEvent::UnbindBegins, BondState::Draining},
    {BondState::Exited, BondEvent::UnbindBegins, BondState::Draining},
    {BondState::Draining, BondEvent::UnbindEnds, BondState::Unbound},
};
static_assert(base::deterministic(bond_arrows) && base::all_reachable(bond_arrows, BondState::Unbound));

/// What the OS may rely on of a bond's ways to memory: each is known from a fence that was seen.
struct Reach {
    enum class Context : u8 { Live, Quiet, Gone } context = Context::Live;
    /// Invalidated since nothing brings the bond's requests to a cached translation any more: every context with this
    /// ASID was quiet or gone; where hits need a context that is present (VT-d), its own was.
    bool tlb_clean = false;
    bool atc_clean = false;          ///< the device's ATC was invalidated since no translation request can refill it
    bool blocked = false;            ///< FenceObserved said so
};

struct Bond {
    Bond(BondId i, AddressSpace& m, drivers::DeviceDriver& d) : id(i), mm(m), device(d), life(BondState::Unbound) {}
    const BondId id;
    AddressSpace& mm;
    drivers::DeviceDriver& device;
    base::Lifecycle<BondState, BondEvent, bond_arrows> life;
    base::Name process;
    SvaDomain* domain = nullptr;     ///< it was attached to
    StreamId stream{};
    Pasid pasid{};
    Asid asid{};
    Reach reach;
    std::vector<PinnedPage> pinned;  ///< not empty: no shared address space; its device has these pages' own addresses
    bool ats = false;                ///< its device keeps translations of its own (ATC)
    unsigned references = 1;
    bool exited = false;             ///< its mm was released, or it was parked, before it was unbound
    bool parked = false;             ///< its file is closed, and others hold its PASID
    bool tagged = false;             ///< its PASID is one of a driver's, which is not given back before it is unbound
    bool refuses_pages = false;      ///< its context is going: what its device asks for from now on is refused (pasid_state's invalid)
    bool stopped = false;            ///< the device was stopped for it already
    bool triggered = false; ///< its teardown has begun
    bool let_go = false;             ///< its driver has nothing of it any more
    bool has_worker = false;         ///< a worker of its driver stops the device and unbinds
    sim::Latch worker_over;          ///< and is through with it
};

} // namespace quiesce::os
