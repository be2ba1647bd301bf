#include "core/net/http_responder.h"

#include <utility>

#include "core/net/http_connection.h"

namespace deskwire::net {

template <typename Act>
void HttpResponder::State::on_loop(Act act) const {
  if (loop->on_this_thread()) {
    act(connection.lock().get());
    return;
  }
  // Only the loop's thread takes a strong reference: the last one must not die anywhere else.
  loop->post([weak = connection, act = std::move(act)]() mutable { act(weak.lock().get()); });
}

HttpResponder::State::~State() {
  if (answered.exchange(true)) return;
  on_loop([number = exchange](HttpConnection* open) {
    if (open != nullptr)
      open->answer(number, error_response(50000, "the request was not answered"));
  });
}

HttpResponder::HttpResponder(std::shared_ptr<State> state) : state_(std::move(state)) {}

void HttpResponder::send(HttpResponse response) const {
  if (state_->answered.exchange(true)) return;
  state_->on_loop(
      [number = state_->exchange, response = std::move(response)](HttpConnection* open) mutable {
        if (open != nullptr) open->answer(number, std::move(response));
      });
}

void HttpResponder::stream_begin(HttpResponse head, std::function<void()> on_gone) const {
  if (state_->answered.exchange(true)) return;
  state_->on_loop([loop = state_->loop.get(), number = state_->exchange, head = std::move(head),
                   on_gone = std::move(on_gone)](HttpConnection* open) mutable {
    if (open != nullptr)
      open->stream_begin(number, head, std::move(on_gone));
    else if (on_gone != nullptr)
      loop->post(std::move(on_gone));
  });
}

void HttpResponder::stream_write(std::string chunk) const {
  state_->on_loop([number = state_->exchange, chunk = std::move(chunk)](HttpConnection* open) {
    if (open != nullptr) open->stream_write(number, chunk);
  });
}

void HttpResponder::stream_end() const {
  state_->on_loop([number = state_->exchange](HttpConnection* open) {
    if (open != nullptr) open->stream_end(number);
  });
}

Loop& HttpResponder::loop() const { return *state_->loop; }

}  // namespace deskwire::net
