"""Golden transcripts: short stretches of every scenario come to the very bytes that they came to before.

A change that is meant to change them renews them: `python -m tests.simulator.renew_transcripts` (docs/testing.md).
"""

import pytest

from tests.simulator import transcripts

RENEW = "if that is meant, run `python -m tests.simulator.renew_transcripts` and say why in the commit"


def test_there_is_a_transcript_of_every_shipped_scenario() -> None:
    assert list(transcripts.golden()) == list(transcripts.NAMES)
    assert len(transcripts.SHIPPED) >= 10


@pytest.mark.parametrize("name", transcripts.NAMES)
def test_a_stretch_comes_to_what_it_came_to_before(name: str) -> None:
    want, found = transcripts.golden()[name], transcripts.transcript(transcripts.spec(name))
    gates = {
        gate: f"{digest} instead of {want['gates'].get(gate)}"
        for gate, digest in found.pop("gates").items()
        if digest != want["gates"].get(gate)
    }
    others = {part: f"{text} instead of {want[part]}" for part, text in found.items() if text != want[part]}
    assert not others and not gates, f"{others or ''} {gates or ''}; {RENEW}"
