"""What people do by hand to an emulated site, from its pages: riders sent, beams broken, arms jammed, cables pulled.

Orders come from the gateway over the broker (docs/protocol.md, `world`). They reach the parts that really have what is
meddled with, never a flag; and what follows from them is told apart from what nobody did (simulator/reckoning.py).
"""
