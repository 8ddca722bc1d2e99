#!/usr/bin/env python3
"""Finds two public types or traits of the library crates that share a name.

    .ci/names.py docs/public/*.txt

A reader meets a name without its path: in an error of the compiler, in a search of the documentation, after a `use`. So a name
is that of one type. What is exported again under another path (`same A as B`) is the same type. The associated types of a trait
are its own.
"""
import collections
import re
import sys

homes = collections.defaultdict(list)
for file in sys.argv[1:]:
    with open(file, encoding="utf-8") as lines:
        text = lines.read()
    traits = set(re.findall(r"^trait ([\w:]+)", text, re.M))
    aliases = set()
    for kind, path, rest in re.findall(r"^(struct|enum|union|trait|type) ([\w:]+)(.*)", text, re.M):
        path = path.rstrip(":")
        module, name = path.rsplit("::", 1)
        if kind == "type":
            # An alias that is exported again stands in the list at each of its paths, with the same definition.
            if module in traits or (name, rest) in aliases:
                continue
            aliases.add((name, rest))
        homes[name].append(path)
twice = {name: paths for name, paths in sorted(homes.items()) if len(paths) > 1}
for name, paths in twice.items():
    print(f"{name} is the name of {len(paths)} public types: {', '.join(paths)}")
sys.exit(1 if twice else 0)
