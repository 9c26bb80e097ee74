"""The flow log for people and programs: who talks to whom, what was refused, and which rule said so."""
