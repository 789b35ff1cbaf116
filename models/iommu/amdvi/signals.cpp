// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/signals.h"

namespace quiesce::iommu::amdvi {
namespace {

struct InterruptRow {
    Status::F<bool> bit;
    Control::F<bool> enable;
    bool of_page_requests; ///< the message is MsiNumPPR, not MsiNum; of XTPprIntCtrl, not XTIntCtrl
};
constexpr InterruptRow interrupt_table[] = {
    {Status::EventOverflow, Control::EventIntEn, false}, {Status::EventLogInt, Control::EventIntEn, false},
    {Status::ComWaitInt, Control::ComWaitIntEn, false},  {Status::PPROverflow, Control::PPRIntEn, true},
    {Status::PPRInt, Control::PPRIntEn, true},
};

/// As an interrupt with 32 bits of destination is written as a message: the upper 24 are in the upper half of the address.
struct XtMessage {
    Spa at;
    u32 data;
};
template <class R>
XtMessage message_of(R r) {
    const u64 to = r.get(R::DestHigh) << 24 | r.get(R::DestLow), low = u64{0xfee0'0000} | (to & 0xff) << 12;
    return {Spa{(to >> 8) << 40 | low | u64{r.get(R::DestMode)} << 2},
            static_cast<u32>(r.get(R::Vector) | u64{r.get(R::DM)} << 8)};
}

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
    if (regs_.get(Control::IntCapXTEn)) return send_xt(of_page_requests);
    if (!config_.get(MsiHeader::En)) return;
    const u64 number = config_.get(of_page_requests ? MiscInfo0::MsiNumPPR : MiscInfo0::MsiNum);
    const u64 distinct = base::low_bits(static_cast<unsigned>(config_.get(MsiHeader::MultMessEn)));
    const u64 data = (config_.get(MsiData::Data) & ~distinct) | (number & distinct);
    const u64 low = config_.get(MsiAddrLow::Address) << 2;
    const Spa at{u64{config_.read<MsiAddrHigh>().value()} << 32 | low};
    sim::start(message(at, static_cast<u32>(data)));
}

/// MODEL: the capability block has no say any more; a register that is 0 is masked, as Linux masks it.
void Signals::send_xt(bool of_page_requests) {
    const XtMessage m = of_page_requests ? message_of(regs_.read<XtPprIntCtrl>()) : message_of(regs_.read<XtIntCtrl>());
    if (m.data != 0) sim::start(message(m.at, m.data));
}

/// A message that memory refuses is lost: there is nothing to report it with.
sim::Task<void> Signals::message(Spa at, u32 data) {
    memory::Origin origin;
    origin.purpose = memory::Purpose::Msi;
    co_await memory_.write32(at, data, origin);
}

} // namespace quiesce::iommu::amdvi
