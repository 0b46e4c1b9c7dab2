#!/bin/sh
# Installs Standin from its npm package into a directory of its own, with the command on the path, and as a service where
# that is asked for. Says what it does and asks nothing. Running it again brings that installation to the version given;
# what is stored stays.
#
#   scripts/install.sh [--prefix DIRECTORY] [--commands DIRECTORY] [--package SPEC] [--service] [--no-sandboxes]
#   scripts/install.sh --uninstall [--prefix DIRECTORY] [--commands DIRECTORY] [--purge]
#
#   --prefix        where it goes: /opt/standin for root, else ~/.local/share/standin-app
#   --commands      where the command is linked: /usr/local/bin for root, else ~/.local/bin
#   --package       what npm installs: standin@latest, a version, or a .tgz file
#   --service       writes the systemd unit, enables and starts it (root)
#   --no-sandboxes  with --service: the unit without root, for sandboxes that are all run elsewhere
#   --uninstall     removes the installation and the service; secrets stay
#   --purge         with --uninstall: removes what is stored as well
set -eu

say() { echo "install: $*"; }
fail() {
  echo "install: error: $*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }
usage() { sed -n '6,16s/^#   //p' "$0"; }

prefix=
commands=
package=standin@latest
service=
sandboxes=yes
uninstall=
purge=
while [ $# -gt 0 ]; do
  case $1 in
    --prefix | --package | --commands)
      [ $# -ge 2 ] || fail "$1 takes a value"
      case $1 in
        --prefix) prefix=$2 ;;
        --package) package=$2 ;;
        --commands) commands=$2 ;;
      esac
      shift
      ;;
    --service) service=yes ;;
    --no-sandboxes) sandboxes= ;;
    --uninstall) uninstall=yes ;;
    --purge) purge=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done

if [ "$(id -u)" = 0 ]; then
  commands=${commands:-/usr/local/bin}
  default=/opt/standin
  data=/var/lib/standin
else
  [ -n "${HOME:-}" ] || fail "HOME is not set; give --prefix as root, or set it"
  commands=${commands:-$HOME/.local/bin}
  default=${XDG_DATA_HOME:-$HOME/.local/share}/standin-app
  data=${XDG_DATA_HOME:-$HOME/.local/share}/standin
  [ -z "$service" ] || fail "--service is for root"
fi
prefix=${prefix:-$default}
case $prefix in
  / | "${HOME:-/}") fail "--prefix $prefix: give a directory that holds nothing else" ;;
  /*) ;;
  *) prefix=$PWD/$prefix ;;
esac
units=/etc/systemd/system
unit=$units/standin.service
marker=$prefix/.standin-installed

is_ours() { [ "$(readlink "$commands/standin" 2>/dev/null || true)" = "$prefix/bin/standin" ]; }

if [ -n "$uninstall" ]; then
  if [ "$(id -u)" = 0 ] && [ -f "$unit" ] && grep -q "^ExecStart=$prefix/" "$unit"; then
    if has systemctl && [ -d /run/systemd/system ]; then systemctl disable --now standin.service; fi
    rm -rf "$unit" "$unit.d"
    say "removed $unit"
  fi
  if is_ours; then
    rm "$commands/standin"
    say "removed $commands/standin"
  fi
  if [ -e "$marker" ]; then
    rm -rf "$prefix"
    say "removed $prefix"
  else
    say "nothing is installed in $prefix"
  fi
  if [ -n "$purge" ]; then
    rm -rf "$data"
    say "removed $data with all that was stored"
  elif [ -d "$data" ]; then
    say "kept $data; --purge removes it"
  fi
  exit 0
fi

case $(uname -s)-$(uname -m) in
  Linux-x86_64 | Linux-aarch64 | Darwin-arm64) ;;
  *) fail "$(uname -s) on $(uname -m) is not supported: Linux on x86-64 or arm64, macOS on Apple silicon" ;;
esac
has node || fail "node is missing; install Node 20 or later (Debian: apt-get install nodejs npm)"
has npm || fail "npm is missing; install it (Debian: apt-get install npm)"
major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$major" -ge 20 ] || fail "Node $(node --version) is too old for npm to install it: 20 or later"
if [ -e "$prefix" ] && [ ! -e "$marker" ] && [ -n "$(ls -A "$prefix")" ]; then
  fail "$prefix is there and was not made by this script; give another --prefix"
fi
if [ -e "$commands/standin" ] && ! is_ours; then
  fail "$commands/standin is there and is not this one's; remove it, or use another --prefix and call it from there"
fi

mkdir -p "$prefix/bin" "$commands"
: >"$marker"
say "installing $package into $prefix"
npm install --prefix "$prefix" --omit=dev --no-audit --no-fund --loglevel=error "$package"
ln -sfn ../node_modules/.bin/standin "$prefix/bin/standin"
ln -sfn "$prefix/bin/standin" "$commands/standin"
say "standin $("$prefix/bin/standin" --version) is $commands/standin"

if [ -n "$service" ]; then
  from=$prefix/node_modules/standin/deploy/systemd
  mkdir -p "$units"
  sed "s#^ExecStart=/opt/standin/#ExecStart=$prefix/#" "$from/standin.service" >"$unit"
  rm -rf "$unit.d"
  if [ -z "$sandboxes" ]; then
    mkdir "$unit.d"
    cp "$from/standin.service.d/external.conf" "$unit.d/"
  fi
  install -d -m 0700 /etc/standin
  [ -e /etc/standin/standin.conf ] || install -m 0600 /dev/null /etc/standin/standin.conf
  say "wrote $unit; settings go into /etc/standin/standin.conf"
  if has systemctl && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --now standin.service
    say "the service runs; its first key is in \`journalctl -u standin\`, shown once"
  else
    say "no systemd runs here; start it with \`systemctl enable --now standin\`"
  fi
fi
case :$PATH: in
  *:"$commands":*) ;;
  *) say "$commands is not on your PATH" ;;
esac
say "next: standin serve, then standin doctor"
