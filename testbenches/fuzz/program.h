// SPDX-License-Identifier: Apache-2.0
/// A fuzzer's input as a program against an IOMMU: which unit it is, what its memory holds at first, then steps of
/// software and devices, biased to what is nearly right.
#pragma once
#include "base/registers.h"
#include "fuzz/bytes.h"
#include "fuzz/machine.h"

#include <optional>

namespace quiesce::fuzz {

/// Where software keeps its things: pages of the first 128 KiB of memory. Both stages of tables map the rest of it.
constexpr Spa place(unsigned page) { return Machine::ram + page * page_size; }
constexpr unsigned places = 34;
constexpr Spa message = place(9), first = place(10), leaves = place(13), data = place(32);
/// What the tables from `first` on map: 512 pages from here on, to those from `data` on.
constexpr Iova mapped{0x12'3440'0000};

/// What all architectures have. An architecture's program has the machine.
class Program {
public:
    /// Runs the program, ends it as software would, and looks at what must hold on the way.
    Tally run();

protected:
    /// Among what is chosen.
    struct Choices {
        struct Offsets {
            unsigned bytes;
            u64 mask;
        };
        Offsets read, written;
        Spa second;                     ///< where the tables of the second stage begin
        unsigned streams;               ///< that there are
        unsigned stream_bytes;          ///< of the number of any other
        unsigned pasids;                ///< that there are
        unsigned one_in_memory;         ///< of so many addresses
        std::optional<Iova> interrupts; ///< where devices write them
        bool pcie_only; ///< without a PASID no access is privileged or fetches an instruction; and none may stall
    };
    Program(std::span<const u8> input, const Choices& choices) : in_(input), choices_(choices) {}
    ~Program() = default;

    /// Small caches, so that they overflow.
    static void set_sizes(iommu::AgentConfig& c, bool tiny);

    Spa somewhere() { return in_.rarely(16) ? Spa{in_.word()} : place(in_.below(places)) + (in_.byte() & 63) * 64; }
    StreamId stream();
    Pasid pasid();
    Iova address();
    /// Anything in a register's fields; in those that have room for an address, one.
    u64 contents(const base::RegisterRow& row);
    /// Some of the bits turned.
    template <class S>
    S spoilt(S s, unsigned words = S::word_count) {
        if (!in_.rarely(6)) return s;
        auto spoilt_words = s.words();
        for (unsigned n = in_.below(3); n != 0; --n) spoilt_words[in_.below(words)] ^= u64{1} << (in_.byte() & 63);
        return S::from_words(spoilt_words);
    }

    Bytes in_;

private:
    virtual Machine& machine() = 0;
    /// Tables and queues; everything enabled.
    virtual void prepare() = 0;

    virtual void write_some_register() = 0;
    /// Off, on, and everything between.
    virtual void write_control() = 0;
    /// What a driver does after an interrupt.
    virtual void acknowledge() = 0;
    virtual u64 page_table_entry(bool second, Spa to) = 0;
    /// In one of the two tables that say whose page tables an access gets.
    virtual void write_configuration(unsigned table) = 0;
    /// A few commands and a doorbell.
    virtual void write_command() = 0;
    /// Lets everything end; or what only this architecture has.
    virtual void settle() { machine().settle(); }

    void step();
    void write_any_register();
    void write_any_memory();
    void write_page_table();
    void access();
    void ask_for_page();

    Choices choices_;
};

} // namespace quiesce::fuzz
