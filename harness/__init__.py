"""ownbench: own a tuned model, rent a frontier model with good skills, or mix the two - and how sure are we?"""

__version__ = "0.1.0"
