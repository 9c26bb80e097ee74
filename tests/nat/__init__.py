"""Tests of address translation, held against packets that scapy makes afresh."""
