#!/usr/bin/env python3
"""Prints the public surface of a crate, one item a line, from the JSON that rustdoc writes of it.

usage: surface.py FILE.json

Invariant: two surfaces are the same text only if whoever uses the crate finds the same names with the same types. The
form of the JSON is that of the pinned toolchain; what is not known here is an error, and never left out.
"""
import json
import sys


class Surface:
    def __init__(self, crate):
        self.index = crate["index"]
        self.root = crate["root"]
        self.lines = set()
        self.seen = set()
        # The paths at which types and traits are found.
        self.homes = {}

    def item(self, id):
        return self.index.get(str(id))

    # --- Types

    def path(self, path):
        name = path.get("path") or path.get("name") or ""
        return name.rsplit("::", 1)[-1] + self.args(path.get("args"))

    def args(self, args):
        if not args:
            return ""
        [(kind, inside)] = args.items() if isinstance(args, dict) else [(args, None)]
        if kind == "parenthesized":
            output = inside["output"]
            return f"({self.types(inside['inputs'])})" + (f" -> {self.type(output)}" if output else "")
        if kind == "return_type_notation":
            return "(..)"
        parts = [self.arg(one) for one in inside["args"]]
        for one in inside["constraints"]:
            [(how, what)] = one["binding"].items()
            what = self.term(what) if how == "equality" else self.bounds(what)
            parts.append(f"{one['name']}{self.args(one['args'])}{' = ' if how == 'equality' else ': '}{what}")
        return f"<{', '.join(parts)}>" if parts else ""

    def arg(self, arg):
        if arg == "infer":
            return "_"
        [(kind, inside)] = arg.items()
        if kind == "lifetime":
            return inside
        return self.type(inside) if kind == "type" else str(inside.get("expr"))

    def term(self, term):
        [(kind, inside)] = term.items()
        return self.type(inside) if kind == "type" else str(inside.get("expr"))

    def types(self, types):
        return ", ".join(self.type(one) for one in types)

    def type(self, type):
        if type == "infer":
            return "_"
        [(kind, inside)] = type.items()
        if kind == "resolved_path":
            return self.path(inside)
        if kind in ("primitive", "generic"):
            return inside
        if kind == "tuple":
            return f"({self.types(inside)})"
        if kind == "slice":
            return f"[{self.type(inside)}]"
        if kind == "array":
            return f"[{self.type(inside['type'])}; {inside['len']}]"
        if kind == "borrowed_ref":
            lifetime = f"{inside['lifetime']} " if inside["lifetime"] else ""
            return f"&{lifetime}{'mut ' if inside['is_mutable'] else ''}{self.type(inside['type'])}"
        if kind == "raw_pointer":
            return f"*{'mut' if inside['is_mutable'] else 'const'} {self.type(inside['type'])}"
        if kind == "impl_trait":
            return f"impl {self.bounds(inside)}"
        if kind == "dyn_trait":
            traits = [self.path(one["trait"]) for one in inside["traits"]]
            return "dyn " + " + ".join(traits + ([inside["lifetime"]] if inside["lifetime"] else []))
        if kind == "function_pointer":
            return "fn" + self.signature(inside["sig"])
        if kind == "qualified_path":
            whose = self.type(inside["self_type"])
            trait = inside["trait"]
            return f"<{whose}{' as ' + self.path(trait) if trait else ''}>::{inside['name']}{self.args(inside['args'])}"
        raise SystemExit(f"a type of an unknown kind: {kind}")

    def bounds(self, bounds):
        parts = []
        for bound in bounds:
            [(kind, inside)] = bound.items()
            if kind == "trait_bound":
                mark = {"none": "", "maybe": "?", "maybe_const": "~const "}[inside["modifier"]]
                parts.append(mark + self.path(inside["trait"]))
            elif kind == "outlives":
                parts.append(inside)
            elif kind == "use":
                names = [one if isinstance(one, str) else next(iter(one.values())) for one in inside]
                parts.append(f"use<{', '.join(names)}>")
            else:
                raise SystemExit(f"a bound of an unknown kind: {kind}")
        return " + ".join(parts)

    def generics(self, generics):
        params, where = [], []
        for one in generics["params"]:
            [(kind, inside)] = one["kind"].items()
            if kind == "lifetime":
                if not one["name"].startswith("'_") and "anon" not in one["name"]:
                    params.append(one["name"])
            elif kind == "type":
                if not inside["is_synthetic"]:
                    bounds = self.bounds(inside["bounds"])
                    params.append(one["name"] + (f": {bounds}" if bounds else ""))
            else:
                params.append(f"const {one['name']}: {self.type(inside['type'])}")
        for one in generics["where_predicates"]:
            [(kind, inside)] = one.items()
            if kind == "bound_predicate":
                where.append(f"{self.type(inside['type'])}: {self.bounds(inside['bounds'])}")
            elif kind == "lifetime_predicate":
                where.append(f"{inside['lifetime']}: {' + '.join(inside['outlives'])}")
            else:
                where.append(f"{self.type(inside['lhs'])} = {self.term(inside['rhs'])}")
        return f"<{', '.join(params)}>" if params else "", f" where {', '.join(where)}" if where else ""

    def signature(self, sig):
        inputs = [self.type(type) if name != "self" else f"self: {self.type(type)}" for name, type in sig["inputs"]]
        output = sig["output"]
        return f"({', '.join(inputs)})" + (f" -> {self.type(output)}" if output else "")

    def function(self, item):
        inside = item["inner"]["function"]
        params, where = self.generics(inside["generics"])
        header = inside["header"]
        words = [word for word in ("const", "async", "unsafe") if header[f"is_{word}"]]
        return " ".join([*words, "fn"]), params + self.signature(inside["sig"]) + where

    # --- Items

    def say(self, line):
        self.lines.add(line)

    def grows(self, item):
        attributes = item.get("attrs", [])
        return " (can grow)" if any("non_exhaustive" in json.dumps(one) for one in attributes) else ""

    def module(self, item, at):
        for id in item["inner"]["module"]["items"]:
            child = self.item(id)
            if child and child["visibility"] in ("public", "default"):
                self.one(child, at)

    def one(self, item, at, name=None):
        [(kind, inside)] = item["inner"].items()
        name = name or item["name"]
        path = f"{at}::{name}"
        if (item["id"], path) in self.seen:
            return
        self.seen.add((item["id"], path))
        if kind == "module":
            self.say(f"mod {path}")
            self.module(item, path)
        elif kind == "use":
            target = self.item(inside["id"]) if inside["id"] is not None else None
            if not target:
                self.say(f"use {inside['source']} as {at}::{inside['name']}")
            elif not inside["is_glob"]:
                self.one(target, at, inside["name"])
            elif "module" in target["inner"]:
                self.module(target, at)
            else:
                self.say(f"use {inside['source']}::* in {at}")
        elif kind == "function":
            word, rest = self.function(item)
            self.say(f"{word} {path}{rest}")
        elif kind in ("struct", "enum", "union", "trait"):
            self.homes.setdefault(item["id"], []).append(path)
        elif kind == "type_alias":
            params, where = self.generics(inside["generics"])
            self.say(f"type {path}{params} = {self.type(inside['type'])}{where}")
        elif kind == "constant":
            self.say(f"const {path}: {self.type(inside['type'])}")
        elif kind == "static":
            self.say(f"static {path}: {self.type(inside['type'])}")
        elif kind in ("macro", "proc_macro"):
            self.say(f"macro {path}!")
        elif kind == "extern_crate":
            self.say(f"use {inside['name']} as {path}")
        elif kind not in ("impl", "primitive"):
            raise SystemExit(f"an item of an unknown kind: {kind}")

    def at_home(self, item, path):
        """A type or a trait, at the shortest of its paths."""
        [(kind, inside)] = item["inner"].items()
        if kind in ("struct", "enum", "union"):
            params, where = self.generics(inside["generics"])
            self.say(f"{kind} {path}{params}{where}{self.grows(item)}")
            if kind == "enum":
                for id in inside["variants"]:
                    self.variant(self.item(id), path)
            else:
                self.fields(inside["kind"], path)
            self.impls(inside["impls"], path)
        elif kind == "trait":
            params, where = self.generics(inside["generics"])
            bounds = self.bounds(inside["bounds"])
            self.say(f"trait {path}{params}{': ' + bounds if bounds else ''}{where}")
            for id in inside["items"]:
                child = self.item(id)
                given = "function" in child["inner"] and child["inner"]["function"]["has_body"]
                self.member(child, path, " (given)" if given else "")

    def variant(self, item, path):
        name = f"{path}::{item['name']}"
        kind = item["inner"]["variant"]["kind"]
        self.say(f"variant {name}{self.grows(item)}")
        self.fields(kind, name)

    def fields(self, kind, path):
        if kind in ("unit", "plain"):
            return
        [(form, inside)] = kind.items()
        ids = inside if form == "tuple" else inside["fields"]
        for id in ids:
            field = self.item(id) if id is not None else None
            if field and field["visibility"] in ("public", "default"):
                self.say(f"field {path}.{field['name']}: {self.type(field['inner']['struct_field'])}")
        if form == "tuple":
            self.say(f"fields {path}: {len(ids)}")
        elif inside["has_stripped_fields"]:
            self.say(f"fields {path}: more that are private")

    def member(self, item, path, mark=""):
        [(kind, inside)] = item["inner"].items()
        if kind == "function":
            word, rest = self.function(item)
            self.say(f"{word} {path}::{item['name']}{rest}{mark}")
        elif kind == "assoc_const":
            self.say(f"const {path}::{item['name']}: {self.type(inside['type'])}")
        elif kind == "assoc_type":
            bounds = self.bounds(inside["bounds"])
            self.say(f"type {path}::{item['name']}{': ' + bounds if bounds else ''}")

    def impls(self, ids, path):
        traits = set()
        for id in ids:
            item = self.item(id)
            inside = item["inner"]["impl"]
            if inside["is_synthetic"] or inside["blanket_impl"]:
                continue
            trait = inside["trait"]
            if trait:
                traits.add(self.path(trait))
                continue
            for member in inside["items"]:
                child = self.item(member)
                if child and child["visibility"] == "public":
                    self.member(child, path)
        traits.discard("StructuralPartialEq")
        if traits:
            self.say(f"impls {path}: {', '.join(sorted(traits))}")

    def text(self):
        root = self.item(self.root)
        self.module(root, root["name"])
        for id, paths in self.homes.items():
            home, *others = sorted(paths, key=lambda path: (len(path), path))
            self.at_home(self.item(id), home)
            for other in others:
                self.say(f"same {other} as {home}")
        return "".join(f"{line}\n" for line in sorted(self.lines, key=lambda line: (line.split(" ", 1)[1], line)))


with open(sys.argv[1], encoding="utf-8") as file:
    sys.stdout.write(Surface(json.load(file)).text())
