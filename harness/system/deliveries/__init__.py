"""The ways that skills reach a model. One file each."""
