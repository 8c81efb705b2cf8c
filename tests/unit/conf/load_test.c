/* SPDX-License-Identifier: Apache-2.0 */
/* load: what a tired administrator gets wrong, and what he is told, word for
 * word; and what the defaults are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/span.h"
#include "conf/conf.h"

#define HOST "hostname mail.example.org;\n"
#define LISTENER "listener \"a\" { address 127.0.0.1:25; }\n"

struct mistake_case {
	const char *what;
	const char *text;
	const char *told;
};

/* A text with mistakes, and all that is said about it. */
static const struct mistake_case mistakes[] = {
	{ "option misspelt",
	    HOST "listener \"a\" {\n"
	    "\taddress 127.0.0.1:25;\n"
	    "\tbasic-auth-only-aftr-tls yes;\n"
	    "}\n",
	    "f:4:2: error: unknown option 'basic-auth-only-aftr-tls' in "
	    "listener; did you mean 'basic-auth-only-after-tls'?\n"
	    "    \tbasic-auth-only-aftr-tls yes;\n"
	    "    \t^^^^^^^^^^^^^^^^^^^^^^^^\n" },
	{ "option misspelt at the top",
	    HOST LISTENER "spol /x;\n",
	    "f:3:1: error: unknown option 'spol'; did you mean 'spool'?\n"
	    "    spol /x;\n"
	    "    ^^^^\n" },
	{ "nothing like it",
	    HOST LISTENER "frobnicate yes;\n",
	    "f:3:1: error: unknown option 'frobnicate'\n"
	    "    frobnicate yes;\n"
	    "    ^^^^^^^^^^\n" },
	{ "option of a block at the top",
	    HOST LISTENER "timeout 5m;\n",
	    "f:3:1: error: 'timeout' does not belong here: it stands in "
	    "'listener'\n"
	    "    timeout 5m;\n"
	    "    ^^^^^^^\n" },
	{ "option of the top in a block",
	    HOST "listener \"a\" { address 127.0.0.1:25; spool /x; }\n",
	    "f:2:38: error: 'spool' does not belong into 'listener': it stands "
	    "outside of any block\n"
	    "    listener \"a\" { address 127.0.0.1:25; spool /x; }\n"
	    "                                         ^^^^^\n" },
	{ "block misspelt",
	    HOST LISTENER "domian \"example.org\" { deliver maildir /%u; }\n",
	    "f:3:1: error: unknown block 'domian'; did you mean 'domain'?\n"
	    "    domian \"example.org\" { deliver maildir /%u; }\n"
	    "    ^^^^^^\n" },
	{ "bad yes",
	    HOST "listener a { address 127.0.0.1:25;\n typist yess; }\n",
	    "f:3:9: error: 'yess' is no value of 'typist'; did you mean 'yes'? "
	    "one of: no yes\n"
	    "     typist yess; }\n"
	    "            ^^^^\n" },
	{ "bad word in a list",
	    HOST "listener a { address 127.0.0.1:25;\n auth plian login; }\n",
	    "f:3:7: error: 'plian' is no value of 'auth'; did you mean "
	    "'plain'? one of: scram-sha-256 scram-sha-1 plain login ntlm "
	    "gssapi none\n"
	    "     auth plian login; }\n"
	    "          ^^^^^\n" },
	{ "bad size",
	    HOST "listener a { address 127.0.0.1:25;\n"
	    "max-message-size 25Q; }\n",
	    "f:3:18: error: '25Q' is no size: write a number and K, M or G, "
	    "like 25M\n"
	    "    max-message-size 25Q; }\n"
	    "                     ^^^\n" },
	{ "size past 64 bits",
	    HOST "listener a { address 127.0.0.1:25;\n"
	    "max-message-size 18446744073709551615G; }\n",
	    "f:3:18: error: '18446744073709551615G' is no size: write a number "
	    "and K, M or G, like 25M\n"
	    "    max-message-size 18446744073709551615G; }\n"
	    "                     ^^^^^^^^^^^^^^^^^^^^^\n" },
	{ "size too large",
	    HOST "listener a { address 127.0.0.1:25;\n"
	    "max-message-size 1025G; }\n",
	    "f:3:18: error: '1025G' is too large for 'max-message-size': at "
	    "most 1024G\n"
	    "    max-message-size 1025G; }\n"
	    "                     ^^^^^\n" },
	{ "duration without unit",
	    HOST LISTENER "retry-first 300;\n",
	    "f:3:13: error: '300' has no unit: write ms, s, m, h or d behind "
	    "it, like 5m\n"
	    "    retry-first 300;\n"
	    "                ^^^\n" },
	{ "bad duration",
	    HOST LISTENER "retry-first 5min;\n",
	    "f:3:13: error: '5min' is no duration: write a number and ms, s, "
	    "m, h or d, like 5m\n"
	    "    retry-first 5min;\n"
	    "                ^^^^\n" },
	{ "duration too short",
	    HOST LISTENER "retry-first 5ms;\n",
	    "f:3:13: error: '5ms' is too small for 'retry-first': at least "
	    "1s\n"
	    "    retry-first 5ms;\n"
	    "                ^^^\n" },
	{ "bad number",
	    HOST LISTENER "max-hops many;\n",
	    "f:3:10: error: 'many' is no number: write digits only, like 20\n"
	    "    max-hops many;\n"
	    "             ^^^^\n" },
	{ "number too small",
	    HOST LISTENER "max-hops 0;\n",
	    "f:3:10: error: '0' is too small for 'max-hops': at least 1\n"
	    "    max-hops 0;\n"
	    "             ^\n" },
	{ "missing semicolon",
	    HOST "listener a {\n\taddress 127.0.0.1:25\n\ttypist yes;\n}\n",
	    "f:3:22: error: 'address' is not ended: a ';' is missing\n"
	    "    \taddress 127.0.0.1:25\n"
	    "    \t                    ^\n" },
	{ "missing semicolon before a misspelt option",
	    HOST "listener a {\n\taddress 127.0.0.1:25\n\ttypits yes;\n}\n",
	    "f:3:22: error: 'address' is not ended: a ';' is missing\n"
	    "    \taddress 127.0.0.1:25\n"
	    "    \t                    ^\n"
	    "f:4:2: error: unknown option 'typits' in listener; did you mean "
	    "'typist'?\n"
	    "    \ttypits yes;\n"
	    "    \t^^^^^^\n" },
	{ "missing semicolon before a word nobody knows",
	    HOST LISTENER "max-hops 5\nfrobnicate 7;\n",
	    "f:3:11: error: 'max-hops' is not ended: a ';' is missing\n"
	    "    max-hops 5\n"
	    "              ^\n"
	    "f:4:1: error: unknown option 'frobnicate'\n"
	    "    frobnicate 7;\n"
	    "    ^^^^^^^^^^\n" },
	{ "missing semicolon before a brace",
	    HOST "listener a { address 127.0.0.1:25 }\n",
	    "f:2:34: error: 'address' is not ended: a ';' is missing\n"
	    "    listener a { address 127.0.0.1:25 }\n"
	    "                                     ^\n" },
	{ "missing semicolon before a block",
	    HOST "spool /x\n" LISTENER,
	    "f:2:9: error: 'spool' is not ended: a ';' is missing\n"
	    "    spool /x\n"
	    "            ^\n" },
	{ "missing value",
	    HOST "listener a {\n\ttypist\n\taddress 127.0.0.1:25;\n}\n",
	    "f:3:2: error: 'typist' needs a value, like 'typist no;'\n"
	    "    \ttypist\n"
	    "    \t^^^^^^\n" },
	{ "missing brace at the end",
	    HOST "listener a {\n\taddress 127.0.0.1:25;\n",
	    "f:2:1: error: the block 'listener' opened here is never closed: a "
	    "'}' is missing\n"
	    "    listener a {\n"
	    "    ^^^^^^^^\n" },
	{ "missing brace before the next block",
	    HOST "listener a {\n\taddress 127.0.0.1:25;\n"
	    "users { file u; }\n",
	    "f:4:1: error: 'users' cannot stand inside 'listener', which line "
	    "2 opened: a '}' is missing before it\n"
	    "    users { file u; }\n"
	    "    ^^^^^\n" },
	{ "missing opening brace",
	    HOST "listener a\n\taddress 127.0.0.1:25;\n}\n",
	    "f:2:11: error: 'listener' is a block: a '{' is missing\n"
	    "    listener a\n"
	    "              ^\n" },
	{ "a brace too many",
	    HOST LISTENER "}\n",
	    "f:3:1: error: a '}' that closes nothing\n"
	    "    }\n"
	    "    ^\n" },
	{ "missing quote",
	    HOST "listener \"a {\n\taddress 127.0.0.1:25;\n}\n",
	    "f:2:10: error: the \" opened here is not closed on this line\n"
	    "    listener \"a {\n"
	    "             ^\n" },
	{ "missing quote of a value",
	    HOST LISTENER "spool \"/x;\nretry-max 1d;\n",
	    "f:3:7: error: the \" opened here is not closed on this line\n"
	    "    spool \"/x;\n"
	    "          ^\n" },
	{ "unknown escape",
	    HOST LISTENER "spool \"/a\\nb\";\n",
	    "f:3:10: error: a backslash stands only before \" and another "
	    "backslash here: write \\\\ for one\n"
	    "    spool \"/a\\nb\";\n"
	    "             ^\n" },
	{ "option twice",
	    HOST LISTENER "max-hops 1;\nmax-hops 2;\n",
	    "f:4:1: error: 'max-hops' is there already, in line 3\n"
	    "    max-hops 2;\n"
	    "    ^^^^^^^^\n" },
	{ "listener twice",
	    HOST LISTENER "listener \"a\" { address 127.0.0.1:26; }\n",
	    "f:3:1: error: 'listener \"a\"' is there already, in line 2\n"
	    "    listener \"a\" { address 127.0.0.1:26; }\n"
	    "    ^^^^^^^^\n" },
	{ "domain twice, in two spellings",
	    HOST LISTENER "users { file u; }\n"
	    "domain \"b\u00fccher.example\" { deliver maildir /%u; }\n"
	    "domain \"XN--BCHER-KVA.example\" { deliver maildir /%u; }\n",
	    "f:5:1: error: 'domain \"xn--bcher-kva.example\"' is there "
	    "already, in line 4\n"
	    "    domain \"XN--BCHER-KVA.example\" { deliver maildir /%u; }\n"
	    "    ^^^^^^\n" },
	{ "users twice",
	    HOST LISTENER "users { file u; }\nusers { file v; }\n",
	    "f:4:1: error: 'users' is there already, in line 3\n"
	    "    users { file v; }\n"
	    "    ^^^^^\n" },
	{ "address in two listeners",
	    HOST "listener a { address 127.0.0.1:25 [::1]:25; }\n"
	    "listener b {\n address [0:0::1]:25; }\n",
	    "f:4:2: error: [0:0::1]:25 is taken already, in line 2\n"
	    "     address [0:0::1]:25; }\n"
	    "     ^^^^^^^\n" },
	{ "no listener without name",
	    HOST "listener { address 127.0.0.1:25; }\n",
	    "f:2:1: error: 'listener' needs a name: write listener "
	    "\"submission\" { … }\n"
	    "    listener { address 127.0.0.1:25; }\n"
	    "    ^^^^^^^^\n" },
	{ "a name too many",
	    HOST LISTENER "users x { file u; }\n",
	    "f:3:7: error: 'users' has no name: write users { … }\n"
	    "    users x { file u; }\n"
	    "          ^\n" },
	{ "a domain that is none",
	    HOST LISTENER "users { file u; }\n"
	    "domain \"a_b.example\" { deliver maildir /%u; }\n",
	    "f:4:8: error: 'a_b.example' is no domain name: write it like "
	    "example.org\n"
	    "    domain \"a_b.example\" { deliver maildir /%u; }\n"
	    "           ^^^^^^^^^^^^^\n" },
	{ "no address",
	    HOST "listener a { typist yes; }\n",
	    "f:2:1: error: this 'listener' has no 'address'; write it like "
	    "'address 127.0.0.1:2525 [::1]:2525;'\n"
	    "    listener a { typist yes; }\n"
	    "    ^^^^^^^^\n" },
	{ "names and bad addresses",
	    HOST "listener a { address\n localhost:25 127.0.0.1\n"
	    " ::1:25 127.0.0.1:65536; }\n",
	    "f:3:2: error: 'localhost:25' is no address to listen at: write an "
	    "IP address and a port, like 127.0.0.1:25 or [::1]:25\n"
	    "     localhost:25 127.0.0.1\n"
	    "     ^^^^^^^^^^^^\n"
	    "f:3:15: error: '127.0.0.1' is no address to listen at: write an "
	    "IP address and a port, like 127.0.0.1:25 or [::1]:25\n"
	    "     localhost:25 127.0.0.1\n"
	    "                  ^^^^^^^^^\n"
	    "f:4:2: error: '::1:25' is no address to listen at: write an "
	    "IP address and a port, like 127.0.0.1:25 or [::1]:25\n"
	    "     ::1:25 127.0.0.1:65536; }\n"
	    "     ^^^^^^\n"
	    "f:4:9: error: '127.0.0.1:65536' is no address to listen at: write "
	    "an IP address and a port, like 127.0.0.1:25 or [::1]:25\n"
	    "     ::1:25 127.0.0.1:65536; }\n"
	    "            ^^^^^^^^^^^^^^^\n" },
	{ "network with bits behind",
	    HOST "listener a { address 127.0.0.1:25; relay networks;\n"
	    "networks 10.1.2.3/8 10.0.0.0/33; }\n",
	    "f:3:10: error: '10.1.2.3/8' has bits behind its prefix; did you "
	    "mean '10.0.0.0/8'?\n"
	    "    networks 10.1.2.3/8 10.0.0.0/33; }\n"
	    "             ^^^^^^^^^^\n"
	    "f:3:21: error: '10.0.0.0/33' is no network: write it like "
	    "10.0.0.0/8 or 2001:db8::/32\n"
	    "    networks 10.1.2.3/8 10.0.0.0/33; }\n"
	    "                        ^^^^^^^^^^^\n" },
	{ "starttls without a certificate",
	    HOST "listener a { address 127.0.0.1:25;\n tls starttls; }\n",
	    "f:3:2: error: TLS needs a certificate: add tls { certificate "
	    "/path/cert.pem; key /path/key.pem; }\n"
	    "     tls starttls; }\n"
	    "     ^^^\n" },
	{ "only certificates with names",
	    HOST "listener a { address 127.0.0.1:25;\n tls implicit; }\n"
	    "tls a.example { certificate c; key k; }\n",
	    "f:3:2: error: clients that ask for no name need a certificate "
	    "too: add a 'tls' block without a name\n"
	    "     tls implicit; }\n"
	    "     ^^^\n" },
	{ "tls without a key",
	    HOST LISTENER "tls { certificate c; }\n",
	    "f:3:1: error: this 'tls' has no 'key'; write it like "
	    "'key /etc/ehlod/key.pem;'\n"
	    "    tls { certificate c; }\n"
	    "    ^^^\n" },
	{ "tls required and none",
	    HOST "listener a { address 127.0.0.1:25;\n tls-required yes; }\n",
	    "f:3:2: error: TLS is required and 'tls' is none: nobody could "
	    "send mail; add 'tls starttls;'\n"
	    "     tls-required yes; }\n"
	    "     ^^^^^^^^^^^^\n" },
	{ "auth without users",
	    HOST "listener a { address 127.0.0.1:25; tls starttls;\n"
	    " auth plain; }\n"
	    "tls { certificate c; key k; }\n",
	    "f:3:2: error: nobody can log in without accounts: add users { "
	    "file /path/users; }\n"
	    "     auth plain; }\n"
	    "     ^^^^\n" },
	{ "login required and none",
	    HOST "listener a { address 127.0.0.1:25;\n auth-required yes; }\n",
	    "f:3:2: error: a login is required and 'auth' is none: add "
	    "'auth plain login;'\n"
	    "     auth-required yes; }\n"
	    "     ^^^^^^^^^^^^^\n" },
	{ "relay networks without networks",
	    HOST "listener a { address 127.0.0.1:25;\n relay networks; }\n",
	    "f:3:2: error: which networks? add 'networks 10.0.0.0/8;'\n"
	    "     relay networks; }\n"
	    "     ^^^^^\n" },
	{ "nobody and others",
	    HOST "listener a { address 127.0.0.1:25;\n"
	    " relay nobody networks; networks 10.0.0.0/8; }\n",
	    "f:3:8: error: 'nobody' stands alone\n"
	    "     relay nobody networks; networks 10.0.0.0/8; }\n"
	    "           ^^^^^^\n" },
	{ "LMTP on port 25",
	    HOST "listener a {\n address 127.0.0.1:25; lmtp yes; }\n",
	    "f:3:2: error: LMTP must not be spoken on port 25 (RFC 2033 5)\n"
	    "     address 127.0.0.1:25; lmtp yes; }\n"
	    "     ^^^^^^^\n" },
	{ "retry-max below retry-first",
	    HOST LISTENER "retry-first 5h;\n",
	    "f:3:1: error: 'retry-first' is longer than 'retry-max'\n"
	    "    retry-first 5h;\n"
	    "    ^^^^^^^^^^^\n" },
	{ "no listener",
	    HOST,
	    "f: error: there is no listener, so no mail could come in: add "
	    "listener \"submission\" { address 127.0.0.1:2525; }\n" },
	{ "one mailbox for all",
	    HOST LISTENER "users { file u; }\n"
	    "domain a.example {\n deliver maildir /var/mail/%d; }\n",
	    "f:5:18: error: without %u all accounts would share one mailbox\n"
	    "     deliver maildir /var/mail/%d; }\n"
	    "                     ^^^^^^^^^^^^\n" },
	{ "unknown letter in a pattern",
	    HOST LISTENER "users { file u; }\n"
	    "domain a.example {\n deliver maildir /%n/%u; }\n",
	    "f:5:18: error: '%n' means nothing here: %d is the domain, %u the "
	    "account, %% a percent sign\n"
	    "     deliver maildir /%n/%u; }\n"
	    "                     ^^^^^^\n" },
	{ "a catch-all that is no address",
	    HOST LISTENER "users { file u; }\n"
	    "domain a.example { deliver maildir /%u;\n catch-all anna; }\n",
	    "f:5:12: error: 'anna' is no address: write it like "
	    "anna@example.org\n"
	    "     catch-all anna; }\n"
	    "               ^^^^\n" },
	{ "a letter as delimiter",
	    HOST LISTENER "recipient-delimiter x;\n",
	    "f:3:21: error: 'x' cannot be a delimiter: write one of + - = _ # "
	    "~ ^ * or none\n"
	    "    recipient-delimiter x;\n"
	    "                        ^\n" },
	{ "two values where one belongs",
	    HOST LISTENER "max-hops 1 2;\n",
	    "f:3:12: error: 'max-hops' takes one value\n"
	    "    max-hops 1 2;\n"
	    "               ^\n" },
	{ "an option as a block",
	    HOST LISTENER "max-hops { 1; }\n",
	    "f:3:1: error: 'max-hops' is an option, not a block: write "
	    "'max-hops 100;'\n"
	    "    max-hops { 1; }\n"
	    "    ^^^^^^^^\n" },
	{ "blocks in blocks",
	    HOST LISTENER "a { b { c { } } }\n",
	    "f:3:1: error: unknown block 'a'\n"
	    "    a { b { c { } } }\n"
	    "    ^\n" },
	{ "columns count characters",
	    HOST LISTENER "spool \"/\u00e4\u00f6\u00fc\"; spol x;\n",
	    "f:3:15: error: unknown option 'spol'; did you mean 'spool'?\n"
	    "    spool \"/\u00e4\u00f6\u00fc\"; spol x;\n"
	    "                  ^^^^\n" },
	{ "not text",
	    HOST "spool \x1b[2J;\n" LISTENER,
	    "f:2:7: error: a control character (0x1b) stands here: this must "
	    "be a text file\n"
	    "    spool ?[2J;\n"
	    "          ^\n" },
	{ "not UTF-8",
	    HOST "# caf\xe9\n" LISTENER,
	    "f:2:1: error: this line is not UTF-8\n"
	    "    # caf?\n"
	    "    ^\n" },
	{ "several at once",
	    HOST LISTENER "spol x;\nmax-hops x;\nmax-hop 3;\n",
	    "f:3:1: error: unknown option 'spol'; did you mean 'spool'?\n"
	    "    spol x;\n"
	    "    ^^^^\n"
	    "f:4:10: error: 'x' is no number: write digits only, like 20\n"
	    "    max-hops x;\n"
	    "             ^\n"
	    "f:5:1: error: unknown option 'max-hop'; did you mean "
	    "'max-hops'?\n"
	    "    max-hop 3;\n"
	    "    ^^^^^^^\n" },
};

/* Accepted, with a word about it. */
static const struct mistake_case warnings[] = {
	{ "relay authenticated without auth",
	    HOST "listener a { address 127.0.0.1:25;\n"
	    " relay authenticated; }\n",
	    "f:3:2: warning: nobody can log in here: add 'auth plain login;'\n"
	    "     relay authenticated; }\n"
	    "     ^^^^^\n" },
	{ "passwords in clear",
	    HOST "listener a { address 127.0.0.1:25 0.0.0.0:26; auth plain;\n"
	    " basic-auth-only-after-tls no; }\nusers { file u; }\n",
	    "f:3:2: warning: passwords can be read by anybody on the way\n"
	    "     basic-auth-only-after-tls no; }\n"
	    "     ^^^^^^^^^^^^^^^^^^^^^^^^^\n" },
	{ "in clear, but only on this machine",
	    HOST "listener a { address 127.0.0.1:25 [::1]:25; auth plain;\n"
	    " basic-auth-only-after-tls no; }\nusers { file u; }\n", "" },
	{ "logins that are never offered",
	    HOST "listener a { address 127.0.0.1:25;\n auth plain; }\n"
	    "users { file u; }\n",
	    "f:3:2: warning: never offered: these logins wait for TLS "
	    "('basic-auth-only-after-tls'), and 'tls' is none here\n"
	    "     auth plain; }\n"
	    "     ^^^^\n" },
	{ "open relay",
	    HOST "listener a { address 127.0.0.1:25; relay networks;\n"
	    " networks 0.0.0.0/0; }\n",
	    "f:3:2: warning: an open relay: anybody may send to anybody, and "
	    "spammers will\n"
	    "     networks 0.0.0.0/0; }\n"
	    "     ^^^^^^^^\n" },
	{ "networks of no use",
	    HOST "listener a { address 127.0.0.1:25;\n networks ::1; }\n",
	    "f:3:2: warning: of no effect without 'relay networks;'\n"
	    "     networks ::1; }\n"
	    "     ^^^^^^^^\n" },
	{ "old TLS",
	    HOST "listener a { address 127.0.0.1:25;\n tls-min 1.0; }\n",
	    "f:3:2: warning: TLS 1.0 is no longer safe (RFC 8996)\n"
	    "     tls-min 1.0; }\n"
	    "     ^^^^^^^\n" },
	{ "a domain without accounts",
	    HOST LISTENER "domain a.example { deliver maildir /%u; }\n",
	    "f:3:1: warning: nobody has a mailbox here: add users { file "
	    "/path/users; }\n"
	    "    domain a.example { deliver maildir /%u; }\n"
	    "    ^^^^^^\n" },
	{ "a host name without domain",
	    "hostname mail;\n" LISTENER,
	    "f:1:1: warning: the host name 'mail' has no domain: other servers "
	    "will distrust it; write 'hostname mail.example.org;'\n"
	    "    hostname mail;\n"
	    "    ^^^^^^^^\n" },
	{ "limits below the standard's",
	    HOST "listener a { address 127.0.0.1:25;\n"
	    "max-message-size 10K;\nmax-recipients 5; }\n",
	    "f:3:1: warning: every server takes at least 64K (RFC 5321 "
	    "4.5.3.1.7)\n"
	    "    max-message-size 10K;\n"
	    "    ^^^^^^^^^^^^^^^^\n"
	    "f:4:1: warning: every server takes at least 100 (RFC 5321 "
	    "4.5.3.1.8)\n"
	    "    max-recipients 5; }\n"
	    "    ^^^^^^^^^^^^^^\n" },
};

/* Parses; `*told` is freed by the caller. */
static struct conf *
parse(const char *text, char **told)
{
	size_t len;
	FILE *errors = open_memstream(told, &len);
	struct conf *conf;

	assert_non_null(errors);
	conf = conf_parse("f", text, strlen(text), errors);
	assert_int_equal(fclose(errors), 0);
	return conf;
}

static void
run_cases(const struct mistake_case *cases, size_t n, bool is_accepted)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < n; i++) {
		char *told;
		struct conf *conf = parse(cases[i].text, &told);

		if (strcmp(told, cases[i].told) != 0 ||
		    (conf != NULL) != is_accepted) {
			print_error("%s: %s\nexpected:\n%s\ngot:\n%s\n",
			    cases[i].what, conf != NULL ? "accepted"
			    : "refused", cases[i].told, told);
			wrong++;
		}
		conf_unref(conf);
		free(told);
	}
	assert_int_equal(wrong, 0);
}

/* Seen to catch: begins_statement() that never looks at single-valued options;
 * guess_end() that keeps the `{`; `given` not set for an option. */
static void
every_mistake_is_told(void **state)
{
	(void)state;
	run_cases(mistakes, countof(mistakes), false);
}

static void
every_warning_is_told(void **state)
{
	(void)state;
	run_cases(warnings, countof(warnings), true);
}

/* A file of nothing but mistakes: fifty are shown, the rest is counted. */
static void
mistakes_are_bounded(void **state)
{
	struct buf text;
	unsigned lines = 0;
	char *told;

	(void)state;
	buf_init(&text, 1 << 20);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_append(&text, SPAN("x 1;\n")), 0);
	assert_int_equal(buf_append(&text, SPAN(HOST LISTENER "\0")), 0);
	assert_null(parse(buf_span(&text).p, &told));
	for (const char *p = told; *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 50 * 3 + 1);
	assert_non_null(strstr(told, "f: 950 more mistakes are not shown\n"));
	free(told);
	buf_free(&text);
}

/* One long line is shown around the mistake only. */
static void
long_lines_are_cut(void **state)
{
	char text[5000], *told;
	size_t head = sizeof HOST LISTENER "spool \"" - 1;

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, HOST LISTENER "spool \"", head);
	memcpy(text + sizeof text - 11, "\"; spol y;", 11);
	assert_null(parse(text, &told));
	assert_non_null(strstr(told, "unknown option 'spol'"));
	assert_true(strlen(told) < 900);
	free(told);
}

static void
too_large_is_refused(void **state)
{
	size_t len = ((size_t)1 << 20) + 1;
	char *text = mem_new(len), *told = NULL;
	size_t told_len;
	FILE *errors = open_memstream(&told, &told_len);

	(void)state;
	memset(text, '\n', len);
	assert_null(conf_parse("f", text, len, errors));
	assert_int_equal(fclose(errors), 0);
	assert_string_equal(told, "f: error: longer than 1048576 bytes\n");
	free(told);
	free(text);
}

/* reliability: the numbers an operator gets who says nothing. */
static void
defaults(void **state)
{
	char *told;
	struct conf *conf = parse(HOST LISTENER, &told);
	const struct conf_listener *listener;

	(void)state;
	assert_string_equal(told, "");
	assert_non_null(conf);
	assert_string_equal(conf->hostname, "mail.example.org");
	assert_string_equal(conf->spool, "/var/lib/ehlod");
	assert_int_equal(conf->shards, 0);
	assert_int_equal(conf->log, CONF_LOG_STDERR);
	assert_string_equal(conf->log_level, "info");
	assert_false(conf->show_dialogue);
	assert_string_equal(conf->recipient_delimiter, "+");
	assert_int_equal(conf->shutdown_grace_ms, 30000);
	assert_int_equal(conf->retry_first_ms, 300000);
	assert_int_equal(conf->retry_max_ms, 4 * 3600000);
	assert_int_equal(conf->max_hops, 100);
	assert_int_equal(conf->max_auth_failures_per_address, 10);
	assert_string_equal(conf->users_file, "");
	assert_string_equal(conf->aliases_file, "");
	assert_int_equal(conf->tls_n, 0);
	assert_int_equal(conf->domain_n, 0);
	assert_int_equal(conf->listener_n, 1);
	listener = &conf->listener[0];
	assert_string_equal(listener->name, "a");
	assert_int_equal(listener->line, 2);
	assert_int_equal(listener->tls, CONF_TLS_NONE);
	assert_string_equal(listener->tls_min, "1.2");
	assert_false(listener->tls_required);
	assert_int_equal(listener->auth_n, 0);
	assert_false(listener->auth_required);
	assert_true(listener->basic_auth_only_after_tls);
	assert_false(listener->typist);
	assert_false(listener->lmtp);
	assert_string_equal(listener->persona, "native");
	assert_int_equal(listener->relay, 0);
	assert_int_equal(listener->network_n, 0);
	assert_true(listener->sender_must_match_login);
	assert_int_equal(listener->max_message_size, 50 << 20);
	assert_int_equal(listener->max_recipients, 1000);
	assert_int_equal(listener->max_errors, 20);
	assert_int_equal(listener->max_commands, 100);
	assert_int_equal(listener->max_transactions, 1000);
	assert_int_equal(listener->max_auth_failures, 3);
	assert_int_equal(listener->max_sessions, 10000);
	assert_int_equal(listener->max_sessions_per_address, 100);
	assert_int_equal(listener->timeout_ms, 300000);
	assert_int_equal(listener->data_timeout_ms, 180000);
	conf_unref(conf);
	free(told);
}

static void
values_arrive(void **state)
{
	static const char text[] = "\xef\xbb\xbf" HOST "# a comment\r\n"
	    "spool \"/a \\\"b\\\\\"; log syslog; log-level debug;\r\n"
	    "recipient-delimiter none; shards 4; retry-first 1500ms;\n"
	    "listener \"x y\" { address 127.0.0.1:2525\n\t[::1]:0;\n"
	    " tls starttls; auth login plain; persona postfix-old;# c\n"
	    " relay authenticated networks; networks 10.0.0.0/8 ::1;\n"
	    " max-message-size 0; lmtp no; timeout 2h; }\n"
	    "tls { certificate c.pem; key /k.pem; }\n"
	    "tls MAIL.example.org { certificate c2; key k2; }\n"
	    "users { file users; }\naliases { file aliases; }\n"
	    "domain Example.ORG { deliver maildir %d/%u; "
	    "catch-all Anna@EXAMPLE.org; }";
	char *told;
	struct conf *conf = parse(text, &told);
	const struct conf_listener *listener;
	const struct conf_domain *domain;
	struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;

	(void)state;
	assert_string_equal(told, "");
	assert_non_null(conf);
	assert_string_equal(conf->spool, "/a \"b\\");
	assert_int_equal(conf->log, CONF_LOG_SYSLOG);
	assert_string_equal(conf->log_level, "debug");
	assert_string_equal(conf->recipient_delimiter, "");
	assert_int_equal(conf->shards, 4);
	assert_int_equal(conf->retry_first_ms, 1500);
	listener = &conf->listener[0];
	assert_string_equal(listener->name, "x y");
	assert_int_equal(listener->line, 5);
	assert_int_equal(listener->address_n, 2);
	assert_int_equal(listener->address[0].len, sizeof(struct sockaddr_in));
	assert_int_equal(((const struct sockaddr_in *)
	    &listener->address[0].address)->sin_port, htons(2525));
	assert_string_equal(listener->address[1].text, "[::1]:0");
	assert_memory_equal(&((const struct sockaddr_in6 *)
	    &listener->address[1].address)->sin6_addr, &loopback,
	    sizeof loopback);
	assert_int_equal(listener->tls, CONF_TLS_STARTTLS);
	assert_int_equal(listener->auth_n, 2);
	assert_string_equal(listener->auth[0], "LOGIN");
	assert_string_equal(listener->auth[1], "PLAIN");
	assert_string_equal(listener->persona, "postfix-old");
	assert_int_equal(listener->relay, CONF_RELAY_AUTHENTICATED |
	    CONF_RELAY_NETWORKS);
	assert_int_equal(listener->network_n, 2);
	assert_int_equal(listener->network[0].len, 4);
	assert_int_equal(listener->network[0].bits, 8);
	assert_int_equal(listener->network[0].bytes[0], 10);
	assert_int_equal(listener->network[1].len, 16);
	assert_int_equal(listener->network[1].bits, 128);
	assert_int_equal(listener->max_message_size, 0);
	assert_int_equal(listener->timeout_ms, 7200000);
	assert_string_equal(conf->tls[0].name, "");
	assert_string_equal(conf->tls[0].certificate, "c.pem");
	assert_string_equal(conf->tls[1].name, "mail.example.org");
	assert_int_equal(conf->tls[1].line, 11);
	assert_string_equal(conf->users_file, "users");
	assert_string_equal(conf->aliases_file, "aliases");
	domain = conf_find_domain(conf, "EXAMPLE.org", 11);
	assert_ptr_equal(domain, &conf->domain[0]);
	assert_string_equal(domain->name, "example.org");
	assert_string_equal(domain->maildir, "%d/%u");
	assert_string_equal(domain->catch_all, "Anna@example.org");
	assert_null(conf_find_domain(conf, "xample.org", 10));
	assert_null(conf_find_domain(conf, "example.org.", 12));
	assert_null(conf_find_domain(conf, "", 0));
	conf_unref(conf);
	free(told);
}

/* Relative paths begin at the file's folder; its percent signs are its own. */
static void
paths_begin_at_the_file(void **state)
{
	static const char text[] = HOST LISTENER "spool s;\n"
	    "users { file /abs; }\n"
	    "domain a.example { deliver maildir m/%u; }\n";
	char folder[] = "/tmp/conf-test-50%-XXXXXX", path[64], want[64];
	struct conf *conf;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/c", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	conf = conf_load(path, stderr);
	assert_non_null(conf);
	assert_string_equal(conf->file, path);
	snprintf(want, sizeof want, "%s/s", folder);
	assert_string_equal(conf->spool, want);
	assert_string_equal(conf->users_file, "/abs");
	assert_int_equal(strncmp(conf->domain[0].maildir,
	    "/tmp/conf-test-50%%-", 20), 0);
	conf_unref(conf);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void
unreadable_file_is_told(void **state)
{
	char *told;
	size_t len;
	FILE *errors = open_memstream(&told, &len);

	(void)state;
	assert_null(conf_load("/nowhere/ehlod.conf", errors));
	assert_null(conf_load("/", errors));
	assert_int_equal(fclose(errors), 0);
	assert_string_equal(told, "/nowhere/ehlod.conf: error: cannot read it: "
	    "No such file or directory\n"
	    "/: error: cannot read it: Is a directory\n");
	free(told);
}

/* A session keeps the configuration it began with. */
static void
references_are_counted(void **state)
{
	char *told;
	struct conf *conf = parse(HOST LISTENER, &told);

	(void)state;
	assert_ptr_equal(conf_ref(conf), conf);
	conf_unref(conf);
	assert_string_equal(conf->hostname, "mail.example.org");
	conf_unref(conf);	/* the sanitizer tells a leak */
	free(told);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_told),
		cmocka_unit_test(every_warning_is_told),
		cmocka_unit_test(mistakes_are_bounded),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(too_large_is_refused),
		cmocka_unit_test(defaults),
		cmocka_unit_test(values_arrive),
		cmocka_unit_test(paths_begin_at_the_file),
		cmocka_unit_test(unreadable_file_is_told),
		cmocka_unit_test(references_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
