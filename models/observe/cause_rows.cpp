// SPDX-License-Identifier: Apache-2.0
/// What it means that an event is a cause of another.
#include "observe/causes.h"

namespace quiesce::observe {

const std::array<CauseRow, static_cast<std::size_t>(Why::Count)> cause_rows{{
    {Why::SameTransaction, "transaction", "what the same transaction did before"},
    {Why::Translation, "translation", "the translation that the device had asked for on its behalf"},
    {Why::PageGranted, "page-granted", "the answer to the page request that it waited for"},
    {Why::SameContext, "same-context", "what the same kernel context did before"},
    {Why::SameUnit, "same-unit", "what the same unit did before"},
    {Why::BegunBy, "begun-by", "what made it begin"},
    {Why::HandedOver, "handed-over", "what the context that then waited for it did before"},
    {Why::EndedBy, "ended-by", "what ended its wait"},
    {Why::Trigger, "trigger", "the reason to tear down"},
    {Why::Death, "death", "the death of the process"},
    {Why::StepBegan, "step-began", "the beginning of the step"},
    {Why::InStep, "in-step", "the step of the teardown that it is part of"},
    {Why::Command, "command", "the driver's command in the queue"},
    {Why::Fence, "fence", "the unit's sign that all before it is complete"},
    {Why::Request, "request", "the request that went to the device"},
    {Why::Covers, "waited-for", "what the fence had to wait for"},
    {Why::Completes, "completes", "the invalidation that it completes"},
    {Why::Done, "begun", "the beginning of the invalidation"},
    {Why::PageAsked, "page-request", "the device's page request"},
    {Why::PageTaken, "page-taken", "the request, as the unit took it in"},
    {Why::PageRecorded, "page-recorded", "the record in the kernel's queue"},
    {Why::PageHandled, "page-handled", "what became of a page of the group"},
    {Why::PageAnswered, "page-answered", "the kernel's decision about the group"},
    {Why::PageResponse, "page-response", "the unit's response"},
    {Why::GroupOver, "group-over", "the answer with which the device's group was over"},
    {Why::QueueStopped, "queue-stopped", "what the queue came to, and in which it takes nothing"},
    {Why::FaultRecord, "fault-record", "the record that hardware wrote of the fault"},
    {Why::Mapped, "mapped", "the mapping of the page"},
    {Why::Unmapped, "unmapped", "the clearing of its entry"},
    {Why::Fenced, "fenced", "the fence that covers the page"},
    {Why::Freed, "freed", "the freeing of the frame"},
    {Why::SameState, "same-object", "the object's state before"},
    {Why::Bound, "bond", "the bond, as it was"},
    {Why::Work, "work", "the queue that has the bond's work"},
    {Why::Reset, "reset", "the reset of the device"},
    {Why::Victim, "oom-victim", "the OOM killer's choice"},
    {Why::LastClose, "last-close", "the reason to tear down, whose release is left to whoever closes the device's file last"},
}};

} // namespace quiesce::observe
