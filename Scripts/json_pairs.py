"""Random pairs of JSON schemas for `compatibility-differential`: a schema, and the same after a few changes of its
types, bounds, values, properties and alternatives."""
import copy, json

from differences import Draws

LEAVES = ["integer", "number", "string", "boolean", "null"]
# Each bound, and whether documents are the freer the greater it is.
BOUNDS = {
    "number": {"maximum": True, "exclusiveMaximum": True, "minimum": False, "exclusiveMinimum": False},
    "string": {"maxLength": True, "minLength": False},
    "array": {"maxItems": True, "minItems": False},
    "object": {"maxProperties": True, "minProperties": False},
}
VALUES = ["a", "b", "c", "d"]
PATTERNS = ["^a", "b$", "^x_"]
CHOICES = ["oneOf", "anyOf", "allOf"]

# Where Karapace differs from Confluent's rules: what one of us says alone, what the schemas must have for it, and why.
SEVERAL = r'"(oneOf|anyOf|allOf|enum|const)"|"type": \['
FREE = r"\{\}|true|\{\"(default|title|description)\": [^,{}]*\}"
WE_REFUSE = [
    ("the property is required", '"required"', "the list of required properties is not read"),
    ("only some values are allowed|const has changed|alternatives have changed|what must hold|is not allowed$",
     '"(enum|const)"', "const, and enum beside a type, are not read"),
    ("several schemas must hold|alternatives|what must hold|has become|more schemas|is no |only some values", SEVERAL,
     "what stands beside oneOf, anyOf, allOf or a list of types is not read, and one part may be taken for several"),
    ("what it excludes|some values are excluded", '"not"', "not is compared as if its schema were wanted"),
    ("items must differ", '"uniqueItems"', "uniqueItems of the reader is compared with itself"),
    ("multipleOf", '"multipleOf"', "a greater multiple passes"),
    ("are not allowed|no others are allowed", '"additional(Properties|Items)": false',
     "additionalProperties and additionalItems may become false"),
    ("other properties are restricted|a value of any type is no", r"\{\}|true",
     "a schema that allows all is none, or that of an object"),
    (r"nothing is allowed|is no \w+$", r'"(additional|pattern)Properties": \{',
     "properties that come are not looked at where others go"),
    (r"\[\]: .|other items", '"additionalItems"', "additionalItems are not compared"),
]
WE_ALLOW = [
    ("schema_removed|type_changed", '"array"', "items may not go"),
    ("(property|item)_(added|removed).*|type_changed|schema_added|additional_properties_narrowed", FREE + "|false",
     "a schema that allows all is taken for that of an object, and false for a type"),
    ("required_property_added_to_unopen_content_model", '"default"', "the default is looked for elsewhere"),
    ("required_attribute_added", '"required"', "what an object requires is read as whether it is required itself"),
    ("item_(added|removed)", '"additionalItems"', "items that come and go are not held against additionalItems"),
    ("combined_type_|sum_type_narrowed|product_type_extended|type_changed|_not_covered_by", SEVERAL,
     "what stands beside oneOf, anyOf, allOf or a list of types is not read, nor are equal parts counted once"),
    (".*", '"not"', "not is compared as if its schema were wanted"),
]


class Generator(Draws):
    def pair(self):
        """Reader and writer: a text, and the texts that it refers to."""
        self.definitions = {}
        old = self.object(3) if self.random.random() < 0.8 else self.schema(3)
        old = self.with_definitions(old)
        sides = [(json.dumps(root), {}) for root in (self.with_definitions(self.changed(old)), old)]
        if self.random.random() < 0.3:
            sides.reverse()
        return sides

    def with_definitions(self, root):
        if not self.definitions or not isinstance(root, dict):
            return root
        return dict(root, definitions={**copy.deepcopy(self.definitions), **root.get("definitions", {})})

    def schema(self, depth):
        r = self.random
        choice = r.random()
        if depth <= 0 or choice < 0.4:
            return self.leaf()
        if choice < 0.58:
            return self.object(depth)
        if choice < 0.7:
            return self.array(depth)
        if choice < 0.85:
            node = {r.choice(CHOICES): [self.schema(depth - 1) for _ in range(r.choice([1, 2, 2, 3]))]}
            return dict(node, type="object") if r.random() < 0.05 else node
        if choice < 0.9:
            node = {"type": r.sample(LEAVES, r.choice([1, 2, 3]))}
            return self.bounded(node, "string") if r.random() < 0.2 else node
        if choice < 0.94:
            name = self.name("d")
            self.definitions[name] = self.leaf()
            return {"$ref": f"#/definitions/{name}"}
        return {"not": self.leaf()} if choice < 0.97 else r.choice([True, {}, {}, False])

    def leaf(self):
        r = self.random
        choice = r.random()
        if choice < 0.12:
            return {"enum": r.sample(VALUES, r.randint(1, 4))}
        if choice < 0.18:
            return {"type": "string", "enum": r.sample(VALUES[:3], r.randint(1, 3))}
        if choice < 0.24:
            return {"const": r.choice(VALUES)}
        node = {"type": r.choice(LEAVES)}
        if node["type"] in ("integer", "number") and r.random() < 0.4:
            self.bounded(node, "number")
        if node["type"] == "string" and r.random() < 0.4:
            self.bounded(node, "string")
        return node

    def bounded(self, node, kind):
        r = self.random
        for word in r.sample(sorted(BOUNDS[kind]), 1):
            node[word] = r.randint(5, 8) if BOUNDS[kind][word] else r.randint(0, 3)
        if kind == "number" and r.random() < 0.3:
            node["multipleOf"] = r.choice([1, 2, 4, 3])
        if kind == "string" and r.random() < 0.2:
            node["pattern"] = r.choice(PATTERNS)
        return node

    def array(self, depth):
        r = self.random
        node = {"type": "array"}
        choice = r.random()
        if choice < 0.6:
            node["items"] = self.schema(depth - 1)
        elif choice < 0.9:
            node["items"] = [self.schema(depth - 2) for _ in range(r.randint(1, 3))]
            self.set_rest(node, "additionalItems")
        if r.random() < 0.3:
            self.bounded(node, "array")
        if r.random() < 0.1:
            node["uniqueItems"] = True
        return node

    def object(self, depth):
        r = self.random
        names = [self.name("p") for _ in range(r.randint(0, 4))]
        node = {"type": "object", "properties": {name: self.schema(depth - 1) for name in names}}
        self.set_rest(node, "additionalProperties")
        if r.random() < 0.08:
            node["patternProperties"] = {"^p": self.leaf()}
        for name in names:
            if r.random() < 0.3:
                self.require(node, name)
        if r.random() < 0.15:
            self.bounded(node, "object")
        if r.random() < 0.05:
            del node["type"]
        return node

    def require(self, node, name):
        node.setdefault("required", []).append(name)
        property = node["properties"].get(name)
        if isinstance(property, dict) and "$ref" not in property and self.random.random() < 0.4:
            property["default"] = None

    def set_rest(self, node, word):
        """Open, closed, or open for what a schema allows."""
        r = self.random
        node.pop(word, None)
        choice = r.random()
        if choice < 0.35:
            node[word] = False
        elif choice < 0.6:
            node[word] = r.choice([True, self.leaf(), self.leaf(), {"type": r.choice(LEAVES)}, {}])

    # Changes

    def places(self, node, put, found):
        """Each schema in a schema, with what puts another one there."""
        found.append((node, put))
        if not isinstance(node, dict):
            return found
        for word in ("additionalProperties", "additionalItems", "items", "not"):
            if isinstance(node.get(word), dict):
                self.places(node[word], lambda new, word=word: node.__setitem__(word, new), found)
        holders = [node.get(word, {}) for word in ("properties", "patternProperties", "definitions")]
        for holder in holders:
            for key in holder:
                self.places(holder[key], lambda new, holder=holder, key=key: holder.__setitem__(key, new), found)
        for parts in [node.get(word) for word in CHOICES + ["items"]]:
            for i in range(len(parts) if isinstance(parts, list) else 0):
                self.places(parts[i], lambda new, parts=parts, i=i: parts.__setitem__(i, new), found)
        return found

    def changed(self, schema):
        r = self.random
        holder = [copy.deepcopy(schema)]
        for _ in range(r.choice([0, 1, 1, 1, 1, 2, 2, 3])):
            node, put = r.choice(self.places(holder[0], lambda new: holder.__setitem__(0, new), []))
            choice = r.random()
            if not isinstance(node, dict) or choice < 0.08:
                put(self.schema(1))
            elif choice < 0.2 and holder[0] is not node:
                # More that is allowed, or less.
                others = [node, self.leaf()]
                r.shuffle(others)
                put({r.choice(CHOICES): r.choice([others, [node]])})
            elif "properties" in node:
                self.change_object(node)
            elif node.get("type") == "array":
                self.change_array(node, put)
            elif any(word in node for word in CHOICES):
                self.change_choice(node, put)
            else:
                self.change_leaf(node, put)
        return holder[0]

    def change_leaf(self, node, put):
        r = self.random
        choice = r.random()
        kind = node.get("type")
        if "enum" in node and choice < 0.7:
            node["enum"] = r.sample(VALUES[:3] if kind else VALUES, r.randint(1, 3))
        elif "const" in node and choice < 0.7:
            put(r.choice([{"const": r.choice(VALUES)}, {"enum": [node["const"]]}, {"enum": VALUES}]))
        elif isinstance(kind, list):
            node["type"] = r.choice([r.sample(LEAVES, r.randint(1, 3)), kind[0], kind + [
                name for name in LEAVES if name not in kind][:1]])
        elif kind in ("integer", "number") and choice < 0.3:
            node["type"] = r.choice(["integer", "number"])
        elif kind in ("integer", "number", "string") and choice < 0.7:
            self.change_bounds(node, "string" if kind == "string" else "number")
        elif choice < 0.8:
            node.update(r.choice([{"title": self.name("t")}, {"default": None}, {"description": "d"}]))
        elif choice < 0.85 and kind:
            node["enum"] = r.sample(VALUES[:3], 2)
        else:
            put(self.leaf())

    def change_bounds(self, node, kind):
        r = self.random
        present = [word for word in list(BOUNDS[kind]) + ["multipleOf", "pattern"] if word in node]
        choice = r.random()
        if not present or choice < 0.3:
            self.bounded(node, kind)
        elif choice < 0.5:
            del node[r.choice(present)]
        else:
            word = r.choice(present)
            node[word] = r.choice(PATTERNS) if word == "pattern" else max(1, node[word] + r.choice([-1, 1, node[word]]))

    def change_array(self, node, put):
        r = self.random
        choice = r.random()
        items = node.get("items")
        if isinstance(items, list) and choice < 0.5:
            if r.random() < 0.5 and len(items) > 1:
                items.pop()
            else:
                items.append(r.choice([self.leaf(), self.leaf(), {}]))
        elif choice < 0.6 and isinstance(items, list):
            self.set_rest(node, "additionalItems")
        elif choice < 0.7:
            node.pop("items", None)
            if r.random() < 0.5:
                node["items"] = self.schema(1)
        elif choice < 0.8:
            node["uniqueItems"] = not node.get("uniqueItems", False)
        else:
            self.change_bounds(node, "array")

    def change_choice(self, node, put):
        r = self.random
        word = next(word for word in CHOICES if word in node)
        parts, choice = node[word], r.random()
        if choice < 0.3:
            parts.insert(r.randint(0, len(parts)), self.leaf())
        elif choice < 0.5 and len(parts) > 1:
            parts.remove(r.choice(parts))
        elif choice < 0.6:
            r.shuffle(parts)
        elif choice < 0.75:
            del node[word]
            node[r.choice(CHOICES)] = parts
        else:
            put(r.choice(parts))

    def change_object(self, node):
        r = self.random
        properties, choice = node["properties"], r.random()
        if choice < 0.3 or not properties:
            name = self.name("p")
            properties[name] = r.choice([self.schema(1), self.schema(1), {"type": r.choice(LEAVES)}, {}])
            if r.random() < 0.25:
                self.require(node, name)
        elif choice < 0.5:
            name = r.choice(sorted(properties))
            del properties[name]
            if name in node.get("required", []):
                node["required"].remove(name)
        elif choice < 0.65:
            name = r.choice(sorted(properties))
            if name in node.get("required", []):
                node["required"].remove(name)
            else:
                self.require(node, name)
        elif choice < 0.9:
            self.set_rest(node, "additionalProperties")
        elif choice < 0.95:
            self.change_bounds(node, "object")
        else:
            node.pop("patternProperties", None)
            if r.random() < 0.5:
                node["patternProperties"] = {"^p": self.leaf()}
