#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The slower eyes: cppcheck, clang-tidy (.clang-tidy), shellcheck.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

bad=0
[ -e build-lint/build.ninja ] ||
	CC=clang meson setup build-lint >/dev/null || exit 1
cppcheck --quiet --std=c11 --language=c --force --inline-suppr \
	--enable=warning,performance,portability \
	--suppress=missingIncludeSystem --error-exitcode=1 \
	--suppress=arrayIndexOutOfBoundsCond `# does not know must()` \
	-j "$(nproc)" -Isrc -D_GNU_SOURCE -DEHLO_VERSION='"0"' src || bad=1
mapfile -t sources < <(find src -name '*.c' | sort)
printf '%s\0' "${sources[@]}" |
	xargs -0 -n 4 -P "$(nproc)" clang-tidy -p build-lint --quiet \
	2>/dev/null || bad=1
shellcheck tools/*.sh .ci/run || bad=1
[ "$bad" -eq 0 ] && echo "lint: ${#sources[@]} files, nothing found"
exit "$bad"
