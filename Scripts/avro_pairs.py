"""Random pairs of Avro schemas for `compatibility-differential`, one made of the other by changes, and what Avro's own
check says of them. Needs `pip install avro==1.12.2`."""
import copy, json

import avro.compatibility, avro.errors, avro.schema

from differences import Draws

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
STANDARDS = {"null": None, "boolean": False, "int": 1, "long": 2, "float": 0.5, "double": 0.5, "bytes": "b", "string": "s"}


class Generator(Draws):
    def pair(self):
        """Reader and writer: a text, and the texts that it refers to."""
        old = self.record(3, []) if self.random.random() < 0.8 else self.schema(3, [])
        sides = [(json.dumps(self.changed(old)), {}), (json.dumps(old), {})]
        if self.random.random() < 0.3:
            sides.reverse()
        return sides

    def schema(self, depth, known):
        r = self.random
        choice = r.random()
        if depth == 0 or choice < 0.35:
            return r.choice(PRIMITIVES[1:])
        if choice < 0.4 and known:
            return r.choice(known)
        if choice < 0.5:
            node = {"type": "enum", "name": self.name("E"), "symbols": [f"S{i}" for i in range(r.randint(1, 4))]}
            if r.random() < 0.3:
                node["default"] = "S0"
        elif choice < 0.58:
            node = {"type": "fixed", "name": self.name("F"), "size": r.choice([1, 4, 16])}
        elif choice < 0.66:
            return {"type": "array", "items": self.schema(depth - 1, known)}
        elif choice < 0.74:
            return {"type": "map", "values": self.schema(depth - 1, known)}
        elif choice < 0.87:
            return self.union([self.schema(depth - 1, known) for _ in range(r.randint(1, 3))])
        else:
            return self.record(depth, known)
        known.append(node["name"])
        return node

    def union(self, branches):
        """Each kind of type once."""
        r = self.random
        result = ["null"] if r.random() < 0.6 else []
        for branch in branches:
            if isinstance(branch, list) or word(branch) in map(word, result):
                continue
            result.append(branch)
        r.shuffle(result)
        return result or ["null"]

    def record(self, depth, known):
        r = self.random
        node = {"type": "record", "name": self.name("R"), "fields": [self.field(depth, known) for _ in range(r.randint(1, 5))]}
        if r.random() < 0.2:
            node["namespace"] = r.choice(["n", "n.m"])
        else:
            known.append(node["name"])
        return node

    def field(self, depth, known):
        field = {"name": self.name("f"), "type": self.schema(depth - 1, known)}
        if self.random.random() < 0.3:
            self.set_default(field)
        return field

    def set_default(self, field):
        first = field["type"][0] if isinstance(field["type"], list) else field["type"]
        if isinstance(first, str) and first in STANDARDS:
            field["default"] = STANDARDS[first]
        elif isinstance(first, dict) and first["type"] in ("array", "map"):
            field["default"] = [] if first["type"] == "array" else {}
        elif isinstance(first, dict) and first["type"] == "enum":
            field["default"] = first["symbols"][0]

    # Changes

    def places(self, node, put, found):
        """Each type of a schema, with what puts another one there."""
        found.append((node, put))
        if isinstance(node, list):
            for i in range(len(node)):
                self.places(node[i], lambda new, i=i: node.__setitem__(i, new), found)
        elif isinstance(node, dict):
            for key in ("items", "values"):
                if key in node:
                    self.places(node[key], lambda new, key=key: node.__setitem__(key, new), found)
            for field in node.get("fields", []):
                self.places(field["type"], lambda new, field=field: field.__setitem__("type", new), found)
        return found

    def changed(self, schema):
        r = self.random
        holder = [copy.deepcopy(schema)]
        for _ in range(r.choice([0, 1, 1, 1, 2, 3])):
            node, put = r.choice(self.places(holder[0], lambda new: holder.__setitem__(0, new), []))
            if isinstance(node, dict) and node["type"] in ("record", "enum", "fixed"):
                r.choice([self.change_named, getattr(self, "change_" + node["type"])])(node)
            elif isinstance(node, list):
                self.change_union(node, put)
            elif isinstance(node, str) and r.random() < 0.6:
                put(r.choice(PRIMITIVES + [{"type": "long", "logicalType": "timestamp-millis"}]))
            else:
                put(self.union([node, self.schema(1, [])]))
        return holder[0]

    def change_named(self, node):
        r = self.random
        choice = r.random()
        old = node["name"]
        if choice < 0.4:
            node["namespace"] = r.choice(["n", "other.space"])
        elif choice < 0.7:
            node["name"], node["aliases"] = self.name("N"), [old]
        else:
            node["name"] = self.name("N")

    def change_fixed(self, node):
        node["size"] = self.random.choice([1, 4, 16])

    def change_enum(self, node):
        r = self.random
        choice = r.random()
        if choice < 0.3:
            node["symbols"].append(self.name("T"))
        elif choice < 0.6 and len(node["symbols"]) > 1:
            node["symbols"].remove(r.choice(node["symbols"]))
        elif choice < 0.8:
            node["default"] = node["symbols"][-1]
        else:
            r.shuffle(node["symbols"])

    def change_record(self, node):
        r = self.random
        fields, choice = node["fields"], r.random()
        field = r.choice(fields)
        if choice < 0.3:
            new = self.field(2, [])
            if r.random() < 0.6:
                self.set_default(new)
            fields.insert(r.randint(0, len(fields)), new)
        elif choice < 0.5 and len(fields) > 1:
            fields.remove(field)
        elif choice < 0.6:
            r.shuffle(fields)
        elif choice < 0.8:
            field["aliases"], field["name"] = [field["name"]], self.name("f")
        elif choice < 0.9:
            field["name"] = self.name("f")
        else:
            field.pop("default", None)

    def change_union(self, node, put):
        r = self.random
        choice = r.random()
        if choice < 0.3 and len(node) > 1:
            node.remove(r.choice(node))
        elif choice < 0.6:
            put(self.union(node + [self.schema(1, [])]))
        elif choice < 0.8:
            put(r.choice(node))
        else:
            r.shuffle(node)


def word(node):
    return node if isinstance(node, str) else node.get("name", node["type"])


def qualified(node, namespace=""):
    """With the full names of the aliases of types, which the library compares as they are written; a name without namespace is
    of that which it stands in."""
    if isinstance(node, list):
        return [qualified(branch, namespace) for branch in node]
    if not isinstance(node, dict):
        return node
    result = dict(node)
    if "name" in node:
        namespace = node.get("namespace", namespace)
        if "aliases" in node:
            result["aliases"] = [f"{namespace}.{alias}" if namespace else alias for alias in node["aliases"]]
    for key in ("items", "values"):
        if key in node:
            result[key] = qualified(node[key], namespace)
    if "fields" in node:
        result["fields"] = [dict(field, type=qualified(field["type"], namespace)) for field in node["fields"]]
    return result


def parsed(text):
    """None: the library does not take it, as where a change took the place of a type that is referred to."""
    try:
        return avro.schema.parse(json.dumps(qualified(json.loads(text))))
    except (avro.errors.AvroException, KeyError, TypeError):
        return None


def verdict(reader, writer):
    """What it finds incompatible; None: the library does not take one of them."""
    schemas = parsed(reader[0]), parsed(writer[0])
    if None in schemas:
        return None
    found = avro.compatibility.ReaderWriterCompatibilityChecker().get_compatibility(*schemas)
    return [str(one) for one in found.incompatibilities]
