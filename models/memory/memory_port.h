// SPDX-License-Identifier: Apache-2.0
/// The one way to memory for everything that is not memory: a timed, in-order port. Header only, so that an IOMMU can be
/// used with somebody else's memory behind it (sim/tlm_bridge.h offers such a port).
#pragma once
#include "base/address.h"
#include "sim/calendar.h"
#include "sim/task.h"

#include <array>
#include <coroutine>
#include <cstddef>
#include <span>

namespace quiesce::memory {

/// Who reads or writes; the page ledger judges device-originated kinds, and traces show it.
enum class Purpose : u8 { Cpu, Dma, TableWalk, Structure, QueueRead, QueueWrite, Msi };
enum class Status : u8 { Ok, ExternalAbort };
/// A read-modify-write as one access: nothing comes between its read and its write. None: a plain read or write.
enum class AtomicOp : u8 { None, FetchAdd, Swap, CompareSwap };

/// Where a request comes from. `bond` is the truth that hardware cannot see (design.md, decision 3); no model but the
/// ledger may act on it.
struct Origin {
    Purpose purpose = Purpose::Cpu;
    u8 level = 0;                    ///< table walks: the level of the entry read
    DeviceId device{};
    BondId bond{};                   ///< 0: none
    bool has_pasid = false;
    Pasid pasid{};
    Iova aimed_at{0};                ///< DMA and walks: the address the device used
    u64 transaction = 0;             ///< DMA and walks: the id of the transaction, 0 if none
    sim::Time translated_at{};       ///< DMA: when the translation it uses was looked up
};

/// One access. At most 8 bytes and naturally aligned is single-copy atomic; more may tear between beats.
struct Request {
    Spa at{0};
    std::byte* data = nullptr;       ///< read into or written from; must live until the access is over
    u32 bytes = 0;
    bool write = false;
    Origin origin{};
    Status status = Status::Ok;
    /// Not None: `write` is set, too, and `bytes` are the operand's. `data` has the operands, of a CompareSwap first what
    /// to compare with, then what to store; the original value comes to its beginning.
    AtomicOp atomic = AtomicOp::None;
};

class MemoryPort {
public:
    virtual ~MemoryPort() = default;

    /// Takes the request and resumes `who` at the instant of commit (write landed, read sampled), in the order of arrival.
    /// MODEL: the requester learns of the commit at that instant; the way back is part of the latency before it.
    virtual void start(const Request& r, std::coroutine_handle<> who) = 0;
    /// Called when `who` is resumed: moves the bytes and sets the status.
    virtual void commit(Request& r) = 0;
    /// Reads a structure larger than 8 bytes in beats of beat_bytes(), each sampled at its own instant.
    virtual sim::Task<Status> fetch(Spa at, std::span<u64> words, Origin origin) = 0;
    virtual unsigned beat_bytes() const = 0;

    /// Without time, side effects or judgement. False if nothing is there.
    virtual bool peek(Spa at, std::span<std::byte> into) const = 0;
    virtual bool poke(Spa at, std::span<const std::byte> from) = 0;

    /// `Status s = co_await port.transport(request)`. The request is the caller's and lives in its frame.
    struct Transport {
        MemoryPort& port;
        Request& r;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> h) { port.start(r, h); }
        Status await_resume() {
            port.commit(r);
            return r.status;
        }
    };
    Transport transport(Request& r) { return {*this, r}; }

    /// A value with its status: `auto [value, status] = co_await port.read64(at, origin)`.
    struct Word {
        u64 value;
        Status status;
    };
    struct ReadWord {
        MemoryPort& port;
        Request r;
        u64 value = 0;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> h) {
            r.data = reinterpret_cast<std::byte*>(&value);
            port.start(r, h);
        }
        Word await_resume() {
            port.commit(r);
            return {value, r.status};
        }
    };
    struct WriteWord {
        MemoryPort& port;
        Request r;
        u64 value;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> h) {
            r.data = reinterpret_cast<std::byte*>(&value);
            port.start(r, h);
        }
        Status await_resume() {
            port.commit(r);
            return r.status;
        }
    };
    /// A CompareSwap of a word: memory takes `desired` if it holds `expected`. The value is what it held.
    struct SwapWord {
        MemoryPort& port;
        Request r;
        std::array<u64, 2> words; ///< expected, desired; then what it held
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> h) {
            r.data = reinterpret_cast<std::byte*>(words.data());
            port.start(r, h);
        }
        Word await_resume() {
            port.commit(r);
            return {words[0], r.status};
        }
    };
    ReadWord read64(Spa at, const Origin& o) { return {*this, Request{at, nullptr, 8, false, o}}; }
    ReadWord read32(Spa at, const Origin& o) { return {*this, Request{at, nullptr, 4, false, o}}; }
    WriteWord write64(Spa at, u64 v, const Origin& o) { return {*this, Request{at, nullptr, 8, true, o}, v}; }
    SwapWord swap64(Spa at, u64 expected, u64 desired, const Origin& o) {
        return {*this, Request{at, nullptr, 8, true, o, Status::Ok, AtomicOp::CompareSwap}, {expected, desired}};
    }
    WriteWord write32(Spa at, u32 v, const Origin& o) { return {*this, Request{at, nullptr, 4, true, o}, v}; }

    u64 peek64(Spa at) const {
        u64 v = 0;
        peek(at, std::as_writable_bytes(std::span{&v, 1}));
        return v;
    }
    bool poke64(Spa at, u64 v) { return poke(at, std::as_bytes(std::span{&v, 1})); }
};

} // namespace quiesce::memory
