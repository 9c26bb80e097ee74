"""Tests of the whole project; helpers shared by all of them live here, each area in a folder of its own."""
