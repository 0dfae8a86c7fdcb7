"""What an eye would see at an emulated lane, for pages to draw (docs/protocol.md, `layout` and `scene`).

Shown and never stored; sealed with the simulator's own credential. An eye sees bodies, beams and what riders do, and
never what they chose: nothing here knows consent, media or names.
"""
