"""Frames in, frozen estimates out; no files, no printing, no plots."""
