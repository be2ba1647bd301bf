# What a helpdesk event means: the event table and the shapes it reads and writes.
target_sources(deskwire_jobs PRIVATE
  channel_events.cc
  event_table.cc
  helpdesk_event.cc
  html_entities.cc
  plain_content.cc
  reply_payload.cc)
target_link_libraries(deskwire_jobs PRIVATE nlohmann_json::nlohmann_json)
