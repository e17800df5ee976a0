"""
Tap audits: which products of a wrong call are not as they should be, found by calls whose numbers say where they stand.

They share no code with diagnosis: what the reference makes of the same probes says how it should be.
"""
