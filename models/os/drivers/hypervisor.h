// SPDX-License-Identifier: Apache-2.0
/// The hypervisor under a guest kernel: a second stage for its devices, as bytes in memory. With one guest its memory
/// is where it is: guest-physical (intermediate) addresses are physical ones. With several (os.guests) every guest has
/// its memory at the addresses of the first. MODEL: what the hypervisor does for a guest's commands and table entries
/// (traps, or a command queue of the guest's own) takes no time.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "base/lowest_free.h"
#include "os/guests.h"

#include <map>
#include <set>
#include <vector>

namespace quiesce::os::drivers {

enum class SecondStagePages : u8 { Small, Mega, Giga };
constexpr auto enum_names(SecondStagePages) {
    return base::name_table<SecondStagePages>(
        {{SecondStagePages::Small, "4KiB"}, {SecondStagePages::Mega, "2MiB"}, {SecondStagePages::Giga, "1GiB"}});
}

/// Entries of an architecture's second stage that map for reading and writing, without their addresses. Tables have 512
/// entries of 8 bytes. `of_level`: what an entry that leads to a table has besides for each level of that.
struct SecondStageFormat {
    u64 table, page, block;
    u64 of_level = 0;
};

/// Tables of a second stage. The first is as many tables in a row as its input addresses need.
struct SecondStage {
    Spa table{0};
    unsigned input_bits = 0, levels = 0;
};

/// How one unit's second stages are made.
struct SecondStageShape {
    SecondStageFormat format;
    SecondStagePages pages; ///< the largest that are used
    unsigned levels, input_bits;
};

/// One unit's guests: their second stages, the numbers (VMID, DID) that it knows them by, and whose each function is.
/// Takes no time: guests start on tables that are there. MODEL: a second stage maps all of a guest's memory from
/// beginning to end, and no entry of it changes; what no guest needs any more of the tables the next one's are made of,
/// the lowest first.
class Hypervisor {
public:
    /// `own`: its own memory. Numbers from `first_number` on, below `numbers`; the lowest that is free is the next
    /// guest's.
    Hypervisor(FrameAllocator& own, const SecondStageShape& shape, u32 first_number, u32 numbers)
        : own_(own), shape_(shape), free_(first_number), numbers_(numbers) {}
    /// False: no number is free.
    bool begin(GuestId guest, const FrameAllocator& memory);
    bool has(GuestId guest) const { return guests_.count(guest) != 0; }
    /// 0: the unit has no such guest.
    u32 number(GuestId guest) const { return has(guest) ? guests_.at(guest).number : 0; }
    const SecondStage& second_stage(GuestId guest) const { return guests_.at(guest).second; }
    /// The number and the tables are the next one's.
    void end(GuestId guest);

    void assign(StreamId function, GuestId guest) { owners_[function] = guest; }
    GuestId owner(StreamId function) const {
        const auto found = owners_.find(function);
        return found == owners_.end() ? no_guest : found->second;
    }

private:
    /// Guest-physical [first, end) is `displaced` above that in memory.
    struct Piece {
        u64 first, end, displaced;
    };
    struct Tables {
        Spa first{};
        u64 count = 0;
    };
    struct Guest {
        u32 number = 0;
        SecondStage second{};
        std::vector<Piece> pieces;
        std::vector<Tables> tables;
        unsigned leaf_level = 1; ///< 1: pages of 4 KiB
    };
    std::vector<Piece> pieces_of(const FrameAllocator& memory) const;
    unsigned leaf_level(const std::vector<Piece>& pieces) const;
    Spa take_tables(u64 count);
    Spa fill(Guest& g, u64 from, unsigned level, u64 tables);

    FrameAllocator& own_;
    SecondStageShape shape_;
    base::LowestFree free_;
    u32 numbers_;
    std::map<GuestId, Guest> guests_;
    std::map<StreamId, GuestId> owners_;
    std::map<u64, std::set<Spa>> spare_; ///< tables in a row, by how many
};

} // namespace quiesce::os::drivers
