#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets with clang and runs each for FUZZ_SECONDS (60).
# New inputs go to build-fuzz/corpus; the kept ones in tests/ are read only.
# Names of targets (or parts of them) as arguments pick some.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-60}
[ -e build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz \
	-Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
	--buildtype=debugoptimized >/dev/null
ninja -C build-fuzz build.ninja >/dev/null
mapfile -t targets < <(ninja -C build-fuzz -t targets all |
	sed -n 's,^\(tests/fuzz/[^/]*/fuzz-[^/.:]*\): .*,\1,p')
ninja -C build-fuzz "${targets[@]}"

failed=0 n=0
for target in "${targets[@]/#/build-fuzz/}"; do
	name=${target##*/fuzz-}
	[ $# -eq 0 ] || grep -q -e "$(printf '%s\n' "$@")" <<<"$name" ||
		continue
	found=build-fuzz/corpus/$name
	kept=tests/fuzz/corpus/$name
	mkdir -p "$found" build-fuzz/artifacts
	[ -d "$kept" ] || kept=
	echo "fuzz: $name, $seconds s"
	n=$((n + 1))
	if ! "$target" -max_total_time="$seconds" -timeout=10 \
	    -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix="build-fuzz/artifacts/$name-" \
	    "$found" ${kept:+"$kept"} >"build-fuzz/$name.log" 2>&1; then
		tail -n 30 "build-fuzz/$name.log"
		failed=$((failed + 1))
	fi
	grep -h 'number_of_executed_units' "build-fuzz/$name.log" || true
done
echo "fuzz: $n targets, $failed with findings (build-fuzz/artifacts)"
[ "$failed" -eq 0 ] && [ "$n" -gt 0 ]
