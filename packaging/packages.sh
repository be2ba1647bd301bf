# shellcheck shell=bash
# Sourced by ./run, ./test and .ci/run: which distribution packages the project needs, and how
# they are installed. Debian 12, Debian 13 and Ubuntu 24.04. Nothing is touched that is there.

# Progress for people: one line a step, with the seconds since the script began.
say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Compilers of modern C++ take about a gigabyte each: a small machine must not start one a core.
parallel_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  if [ "$memory" -lt "$cores" ]; then echo "$memory"; else echo "$cores"; fi
}

# New compilers bring new warnings; they must not stop a user's build. They are errors where the
# compiler is the one that the warnings were fixed under.
warnings_as_errors() {
  if [ "$(c++ -dumpversion | cut -d. -f1)" = 12 ]; then echo ON; else echo OFF; fi
}

# The names that differ between distributions.
boost_package() {
  # shellcheck source=/dev/null
  case "$(. /etc/os-release && echo "$ID-${VERSION_ID:-}")" in
    debian-12*) echo libboost1.81-dev ;;
    *) echo libboost1.83-dev ;;
  esac
}

# "command:package": a tool that came from elsewhere is as good as the distribution's.
missing_tools() {
  local pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || echo "${pair#*:}"
  done
}

missing_libraries() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      echo "$package"
  done
}

missing_build_packages() {
  missing_tools c++:g++ cmake:cmake ninja:ninja-build pkg-config:pkg-config \
    redis-server:redis-server
  missing_libraries "$(boost_package)" libcctz-dev libcld2-dev libcli11-dev libcpp-httplib-dev \
    libexpected-dev libgumbo-dev libhiredis-dev libjemalloc-dev libre2-dev libspdlog-dev libssl-dev \
    nlohmann-json3-dev prometheus-cpp-dev tzdata zlib1g-dev
}

missing_test_packages() {
  missing_libraries catch2
  missing_tools node:nodejs npm:npm curl:curl prometheus-alertmanager:prometheus-alertmanager \
    promtool:prometheus
  # Ubuntu's package of that name only installs a snap; the browser story is skipped there.
  if [ "$(. /etc/os-release && echo "$ID")" = debian ]; then missing_tools chromium:chromium; fi
}

missing_check_packages() {
  missing_libraries clang-14 clang-format-14 clang-tidy-14
}

# Installs packages, if any are given. Those of Redis and Prometheus would start and enable services;
# Deskwire and its tests start their own private ones, so a service that we brought in stays off.
install_packages() {
  [ "$#" -gt 0 ] || return 0
  local services=() service gate=/usr/sbin/policy-rc.d made_gate=no status=0
  for service in redis-server prometheus prometheus-alertmanager; do
    case " $* " in *" $service "*) services+=("$service") ;; esac
  done
  say "installing: $*"
  if [ "${#services[@]}" -gt 0 ] && ! [ -e "$gate" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$gate" >/dev/null
    as_root chmod 755 "$gate"
    made_gate=yes
  fi
  {
    as_root apt-get -qq update &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o Dpkg::Use-Pty=0 install "$@" >/dev/null
  } || status=$?
  [ "$made_gate" = no ] || as_root rm -f "$gate"
  if [ "${#services[@]}" -gt 0 ] && command -v systemctl >/dev/null 2>&1; then
    as_root systemctl disable "${services[@]}" >/dev/null 2>&1 || true
  fi
  if [ "$status" != 0 ]; then
    echo "installing packages: apt-get failed ($status); its message is above" >&2
  fi
  return "$status"
}
