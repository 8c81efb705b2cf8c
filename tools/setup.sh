#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that a part of the work needs and that are not
# there yet: tools/setup.sh build|test|lint|fuzz|bench
#
#  1. Nothing missing: nothing is called but dpkg-query, no right is needed.
#  2. Otherwise as root, or by sudo; without either it says what to type.
#  3. Never asks a question; says what it installs in one line.
#  4. Several may run at once: they take turns.
set -euo pipefail

BUILD="gcc libc6-dev make meson ninja-build pkgconf python3 openssl
	libssl-dev libsodium-dev libcrypt-dev libedit-dev libidn2-dev
	libunbound-dev libcurl4-openssl-dev libjansson-dev libsqlite3-dev
	libkrb5-dev libunistring-dev zlib1g-dev"
# also what the foreign servers need that tests unpack (tools/unpacked.py)
TEST="binutils ccache curl e2fsprogs git gsasl inetutils-telnet
	krb5-admin-server krb5-kdc krb5-user libcmocka-dev libdb5.3
	libevent-2.1-7 libgnutls-dane0 libgsasl-dev libgssapi-krb5-2 libicu72
	libidn12 libnet-ssleay-perl libnsl2 libsasl2-dev libsasl2-modules
	libsasl2-modules-db libsasl2-modules-gssapi-mit msmtp netcat-openbsd
	nmap node-nodemailer nodejs python3-aiosmtpd python3-ntlm-auth
	python3-pytest python3-pytest-xdist sasl2-bin swaks util-linux"
LINT="clang-format clang-tidy cppcheck shellcheck"
FUZZ="clang libclang-rt-dev llvm"
# what the rivals need beside themselves (bench/peers.py unpacks those)
BENCH="iproute2 libdb5.3 libevent-2.1-7 libgnutls-dane0 libicu72 libidn12
	libmariadb3 libnsl2 libopendmarc2 libpq5 libsasl2-modules
	libsasl2-modules-db libspf2-2 python3-aiosmtpd sasl2-bin util-linux"

usage() {
	echo "usage: tools/setup.sh build|test|lint|fuzz|bench" >&2
	exit 2
}

# The packages of "$@" that are not installed, on one line.
missing() {
	# dpkg-query fails if it has never heard of one of them
	{ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" \
	    2>/dev/null || true; } |
	awk -v want="$*" '
		$2 == "installed" { have[$1] = 1 }
		END {
			n = split(want, name, " ")
			for (i = 1; i <= n; i++)
				if (!(name[i] in have))
					printf "%s ", name[i]
		}'
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
	    -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 \
	    --no-install-recommends install "$@"
}

# Runs as root, one at a time (the lists' lock is not waited for by apt).
install_as_root() {
	local log
	log=$(mktemp)
	exec 9</var/lib/dpkg
	flock 9
	# the lists of a fresh container are empty, those of an old one stale
	if ! apt_install "$@" >"$log" 2>&1 &&
	    ! { apt-get -qq update && apt_install "$@"; } >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		echo "setup: could not install: $*" >&2
		exit 1
	fi
	rm -f "$log"
}

[ $# -eq 1 ] || [ "${1-}" = --install-as-root ] || usage
case "$1" in
build)	want=$BUILD ;;
test)	want="$BUILD $TEST" ;;
lint)	want="$BUILD $TEST $LINT" ;;
fuzz)	want="$BUILD $TEST $FUZZ" ;;
bench)	want="$BUILD $BENCH" ;;
--install-as-root)
	shift
	install_as_root "$@"
	exit 0 ;;
*)	usage ;;
esac

if ! command -v dpkg-query >/dev/null; then
	echo "setup: this is not Debian; I trust that you have what these" \
	    "packages hold: $want" >&2
	exit 0
fi
# shellcheck disable=SC2086 # names of packages, to be split
want=$(missing $want)
[ -n "$want" ] || exit 0
echo "setup: installing ${want% }"
if [ "$(id -u)" -eq 0 ]; then
	# shellcheck disable=SC2086
	install_as_root $want
elif command -v sudo >/dev/null; then
	[ -t 0 ] && sudo=sudo || sudo="sudo -n"
	# shellcheck disable=SC2086
	$sudo "$0" --install-as-root $want
else
	echo "setup: I am not root and there is no sudo. As root, please:" >&2
	echo "  apt-get install --no-install-recommends ${want% }" >&2
	exit 1
fi
