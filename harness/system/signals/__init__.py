"""Signals, by which a hybrid decides, and the controls that they have to beat. A file declares one or more."""
