"""
Tap audits: which products `x[i] * w[k]` of a wrong call are lost, misplaced, added or weighted.

Probe calls find the wrong products, because the value of each input element of a probe identifies the element's
position. The reference evaluates the same probes, and its answers show the expected products. Tap audits share no code
with the search for causes.
"""
