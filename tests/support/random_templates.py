"""Random templates, for properties that must hold of every template (Hypothesis)."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = ("a", "b", "c")
LOCALS = ("g", "h")
CONSTANTS = ("'you'", "'x'")
OPERANDS = ("nil", "''", "blank", "empty", "'x'", "'A'", "b", "true", "false")
# shared texts that they may use
PARTIALS = {
    "shows": "{{ a | strip }} ",
    "given": "{{ label | default: 'you' }} ",
    "sets": "{% assign g = b %}",
    "steers": "{% if c == 'x' %}{{ b }}{% else %}text {% endif %}",
}
PRELUDE = "{% assign g = 'set' %}{% assign h = 'set' %}"


class Writer:
    """Writes random templates. No constant and no filter makes a filled value empty, so that every hole
    in what they render to comes from a blank field.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def pick(self, *choices: str) -> str:
        """One of them."""
        return self._draw(st.sampled_from(choices))

    def filters(self) -> str:
        """Up to two filters."""
        names, count = (*NAMES, *CONSTANTS), self._draw(st.integers(0, 2))
        plain = (" | upcase", " | strip", " | default: ''", " | slice: 0, 20", " | size", " | remove: 'zz'")
        kinds = (*plain, " | default: ", " | append: ")
        chosen = [self.pick(*kinds) for _ in range(count)]
        return "".join(f + self.pick(*names) if f.endswith(": ") else f for f in chosen)

    def condition(self) -> str:
        """One test, or two."""

        def simple() -> str:
            word = self.pick(*NAMES, *LOCALS)
            kind = self.pick("truth", "right", "left")
            if kind == "truth":
                return word
            operator, operand = self.pick("==", "!=", "contains"), self.pick(*OPERANDS)
            return f"{word} {operator} {operand}" if kind == "right" else f"{operand} {operator} {word}"

        return (
            " ".join([simple(), self.pick("and", "or"), simple()]) if self._draw(st.booleans()) else simple()
        )

    def block(self, depth: int) -> str:
        """One or two parts."""
        return "".join(self.part(depth) for _ in range(self._draw(st.integers(1, 2))))

    def part(self, depth: int) -> str:
        """Text, an output, an assignment, a partial or a block with more inside."""
        leaves = ("text", "print", "print", "assign", "shadow", "include", "abort")
        kind = self.pick(
            *leaves, *(("if", "elsif", "unless", "case", "for", "each", "capture") if depth else ())
        )
        if kind == "text":
            return "text "
        if kind == "print":
            return f"{{{{ {self.pick(*NAMES, *LOCALS)}{self.filters()} }}}}"
        if kind == "include":
            tag, partial = self.pick("include", "render"), self.pick(*PARTIALS)
            return f"{{% {tag} '{partial}', label: {self.pick(*NAMES, *LOCALS)} %}}"
        if kind == "abort":
            return f"{{% if {self.condition()} %}}{{% abort_message %}}{{% endif %}}"
        if kind in ("assign", "shadow"):
            name = "a" if kind == "shadow" else self.pick(*LOCALS)
            return f"{{% assign {name} = {self.pick(*NAMES, *LOCALS, *CONSTANTS)}{self.filters()} %}}"
        one, two, three = (self.block(depth - 1) if self._draw(st.booleans()) else "text " for _ in range(3))
        if kind == "if":
            return f"{{% if {self.condition()} %}}{one}{{% else %}}{two}{{% endif %}}"
        if kind == "elsif":
            ends = f"{{% elsif {self.condition()} %}}{two}{{% else %}}{three}{{% endif %}}"
            return f"{{% if {self.condition()} %}}{one}{ends}"
        if kind == "unless":
            return f"{{% unless {self.condition()} %}}{one}{{% else %}}{two}{{% endunless %}}"
        if kind == "case":
            first, second = (self.pick(*CONSTANTS, *NAMES, "nil", "blank", "'A'") for _ in range(2))
            whens = f"{{% when {first} %}}{one}{{% when {second} %}}{two}{{% else %}}{three}"
            return f"{{% case {self.pick(*NAMES)} %}}{whens}{{% endcase %}}"
        if kind == "for":
            stop = f"{{% if {self.condition()} %}}{{% {self.pick('break', 'continue')} %}}{{% endif %}}"
            return f"{{% for i in (1..2) %}}{one}{stop}{two}{{% endfor %}}"
        if kind == "each":
            return f"{{% for i in {self.pick(*NAMES)} %}}{{{{ i }}}}{one}{{% else %}}{two}{{% endfor %}}"
        # A captured text is only printed: a condition on it would see the marker.
        return f"{{% capture k %}}{one}x{{% endcapture %}}{{{{ k }}}}"


@st.composite
def templates(draw: st.DrawFn) -> str:
    """The body of a template."""
    return PRELUDE + Writer(draw).block(draw(st.integers(0, 2)))
