#!/usr/bin/env bash
# Installs Debian's Chromium, with which the pages are tested. Does nothing where there is one.
set -euo pipefail

say() { printf 'browser: %s\n' "$*" >&2; }

if command -v chromium >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  say "this is no Debian: install Chromium, so that it is found as chromium"
  exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    say "not root and no sudo here. Run as root: apt-get install chromium"
    exit 1
  fi
  sudo=sudo
fi

said=$(mktemp)
trap 'rm -f "$said"' EXIT
apt_install() {
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=120 chromium >"$said" 2>&1
}
say "installing chromium"
if ! apt_install; then
  say "once more, with fresh package lists"
  $sudo apt-get update -qq
  apt_install || { cat "$said" >&2; exit 1; }
fi
