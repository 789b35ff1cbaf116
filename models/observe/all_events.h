// SPDX-License-Identifier: Apache-2.0
/// Every event there is, by room. An observer that wants all of them walks these lists.
#pragma once
#include "base/events.h"
#include "base/facts.h"
#include "devices/events.h"
#include "iommu/events.h"
#include "memory/events.h"
#include "os/events.h"
#include "pcie/events.h"

namespace quiesce::observe {

using GenericEvents = base::EventList<base::LevelChanged, base::StateChanged, base::Span>;
using MemoryEvents = base::EventList<memory::DmaCommitted, memory::WalkCommitted, memory::StructureTorn, memory::FrameTaken, memory::FrameUnmapped,
                                     memory::FrameFreed, memory::FrameShared, memory::FrameLeft>;
using IommuEvents = base::EventList<iommu::Translated, iommu::FaultRaised, iommu::CommandConsumed, iommu::InvalidationBegun,
                                    iommu::InvalidationDone, iommu::FenceSignalled, iommu::GlobalError,
                                    iommu::PageRequestReceived, iommu::PageRequestRecorded, iommu::PageRequestDropped,
                                    iommu::PageResponseSent,
                                    iommu::TransactionStalled, iommu::StallRecorded, iommu::StallAnswerIgnored,
                                    iommu::StallResolved, iommu::AtsRefused>;
using PcieEvents = base::EventList<pcie::TlpSent, pcie::CreditStalled, pcie::LinkFault, pcie::LinkChanged,
                                    pcie::CompletionTimedOut, pcie::InvalidationAnswered, pcie::PeerToPeer, pcie::AtomicDone,
                                    pcie::RequestAborted, pcie::TranslationRequested>;
using DeviceEvents = base::EventList<devices::DmaIssued, devices::RequestArrived, devices::DmaEnded, devices::QueueState,
                                     devices::PageRequestSent, devices::PageResponseHeard,
                                     devices::PageGroupForgotten, devices::DescriptorSubmitted,
                                     devices::DescriptorEnded, devices::AccessRetried, devices::PacketEnded,
                                     devices::TraceLinePlayed, devices::WorkDropped, devices::DeviceHalted>;
using OsEvents = base::EventList<os::BondChanged, os::TeardownTriggered, os::FenceObserved, os::InvalidationIssued, os::FenceTimedOut,
                                 os::StopSeen, os::ProcessChanged, os::MmputReturned, os::ExitMmapReturned, os::PasidChanged, os::HolderChanged, os::PasidRefused, os::BindRefused,
                                 os::FaultHandled, os::CpuRuns, os::CpuSpent, os::OsViolation,
                                 os::PageRequestEnded, os::PageGroupAnswered,
                                 os::UserSubmitted, os::FatalSignal, os::PasidLoaded, os::RecordAwaited, os::DeviceErrorSeen, os::DeviceHaltSeen, os::CommandSkipped,
                                 os::DeviceReset, os::WorkLost, os::AtcLeftOpen,
                                 os::TeardownStepChanged, os::IommuCommandIssued,
                                 os::AllocationDelayed, os::OomVictimMarked, os::OomReapTried, os::OomMappingReaped,
                                 os::OomMappingSkipped, os::OomVictimHidden, os::OomFoundNobody, os::PagePinned, os::FunctionAssigned>;
using AllEvents = base::Join<GenericEvents, MemoryEvents, IommuEvents, PcieEvents, DeviceEvents, OsEvents>;

} // namespace quiesce::observe
