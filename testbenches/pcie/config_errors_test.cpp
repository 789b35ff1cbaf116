// SPDX-License-Identifier: Apache-2.0
/// Error logging in configuration space: DevSta, AER status, first error, header log, masks, severities, messages.
#include "pcie/config_space.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::pcie;

namespace {
constexpr u32 express_at = 0x40, aer_at = 0x100; ///< where the default function has them
}

TEST_CASE("errors set DevSta and AER bits, log the first header, and send what is enabled and not masked",
          "[pcie][config]") {
    ConfigSpace config{FunctionConfig{}};
    const u32 header[] = {0x0000'0001, 0x0100'000f, 0xfee0'0000, 0};
    using cfg::Uncorrectable, cfg::Correctable;
    CHECK(config.report(Uncorrectable::UnsupportedRequest, header) == ErrorMessage::None);
    CHECK(config.config_read(express_at + 0x0a, 2) == 0x0a); // UR, non-fatal
    CHECK(config.config_read(aer_at + 0x04, 4) == 0x0010'0000);
    CHECK(config.config_read(aer_at + 0x18, 1) == 0xb4); // first error: 20
    CHECK(config.config_read(aer_at + 0x1c, 4) == 0x0000'0001);
    CHECK(config.config_read(aer_at + 0x24, 4) == 0xfee0'0000);

    config.config_write(express_at + 0x08, 2, 0x280f);
    CHECK(config.report(Uncorrectable::MalformedTlp) == ErrorMessage::Fatal);
    CHECK(config.config_read(express_at + 0x0a, 2) == 0x0e);
    CHECK(config.config_read(aer_at + 0x18, 1) == 0xb4); // the first one is still there
    CHECK(config.config_read(aer_at + 0x24, 4) == 0xfee0'0000);
    CHECK(config.report(Uncorrectable::UnsupportedRequest) == ErrorMessage::NonFatal);
    config.config_write(express_at + 0x08, 2, 0x2807); // UR reporting off
    CHECK(config.report(Uncorrectable::UnsupportedRequest) == ErrorMessage::None);
    config.config_write(0x04, 2, 0x0100); // SERR
    CHECK(config.report(Uncorrectable::UnsupportedRequest) == ErrorMessage::NonFatal);
    CHECK(config.config_read(0x06, 2) == 0x4010);
    config.config_write(aer_at + 0x08, 4, 0x0010'0000);
    CHECK(config.report(Uncorrectable::UnsupportedRequest) == ErrorMessage::None);

    CHECK(config.report(Correctable::BadTlp) == ErrorMessage::Correctable);
    CHECK(config.report(Correctable::AdvisoryNonFatal) == ErrorMessage::None); // masked by default
    CHECK(config.config_read(aer_at + 0x10, 4) == 0x2040);
    config.config_write(aer_at + 0x10, 4, 0x2000);
    CHECK(config.config_read(aer_at + 0x10, 4) == 0x0040);
    config.config_write(express_at + 0x0a, 2, 0xffff);
    CHECK(config.config_read(express_at + 0x0a, 2) == 0);
}

TEST_CASE("without AER, default severities decide", "[pcie][config]") {
    FunctionConfig function;
    function.aer.present = false;
    ConfigSpace config{function};
    config.config_write(express_at + 0x08, 2, 0x000f);
    CHECK(config.report(cfg::Uncorrectable::CompletionTimeout) == ErrorMessage::NonFatal);
    CHECK(config.report(cfg::Uncorrectable::ReceiverOverflow) == ErrorMessage::Fatal);
    CHECK(config.report(cfg::Correctable::AdvisoryNonFatal) == ErrorMessage::Correctable);
    CHECK(config.config_read(express_at + 0x0a, 2) == 0x07);
}
