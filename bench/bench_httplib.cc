// cpp-httplib answering an empty 202 on a pool of threads: what the receiver would have been built
// on otherwise, for comparison.
#include <httplib.h>

#include <csignal>
#include <iostream>
#include <thread>

int main() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  httplib::Server server;
  // A thread serves one connection until it closes, so there must be one for each of the load's.
  server.new_task_queue = [] { return new httplib::ThreadPool(64); };
  server.set_keep_alive_max_count(1'000'000);
  server.set_tcp_nodelay(true);
  server.Post(".*", [](const httplib::Request& /*request*/, httplib::Response& response) {
    response.status = 202;
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  if (port < 0) {
    std::cerr << "bench: cannot bind\n";
    return 1;
  }
  std::thread listener([&server] { server.listen_after_bind(); });
  std::cout << port << std::endl;
  int signal = 0;
  sigwait(&signals, &signal);
  server.stop();
  listener.join();
  return 0;
}
