"""Random pairs of Protobuf schemas for `compatibility-differential`: a file, and the same after a few changes of its
messages, fields, oneofs and enums, or of the file that it imports."""
import copy

from differences import Draws

# Values of a group are written alike.
GROUPS = [["int32", "int64", "uint32", "uint64", "bool"], ["sint32", "sint64"], ["string", "bytes"],
          ["fixed32", "sfixed32"], ["fixed64", "sfixed64"], ["float"], ["double"]]
SCALARS = sum(GROUPS, [])
KEYS = ["int32", "int64", "uint32", "sint32", "fixed64", "bool", "string"]
IMPORTED = "other.proto"


# Where Karapace differs from Confluent's rules: what one of us says alone, what the schemas must have for it, and why.
WE_REFUSE = [
    ("the package was", "", "another package passes"),
    ("it has become one of", "oneof", "a field may join a oneof that is there already, and oneofs may merge"),
    ("it was one of", "oneof", "a oneof whose name is gone counts as gone as a whole"),
    ("cannot be read as|map$", "oneof", "a field that comes into a oneof or leaves it may change its type"),
    ("cannot be read as", r"(?s)message (\w+) .*[.\s]\1 f",
     "a message that contains itself may become another one there"),
    ("the message is gone", "enum", "an enum may take the place of a message"),
    ("the field (is|was) required", "required", "required fields may come and go"),
]
WE_ALLOW = [
    ("FIELD_TAG_ALTER", "", "another number of a field is no removal and addition"),
    ("FIELD_LABEL_ALTER", "", "no label is another one than optional or repeated"),
    ("ONE_OF_FIELD_DROP", "oneof", "a field that leaves a oneof counts as gone"),
]


class Unusable(Exception):
    """A change took away what another part of the schema needs."""


def group(name):
    return next((one for one in GROUPS if name in one), None)


class Generator(Draws):
    def pair(self):
        """Reader and writer: a text, and the texts that it imports by their paths."""
        while True:
            try:
                old = self.file()
                new = self.changed(old)
                sides = [printed(new), printed(old)]
            except Unusable:
                continue
            if self.random.random() < 0.3:
                sides.reverse()
            return sides

    def file(self):
        r = self.random
        file = {"syntax": r.choice([2, 3, 3, 3]), "package": r.choice(["", "p", "p.q"]), "types": [], "other": None}
        self.syntax, self.known = file["syntax"], []
        if r.random() < 0.2:
            file["other"] = {"syntax": self.syntax, "package": r.choice(["o", "o.p"]), "types": [], "other": None}
            file["other"]["types"] = [self.message(0), self.enumeration()]
        file["types"] += [self.enumeration()] if r.random() < 0.5 else []
        file["types"] += [self.message(r.choice([0, 1, 2])) for _ in range(r.randint(1, 3))]
        return file

    def enumeration(self):
        names = [self.name("C") for _ in range(self.random.randint(1, 3))]
        node = {"kind": "enum", "name": self.name("E"), "values": [[name, i] for i, name in enumerate(names)]}
        self.known.append(node["name"])
        return node

    def message(self, depth):
        r = self.random
        node = {"kind": "message", "name": self.name("M"), "fields": [], "types": []}
        if r.random() < 0.3:
            self.known.append(node["name"])
        if depth:
            node["types"] = [self.message(depth - 1) if r.random() < 0.6 else self.enumeration()
                             for _ in range(r.randint(0, 2))]
        for _ in range(r.randint(1, 5)):
            node["fields"].append(self.field(node))
        for _ in range(r.choice([0, 0, 1, 2])):
            oneof = self.name("o")
            for _ in range(r.randint(1, 3)):
                node["fields"].append(self.field(node, oneof))
        self.known.append(node["name"])
        return node

    def type(self):
        r = self.random
        return r.choice(self.known) if self.known and r.random() < 0.3 else r.choice(SCALARS)

    def label(self):
        return self.random.choice(["optional", "optional", "repeated", "required"] if self.syntax == 2
                                  else ["", "", "", "optional", "repeated"])

    def field(self, message, oneof=None):
        r = self.random
        numbers = {field["number"] for field in message["fields"]}
        field = {"name": self.name("f"), "number": r.choice([n for n in range(1, 20) if n not in numbers]),
                 "type": self.type(), "label": "" if oneof else self.label(), "oneof": oneof, "key": None}
        if not oneof and r.random() < 0.1:
            field["key"], field["label"] = r.choice(KEYS), ""
        return field

    # Changes

    def changed(self, file):
        r = self.random
        file = copy.deepcopy(file)
        for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3])):
            owners = [one for one in [file, file["other"]] if one]
            owner = r.choice(owners) if r.random() < 0.5 else file
            messages = [node for node in walk(owner) if node["kind"] == "message"]
            enums = [node for node in walk(owner) if node["kind"] == "enum"]
            choice = r.random()
            if choice < 0.04:
                owner["package"] = r.choice(["", "p", "p.q", "z"]) if owner is file else r.choice(["o", "o.p"])
            elif choice < 0.2 or not messages:
                self.change_types(r.choice([owner] + messages), owner)
            elif choice < 0.3 and enums:
                self.change_enum(r.choice(enums))
            elif choice < 0.6:
                self.change_oneofs(r.choice(messages))
            else:
                self.change_fields(r.choice(messages))
        return file

    def change_types(self, scope, file):
        r = self.random
        types, choice = scope["types"], r.random()
        if choice < 0.25 or not types:
            types.insert(r.randint(0, len(types)), self.message(0) if r.random() < 0.7 else self.enumeration())
        elif choice < 0.5:
            types.remove(r.choice(types))
        elif choice < 0.7:
            r.shuffle(types)
        elif choice < 0.85:
            node, new = r.choice(types), self.name("N")
            for message in walk(file):
                for field in message.get("fields", []):
                    field["type"] = new if field["type"] == node["name"] else field["type"]
            node["name"] = new
        else:
            # Into another scope, or an enum in its place.
            node = r.choice(types)
            types.remove(node)
            if r.random() < 0.3:
                types.append(dict(self.enumeration(), name=node["name"]))
            else:
                r.choice([file] + [one for one in file["types"] if one["kind"] == "message"])["types"].append(node)

    def change_enum(self, node):
        r = self.random
        values, choice = node["values"], r.random()
        if choice < 0.4:
            values.append([self.name("C"), len(values) + 5])
        elif choice < 0.7 and len(values) > 1:
            values.pop()
        else:
            r.choice(values)[0] = self.name("C")

    def change_fields(self, message):
        r = self.random
        fields, choice = message["fields"], r.random()
        field = r.choice(fields) if fields else None
        if choice < 0.15 or not field:
            fields.insert(r.randint(0, len(fields)), self.field(message))
        elif choice < 0.28:
            fields.remove(field)
        elif choice < 0.36:
            field["name"] = self.name("f")
        elif choice < 0.44:
            field["number"] = self.field(message)["number"]
        elif choice < 0.5:
            other = r.choice(fields)
            field["number"], other["number"] = other["number"], field["number"]
        elif choice < 0.55:
            r.shuffle(fields)
        elif choice < 0.7 and group(field["type"]):
            field["type"] = r.choice(group(field["type"]))
        elif choice < 0.85:
            field["type"] = self.type()
        elif choice < 0.95 and not field["oneof"]:
            field["label"], field["key"] = self.label(), None
        elif not field["oneof"]:
            field["label"], field["key"] = "", r.choice(KEYS)

    def change_oneofs(self, message):
        r = self.random
        fields, choice = message["fields"], r.random()
        oneofs = sorted({field["oneof"] for field in fields if field["oneof"]})
        members = [field for field in fields if field["oneof"]]
        plain = [field for field in fields if not field["oneof"] and not field["key"]]
        if choice < 0.3 or not oneofs:
            # Into a oneof: a new one, or one that there is.
            oneof = r.choice(oneofs) if oneofs and r.random() < 0.5 else self.name("o")
            for field in r.sample(plain, min(len(plain), r.choice([1, 1, 2]))):
                field.update(oneof=oneof, label="")
        elif choice < 0.45:
            r.choice(members).update(oneof=None, label=self.label())
        elif choice < 0.55:
            fields.remove(r.choice(members))
        elif choice < 0.65:
            fields.append(self.field(message, r.choice(oneofs)))
        elif choice < 0.75:
            oneof = r.choice(oneofs)
            message["fields"] = [field for field in fields if field["oneof"] != oneof]
            if r.random() < 0.3:
                message["fields"].append(self.field(message, oneof))
        elif choice < 0.85:
            old, new = r.choice(oneofs), r.choice(oneofs + [self.name("o")])
            for field in members:
                field["oneof"] = new if field["oneof"] == old else field["oneof"]
        else:
            # From one to another.
            r.choice(members)["oneof"] = r.choice(oneofs + [self.name("o")])


def walk(scope):
    for node in scope["types"]:
        yield node
        if node["kind"] == "message":
            yield from walk(node)


def paths(scope, prefix):
    for node in scope["types"]:
        path = f"{prefix}.{node['name']}" if prefix else node["name"]
        yield node["name"], path
        if node["kind"] == "message":
            yield from paths(node, path)


def printed(file):
    """The text, and the texts that it imports by their paths."""
    other = file["other"]
    names = dict(paths(file, file["package"]))
    names.update(paths(other, other["package"]) if other else [])
    head = f'syntax = "proto{file["syntax"]}";\n' + (f'package {file["package"]};\n' if file["package"] else "")
    if not any(node["kind"] == "message" for node in file["types"]):
        raise Unusable
    head += f'import "{IMPORTED}";\n' if other else ""
    text = head + "".join(type_text(node, names, file["syntax"]) for node in file["types"])
    return text, {IMPORTED: printed(other)[0]} if other else {}


def type_text(node, names, syntax):
    if node["kind"] == "enum":
        return f"enum {node['name']} {{ " + "".join(f"{name} = {number}; " for name, number in node["values"]) + "}\n"
    fields, text = node["fields"], f"message {node['name']} {{\n"
    text += "".join(type_text(one, names, syntax) for one in node["types"])
    text += "".join(field_text(one, names, syntax) for one in fields if not one["oneof"])
    for oneof in dict.fromkeys(field["oneof"] for field in fields if field["oneof"]):
        text += f"oneof {oneof} {{\n" + "".join(
            field_text(one, names, syntax) for one in fields if one["oneof"] == oneof) + "}\n"
    return text + "}\n"


def field_text(field, names, syntax):
    type = field["type"]
    if type not in SCALARS:
        if type not in names:
            raise Unusable
        type = names[type]
    if field["key"]:
        type = f"map<{field['key']}, {type}>"
    label = field["label"] or ("optional" if syntax == 2 and not field["key"] and not field["oneof"] else "")
    return f"{label} {type} {field['name']} = {field['number']};\n".lstrip()
