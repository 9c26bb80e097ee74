"""Tests of connection tracking."""
