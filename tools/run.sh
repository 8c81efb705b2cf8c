#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make run`: builds, and runs a server to try, in the foreground.
#
#  1. Everything it makes is under run/ (or $EHLO_RUN); the configuration is
#     written once and then yours to change.
#  2. It listens on the loopback only, on ports that need no rights.
#  3. It says what to type in another window. Ctrl-C ends it.
#
# With EHLO_BUILD set, the programs of that build folder are run as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

run=${EHLO_RUN:-run}
build=${EHLO_BUILD-}
domain=example.org
address=demo@$domain

say() {
	echo "$*"
}

die() {
	echo "make run: $*" >&2
	exit 1
}

if [ -z "$build" ]; then
	make --no-print-directory build
	build=build
fi
ehlod=$build/src/ehlod/ehlod
ehlo=$build/src/ehlo/ehlo
typed=$ehlo
[ "$build" != build ] || typed=build/ehlo

# --- a folder that only we can read

umask 077
mkdir -p "$run/mail"

# Is the address free, or is there no such address? Exit code 0, 1, 2.
probe() {
	/usr/bin/python3 - "$1" "$2" <<'PYTHON'
import errno
import socket
import sys

host, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
try:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
except OSError as error:
    sys.exit(1 if error.errno == errno.EADDRINUSE else 2)
PYTHON
}

is_busy() {
	local host code
	for host in 127.0.0.1 ::1; do
		code=0
		probe "$host" "$1" || code=$?
		[ "$code" -ne 1 ] || return 0
	done
	return 1
}

# The first free port from $1 on, not $2.
free_port() {
	local port
	for ((port = $1; port < $1 + 200; port++)); do
		if [ "$port" != "$2" ] && ! is_busy "$port"; then
			echo "$port"
			return
		fi
	done
	die "no free port between $1 and $((port - 1))"
}

make_certificate() {
	local name names="DNS:localhost,IP:127.0.0.1,IP:::1"
	for name in "$(hostname 2>/dev/null || true)" \
	    "$(hostname -f 2>/dev/null || true)"; do
		case ",$names," in
		*",DNS:$name,"*) ;;
		*) [ -z "$name" ] || names="$names,DNS:$name" ;;
		esac
	done
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
	    -nodes -days 365 -subj "/CN=localhost" \
	    -addext "subjectAltName=$names" \
	    -keyout "$run/key.pem" -out "$run/cert.pem" 2>"$run/openssl.log" ||
		die "no certificate: $(cat "$run/openssl.log")"
	rm -f "$run/openssl.log"
}

write_config() {
	local port=$1 tls_port=$2 code=0 clear secure
	clear=127.0.0.1:$port secure=127.0.0.1:$tls_port
	probe ::1 "$port" || code=$?
	if [ "$code" -ne 2 ]; then
		clear="$clear [::1]:$port"
		secure="$secure [::1]:$tls_port"
	fi
	cat <<CONF
# A server to try, written by \`make run\` once and kept: change what you like.
# Every option, its default and its meaning: $ehlod --defaults

hostname localhost;
spool    spool;
control  control;
drop-folder drop;
trail    { file trail.db; }

# In the clear, with STARTTLS; forgiving to people who type.
listener "try" {
    address  $clear;
    tls      starttls;
    auth     plain login;
    basic-auth-only-after-tls no;   # yes on every other network
    typist   yes;
    relay    authenticated;
}

# TLS from the first byte.
listener "try-tls" {
    address  $secure;
    tls      implicit;
    auth     plain login;
    typist   yes;
    relay    authenticated;
}

tls     { certificate cert.pem; key key.pem; }
users   { file users; }
aliases { file aliases; }

domain "$domain" { deliver maildir mail/%d/%u; }
domain "localhost"   { deliver maildir mail/%d/%u; }
CONF
}

# The port of the n-th listener of the configuration.
configured_port() {
	sed -nE 's/^\s*address\s+127\.0\.0\.1:([0-9]+).*/\1/p' \
	    "$run/ehlod.conf" | sed -n "$1p"
}

# Another port for the n-th listener, if its own is taken.
move_if_busy() {
	local old new
	old=$(configured_port "$1")
	if [ -z "$old" ] || ! is_busy "$old"; then
		return 0
	fi
	new=$(free_port $((old + 1)) "$2")
	say "Port $old is in use by another program: I take $new" \
	    "($run/ehlod.conf is changed)."
	sed -Ei "/^\s*address/s/:$old([ ;])/:$new\1/g" "$run/ehlod.conf"
}

if [ ! -s "$run/demo-password" ]; then
	openssl rand -hex 6 >"$run/demo-password"
	rm -f "$run/users"
fi
password=$(cat "$run/demo-password")
if [ ! -s "$run/users" ]; then
	said=$("$ehlo" user add --users "$run/users" \
	    --password-file "$run/demo-password" demo 2>&1) ||
		die "could not make the account: $said"
fi
[ -s "$run/aliases" ] || echo "postmaster: demo" >"$run/aliases"
if [ ! -s "$run/cert.pem" ] || [ ! -s "$run/key.pem" ] ||
    ! openssl x509 -checkend 86400 -noout -in "$run/cert.pem" >/dev/null; then
	make_certificate
fi
if [ ! -s "$run/ehlod.conf" ]; then
	write_config 2525 4650 >"$run/ehlod.conf"
fi
move_if_busy 1 "$(configured_port 2)"
move_if_busy 2 "$(configured_port 1)"
port=$(configured_port 1)
tls_port=$(configured_port 2)
: "${port:=2525}" "${tls_port:=4650}"	# of a configuration changed by hand

base64_of() {
	printf %s "$1" | openssl base64 -A
}

cat <<TEXT

  Listening on 127.0.0.1:$port (STARTTLS) and 127.0.0.1:$tls_port (TLS).
  Account: demo   password: $password   address: $address
  Mail lands in $run/mail/$domain/demo/new   settings: $run/ehlod.conf

  Type in another window:

    telnet 127.0.0.1 $port
      ehlo me
      auth login
      $(base64_of demo)
      $(base64_of "$password")
      mail from:<$address>
      rcpt to:<$address>
      data
      subject: typed by hand

      Hello.
      .
      quit

    openssl s_client -quiet -starttls smtp -connect 127.0.0.1:$port
    openssl s_client -quiet -connect 127.0.0.1:$tls_port
      (then the same, in lower case: s_client eats lines that begin with R or Q)

    swaks --server 127.0.0.1:$port --tls --auth-user demo \\
      --auth-password $password --from $address --to $address

  Our own client does base64 and TLS by itself, and looks into the server:

    $typed talk 127.0.0.1:$port
    $typed send 127.0.0.1:$port --user demo --from $address \\
      --to $address --password-file $run/demo-password
    $typed status --config $run/ehlod.conf

  Ctrl-C ends the server. Below is every dialogue as it happens.

TEXT

args=(--config "$run/ehlod.conf" --foreground --show-dialogue)
[ "$(id -u)" -ne 0 ] || args+=(--allow-root)
exec "$ehlod" "${args[@]}"
