// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/signals.h"

namespace quiesce::iommu::amdvi {
namespace {

struct InterruptRow {
    Status::F<bool> bit;
    Control::F<bool> enable;
    bool of_page_requests; ///< the message is MsiNumPPR, not MsiNum
};
constexpr InterruptRow interrupt_table[] = {
    {Status::EventOverflow, Control::EventIntEn, false}, {Status::EventLogInt, Control::EventIntEn, false},
    {Status::ComWaitInt, Control::ComWaitIntEn, false},  {Status::PPROverflow, Control::PPRIntEn, true},
    {Status::PPRInt, Control::PPRIntEn, true},
};

} // namespace

void Signals::raise(const Status::F<bool>& bit) {
    if (regs_.get(bit)) return;
    regs_.set(bit, true);
    if (bit.lsb() == Status::PPROverflowEarly.lsb()) {
        if (regs_.get(PprOverflowEarly::IntEn)) send(true);
        return;
    }
    for (const InterruptRow& row : interrupt_table)
        if (row.bit.lsb() == bit.lsb() && regs_.get(row.enable)) send(row.of_page_requests);
}

void Signals::control_written(Control now, Control before) {
    for (const InterruptRow& row : interrupt_table)
        if (now.get(row.enable) && !before.get(row.enable) && regs_.get(row.bit)) send(row.of_page_requests);
}

/// Where several messages may be told apart, the lowest bits of the data say which it is.
void Signals::send(bool of_page_requests) {
    if (!config_.get(MsiHeader::En)) return;
    const u64 number = config_.get(of_page_requests ? MiscInfo0::MsiNumPPR : MiscInfo0::MsiNum);
    const u64 distinct = base::low_bits(static_cast<unsigned>(config_.get(MsiHeader::MultMessEn)));
    const u64 data = (config_.get(MsiData::Data) & ~distinct) | (number & distinct);
    const u64 low = config_.get(MsiAddrLow::Address) << 2;
    const Spa at{u64{config_.read<MsiAddrHigh>().value()} << 32 | low};
    sim::start(message(at, static_cast<u32>(data)));
}

/// A message that memory refuses is lost: there is nothing to report it with.
sim::Task<void> Signals::message(Spa at, u32 data) {
    memory::Origin origin;
    origin.purpose = memory::Purpose::Msi;
    co_await memory_.write32(at, data, origin);
}

} // namespace quiesce::iommu::amdvi
