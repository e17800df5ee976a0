"""
Tap audits: which products `x[i] * w[k]` of a wrong call are lost, misplaced, added or weighted.

Probe calls find them: each input element holds a number that identifies its position. The reference evaluates the same
probes, and its answers are the expected products. Tap audits share no code with the search for causes.
"""
