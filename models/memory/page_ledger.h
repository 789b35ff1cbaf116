// SPDX-License-Identifier: Apache-2.0
/// The page ledger: the truth about who owns each frame, as which page, since when. It judges every device access where it
/// lands, from what the operating system reported and from nothing that the IOMMU under test believes (design.md, decision 3).
#pragma once
#include "base/events.h"
#include "memory/events.h"
#include "memory/memory_port.h"
#include "memory/ownership.h"

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace quiesce::memory {

class PageLedger : public Ownership {
public:
    explicit PageLedger(base::EventBus& events) : events_(events) {}

    void frame_taken(Spa frame, MmId owner, FrameUse use, Va page) override;
    void frame_shared(Spa frame, MmId with) override;
    void frame_unmapped(Spa frame, MmId of = MmId{}) override;
    void frame_left(Spa frame, MmId by) override;
    void frame_writes(Spa frame, Writes writes) override { make_frame(frame).writes = writes; }
    void frame_freed(Spa frame) override;
    void bond_opened(BondId bond, MmId mm) override;
    void bond_reaches(BondId bond, Spa frame, Va page) override;
    void bond_closed(BondId bond) override;

    /// What the ledger knows of a frame.
    struct Frame {
        u64 page = 0;                ///< page number in the owner's address space
        sim::Time since{};           ///< of the last change
        MmId owner{};
        MmId previous_owner{};       ///< whose leaf it was before it was freed or taken again ...
        u64 previous_page = 0;       ///< ... and as which page
        FrameUse use = FrameUse::Free;
        Writes writes = Writes::Allowed;
        bool unmapped = false;
        bool shared = false;         ///< the owner is one of several
    };
    const Frame& frame(Spa at) const;
    /// The address space behind a bond; 0 if there never was such a bond.
    MmId mm_of(BondId bond) const { return raw(bond) < bonds_.size() ? bonds_[raw(bond)].mm : MmId{}; }

    /// Judges a DMA of `bond` that touches `at` meaning to touch `aimed_at`. Accesses without a bond are Legal.
    Verdict judge(BondId bond, Iova aimed_at, Spa at, bool write = false) const;
    /// A device's DMA has just committed: judged and stated.
    void dma_committed(const Request& r);
    /// A table walker has just read an entry.
    void walk_committed(const Request& r);

    struct Counts {
        u64 reads = 0, writes = 0, bytes = 0, after_unmap = 0, violations = 0;
        u64 frames_taken = 0, frames_freed = 0;
    };
    const Counts& counts() const { return counts_; }
    /// Frames that address spaces have now, by mm.
    struct Held {
        u64 leaves = 0, tables = 0;
    };
    std::map<u32, Held> held() const;

private:
    struct Bond {
        MmId mm{};
        bool open = false;
        std::map<u64, u64> pages{}; ///< by frame number, where addresses for DMA are those of memory
    };
    struct Sharer {
        MmId mm{};
        bool unmapped = false;
    };
    /// Which page of its address space a bond means by an address.
    static Iova meant(const Bond& b, Iova aimed_at);
    using Chunk = std::array<Frame, 512>;
    /// What `mm` has of it, if it is an owner.
    std::optional<Sharer> sharer(const Frame& f, Spa at, MmId mm) const;
    Frame& make_frame(Spa at);
    void leave_to_others(Frame& f, Spa at, MmId by);

    base::EventBus& events_;
    std::vector<std::unique_ptr<Chunk>> chunks_; ///< by frame number / 512
    std::map<u64, std::vector<Sharer>> sharers_; ///< of shared frames, by frame number
    std::vector<Bond> bonds_;                    ///< by bond id
    Counts counts_;
};

} // namespace quiesce::memory
