// SPDX-License-Identifier: Apache-2.0
/// A PCI function that shares address spaces: besides an endpoint it has a translation cache (ATC) and a page request
/// interface where its configuration says so, both enabled by software through its configuration space.
#pragma once
#include "devices/atc.h"
#include "devices/page_requests.h"
#include "pcie/endpoint.h"

#include <memory>
#include <utility>
#include <vector>

namespace quiesce::devices {

/// What every such device can be configured to be; its parameters stand among the device's own.
struct SvaFunctionConfig {
    static constexpr bool in_place = true;
    using P = base::Provenance;
    base::Param<unsigned> pasid_bits{20,
                                     "width of the PASIDs that it takes",
                                     base::between(1u, 20u),
                                     base::unit("bits"),
                                     P::Specification,
                                     "PCIe Base 6.20: 20 bits at most"};
    pcie::EndpointConfig endpoint;
    AtcConfig atc;
    PageRequestConfig pri;
};
DESCRIBE(SvaFunctionConfig, pasid_bits, endpoint, atc, pri)
static_assert(base::fully_described<SvaFunctionConfig>);

class SvaFunction : public pcie::Endpoint {
public:
    /// BAR 0 has `registers` bytes. `atomics`: it can send AtomicOps. The calendar must be shut down before the function goes.
    SvaFunction(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
                const SvaFunctionConfig& config, base::Size registers, DeviceId device, bool atomics = false);

    /// Null if the device has none.
    Atc* atc() { return atc_.get(); }
    PageRequestInterface* page_requests() { return pages_.get(); }
    /// For whom resets took away work since this was asked last, each once. Work that was over, or that the device had
    /// been asked to stop, is not lost.
    std::vector<BondId> take_lost_work() { return std::exchange(lost_work_, {}); }
    void left_behind(base::Leftovers& out) const override;

protected:
    /// For whom it has work that is not over and that nobody has asked it to stop; may name one several times.
    virtual std::vector<BondId> at_work() const = 0;
    /// What at_work() says is lost from now on.
    void lose_work();
    /// A device that forgets more calls this before.
    void forget() override {
        lose_work();
        if (pages_) pages_->reset();
    }

private:
    bool invalidate(const pcie::InvalidateRequest& r) override { return atc_ != nullptr && atc_->invalidate(r); }
    void page_response(const pcie::PageGroupAnswer& a) override {
        if (pages_) pages_->heard(a);
    }
    void add_page_requests(const PageRequestConfig& config);

    std::unique_ptr<Atc> atc_;
    std::unique_ptr<PageRequestInterface> pages_;
    std::vector<BondId> lost_work_;
};

} // namespace quiesce::devices
