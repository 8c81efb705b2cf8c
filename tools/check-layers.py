#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the source to src/LAYERS: who may include whom.

1. A file includes headers of its own folder and of those its row names.
2. A row names only folders above it, so that the layers are no circle.
3. No header includes itself, however long the way round.
4. A header needs nothing included before it: each compiles alone.
"""
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
FLAGS = ["-std=c11", "-D_GNU_SOURCE", '-DEHLO_VERSION="0"', "-Isrc", "-Wall",
         "-Wextra", "-Werror", "-Wno-unused-function", "-fsyntax-only",
         "-x", "c", "-"]


def read_layers(path):
    """{folder: set of folders it may use}, and mistakes in the table."""
    allowed, errors = {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        name, colon, rest = line.partition(":")
        name = name.strip().lstrip("*")
        if not colon:
            errors.append(f"{path}:{number}: expected 'folder: folder …'")
            continue
        for used in rest.split():
            if used not in allowed:
                errors.append(f"{path}:{number}: {name} uses {used}, which"
                              " does not stand above it")
        allowed[name] = set(rest.split()) | {name}
    return allowed, errors


def includes(path):
    for number, line in enumerate(
            path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def check_includes(src, allowed):
    """Mistakes, and {header: the headers of ours it includes}."""
    errors, graph = [], {}
    for folder in sorted(p for p in src.iterdir() if p.is_dir()):
        if folder.name not in allowed:
            errors.append(f"{folder}: no row in src/LAYERS")
            continue
        for path in sorted(folder.iterdir()):
            if path.suffix not in (".c", ".h", ".def"):
                continue
            name = f"{folder.name}/{path.name}"
            graph[name] = []
            for number, used in includes(path):
                where = f"{path}:{number}"
                target, slash, _ = used.partition("/")
                if not slash or ".." in used.split("/"):
                    errors.append(f'{where}: "{used}" is not "folder/file"')
                elif not (src / used).is_file():
                    errors.append(f'{where}: "{used}" does not exist')
                elif target not in allowed[folder.name]:
                    errors.append(f"{where}: {folder.name} may not use"
                                  f" {target} (src/LAYERS)")
                else:
                    graph[name].append(used)
    return errors, graph


def find_circles(graph):
    """A way round for every circle, each told once."""
    errors, done, way = [], set(), []

    def visit(name):
        if name in way:
            circle = way[way.index(name):] + [name]
            errors.append("includes itself: " + " → ".join(circle))
            return
        if name in done:
            return
        way.append(name)
        for used in graph.get(name, ()):
            visit(used)
        way.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)
    return errors


def compile_alone(root, name):
    compiler = shlex.split(os.environ.get("CC", "cc"))
    got = subprocess.run(compiler + FLAGS, cwd=root, text=True, timeout=120,
                         input=f'#include "{name}"\nint alone;\n',
                         capture_output=True)
    if got.returncode == 0:
        return None
    why = [line for line in got.stderr.splitlines() if "error:" in line]
    return "\n\t".join([f"src/{name}: does not compile alone:"] + why[:3])


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    os.chdir(root)
    src = Path("src")
    allowed, errors = read_layers(src / "LAYERS")
    found, graph = check_includes(src, allowed)
    errors += found + find_circles(graph)
    headers = sorted(name for name in graph if name.endswith(".h"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        errors += filter(None, pool.map(
            lambda name: compile_alone(root, name), headers))
    for error in errors:
        print(error)
    print(f"layers: {len(graph)} files, {len(headers)} headers alone,"
          f" {len(errors)} mistakes")
    return 1 if errors or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
