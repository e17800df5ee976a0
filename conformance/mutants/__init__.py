"""
Wrong implementations on purpose: what the corpus would catch, measured.

`evaluator` computes any call in stages and shares no code with the reference; a `mutant` replaces one stage, everywhere
or under a condition; `score` runs every mutant as a target, through the same engine and judge as a framework.
"""
