"""Kernels that start warm: forked from one process that has imported the libraries already.

Only the stock kernel is needed; this room makes it faster where it can, and steps aside where it cannot.
"""
