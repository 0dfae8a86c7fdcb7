"""Records about one irregular passage: for emulated boards only.

The bundle of a physical board leaves this file out, and nothing else in the firmware can write such a record; the
gateway refuses them from a physical site as well.
"""


def irregular(at, way, what, confidence, trace):
    """``trace``: at most 64 (ms, beam, blocked) edges, milliseconds since the first."""
    edges = ",".join("[%d,%d,%d]" % edge for edge in trace)
    return (
        '{"kind":"irregular","at":%d,"way":"%s","what":"%s","confidence":%d,"trace":[%s]}'
        % (at, way, what, confidence, edges)
    ).encode()
