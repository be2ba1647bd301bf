#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "jobs/event_table.h"
#include "jobs/helpdesk_event.h"

namespace deskwire::jobs {

/// What people see of a helpdesk event: the channel events of contract §2, in order. Private notes
/// and private typing go to `…:internal` only; a conversation's attributes too.
///
/// One change can be told several times (by two webhooks, by `conversation_opened` beside
/// `conversation_status_changed`), so events about a state carry ids derived from that state and
/// are appended once.
std::vector<Event> channel_events(const HelpdeskEvent& event, const EventContext& context,
                                  std::string_view lane);

/// `message:edited`, for the store to append if the message says something else than before;
/// nullopt for all but updates with a content.
std::optional<Event> edit_event(const HelpdeskEvent& event, const EventContext& context,
                                std::string_view lane);

/// The message's id as channels know it: our own id for our posts, else the helpdesk's.
std::string channel_message_id(const HelpdeskEvent& event, const EventContext& context);
/// The same for the visitor's choice, which the helpdesk keeps inside the message it answers.
std::string choice_message_id(const HelpdeskEvent& event);

/// Who made a submitted choice: the conversation's contact, not the message's author.
Sender contact_of(const HelpdeskEvent& event);

}  // namespace deskwire::jobs
