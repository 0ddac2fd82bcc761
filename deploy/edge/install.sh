#!/usr/bin/env bash
# Installs what the edge and its tests need from Debian's packages: Kamailio with the modules that
# kamailio.cfg loads, and SIPp. Does nothing where all of it is there. Starts no service, now or at
# the next boot: whoever wants one says so.
set -euo pipefail
cd "$(dirname "$0")"
# where Debian keeps kamailio, which is not on everybody's path
PATH="$PATH:/usr/sbin:/sbin"

# extra: jansson; utils: http_client. Later releases have jansson among json.
packages=(kamailio kamailio-extra-modules kamailio-json-modules kamailio-utils-modules sip-tester)
policy=/usr/sbin/policy-rc.d

say() { printf 'edge: %s\n' "$*" >&2; }

# what keeps the edge from running here: a program, or a module or parameter of kamailio.cfg
complaint() {
  local name said
  for name in kamailio kamcmd sipp; do
    command -v "$name" >/dev/null || { echo "$name is missing"; return; }
  done
  said=$(CALLPLANE_NONCE_SECRET=unused kamailio -c -f kamailio/kamailio.cfg 2>&1) ||
    grep -m 5 -E 'ERROR|CRITICAL' <<<"$said" || echo "kamailio.cfg is refused"
}

# nothing may start a service while packages are unpacked; an owner's policy comes back afterwards
hold_services() {
  kept=$(mktemp -d)
  if [ -e "$policy" ]; then cp -a "$policy" "$kept/policy"; fi
  trap release_services EXIT
  printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
  $sudo chmod 755 "$policy"
}

release_services() {
  if [ -e "$kept/policy" ]; then $sudo cp -a "$kept/policy" "$policy"; else $sudo rm -f "$policy"; fi
  rm -rf "$kept"
}

apt_install() {
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=120 "${packages[@]}" >"$kept/apt" 2>&1
}

missing=$(complaint)
if [ -z "$missing" ]; then exit 0; fi
say "$missing"

if ! command -v apt-get >/dev/null; then
  say "this is no Debian: install Kamailio 5.6 or newer (with jansson and http_client) and SIPp"
  exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    say "not root and no sudo here. Run as root: apt-get install ${packages[*]}"
    exit 1
  fi
  sudo=sudo
fi

was_there=$(command -v kamailio || true)
hold_services
say "installing ${packages[*]}"
if ! apt_install; then
  say "once more, with fresh package lists"
  $sudo apt-get update -qq
  apt_install || { cat "$kept/apt" >&2; exit 1; }
fi
# a service that somebody had before stays as it was
if [ -z "$was_there" ] && [ -d /run/systemd/system ]; then
  $sudo systemctl disable --quiet kamailio || true
fi

missing=$(complaint)
if [ -n "$missing" ]; then
  say "$missing"
  exit 1
fi
