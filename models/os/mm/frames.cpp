// SPDX-License-Identifier: Apache-2.0
#include "os/mm/frames.h"

#include <array>
#include <stdexcept>

namespace quiesce::os {
namespace {
constexpr const char* exhausted = "the simulated machine is out of memory";
}

void FrameAllocator::zero(Spa frame) {
    static const std::array<std::byte, page_size> zeros{};
    memory_.poke(frame, zeros);
}

Spa FrameAllocator::take_fresh(u64 bytes, u64 align) {
    Spa start = fresh_.align_up(align);
    if (start < hole_end_ && start + bytes > hole_) start = hole_end_.align_up(align);
    if (start + bytes > end_) throw std::runtime_error(exhausted);
    for (Spa skipped = fresh_; skipped < start; skipped += page_size)
        if (skipped < hole_ || skipped >= hole_end_) freed_.push(skipped.value());
    fresh_ = start + bytes;
    return start;
}

Spa FrameAllocator::take(MmId owner, memory::FrameUse use, Va page) {
    if (taken_by_users_ >= limit_) throw std::runtime_error(exhausted);
    Spa frame{};
    if (freed_.empty()) {
        frame = take_fresh(page_size, page_size);
    } else {
        frame = Spa{freed_.top()};
        freed_.pop();
    }
    ++taken_;
    ++taken_by_users_;
    zero(frame);
    ledger_.frame_taken(frame, owner, use, page);
    return frame;
}

Spa FrameAllocator::take_kernel(u64 bytes, u64 align) {
    const Spa start = take_fresh(Spa{bytes}.align_up(page_size).value(), align);
    for (Spa f = start; f < fresh_; f += page_size) {
        zero(f);
        ++taken_;
        ledger_.frame_taken(f, MmId{}, memory::FrameUse::Kernel, Va{});
    }
    return start;
}

void FrameAllocator::give_kernel(Spa first, u64 bytes) {
    for (Spa f = first; f < first + bytes; f += page_size) {
        ledger_.frame_freed(f);
        --taken_;
        freed_.push(f.value());
    }
}

Spa FrameAllocator::take_empty_table() {
    const Spa table = take_fresh(page_size, page_size);
    zero(table);
    ++taken_;
    ledger_.frame_taken(table, MmId{}, memory::FrameUse::EmptyTable, Va{});
    return table;
}

std::optional<Spa> FrameAllocator::take_huge(MmId owner, Va page) {
    if (taken_by_users_ + huge_pages > limit_ || fresh_.align_up(huge_size) + huge_size > end_) return std::nullopt;
    const Spa start = take_fresh(huge_size, huge_size);
    for (u64 i = 0; i < huge_pages; ++i) {
        zero(start + i * page_size);
        ledger_.frame_taken(start + i * page_size, owner, memory::FrameUse::Leaf, page + i * page_size);
    }
    taken_ += huge_pages;
    taken_by_users_ += huge_pages;
    return start;
}

void FrameAllocator::share(Spa frame, MmId with) {
    ++shares_[frame.value()];
    ledger_.frame_shared(frame, with);
}

void FrameAllocator::unpin(Spa frame) {
    if (--pins_.at(frame.value()) > 0) return;
    pins_.erase(frame.value());
    if (kept_.erase(frame.value()) != 0) give(frame);
}

void FrameAllocator::give(Spa frame, MmId by) {
    if (const auto others = shares_.find(frame.value()); others != shares_.end()) {
        if (--others->second == 0) shares_.erase(others);
        return ledger_.frame_left(frame, by);
    }
    if (pinned(frame)) {
        kept_.insert(frame.value());
        return;
    }
    ledger_.frame_freed(frame);
    --taken_;
    --taken_by_users_; // the kernel gives none back
    freed_.push(frame.value());
}

sim::Task<bool> FrameAllocator::room_for_table(KernelContext& ctx, u64 pages, Gfp how) {
    constexpr u64 costly = 8;
    const u64 kept = how == Gfp::Atomic ? reserve_ / 2 - reserve_ / 2 / 4 : reserve_; // ALLOC_MIN_RESERVE, ALLOC_NON_BLOCK
    if (left() >= pages + kept) co_return true;
    if (how == Gfp::Atomic || pressure_ == nullptr) co_return false;
    if (pages <= costly) {
        const bool room = co_await wait_for_room(ctx, MmId{});
        co_return room;
    }
    co_await pressure_->reclaim(ctx);
    co_return left() >= pages + kept;
}

unsigned FrameAllocator::waiting(MmId mm) const {
    const auto found = waiting_.find(raw(mm));
    return found == waiting_.end() ? 0 : found->second;
}

sim::Task<bool> FrameAllocator::wait_for_room(KernelContext& ctx, MmId mm) {
    if (has_room(ctx.current())) co_return true;
    const sim::Time since = sim::now();
    bool again = pressure_ != nullptr, room = false;
    ++waiting_[raw(mm)];
    while (again && !room) {
        again = co_await pressure_->make_room(ctx);
        room = has_room(ctx.current());
    }
    --waiting_[raw(mm)];
    ctx.events().emit(AllocationDelayed{ctx.name(), mm, since, room});
    co_return room;
}

} // namespace quiesce::os
