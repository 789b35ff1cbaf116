// SPDX-License-Identifier: Apache-2.0
#include "os/mm/lazy_tlb.h"

namespace quiesce::os {

void LazyTlb::drop(Kept& kept) {
    if (AddressSpace* const mm = std::exchange(kept.mm, nullptr)) mm->mmdrop();
}

/// MODEL: an idle CPU comes to run something else at any time up to the longest, whatever the machine does meanwhile.
void LazyTlb::borrow(unsigned cpu, AddressSpace& mm) {
    mm.mmgrab();
    drop(cpus_[cpu]);
    Kept& kept = cpus_[cpu];
    kept.mm = &mm;
    kept.number = ++numbers_;
    const auto most = static_cast<u64>(most_.ps());
    sim::spawn(drop_later(cpu, numbers_, sim::Duration::ps(static_cast<i64>(kept.idle->below(most + 1)))));
}

void LazyTlb::run(unsigned cpu, const AddressSpace& mm) {
    if (cpus_[cpu].mm != &mm) drop(cpus_[cpu]);
}

sim::Task<void> LazyTlb::drop_later(unsigned cpu, u64 number, sim::Duration after) {
    co_await sim::delay(after);
    if (cpus_[cpu].number == number) drop(cpus_[cpu]);
}

} // namespace quiesce::os
