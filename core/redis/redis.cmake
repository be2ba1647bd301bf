# The Redis connection, and the channel log that stands on it.
target_sources(deskwire_core PRIVATE
  channel_log.cc
  redis/bell_listener.cc
  redis/command.cc
  redis/connection.cc
  redis/connection_thread.cc
  redis/key_watcher.cc
  redis/master_watch.cc
  redis/redis_client.cc
  redis/redis_reply.cc
  redis/redis_subscriber.cc
  redis/redis_url.cc
  redis/replica_barrier.cc
  redis/reply_error.cc
  redis/reply_reader.cc
  redis/script.cc)
target_link_libraries(deskwire_core PRIVATE PkgConfig::HIREDIS)
deskwire_embed_files(deskwire_core NAMESPACE core_scripts HEADER core_scripts.h
  FILES scripts/append.lua scripts/channel_log.lua scripts/history.lua scripts/read_after.lua
        scripts/read_page.lua scripts/server_time.lua)
