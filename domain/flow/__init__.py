"""Call flows (spec 04): an interpreter without I/O, clock or memory, and a file per kind of node.

    session       what may a call be told now? (start, step, what was answered before)
    interpreter   from an outcome over the nodes to the next command
    nodes/        a file per kind: its data, its outcomes, and a function that returns what is next
    targets       where a route target leads
    transfer      a call is given to somebody else: begun, completed, called off
    transfers     the flow that such a call is in, and who is in it
    recipients    who may be given a call, and can he take it now?
    validation    what is wrong with a graph, everything at once

Rules that bind this package:

- A step is a pure function of graph, state, outcome and context: the same again is the same.
- A step ends: nodes per step, depth of subflows and steps per call are bounded, and a flow that
  reaches a bound ends in the error prompt, with a note in the path.
- What needs I/O (a `webhook` node) is a command like any other; a gateway carries it out and
  reports its outcome.
- A secret is known for the one step in which it was dialled. Facts hold asterisks in its place, and
  so does every later step.
"""
