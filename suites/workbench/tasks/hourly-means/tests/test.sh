#!/bin/bash
# Runs in the work folder; the reward goes to /logs/verifier.
exec python3 -I /tests/check.py
