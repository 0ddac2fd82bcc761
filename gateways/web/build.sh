#!/usr/bin/env bash
# build.sh build|check PYTHON: makes the pages in dist/, or holds them to their rules and tests.
# Takes the machine's Node and npm; where there are none, or too old ones, those of a Python package,
# in an environment of their own beside PYTHON's. Node is needed here only, never by what runs.
set -euo pipefail
cd "$(dirname "$0")"
what=$1 python=$2
lock=$PWD/../../requirements-web.lock

is_usable() {
  command -v npm >/dev/null && command -v node >/dev/null && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)'
}

node_from_package() {
  local own
  own=$(dirname "$(dirname "$python")")/web
  if ! cmp -s "$lock" "$own/lock"; then
    echo "web: no Node of 20.19 or newer here; taking one as a Python package"
    "$python" -m venv "$own"
    "$own/bin/pip" install --quiet --disable-pip-version-check --retries 1 --require-hashes \
      --requirement "$lock"
    cp "$lock" "$own/lock"
  fi
  PATH="$own/bin:$PATH"
}

# what was installed, and from which lock file
is_installed() { [ "$(cat node_modules/.callplane 2>/dev/null)" = "$1 $(cksum <package-lock.json)" ]; }

install() {
  npm ci --ignore-scripts "${@:2}"
  echo "$1 $(cksum <package-lock.json)" >node_modules/.callplane
}

is_usable || node_from_package
case $what in
  build)
    is_installed all || is_installed build || install build --omit=dev
    npm run build
    ;;
  check)
    is_installed all || install all
    npm run check
    ;;
esac
