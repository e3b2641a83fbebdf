"""Makes contenders better: training data out of suites and reports, adapters through TRL, and skills by rollouts.

Importing this room imports none of the packages that train.
"""
