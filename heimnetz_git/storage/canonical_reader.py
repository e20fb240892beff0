"""Reading the canonical form without a YAML library: fast, exact, and never sure of itself.

A file in canonical form is a row of blocks, each a field's line with the lines indented below it.
A block is read by a few rules of thumb, made the field's type, held to the checks of its fields,
and written again in the canonical form: only if these are the bytes that were there, the value is
theirs (storage/canonical is what proves it, not the rules of thumb). Fields stand once each, in
the order of the type. So a value from here is the one that a YAML parser gives and has the bytes
that were read as its canonical form; anything else is None, and the parser's business.

Releases of one plugin repeat most blocks word for word: what was once proven of a text is kept, and
costs one look-up. The few blocks that are new in each release have shapes of their own, see SHAPES.
"""
