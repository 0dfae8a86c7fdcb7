"""`python -m tests.simulator.renew_transcripts [NAME ...]`: write the golden transcripts anew, all or those named.

For a change that is meant to change what riders or gates do. It says which transcripts came out different, so that the
change can be held against them.
"""

import json
import sys

from tests.simulator import transcripts


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in transcripts.NAMES]
    if unknown:
        sys.exit(f"There is no transcript {unknown[0]}; there are {', '.join(transcripts.NAMES)}.")
    before = transcripts.golden() if transcripts.GOLDEN.exists() else {}
    after = {}
    for name in transcripts.NAMES:
        if names and name not in names and name in before:
            after[name] = before[name]
            continue
        after[name] = transcripts.transcript(transcripts.spec(name))
        print(f"{name}: {'the same' if after[name] == before.get(name) else 'different'}", flush=True)
    transcripts.GOLDEN.write_text(json.dumps(after, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
